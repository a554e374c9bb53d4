"""A thousand random networks, ordinary and degenerate, against the slow twin: everything equal, exactly.

`scripts/sweep.py` compares as many as one likes, large ones too.
"""

from __future__ import annotations

import pytest

from convert import report, zero_bias_case
from families import random_case
from known_nets import Case


def is_small(case: Case) -> bool:
    """Cheap for the twin: about half of the cases."""
    return case.domain.dimension == 1 or sum(len(bias) for _, bias, _ in case.layers[:-1]) < 30


@pytest.mark.parametrize("first", range(0, 300, 25))
def test_random_cases(first: int) -> None:
    assert not report(random_case(seed) for seed in range(first, first + 25))


@pytest.mark.parametrize("first", range(300, 1850, 50))
def test_small_random_cases(first: int) -> None:
    assert not report(case for case in map(random_case, range(first, first + 50)) if is_small(case))


@pytest.mark.parametrize("seed", [20578, 20602])
def test_cases_that_once_differed(seed: int) -> None:
    assert not report([random_case(seed)])


@pytest.mark.parametrize("first", range(0, 105, 35))
def test_nets_without_biases(first: int) -> None:
    assert not report(zero_bias_case(seed) for seed in range(first, first + 35))
