"""Goal: planes at a few times the matrix products that any method does, polytopes at hundreds of thousands a second."""

from __future__ import annotations

from typing import Any

import pytest

import linear_regions as lr
from cases import DEEP, PLANE, REAL, SIX_LAYERS, SOLID, Case
from measure import in_turn, peak_megabytes, products, sign_shares, timed

VERBS = {"enumerate": lr.enumerate_regions, "count": lr.count_regions, "sum": lr.sum_regions}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", [*PLANE, DEEP, *SOLID, *REAL], ids=str)
def test_regions(benchmark: Any, case: Case, verb: str) -> None:
    if not case.is_here:
        pytest.skip(f"needs {case.needs}")
    network, domain = case.build()
    benchmark.group = case.group
    options = {"full_output": True} if verb == "count" else {}
    result = benchmark.pedantic(VERBS[verb], (network, domain), options, rounds=3, warmup_rounds=1)
    cells = int(result.per_layer[-1])
    assert cells == case.cells
    yardstick = products(network, domain)
    least = min(timed(yardstick) for _ in range(3))
    benchmark.extra_info |= sign_shares(result.certificate)
    if benchmark.enabled:
        benchmark.extra_info |= {
            "regions": cells,
            "regions_per_second": cells / benchmark.stats["min"],
            "ratio_to_products": benchmark.stats["min"] / least,
            "peak_megabytes": peak_megabytes(case.name, verb),
        }


@pytest.mark.parametrize("case", SOLID, ids=str)
def test_volumes(benchmark: Any, case: Case) -> None:
    """Of all cells, as part of the time that the enumeration takes."""
    network, domain = case.build()
    benchmark.group = f"{case.group}, volumes"
    rounds = iter([lr.enumerate_regions(network, domain) for _ in range(3)])  # they are kept once computed
    volumes = benchmark.pedantic(lambda regions: regions.volumes, setup=lambda: ((next(rounds),), {}), rounds=3)
    assert volumes.sum() == pytest.approx(2.0**case.dimension, rel=1e-9)


def test_two_threads(benchmark: Any) -> None:
    network, domain = SIX_LAYERS.build()
    benchmark.group = f"{SIX_LAYERS.group}, two threads"
    benchmark.pedantic(lr.enumerate_regions, (network, domain), {"n_jobs": 2}, rounds=3, warmup_rounds=1)
    one, two = in_turn(
        3, lambda: lr.enumerate_regions(network, domain), lambda: lr.enumerate_regions(network, domain, n_jobs=2)
    )
    benchmark.extra_info["speed_up"] = one.least / two.least
