"""Goal: an ellipse through twenty layers of 200 in a second, exact counts 100 times faster than 2^20 samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from cases import bias_free, demo_network
from linear_regions.data import load_demo
from measure import sign_shares, timed

SAMPLES = 2**14  # of the 2^20 that the ratio is for


@pytest.mark.parametrize("kind", ["ellipse", "segment"])
def test_curves_in_a_deep_network(benchmark: Any, kind: str) -> None:
    """Without what a network keeps of earlier calls."""
    random = np.random.default_rng(1)
    curve = lr.Ellipse.random(784, random) if kind == "ellipse" else lr.Segment(*random.normal(size=(2, 784)))
    benchmark.group = "784-200x20-10 without biases"
    found = benchmark.pedantic(
        lr.curve_regions, setup=lambda: ((bias_free(784, *[200] * 20, 10), curve), {}), rounds=3, warmup_rounds=1
    )
    assert len(found) == (6488 if kind == "ellipse" else len(found))
    benchmark.extra_info |= sign_shares(found.certificate)


def test_an_ellipse_through_images(benchmark: Any) -> None:
    torch = pytest.importorskip("torch")
    network, ellipse = demo_network(20), lr.Ellipse.through(load_demo(20).images_012)
    benchmark.group = "784-64-64-64-10, ellipse through three images"
    found = benchmark.pedantic(lr.curve_regions, (network, ellipse), rounds=5, warmup_rounds=1)
    assert found.transitions == 306
    if benchmark.enabled:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        sampled = timed(lambda: lr.estimators.transitions(network, ellipse, k=SAMPLES)) * 2**20 / SAMPLES
        torch.set_num_threads(before)
        benchmark.extra_info["times_2^20_samples"] = sampled / benchmark.stats["min"]
