"""What may not change a complex: the order of neurons, scales, copies, how the domain is cut, threads, blocks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import linear_regions as lr
from convert import enumerated, pattern_sizes, regions_of, to_network
from families import random_case
from known_nets import Case, box, cube, he_net, relu_net
from naive import Layer

SQUARE = lr.Box([-1, -1], [1, 1])
SEEDS = st.integers(0, 10**6)
few = settings(max_examples=25)


def sizes(regions: lr.Regions) -> list[Fraction]:
    return sorted(regions.exact_volumes())


def copied(layers: Sequence[Layer]) -> list[Layer]:
    return [(weight.astype(float), bias.astype(float), units) for weight, bias, units in layers]


# The network


@few
@given(SEEDS)
def test_the_order_of_neurons_changes_nothing(seed: int) -> None:
    case, rng = random_case(seed), np.random.default_rng(seed)
    layers, columns, orders = copied(case.layers), np.arange(case.layers[0][0].shape[1]), []
    for index, (weight, bias, units) in enumerate(layers):
        order = rng.permutation(len(bias))
        kinds = None if units is None else [units[i] for i in order]
        layers[index] = (weight[order][:, columns], bias[order], kinds)
        columns = order
        if units is not None:
            orders.append(order)
    before, after = regions_of(case), regions_of(Case(layers, case.domain, ""))
    assert before.per_layer.tolist() == after.per_layer.tolist()
    starts = np.cumsum([0, *map(len, orders)])[:-1]
    taken = np.concatenate([s + o for s, o in zip(starts, orders, strict=True)])
    permuted = {tuple(np.array(p)[taken]): size for p, size in pattern_sizes(before).items()}
    assert permuted == pattern_sizes(after)


@few
@given(SEEDS)
def test_powers_of_two_between_relu_layers_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = he_net(2, *rng.integers(2, 10, 3).tolist(), seed=seed)
    scaled = copied(layers)
    for (weight, bias, _), (after, _, _) in pairwise(scaled):
        factor = 2.0 ** rng.integers(-40, 41, len(bias))
        weight *= factor[:, None]
        bias *= factor
        after /= factor
    before, after = enumerated(layers, SQUARE), enumerated(scaled, SQUARE)
    assert np.array_equal(before.per_layer, after.per_layer)
    assert np.array_equal(before.patterns, after.patterns)
    assert before.exact_volumes() == after.exact_volumes()
    cells = range(len(before))
    assert [before.exact_vertices(i) for i in cells] == [after.exact_vertices(i) for i in cells]
    apart = np.linalg.norm(before.vertex_coordinates - after.vertex_coordinates, axis=1)
    assert (apart <= before.vertex_errors + after.vertex_errors).all()


@pytest.mark.parametrize("factors", [(1, 1), (2, -3), (-1, 5), (-10, -7)])
@pytest.mark.parametrize("dimension", [1, 2])
def test_copies_scaled_and_negated_cut_the_same_cells(factors: tuple[int, int], dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    for _ in range(5):
        first, shift = rng.integers(-6, 7, (5, dimension)).astype(float), rng.integers(-6, 7, 5).astype(float)
        second, bias = rng.integers(-2, 3, (4, 5)).astype(float), rng.integers(-9, 10, 4).astype(float)
        single = relu_net([first, second, np.ones((1, 4))], [shift, bias, [0.0]])
        tripled = relu_net(
            [
                np.concatenate([first, *(first * f for f in factors)]),
                np.hstack([second, np.zeros((4, 10))]),
                np.ones((1, 4)),
            ],
            [np.concatenate([shift, *(shift * f for f in factors)]), bias, [0.0]],
        )
        domain = lr.Box([-2.0] * dimension, [2.0] * dimension)
        before, after = enumerated(single, domain), enumerated(tripled, domain)
        assert before.per_layer.tolist() == after.per_layer.tolist()
        assert sizes(before) == sizes(after)


@few
@given(SEEDS)
def test_tripled_neurons_give_the_cells_of_single_ones(seed: int) -> None:
    layers = he_net(2, *np.random.default_rng(seed).integers(2, 8, 2).tolist(), seed=seed)
    tripled, times = copied(layers), 1
    for index, (weight, bias, units) in enumerate(tripled):
        wide = np.repeat(weight, times, axis=1)
        wide[:, np.arange(wide.shape[1]) % times > 0] = 0.0  # only the first copy is used
        repeat = 3 if units is not None else 1
        tripled[index] = (
            np.repeat(wide, repeat, axis=0),
            np.repeat(bias, repeat),
            units and [u for u in units for _ in "123"],
        )
        times = repeat
    before, after = enumerated(layers, SQUARE), enumerated(tripled, SQUARE)
    after.check()
    assert np.array_equal(np.repeat(before.patterns, 3, axis=1), after.patterns)
    assert before.exact_volumes() == after.exact_volumes()


# The domain


@few
@given(SEEDS)
def test_cutting_the_domain_in_two_adds_up(seed: int) -> None:
    """A cell is in both halves, or in one; the cut itself adds no length."""
    layers = he_net(2, *np.random.default_rng(seed).integers(3, 10, 2).tolist(), seed=seed)
    whole = pattern_sizes(enumerated(layers, SQUARE))
    left, right = enumerated(layers, lr.Box([-1, -1], [0.125, 1])), enumerated(layers, lr.Box([0.125, -1], [1, 1]))
    parts = [pattern_sizes(left), pattern_sizes(right)]
    assert whole == {p: sum(part.get(p, Fraction(0)) for part in parts) for p in parts[0] | parts[1]}
    total = left.boundary_volume() + right.boundary_volume()
    assert total == pytest.approx(enumerated(layers, SQUARE).boundary_volume(), rel=1e-12)


@few
@given(SEEDS)
def test_cutting_a_segment_in_two_adds_up(seed: int) -> None:
    layers = he_net(1, *np.random.default_rng(seed).integers(3, 12, 3).tolist(), seed=seed)
    whole, left, right = (enumerated(layers, lr.Box([a], [b])) for a, b in [(-1, 1), (-1, 0.25), (0.25, 1)])
    parts = [pattern_sizes(left), pattern_sizes(right)]
    expected = {p: sum(part.get(p, Fraction(0)) for part in parts) for p in parts[0] | parts[1]}
    assert pattern_sizes(whole) == expected


MOTIONS = [
    ([[0.0, -1.0], [1.0, 0.0]], [0.5, -0.25]),  # a quarter turn and a shift
    ([[1.0, 0.0], [0.0, -1.0]], [0.0, 0.125]),  # a reflection
    ([[3.0, -4.0], [4.0, 3.0]], [1.0, 2.0]),  # a rotation, five times as large
    ([[2.0, 1.0], [0.0, 0.5]], [0.0, 0.0]),  # a shear
]


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("seed", range(4))
def test_an_exact_motion_of_the_domain_keeps_every_cell(
    seed: int, motion: tuple[list[list[float]], list[float]]
) -> None:
    """The network after the motion, on the square, is the network on the moved square; nothing is rounded."""
    matrix, shift = np.array(motion[0]), np.array(motion[1])
    layers = [(w.astype(np.float32), b.astype(np.float32), u) for w, b, u in he_net(2, 9, 7, seed=seed)]
    weight, bias, units = layers[0][0].astype(float), layers[0][1].astype(float), layers[0][2]
    moved = [(weight @ matrix, weight @ shift + bias, units), *layers[1:]]
    on_slice = enumerated(layers, lr.Slice(shift, matrix, SQUARE))
    pulled_back = enumerated(moved, SQUARE)
    assert pattern_sizes(on_slice) == pattern_sizes(pulled_back)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ matrix.T + shift
    edges = np.roll(corners, -1, axis=0) - corners
    orientation = np.sign(np.linalg.det(matrix))
    normals = orientation * np.column_stack([edges[:, 1], -edges[:, 0]])
    polytope = enumerated(layers, lr.Polytope(normals, np.sum(normals * corners, axis=1)))
    area = abs(round(4 * np.linalg.det(matrix)) / 4)
    assert {p: size * Fraction(area) for p, size in pattern_sizes(on_slice).items()} == pattern_sizes(polytope)


@few
@given(SEEDS)
def test_a_line_through_the_plane_meets_the_cells_it_crosses(seed: int) -> None:
    """The 1-D engine on a segment against the cells of the 2-D engine that it runs through, pattern by pattern."""
    rng = np.random.default_rng(seed)
    layers = he_net(2, *rng.integers(3, 12, 2).tolist(), seed=seed)
    plane = enumerated(layers, SQUARE)
    start, end = rng.integers(-64, 65, (2, 2)) / 64 + np.array([[0, 0], [2.0**-8, 2.0**-9]])
    start, end = np.clip(start, -1, 1), np.clip(end, -1, 1)
    line = enumerated(layers, lr.Segment(start, end))
    met = {tuple(p) for p in line.patterns.tolist()}
    assert met <= {tuple(p) for p in plane.patterns.tolist()}
    expected = set()
    for index, pattern in enumerate(plane.patterns.tolist()):
        low, high = clip(plane.vertices(index), start, end)
        if high - low > 1e-9:
            expected.add(tuple(pattern))
        elif high - low > -1e-9:  # too close to tell in float64
            met.discard(tuple(pattern))
    assert met == expected


def clip(corners: np.ndarray[tuple[int, int], np.dtype[np.float64]], start: object, end: object) -> tuple[float, float]:
    """The part of a segment inside a convex counter-clockwise polygon (Cyrus and Beck)."""
    p, along = np.asarray(start, dtype=float), np.asarray(end, dtype=float) - np.asarray(start, dtype=float)
    low, high = 0.0, 1.0
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inward = np.array([a[1] - b[1], b[0] - a[0]]) / np.linalg.norm(b - a)
        room, slope = inward @ (p - a), inward @ along
        if slope > 0:
            low = max(low, -room / slope)
        elif slope < 0:
            high = min(high, -room / slope)
        elif room < 0:
            return 1.0, 0.0
    return low, high


@few
@given(SEEDS)
def test_a_long_segment_sees_what_the_whole_line_has_in_its_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = he_net(3, *rng.integers(3, 12, 3).tolist(), seed=seed)
    point, direction = rng.integers(-16, 17, 3) / 8, np.array([1.0, -0.5, 2.0])
    line = enumerated(layers, lr.Line(point, direction))
    reach = 2.0 ** np.ceil(np.log2(np.abs(line.vertex_coordinates[1:-1, 0]).max(initial=1.0) * 2))
    segment = enumerated(layers, lr.Segment(point - reach * direction, point + reach * direction))
    assert np.array_equal(line.patterns, segment.patterns)
    inner = range(1, len(line) - 1)
    assert line.exact_volumes(inner) == [2 * Fraction(reach) * v for v in segment.exact_volumes(inner)]
    assert np.isinf(line.volumes[[0, -1]]).all()
    box_in_t = lr.Slice(point, direction[:, None], lr.Box([-reach], [reach]))
    assert enumerated(layers, box_in_t).exact_volumes(inner) == line.exact_volumes(inner)


@few
@given(SEEDS)
def test_a_polyline_is_its_segments_one_after_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = he_net(3, *rng.integers(3, 10, 2).tolist(), seed=seed)
    points = rng.integers(-16, 17, (4, 3)) / 8 + 3.0 * np.arange(4)[:, None]
    curve = enumerated(layers, lr.Polyline(points))
    parts = [enumerated(layers, lr.Segment(a, b)) for a, b in pairwise(points)]
    patterns = np.concatenate([part.patterns for part in parts])
    starts = np.concatenate([part.vertex_coordinates[:-1, 0] + i for i, part in enumerate(parts)])
    new = np.concatenate([[True], (patterns[1:] != patterns[:-1]).any(axis=1)])  # a corner inside a cell is none
    assert np.array_equal(curve.patterns, patterns[new])
    np.testing.assert_allclose(curve.vertex_coordinates[:-1, 0], starts[new], rtol=0, atol=1e-12)


# How it is computed


def same_bytes(one: lr.Regions, other: lr.Regions) -> bool:
    arrays = [(a.vertex_coordinates, a.geometry.half_edges, a.geometry.label, a.patterns) for a in (one, other)]
    return all(p.tobytes() == q.tobytes() for p, q in zip(*arrays, strict=True))


def test_threads_change_no_byte() -> None:
    layers = he_net(2, 64, 64, 64)
    one = enumerated(layers, SQUARE)
    with ThreadPoolExecutor(3) as executor:
        others = [enumerated(layers, SQUARE, n_jobs=2), enumerated(layers, SQUARE, executor=executor)]
    for other in others:
        assert same_bytes(one, other)
        assert other.certificate == one.certificate


@pytest.mark.parametrize("seed", range(0, 48))
def test_counting_agrees_with_enumerating(seed: int) -> None:
    case = random_case(seed)
    r = regions_of(case)
    counted = lr.count_regions(to_network(case.layers), r.domain, full_output=True)
    assert (counted.count, int(counted)) == (len(r), len(r))
    assert counted.per_layer.tolist() == r.per_layer.tolist()
    assert counted.certificate == r.certificate
    assert lr.count_regions(to_network(case.layers), r.domain) == len(r)


@pytest.mark.parametrize("domain", [SQUARE, lr.Segment([-1, -1], [1, 1]), lr.Line([0, 0], [1, 1])])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_spent_budget_is_an_error_and_an_exact_one_is_not(domain: object, n_jobs: int) -> None:
    network = to_network(he_net(2, 24, 24))
    count = lr.count_regions(network, domain)
    for function in (lr.enumerate_regions, lr.count_regions):
        with pytest.raises(lr.BudgetExceeded, match=f"max_regions={count - 1:,} regions; found so far"):
            function(network, domain, max_regions=count - 1, n_jobs=n_jobs)
    assert len(lr.enumerate_regions(network, domain, max_regions=count, n_jobs=n_jobs)) == count
    assert lr.count_regions(network, domain, max_regions=count, n_jobs=n_jobs) == count


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(("block", "part"), [(1, 1), (2000, 700), (20000, 10000)])
def test_blocks_of_any_size_give_the_same_cells_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch, block: int, part: int, n_jobs: int
) -> None:
    """Parts that are refined apart are joined again: conforming, nothing twice, nothing lost."""
    cases = [
        Case(he_net(2, 20, 20, 20, seed=1), cube(2), "generic"),
        Case(he_net(2, 9, 9, 9, 9, seed=2), cube(2), "deep"),
    ]
    cases += [Case(relu_net(*integer_net(seed)), box([-2, -2], [2, 2]), f"integers {seed}") for seed in range(4)]
    whole = [regions_of(case) for case in cases]
    monkeypatch.setattr("linear_regions.blocks.BLOCK_BYTES", block)
    monkeypatch.setattr("linear_regions.blocks.PART_BYTES", part)
    for case, expected in zip(cases, whole, strict=True):
        r = regions_of(case, n_jobs=n_jobs)
        r.check()
        faces = len(r.vertex_coordinates), len(r.geometry.label), len(r)
        assert faces == (len(expected.vertex_coordinates), len(expected.geometry.label), len(expected))
        assert faces[0] - faces[1] + faces[2] == 1, case.description
        assert np.array_equal(r.patterns, expected.patterns), case.description
        assert r.exact_volumes() == expected.exact_volumes(), case.description
        assert r.boundary_volume() == pytest.approx(expected.boundary_volume(), rel=1e-12)
        assert r.per_layer.tolist() == expected.per_layer.tolist()


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("step", [1, 1 << 17])
@pytest.mark.parametrize("activation", ["relu", "hardtanh"])
def test_steps_left_after_a_word_of_hyperplanes_give_the_same_cells_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch, activation: str, step: int, n_jobs: int
) -> None:
    rng = np.random.default_rng(0)
    generic = [rng.normal(size=(70, 2)), rng.normal(size=(66, 70)), np.ones((1, 66))]
    integers = [rng.integers(-3, 4, (140, 2)), rng.integers(-1, 2, (5, 140)), np.ones((1, 5))]
    nets = [(generic, [None] * 3), (integers, [rng.integers(-3, 4, 140), None, None])]
    networks = [lr.Network.from_arrays(weights, biases, activation) for weights, biases in nets]
    whole = [lr.enumerate_regions(network, SQUARE) for network in networks]
    monkeypatch.setattr("linear_regions.plane.STEP_BYTES", step)
    for network, expected in zip(networks, whole, strict=True):
        r = lr.enumerate_regions(network, SQUARE, n_jobs=n_jobs)
        r.check()
        assert np.array_equal(r.patterns, expected.patterns)
        assert len(r.vertex_coordinates) == len(expected.vertex_coordinates)
        assert r.per_layer.tolist() == expected.per_layer.tolist()
        assert np.array_equal(r.cell_vertex_offsets, expected.cell_vertex_offsets)
        assert r.boundary_volume() == pytest.approx(expected.boundary_volume(), rel=1e-12)


def integer_net(seed: int) -> tuple[list[object], list[object]]:
    rng = np.random.default_rng(seed)
    shapes = [(9, 2), (8, 9), (7, 8), (1, 7)]
    return [rng.integers(-2, 3, shape) for shape in shapes], [rng.integers(-2, 3, n) for n, _ in shapes]
