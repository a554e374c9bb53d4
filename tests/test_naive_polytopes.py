"""The slow twin of polytopes against known answers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from known_nets import arrangement, torch_net
from naive import enumerate_2d
from naive_polytopes import Complex, enumerate_polytope


def cube(dimension: int, radius: int = 1) -> list[list[int]]:
    """Inequalities ``row . (t, 1) >= 0`` of a cube about 0."""
    sides = [[sign * (i == j) for j in range(dimension)] for i in range(dimension) for sign in (1, -1)]
    return [[*side, radius] for side in sides]


def euler(net: Complex) -> int:
    return sum((-1) ** k * n for k, n in enumerate(net.f_vector))


@pytest.mark.parametrize(("n", "dimension"), [(8, 2), (6, 3), (7, 4), (6, 5)])
def test_faces_of_arrangements(n: int, dimension: int) -> None:
    """Buck 1943: inside a box that holds every vertex, all faces of hyperplanes in general position."""
    rows = np.random.default_rng(n).integers(-99, 100, (n, dimension + 1)).tolist()
    faces = [
        math.comb(n, dimension - k) * sum(math.comb(n - dimension + k, i) for i in range(k + 1))
        for k in range(dimension + 1)
    ]
    net = enumerate_polytope(arrangement(rows), cube(dimension, 10**4))
    inner = [sum(map(net.is_inner, own)) for own in net.faces]
    assert [*inner, len(net)] == faces
    assert euler(net) == 1
    assert net.volume == (2 * 10**4) ** dimension


@pytest.mark.parametrize(
    ("widths", "cells", "boundary"),
    [((3, 16, 16, 16, 1), 1373, 105.54337828849722), ((4, 12, 12, 1), 1226, 143.0278865056887)],
)
def test_seeded_torch_nets(widths: tuple[int, ...], cells: int, boundary: float) -> None:
    pytest.importorskip("torch")
    net = enumerate_polytope(torch_net(*widths), cube(widths[0]))
    assert len(net) == cells
    assert net.boundary_volume() == pytest.approx(boundary, rel=1e-12)
    assert net.volume == 2 ** widths[0]
    assert euler(net) == 1


def test_the_twin_of_polygons_agrees() -> None:
    layers = torch_net(2, 8, 8, 1)
    polygons = enumerate_2d(layers, [[-1, -1], [1, -1], [1, 1], [-1, 1]])
    net = enumerate_polytope(layers, cube(2))
    areas = {cell.pattern: cell.size for cell in polygons.cells}
    assert {cell.pattern: cell.volume for cell in net.cells} == areas
    assert net.per_layer == polygons.per_layer
    assert net.boundary_volume() == pytest.approx(polygons.boundary, rel=1e-14)
    assert net.boundary_volume(2) == len(polygons.interior_vertices)


def test_many_hyperplanes_through_one_point() -> None:
    """x = 0, y = 0, z = 0 and four planes through 0: corners with more than three facets, and pyramids."""
    rows = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 0], [1, -1, 0, 0], [0, 1, -1, 0], [1, 0, -1, 0]]
    net = enumerate_polytope(arrangement(rows), cube(3))
    assert net.volume == 8
    assert euler(net) == 1
    assert len(net) == len({cell.pattern for cell in net.cells})
    signs = np.sign(np.random.default_rng(0).integers(-500, 501, (20000, 3)) @ np.array(rows)[:, :3].T)
    assert len(net) == len(np.unique(signs[(signs != 0).all(axis=1)], axis=0))


def test_a_simplex_is_cut_in_half() -> None:
    simplex = [[*(int(i == j) for j in range(4)), 0] for i in range(4)] + [[-1, -1, -1, -1, 1]]
    net = enumerate_polytope(arrangement([[1, -1, 0, 0, 0]]), simplex)
    assert [cell.volume for cell in net.cells] == [Fraction(1, 2 * math.factorial(4))] * 2
    assert net.boundary_volume() == pytest.approx(math.sqrt(2) / 2 / math.factorial(3), rel=1e-14)
