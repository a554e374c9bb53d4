"""Convex sets given by cvxpy: counts against proven ones, points, projections, what is numerical, errors."""

from __future__ import annotations

import sys

import cvxpy as cp
import numpy as np
import pytest

import linear_regions as lr
from convert import to_network
from known_nets import he_net
from linear_regions.data import load_demo
from linear_regions.errors import BudgetExceeded, InvalidInput, MissingExtra
from solids import cube


def random_net(seed: int, *widths: int) -> lr.Network:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(m, n)) / np.sqrt(n) for n, m in zip(widths, widths[1:], strict=False)]
    return lr.Network.from_arrays(weights, [0.3 * rng.normal(size=m) for m in widths[1:]])


def patterns_of(near: lr.Neighborhood) -> list[tuple[int, ...]]:
    return sorted(map(tuple, near.patterns.tolist()))


@pytest.mark.parametrize("widths", [(2, 12, 8, 1), (3, 10, 6, 1), (5, 6, 5, 1), (9, 6, 5, 1)])
def test_balls_hold_the_cells_within_a_radius(widths: tuple[int, ...]) -> None:
    network, center = random_net(1, *widths), np.full(widths[0], 0.1)
    x = cp.Variable(widths[0])
    ball = lr.ConvexSet(x, [cp.norm(x - center) <= 0.7])
    proven = lr.explore(network, center, radius=0.7, max_cells=10_000)
    near = lr.explore(network, center, domain=ball, max_cells=10_000)
    assert proven.complete and near.complete and len(near) > 10
    assert proven.certificate.certified and not near.certificate.certified
    assert patterns_of(near) == patterns_of(proven)
    assert (np.linalg.norm(near.interior_points - center, axis=1) < 0.7 + 1e-6).all()
    count = lr.count_regions(network, ball, full_output=True)
    assert (count.count, count.certificate.undecided) == (len(near), 0)
    assert count.per_layer.tolist()[-1] == len(near)
    first = near.patterns[:, : widths[1]]
    assert count.per_layer.tolist()[0] == len(np.unique(first, axis=0))


def test_ellipsoids_are_balls_of_another_network() -> None:
    network, rng = random_net(2, 3, 9, 6, 1), np.random.default_rng(3)
    matrix, center = rng.normal(size=(3, 3)) + 2 * np.eye(3), np.array([0.2, -0.1, 0.3])
    x, u = cp.Variable(3), cp.Variable(3)
    weights = [layer.affine.weight for layer in network.layers]
    biases = [layer.affine.bias for layer in network.layers]
    moved = lr.Network.from_arrays([weights[0] @ matrix, *weights[1:]], [biases[0] + weights[0] @ center, *biases[1:]])
    inverse = np.linalg.inv(matrix)
    direct = lr.count_regions(network, lr.ConvexSet(x, [cp.sum_squares(inverse @ (x - center)) <= 0.25]))
    lifted = lr.count_regions(network, lr.ConvexSet(x, [x == matrix @ u + center, cp.norm(u) <= 0.5]))
    assert direct == lifted == len(lr.explore(moved, [0.0] * 3, radius=0.5, max_cells=10_000)) > 10


def test_points_of_cells_lie_in_both() -> None:
    """Also where the set is a slice: the domain's coordinates are those of its hull."""
    network = random_net(4, 4, 10, 6, 1)
    x = cp.Variable(4)
    simplex = lr.ConvexSet(x, [x >= -1, cp.sum(x) == 0.5])
    assert (simplex.dim, simplex.n_inputs) == (3, 4)
    near = lr.explore(network, simplex.center, domain=simplex, max_cells=10_000)
    inputs = simplex.hull.embed(near.interior_points)
    np.testing.assert_allclose(inputs.sum(axis=1), 0.5, atol=1e-7)
    assert inputs.min() > -1 - 1e-6
    whole = lr.enumerate_regions(network, simplex.hull, method="lp")
    assert [tuple(p) for p in near.patterns.tolist()] == [
        tuple(whole.patterns[i].tolist()) for i in whole.find(near.interior_points).tolist()
    ]


def test_polyhedra_have_as_many_cells_as_proven() -> None:
    network = random_net(5, 3, 10, 7, 1)
    x = cp.Variable(3)
    corners = np.vstack([-np.eye(3), np.ones((1, 3))])
    proven = lr.count_regions(network, lr.Polytope(corners, [1, 1, 1, 1.5]), full_output=True)
    found = lr.count_regions(network, lr.ConvexSet(x, [x >= -1, cp.sum(x) <= 1.5]), full_output=True)
    assert (found.count, found.per_layer.tolist()) == (proven.count, proven.per_layer.tolist())
    flat = lr.Slice([0, 0, 0.25], [[1, 0], [0, 1], [0, 0]], lr.Box([-1, -1], [1, 1]))
    square = lr.ConvexSet(x, [cp.norm_inf(x[:2]) <= 1, x[2] == 0.25], solver="HIGHS")
    assert lr.count_regions(network, square) == lr.count_regions(network, flat)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_neurons_that_are_constant_on_the_hull_do_not_split_it(k: int) -> None:
    """The hull is exact: sums that are one on a simplex, and a coordinate that is zero."""
    x = cp.Variable(k + 1)
    weight = np.vstack([np.ones(k + 1), 0.1 * np.ones(k + 1), np.eye(k + 1)])
    bias = np.concatenate([[-1.0, -0.1], np.full(k + 1, -1.0 / (k + 1) - 1e-3)])
    network = lr.Network.from_arrays([weight, np.ones((1, k + 3))], [bias, [0.0]])
    simplex = lr.ConvexSet(x, [x >= 0, cp.sum(x) == 1])
    assert lr.count_regions(network, simplex) == 2 ** (k + 1) - 1  # all signs of x_i - 1 / (k + 1) but all positive
    assert lr.count_regions(lr.Network.from_arrays([weight[:2], [[1.0, 1.0]]], [bias[:2], [0.0]]), simplex) == 1
    flat = lr.ConvexSet(x, [cp.sum(x) == 0, x[0] == 0, cp.norm(x) <= 1]) if k > 2 else None
    if flat is not None:
        axes = lr.Network.from_arrays([np.eye(k + 1), np.ones((1, k + 1))], [np.zeros(k + 1), [0.0]])
        assert lr.count_regions(axes, flat) == 2**k - 2


def test_coordinates() -> None:
    x = cp.Variable(3)
    thirds = lr.ConvexSet(x, [x >= 0, 3 * x[0] + 7 * x[1] + 0.1 * x[2] == 1.0])
    inputs = thirds.embed([[0.25, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(inputs @ [3, 7, 0.1], 1.0)
    np.testing.assert_allclose(thirds.coordinates(inputs), [[0.25, 0.5], [0.0, 1.0]], atol=1e-12)
    with pytest.raises(InvalidInput, match="x must have shape"):
        thirds.coordinates([0.25, 0.5])
    with pytest.raises(InvalidInput, match="equalities that contradict each other"):
        lr.ConvexSet(x, [x[0] == 1, x[0] + x[1] == 1, x[1] == 1])


def test_unbounded_sets() -> None:
    network = random_net(6, 2, 9, 5, 1)
    x = cp.Variable(2)
    assert lr.count_regions(network, lr.ConvexSet(x, [])) == lr.count_regions(network, lr.Space(2))
    half = lr.ConvexSet(x, [x[0] <= 0.3])
    regions = lr.enumerate_regions(network, lr.Box([-1e4, -1e4], [0.3, 1e4]))
    assert lr.count_regions(network, half) == len(regions)


def test_images() -> None:
    """About an image in 784 dimensions: cells of as many dimensions as the first layer has neurons."""
    case = load_demo(epoch=20)
    network, image = lr.Network.from_arrays(case.weights, case.biases), case.images_012[0]
    x = cp.Variable(784)
    near = lr.explore(network, image, domain=lr.ConvexSet(x, [cp.norm(x - image) <= 0.5]), max_cells=6)
    assert (len(near), near.complete) == (6, False)
    assert np.linalg.norm(near.interior_points - image, axis=1).max() < 0.5 + 1e-6
    assert near.distances[:, 0].max() < 0.5
    for point, pattern in zip(near.interior_points, near.patterns, strict=True):
        np.testing.assert_array_equal(lr.explore(network, point, max_cells=1).patterns[0], pattern)


def test_degenerate_networks() -> None:
    """All hyperplanes through the centre of the ball; copies, and a neuron that is off everywhere."""
    weight = np.array([[1.0, 0], [0, 1], [1, 1], [1, 1], [-2, -2], [0, 0]])
    network = lr.Network.from_arrays([weight, np.ones((1, 6))], [[0.0] * 6, [0.0]])
    x = cp.Variable(2)
    assert lr.count_regions(network, lr.ConvexSet(x, [cp.norm(x) <= 1])) == 6
    affine = lr.Network.from_arrays([[[1.0, 2.0]]], [[0.0]])
    assert lr.count_regions(affine, lr.ConvexSet(x, [cp.norm(x) <= 1])) == 1


def test_what_only_touches_is_undecided() -> None:
    network = lr.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], [[-1.0, 0.0], [0.0]])
    x = cp.Variable(2)
    found = lr.count_regions(network, lr.ConvexSet(x, [cp.norm(x) <= 1]), full_output=True)
    assert found.count == 2
    assert found.certificate.undecided == 2
    assert not found.certificate.certified
    assert str(found.certificate).startswith("numerical: ")
    assert "2 undecided" in repr(found)


def test_thin_cells_are_crossed() -> None:
    """A cell as thin as the tolerance is undecided, also about the center, and what lies behind it is counted."""
    x = cp.Variable(2)
    disc = lr.ConvexSet(x, [cp.norm(x) <= 1])
    for ends in ([0.0, -1e-6], [-0.3, -0.3 - 1e-7], [5e-7, -5e-7]):
        network = lr.Network.from_arrays([[[1, 0], [1, 0]], [[1, 1]]], [ends, [0]])
        found = lr.count_regions(network, disc, full_output=True)
        assert (found.count, found.certificate.undecided) == (2, 1)
        near = lr.explore(network, [-0.9, 0.0], domain=disc)
        assert (len(near), near.complete, near.certificate.undecided, near.depth.tolist()) == (2, True, 1, [0, 2])
        assert (near.interior_points[:, 0] * [1, -1] < 0).all() or ends[0] < 0
    with pytest.raises(InvalidInput, match="its tolerance near the point"):
        lr.explore(network, [0.0, 0.0], domain=disc)


@pytest.mark.parametrize("seed", range(8))
def test_undecided_cells_bound_what_is_missing(seed: int) -> None:
    """Neurons and near copies of them, at gaps about the tolerance."""
    rng = np.random.default_rng([5, seed])
    d, m = 2 + seed % 2, 2 + seed % 3
    weight, bias = rng.normal(size=(m, d)), 0.3 * rng.normal(size=m)
    gap = 10.0 ** rng.uniform(-9, -4) * rng.choice([-1, 1], m)
    layers = [np.vstack([weight, weight]), rng.normal(size=(2, 2 * m)), np.ones((1, 2))]
    network = lr.Network.from_arrays(layers, [np.concatenate([bias, bias + gap]), 0.1 * rng.normal(size=2), [0.0]])
    x = cp.Variable(d)
    right = lr.count_regions(
        network, lr.Polytope(np.vstack([-np.eye(d), np.ones((1, d))]), [1] * d + [1.5]), full_output=True
    )
    found = lr.count_regions(network, lr.ConvexSet(x, [x >= -1, cp.sum(x) <= 1.5]), full_output=True)
    assert found.count <= right.count <= found.count + found.certificate.undecided
    assert (found.per_layer <= right.per_layer).all()
    assert (right.per_layer <= found.per_layer + found.certificate.undecided).all()


def test_projections() -> None:
    x = cp.Variable(3)
    ball = lr.ConvexSet(x, [cp.norm(x) <= 1])
    np.testing.assert_allclose(ball.project([0.0, 3.0, 4.0]), [0, 0.6, 0.8], atol=1e-6)
    simplex = lr.ConvexSet(x, [x >= 0, cp.sum(x) == 1], solver="SCS", tolerance=1e-3)
    np.testing.assert_allclose(simplex.project([1.0, 1.0, -1.0]), [0.5, 0.5, 0], atol=1e-3)
    with pytest.raises(InvalidInput, match=r"x must have shape \(3,\), got \(2,\)"):
        ball.project([0.0, 0.0])


def test_limits_and_progress(capsys: pytest.CaptureFixture[str]) -> None:
    network = to_network(he_net(2, 8, 3))
    x = cp.Variable(2)
    disc = lr.ConvexSet(x, [cp.norm(x) <= 1])
    count = lr.count_regions(network, disc, progress=True)
    assert "regions" in capsys.readouterr().err
    assert lr.count_regions(network, disc, max_regions=count) == count
    with pytest.raises(BudgetExceeded, match="stopped after layer 1 of .*max_regions=3 regions"):
        lr.count_regions(network, disc, max_regions=3)
    near = lr.explore(network, [0.0, 0.0], domain=disc, max_cells=3)
    assert (len(near), near.complete) == (3, False)


def test_variables_with_signs_and_parameters() -> None:
    network, side = to_network(he_net(2, 8, 5)), cp.Parameter(value=1.0)
    x = cp.Variable(2, nonneg=True)
    quarter = lr.ConvexSet(x, [x <= side])
    assert lr.count_regions(network, quarter) == lr.count_regions(network, lr.Box([0, 0], [1, 1]))


X, MATRIX = cp.Variable(2), cp.Variable((2, 2))


@pytest.mark.parametrize(
    ("variable", "constraints", "options", "message"),
    [
        (MATRIX, [], {}, r"variable must be a cvxpy.Variable of shape \(n_0,\)"),
        ("x", [], {}, "variable must be"),
        (X, [X <= cp.Variable(2, integer=True)], {}, "integer"),
        (X, [X <= cp.Variable(2, boolean=True)], {}, "integer"),
        (X, [cp.norm(X) >= 1], {}, r"constraints\[0\] must be a convex cvxpy constraint"),
        (X, [X], {}, r"constraints\[0\] must be"),
        (X, X <= 1, {}, "constraints must be a sequence"),
        (X, [X >= 1, X <= 0], {}, "have points in common, got the answer 'infeasible' of CLARABEL"),
        (X, [cp.norm(X) <= 1], {"solver": "HIGHS"}, "solver must be one that takes these constraints"),
        (X, [], {"solver": "GUROBY"}, "solver must be one of"),
        (X, [], {"tolerance": 0.0}, "tolerance must be a positive number"),
        (X, [], {"tolerance": "small"}, "tolerance must be a positive number"),
        (X, [cp.norm(X) <= np.nan], {}, "constraints must be ones that CLARABEL takes"),
        (X, [cp.sum(X) == 1], {}, "equalities that leave 1"),
        (X, [X <= cp.Parameter()], {}, r"constraints\[0\] must have parameters with values"),
    ],
)
def test_bad_sets(variable: object, constraints: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        lr.ConvexSet(variable, constraints, **options)  # type: ignore[arg-type]


def test_sets_that_do_not_fit() -> None:
    network, x = to_network(he_net(3, 6, 4)), cp.Variable(3)
    ball = lr.ConvexSet(x, [cp.norm(x) <= 1])
    with pytest.raises(InvalidInput, match="thinner than its tolerance along"):
        lr.count_regions(network, lr.ConvexSet(x, [cp.norm(x) <= 1, x[0] <= 0, x[0] >= 0]))
    with pytest.raises(InvalidInput, match="point must lie in the domain, got a point outside"):
        lr.explore(network, [2.0, 0.0, 0.0], domain=ball)
    with pytest.raises(InvalidInput, match="domain must lie in 2 dimensions"):
        lr.count_regions(to_network(he_net(2, 4, 1)), ball)
    with pytest.raises(InvalidInput, match="count_regions"):
        lr.enumerate_regions(network, ball)  # type: ignore[call-overload]
    with pytest.raises(InvalidInput, match="domain must"):
        lr.nearest_boundary(network, [0.0, 0.0, 0.0], domain=ball)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="other than a ConvexSet for a method"):
        lr.count_regions(network, ball, n_jobs=2)
    assert len(lr.enumerate_regions(network, cube(3))) > 1


def test_without_cvxpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(MissingExtra, match=r"pip install 'linear-regions\[convex\]'"):
        lr.ConvexSet(X, [])
