"""Floats that are called exact: only where nothing was rounded, whatever the breakpoints, scales and thresholds."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.kernels import unrounded
from linear_regions.network import Unit
from test_kernels import called

LEAST = 5e-324


def some_floats(count: int, seed: int) -> list[float]:
    """Floats of all sizes, many of them with few digits."""
    rng = np.random.default_rng(seed)
    digits = rng.integers(-(2 ** rng.integers(1, 54, count)), 2 ** rng.integers(1, 54, count) + 1)
    power = np.where(rng.random(count) < 0.5, rng.integers(-60, 60, count), rng.integers(-1074, 970, count))
    return [0.0, LEAST, -LEAST, *np.ldexp(digits.astype(np.float64), power).tolist()]


@pytest.mark.parametrize("seed", range(3))
def test_kernel_products_and_sums_are_called_exact_where_they_are(seed: int) -> None:
    is_product, is_sum = called(unrounded.is_product), called(unrounded.is_sum)
    exact = 0
    for a, b in zip(some_floats(500, seed), some_floats(500, seed + 50), strict=True):
        product, total = a * b, a + b
        if math.isfinite(product):
            right = Fraction(a) * Fraction(b) == Fraction(product)
            assert right or not is_product(a, b, product)
            if right and 2.0**-900 < abs(product) and max(abs(a), abs(b)) < 2.0**990:
                assert is_product(a, b, product)
                exact += 1
        if math.isfinite(total):
            assert is_sum(a, b, total) == (Fraction(a) + Fraction(b) == Fraction(total))
    assert exact > 20


def test_kernel_what_vanishes_is_no_exact_product() -> None:
    is_product = called(unrounded.is_product)
    assert not is_product(2.0**-600, 2.0**-600, 0.0)
    assert not is_product(LEAST, 0.5, 0.0)
    assert not is_product(3 * 2.0**-1074, 0.5, 2.0**-1073)
    assert is_product(0.0, 3.0, 0.0)


def test_kernel_the_grain_is_the_last_digit() -> None:
    grain = called(unrounded.grain)
    assert [grain(x) for x in (0.0, 4.0, 0.5, 0.75, 1 + 2.0**-52, LEAST)] == [0, 0, -1, -2, -52, -1074]


def one_unit(unit: Unit, center: float = 0.5) -> lr.Network:
    return lr.Network.from_arrays([[[1.0]], [[1.0]]], [[-center], [0.0]], [unit])


def shifted(threshold: float) -> Unit:
    """max(z - threshold, 0)."""
    return Unit((threshold,), (0, 1), (0, -Fraction(threshold)))


STEPS = [
    shifted(0.001),
    Unit.hardtanh(-0.1, 0.1),
    shifted(LEAST),
    Unit((0.0, LEAST), (0, 1, 0), (0, 0, LEAST)),
    Unit((-0.3, 0.25), (1, 0, 1), (Fraction(0.3), 0, -Fraction(1, 4))),
]


@pytest.mark.parametrize("unit", STEPS, ids=str)
@pytest.mark.parametrize("domain", [lr.Segment([0.0], [1.0]), lr.Box([0.0], [1.0]), lr.Line([0.0], [1.0])], ids=repr)
def test_breakpoints_that_are_no_floats(unit: Unit, domain: Any) -> None:
    """z = x - 1/2 is exact, the difference of z and a threshold is not."""
    places = [Fraction(1, 2) + Fraction(t) for t in unit.breakpoints]
    regions = lr.enumerate_regions(one_unit(unit), domain)
    inner = regions.vertex_coordinates[1:-1, 0].tolist()
    errors = regions.vertex_errors[1:-1].tolist()
    assert len(inner) == len(places)
    for place, x, error in zip(places, inner, errors, strict=True):
        assert abs(place - Fraction(x)) <= Fraction(error)
        assert (error == 0) <= (place == Fraction(x))
        for t in (x, math.nextafter(x, 0), math.nextafter(x, 1)):
            assert regions.find([[t]])[0] == sum(p < Fraction(t) for p in places)
    if not isinstance(domain, lr.Line):
        sizes = [b - a for a, b in pairwise([Fraction(0), *places, Fraction(1)])]
        assert list(regions.exact_volumes()) == sizes
        for size, volume, error in zip(sizes, regions.volumes, regions.volume_errors, strict=True):
            assert abs(size - Fraction(float(volume))) <= Fraction(float(error))
        regions.check(exact=True)


def test_random_breakpoints_on_a_segment() -> None:
    """Dyadic maps x - c and units with any thresholds: c + threshold is where they bend."""
    for seed in range(150):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 6))
        sign, center = rng.choice([-1.0, 1.0], n), rng.integers(1, 64, n) / 64
        scale = 2.0 ** rng.choice([0, 0, -40, 300, -300])
        thresholds = rng.choice([0.001, 0.1, -0.3, LEAST, 2.0**-60, 0.25, float(rng.normal()) * 0.1], n) * scale
        network = lr.Network.from_arrays(
            [sign[:, None] * scale, np.ones((1, n))], [-sign * center * scale, [0.0]],
            [[shifted(t) for t in thresholds.tolist()]],
        )  # fmt: skip
        places = [Fraction(c) + int(s) * Fraction(t) / Fraction(scale)
                  for s, c, t in zip(sign.tolist(), center.tolist(), thresholds.tolist(), strict=True)]  # fmt: skip
        places = sorted({p for p in places if 0 < p < 1})
        regions = lr.enumerate_regions(network, lr.Segment([0.0], [1.0]))
        assert len(regions) == len(places) + 1
        sizes = [b - a for a, b in pairwise([Fraction(0), *places, Fraction(1)])]
        assert list(regions.exact_volumes()) == sizes
        for place, x, error in zip(
            places, regions.vertex_coordinates[1:-1, 0].tolist(), regions.vertex_errors[1:-1].tolist(), strict=True
        ):
            assert abs(place - Fraction(x)) <= Fraction(error)
            assert regions.find([[x]])[0] == sum(p < Fraction(x) for p in places)
        for size, volume, error in zip(sizes, regions.volumes, regions.volume_errors, strict=True):
            assert abs(size - Fraction(float(volume))) <= Fraction(float(error))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_layers_that_overflow_before_a_threshold(d: int) -> None:
    """Values of 1e300 and 1e450 under units that bend at -1 and 1: counted as by linear programs, or one by one."""
    rng = np.random.default_rng(d)
    for _ in range(4):
        shapes = [(4, d), (4, 4), (4, 4), (1, 4)]
        weights = [rng.normal(size=shape) * 1e150 for shape in shapes]
        biases = [rng.normal(size=n) for n, _ in shapes]
        network = lr.Network.from_arrays(weights, biases, ["relu", "relu", "hardtanh"])
        domain = lr.Box([-1.0] * d, [1.0] * d)
        found = lr.count_regions(network, domain)
        assert found == len(lr.enumerate_regions(network, domain))
        if d > 1:
            assert found == lr.count_regions(network, domain, method="lp")
        else:
            assert found == len(lr.enumerate_regions(network, lr.Segment([-1.0], [1.0])))


@pytest.mark.parametrize("domain", [lr.Line([0.0], [1.0]), lr.Space(1)], ids=repr)
def test_breakpoints_beyond_the_range_of_floats(domain: Any) -> None:
    """At -1e320 and 1e310 neurons switch: the cells between are bounded, their ends and lengths are no floats."""
    weights = [[[1e-300], [1e-290], [1.0]], [[1.0, 1.0, 1.0]]]
    regions = lr.enumerate_regions(lr.Network.from_arrays(weights, [[1e20, -1e20, -0.5], [0.0]]), domain)
    low, high = (-Fraction(b) / Fraction(a) for a, b in ((1e-300, 1e20), (1e-290, -1e20)))
    assert regions.bounded.tolist() == [False, True, True, False]
    assert regions.exact_volumes([1, 2]) == [Fraction(1, 2) - low, high - Fraction(1, 2)]
    assert regions.volumes.tolist() == [math.inf] * 4
    assert regions.volume_errors.tolist() == [0.0, math.inf, math.inf, 0.0]
    assert regions.f_vector == (3, 4)
    assert regions.find([[-1e308], [0.5], [0.6], [1e308]]).tolist() == [1, 1, 2, 2]
    assert [len(regions.recession_cone(cell)) for cell in range(4)] == [1, 0, 0, 1]
    regions.check()
    with pytest.raises(lr.InvalidInput, match="bounded"):
        regions.exact_volumes()


@pytest.mark.parametrize("scale", [1e-310, 1e-300, 1e-160, 1.0, 1e155, 1e300, 1.7e308])
def test_centroids_of_polygons_at_any_scale(scale: float) -> None:
    network = lr.Network.from_arrays([np.eye(2), [[1.0, 1.0]]], [[0.0, 0.0], [0.0]])
    regions = lr.enumerate_regions(network, lr.Box([-scale] * 2, [scale] * 2))
    assert np.abs(regions.centroids) / scale == pytest.approx(np.full((4, 2), 0.5), rel=1e-9)
