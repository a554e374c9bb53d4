"""Means of the Jacobian's norm: closed forms, and integrals of the same function in another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.errors import InvalidInput


@pytest.mark.parametrize(("d", "slope"), [(1, 0.5), (1, 3000.0), (2, 20.0), (2, 500.0), (3, 0.5), (3, 20.0)])
def test_a_logistic_function_however_steep(d: int, slope: float) -> None:
    """Of softmax(s x, 0) the norm is sqrt(2) s p (1 - p), the derivative of sqrt(2) p, but for its sign."""
    weight = np.zeros((2, d))
    weight[0, 0] = slope
    network = lr.Network.from_arrays([np.eye(d), weight], [np.full(d, 0.1), [-0.1 * slope, 0.0]])
    domain = lr.Segment([-1.0], [1.0]) if d == 1 else lr.Box([-1.0] * d, [1.0] * d)
    regions = lr.enumerate_regions(network, domain)
    on, zero = 1 / (1 + math.exp(-slope)), 1 / (1 + math.exp(0.1 * slope))
    truth = math.sqrt(2) * (on - zero) / 2  # the first neuron is off below -0.1
    assert regions.mean_jacobian_norm("softmax") == pytest.approx(truth, rel=1e-7)
    share = 1.1 / 2
    assert regions.mean_jacobian_norm("logits") == pytest.approx(slope * share, rel=1e-12)


@pytest.mark.parametrize("steep", [10.0, 40.0, 100.0, 1000.0])
def test_where_the_classes_are_all_but_certain(steep: float) -> None:
    """Of softmax(s z, 0), z = x + 0.3 y + 2 > 0: what rounding leaves of one is not taken for a probability."""
    network = lr.Network.from_arrays([[[1.0, 0.3]], [[steep], [0.0]]], [[2.0], [0.0, 0.0]])
    found = lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1])).mean_jacobian_norm("softmax")
    low = np.linspace(-1, 1, 200_001)
    z = 1.0 + 0.3 * (low[1:] + low[:-1]) / 2  # along y, at x = -1; the integral over x is that of a derivative
    p = 1 / (1 + np.exp(np.minimum(steep * z, 700))) - 1 / (1 + np.exp(np.minimum(steep * (z + 2), 700)))
    truth = math.sqrt(2) * math.hypot(1.0, 0.3) * float(p.mean()) / 2
    assert found == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("d", [2, 3])
def test_against_a_grid(d: int) -> None:
    rng = np.random.default_rng(d)
    network = lr.Network.from_arrays(
        [rng.normal(size=(7, d)), rng.normal(size=(6, 7)) / 2, rng.normal(size=(4, 6))],
        [rng.normal(size=7), np.zeros(6), np.zeros(4)],
    )
    regions = lr.enumerate_regions(network, lr.Box([-1.0] * d, [1.0] * d))
    k = {2: 700, 3: 80}[d]
    axis = (np.arange(k) + 0.5) / k * 2 - 1
    t = np.stack(np.meshgrid(*[axis] * d), axis=-1).reshape(-1, d)
    cell = regions.find(t)
    maps = regions.affine_maps
    logits = np.einsum("cij,cj->ci", maps.A[cell], t) + maps.b[cell]
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    jacobian = p[:, :, None] * (maps.A[cell] - np.einsum("ci,cij->cj", p, maps.A[cell])[:, None])
    mean = np.linalg.norm(jacobian, axis=(1, 2)).mean()
    assert regions.mean_jacobian_norm("softmax") == pytest.approx(mean, rel=2e-3)


def test_what_has_no_mean() -> None:
    network = lr.Network.from_arrays([[[1, 0], [0, 1]]], [[0, 0]])
    one = lr.Network.from_arrays([[[1, 0]]], [[0]])
    box = lr.Box([-1, -1], [1, 1])
    with pytest.raises(InvalidInput, match="domain must be bounded"):
        lr.enumerate_regions(network, lr.Space(2)).mean_jacobian_norm("logits")
    with pytest.raises(InvalidInput, match="two outputs or more"):
        lr.enumerate_regions(one, box).mean_jacobian_norm("softmax")
    with pytest.raises(InvalidInput, match="output must be"):
        lr.enumerate_regions(network, box).mean_jacobian_norm("classes")  # type: ignore[arg-type]
