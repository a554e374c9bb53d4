"""Compare this build with another one: python bench/side_by_side.py /path/to/other/python [--repeats N] [--only WORD].

Each build runs in a process of its own, one thread, and they take turns call by call, so that a busy moment of the
machine strikes both. Times are the least processor time over the repeats; the ratio is this build's to the other's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

import numpy as np

import linear_regions as lr
from cases import CASES, LP, REAL, Case, bias_free, demo_network
from linear_regions.data import load_demo

Call = Callable[[], object]


def novak() -> Call:
    curve = lr.Ellipse.random(784, np.random.default_rng(1))
    return lambda: lr.curve_regions(bias_free(784, *[200] * 20, 10), curve)  # without what a network keeps


def image_cells(n: int) -> Call:
    image = load_demo(20).images_012[0]
    return lambda: lr.explore(demo_network(20), image, max_cells=n)


def volumes(case: Case) -> Call:
    network, domain = case.build()
    return lambda: lr.enumerate_regions(network, domain).volumes


def calls() -> Iterator[tuple[str, Callable[[], Call]]]:
    """The name of each call, and what prepares it."""

    def of(verb: Callable[..., object], case: Case, **options: Any) -> Callable[[], Call]:
        def prepare() -> Call:
            network, domain = case.build()
            return lambda: verb(network, domain, **options)

        return prepare

    for case in CASES.values():
        if case.is_here and case.dimension < 6:
            yield f"enumerate {case}", of(lr.enumerate_regions, case)
            if case.dimension > 1:
                yield f"count {case}", of(lr.count_regions, case)
            if case.dimension > 2 and case not in REAL:
                yield f"volumes {case}", lambda case=case: volumes(case)
    for case in LP:
        if case.is_here:
            yield f"count by linear programs {case}", of(lr.count_regions, case, method="lp")
    yield "ellipse, 784-200x20-10 without biases", novak
    ellipse = lr.Ellipse.through(load_demo(20).images_012)
    yield "ellipse, 784-64-64-64-10", lambda: lambda: lr.curve_regions(demo_network(20), ellipse)
    yield "1 cell of an image", lambda: image_cells(1)
    yield "100 cells around an image", lambda: image_cells(100)


def work() -> None:
    """Read names, answer with seconds; a name once more runs its call once more."""
    known, prepared = dict(calls()), dict[str, Call]()
    for line in sys.stdin:
        name = line.strip()
        if name not in prepared:
            prepared.clear()
            prepared[name] = known[name]()
            prepared[name]()
        start = process_time()
        prepared[name]()
        print(process_time() - start, flush=True)


class Build:
    """A process that runs the calls with one build."""

    def __init__(self, python: str) -> None:
        command = [python, __file__, "--work"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, name: str) -> float:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", help="the Python in whose environment the other build is installed")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", default="", help="a word that names must hold")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        return work()
    builds = [Build(sys.executable), Build(arguments.other)]
    print("| | ms | other, ms | ratio |\n| --- | ---: | ---: | ---: |")
    for name, _ in calls():
        if arguments.only in name:
            rounds = [[build.seconds(name) for build in builds] for _ in range(arguments.repeats)]
            own, other = map(min, zip(*rounds, strict=True))
            print(f"| {name} | {1e3 * own:,.1f} | {1e3 * other:,.1f} | {own / other:.3f} |", flush=True)


if __name__ == "__main__":
    main()
