"""Cells around a point: those of the whole enumeration where there is one, and a network of many inputs."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest

import linear_regions as lr
from convert import to_network
from known_nets import he_net, relu_net, torch_net
from linear_regions.data import load_demo
from linear_regions.network import Unit
from linear_regions.rational_lp import slack
from solids import cube


def links_of(patterns: list[tuple[int, ...]], pairs: np.ndarray) -> set[frozenset[tuple[int, ...]]]:
    return {frozenset((patterns[i], patterns[j])) for i, j in pairs.tolist()}


def pairs_of(near: lr.Neighborhood) -> np.ndarray:
    links = near.adjacency.tocoo()
    return np.column_stack(links.coords)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_all_cells_of_the_plane(seed: int, bias: float) -> None:
    """Breadth first without end finds every cell of R^2, each with its facets and neighbours."""
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) for shape in ((6, 2), (5, 6), (1, 5))]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) * bias for n in (6, 5, 1)])
    whole = lr.enumerate_regions(network, lr.Space(2))
    near = lr.explore(network, [0.3, -0.2])
    assert near.complete
    patterns = [tuple(p) for p in whole.patterns.tolist()]
    found = [tuple(p) for p in near.patterns.tolist()]
    assert set(found) == set(patterns) and len(found) == len(patterns)
    assert links_of(found, pairs_of(near)) == links_of(patterns, whole.facets.cells)
    assert near.patterns[0].tolist() == whole.patterns[whole.find([[0.3, -0.2]])[0]].tolist()


def test_degenerate_cells() -> None:
    """Copies of neurons switch together, and so do those that are zero on one side."""
    weight = [[1, 0], [2, 0], [-1, 0], [0, 1]]
    layers = relu_net([weight, [[1, 0, -1, 0], [1, 1, 1, -1]], [[1, 1]]], [[0, 0, 0, 0], [0, 0], [0]])
    network = to_network(layers)
    whole = lr.enumerate_regions(network, lr.Space(2))
    near = lr.explore(network, [0.0, 0.0])  # on the boundary of all cells
    patterns, found = ([tuple(p) for p in r.patterns.tolist()] for r in (whole, near))
    assert sorted(patterns) == sorted(found)
    assert links_of(found, pairs_of(near)) == links_of(patterns, whole.facets.cells)


def test_copies_in_a_deep_layer_and_units_that_are_flat_elsewhere() -> None:
    """Copies of deep neurons, whose rows have errors, switch together; flat pieces need not begin at zero."""
    rng = np.random.default_rng(6)
    shift = Unit(breakpoints=(2.0,), slopes=(0, 1), intercepts=(2, 0))
    weights = [rng.normal(size=shape) for shape in ((3, 5), (6, 3), (6, 6))]
    weights[2][3:] = weights[2][:3] * [[2.0], [-0.5], [1.0]]
    biases = [rng.normal(size=3) + 2, rng.normal(size=6), rng.normal(size=6)]
    biases[2][3:] = biases[2][:3] * [2.0, -0.5, 1.0]
    network = lr.Network.from_arrays([*weights, np.ones((1, 6))], [*biases, [0.0]], [shift, "relu", "relu"])
    point = rng.normal(size=5)
    near = lr.explore(network, point)
    whole = lr.enumerate_regions(network, lr.Slice(point, weights[0].T, lr.Space(3)))
    patterns, found = ([tuple(p) for p in r.patterns.tolist()] for r in (whole, near))
    assert near.complete
    assert sorted(patterns) == sorted(found)
    assert links_of(found, pairs_of(near)) == links_of(patterns, whole.facets.cells)


def test_a_box_and_a_slice() -> None:
    network = to_network(he_net(3, 6, 4))
    for domain in (cube(3), lr.Slice([0.1, 0.2, 0.3], np.eye(3)[:, :2], lr.Box([-1, -1], [1, 1]))):
        whole = lr.enumerate_regions(network, domain)
        near = lr.explore(network, np.full(domain.dim, 0.1), domain=domain)
        patterns, found = ([tuple(p) for p in r.patterns.tolist()] for r in (whole, near))
        assert sorted(patterns) == sorted(found)
        number = {pattern: i for i, pattern in enumerate(patterns)}
        radii = whole.largest_balls.radii[[number[pattern] for pattern in found]]
        np.testing.assert_allclose(near.inradii[:, 0], radii, rtol=1e-9)


def test_radius() -> None:
    """The cells that come closer than the radius, by the distances of all cells' corners and facets."""
    network, point = to_network(he_net(2, 8, 6)), np.array([0.05, 0.1])
    whole = lr.enumerate_regions(network, lr.Box([-2, -2], [2, 2]))
    near = lr.explore(network, point, radius=0.4)
    assert near.complete
    angle = np.linspace(0, 2 * np.pi, 4001)
    disc = np.concatenate(
        [point + r * np.column_stack([np.cos(angle), np.sin(angle)]) for r in np.linspace(0, 0.3999, 60)]
    )
    seen = {tuple(p) for p in whole.patterns[np.unique(whole.find(disc))].tolist()}
    found = {tuple(p) for p in near.patterns.tolist()}
    assert seen <= found
    assert len(found) <= len(seen) + 2  # a sliver may lie between the points of the disc
    assert len(found) < len(whole)
    nearest = np.linalg.norm(disc[:, None] - point, axis=2).ravel()
    for (low, high), pattern in zip(near.distances.tolist(), near.patterns.tolist(), strict=True):
        cell = [tuple(p) for p in whole.patterns.tolist()].index(tuple(pattern))
        own = nearest[whole.find(disc) == cell].min(initial=0.4)
        assert low <= high <= own + 1e-12
        assert own - 0.01 < low


def test_fewer_neurons_than_inputs() -> None:
    """Cells in the coordinates of the first layer are those of a slice through all of its directions."""
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=shape) for shape in ((4, 30), (6, 4), (2, 6))]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) for n in (4, 6, 2)])
    point = rng.normal(size=30)
    near = lr.explore(network, point)
    whole = lr.enumerate_regions(network, lr.Slice(point, weights[0].T, lr.Space(4)))
    patterns, found = ([tuple(p) for p in r.patterns.tolist()] for r in (whole, near))
    assert near.complete
    assert sorted(patterns) == sorted(found)
    assert links_of(found, pairs_of(near)) == links_of(patterns, whole.facets.cells)
    z = network.preactivations(near.interior_points)
    assert (np.concatenate([(own > 0).astype(int) for own in z], axis=1) == near.patterns).all()


@pytest.mark.parametrize("unit", ["relu6", "hardtanh", "hardsigmoid"])
def test_units_with_parallel_hyperplanes(unit: str) -> None:
    rng = np.random.default_rng(5)
    weights = [rng.normal(size=shape) * 2 for shape in ((6, 2), (5, 6), (2, 5))]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) for n in (6, 5, 2)], unit)
    whole, near = lr.enumerate_regions(network, lr.Space(2)), lr.explore(network, [0.1, 0.2])
    patterns, found = ([tuple(p) for p in r.patterns.tolist()] for r in (whole, near))
    assert sorted(patterns) == sorted(found)
    assert links_of(found, pairs_of(near)) == links_of(patterns, whole.facets.cells)


@pytest.mark.parametrize("unit", ["relu", "relu6", "hardtanh", "hardsigmoid"])
def test_a_cell_of_many_inputs_is_decided_in_floats(unit: str) -> None:
    rng = np.random.default_rng(0)
    sizes = [784, 64, 64, 64, 10]
    weights = [rng.normal(size=(n, k)) * (2 / k) ** 0.5 for k, n in pairwise(sizes)]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) * 0.1 for n in sizes[1:]], unit)
    near = lr.explore(network, rng.normal(size=784), max_cells=1)
    assert near.certificate.exact_signs <= 2
    first = set(near.facets[0].tolist()) & set(range(64))
    assert len(first) > 50  # no neuron of the first layer is implied by the others of it


def test_points_on_the_boundary_of_the_domain() -> None:
    """Their cell is one inside the domain, even where hyperplanes meet its corner."""
    rng = np.random.default_rng(8)
    box = lr.Box([0, 0, 0], [1, 1, 1])
    weight = np.vstack([rng.normal(size=(5, 3)), [[1, -1, 0], [0, 0, 1], [1, 1, 1]]])
    bias = np.concatenate([0.3 * rng.normal(size=5), [0, 0, 0]])
    network = lr.Network.from_arrays([weight, rng.normal(size=(6, 8)), np.ones((1, 6))], [bias, np.zeros(6), [0.0]])
    whole = sorted(map(tuple, lr.enumerate_regions(network, box).patterns.tolist()))
    for point in ([0, 0, 0], [1, 1, 0], [0, 0.5, 0.5], [0.25, 0.25, 0]):
        near = lr.explore(network, point, domain=box, max_cells=10_000)
        assert near.complete
        assert sorted(map(tuple, near.patterns.tolist())) == whole
        assert (near.interior_points >= 0).all() and (near.interior_points <= 1).all()
        assert near.distances[0].tolist() == [0.0, 0.0]
        found = lr.nearest_boundary(network, point, domain=box)
        assert 0 <= found.lower <= found.distance < 1
    with pytest.raises(lr.InvalidInput, match="point must lie in the domain"):
        lr.explore(network, [0, 0, -5e-324], domain=box)


@pytest.mark.parametrize("start", [[0.3, 0.0], [float(np.nextafter(0.3, 1)), 0.0], [0.3, 0.5], [0.3, -1.0]])
def test_boxes_in_which_no_float_lies(start: list[float]) -> None:
    """One unit in the last place wide: cells, facets, distances, and no ball that sticks out."""
    network = lr.Network.from_arrays([np.eye(2), [[1, 1]]], [[0, 0], [0]])
    box = lr.Box([0.3, -1], [np.nextafter(0.3, 1), 1])
    near = lr.explore(network, start, domain=box)
    assert (len(near), near.complete, sorted(map(tuple, near.patterns.tolist()))) == (2, True, [(1, 0), (1, 1)])
    assert [own.tolist() for own in near.facets] == [[1], [1]]
    assert (near.inradii[:, 0] <= 2.0**-55).all() and (near.inradii[:, 1] >= 2.0**-55).all()
    assert np.isfinite(near.interior_points).all()
    np.testing.assert_allclose(near.distances, [[0, 0], [abs(start[1])] * 2])
    for to in ("activation", "linear"):
        found = lr.nearest_boundary(network, start, domain=box, to=to)
        assert found.lower <= abs(start[1])
        assert [found.lower, found.distance] == pytest.approx([abs(start[1])] * 2)
        assert found.neuron == 1


@pytest.mark.parametrize("d", [2, 3])
def test_boxes_as_large_as_floats_allow(d: int) -> None:
    network = lr.Network.from_arrays([np.eye(d), np.ones((1, d))], [[0] * d, [0]])
    for size in (1e160, 1e300):
        box = lr.Box([-size] * d, [size] * d)
        for point in ([0.3, 0.4, 0.5], [0.0] * 3, [size, 0.0, -size], [size] * 3):
            near = lr.explore(network, point[:d], domain=box)
            assert (len(near), near.complete) == (2**d, True)
            nearest = min(map(abs, point[:d]))
            found = lr.nearest_boundary(network, point[:d], domain=box)
            assert found.lower <= nearest
            assert [found.lower, found.distance] == pytest.approx([nearest] * 2)


def test_time_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """What is found by then, and an error where that is nothing; later questions have no limit."""
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=shape) for shape in ((30, 5), (30, 30), (1, 30))]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) for n in (30, 30, 1)])
    began = perf_counter()
    near = lr.explore(network, [0.0] * 5, max_cells=10**9, time_limit=0.3, progress=True)
    assert perf_counter() - began < 5
    assert "cells" in capsys.readouterr().err
    assert len(near) >= 1 and not near.complete
    assert all(len(own) == len(facets) for own, facets in zip(near.neighbors, near.facets, strict=True))
    assert (near.distances[:, 0] <= near.distances[:, 1]).all()
    with pytest.raises(lr.BudgetExceeded, match="time_limit of 1e-09 s has passed"):
        lr.explore(network, [0.0] * 5, time_limit=1e-9)


def test_an_image() -> None:
    """The cell of an image in a network 784-64-64-64-10: its facets are irredundant, and the others redundant."""
    case = load_demo(epoch=20)
    network = lr.Network.from_arrays(case.weights, case.biases)
    near = lr.explore(network, case.images_012[0], max_cells=4)
    assert (len(near), near.complete, near.certificate.exact_signs) == (4, False, 0)
    assert near.depth.tolist() == [0, 1, 1, 1]
    z = network.preactivations(case.images_012[:1])
    assert (np.concatenate([own[0] > 0 for own in z]) == near.patterns[0]).all()
    cell = near._cells[0]
    rows = near._around.settler.constraints(cell.label.tolist(), cell.words)
    for i in np.flatnonzero(cell.is_facet)[::20].tolist():
        beyond = [Fraction(v) for v in cell.beyond[i].tolist()]
        assert [slack(row, beyond) > 0 for row in rows] == [k != i for k in range(len(rows))]


def test_what_is_refused() -> None:
    network = to_network(torch_net(3, 4, 1))
    with pytest.raises(lr.InvalidInput, match=r"point must have shape \(3,\)"):
        lr.explore(network, [0.0, 0.0])
    with pytest.raises(lr.InvalidInput, match="point must lie in the domain"):
        lr.explore(network, [2.0, 0.0, 0.0], domain=cube(3))
    with pytest.raises(lr.InvalidInput, match="max_cells must be at least 1"):
        lr.explore(network, [0.0, 0.0, 0.0], max_cells=0)
    with pytest.raises(lr.InvalidInput, match="radius must be a positive number"):
        lr.explore(network, [0.0, 0.0, 0.0], radius=-1)
    with pytest.raises(lr.InvalidInput, match="domain must be a Box, Polytope, Space or Slice in 3 dimensions"):
        lr.explore(network, [0.0, 0.0], domain=lr.Box([-1, -1], [1, 1]))
    assert "there are more" in repr(lr.explore(network, [0.0, 0.0, 0.0], max_cells=1))
