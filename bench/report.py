"""Measure every case a few times and print the tables as Markdown: python bench/report.py [--repeats N] [--affinitree].

Runs take turns, so that a busy moment of the machine strikes everything that is compared. One thread but where said;
times are least (median) over the repeats, ratios are of the least times. Memory is what a call adds to its process.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

import linear_regions as lr
from bench_start import start
from cases import DEEP, LINES, PLANE, SIX_DIMENSIONS, SMALL, SOLID, ZIGZAGS, Case
from measure import Times, first_product, in_turn, peak_megabytes, products
from others import MANY, OTHERS, load


def print_row(cells: Iterable[object]) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def print_head(titles: Sequence[str]) -> None:
    print()
    print_row(titles)
    print_row(["---", *["---:"] * (len(titles) - 1)])


def milliseconds(times: Times) -> str:
    digits = 1 if times.least < 0.1 else 0
    return f"{1e3 * times.least:,.{digits}f} ({1e3 * times.median:,.{digits}f})"


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2g}" if part else "0"


def counted_cells(case: Case, found: int) -> str:
    return f"{found:,}" if found == case.cells else f"{found:,} (known: {case.cells:,})"


def other_call(name: str, network: lr.Network, domain: Any, wanted: bool) -> Callable[[], int] | None:
    module = load(name) if wanted else None
    return None if module is None else OTHERS[name](module, network, domain)


def compared(ours: Times, other: Callable[[], int] | None, repeats: int, cells: int) -> str:
    """How many times longer another library takes, and its count where it differs."""
    if other is None:
        return ""
    found: list[int] = []
    (times,) = in_turn(repeats, lambda: found.append(other()))
    ratio = times.least / ours.least
    return f"{ratio:,.1f}" if found[0] == cells else f"{ratio:,.1f}, finds {found[0]:,}"


def plane_row(case: Case, repeats: int, with_affinitree: bool) -> list[str]:
    network, domain = case.build()
    regions = lr.enumerate_regions(network, domain)
    found, certificate = len(regions), regions.certificate
    del regions
    enumerated, counted, multiplied, two = in_turn(
        repeats,
        lambda: lr.enumerate_regions(network, domain),
        lambda: lr.count_regions(network, domain),
        products(network, domain),
        lambda: lr.enumerate_regions(network, domain, n_jobs=2),
    )
    regioncam = other_call("regioncam", network, domain, case is not DEEP)
    affinitree = other_call("affinitree", network, domain, case is SMALL or (with_affinitree and case is PLANE[0]))
    return [
        case.name,
        counted_cells(case, found),
        milliseconds(enumerated),
        milliseconds(counted),
        f"{found / enumerated.least / 1e6:.2g}",
        f"{enumerated.least / multiplied.least:.1f}",
        f"{peak_megabytes(case.name, 'enumerate'):.0f}",
        f"{peak_megabytes(case.name, 'count'):.0f}",
        share(certificate.double_signs, certificate.signs),
        f"{certificate.exact_signs:,}",
        f"{enumerated.least / two.least:.2f}",
        compared(enumerated, regioncam, 1 if found > MANY else 3, found),
        compared(enumerated, affinitree, 1, found),
    ]


def print_plane(repeats: int, with_affinitree: bool) -> None:
    print_head([
        "plane", "cells", "ms", "ms, count only", "million cells/s", "time / products", "MB", "MB, count only",
        "signs beyond float64", "in rationals", "speed-up, 2 threads", "regioncam / ours", "affinitree / ours",
    ])  # fmt: skip
    for case in [SMALL, *PLANE, DEEP]:
        if case.is_here:
            print_row(plane_row(case, repeats, with_affinitree))


def solid_row(case: Case, repeats: int) -> list[str]:
    network, domain = case.build()
    regions = lr.enumerate_regions(network, domain)
    certificate = regions.certificate
    few = 300
    counted, enumerated, multiplied, two = in_turn(
        repeats,
        lambda: lr.count_regions(network, domain),
        lambda: lr.enumerate_regions(network, domain),
        products(network, domain),
        lambda: lr.count_regions(network, domain, n_jobs=2),
    )
    (measured,) = in_turn(1, lambda: regions.volumes)
    (hulls,) = in_turn(
        1, lambda: [ConvexHull(regions.vertices(cell), qhull_options="QJ").volume for cell in range(few)]
    )
    return [
        case.name,
        counted_cells(case, len(regions)),
        milliseconds(counted),
        milliseconds(enumerated),
        f"{len(regions) / counted.least / 1e6:.2g}",
        f"{counted.least / multiplied.least:.1f}",
        f"{1e3 * measured.least:,.0f}",
        f"{hulls.least / few / (measured.least / len(regions)):,.0f}",
        f"{peak_megabytes(case.name, 'count'):.0f}",
        f"{peak_megabytes(case.name, 'enumerate'):.0f}",
        share(certificate.double_signs, certificate.signs),
        f"{certificate.exact_signs:,}",
        f"{counted.least / two.least:.2f}",
    ]


def print_solid(repeats: int) -> None:
    print_head([
        "three dimensions and more", "cells", "ms, count only", "ms", "million cells/s", "count / products",
        "volumes, ms", "Qhull / ours", "MB, count only", "MB", "signs beyond float64", "in rationals",
        "speed-up, 2 threads",
    ])  # fmt: skip
    for case in SOLID:
        print_row(solid_row(case, repeats))
    print_row(solid_row(SIX_DIMENSIONS, 1))


def line_row(case: Case, repeats: int) -> list[str]:
    network, domain = case.build()
    lines = domain if isinstance(domain, list) else [domain]
    results = lr.enumerate_regions(network, lines)
    found, certificate = sum(map(len, results)), results[0].certificate
    del results
    enumerated, first = in_turn(repeats, lambda: lr.enumerate_regions(network, lines), first_product(network, lines))
    return [
        case.name,
        counted_cells(case, found),
        milliseconds(enumerated),
        f"{1e3 * first.least:.2f}",
        f"{found / (enumerated.least - first.least) / 1e6:.2g}",
        share(certificate.double_signs, certificate.signs),
        f"{certificate.exact_signs:,}",
        f"{peak_megabytes(case.name, 'enumerate'):.0f}",
    ]


def print_lines(repeats: int) -> None:
    print_head([
        "curves", "cells", "ms", "of it first product", "million cells/s without it", "signs beyond float64",
        "in rationals", "MB",
    ])  # fmt: skip
    for case in [ZIGZAGS, LINES]:
        print_row(line_row(case, repeats))


def print_start(repeats: int) -> None:
    print_head(["new process", "import, s", "first call, s", "second call, ms"])
    with tempfile.TemporaryDirectory() as folder:
        rows = {"empty cache": [start(Path(folder))]}
        rows["warm cache"] = [start(Path(folder)) for _ in range(repeats)]
    for name, runs in rows.items():
        columns = {key: [run[key] for run in runs] for key in runs[0]}
        print_row([
            name,
            f"{min(columns['import']) + min(columns['network']):.2f}",
            f"{min(columns['first_call']):.2f} ({np.median(columns['first_call']):.2f})",
            f"{1e3 * min(columns['second_call']):.2f}",
        ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--affinitree", action="store_true", help="also on 2-64-64-64-1, which takes it a minute")
    arguments = parser.parse_args()
    print_plane(arguments.repeats, arguments.affinitree)
    print_solid(arguments.repeats)
    print_lines(arguments.repeats)
    print_start(arguments.repeats)


if __name__ == "__main__":
    main()
