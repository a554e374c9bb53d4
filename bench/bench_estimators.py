"""Goal: transitions in 1.3 times the forward passes, distances to the boundary in 6 times, on 784-200x20-10."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from cases import bias_free
from measure import in_turn

torch = pytest.importorskip("torch")
POINTS = 4096


@pytest.fixture
def deep() -> Iterator[lr.Network]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield bias_free(784, *[200] * 20, 10)
    torch.set_num_threads(before)


def forward(network: lr.Network, points: np.ndarray, dtype: Any) -> Any:
    """The network as a module that knows nothing of what is sampled, on pieces of the points."""
    layers: list[Any] = []
    for layer in network.layers:
        weight = torch.as_tensor(np.array(layer.affine.weight), dtype=dtype)
        linear = torch.nn.utils.skip_init(torch.nn.Linear, *weight.shape[::-1], dtype=dtype)
        linear.weight.data, linear.bias.data = weight, torch.as_tensor(np.array(layer.affine.bias), dtype=dtype)
        layers += [linear] if layer.activation is None else [linear, torch.nn.ReLU()]
    module, x = torch.nn.Sequential(*layers), torch.as_tensor(points, dtype=dtype)

    def run() -> None:
        with torch.inference_mode():
            for part in x.split(2048):
                module(part)

    return run


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("what", ["transitions", "distances, 4 candidates"])
def test_over_forward_passes(benchmark: Any, deep: lr.Network, what: str, dtype: str) -> None:
    ellipse, kind = lr.Ellipse.random(784, np.random.default_rng(1)), getattr(torch, dtype)
    points = ellipse.embed(np.linspace(0, 2 * np.pi, POINTS)[:, None])
    benchmark.group = f"784-200x20-10, {POINTS} points, {dtype}"
    calls = {
        "transitions": lambda: lr.estimators.transitions(deep, ellipse, k=POINTS, dtype=kind),
        "distances, 4 candidates": lambda: lr.distance_to_boundary(deep, points, n_candidates=4, dtype=kind),
    }
    benchmark.pedantic(calls[what], rounds=3, warmup_rounds=1)
    if benchmark.enabled:
        ours, plain = in_turn(5, calls[what], forward(deep, points, kind))
        benchmark.extra_info["times_forward_passes"] = ours.least / plain.least
