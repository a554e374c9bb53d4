"""Compare the engines with the slow twin on many random networks; needs a source tree, for the twin is a test helper.

    python scripts/sweep.py --cases 5000 --zero-bias 1000 --jobs 2

Case k is `families.random_case(k)`, ordinary or degenerate; the second kind are Gaussian networks without biases on
[-1, 1]^2, of widths 3-3-3, 6-6 and 8-8. Counts, counts per layer, patterns and exact volumes have to be equal, and
corners have to lie within their error bounds. Every difference is printed with its seed; the exit status is 1 if there
is any. The twin takes about a tenth of a second a case.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from convert import report, zero_bias_case
from families import random_case

CHUNK = 20
KINDS = {"random": random_case, "zero-bias": zero_bias_case}


def chunk_report(kind: str, seeds: range) -> str:
    return report(KINDS[kind](seed) for seed in seeds)


def sweep(pool: ProcessPoolExecutor, kind: str, seeds: range) -> int:
    """Print what differs and a line of totals; returns the number of cases that differ."""
    started = time.monotonic()
    parts = [seeds[k : k + CHUNK] for k in range(0, len(seeds), CHUNK)]
    bad = 0
    for found in pool.map(partial(chunk_report, kind), parts):
        if found:
            print(found, flush=True)
            bad += found.count("\n") + 1
    print(f"{kind}: {len(seeds)} cases, {bad} differ, {time.monotonic() - started:.0f} s", flush=True)
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000, help="number of random cases (default %(default)s)")
    parser.add_argument(
        "--zero-bias", type=int, default=1000, help="number of nets without biases (default %(default)s)"
    )
    parser.add_argument("--start", type=int, default=0, help="first seed (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default %(default)s)")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        bad = sweep(pool, "random", range(options.start, options.start + options.cases))
        bad += sweep(pool, "zero-bias", range(options.start, options.start + options.zero_bias))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
