"""A thousand random networks, ordinary and degenerate, against the slow twin: everything equal, exactly."""

from __future__ import annotations

import pytest

from convert import report, zero_bias_case
from families import random_case

CHUNK = 25


@pytest.mark.parametrize("first", range(0, 1000, CHUNK))
def test_random_cases(first: int) -> None:
    assert not report([random_case(seed) for seed in range(first, first + CHUNK)])


@pytest.mark.parametrize("first", range(0, 105, 35))
def test_nets_without_biases(first: int) -> None:
    assert not report([zero_bias_case(seed) for seed in range(first, first + 35)])
