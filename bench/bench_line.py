"""Goal: a million pieces in well under a second; a hundred short lines in one call at the cost of their products."""

from __future__ import annotations

from typing import Any

import linear_regions as lr
from cases import LINES, ZIGZAGS
from measure import first_product, peak_megabytes, products, sign_shares, timed


def test_million_pieces(benchmark: Any) -> None:
    network, segment = ZIGZAGS.build()
    benchmark.group = ZIGZAGS.group
    regions = benchmark.pedantic(lr.enumerate_regions, (network, segment), rounds=5, warmup_rounds=1)
    assert len(regions) == ZIGZAGS.cells
    yardstick = products(network, segment)
    least = min(timed(yardstick) for _ in range(5))
    benchmark.extra_info |= sign_shares(regions.certificate)
    if benchmark.enabled:
        benchmark.extra_info |= {
            "regions": len(regions),
            "regions_per_second": len(regions) / benchmark.stats["min"],
            "ratio_to_products": benchmark.stats["min"] / least,
            "peak_megabytes": peak_megabytes(ZIGZAGS.name, "enumerate"),
        }


def test_hundred_lines(benchmark: Any) -> None:
    """The product of the inputs (both ends of each line, 784 numbers) with the first layer is timed and subtracted."""
    network, lines = LINES.build()
    benchmark.group = LINES.group
    regions = benchmark.pedantic(lr.enumerate_regions, (network, lines), rounds=5, warmup_rounds=1)
    cells = sum(map(len, regions))
    assert cells == LINES.cells
    product = first_product(network, lines)
    without = benchmark.stats["min"] - min(timed(product) for _ in range(5)) if benchmark.enabled else 1.0
    benchmark.extra_info |= sign_shares(regions[0].certificate)
    benchmark.extra_info |= {"regions": cells, "regions_per_second_without_first_product": cells / without}
