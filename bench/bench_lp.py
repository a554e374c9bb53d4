"""Goal: linear programs at 50 times the rate of HiGHS called from scipy, cells of ten dimensions at 50,000 a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

import linear_regions as lr
from cases import LP, Case
from linear_regions import lp
from linear_regions.data import load_demo
from measure import sign_shares, timed

PROBLEMS = 2000
CALLS = 50  # of HiGHS


def problems(kind: str, m: int = 64, d: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    A, x, c = (rng.normal(size=shape) for shape in ((PROBLEMS, m, d), (PROBLEMS, d), (PROBLEMS, d)))
    gap = rng.exponential(size=(PROBLEMS, m))
    return c, A, (A @ x[..., None])[..., 0] + (gap if kind == "feasible" else -0.3 * gap)


@pytest.mark.parametrize("kind", ["feasible", "infeasible"])
@pytest.mark.parametrize("verb", ["feasible", "minimize"])
def test_linear_programs(benchmark: Any, kind: str, verb: str) -> None:
    c, A, b = problems(kind)
    benchmark.group = "linear programs, 64 x 10"
    call = (lambda: lp.feasible(A, b)) if verb == "feasible" else (lambda: lp.minimize(c, A, b))
    found = benchmark.pedantic(call, rounds=5, warmup_rounds=1)
    assert not found.exact.any()
    highs = (
        timed(lambda: [linprog(c[i], A[i], b[i], bounds=(None, None), method="highs") for i in range(CALLS)]) / CALLS
    )
    if benchmark.enabled:
        each = benchmark.stats["min"] / PROBLEMS
        benchmark.extra_info |= {"microseconds_each": 1e6 * each, "times_highs": highs / each}


@pytest.mark.parametrize("case", LP, ids=str)
def test_cells(benchmark: Any, case: Case) -> None:
    if not case.is_here:
        pytest.skip(f"needs {case.needs}")
    network, domain = case.build()
    benchmark.group = case.group
    options = {"full_output": True, "method": "lp"}
    result = benchmark.pedantic(lr.count_regions, (network, domain), options, rounds=3, warmup_rounds=1)
    assert result.count == case.cells
    benchmark.extra_info |= sign_shares(result.certificate)
    if benchmark.enabled:
        benchmark.extra_info["regions_per_second"] = result.count / benchmark.stats["min"]


@pytest.mark.parametrize("max_cells", [1, 100])
def test_cells_around_an_image(benchmark: Any, max_cells: int) -> None:
    case = load_demo(epoch=20)
    network = lr.Network.from_arrays(case.weights, case.biases)
    benchmark.group = "784-64-64-64-10, cells around an image"
    options = {"max_cells": max_cells}
    near = benchmark.pedantic(lr.explore, (network, case.images_012[0]), options, rounds=3, warmup_rounds=1)
    assert len(near) == max_cells
