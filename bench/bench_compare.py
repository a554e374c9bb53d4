"""Goal: faster than other enumerators on the same networks, and where counts differ, ours is the proven one."""

from __future__ import annotations

from typing import Any

import pytest

import linear_regions as lr
from cases import PLANE, SMALL, Case
from measure import in_turn
from others import MANY, OTHERS, load


@pytest.mark.parametrize(
    ("library", "case"),
    [*(("regioncam", case) for case in [SMALL, *PLANE]), ("affinitree", SMALL)],  # affinitree: minutes for the others
    ids=str,
)
def test_compare(benchmark: Any, comparison: list[str], library: str, case: Case) -> None:
    if not case.is_here:
        pytest.skip(f"needs {case.needs}")
    module = load(library)
    if module is None:
        pytest.skip(f"{library} is not installed: pip install '.[compare]'")
    network, domain = case.build()
    other = OTHERS[library](module, network, domain)
    benchmark.group = f"{case.group}, {library}"
    found = benchmark.pedantic(other, rounds=1 if case.cells > MANY else 3)
    cells = lr.count_regions(network, domain)
    assert cells == case.cells
    benchmark.extra_info |= {"regions": cells, "regions_found": found}
    if benchmark.enabled:
        (ours,) = in_turn(3, lambda: lr.enumerate_regions(network, domain))
        ratio = benchmark.stats["min"] / ours.least
        benchmark.extra_info["time_ratio"] = ratio
        verdict = "agree" if found == cells else f"differ: {found:,}"
        comparison.append(f"{library:<12}{case.name:<42}{ratio:>11,.1f}{cells:>9,}  {verdict}")
