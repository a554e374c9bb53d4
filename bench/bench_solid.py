"""Goal: polytopes are certified at hundreds of thousands a second, and their volumes take no longer than they do."""

from __future__ import annotations

from typing import Any

import pytest

import linear_regions as lr
from cases import SOLID, Case
from measure import peak_megabytes, products, sign_shares, timed


@pytest.mark.parametrize("verb", ["enumerate", "count"])
@pytest.mark.parametrize("case", SOLID, ids=str)
def test_solid(benchmark: Any, case: Case, verb: str) -> None:
    network, domain = case.build()
    benchmark.group = case.group

    def run() -> Any:
        if verb == "count":
            return lr.count_regions(network, domain, full_output=True)
        return lr.enumerate_regions(network, domain)

    result = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
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
