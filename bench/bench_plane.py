"""Goal: enumerating the plane costs a few times the matrix products that any method does, at any size."""

from __future__ import annotations

from typing import Any

import pytest

import linear_regions as lr
from cases import DEEP, PLANE, SIX_LAYERS, Case
from measure import in_turn, peak_megabytes, products, sign_shares, timed


def built(case: Case) -> tuple[lr.Network, Any]:
    pytest.importorskip(case.needs)
    return case.build()


@pytest.mark.parametrize("verb", ["enumerate", "count"])
@pytest.mark.parametrize("case", [*PLANE, DEEP], ids=str)
def test_plane(benchmark: Any, case: Case, verb: str) -> None:
    network, domain = built(case)
    benchmark.group = case.group

    def run() -> Any:
        if verb == "count":
            return lr.count_regions(network, domain, full_output=True)
        return lr.enumerate_regions(network, domain)

    result = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    cells = int(result.per_layer[-1])
    assert cells == case.cells
    yardstick = products(network, domain)
    least = min(timed(yardstick) for _ in range(5))
    benchmark.extra_info |= sign_shares(result.certificate)
    if benchmark.enabled:
        benchmark.extra_info |= {
            "regions": cells,
            "regions_per_second": cells / benchmark.stats["min"],
            "ratio_to_products": benchmark.stats["min"] / least,
            "peak_megabytes": peak_megabytes(case.name, verb),
        }


def test_two_threads(benchmark: Any) -> None:
    network, domain = SIX_LAYERS.build()
    benchmark.group = f"{SIX_LAYERS.group}, two threads"
    benchmark.pedantic(lr.enumerate_regions, (network, domain), {"n_jobs": 2}, rounds=3, warmup_rounds=1)
    one, two = in_turn(
        3, lambda: lr.enumerate_regions(network, domain), lambda: lr.enumerate_regions(network, domain, n_jobs=2)
    )
    benchmark.extra_info["speed_up"] = one.least / two.least
