"""Degenerate networks as ordinary input: concurrent, repeated, dead neurons, extreme numbers, odd shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from convert import differences, enumerated, regions_of, to_network
from known_nets import Case, Domain, arrangement, box, cube, degenerate_cases, relu_net, telgarsky
from naive import ABS, HARDTANH, Layer, leaky_relu

SQUARE = lr.Box([-1, -1], [1, 1])


def agrees(layers: list[Layer], domain: Domain) -> None:
    assert not differences(Case(layers, domain, ""))


@pytest.mark.parametrize(("case", "count"), [pytest.param(*c, id=c[0].description) for c in degenerate_cases()])
def test_nets_that_break_other_tools(case: Case, count: int) -> None:
    r = regions_of(case)
    r.check()
    assert len(r) == count
    assert lr.count_regions(to_network(case.layers), r.domain) == count
    assert not differences(case)


def test_telgarsky_ten_times_on_the_unit_square() -> None:
    assert len(enumerated(telgarsky(10, inputs=2), lr.Box([0, 0], [1, 1]))) == 1024


@pytest.mark.parametrize("seed", range(113))
def test_small_biases(seed: int) -> None:
    """Biases of deviation 1e-4 to 0.1, in float32: vertices crowd near the origin."""
    rng = np.random.default_rng([113, seed])
    sizes = [2, *rng.integers(3, 7, 2).tolist(), 1]
    deviation = 10 ** rng.uniform(-4, -1)
    shapes = [(sizes[i + 1], sizes[i]) for i in range(3)]
    weights = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    agrees(relu_net(weights, [(rng.normal(size=n) * deviation).astype(np.float32) for n, _ in shapes]), cube(2))


# Concurrence


def star(count: int, centre: tuple[int, int] = (0, 0)) -> list[list[float]]:
    """Integer lines through a lattice point, rows (a, b, c)."""
    slopes = [(1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2), (3, 1), (1, 3), (3, -1), (1, -3)]
    return [[a, b, -a * centre[0] - b * centre[1]] for a, b in slopes[:count]]


@pytest.mark.parametrize("count", [3, 6, 12])
def test_integer_lines_through_one_point_and_again_in_the_next_layer(count: int) -> None:
    lines = np.array(star(count), dtype=float)
    second = np.concatenate([np.eye(count), np.ones((1, count)), np.arange(count)[None] - 2.0])
    once = arrangement(lines.tolist())
    twice = relu_net([lines[:, :2], second, np.ones((1, count + 2))], [lines[:, 2], np.full(count + 2, -1.0), [0]])
    assert len(enumerated(once, lr.Box([-2, -2], [2, 2]))) == 2 * count
    for layers in (once, twice):
        agrees(layers, box([-2, -2], [2, 2]))


def test_stars_that_share_lines_and_lattice_points() -> None:
    lines = [*star(8), *star(8, (1, 1)), *star(8, (-1, 0))]
    agrees(arrangement(lines), box([-2, -2], [2, 2]))


@pytest.mark.parametrize("seed", range(12))
def test_a_dozen_integer_lines_in_one_and_two_layers(seed: int) -> None:
    rng = np.random.default_rng([12, seed])
    lines = rng.integers(-2, 3, (12, 3))
    agrees(arrangement(lines.tolist()), box([-2, -2], [2, 2]))
    weights = [lines[:, :2], rng.integers(-1, 2, (8, 12)), np.ones((1, 8))]
    agrees(relu_net(weights, [lines[:, 2], rng.integers(-3, 4, 8), [0]]), box([-2, -2], [2, 2]))


def test_lines_that_meet_only_nearly() -> None:
    """Three lines through (1/3, 1/7) but for one unit in the last place, either way, give 7 cells; exactly, 6."""
    assert len(enumerated(arrangement([[3, 0, -1], [0, 7, -1], [3, -7, 0]]), SQUARE)) == 6
    for direction in (-math.inf, math.inf):
        lines = [[3, 0, -1], [0, 7, math.nextafter(-1, direction)], [3, -7, 0]]
        r = enumerated(arrangement(lines), SQUARE)
        r.check()
        assert len(r) == 7
        assert 0 < min(r.exact_volumes()) < Fraction(1, 10**32)
        agrees(arrangement(lines), cube(2))


# Copies, dead neurons and layers


@pytest.mark.parametrize("widths", [(4,), (3, 4), (4, 3, 3)])
def test_tripled_neurons(widths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(widths))
    sizes, weights, biases = [2, *widths], [], []
    for k, n in zip(sizes, sizes[1:], strict=False):
        w, b = rng.normal(size=(n, k)), rng.normal(size=n) * 0.3
        if weights:
            w = np.hstack([w, w, -w])
        weights.append(np.concatenate([w, w, -w]))
        biases.append(np.concatenate([b, b, -b]))
    agrees(relu_net([*weights, np.ones((1, 3 * widths[-1]))], [*biases, [0.0]]), cube(2))


@pytest.mark.parametrize("domain", [cube(1), cube(2)])
def test_zero_rows_cut_nothing(domain: Domain) -> None:
    zeros = np.zeros((3, domain.dimension))
    layers = relu_net([zeros, np.eye(3), np.ones((1, 3))], [[0, 1, -1], [0, -1, 1], [0]])
    r = enumerated(layers, domain)
    r.check()
    assert r.patterns.tolist() == [[0, 1, 0, 0, 0, 1]]
    assert r.per_layer.tolist() == [1, 1]
    assert r.boundary_volume() == 0


def test_a_dead_layer_ends_every_refinement() -> None:
    rng = np.random.default_rng(3)
    shapes = [(6, 2), (5, 6), (4, 5), (1, 4)]
    weights = [rng.normal(size=shape) for shape in shapes]
    biases = [rng.normal(size=n) for n, _ in shapes]
    biases[1][:] = -1e3
    r = enumerated(relu_net(weights, biases), SQUARE)
    r.check()
    assert r.per_layer.tolist() == [r.per_layer[0]] * 3
    assert not r.patterns[:, 6:11].any()
    assert r.count("R6") == 1
    agrees(relu_net(weights, biases), cube(2))


def test_a_next_layer_of_multiples_of_existing_facets() -> None:
    """Every neuron of the second layer vanishes where one of the first does, or nowhere else."""
    first, shift = np.array([[1.0, 2.0], [-3.0, 1.0], [0.5, -1.0]]), np.array([0.1, -0.2, 0.0])
    second = np.array([[2.0, 0, 0], [0, -1.0, 0], [0, 0, 0.3], [1e-30, 0, 0]])
    layers = relu_net([first, second, np.ones((1, 4))], [shift, np.zeros(4), [0.0]])
    r = enumerated(layers, SQUARE)
    assert r.per_layer[0] == r.per_layer[1] == len(r)
    agrees(layers, cube(2))


def test_a_layer_that_vanishes_on_some_cells_only() -> None:
    layers = relu_net([[[1, 0], [0, 1]], [[1, -1], [1, 1]], [[1, 1], [2, -2]], [[1, 1]]], [[0, 0], [0, 0], [0, 0], [0]])
    agrees(layers, cube(2))
    agrees(layers, box([-1, -1], [0, 0]))  # everything off


# The boundary of the domain


@pytest.mark.parametrize(
    ("line", "count"),
    [((1, 0, -1), 1), ((0, 1, 1), 1), ((1, 1, -2), 1), ((1, 1, 0), 2), ((1, -1, 0), 2), ((1, 0, -1 + 2**-53), 2)],
)
def test_a_line_along_the_side_or_through_a_corner(line: tuple[float, ...], count: int) -> None:
    for sign in (1, -1):
        layers = arrangement([[sign * v for v in line]])
        r = enumerated(layers, SQUARE)
        r.check()
        assert len(r) == count
        agrees(layers, cube(2))


def test_a_point_at_the_end_of_a_segment_cuts_nothing() -> None:
    assert len(enumerated(arrangement([[1, -1], [-1, -1], [2, -1]]), lr.Box([-1], [1]))) == 2
    agrees(arrangement([[1, -1], [-1, -1], [2, -1]]), cube(1))


def test_second_layer_lines_along_the_domain() -> None:
    layers = relu_net([[[1, 0], [0, 1]], [[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[1, 1], [-2, -2, -4], [0]])
    assert len(enumerated(layers, SQUARE)) == 1
    agrees(layers, cube(2))


def test_thin_and_far_domains() -> None:
    layers = relu_net([[[1, 1], [1, -1], [3, 1]], [[1, -2, 1], [1, 1, -1]], [[1, 1]]], [[0, -1, 1], [-1, 2], [0]])
    for low, high in (
        ((0, 0), (1, 2**-60)),
        ((2**40, -(2**40)), (2**40 + 1, -(2**40) + 1)),
        ((-(2**60), 0), (2**60, 1)),
    ):
        agrees(layers, box([float(v) for v in low], [float(v) for v in high]))


# Extreme numbers


@pytest.mark.parametrize("scale", [1e300, 1e-300, 5e-324, 2.0**1000, 1e160, 1e-160])
def test_huge_and_tiny_weights(scale: float) -> None:
    """A factor on a whole first layer moves no line; one on a single column or bias may."""
    rows = np.array([[1, 2, 1], [-1, 1, 0], [2, -1, -1], [1, 1, 0]], dtype=float)
    second = np.array([[1, -1, 2, 1], [-2, 1, 0, 1]], dtype=float)
    for part in ((slice(None), slice(None)), (0, slice(None)), (slice(None), 2), (slice(1, 3), 0)):
        scaled = rows.copy()
        scaled[part] *= scale
        agrees(relu_net([scaled[:, :2], second, np.ones((1, 2))], [scaled[:, 2], [-1, 0.5], [0]]), cube(2))
    deep = second * scale
    agrees(relu_net([rows[:, :2], deep, np.ones((1, 2))], [rows[:, 2], [-1, 0.5], [0]]), cube(2))
    agrees(relu_net([rows[:, :2], second, np.ones((1, 2))], [rows[:, 2], np.array([-1, 0.5]) * scale, [0]]), cube(2))
    agrees(relu_net([rows[:, :1], second, np.ones((1, 2))], [rows[:, 1] * scale, [-1, 0.5], [0]]), cube(1))


@pytest.mark.parametrize("row", [(5e-324, 0.0, 0.0), (5e-324, -1.5e-323, 5e-324), (1e-320, 3e-322, -1e-321)])
def test_products_that_vanish_in_float64(row: tuple[float, ...]) -> None:
    """Every product with a coordinate rounds to a multiple of 5e-324, or to zero, and the line is still there."""
    agrees(arrangement([row]), box([-0.375, -0.25], [0.375, 0.25]))
    agrees(arrangement([row[1:]]), box([-0.375], [0.375]))
    assert len(enumerated(arrangement([(5e-324, 0.0, 0.0)]), lr.Box([-0.375, -0.25], [0.375, 0.25]))) == 2


def test_a_concurrence_of_tiny_lines_in_a_net_that_cannot_be_scaled() -> None:
    lines = np.array([[3, 0, -1], [0, 7, -1], [3, -7, 0]]) * 2.0**-565
    layers = relu_net([lines[:, :2], [[1, 1, 1], [5e-324, 0, 0]], [[1, 1]]], [lines[:, 2], [0, 0], [0]])
    assert enumerated(layers, SQUARE).per_layer[0] == 6
    agrees(layers, cube(2))


def test_products_that_overflow_float64() -> None:
    """Weights of 1e200 in three layers: values reach 1e600, and every cell is still found."""
    rng = np.random.default_rng(1)
    shapes = [(4, 2), (4, 4), (3, 4), (1, 3)]
    layers = relu_net([rng.normal(size=s) * 1e200 for s in shapes], [rng.normal(size=n) * 1e200 for n, _ in shapes])
    agrees(layers, cube(2))
    tiny = relu_net([rng.normal(size=s) * 1e-200 for s in shapes], [rng.normal(size=n) * 1e-200 for n, _ in shapes])
    agrees(tiny, cube(2))


def test_a_breakpoint_between_two_where_every_unit_vanishes() -> None:
    """The rows of its neighbours are exact, their places are not: its own place has their errors at least."""
    weights = [[[-(2.0**47)], [2.0]], [[2.0**35, 2.0**37]], [[-(2.0**29)]], [[2.0**-25]], [[1.0]]]
    layers = relu_net(weights, [[0, 0.125], [-2e10], [2.0**31], [-8.0], [0.0]])
    agrees(layers, box([-1.0], [0.0625]))
    weights[0] = [[-(2.0**47), 2.0**45], [2.0, -0.5]]
    agrees(relu_net(weights, [bias for _, bias, _ in layers]), box([-1.0, 0.0], [0.0625, 0.5]))


def test_mixed_magnitudes_in_one_row() -> None:
    rows = [[1e300, 1e-300, 0], [1e-300, 1e300, 1], [1, 1e-16, -0.5], [5e-324, 5e-324, -5e-324], [1e308, 1e308, 1e308]]
    agrees(arrangement(rows), cube(2))


def test_nearly_parallel_and_nearly_equal_lines() -> None:
    step = 2.0**-52
    rows = [[1, 1, 0.25], [1 + step, 1, 0.25], [1, 1 + step, 0.25], [1, 1, 0.25 + 2**-54], [1, 1 - step / 2, 0.25]]
    agrees(arrangement(rows), cube(2))
    agrees(arrangement([[1, -(0.5 + k * 2.0**-53)] for k in range(8)]), cube(1))


def test_infinite_and_missing_numbers_are_refused() -> None:
    for bad in (math.inf, math.nan):
        with pytest.raises(lr.InvalidInput):
            lr.Network.from_arrays([[[bad, 1.0]], [[1.0]]], [[0.0], [0.0]])


# Shapes


@pytest.mark.parametrize("width", [1, 2, 4])
def test_twenty_narrow_layers(width: int) -> None:
    rng = np.random.default_rng(width)
    sizes = [2, *[width] * 20, 1]
    shapes = [(sizes[i + 1], sizes[i]) for i in range(21)]
    weights = [rng.normal(size=s) * (2 / s[1]) ** 0.5 for s in shapes]
    layers = relu_net(weights, [rng.normal(size=n) * 0.3 for n, _ in shapes])
    assert len(enumerated(layers, SQUARE).per_layer) == 20
    agrees(layers, cube(2))
    kinds: Sequence[Any] = [ABS, leaky_relu(0.5), HARDTANH]
    agrees([(w, b, u and [kinds[i % 3]] * len(b)) for i, (w, b, u) in enumerate(layers)], cube(2))


def test_one_layer_of_512() -> None:
    rng = np.random.default_rng(512)
    rows = np.column_stack([rng.normal(size=(512, 2)), rng.normal(size=512) * 0.1])
    r = enumerated(arrangement(rows.tolist()), SQUARE)
    r.check()
    inside = 1 + r.geometry.n_interior_vertices
    crossings = np.count_nonzero(~r.geometry.interior) - 4
    assert len(r) == inside + crossings // 2
    line = enumerated(arrangement(rows[:, 1:].tolist()), lr.Line([0.0], [1.0]))
    assert len(line) == 513


def test_the_widths_around_a_word() -> None:
    rng = np.random.default_rng(64)
    for width in (63, 64, 65):
        rows = np.column_stack([rng.integers(-3, 4, (width, 2)), rng.integers(-3, 4, width) * 0.5])
        agrees(arrangement(rows.tolist()), cube(2))


@pytest.mark.parametrize("domain", [cube(1), cube(2)])
def test_networks_without_hidden_layers_have_one_cell(domain: Domain) -> None:
    d = domain.dimension
    for layers in (
        relu_net([np.ones((2, d))], [np.zeros(2)]),
        [(np.ones((3, d)), np.ones(3), None), (np.eye(3), np.ones(3), None)],
    ):
        r = enumerated(layers, domain)
        r.check()
        assert (len(r), r.per_layer.tolist(), r.patterns.shape) == (1, [], (1, 0))
        assert r.exact_volumes() == [Fraction(2) ** d]
        assert r.certificate.certified
        assert lr.count_regions(to_network(layers), r.domain) == 1
    assert len(enumerated(relu_net([np.ones((2, d))], [np.zeros(2)]), lr.Line([0.0] * d, [1.0] * d))) == 1
