"""Numbers near the ends of the range of floats: proofs by linear programs, distances and balls hold at any scale."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest

import linear_regions as lr
from linear_regions import lp
from linear_regions.errors import InvariantViolated
from linear_regions.network import Activation, Affine, Unit
from linear_regions.norms import norms, total

TINY = [1e-100, 1e-160, 1e-162, 1e-170, 1e-300]


def arrays(weights: list[object], biases: list[object]) -> lr.Network:
    return lr.Network.from_arrays(weights, biases)


def chain(*ops: object) -> lr.Network:
    return lr.Network.chain(
        [op if isinstance(op, Activation) else Affine.from_arrays(*map(np.array, op)) for op in ops]  # type: ignore[misc]
    )


@pytest.mark.parametrize("scale", [1.0, 1e-165, 1e-200, 1e-300])
def test_dependent_first_layers(scale: float) -> None:
    rng = np.random.default_rng(0)
    rows, power = rng.integers(-1000, 1000, (2, 4)).astype(float), 2.0 ** round(math.log2(scale))
    weights = [np.vstack([rows, rows[0] + rows[1]]) * power, rng.normal(size=(3, 3)), np.ones((1, 3))]
    network = arrays(weights, [np.array([1, 1, 5.0]) * scale, rng.normal(size=3) * scale, [0]])
    near, whole = lr.explore(network, [0.0] * 4), lr.enumerate_regions(network, lr.Space(4))
    assert near.complete
    assert sorted(map(tuple, near.patterns.tolist())) == sorted(map(tuple, whole.patterns.tolist()))


def test_copies_far_away() -> None:
    network = arrays([[[1, 0], [1, 0], [0, 1]], [[1, 1, 1]]], [[1e160, 1e160, 0], [0]])
    near = lr.explore(network, [0.0, 1.0])
    assert (len(near), near.complete) == (4, True)
    copies = arrays([[[1, 0], [1, 0]], [[1, 1]]], [[1e160, 1e160], [0]])
    found = lr.nearest_boundary(copies, [0.0, 0.0])
    assert found.lower <= 1e160
    assert found.distance == pytest.approx(1e160)


@pytest.mark.parametrize(
    ("slope", "weight", "bias"),
    [(Fraction(1, 10**400), [[1.0, -1.0]], 0.0), (5e-324, [[2.0**1000, 0.0]], 2.0**-74 * 1.001)],
)
def test_slopes_that_floats_hardly_hold(slope: object, weight: object, bias: float) -> None:
    leaky = Activation.uniform(Unit.leaky_relu(slope), 2)
    network = chain(
        ([[0.01, 0], [0, 0.01]], [-1.0, -1.0]),
        leaky,
        (weight, [bias]),
        Activation.uniform(Unit.relu(), 1),
        ([[1.0]], [0.0]),
    )
    box = lr.Box([-1, -1], [1, 1])
    found, right = (lr.enumerate_regions(network, box, method=m) for m in ("lp", "vertices"))
    assert found.per_layer.tolist() == right.per_layer.tolist() == [1, 2]
    assert len(lr.explore(network, [0.0, 0.0], domain=box)) == 2
    both = [lr.enumerate_regions(network, lr.Space(2), method=m) for m in ("lp", "vertices")]
    assert len(both[0]) == len(both[1])


def test_intercepts_that_vanish() -> None:
    slope = Fraction(1e-130)
    units = [Unit((t,), (0, slope), (0, -slope * Fraction(t))) for t in (1e-200, 2e-200)]
    network = chain(
        (np.eye(2) * 1e-200, [0.0, 0.0]), Activation.from_units(units), ([[1e200, -1e200]], [0.0]),
        Activation.uniform(Unit.relu(), 1), ([[1.0]], [0.0]),
    )  # fmt: skip
    box = lr.Box([3, 3], [5, 3.9])
    for method in ("lp", "vertices"):
        assert lr.enumerate_regions(network, box, method=method).per_layer.tolist() == [1, 1]
    assert len(lr.explore(network, [4, 3.2], domain=box)) == 1


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e7, 1e8])
def test_first_layers_of_mixed_scales(scale: float) -> None:
    weight, x = [[1 / scale, 0, 0], [0, scale, 0]], cp.Variable(3)
    halved = arrays([weight, [[1, 1]]], [[5 / scale, scale / 2], [0]])
    found = lr.count_regions(halved, lr.ConvexSet(x, [cp.norm(x) <= 1]), full_output=True)
    assert (found.count, found.certificate.undecided) == (2, 0)
    nearest = lr.nearest_boundary(arrays([weight, [[1, 1]]], [[5 / scale, scale], [0]]), [0.0] * 3, to="activation")
    assert nearest.neuron == 1
    assert nearest.lower <= 1
    assert nearest.distance == pytest.approx(1)
    assert nearest.lower == pytest.approx(1)


@pytest.mark.parametrize("scale", [1.0, *TINY, 1e100, 1e300])
def test_distances_and_radii(scale: float) -> None:
    weight, bias = np.array([[3.0, 4, 0], [0, 1, 1]]) * scale, np.array([5.0, 9]) * scale
    found = lr.nearest_boundary(arrays([weight, [[1, 1]]], [bias, [0]]), [0.0] * 3, to="activation")
    assert found.lower <= 1
    assert [found.lower, found.distance] == pytest.approx([1, 1])
    decided = lr.nearest_boundary(arrays([weight], [bias]), [0.0] * 3, to="decision")
    assert decided.lower <= 4 / np.sqrt(19) * (1 + 1e-15)
    assert decided.distance == pytest.approx(4 / np.sqrt(19))
    assert decided.lower == pytest.approx(4 / np.sqrt(19)) or scale == 1e-300  # where products vanish
    tanh = Activation.uniform(Unit.hardtanh(0, scale), 2)
    for d in (2, 3):
        square = chain((np.eye(d)[:2] * scale, [0.0, 0.0]), tanh, ([[1.0, 1.0]], [0.0]))
        lower = lr.explore(square, [0.5] * d, max_cells=1).inradii[0, 0]
        assert lower <= 0.5
        assert lower == pytest.approx(0.5)


@pytest.mark.parametrize("scale", [1e-158, 1e-200, 1e-300, 1e200, 1e300])
def test_projections_and_balls(scale: float) -> None:
    found = lp.project([[3 * scale, 4 * scale]], [5 * scale], [3.0, 4.0])
    assert found.lower <= 4 * (1 + 1e-15)
    assert [found.lower, found.distance] == pytest.approx([4, 4])
    ball = lp.largest_ball(scale * np.array([[-1, 0], [0, -1], [1, 0], [0, 1.0]]), scale * np.array([0, 0, 2, 4.0]))
    assert ball.radius <= 1 <= ball.upper
    assert [ball.radius, ball.upper] == pytest.approx([1, 1])
    small = min(scale, 1 / scale)
    rows, ends = np.array([[1, 1], [-1, 0.0]]) * small, np.array([1, 0.0]) * small
    assert lp.project(rows, ends, [2, 1]).distance == pytest.approx(2**0.5)


def test_inequalities_far_beyond_the_range_of_floats() -> None:
    """They are kept, though their constants overflow where their coefficients are about one."""
    box, ends = [[-1, 0], [0, -1], [1, 0], [0, 1]], [0.0, 0, 2, 4]
    ball = lp.largest_ball([*box, [1e-300, 1e-300]], [*ends, 1e300])
    assert ball.radius <= 1 <= ball.upper
    assert [ball.radius, ball.upper] == pytest.approx([1, 1])
    assert lp.project([*box, [1e-300, 1e-300]], [*ends, 1e300], [3.0, 1.0]).distance == pytest.approx(1)


def test_projections_of_mixed_scales() -> None:
    rows = [[-1.1481204604559378e-193, 1.4604404312889852e45], [-3.698449010510641e-80, 1.1893717666680363e-172]]
    found = lp.project(
        rows, [1.8444542589583051e40, 1.9630875826789758e181], [-0.08447024094179588, 0.1671755773355052]
    )
    assert found.lower <= found.distance == pytest.approx(0.1671629479)
    assert lp.project([[1, 0], [0, 1]], [0, 1], [1e-20, 0]).distance == pytest.approx(1e-20)


@pytest.mark.parametrize("size", [1e200, 1e163, 1e20, 1e-100, 1e-155])
def test_balls_of_cells(size: float) -> None:
    network = arrays([np.eye(2), [[1, 1]]], [[0, 0], [0]])
    balls = lr.enumerate_regions(network, lr.Box([-size] * 2, [size] * 2), method="lp").largest_balls
    assert (balls.radii <= size / 2).all() and (size / 2 <= balls.upper).all()
    np.testing.assert_allclose(balls.radii / size, 0.5)
    np.testing.assert_allclose(balls.upper / size, 0.5)


def test_products_below_the_range_of_floats() -> None:
    found = lp.minimize([1e-300], [[-1.0]], [-1e-300])
    assert abs(Fraction(float(found.value)) - Fraction(1e-300) ** 2) <= Fraction(float(found.error))


def test_single_inequalities_are_not_redundant() -> None:
    rng = np.random.default_rng(0)
    for slope in (rng.normal(size=500) * 10.0 ** rng.integers(-200, 200, 500)).tolist():
        assert lp.redundant([[slope]], [0.0]).tolist() == [False]


@pytest.mark.parametrize("power", [498, 340, -340, -498])
def test_rows_beyond_the_range_of_floats(power: int) -> None:
    """Two triangles in the unit square, by layers whose products overflow or vanish."""
    scale, box = 2.0**power, lr.Box([0, 0], [1, 1])
    network = arrays(
        [np.eye(2) * scale, np.eye(2) * scale, np.array([[1, -1]]) * scale, [[1]]], [[0, 0], [0, 0], [0], [0]]
    )
    radius, apart = 1 / (2 + 2**0.5), 0.25 / 2**0.5
    for method in ("lp", "vertices"):
        balls = lr.enumerate_regions(network, box, method=method).largest_balls
        assert (balls.radii <= radius * (1 + 1e-15)).all() and (radius * (1 - 1e-15) <= balls.upper).all()
        np.testing.assert_allclose([balls.radii, balls.upper], radius)
    near = lr.explore(network, [0.25, 0.5], domain=box)
    assert (near.inradii[:, 0] <= radius * (1 + 1e-15)).all() and (radius * (1 - 1e-15) <= near.inradii[:, 1]).all()
    np.testing.assert_allclose(near.inradii, radius)
    np.testing.assert_allclose(near.distances, [[0, 0], [apart, apart]])
    for to in ("activation", "linear"):
        found = lr.nearest_boundary(network, [0.25, 0.5], domain=box, to=to)
        assert found.lower <= apart * (1 + 1e-15)
        assert [found.lower, found.distance] == pytest.approx([apart, apart])
    found = lr.nearest_boundary(lr.Network(network.stages[:-2]), [0.25, 0.5], domain=box, to="decision")
    assert [found.lower, found.distance, found.label] == pytest.approx([apart, apart, 1])


def test_points_beyond_the_range_of_floats() -> None:
    network = arrays([[[1e-300, 0], [0, 1]], [[1, 1]]], [[1e300, 0], [0]])
    assert len(lr.explore(network, [0.0, 1.0])) == 4
    regions = lr.enumerate_regions(network, lr.Space(2), method="lp")
    assert (len(regions), regions.bounded.any(), len(regions.facets.neuron)) == (4, False, 4)
    assert regions.interior_points.shape == (4, 2)
    assert lp.feasible([[-1e-300], [1e-300]], [-1e300, 1.0000001e300]).status == lp.Status.INTERIOR
    assert lp.redundant([[-1e-300], [1e-300]], [-1e300, 1.0000001e300]).tolist() == [False, False]
    assert lp.minimize([1.0], [[-1e-300]], [-1e300]).value == math.inf


def test_least_distances_that_one_method_misses() -> None:
    """Here scipy's nnls has been seen to end far from the solution."""
    weight = [[0, -2], [1, -1], [2, 0], [-1, 0], [2, 2], [1, -1]]
    network = arrays([weight, [[1] * 6]], [[1, -1, 0, 0, 0, -1], [0]])
    box = lr.Box([-1, -1], [1, 1])
    near = lr.explore(network, [0.5, 0.5], domain=box, radius=0.1)
    every = lr.explore(network, [0.5, 0.5], domain=box)
    assert len(near) == np.count_nonzero(every.distances[:, 1] < 0.1)
    np.testing.assert_allclose(every.distances[:, 0], every.distances[:, 1], atol=1e-12)


FAR = [1e307, 1e300, 1e200, 1e155, 1e110, 1e80, 1e70, 1e-70, 1e-110, 1e-155, 1e-160, 1e-170, 1e-300, 1e-320]


@pytest.mark.parametrize("size", [1.7e308, *FAR])
def test_distances_in_the_plane(size: float) -> None:
    """Two hyperplanes, x = 0 and y = 0, and points on a grid."""
    network = arrays([np.eye(2), [[1, 1]]], [[0, 0], [0]])
    regions = lr.enumerate_regions(network, lr.Box([-size] * 2, [size] * 2))
    points = size * np.array([[0.3, 0.4], [-0.5, 0.25], [0.75, -0.125], [0.0, 0.5]])
    if size > 1:
        points = np.concatenate([points, [[0.3, 0.4], [-5.0, 1e6]]])
    right = np.abs(points).min(axis=1)
    np.testing.assert_allclose(regions.distance(points), right, rtol=1e-14)


@pytest.mark.parametrize("size", FAR)
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_volumes_beyond_the_range_of_floats(d: int, size: float) -> None:
    """Two cells on both sides of x1 + ... + xd + size / 8 = 0: infinite or zero is within the bounds, which hold."""
    network = arrays([[[1.0] * d], [[1]]], [[size / 8], [0]])
    box = lr.Box([-size] * d, [size] * d)
    regions, sums = lr.enumerate_regions(network, box), lr.sum_regions(network, box)
    regions.check()
    regions.check(exact=True)
    exact = regions.exact_volumes()
    assert sum(exact) == box.volume == Fraction(2 * size) ** d
    for own, near, error in zip(exact, regions.volumes.tolist(), regions.volume_errors.tolist(), strict=True):
        assert math.isinf(error) or abs(own - Fraction(near)) <= Fraction(error)
        assert math.isfinite(near) or error == near
    assert math.isinf(sums.volume_error) or abs(Fraction(sums.volume) - box.volume) <= Fraction(sums.volume_error)
    area, bound = regions.boundary_volume(), regions.boundary_volume_error()
    assert bound >= 0 and (math.isinf(area) or abs(area - sums.boundary_volume()) <= bound + sums.boundary_volume_error)
    assert regions.boundary_volume(by="neuron").tolist() == [area]
    assert "infinite" not in regions.summary()
    assert np.isfinite(regions.centroids).all() or d > 2
    assert (np.abs(regions.centroids) <= size).all() or d > 2


@pytest.mark.parametrize("size", [1e155, 1e110, 1.0, 1e-110, 1e-160])
@pytest.mark.parametrize("d", [2, 3])
def test_damage_is_noticed_at_any_size(d: int, size: float) -> None:
    network = arrays([np.eye(d), [[1.0] * d]], [[0] * d, [0]])
    regions = lr.enumerate_regions(network, lr.Box([-size] * d, [size] * d))
    x = regions.geometry.x.copy()  # type: ignore[union-attr]
    x[np.flatnonzero(~x.any(axis=1))] = 3 * size
    damaged = dataclasses.replace(regions, coarse=dataclasses.replace(regions.geometry, x=x))
    regions.check()
    with pytest.raises(InvariantViolated, match="must"):
        damaged.check()


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e-165, 1e-170, 1e-290])
def test_bounds_of_tiny_corners(scale: float) -> None:
    """Corners that no float is: their bounds hold, though squares of coordinates vanish."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = rng.integers(1, 30, (5, 2)) * rng.choice([-1.0, 1.0], (5, 2))
        rows[0] = -rows[1:].sum(axis=0)
        triangle = lr.Polytope(rows, rng.integers(1, 9, 5) * 2.0 ** round(math.log2(scale)))
        regions = lr.enumerate_regions(arrays([[[1.0, 2.0]], [[1]]], [[0], [0]]), triangle)
        for cell in range(len(regions)):
            for number, corner in zip(cells_of(regions, cell), regions.exact_vertices(cell), strict=True):
                x, bound = regions.vertex_coordinates[number].tolist(), Fraction(float(regions.vertex_errors[number]))
                assert sum((Fraction(a) - b) ** 2 for a, b in zip(x, corner, strict=True)) <= bound**2
                assert bound < Fraction(scale) * Fraction(1, 10**10) or scale < 1e-280


def cells_of(regions: lr.Regions, cell: int) -> list[int]:
    own: list[int] = regions.cell_vertices[slice(*regions.cell_vertex_offsets[cell : cell + 2])].tolist()
    return own


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e-170, 1e100, 1e300])
def test_slices_and_circles_through_points(scale: float) -> None:
    points = scale * np.array([[1.0, 0, 0, 1], [0, 2, 0, 1], [0, 0, 3, -1]])
    plane, base = lr.Slice.through(points), lr.Slice.through(points / scale)
    np.testing.assert_allclose(plane.basis, base.basis, atol=1e-12)
    np.testing.assert_allclose(plane.origin / scale, base.origin, atol=1e-12)
    circle = lr.Ellipse.great_circle(points[0], points[1])
    assert norms(circle.b / scale) == pytest.approx(math.sqrt(2))
    assert abs(circle.a / scale @ (circle.b / scale)) < 1e-12


@pytest.mark.parametrize("size", [1e155, 1e110, 1e-110])
def test_estimated_volumes_beyond_the_range_of_floats(size: float) -> None:
    network = arrays([[[1.0, 0, 0]], [[1]]], [[0.0], [0]])
    found = lr.enumerate_regions(network, lr.Box([-size] * 3, [size] * 3)).estimated_volumes(200)
    assert (found.volume == (np.inf if size > 1 else 0)).all()
    none = lr.enumerate_regions(network, lr.Box([-size, -1, -1], [size, 1, 1])).estimated_volumes(500)
    np.testing.assert_allclose(none.volume / size, 4, rtol=0.2)


def test_lengths_of_vectors_of_any_size() -> None:
    rng = np.random.default_rng(0)
    vectors = np.ldexp(
        rng.normal(size=(3000, 3)), rng.integers(-1070, 1000, (3000, 1)) + rng.integers(-60, 20, (3000, 3))
    )
    for vector, length in zip(vectors.tolist(), norms(vectors).tolist(), strict=True):
        square = sum(Fraction(v) ** 2 for v in vector)
        assert abs(Fraction(length) ** 2 - square) <= square / 2**49 + Fraction(2 * length + 5e-324) * Fraction(5e-324)
    assert norms(np.zeros((2, 3))).tolist() == [0, 0]
    assert norms(np.array([[np.inf, 1.0], [1.7e308, 1.7e308]])).tolist() == [np.inf, np.inf]
    assert (total([1e308, 1e308]), total([0.1] * 10), total([])) == (math.inf, 1.0, 0.0)
