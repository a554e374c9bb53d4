"""The slow twin against closed forms, and the families against what they promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest

import naive
from families import FAMILIES, random_case
from known_nets import Case, arrangement, box, cube, degenerate_cases, he_net, relu_net, telgarsky, torch_net, zhang
from naive import enumerate_1d, enumerate_2d

HALF = Fraction(1, 2)
SQUARE = cube(2).vertices


def generic_lines(count: int, seed: int) -> list[tuple[int, int, int]]:
    """Integer lines, no two parallel and no three through one point, all crossings inside [-10^4, 10^4]^2."""
    rng = np.random.default_rng(seed)
    lines: list[tuple[int, int, int]] = []
    crossings: set[tuple[Fraction, Fraction]] = set()
    while len(lines) < count:
        a, b, c = (int(v) for v in rng.integers(-50, 51, 3))
        if any(a * q == b * p for p, q, _ in lines):
            continue
        new = {(Fraction(b * r - q * c, a * q - b * p), Fraction(p * c - a * r, a * q - b * p)) for p, q, r in lines}
        if len(new) == len(lines) and not new & crossings and (a or b):
            crossings |= new
            lines.append((a, b, c))
    assert all(max(abs(x), abs(y)) < 10**4 for x, y in crossings)
    return lines


@pytest.mark.parametrize("count", [1, 3, 8, 14])
def test_arrangement_has_zaslavskys_and_bucks_faces(count: int) -> None:
    lines = generic_lines(count, seed=count)
    net = enumerate_2d(arrangement(lines), box([-1e4, -1e4], [1e4, 1e4]).vertices)
    outer = {point for facet in net.outer_facets for point in facet}
    bounded = sum(not outer & set(cell.points) for cell in net.cells)
    vertices, edges = math.comb(count, 2), count**2
    assert (len(net), len(net.facets), len(net.interior_vertices)) == (1 + count + vertices, edges, vertices)
    assert bounded == math.comb(count - 1, 2)
    for (a, b, c), (p, q, r) in combinations(lines, 2):
        det = a * q - b * p
        assert (Fraction(b * r - q * c, det), Fraction(p * c - a * r, det)) in net.interior_vertices


def test_central_arrangement_has_two_cells_per_line() -> None:
    angles = [(3, 1), (1, 2), (-1, 5), (7, -3), (2, 2), (0, 1)]
    net = enumerate_2d(arrangement([(*a, 0) for a in angles]), SQUARE)
    assert len(net) == 2 * len(angles)
    assert net.interior_vertices == ((0, 0),)


@pytest.mark.parametrize("times", range(1, 9))
def test_telgarsky_has_every_dyadic_breakpoint(times: int) -> None:
    net = enumerate_1d(telgarsky(times), 0, 1)
    assert net.breakpoints == tuple(Fraction(k, 2**times) for k in range(1, 2**times))
    assert net.per_layer == tuple(2**k for k in range(1, times + 1))
    slopes = [cell.affine_map[0][0][0] for cell in sorted(net.cells, key=lambda c: c.vertices)]
    assert slopes == [(-1) ** k * 2**times for k in range(2**times)]
    plane = enumerate_2d(telgarsky(times, inputs=2), box([0, 0], [1, 1]).vertices)
    assert (len(plane), plane.boundary) == (2**times, 2.0**times - 1)


def test_zhangs_slabs_slopes_and_function_pieces() -> None:
    knots, jumps = [-0.75, -0.5, 0.125, 0.25, 0.875], [3.0, 0.0, -2.0, -1.0, 4.0]
    net = enumerate_2d(zhang([1.0, 0.0], knots, jumps), SQUARE)
    assert len(net) == 6
    assert net.n_open_regions == net.n_closed_regions == 5
    assert net.n_distinct_maps == 5  # slopes 0, 3, 3, 1, 0, 4: the two constant slabs have different values
    assert net.boundary == 10.0
    assert net.boundary_by_neuron(only_jumps=True) == {0: 2.0, 2: 2.0, 3: 2.0, 4: 2.0}
    for cell in net.cells:
        slope = sum(jump for knot, jump in zip(knots, jumps, strict=True) if knot < cell.centre[0])
        assert cell.affine_map[0] == ((slope, 0),)


@pytest.mark.parametrize(("case", "count"), [pytest.param(*c, id=c[0].description) for c in degenerate_cases()])
def test_degenerate_nets(case: Case, count: int) -> None:
    net = case.enumerate()
    assert len(net) == count
    check_complex(case, net)


def test_one_unit_in_the_last_place_opens_a_triangle() -> None:
    lines = [[1.0, 0, -0.25], [0, 1.0, -0.25], [1.0, -1.0, math.ulp(0.0)]]
    net = enumerate_2d(arrangement(lines), SQUARE)
    assert len(net) == 7
    assert min(cell.size for cell in net.cells) == Fraction(math.ulp(0.0)) ** 2 / 2


@pytest.mark.parametrize(
    ("widths", "count", "length"), [((16, 16), 127, 36.851632650721704), ((32, 32, 32), 1180, 121.80330326853776)]
)
def test_seeded_torch_nets(widths: tuple[int, ...], count: int, length: float) -> None:
    pytest.importorskip("torch")
    net = enumerate_2d(torch_net(2, *widths, 1), SQUARE)
    assert len(net) == count
    assert net.boundary == pytest.approx(length, rel=1e-12)


def test_regions_by_definition() -> None:
    # min(relu(x), relu(y)) + min(relu(-x), relu(-y)): zero on two opposite quadrants, which share the origin only
    layers = relu_net(
        [[[1, 0], [0, 1], [-1, 0], [0, -1]], [[0, 1, 0, 0], [-1, 1, 0, 0], [0, 0, 0, 1], [0, 0, -1, 1]], [[1, -1] * 2]],
        [[0] * 4, [0] * 4, [0]],
    )
    net = enumerate_2d(layers, SQUARE)
    assert (net.n_distinct_maps, net.n_closed_regions, net.n_open_regions, len(net)) == (5, 5, 6, 6)
    pair = relu_net([[[1], [-1]], [[1, 1]]], [[0, 0], [0]])
    line = enumerate_1d(pair, -1, 1)
    assert (len(line), naive.count_activation_regions(pair, line)) == (2, 3)


def test_whole_and_half_lines() -> None:
    layers = he_net(1, 6, 5)
    line, segment = enumerate_1d(layers, -math.inf, math.inf), enumerate_1d(layers, -(2**40), 2**40)
    assert line.breakpoints == segment.breakpoints
    assert [c.pattern for c in line.cells] == [c.pattern for c in segment.cells]
    assert sum(cell.size == math.inf for cell in line.cells) == 2
    half = enumerate_1d(layers, 0, math.inf)
    assert half.breakpoints == tuple(t for t in line.breakpoints if t > 0)
    constant = relu_net([[[0.0]] * 3, [[1.0] * 3]], [[1.0, 0.0, -1.0], [0.0]])
    assert [c.pattern for c in enumerate_1d(constant, -math.inf, math.inf).cells] == [(1, 0, 0)]


def test_units_with_two_breakpoints() -> None:
    layers: list[naive.Layer] = [(np.array([[2.0], [0.0]]), np.array([0.0, 3.0]), [naive.HARDSIGMOID] * 2)]
    net = enumerate_1d(layers, -4, 4)
    assert net.breakpoints == (Fraction(-3, 2), Fraction(3, 2))
    assert [c.pattern for c in net.cells] == [(0, 1), (1, 1), (2, 1)]  # z = 3 everywhere: the lower piece
    assert net.cells[1].affine_map == (((Fraction(1, 3),), (0,)), (HALF, 1))


def test_embedded_segment_crosses_the_plane_s_facets() -> None:
    layers = he_net(2, 8, 8, seed=3)
    plane = enumerate_2d(layers, SQUARE)
    start, direction = (Fraction(-1), Fraction(-3, 7)), (Fraction(2), Fraction(10, 11))
    line = enumerate_1d(layers, 0, 1, start, direction)
    crossed = set()
    for facet in plane.facets:
        (u, v), (s, t) = (tuple(Fraction(x, p[2]) for x in p[:2]) for p in facet.points)
        one, two = (direction[0] * (y - start[1]) - direction[1] * (x - start[0]) for x, y in ((u, v), (s, t)))
        if one * two < 0:
            x = u + (s - u) * one / (one - two)
            crossed.add((x - start[0]) / direction[0])
    assert line.breakpoints == tuple(sorted(crossed))


@pytest.mark.parametrize(
    "polygon", [SQUARE[::-1], SQUARE[:2], [(0, 0), (1, 1), (2, 2)], [(0, 0), (2, 0), (1, HALF), (2, 2)]]
)
def test_polygon_must_be_convex_and_counter_clockwise(polygon: Sequence[Sequence[naive.Number]]) -> None:
    with pytest.raises(ValueError, match="convex and counter-clockwise"):
        enumerate_2d(he_net(2, 2), polygon)


def test_collinear_corners_of_the_domain_do_not_matter() -> None:
    polygon = [*SQUARE[:1], (0, -1), *SQUARE[1:]]
    assert enumerate_2d(he_net(2, 6), polygon) == enumerate_2d(he_net(2, 6), SQUARE)


@pytest.mark.parametrize("seed", range(4 * len(FAMILIES)))
def test_random_cases_are_complexes(seed: int) -> None:
    case = random_case(seed)
    check_complex(case, case.enumerate())


def test_random_cases_are_deterministic_and_exact_in_float64() -> None:
    for seed in range(100):
        first, second = random_case(seed), random_case(seed)
        assert first.description == second.description
        assert first.domain.vertices == second.domain.vertices
        for one, two in zip(first.layers, second.layers, strict=True):
            assert one[0].tobytes() == two[0].tobytes() and one[1].tobytes() == two[1].tobytes()
        if first.domain.dimension == 2:
            normals, shifts = first.domain.halfspaces
            slack = shifts - np.array(first.domain.vertices, dtype=float) @ normals.T
            assert (slack >= 0).all() and ((slack == 0).sum(axis=1) == 2).all()


def check_complex(case: Case, net: naive.Complex) -> None:
    """What holds for the exact complex of any continuous network."""
    corners = case.domain.vertices
    assert net.total_size == domain_size(corners)
    assert net.per_layer[-1:] in ((), (len(net),))  # (): no unit has a breakpoint
    assert len({cell.pattern for cell in net.cells}) == len(net)
    assert net.n_distinct_maps <= net.n_closed_regions <= net.n_open_regions <= len(net)
    assert math.fsum(net.boundary_by_neuron().values()) == pytest.approx(net.boundary, rel=1e-12)
    points = {point for cell in net.cells for point in cell.points}
    if net.dimension == 2:  # Euler's formula; the sides of the cells tile the boundary of the domain
        assert len(points) - len(net.facets) - len(net.outer_facets) + len(net) == 1
        sides = list(zip(corners, corners[1:] + corners[:1], strict=True))
        assert all(any(on_side(facet, side) for side in sides) for facet in net.outer_facets)
    else:
        assert len(net) == len(net.breakpoints) + 1
    for cell in net.cells[:: 1 + len(net) // 6]:  # evaluation term by term is slow: a few cells
        corner = cell.vertices[len(cell.vertices) // 2]
        near = tuple(c + (Fraction(v) - c) * (1 - Fraction(1, 2**30)) for v, c in zip(corner, cell.centre, strict=True))
        for t in (cell.centre, near):
            pattern, output = naive.forward(case.layers, case.domain.embed(t))
            assert pattern == cell.pattern
            assert output == apply(cell, t)
    for facet in net.facets:
        one, two = (net.cells[i] for i in facet.cells)
        for point in facet.points:
            assert on_point(one.rows, point) == on_point(two.rows, point)


def domain_size(corners: Sequence[Sequence[Fraction]]) -> Fraction:
    if len(corners[0]) == 1:
        return corners[1][0] - corners[0][0]
    return sum((a * d - b * c for (a, b), (c, d) in pairwise([*corners, corners[0]])), Fraction(0)) / 2


def on_side(facet: Sequence[naive.Point], side: Sequence[Sequence[Fraction]]) -> bool:
    (a, b), (c, d) = side
    return all((c - a) * (y - b * w) == (d - b) * (x - a * w) for x, y, w in facet)


def on_point(rows: naive.Rows, point: naive.Point) -> list[int]:
    return [sum(a * b for a, b in zip(row, point, strict=True)) for row in rows]


def apply(cell: naive.Cell, t: Sequence[Fraction]) -> tuple[Fraction, ...]:
    matrix, shift = cell.affine_map
    return tuple(sum((a * s for a, s in zip(row, t, strict=True)), b) for row, b in zip(matrix, shift, strict=True))
