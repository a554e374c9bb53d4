"""Fine products: their bounds against rational arithmetic, and the engines with all products fine against the twins."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest

import linear_regions as lr
import linear_regions.program as programs
from convert import report, to_network, zero_bias_case
from families import random_case
from known_nets import he_net
from linear_regions.fine import FineProduct
from linear_regions.kernels import bounds
from linear_regions.program import compile_network
from solids import solid_report, space_report


def rational_product(h: list[float], matrix: list[list[float]]) -> list[Fraction]:
    columns = zip(*matrix, strict=True)
    return [sum(Fraction(a) * Fraction(b) for a, b in zip(h, column, strict=True)) for column in columns]


def norm(values: list[Fraction]) -> float:
    return sqrt(float(sum(v * v for v in values)))


@pytest.mark.parametrize(("n", "spread"), [(1, 0), (7, 0), (64, 3), (200, 0), (200, 30), (513, 8)])
def test_a_fine_product_errs_within_its_bounds_and_far_less_than_floats(n: int, spread: int) -> None:
    rng = np.random.default_rng(n + spread)
    layers = he_net(n, n, 2, seed=n)
    step = compile_network(to_network(layers)).steps[0]
    matrix = step.matrix * 2.0 ** rng.integers(-spread, spread + 1, (n + 1, 1))
    norms = programs._norms(np.ascontiguousarray(matrix[:-1].T), matrix[-1].copy())
    fine = FineProduct(matrix, norms)
    h = rng.normal(size=(4, n + 1)) * 2.0 ** rng.integers(-spread, spread + 1, (4, n + 1))
    h[:, -1] = 1.0
    h[0, : n // 2] = 0.0
    out = np.empty((4, n))
    fine(h, np.arange(n + 1), out)
    for row, got in zip(h.tolist(), out.tolist(), strict=True):
        length = sqrt(sum(v * v for v in row))
        gaps = [Fraction(z) - e for z, e in zip(got, rational_product(row, matrix.tolist()), strict=True)]
        assert norm(gaps) <= fine.norms[bounds.RBF] * fine.norms[bounds.GAMMA] * length
        assert max(map(abs, gaps)) <= fine.norms[bounds.RB] * fine.norms[bounds.GAMMA] * length
    ratio = [own[bounds.RBF] * own[bounds.GAMMA] for own in (norms, fine.norms)]
    assert ratio[1] < ratio[0] / (0.4 * n)


def test_a_fine_product_of_some_rows_is_theirs() -> None:
    step = compile_network(to_network(he_net(9, 5, 2))).steps[0]
    fine, h = FineProduct(step.matrix, step.norms), np.random.default_rng(0).normal(size=(3, 4))
    out = np.empty((3, 5))
    fine(h, np.array([1, 4, 8, 9]), out)
    assert out == pytest.approx(h @ step.matrix[[1, 4, 8, 9]], rel=1e-13)


@pytest.mark.parametrize("value", [1e-320, 1e-300, 1e300, np.inf, np.nan])
def test_a_fine_product_of_extreme_numbers_is_right_or_no_number(value: float) -> None:
    step = compile_network(to_network(he_net(3, 4, 2))).steps[0]
    fine, h, out = FineProduct(step.matrix, step.norms), np.full((1, 4), value), np.empty((1, 4))
    with np.errstate(all="ignore"):
        fine(h, np.arange(4), out)
        expected = h @ step.matrix
    for got, wanted in zip(out[0].tolist(), expected[0].tolist(), strict=True):
        assert not np.isfinite(got) or got == pytest.approx(wanted, rel=1e-13, abs=bounds.TINY)


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_engines_with_fine_products_agree_with_the_twins(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_OPEN_SHARE", 0.0)
    seeds = range(first, first + 25)
    assert not report(map(random_case, seeds))
    assert not report(map(zero_bias_case, seeds[:3]))
    assert not solid_report(seeds[:2])
    assert not space_report(seeds[:2])


def test_only_deep_networks_have_fine_products_in_their_first_layers() -> None:
    def n_fine(*widths: int) -> int:
        fine = compile_network(to_network(he_net(*widths))).fine
        assert sorted(p is None for p in fine) == [p is None for p in fine]  # the first ones
        return sum(p is not None for p in fine)

    assert n_fine(2, 128, 128, 128) == 0
    assert 0 < n_fine(2, *[64] * 20) < 15


def test_floats_prove_the_signs_along_an_ellipse_in_a_deep_network() -> None:
    """Without fine products one sign in seventy was left open."""
    rng = np.random.default_rng(0)
    widths = [50, *[100] * 20]
    weights = [rng.normal(size=(b, a)) * np.sqrt(2 / a) for a, b in zip(widths, widths[1:], strict=False)]
    network = lr.Network.from_arrays([*weights, np.ones((1, 100))], [*[np.zeros(100)] * 20, np.zeros(1)])
    certificate = lr.curve_regions(network, lr.Ellipse.random(50, rng)).certificate
    assert certificate.double_signs < 1e-4 * certificate.signs
