"""What is measured on the cells, against the slow twin, closed forms and other ways to the same number."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
import naive
from convert import enumerated, regions_of, to_network
from families import random_case
from known_nets import Case, arrangement, box, cube, degenerate_cases, he_net, relu_net, telgarsky, torch_net
from linear_regions.geometry import LineComplex, PlaneComplex

SQUARE = lr.Box([-1, -1], [1, 1])
CROSS = relu_net([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
FAN = arrangement([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, -1, 0]])
CASES = [random_case(seed) for seed in range(60)] + [case for case, _ in degenerate_cases()]


def net(*widths: int, seed: int = 0) -> lr.Regions:
    return enumerated(he_net(2, *widths, seed=seed), SQUARE)


def order_of(regions: lr.Regions, twin: naive.Complex) -> list[int]:
    """The twin's index of each of our cells."""
    index = {cell.pattern: i for i, cell in enumerate(twin.cells)}
    return [index[tuple(pattern)] for pattern in regions.patterns.tolist()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.description)
def test_measures_equal_the_twins(case: Case) -> None:
    regions, twin = regions_of(case), case.enumerate()
    order = order_of(regions, twin)
    exact = regions.exact_volumes()
    assert exact == [twin.cells[i].size for i in order]
    for volume, error, size in zip(regions.volumes.tolist(), regions.volume_errors.tolist(), exact, strict=True):
        assert abs(Fraction(volume) - size) <= Fraction(error)
    assert regions.domain_volume == pytest.approx(float(twin.total_size), rel=1e-15)
    assert regions.boundary_volume() == pytest.approx(twin.boundary, rel=1e-12, abs=regions.boundary_volume_error())
    codim = regions.dim
    assert regions.boundary_volume(codim) == len(twin.interior_vertices)
    assert regions.count("R6") == twin.n_distinct_maps
    assert regions.count() == len(twin)
    ours = {tuple(sorted((order[i], order[j]))) for i, j in regions.facets.cells.tolist()}
    assert ours == {tuple(sorted(facet.cells)) for facet in twin.facets}
    regions.check()
    regions.check(exact=True)


@pytest.mark.parametrize("case", CASES[:36], ids=lambda case: case.description)
def test_maps_equal_the_twins(case: Case) -> None:
    regions, twin = regions_of(case), case.enumerate()
    maps = regions.affine_maps
    assert maps.A.shape == (len(regions), regions.network.n_outputs, regions.dim)
    for cell, number in list(enumerate(order_of(regions, twin)))[:40]:
        expected = twin.cells[number].affine_map
        exact = regions.exact_map(cell)
        assert tuple(map(tuple, exact.A)) == expected[0] and tuple(exact.b) == expected[1]
        scale = 1 + max(map(abs, [*maps.A[cell].ravel(), *maps.b[cell]]))
        np.testing.assert_allclose(maps.A[cell], np.array(expected[0], float), rtol=1e-9, atol=1e-9 * scale)
        np.testing.assert_allclose(maps.b[cell], np.array(expected[1], float), rtol=1e-9, atol=1e-9 * scale)
        ambient = regions.ambient_map(cell)
        np.testing.assert_allclose(ambient.A @ regions.domain.basis, maps.A[cell], rtol=1e-9, atol=1e-9 * scale)


def test_exact_vertices_are_those_of_the_twin() -> None:
    case = Case(he_net(2, 6, 6), cube(2), "")
    regions, twin = regions_of(case), case.enumerate()
    for cell, number in enumerate(order_of(regions, twin)):
        ours, expected = regions.exact_vertices(cell), list(twin.cells[number].vertices)
        start = expected.index(ours[0])
        assert ours == expected[start:] + expected[:start]
        np.testing.assert_allclose(regions.vertices(cell), np.array(ours, float), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", [1, 4, 13, 25, 29])
def test_boundary_by_layer_and_neuron(seed: int) -> None:
    case = random_case(seed)
    regions, twin = regions_of(case), case.enumerate()
    by_neuron = regions.boundary_volume(by="neuron")
    assert by_neuron.shape == (regions.n_neurons,)
    expected = np.zeros(regions.n_neurons)
    for neuron, size in twin.boundary_by_neuron().items():
        expected[neuron] = size
    np.testing.assert_allclose(by_neuron, expected, rtol=1e-11, atol=1e-13)
    first = np.cumsum([0, *regions.network.widths])
    by_layer = [expected[a:b].sum() for a, b in zip(first[:-1], first[1:], strict=True)]
    np.testing.assert_allclose(regions.boundary_volume(by="layer"), by_layer, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("seed", [5, 33, 46])
def test_vertices_lost_in_float64_are_placed_again(seed: int) -> None:
    """Hyperplanes a rounding error apart cross anywhere, as far as float64 can tell."""
    case = random_case(seed)
    regions, twin = regions_of(case), case.enumerate()
    assert regions.boundary_volume() == pytest.approx(twin.boundary, rel=1e-10)
    assert regions.boundary_volume_error() < 1e-5
    regions.check()


@pytest.mark.parametrize(
    ("widths", "cells", "length"), [((16, 16), 127, 36.851632650721704), ((32, 32, 32), 1180, 121.80330326853776)]
)
def test_seeded_torch_nets(widths: tuple[int, ...], cells: int, length: float) -> None:
    pytest.importorskip("torch")
    regions = enumerated(torch_net(2, *widths, 1), SQUARE)
    assert len(regions) == cells
    assert regions.boundary_volume() == pytest.approx(length, rel=1e-12)
    assert sum(regions.exact_volumes()) == 4


def test_a_hundred_thousand_cells() -> None:
    regions = net(256, 256)
    assert len(regions) == 114_697
    regions.check()
    assert regions.count("R6") <= len(regions)
    points = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    cells = regions.find(points)
    maps = regions.affine_maps
    image = np.einsum("mod,md->mo", maps.A[cells], points) + maps.b[cells]
    np.testing.assert_allclose(image, regions.network(points), atol=1e-12)


def test_euler_and_adjacency() -> None:
    regions = net(12, 12)
    links = regions.adjacency
    assert (links != links.T).nnz == 0
    assert links.nnz == 2 * len(regions.facets.cells)
    i, j = regions.facets.cells[7]
    assert links[i, j] == 1 + regions.facets.neuron[7]
    differ = np.flatnonzero(regions.patterns[i] != regions.patterns[j])
    assert regions.facets.neuron[7] in differ


# Counting maps


def test_equal_maps_are_counted_once() -> None:
    # min(relu(x), relu(y)) + min(relu(-x), relu(-y)): zero on two opposite quadrants
    layers = relu_net(
        [[[1, 0], [0, 1], [-1, 0], [0, -1]], [[0, 1, 0, 0], [-1, 1, 0, 0], [0, 0, 0, 1], [0, 0, -1, 1]], [[1, -1] * 2]],
        [[0] * 4, [0] * 4, [0]],
    )
    regions = enumerated(layers, SQUARE)
    assert (regions.count("R2"), regions.count("R6")) == (6, 5)
    assert enumerated(relu_net([[[1.0], [1.0]], [[1, -1]]], [[0, 0], [0]]), lr.Box([-1], [1])).count("R6") == 1


@pytest.mark.parametrize(("weight", "count"), [(2.0**-1000, 2), (0.0, 1)])
def test_maps_that_float64_addition_cannot_tell_apart(weight: float, count: int) -> None:
    regions = enumerated(relu_net([[[1.0]], [[weight]], [[1.0]]], [[0.0], [1.0], [0.0]]), lr.Box([-1], [1]))
    assert (len(regions), regions.count("R6")) == (2, count)


@pytest.mark.parametrize("definition", ["R1", "R3", "R4", "R5", "R7", 2, None])
def test_other_definitions(definition: Any) -> None:
    with pytest.raises(lr.InvalidInput, match='definition must be "R2" or "R6" so far, got'):
        enumerated(CROSS, SQUARE).count(definition)


# Points


@pytest.mark.parametrize("case", [c for c in CASES if c.domain.dimension == 2][:25], ids=lambda case: case.description)
def test_find_agrees_with_the_twins_cells(case: Case) -> None:
    regions = regions_of(case)
    rng = np.random.default_rng(0)
    low, high = case.domain.lower, case.domain.upper
    points = rng.uniform(low - 0.2, high + 0.2, (40, 2))
    points[::4] = np.round(points[::4] * 8) / 8
    corners = regions.vertex_coordinates[rng.integers(len(regions.vertex_coordinates), size=8)]
    points = np.concatenate([points, corners, [(low + high) / 2]])
    polygons = [regions.exact_vertices(cell) for cell in range(len(regions))]
    for point, found in zip(points, regions.find(points).tolist(), strict=True):
        x, y = map(Fraction, point.tolist())
        holding = (k for k, corners in enumerate(polygons) if holds(corners, x, y))
        assert found == next(holding, -1)


def holds(corners: list[Any], x: Fraction, y: Fraction) -> bool:
    return all(
        (b[0] - a[0]) * (y - a[1]) >= (b[1] - a[1]) * (x - a[0])
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
    )


@pytest.mark.parametrize("case", [c for c in CASES if c.domain.dimension == 1][:20], ids=lambda case: case.description)
def test_find_and_distance_on_a_line(case: Case) -> None:
    regions, twin = regions_of(case), case.enumerate()
    (low,), (high,) = case.domain.vertices
    ends = [low, *twin.breakpoints, high]
    t = np.concatenate([regions.vertex_coordinates[:, 0], np.linspace(float(low) - 0.1, float(high) + 0.1, 33)])
    for value, found in zip(t.tolist(), regions.find(t).tolist(), strict=True):
        x = Fraction(value)
        expected = next((k for k in range(len(ends) - 1) if ends[k] <= x <= ends[k + 1]), -1)
        assert found == expected
    inside = t[(t >= float(low)) & (t <= float(high))]
    expected = [min((abs(Fraction(v) - b) for b in twin.breakpoints), default=math.inf) for v in inside.tolist()]
    np.testing.assert_allclose(regions.distance(inside), np.array(expected, float), atol=1e-12)


def test_points_on_boundaries_go_to_the_lowest_cell() -> None:
    regions = enumerated(FAN, SQUARE)
    assert len(regions) == 8
    assert regions.find([[0, 0]]).tolist() == [0]
    for cell in range(8):
        others = regions.adjacency.indices[regions.adjacency.indptr[cell] : regions.adjacency.indptr[cell + 1]]
        for other in others.tolist():
            (shared,) = {*map(tuple, regions.vertices(cell))} & {*map(tuple, regions.vertices(other))} - {(0.0, 0.0)}
            assert regions.find([np.array(shared) / 2]).tolist() == [min(cell, other)]
    near = np.nextafter(0, 1)
    assert len(set(regions.find([[1, near], [1, -near], [near, 1], [-near, 1]]).tolist())) == 4
    assert regions.find([[1, 1], [np.nextafter(1, 2), 1], [0, -1.5]]).tolist()[1:] == [-1, -1]


def test_find_gives_back_the_middle_of_every_cell() -> None:
    regions = net(32, 32, 32)
    middle = np.array([regions.vertices(cell).mean(axis=0) for cell in range(len(regions))])
    wide = regions.volumes > 1e-9
    assert (regions.find(middle)[wide] == np.flatnonzero(wide)).all()
    assert regions.find(np.zeros((0, 2))).shape == (0,)


def test_distance_in_the_plane() -> None:
    regions = enumerated(CROSS, SQUARE)
    points = np.random.default_rng(1).uniform(-1, 1, (500, 2))
    np.testing.assert_allclose(regions.distance(points), np.abs(points).min(axis=1), atol=1e-15)
    assert regions.distance([[0, 0.5], [-1, -1]]).tolist() == [0, 1]
    whole = enumerated(relu_net([[[0, 0]], [[1]]], [[1], [0]]), SQUARE)
    assert whole.distance([[0.5, 0.5]]).tolist() == [math.inf]


def test_distance_is_that_of_all_facets() -> None:
    regions = net(10, 10)
    points = np.random.default_rng(2).uniform(-1, 1, (200, 2))
    a, b = regions.vertex_coordinates[regions.facets.vertices].reshape(-1, 2, 2).swapaxes(0, 1)
    share = ((points[:, None] - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)
    foot = a + np.clip(share, 0, 1)[..., None] * (b - a)
    nearest = np.linalg.norm(points[:, None] - foot, axis=-1).min(axis=1)
    np.testing.assert_allclose(regions.distance(points), nearest, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.find([[0.0]]), r"points must have shape \(M, 2\), in slice coordinates, got \(1, 1\)"),
        (lambda r: r.find([[0.0, math.nan]]), "points must be finite"),
        (lambda r: r.distance([[0, 0], [2, 0]]), r"points\[1\] must lie in the domain, got \[2.0, 0.0\]"),
        (lambda r: r.distance([[0, 0]], to="linear"), "to must be \"activation\" so far, got 'linear'"),
        (lambda r: r.boundary_volume(3), "codim must be an integer from 1 to 2, the dimension of the domain, got 3"),
        (lambda r: r.boundary_volume(2, "layer"), "by must be None for codim 2"),
        (lambda r: r.boundary_volume(by="cell"), 'by must be None, "layer" or "neuron", got \'cell\''),
        (lambda r: r.vertices(4), "cell must be an index of one of 4 cells, got 4"),
        (lambda r: r.vertices(-1), "cell must be an index of one of 4 cells, got -1"),
        (lambda r: r.vertices(0.5), "cell must be an integer, got 0.5"),
        (lambda r: r.save("cells.txt"), "path must end in .npz"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises(lr.InvalidInput, match=message):
        call(enumerated(CROSS, SQUARE))


# Lines and polylines


def test_a_whole_line() -> None:
    regions = enumerated(he_net(1, 6, 5), lr.Line([0.0], [1.0]))
    twin = naive.enumerate_1d(he_net(1, 6, 5), -math.inf, math.inf)
    assert regions.domain_volume == math.inf
    assert np.isinf(regions.volumes).tolist() == [True, *[False] * (len(regions) - 2), True]
    assert regions.boundary_volume() == len(twin.breakpoints)
    assert [regions.exact_vertices(k)[0][0] for k in range(1, len(regions) - 1)] == list(twin.breakpoints)[:-1]
    assert regions.find([-1e300, 1e300]).tolist() == [0, len(regions) - 1]
    assert regions.distance([-1e300]).tolist() == [1e300]
    assert regions.count("R6") == twin.n_distinct_maps
    with pytest.raises(lr.InvalidInput, match="cell must be bounded to have exact vertices, got 0, from -inf to"):
        regions.exact_vertices(0)
    regions.check()
    regions.check(exact=False)


def test_a_polyline() -> None:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * 0.75
    regions = enumerated(he_net(2, 8, 8), lr.Polyline(corners, closed=True))
    assert regions.domain_volume == 4
    assert sum(regions.exact_volumes()) == 4
    regions.check()
    regions.check(exact=True)
    pieces = [enumerated(he_net(2, 8, 8), lr.Segment(corners[i], corners[(i + 1) % 4])) for i in range(4)]
    assert regions.boundary_volume() == sum(piece.boundary_volume() for piece in pieces)
    breakpoints = [i + piece.exact_vertices(k)[1][0] for i, piece in enumerate(pieces) for k in range(len(piece))]
    ours = [regions.exact_vertices(k)[1][0] for k in range(len(regions) - 1)]
    assert ours == [t for t in breakpoints if t.denominator > 1]
    cells = regions.find(np.arange(0.05, 4, 0.1))
    x = regions.domain.embed(np.arange(0.05, 4, 0.1)[:, None])
    for cell, point in zip(cells.tolist(), x, strict=True):
        ambient = regions.ambient_map(cell)
        np.testing.assert_allclose(ambient.A @ point + ambient.b, regions.network(point), atol=1e-13)
    for call in (lambda: regions.affine_maps, lambda: regions.exact_map(0), lambda: regions.count("R6")):
        with pytest.raises(lr.InvalidInput, match="domain must have one affine chart for maps in slice coordinates"):
            call()


def test_telgarskys_breakpoints_are_dyadic() -> None:
    regions = enumerated(telgarsky(8), lr.Box([0], [1]))
    assert [regions.exact_vertices(k) for k in range(256)] == [
        [(Fraction(k, 256),), (Fraction(k + 1, 256),)] for k in range(256)
    ]
    assert regions.affine_maps.A.ravel().tolist() == [256.0, -256.0] * 128


# check() sees what is wrong


def broken(regions: lr.Regions, **changes: Any) -> lr.Regions:
    return replace(regions, coarse=replace(regions.geometry, **changes))


def test_check_finds_damage() -> None:
    regions = net(8, 8)
    g = regions.geometry
    assert isinstance(g, PlaneComplex)
    moved = g.x.copy()
    moved[len(moved) // 2] += 1e-6
    label = g.label.copy()
    inner = np.flatnonzero(label >= 0)
    label[inner[0]] = (label[inner[0]] + 1) % regions.program.n_hyperplanes
    half = g.half_edges.copy()
    half[:2] = half[1::-1]
    swapped = list(regions.packed_patterns)
    swapped[-1] = np.roll(swapped[-1], 1, axis=0)
    cases = [
        (broken(regions, x=moved), "cells must agree|volumes must|area must"),
        (broken(regions, label=label), "must differ at its neuron"),
        (broken(regions, half_edges=half), "must form a cycle"),
        (broken(regions, label=np.where(label == label.min(), 0, label)), "must have 2 cells"),
        (replace(regions, packed_patterns=tuple(swapped)), "must"),
        (replace(regions, per_layer=regions.per_layer - 1), "per_layer must not decrease and end in"),
        (replace(regions, domain=lr.Box([-1, -1], [1, 2])), "volumes must add up to 6.0 within"),
    ]
    for damaged, message in cases:
        with pytest.raises(lr.InvariantViolated, match=message):
            damaged.check()


def test_check_finds_damage_on_a_line() -> None:
    regions = enumerated(he_net(1, 6, 6), lr.Box([-1], [1]))
    g = regions.geometry
    assert isinstance(g, LineComplex)
    t = g.t.copy()
    t[3] += 1e-9
    with pytest.raises(lr.InvariantViolated, match="agree with the network"):
        broken(regions, t=t).check()


# Other forms


def test_networkx() -> None:
    pytest.importorskip("networkx")
    regions = net(8, 8)
    graph = regions.to_networkx()
    assert (len(graph), graph.number_of_edges()) == (len(regions), len(regions.facets.cells))
    assert sum(m for _, _, m in graph.edges.data("measure")) == pytest.approx(regions.boundary_volume())


def test_it_prints_well_and_is_read_only_and_pickles() -> None:
    regions = enumerated(CROSS, SQUARE)
    assert repr(regions).startswith("Regions(4 cells in 2-D, layers 4, certified: ")
    assert "boundary length 4\n" in regions.summary()
    for array in (regions.volumes, regions.patterns, regions.cell_vertices, regions.per_layer, *regions.facets):
        assert not array.flags.writeable
    again = pickle.loads(pickle.dumps(regions))
    assert np.array_equal(again.volumes, regions.volumes)
    assert again.exact_vertices(0) == regions.exact_vertices(0)


def test_units_with_two_breakpoints_and_affine_layers() -> None:
    layers: list[naive.Layer] = [
        (np.array([[2.0, 0], [0, 1.0]]), np.array([0.0, 3.0]), None),
        (np.eye(2), np.zeros(2), [naive.HARDSIGMOID, naive.IDENTITY]),
        (np.ones((1, 2)), np.zeros(1), None),
    ]
    regions = enumerated(layers, box([-4, -4], [4, 4]))
    assert sorted(regions.patterns.tolist()) == [[0, 0], [1, 0], [2, 0]]
    assert regions.boundary_volume(by="neuron").tolist() == [16.0, 0.0]
    assert regions.count("R6") == 3


@pytest.mark.parametrize(
    ("widths", "domain"),
    [
        ((2, 40, 30, 20), lr.Box([-1, -1], [1, 1])),
        ((2, 128, 128), lr.Box([-1, -1], [1, 1])),
        ((3, 24, 24, 16), lr.Box([-1] * 3, [1] * 3)),
        (
            (5, 9, 8),
            lr.Slice([0.1] * 5, np.eye(5)[:, :3], lr.Polytope([[1, 1, 1], *(-np.eye(3)).tolist()], [1, 0, 0, 0])),
        ),
        ((4, 9, 8), lr.Box([-1] * 4, [1] * 4)),
        ((3, 30, 20), lr.Segment([0, 0, 0], [1, 2, 3])),
        ((3, 30, 20), lr.Line([0, 0, 0], [1, 2, 3])),
    ],
    ids=["2-D", "wide", "3-D", "slice", "4-D", "segment", "line"],
)
def test_sums_are_those_of_the_regions(widths: tuple[int, ...], domain: Any) -> None:
    """Without keeping them, for one worker and for two, byte for byte."""
    network = to_network(he_net(*widths))
    r, sums = lr.enumerate_regions(network, domain), lr.sum_regions(network, domain)
    assert (sums.count, sums.n_facets) == (len(r), len(r.facets.neuron))
    assert sums.per_layer.tolist() == r.per_layer.tolist()
    assert sums.certificate.certified
    bound = sums.boundary_volume_error + r.boundary_volume_error()
    assert abs(sums.boundary_volume() - r.boundary_volume()) <= min(bound, 1e-12 * r.boundary_volume())
    for by in ("layer", "neuron"):
        assert np.abs(sums.boundary_volume(by=by) - r.boundary_volume(by=by)).sum() <= bound
    volume = r.volumes.sum()
    assert sums.volume == volume or abs(sums.volume - volume) <= sums.volume_error
    again = lr.sum_regions(network, domain, n_jobs=2)
    assert again.boundary_volume(by="neuron").tobytes() == sums.boundary_volume(by="neuron").tobytes()
    assert f"{len(r):,} regions" in repr(sums)


def test_sums_that_cannot_be_given() -> None:
    network = to_network(he_net(3, 5))
    with pytest.raises(lr.InvalidInput, match=r"^domain must be bounded"):
        lr.sum_regions(network, lr.Space(3))
    with pytest.raises(lr.InvalidInput, match=r"^by must be"):
        lr.sum_regions(network, lr.Box([0] * 3, [1] * 3)).boundary_volume(by="region")
    with pytest.raises(lr.BudgetExceeded):
        lr.sum_regions(network, lr.Box([-1] * 3, [1] * 3), max_regions=3)


def test_sums_are_not_spoiled_by_few_vertices() -> None:
    """Two lines that cross at a tiny angle far from where float64 has them: their vertex is placed again."""
    tilt = 2.0**-45
    r = enumerated(arrangement([[1, 1, 0.3], [1, 1 + tilt, 0.3 + tilt / 3], [1, -1, 0.1]]), SQUARE)
    sums = lr.sum_regions(r.network, SQUARE)
    assert r.coarse.volume_errors.sum() > 1e-4
    assert sums.volume_error < 1e-12
    assert abs(sums.boundary_volume() - r.boundary_volume()) <= sums.boundary_volume_error < 1e-12
