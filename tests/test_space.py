"""All of R^d: cells and faces however far out, against closed forms and the twin on a box beyond all vertices."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

import linear_regions as lr
from convert import enumerated, to_network
from known_nets import arrangement, he_net, relu_net, torch_net
from linear_regions.network import Activation, Affine, Network, Unit
from linear_regions.network.homogeneous import homogenized
from solids import space_report


def buck(n: int, d: int) -> tuple[int, ...]:
    """Faces of n hyperplanes in general position (Buck 1943)."""
    return tuple(math.comb(n, d - k) * sum(math.comb(max(n - d + k, 0), i) for i in range(k + 1)) for k in range(d + 1))


@pytest.mark.parametrize(
    ("n", "dimension"),
    [
        *product([1, 2, 3, 5, 8, 13], [2, 3]),
        *product([1, 4, 7, 9], [4]),
        *product([3, 5, 8], [5]),
        (2, 6),
        (6, 6),
        (7, 6),
    ],
)
def test_faces_of_arrangements_in_general_position(n: int, dimension: int) -> None:
    rows = np.random.default_rng(n).integers(-99, 100, (n, dimension + 1))
    r = enumerated(arrangement(rows.tolist()), lr.Space(dimension))
    r.check()
    assert len(r) == sum(math.comb(n, i) for i in range(dimension + 1))
    assert r.f_vector == buck(n, dimension)
    assert np.count_nonzero(r.bounded) == math.comb(n - 1, dimension)
    assert np.array_equal(np.isfinite(r.volumes), r.bounded)


@pytest.mark.parametrize(
    ("n", "d", "faces"), [(8, 2, (28, 64, 37)), (10, 3, (120, 405, 460, 176)), (7, 4, (35, 175, 336, 294, 99))]
)
def test_bucks_numbers(n: int, d: int, faces: tuple[int, ...]) -> None:
    assert buck(n, d) == faces


@pytest.mark.parametrize(("n", "d"), [(1, 2), (5, 2), (8, 3), (7, 4), (7, 5), (6, 6)])
def test_central_arrangements(n: int, d: int) -> None:
    """All cells are cones with their tips at the origin."""
    rows = np.column_stack([np.random.default_rng(n).integers(-99, 100, (n, d)), np.zeros(n)])
    r = enumerated(arrangement(rows.tolist()), lr.Space(d))
    r.check()
    assert len(r) == 2 * sum(math.comb(n - 1, i) for i in range(d))
    assert not r.bounded.any()
    assert len(r.vertex_coordinates) == int(n >= d)
    assert (np.linalg.norm(r.vertex_coordinates, axis=1) <= r.vertex_errors).all()


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_random_and_degenerate_networks_against_the_twin(first: int) -> None:
    """Counts per layer, patterns, faces of all dimensions, which cells are bounded, and the volumes of these."""
    assert not space_report(range(first, first + 20))


@pytest.mark.parametrize("seed", [149, 162, 434, 464])
def test_cases_that_once_differed(seed: int) -> None:
    """Nearly parallel rows that meet at infinity; facets within walls; coordinates beyond float64."""
    assert not space_report([seed])


def test_a_cell_that_a_large_box_misses() -> None:
    pytest.importorskip("torch")
    r = enumerated(torch_net(3, 20, 1), lr.Space(3))
    assert len(r) == 1351
    assert lr.count_regions(r.network, lr.Box([-1000] * 3, [1000] * 3)) == 1350
    assert np.abs(r.vertex_coordinates).max() > 1000


def test_vertices_are_exact_crossings_within_their_bounds() -> None:
    r = enumerated(he_net(3, 7, 5), lr.Space(3))
    for cell in range(0, len(r), 7):
        own = r.cell_vertices[slice(*r.cell_vertex_offsets[cell : cell + 2])]
        for exact, v in zip(r.exact_vertices(cell), own.tolist(), strict=True):
            moved = [float(p - Fraction(x)) for p, x in zip(exact, r.vertex_coordinates[v].tolist(), strict=True)]
            assert math.hypot(*moved) <= r.vertex_errors[v]


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_recession_cones(d: int) -> None:
    """From a point of the cell every direction stays in it for ever; between two of them too."""
    r = enumerated(he_net(d, 6, 4, seed=d), lr.Space(d))
    start = r.find(np.random.default_rng(0).normal(size=(200, d)) * 4)
    assert (start >= 0).all()
    for cell in range(len(r)):
        rays = np.array(r.recession_cone(cell), dtype=float)
        assert (len(rays) == 0) == r.bounded[cell]
        if len(rays) and len(r.vertices(cell)):
            corner = r.vertices(cell)[np.isfinite(r.vertices(cell)).all(axis=1)].mean(axis=0)
            way = (rays / np.abs(rays).max(axis=1, keepdims=True)).mean(axis=0)
            far = corner + 2.0 ** np.arange(8, 30, 7)[:, None] * way
            if len(rays) >= d:  # the cone has an interior, and so the way leads through that of the cell
                assert (r.find(far) == cell).all()


def test_points_and_distances() -> None:
    rows = [[3, 4, 5], [1, 0, -2], [0, 1, 0]]
    r = enumerated(arrangement(rows), lr.Space(2))
    points = np.random.default_rng(0).normal(size=(300, 2)) * [5, 100]
    lines = np.array(rows, float)
    expected = (np.abs(points @ lines[:, :2].T + lines[:, 2]) / np.linalg.norm(lines[:, :2], axis=1)).min(axis=1)
    np.testing.assert_allclose(r.distance(points), expected, rtol=1e-12)
    assert r.find([[0, 0], [1e300, -1e300]]).min() >= 0
    assert r.boundary_volume() == math.inf
    assert r.boundary_volume(2) == 3.0


def test_units_of_many_pieces() -> None:
    """Breakpoints, slopes and constants that are no powers of two become exact multiples of w."""
    rng = np.random.default_rng(5)
    units = [
        Unit.hardsigmoid(),
        Unit.hardtanh(-1.5, 0.25),
        Unit.leaky_relu(0.1),
        Unit((0.5,), (Fraction(1, 3), -2), (1, Fraction(13, 6))),
    ]
    ops = [Affine(rng.normal(size=(4, 2)), rng.normal(size=4)), Activation.from_units(units),
           Affine(rng.normal(size=(4, 4)), rng.normal(size=4)), Activation.from_units(units[::-1])]  # fmt: skip
    network = Network.chain([*ops, Affine(np.ones((1, 4)), np.zeros(1))])
    homogeneous = homogenized(network)
    assert [a.n_hyperplanes for a in homogeneous.activations] == [a.n_hyperplanes for a in network.activations]
    x = rng.normal(size=(50, 2)) * 4
    for scale in (1.0, 0.25, 8.0):
        inputs = np.column_stack([scale * x, np.full((50, 2), scale)])
        for own, other in zip(homogeneous.activations, network.activations, strict=True):
            assert own.n_hyperplanes == other.n_hyperplanes
        for z, plain, own, other in zip(
            homogeneous.preactivations(inputs), network.preactivations(x), homogeneous.activations, network.activations,
            strict=True,
        ):  # fmt: skip
            side = z[:, own.hyperplane_neuron] / scale
            np.testing.assert_allclose(side, plain[:, other.hyperplane_neuron] - other.hyperplane_threshold, atol=1e-12)
    r = lr.enumerate_regions(network, lr.Space(2))
    r.check()
    box = lr.enumerate_regions(network, lr.Box([-1e6] * 2, [1e6] * 2))
    assert sorted(r.patterns.tolist()) == sorted(box.patterns.tolist())


def test_one_dimension_is_the_whole_line() -> None:
    network = to_network(he_net(1, 9, 9))
    r, line = lr.enumerate_regions(network, lr.Space(1)), lr.enumerate_regions(network, lr.Line([0.0], [1.0]))
    assert np.array_equal(r.patterns, line.patterns)
    assert r.bounded.tolist() == [False, *[True] * (len(r) - 2), False]


def test_budget_counts_regions_and_not_their_parts() -> None:
    network = to_network(he_net(2, 6, 6))
    n = lr.count_regions(network, lr.Space(2))
    assert lr.count_regions(network, lr.Space(2), max_regions=n) == n
    for limit in (n - 1, 3):
        with pytest.raises(lr.BudgetExceeded) as caught:
            lr.enumerate_regions(network, lr.Space(2), max_regions=limit)
        assert all(known <= n for known in caught.value.per_layer)


def test_dead_layers_and_affine_networks() -> None:
    for layers in (
        relu_net([np.zeros((3, 2)), np.ones((1, 3))], [[-1.0] * 3, [0.0]]),
        relu_net([np.eye(2)], [[0.0, 1.0]]),
    ):
        r = enumerated(layers, lr.Space(2))
        r.check()
        assert (len(r), r.f_vector, r.bounded.tolist()) == (1, (0, 0, 1), [False])
        assert r.distance([[1.0, 2.0]]).tolist() == [math.inf]


@pytest.mark.parametrize("dim", [0, -3, 2.5, "2"])
def test_what_is_no_dimension(dim: object) -> None:
    with pytest.raises(lr.InvalidInput, match="dim must be an integer of at least 1"):
        lr.Space(dim)  # type: ignore[arg-type]


def test_checks_find_what_is_wrong_with_parts() -> None:
    r = enumerated(he_net(3, 5, 3), lr.Space(3))
    g = r.geometry
    label = g.parts.facet_labels.copy()
    own = np.flatnonzero(label >= 0)[0]
    label[own] = (label[own] + 1) % 5
    walls = g.parts.facet_labels.copy()
    walls[np.flatnonzero(walls == -1)[0]] = -2
    for wrong in (label, walls):
        with pytest.raises(lr.InvariantViolated, match="parts"):
            replace(r, coarse=replace(g, parts=replace(g.parts, facet_labels=wrong))).check()
    with pytest.raises(lr.InvariantViolated):
        replace(r, coarse=replace(g, whole=np.roll(g.whole, 1))).check()


def test_vertices_beyond_float64() -> None:
    """Lines at 1e600: counted, told apart, and at infinity as far as floats can tell."""
    far = 1e300
    network = lr.Network.from_arrays(
        [np.vstack([np.eye(2) / far, np.ones((1, 2))]), np.ones((1, 3))], [[far, far, 1], [0]]
    )
    r = lr.enumerate_regions(network, lr.Space(2))
    r.check()
    assert (len(r), r.f_vector, int(r.bounded.sum())) == (7, (3, 9, 7), 1)
    assert (r.find([[0, 0], [1e308, -1e308], [-1e308, 0]]) >= 0).all()
    assert r.distance([[1.0, 2.0]])[0] == pytest.approx(8**0.5, rel=1e-12)


def test_many_corners_on_more_facets_than_dimensions() -> None:
    """Faces are found once each, however many chains of faces lead to them."""
    weights = np.random.default_rng(1).integers(-2, 3, (7, 5))
    r = enumerated(arrangement(np.column_stack([weights, np.zeros(7)]).tolist()), lr.Space(5))
    r.check()
    box = enumerated(arrangement(np.column_stack([weights, np.zeros(7)]).tolist()), lr.Box([-1] * 5, [1] * 5))
    box.check()
    assert len(r) == len(box)
    inner = [int(box.geometry.faces(k).inner.sum()) for k in (1, 2, 3, 4)]
    assert r.f_vector == (box.geometry.n_interior_vertices, *inner, len(box))


@pytest.mark.parametrize(("n", "d"), [(7, 2), (6, 3), (6, 4)])
def test_bounded_edges_of_arrangements(n: int, d: int) -> None:
    """Each line in which d - 1 of n hyperplanes in general position meet is cut by the others: all edges but two."""
    rows = np.random.default_rng(n).integers(-99, 100, (n, d + 1)).tolist()
    r = enumerated(arrangement(rows), lr.Space(d))
    edges = r.skeleton().edges
    assert len(edges) == math.comb(n, d - 1) * (n - d)
    ends = r.vertex_coordinates[edges]
    middles = r.find(ends.mean(axis=1) + 1e-9 * np.random.default_rng(0).normal(size=(len(edges), d)))
    assert all(set(edge) <= set(r.geometry.cell_vertices[slice(*r.cell_vertex_offsets[c : c + 2])].tolist())
               for edge, c in zip(edges.tolist(), middles.tolist(), strict=True))  # fmt: skip
    assert len(np.unique(edges, axis=0)) == len(edges)
