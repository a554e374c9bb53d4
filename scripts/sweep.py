"""Compare the engines with the slow twins on many random networks; needs a source tree, for twins are test helpers.

    python scripts/sweep.py --cases 5000 --zero-bias 1000 --solid 1000 --space 1000 --jobs 2
    python scripts/sweep.py --cases 200 --solid 200 --space 100 --lp --jobs 2

Case k is `families.random_case(k)`, ordinary or degenerate; the second kind are Gaussian networks without biases on
[-1, 1]^2, of widths 3-3-3, 6-6 and 8-8. Counts, counts per layer, patterns and exact volumes have to be equal, and
corners have to lie within their error bounds. The third kind are `solids.random_solid(k)` on boxes of three to five
dimensions, where numbers of faces of every dimension have to be equal too; the fourth is `solids.random_space(k)`, on
all of R^2 to R^4, and `--mixed` gives `families.mixed_scales(k)`. Every difference is printed with its seed; the exit
status is 1 if there is any. The twins take about a tenth of a second a case, and half a second a solid. With `--lp` the
same networks are enumerated by linear programs and compared with the other engines: counts, patterns, neighbours, which
cells are bounded.

    python scripts/sweep.py --bounds 20000 --jobs 2

With `--bounds` instead: `bound_cases.bound_case(k)` on every kind of domain, where every number that is given with a
bound of its error is compared with its exact value; the violations are printed, and how many there are of each kind.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bounds import bound_report, totals
from convert import report
from halfspaces import PLANE
from halfspaces import report as lp_report
from solids import solid_report, space_report

CHUNK = 20


def chunk_report(kind: str, lp: bool, seeds: range) -> str:
    if lp:
        return lp_report(kind, seeds)
    if kind == "bounds":
        return bound_report(seeds)
    if kind == "solid":
        return solid_report(seeds)
    if kind == "space":
        return space_report(seeds)
    return report(map(PLANE[kind], seeds))


def sweep(pool: ProcessPoolExecutor, kind: str, lp: bool, seeds: range) -> int:
    """Print what differs and a line of totals; returns the number of cases that differ."""
    started = time.monotonic()
    parts = [seeds[k : k + CHUNK] for k in range(0, len(seeds), CHUNK)]
    bad = []
    for found in pool.map(partial(chunk_report, kind, lp), parts):
        if found:
            print(found, flush=True)
            bad += found.split("\n")
    if kind == "bounds" and bad:
        print(totals(bad))
    print(f"{kind}: {len(seeds)} cases, {len(bad)} differ, {time.monotonic() - started:.0f} s", flush=True)
    return len(bad)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000, help="number of random cases (default %(default)s)")
    parser.add_argument(
        "--zero-bias", type=int, default=1000, help="number of nets without biases (default %(default)s)"
    )
    parser.add_argument("--mixed", type=int, default=0, help="number of nets of mixed scales (default %(default)s)")
    parser.add_argument("--solid", type=int, default=0, help="number of solid cases (default %(default)s)")
    parser.add_argument("--space", type=int, default=0, help="number of cases on all of R^d (default %(default)s)")
    parser.add_argument("--bounds", type=int, default=0, help="number of cases for bounds of errors, and no others")
    parser.add_argument("--start", type=int, default=0, help="first seed (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default %(default)s)")
    parser.add_argument("--lp", action="store_true", help="compare the engine of linear programs with the others")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        kinds = {
            "random": options.cases,
            "zero-bias": options.zero_bias,
            "mixed": options.mixed,
            "solid": options.solid,
            "space": options.space,
        }
        if options.bounds:
            kinds = {"bounds": options.bounds}
        bad = sum(
            sweep(pool, kind, options.lp, range(options.start, options.start + n)) for kind, n in kinds.items() if n
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
