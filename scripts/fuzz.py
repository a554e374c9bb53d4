"""Put hostile arguments into every public call, for a while; needs a source tree, for the calls are a test helper.

    python scripts/fuzz.py --seconds 600 --seed 1

Every call has to do its work, raise an error of the library, or end in MemoryError, within a cap on its time. What ends
otherwise is printed with the numbers that repeat it (`--seed 1 --only 1234`); the exit status is 1 if there is any.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import matplotlib as mpl

mpl.use("Agg")

from fuzz_arguments import fuzz

MEMORY = 12 * 2**30


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long to go on (60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cap", type=float, default=20, help="seconds that one call may take (20)")
    parser.add_argument("--only", type=int, help="this call alone")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    end, bad, made = time.monotonic() + options.seconds, 0, 0
    current = Path(tempfile.gettempdir()) / f"fuzz-{options.seed}.txt"

    def start(text: str) -> None:
        current.write_text(text)  # for a call that kills the process
        faulthandler.dump_traceback_later(4 * options.cap, exit=True)

    def numbers() -> Iterator[int]:
        nonlocal made
        for number in count() if options.only is None else [options.only]:
            if time.monotonic() > end:
                return
            made += 1
            yield number

    for text in fuzz(options.seed, numbers(), options.cap, start):
        bad += 1
        print(text, flush=True)
    print(f"{made} calls, {bad} that end as they must not")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
