"""Goal: importing is cheap until a name is used, and a warm cache spares the compilation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import json
from time import perf_counter
start = perf_counter()
import linear_regions as lr
imported = perf_counter()
network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, -2]]], [[0, 0, -1], [0.5]])
box = lr.Box([-1, -1], [1, 1])
calls = [perf_counter()]
for _ in range(2):
    assert len(lr.enumerate_regions(network, box)) == 5
    calls.append(perf_counter())
print(json.dumps({
    "import": imported - start, "network": calls[0] - imported,
    "first_call": calls[1] - calls[0], "second_call": calls[2] - calls[1],
}))
"""


def start(cache: Path) -> dict[str, float]:
    """Seconds of the import, of making the network and domain, and of two calls, in a new process."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


@pytest.mark.parametrize("name", ["numpy", "linear_regions", "linear_regions.enumerate"])
def test_import(benchmark: Any, name: str) -> None:
    benchmark.group = "import, whole process"
    benchmark.pedantic(subprocess.run, ([sys.executable, "-c", f"import {name}"],), {"check": True}, rounds=5)


def test_compilation(benchmark: Any, tmp_path: Path) -> None:
    benchmark.group = "first call, whole process"
    benchmark.extra_info |= benchmark.pedantic(start, (tmp_path,), rounds=1)


def test_warm_cache(benchmark: Any, tmp_path: Path) -> None:
    start(tmp_path)
    benchmark.group = "first call, whole process"
    benchmark.extra_info |= benchmark.pedantic(start, (tmp_path,), rounds=5)
