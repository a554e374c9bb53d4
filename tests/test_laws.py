"""The engines against closed forms, bounds from theory and counts that others published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

import linear_regions as lr
from convert import enumerated, to_network
from known_nets import arrangement, he_net, relu_net, telgarsky, torch_net, zhang
from naive import Layer

SQUARE = lr.Box([-1, -1], [1, 1])


def tangents(count: int, seed: int = 0) -> list[Layer]:
    """Lines tangent to the unit circle: no two parallel, no three through one point, all crossings in [-4, 4]^2."""
    angle = np.random.default_rng(seed).uniform(0, 2.5, count)
    return arrangement(np.column_stack([np.cos(angle), np.sin(angle), -np.ones(count)]))


# Arrangements


@pytest.mark.parametrize("count", [1, 2, 8, 40, 130])
def test_generic_lines_have_zaslavskys_and_bucks_faces(count: int) -> None:
    r = enumerated(tangents(count), lr.Box([-4, -4], [4, 4]))
    r.check()
    vertices, edges = math.comb(count, 2), count**2
    assert len(r) == 1 + count + vertices
    assert r.geometry.n_interior_vertices == vertices
    assert np.count_nonzero(r.geometry.interior) == edges
    outer = np.zeros(len(r.vertex_coordinates), bool)
    outer[r.geometry.ends[~r.geometry.interior]] = True
    touching = np.add.reduceat(outer[r.cell_vertices], r.cell_vertex_offsets[:-1])
    assert np.count_nonzero(touching == 0) == math.comb(count - 1, 2)
    if count == 8:
        assert (vertices, edges, len(r), math.comb(7, 2)) == (28, 64, 37, 21)


@pytest.mark.parametrize("count", [1, 2, 7, 50])
def test_generic_points_cut_a_line_into_one_interval_more(count: int) -> None:
    points = np.random.default_rng(count).normal(size=count) * 1e3
    r = enumerated(arrangement([(1.0, -p) for p in points]), lr.Line([0.0], [1.0]))
    assert len(r) == count + 1
    assert np.array_equal(r.vertex_coordinates[1:-1, 0], np.sort(points))


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_central_lines_have_two_cells_each(count: int) -> None:
    rows = np.random.default_rng(count).normal(size=(count, 2))
    r = enumerated(arrangement(np.column_stack([rows, np.zeros(count)])), SQUARE)
    r.check()
    assert len(r) == 2 * count
    assert r.geometry.n_interior_vertices == int(count > 1)
    assert (count == 1) or [0.0, 0.0] in r.vertex_coordinates.tolist()


def test_central_points_cut_a_line_in_two() -> None:
    assert len(enumerated(arrangement([(1, 0), (-3, 0), (0.1, 0)]), lr.Line([0.0], [1.0]))) == 2


# Constructions


@pytest.mark.parametrize("times", range(1, 21))
def test_telgarsky_on_a_segment_has_every_dyadic_breakpoint(times: int) -> None:
    r = enumerated(telgarsky(times), lr.Box([0], [1]))
    assert r.per_layer.tolist() == [2**k for k in range(1, times + 1)]
    assert np.array_equal(r.vertex_coordinates[:, 0], np.arange(2**times + 1) / 2**times)


@pytest.mark.parametrize("times", [1, 2, 5, 9])
def test_telgarsky_maps_volumes_and_the_whole_line(times: int) -> None:
    r = enumerated(telgarsky(times), lr.Box([0], [1]))
    r.check()
    assert r.exact_volumes() == [Fraction(1, 2**times)] * 2**times
    slopes, shifts = r.affine_maps
    assert slopes.ravel().tolist() == [(-1) ** k * 2.0**times for k in range(2**times)]
    assert shifts.ravel().tolist() == [float(k + k % 2) * (-1) ** (k + 1) for k in range(2**times)]
    line = enumerated(telgarsky(times), lr.Line([0.0], [1.0]))
    assert len(line) == 2**times + (1 if times == 1 else 2)  # off on the left; on the right the next layer is off


@pytest.mark.parametrize("times", range(1, 13))
def test_telgarsky_in_the_plane_keeps_its_count(times: int) -> None:
    r = enumerated(telgarsky(times, inputs=2), lr.Box([0, 0], [1, 1]))
    r.check()
    assert len(r) == 2**times  # 1024 for times = 10
    assert set(r.vertex_coordinates[:, 0]) == {k / 2**times for k in range(2**times + 1)}
    assert set(r.vertex_coordinates[:, 1]) == {0.0, 1.0}
    assert r.boundary_volume() == 2**times - 1


def function_pieces(r: lr.Regions) -> int:
    """Of slabs one beside the other: one more than facets where the map changes."""
    exact = [r.exact_map(cell) for cell in range(len(r))]
    return 1 + sum(exact[i] != exact[j] for i, j in r.facets.cells.tolist())


def test_zhangs_slabs_slopes_and_function_pieces() -> None:
    knots, jumps = [-0.75, -0.5, 0.125, 0.25, 0.875], [3.0, 0.0, -2.0, -1.0, 4.0]
    r = enumerated(zhang([1.0, 0.0], knots, jumps), SQUARE)
    r.check()
    assert len(r) == len(knots) + 1
    assert function_pieces(r) == 1 + np.count_nonzero(jumps)
    assert r.count("R6") == 5  # slopes 0, 3, 3, 1, 0, 4: the two constant slabs have different values
    assert r.boundary_volume() == 2 * len(knots)
    totals = np.concatenate([[0.0], np.cumsum(jumps)])
    slabs = np.sum(r.patterns, axis=1)
    assert sorted(slabs) == list(range(len(knots) + 1))
    slopes = r.affine_maps[0]
    assert np.array_equal(slopes[:, 0, 0], totals[slabs])
    assert not slopes[:, 0, 1].any()
    widths = np.diff([-1.0, *knots, 1.0])
    assert r.exact_volumes() == [Fraction(2 * widths[k]) for k in slabs]
    assert (np.abs(r.volumes - 2 * widths[slabs]) <= r.volume_errors).all()


def test_zhangs_net_interpolates_on_a_slice_of_ten_dimensions() -> None:
    rng = np.random.default_rng(5)
    direction, points, targets = rng.normal(size=10), rng.normal(size=(20, 10)), rng.normal(size=20)
    order = np.argsort(points @ direction)
    z, targets = (points @ direction)[order], targets[order]
    knots = np.concatenate([[z[0] - (z[1] - z[0]) / 2], (z[:-1] + z[1:]) / 2])
    jumps = np.linalg.solve(np.maximum(z[:, None] - knots, 0.0), targets)
    layers = zhang(direction.tolist(), knots.tolist(), jumps.tolist())
    np.testing.assert_allclose(to_network(layers)(points[order])[:, 0], targets, atol=1e-9)
    basis = np.column_stack([direction / (direction @ direction), rng.normal(size=10)])
    basis[:, 1] -= (basis[:, 1] @ direction) / (direction @ direction) * direction
    r = enumerated(layers, lr.Slice(np.zeros(10), basis, lr.Box([knots[0] - 1, -1], [knots[-1] + 1, 1])))
    assert (len(r), function_pieces(r)) == (21, 1 + np.count_nonzero(jumps))
    slopes = r.affine_maps[0][:, 0, 0]
    expected = np.concatenate([[0.0], np.cumsum(jumps)])[r.patterns.sum(axis=1)]
    np.testing.assert_allclose(slopes, expected, rtol=1e-12, atol=1e-10)


# Seeded nets


@pytest.mark.parametrize(
    ("sizes", "count", "length"),
    [
        ((2, 16, 16, 1), 127, 36.851632650721704),
        ((2, 32, 32, 32, 1), 1180, 121.80330326853776),
        ((2, 64, 64, 64, 1), 6668, None),
    ],
)
def test_seeded_torch_nets(sizes: tuple[int, ...], count: int, length: float | None) -> None:
    pytest.importorskip("torch")
    r = enumerated(torch_net(*sizes), SQUARE)
    r.check()
    assert len(r) == count
    assert length is None or r.boundary_volume() == pytest.approx(length, rel=1e-12)


@pytest.mark.parametrize(
    ("widths", "count"),
    [
        ((128, 128, 128), 62_946),
        ((256, 256), 114_697),
        pytest.param((128,) * 6, 218_482, marks=pytest.mark.slow),
    ],
)
def test_larger_seeded_nets(widths: tuple[int, ...], count: int) -> None:
    r = enumerated(he_net(2, *widths), SQUARE)
    assert len(r) == count
    assert r.volumes.sum() == pytest.approx(4.0, rel=1e-12)
    assert generic_count(r) == count


# Identities of counts


def generic_count(r: lr.Regions) -> int:
    """1 + V + X / 2: interior vertices, and crossings on the boundary of the square or polygon."""
    outer = np.count_nonzero(~r.geometry.interior)  # as many edges as vertices on a closed boundary
    corners = len(set(r.geometry.label[~r.geometry.interior].tolist()))
    assert (outer - corners) % 2 == 0
    return 1 + r.geometry.n_interior_vertices + (outer - corners) // 2


@pytest.mark.parametrize("seed", range(20))
def test_a_generic_complex_has_one_cell_more_than_crossings(seed: int) -> None:
    r = enumerated(he_net(2, *np.random.default_rng(seed).integers(3, 20, 3).tolist(), seed=seed), SQUARE)
    assert len(r) == generic_count(r)
    degrees = 2 * np.count_nonzero(r.geometry.interior) / len(r)
    assert degrees <= 4


def serra(inputs: int, widths: Sequence[int]) -> int:
    """Serra, Tjandraatmadja and Ramalingam 2018, Theorem 1."""
    total = 0
    for chosen in product(*(range(n + 1) for n in widths)):
        rooms = [inputs, *(n - j for n, j in zip(widths, chosen, strict=True))]
        if all(j <= min(rooms[: level + 1]) for level, j in enumerate(chosen)):
            total += math.prod(math.comb(n, j) for n, j in zip(widths, chosen, strict=True))
    return total


def montufar(inputs: int, widths: Sequence[int]) -> int:
    """Montufar 2017, Proposition 3."""
    rooms = [min([inputs, *widths[:level]]) for level in range(len(widths))]
    return math.prod(sum(math.comb(n, j) for j in range(room + 1)) for n, room in zip(widths, rooms, strict=True))


def raghu(inputs: int, width: int, depth: int) -> int:
    """Raghu et al. 2017, Theorem 1, with all its terms."""
    return sum(math.comb(width, j) for j in range(inputs + 1)) ** depth


def test_upper_bounds_have_their_published_values() -> None:
    assert (serra(1, (4, 4, 4)), montufar(1, (4, 4, 4)), raghu(1, 4, 3)) == (125, 125, 125)
    assert (serra(3, (10, 2, 10)), montufar(3, (10, 2, 10))) == (13904, 39424)
    assert (serra(784, (11, 11)), montufar(784, (11, 11))) == (2449868, 4194304)


@pytest.mark.parametrize("seed", range(12))
def test_no_net_exceeds_the_upper_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dimension, depth = 1 + seed % 2, int(rng.integers(1, 4))
    width = int(rng.integers(1, 8))
    box = lr.Box([-20.0] * dimension, [20.0] * dimension)
    layers = he_net(dimension, *[width] * depth, seed=seed)
    count = len(enumerated(layers, box))
    assert count <= serra(dimension, [width] * depth) <= montufar(dimension, [width] * depth)
    assert montufar(dimension, [width] * depth) <= raghu(dimension, width, depth)
    uneven = rng.integers(1, 8, depth).tolist()
    assert len(enumerated(he_net(dimension, *uneven, seed=seed), box)) <= serra(dimension, uneven)


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_three_units_a_layer_attain_the_bound_of_one_dimension(depth: int) -> None:
    """Slopes 3, -3, 6, -6 fold [0, 1] onto itself four times: prod (n + 1) cells (Serra et al. 2018, Theorem 7)."""
    signs = np.array([[1.0], [-1.0], [-1.0]])
    knots = np.array([1.0, 2.0, 2.5]) / 3
    fold = np.array([[-6.0, 9.0, -12.0]])
    weights = [signs, *[signs @ fold] * (depth - 1), fold]
    biases = [-signs[:, 0] * knots, *[signs[:, 0] * (4 - knots)] * (depth - 1), [4.0]]
    r = enumerated(relu_net(weights, biases), lr.Box([0], [1]))
    assert len(r) == 4**depth == serra(1, [3] * depth)
