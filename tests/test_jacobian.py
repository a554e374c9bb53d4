"""Means of the Jacobian's norm: closed forms, and integrals of the same function in another way."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.errors import BudgetExceeded, InvalidInput
from linear_regions.kernels import softmax
from linear_regions.measures import jacobian


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


def _logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


@pytest.mark.parametrize("d", [1, 2, 3])
def test_of_two_classes_at_any_slope_the_error_is_within_its_bound(d: int) -> None:
    """Of softmax(s (x1 - c), 0): sqrt(2) / 2 (p(1) - p(-1)), and where the classes meet is found however steep."""
    rng = np.random.default_rng(d)
    for slope in [1e-3, 1e4, 1e8, *10 ** rng.uniform(-3, 8, 12)]:
        c = rng.uniform(-1, 1)
        weight = np.zeros((2, d))
        weight[0, 0] = slope
        domain = lr.Slice(np.zeros(1), np.eye(1), lr.Box([-1], [1])) if d == 1 else lr.Box([-1] * d, [1] * d)
        regions = lr.enumerate_regions(lr.Network.from_arrays([weight], [[-slope * c, 0.0]]), domain)
        truth = math.sqrt(2) / 2 * (_logistic(slope * (1 - c)) - _logistic(slope * (-1 - c)))
        found, error = regions.mean_jacobian_norm("softmax"), regions.mean_jacobian_norm_error("softmax")
        assert abs(found - truth) <= error + 1e-12 * truth  # of the truth itself
        assert abs(found - truth) <= 1e-8 * truth
        assert error <= (1e-7 + 2e-14 * slope) * truth


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_the_mean_on_a_simplex_is_within_its_bound(n: int) -> None:
    """Against rules of many points on many parts, for classes and rows of very different sizes."""
    rng = np.random.default_rng(n)
    for d, spread in ((1, 0.5), (1, 10.0), (2, 0.3), (2, 3.0), (2, 10.0)):
        logits = rng.normal(size=(d + 1, n)) * spread
        rows = rng.normal(size=(n, 2)) * 10 ** rng.uniform(-2, 0, (n, 1))
        found = []
        for goal in (1e-3, 1e-9):
            result = np.empty((1, 3))
            jacobian.on_simplices(
                logits[None], np.zeros(1), rows[None], np.zeros(1, np.int64), np.array([6.0]), np.array([goal]), 0.0,
                result,
            )  # fmt: skip
            found.append(result[0])
            assert result[0, softmax.ERROR] <= 2 * goal
        axis = (np.arange(1500) + 0.5) / 1500
        s = axis[:, None] if d == 1 else np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        if d == 2:  # the square folded on the triangle
            s = np.where(s.sum(axis=1, keepdims=True) > 1, 1 - s, s)
        z = np.column_stack([1 - s.sum(axis=1), s]) @ logits
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        norms = np.linalg.norm(p[:, :, None] * (rows - (p @ rows)[:, None]), axis=(1, 2))
        assert found[1][softmax.VALUE] == pytest.approx(norms.mean(), rel=2e-3)
        assert abs(found[0] - found[1])[softmax.VALUE] <= found[0][softmax.ERROR] + found[1][softmax.ERROR]
        mixed = np.sqrt(2) * (1 - np.sum(p * p, axis=1)).mean() / 2
        assert found[1][softmax.MIXED] >= mixed * (1 - 1e-3)


@pytest.mark.parametrize(("d", "scale"), [(2, 1.0), (2, 10.0), (3, 1.0), (3, 3.0)])
def test_tolerances_agree_within_their_bounds(d: int, scale: float) -> None:
    rng = np.random.default_rng(int(scale))
    weights = [rng.normal(size=(5, d)) * scale, rng.normal(size=(3, 5)) * scale]
    network = lr.Network.from_arrays(weights, [rng.normal(size=5) * scale, rng.normal(size=3)])
    regions = lr.enumerate_regions(network, lr.Box([-1] * d, [1] * d))
    fine, error = regions.mean_jacobian_norm(), regions.mean_jacobian_norm_error()
    assert error <= 1e-7 * fine
    for tolerance in (1e-1, 1e-3, 1e-5):
        rough, bound = (f(tolerance=tolerance) for f in (regions.mean_jacobian_norm, regions.mean_jacobian_norm_error))
        assert abs(rough - fine) <= bound + error
        assert bound <= tolerance * rough


def test_rules_are_exact_for_polynomials() -> None:
    """Chebyshev polynomials of degree < 2 m, with the weights of three dimensions; weights are positive."""
    nodes, weights = jacobian.rules(3)
    for k in range(3):
        fine, w = np.polynomial.legendre.leggauss(40)
        density = (k + 1) * ((1 - fine) / 2) ** k * w / 2
        for m in range(1, softmax.MOST_POINTS + 1):
            assert (weights[k, m, :m] > 0).all()
            for degree in range(2 * m):
                t = np.polynomial.Chebyshev.basis(degree)
                moment = weights[k, m, :m] @ t(2 * nodes[k, m, :m] - 1)
                assert moment == pytest.approx(density @ t(fine), abs=3e-14)


def test_no_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jacobian, "_MOST_PARTS", 100)
    network = lr.Network.from_arrays([[[30.0, 1.0], [-5.0, 20.0], [0.0, 0.0]]], [[1.0, 2.0, 0.0]])
    regions = lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1]))
    with pytest.raises(BudgetExceeded, match="tolerance must be so large that 100 parts"):
        regions.mean_jacobian_norm()


def test_sizes_of_logits_and_matrices_do_not_matter() -> None:
    """Tiny and huge weights, and logits far beyond the range of exp."""
    box = lr.Box([-1, -1], [1, 1])
    for size in (1e-200, 1e200):
        network = lr.Network.from_arrays([[[3 * size, 0], [0, 4 * size]]], [[0, 0]])
        regions = lr.enumerate_regions(network, box)
        assert regions.mean_jacobian_norm("logits") == pytest.approx(5 * size)
        assert regions.mean_jacobian_norm_error("logits") <= 1e-14 * 5 * size
    flat = lr.enumerate_regions(lr.Network.from_arrays([[[1e-200, 0], [0, 0]]], [[0, 0]]), box)
    assert flat.mean_jacobian_norm() == pytest.approx(math.sqrt(2) / 4 * 1e-200)
    sure = lr.enumerate_regions(lr.Network.from_arrays([[[1.0, 0], [0, 0]]], [[1e5, 0]]), box)
    assert sure.mean_jacobian_norm() == 0.0
    assert sure.mean_jacobian_norm_error() <= 1e-290


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
    with pytest.raises(InvalidInput, match="tolerance must be"):
        lr.enumerate_regions(network, box).mean_jacobian_norm(tolerance=0.0)


@pytest.mark.parametrize("half", [1e-170, 1e308])
@pytest.mark.parametrize("output", ["logits", "softmax"])
def test_a_volume_that_is_no_float_has_no_mean_over_it(half: float, output: Literal["logits", "softmax"]) -> None:
    network = lr.Network.from_arrays([[[1, 0], [0, 1]]], [None])
    regions = lr.enumerate_regions(network, lr.Box([-half] * 2, [half] * 2))
    with pytest.raises(lr.InvalidInput, match="domain must be bounded, with a volume in the range of float64"):
        regions.mean_jacobian_norm(output)
