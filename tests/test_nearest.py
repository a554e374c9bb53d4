"""Distances to the nearest boundary: against all cells of an enumeration, and in a network of many inputs."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest

import linear_regions as lr
from distances import report
from linear_regions.data import load_demo
from linear_regions.network import Activation, Affine, Unit

BOX = lr.Box([-2, -2], [2, 2])


def network_of(seed: int, outputs: int = 3, bias: float = 0.5) -> lr.Network:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) for shape in ((7, 2), (5, 7), (outputs, 5))]
    return lr.Network.from_arrays(weights, [rng.normal(size=n) * bias for n in (7, 5, outputs)])


def to_segment(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    way = b - a
    share = np.clip((point - a) @ way / max(way @ way, 1e-300), 0, 1)
    return float(np.linalg.norm(a + share * way - point))


def to_facets(r: lr.Regions, point: np.ndarray, *, bends: bool) -> float:
    """To the nearest edge between cells; with `bends` only those across which the map changes."""
    f, best = r.facets, math.inf
    for k, (i, j) in enumerate(f.cells.tolist()):
        if not bends or r.exact_map(i) != r.exact_map(j):
            a, b = r.vertex_coordinates[f.vertices[f.vertex_offsets[k] : f.vertex_offsets[k + 1]]]
            best = min(best, to_segment(point, a, b))
    return best


def to_decision(r: lr.Regions, point: np.ndarray) -> float:
    """To where another output is as large as the one that is largest at the point, polygon by polygon."""
    own = int(np.argmax(r.network(point[None])[0]))
    best = math.inf
    for i in range(len(r)):
        polygon = r.vertices(i)
        A, b = r.affine_maps.A[i], r.affine_maps.b[i]
        for k in range(len(b)):
            ahead = (polygon @ (A[k] - A[own])) + b[k] - b[own]
            ends = [
                p + (q - p) * (u / (u - v))
                for (p, u), (q, v) in pairwise([*zip(polygon, ahead, strict=True), (polygon[0], ahead[0])])
                if k != own and u * v < 0
            ]
            if len(ends) == 2:
                best = min(best, to_segment(point, *ends))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_distances_in_the_plane(seed: int) -> None:
    network, rng = network_of(seed), np.random.default_rng([seed, 1])
    r = lr.enumerate_regions(network, BOX)
    for point in rng.uniform(-1, 1, (4, 2)):
        for to, expected in (
            ("activation", to_facets(r, point, bends=False)),
            ("linear", to_facets(r, point, bends=True)),
            ("decision", to_decision(r, point)),
        ):
            found = lr.nearest_boundary(network, point, to=to, domain=BOX)  # type: ignore[arg-type]
            if expected == math.inf:
                assert found.distance == math.inf
                continue
            assert found.distance == pytest.approx(expected, rel=1e-9, abs=1e-12)
            assert found.lower <= expected * (1 + 1e-12)
            assert found.lower == pytest.approx(expected, rel=1e-9, abs=1e-12)
            assert np.linalg.norm(found.point - point) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("first", range(0, 16, 4))
def test_distances_and_balls_are_those_of_the_twin(first: int) -> None:
    assert report(range(first, first + 4)) == ""


@pytest.mark.parametrize("size", [1.0, 1e15, 1e16, 1e17, 1e300, 2.0**1023])
def test_the_class_is_exact_where_outputs_round_to_the_same(size: float) -> None:
    network = lr.Network.from_arrays([np.eye(2), [[size, 0], [size, 1]]], [[0, 0], [0, 0]])
    found = lr.nearest_boundary(network, [1.0, 1.0], to="decision")
    assert found.label == 0
    assert found.lower <= 1
    assert [found.lower, found.distance] == pytest.approx([1, 1])


def test_ties() -> None:
    """Where several classes are the largest the first of them is the point's, and the next is at distance zero."""
    network = lr.Network.from_arrays([[[0, 0], [1, 0], [0, 1], [0.5, 0.5]]], [[0, 0, 0, 0]])
    found = lr.nearest_boundary(network, [0.3, 0.3], to="decision")
    assert (found.distance, found.lower, found.label) == (0.0, 0.0, 2)
    assert found.point.tolist() == [0.3, 0.3]
    third = lr.Network.from_arrays([[[0.1, 0.2], [0.0, 0.0]]], [[0.0, 0.1 * 0.1 + 0.2 * 0.3]])
    found = lr.nearest_boundary(third, [0.1, 0.3], to="decision")  # not a tie, but less than floats tell
    values = Fraction(0.1) ** 2 + Fraction(0.2) * Fraction(0.3) - Fraction(0.1 * 0.1 + 0.2 * 0.3)
    assert values != 0
    assert found.label == (1 if values > 0 else 0)
    assert Fraction(found.lower) ** 2 * (Fraction(0.1) ** 2 + Fraction(0.2) ** 2) <= values**2
    assert 0 <= found.distance < 1e-15


def test_time_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """The message says how near there is nothing."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((12, 6), (12, 12), (2, 12))]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) for n in (12, 12)] + [np.array([0.0, 1e9])])
    began = perf_counter()
    with pytest.raises(lr.BudgetExceeded, match=r"time_limit of 0.3 s has passed: there is no boundary within \d"):
        lr.nearest_boundary(network, [0.0] * 6, to="decision", time_limit=0.3, max_cells=10**9, progress=True)
    assert perf_counter() - began < 5
    assert "cell" in capsys.readouterr().err


@pytest.mark.parametrize(("point", "label"), [([0.0, 0.0], 0), ([0.5, 0.75], 0), ([1.0, 0.0], 1)])
def test_a_single_output_decides_by_its_sign(point: list[float], label: int) -> None:
    network = lr.Network.from_arrays([[[-4, 1], [2, 3]], [[2, 3]]], [[3, -2], [-2]])
    output = float(network([point])[0, 0])
    found = lr.nearest_boundary(network, point, to="decision")
    assert found.label == (0 if output > 0 else 1) == label
    if point == [0.0, 0.0]:
        assert found.lower <= 2 / 17**0.5 * (1 + 1e-15)
        assert [found.lower, found.distance] == pytest.approx([2 / 17**0.5] * 2)
    beyond = np.array(point) + (1 + 1e-9) * (found.point - point)
    assert (float(network(beyond[None])[0, 0]) > 0) != (output > 0)
    zero = lr.nearest_boundary(lr.Network.from_arrays([[[1.0, 0.0]]], [[-0.5]]), [0.5, 3.0], to="decision")
    assert (zero.distance, zero.lower, zero.label) == (0.0, 0.0, 1)


def test_facets_that_the_output_does_not_see() -> None:
    """Neurons whose outgoing weights vanish, or whose successors are off, do not bend the map."""
    weights = [[[1, 0], [0, 1]], [[1, 0]], [[1]]]
    network = lr.Network.from_arrays(weights, [[0, 0], [1], [0]])  # the second neuron is not used
    point = [1.0, 0.25]
    assert lr.nearest_boundary(network, point, to="activation").distance == pytest.approx(0.25, rel=1e-12)
    found = lr.nearest_boundary(network, point)
    assert (found.distance, found.neuron) == (pytest.approx(1.0, rel=1e-12), 0)
    dead = lr.Network.from_arrays(weights, [[0, 0], [-(10.0**6)], [0]])
    assert lr.nearest_boundary(dead, point, domain=BOX).distance == math.inf


def test_networks_without_units_between() -> None:
    """An affine network decides by one hyperplane; units may also come last."""
    affine = lr.Network.from_arrays([[[3.0, 4.0], [0.0, 0.0]]], [[10.0, 0.0]])
    found = lr.nearest_boundary(affine, [0.0, 0.0], to="decision")
    assert (found.distance, found.label) == (pytest.approx(2.0, rel=1e-12), 1)
    assert lr.nearest_boundary(affine, [0.0, 0.0]).distance == math.inf
    ops = [Affine.from_arrays([[3.0, 4.0], [0.0, 1.0]], [10.0, 1.0]), Activation.from_units([Unit.relu()] * 2)]
    assert lr.nearest_boundary(lr.Network.chain(ops), [0.0, 0.0]).distance == pytest.approx(1.0, rel=1e-12)


def test_many_inputs() -> None:
    """On the way to the nearest other decision nothing else is decided, and just beyond it is."""
    rng = np.random.default_rng(4)
    weights = [rng.normal(size=shape) for shape in ((6, 40), (5, 6), (3, 5))]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) for n in (6, 5, 3)])
    for x in rng.normal(size=(5, 40)) / 4:
        found = lr.nearest_boundary(network, x, to="decision")
        own, way = int(np.argmax(network(x[None])[0])), found.point - x
        steps = x + np.linspace(0, 0.999, 50)[:, None] * way
        assert (np.argmax(network(steps), axis=1) == own).all()
        assert int(np.argmax(network((x + 1.001 * way)[None])[0])) == found.label
        assert found.distance == pytest.approx(float(np.linalg.norm(way)), rel=1e-9)
        assert found.lower == pytest.approx(found.distance, rel=1e-9)
        directions = rng.normal(size=(2000, 40))
        sphere = x + 0.999 * found.lower * directions / np.linalg.norm(directions, axis=1)[:, None]
        assert (np.argmax(network(sphere), axis=1) == own).all()


def test_an_image() -> None:
    """The nearest bend is the facet of least |z| / |gradient|, as all neurons near an image are seen by some output."""
    case = load_demo(epoch=20)
    network = lr.Network.from_arrays(case.weights, case.biases)
    x = case.images_012[0]
    found = lr.nearest_boundary(network, x)
    closed = lr.nearest_boundary(network, x, to="activation")
    assert found.distance == closed.distance
    z = network.preactivations((x + (1 + 1e-6) * (found.point - x))[None])
    before, after = (np.concatenate([own[0] > 0 for own in rows]) for rows in (network.preactivations(x[None]), z))
    assert np.flatnonzero(before != after).tolist() == [found.neuron]


def test_what_is_refused() -> None:
    network = network_of(0)
    with pytest.raises(lr.InvalidInput, match='to must be "activation", "linear" or "decision"'):
        lr.nearest_boundary(network, [0.0, 0.0], to="bend")  # type: ignore[arg-type]
    for time_limit in (0, -1.0, math.nan, "1"):
        with pytest.raises(lr.InvalidInput, match="time_limit must be a positive number of seconds"):
            lr.nearest_boundary(network, [0.0, 0.0], time_limit=time_limit)  # type: ignore[arg-type]
    with pytest.raises(lr.InvalidInput, match="max_cells must be at least 1"):
        lr.nearest_boundary(network, [0.0, 0.0], max_cells=0)
    far = lr.Network.from_arrays([np.eye(2), [[1.0, 1.0], [0.0, 0.0]]], [[0.0, 0.0], [0.0, 1e9]])
    with pytest.raises(lr.BudgetExceeded, match="stopped at max_cells=.* raise max_cells"):
        lr.nearest_boundary(far, [0.5, 0.5], to="decision", max_cells=1)


@pytest.mark.parametrize("unit", ["relu", "relu6"])
def test_the_first_boundary_of_a_deep_network_of_many_inputs(unit: str) -> None:
    """One cell is looked at, and its nearest hyperplane is where the map changes."""
    rng = np.random.default_rng(4)
    sizes = [784, *[20] * 6, 10]
    weights = [rng.normal(size=(n, k)) * (2 / k) ** 0.5 for k, n in pairwise(sizes)]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) * 0.1 for n in sizes[1:]], unit)
    point = rng.normal(size=784)
    linear, activation = (lr.nearest_boundary(network, point, to=to) for to in ("linear", "activation"))
    assert linear.n_cells == 1
    assert linear.distance == activation.distance
