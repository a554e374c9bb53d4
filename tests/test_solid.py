"""Counts in three to six dimensions, against known answers and the slow twin."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import flint
import numpy as np
import pytest

import linear_regions as lr
from convert import enumerated, to_network
from known_nets import arrangement, he_net, relu_net, torch_net
from linear_regions.budget import Budget
from linear_regions.engine import Tally, Wanted
from linear_regions.kernels import bounds
from linear_regions.program import Program, compile_network
from linear_regions.settle import Fuzzy, Settler, crossing, make_settlers
from linear_regions.solid import SolidBlock, Solids, start_block
from linear_regions.solid_arena import SolidArena
from linear_regions.solid_parts import Finished
from naive import Layer
from solids import Solid, cube, differences, random_solid, solid_report


def refined(solid: Solid) -> tuple[Program, Settler, SolidBlock, Tally[Finished]]:
    """All cells in one block, kept after the last step too."""
    program = compile_network(to_network(solid.layers))
    chart = solid.domain.solid_chart()
    (settler,) = make_settlers(program, chart)
    engine = Solids(program, settler, wanted=Wanted.CELLS, budget=Budget(len(program.steps), [], None))
    block = start_block(program, chart, SolidArena())
    count = Tally(np.zeros(len(program.steps), np.int64))
    with np.errstate(all="ignore"):
        for number in range(len(program.steps)):
            cut = engine.open(block, number, count)
            engine.split(block, cut, count, keep=True)
            engine.close(block, cut, number)
    return program, settler, block, count


@pytest.mark.parametrize("first", range(0, 264, 24))
def test_random_and_degenerate_networks_against_the_twin(first: int) -> None:
    """Counts per layer, patterns, faces of all dimensions, volumes and boundaries within their bounds."""
    assert not solid_report(range(first, first + 24))


@pytest.mark.parametrize(("n", "dimension"), [(20, 3), (10, 3), (12, 4), (10, 5), (9, 6)])
def test_arrangements_in_general_position(n: int, dimension: int) -> None:
    """Zaslavsky 1975, in a box that holds every vertex."""
    rows = np.random.default_rng(n).integers(-99, 100, (n, dimension + 1))
    network = to_network(arrangement(rows.tolist()))
    count = lr.count_regions(network, cube(dimension, 1e6))
    assert count == sum(math.comb(n, i) for i in range(dimension + 1))


@pytest.mark.parametrize(("n", "dimension"), [(8, 3), (7, 4), (7, 5), (8, 6)])
def test_hyperplanes_through_one_point(n: int, dimension: int) -> None:
    rows = np.column_stack([np.random.default_rng(n).integers(-99, 100, (n, dimension)), np.zeros(n)])
    count = lr.count_regions(to_network(arrangement(rows.tolist())), cube(dimension))
    assert count == 2 * sum(math.comb(n - 1, i) for i in range(dimension))


@pytest.mark.parametrize(
    ("widths", "cells", "boundary"),
    [
        ((3, 16, 16, 16, 1), 1373, 105.54337828849722),
        ((4, 12, 12, 1), 1226, 143.0278865056887),
        ((5, 10, 10, 1), 1935, 272.6920180993219),
    ],
)
def test_seeded_torch_nets(widths: tuple[int, ...], cells: int, boundary: float) -> None:
    """Counts and boundary volumes from exact rational arithmetic."""
    pytest.importorskip("torch")
    network = to_network(torch_net(*widths))
    assert lr.count_regions(network, cube(widths[0])) == cells
    r = lr.enumerate_regions(network, cube(widths[0]))
    r.check()
    assert len(r) == cells
    assert r.boundary_volume() == pytest.approx(boundary, rel=1e-12)
    assert r.boundary_volume(by="neuron").sum() == pytest.approx(boundary, rel=1e-12)
    assert r.volumes.sum() == pytest.approx(2.0 ** widths[0], rel=1e-12)
    if widths[0] == 5:
        assert r.count("R6") == 1917


def test_a_far_cell_lies_outside_the_box() -> None:
    pytest.importorskip("torch")
    assert lr.count_regions(to_network(torch_net(3, 20, 1)), cube(3, 1000.0)) == 1350


def test_he_net_in_three_dimensions_with_any_number_of_workers() -> None:
    network = to_network(he_net(3, 24, 24, 24))
    one = lr.count_regions(network, cube(3), full_output=True)
    two = lr.count_regions(network, cube(3), full_output=True, n_jobs=2)
    with ProcessPoolExecutor(2) as executor:
        remote = lr.count_regions(network, cube(3), full_output=True, executor=executor)
    for other in (two, remote):
        assert other.per_layer.tolist() == one.per_layer.tolist()
        assert other.certificate == one.certificate


@pytest.mark.parametrize("block", [1, 1 << 14])
def test_blocks_of_any_size_give_the_same_count(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    cases = [he_net(3, 10, 10, 10), he_net(4, 7, 7, seed=1), random_solid(2).layers]
    networks = [to_network(layers) for layers in cases]
    whole = [lr.count_regions(n, cube(n.n_inputs), full_output=True).per_layer.tolist() for n in networks]
    monkeypatch.setattr("linear_regions.solid.BLOCK_BYTES", block)
    monkeypatch.setattr("linear_regions.solid.PART_BYTES", block)
    assert whole == [lr.count_regions(n, cube(n.n_inputs), full_output=True).per_layer.tolist() for n in networks]


def test_a_cell_with_more_facets_than_there_are_bits_in_a_word() -> None:
    """Planes that touch a sphere, far from each other's edges: the ball's cell has a facet on each."""
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(90, 3))
    normals = np.round(normals / np.linalg.norm(normals, axis=1, keepdims=True) * 64) / 64
    rows = np.column_stack([normals, np.full(90, -0.9)]).tolist()
    layers = arrangement(rows)
    slots = refined(Solid(layers, [-1.0] * 3, [1.0] * 3))[2]
    mesh = slots.arena.mesh(slots.widths)
    assert slots.widths.mask > 1
    used = [int(np.bitwise_count(np.bitwise_or.reduce(mesh.mask[a:b], axis=0)).sum())
            for a, b in zip(mesh.start[:-1], mesh.start[1 : slots.used.cell + 1], strict=False)]  # fmt: skip
    assert max(used) > 64
    assert slots.used.cell == lr.count_regions(to_network(layers), cube(3))


@pytest.mark.parametrize("case", [he_net(3, 7, 6, 5), he_net(4, 6, 5, seed=3)], ids=["3-D", "4-D"])
def test_kernel_rows_and_vertices_of_polytopes_lie_within_their_bounds(case: list[Layer]) -> None:
    """Every vertex and row against exact arithmetic, after every step."""
    d = case[0][0].shape[1]
    program = compile_network(to_network(case))
    chart = cube(d).solid_chart()
    (settler,) = make_settlers(program, chart)
    engine = Solids(program, settler, wanted=Wanted.CELLS, budget=Budget(len(program.steps), [], None))
    block = start_block(program, chart, SolidArena())
    count = Tally(np.zeros(len(program.steps), np.int64))
    for number in range(len(program.steps)):
        mesh = block.arena.mesh(block.widths)
        for c in range(0, block.used.cell, 1 + block.used.cell // 40):
            words = program.words(block.pattern[c])
            rows, scale = settler.exact.preactivation(number, words)
            for p in range(mesh.start[c], mesh.start[c + 1]):
                v = mesh.corner[p]
                slots = [s for s in range(64) if int(mesh.mask[p, 0]) >> s & 1]
                labels = tuple(int(mesh.facet[mesh.slot_start[c] + s]) for s in slots)
                *numerators, weight = settler.exact.vertex(labels, words)
                point = [Fraction(x, weight) for x in numerators]
                moved = [a - Fraction(float(b)) for a, b in zip(point, mesh.x[v], strict=True)]
                assert math.hypot(*map(float, moved)) <= mesh.vertex[v, bounds.DX] * (1 + 1e-9)
                for i in range(block.widths.z):
                    value = sum(Fraction(int(rows[i, k])) * t for k, t in enumerate([*point, 1])) / scale
                    value /= Fraction(2) ** int(program.steps[number].exponent[i])
                    assert abs(value - Fraction(float(mesh.z[v, i]))) <= mesh.vertex[v, bounds.ERR]
        cut = engine.open(block, number, count)
        engine.split(block, cut, count, keep=True)
        engine.close(block, cut, number)


def test_what_is_not_there_yet_is_said() -> None:
    with pytest.raises(lr.InvalidInput, match="domain must have at most 6 dimensions"):
        lr.count_regions(to_network(he_net(7, 4)), cube(7), method="vertices")
    with pytest.raises(lr.InvalidInput, match="domain must have at most 6 dimensions"):
        lr.sum_regions(to_network(he_net(7, 4)), cube(7))
    with pytest.raises(lr.BudgetExceeded):
        lr.count_regions(to_network(he_net(3, 20)), cube(3), max_regions=100)


def test_dead_layers_and_identities() -> None:
    weights = [np.zeros((3, 3)), np.ones((2, 3)), np.ones((1, 2))]
    assert lr.count_regions(to_network(relu_net(weights, [[-1.0] * 3, [0.0] * 2, [0.0]])), cube(3)) == 1
    affine = lr.Network.from_arrays([np.eye(3)], [np.zeros(3)])
    assert lr.count_regions(affine, cube(3)) == 1


def test_cells_of_three_dimensions_as_a_mesh(tmp_path: Path) -> None:
    """Every polyhedron has its volume, by the divergence theorem over its polygons, as they are read from a file."""
    meshio = pytest.importorskip("meshio")
    r = enumerated(he_net(3, 6, 5), cube(3))
    r.to_meshio().write(tmp_path / "cells.vtu")
    mesh = meshio.read(tmp_path / "cells.vtu")
    seen = []
    for block, cells, volumes in zip(mesh.cells, mesh.cell_data["cell"], mesh.cell_data["volume"], strict=True):
        for polygons, cell, volume in zip(block.data, cells.tolist(), volumes.tolist(), strict=True):
            middle = mesh.points[np.unique(np.concatenate(polygons))].mean(axis=0)
            total = 0.0
            for polygon in polygons:
                rays = mesh.points[polygon] - middle
                total += abs(sum(np.linalg.det([rays[0], *pair]) for pair in pairwise(rays[1:])))
            assert total / 6 == pytest.approx(volume, rel=1e-9, abs=1e-14)
            assert volume == r.volumes[cell]
            seen.append(cell)
    assert sorted(seen) == list(range(len(r)))
    with pytest.raises(lr.InvalidInput, match="the domain must be three-dimensional and bounded"):
        enumerated(he_net(2, 3), lr.Box([-1] * 2, [1] * 2)).to_meshio()


def test_skeleton_lists_each_face_once() -> None:
    r = enumerated(he_net(4, 5, 4), cube(4))
    s = r.skeleton()
    assert (len(s.vertices), len(s.edges)) == r.f_vector[:2]
    assert len(s.facet_cells) == r.f_vector[3]
    assert len(np.unique(np.sort(s.edges, axis=1), axis=0)) == len(s.edges)
    inside = s.facet_neuron >= 0
    assert np.array_equal((s.facet_cells >= 0).all(axis=1), inside)
    assert np.array_equal(s.facet_neuron[inside], r.facets.neuron)
    sides = np.abs(s.vertices[s.facet_vertices]) == 1.0
    outside = np.logical_and.reduceat(sides, s.facet_offsets[:-1], axis=0).any(axis=1)
    assert np.array_equal(outside, ~inside)


def test_distances_are_those_of_all_facets() -> None:
    """Against every polygon: its plane, if the foot lies in it, or else its sides."""
    r = enumerated(he_net(3, 5, 4), cube(3))
    points = np.random.default_rng(1).uniform(-1, 1, (60, 3))
    points[:30] *= 0.99 / np.abs(points[:30]).max(axis=1, keepdims=True)  # near the sides of the box
    f = r.facets
    polygons = [r.vertex_coordinates[f.vertices[a:b]] for a, b in pairwise(f.vertex_offsets.tolist())]
    expected = [min(distance_to_polygon(polygon - p) for polygon in polygons) for p in points]
    np.testing.assert_allclose(r.distance(points), expected, atol=1e-9)
    assert (r.distance(r.centroids) > 0).all()


def distance_to_polygon(corners: np.ndarray[Any, Any]) -> float:
    """From the origin; corners in the order of a way round."""
    following = np.roll(corners, -1, axis=0)
    side = following - corners
    normal = np.cross(corners, following).sum(axis=0)
    normal /= np.linalg.norm(normal)
    foot = (corners[0] @ normal) * normal
    if (np.cross(side, foot - corners) @ normal >= 0).all():
        return float(abs(corners[0] @ normal))
    along = np.clip(-np.sum(corners * side, axis=1) / np.sum(side * side, axis=1), 0, 1)
    return float(np.linalg.norm(corners + along[:, None] * side, axis=1).min())


def test_checks_find_what_is_wrong() -> None:
    r = enumerated(he_net(3, 5, 4), cube(3))
    r.check(exact=True)
    g = r.geometry
    x = g.x.copy()
    x[r.cell_vertices[0]] += 0.01
    label = g.facet_labels.copy()
    own = np.flatnonzero(label >= 0)[0]
    label[own] = (label[own] + 1) % 5
    swapped = g.masks.copy()
    swapped[:2] = swapped[1::-1]
    order = np.arange(len(r))
    order[:2] = 1, 0
    wrong = [
        (replace(g, x=x), "volumes must add up|maps of cells|sum of heights"),
        (replace(g, facet_labels=label), "differ at its neuron|must vanish"),
        (replace(g, masks=np.roll(g.masks, 1, axis=0)), "masks of each cell must name"),
        (replace(g, masks=swapped), "alternating sum|must have [12] cells"),
    ]
    for geometry, message in wrong:
        with pytest.raises(lr.InvariantViolated, match=message):
            replace(r, coarse=geometry).check()
    with pytest.raises(lr.InvariantViolated, match="per_layer must count"):
        replace(r, per_layer=r.per_layer - [1, 0]).check()
    patterns = tuple(p[order] for p in r.packed_patterns)
    with pytest.raises(lr.InvariantViolated):
        replace(r, packed_patterns=patterns).check()


def test_the_same_bytes_for_any_number_of_workers() -> None:
    network = to_network(he_net(4, 9, 9))
    one = lr.enumerate_regions(network, cube(4))
    with ProcessPoolExecutor(2) as executor:
        others = [
            lr.enumerate_regions(network, cube(4), n_jobs=2),
            lr.enumerate_regions(network, cube(4), executor=executor),
        ]
    for other in others:
        for name in ("x", "error", "cell_offsets", "corners", "masks", "cell_facet_offsets", "facet_labels"):
            assert np.array_equal(getattr(other.geometry, name), getattr(one.geometry, name)), name
        assert np.array_equal(other.patterns, one.patterns)
    one.check()


@pytest.mark.parametrize("block", [1, 1 << 14])
def test_parts_are_joined_to_the_same_complex(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """However the cells are divided into blocks, and these again, each face is there once."""
    for d, widths in ((3, (8, 7, 6)), (4, (6, 6)), (5, (5, 5))):
        layers = he_net(d, *widths)
        monkeypatch.undo()
        whole = enumerated(layers, cube(d))
        monkeypatch.setattr("linear_regions.solid.BLOCK_BYTES", block)
        monkeypatch.setattr("linear_regions.solid.PART_BYTES", block)
        parts = enumerated(layers, cube(d))
        parts.check()
        assert parts.f_vector == whole.f_vector
        assert sorted(parts.volumes.tolist()) == pytest.approx(sorted(whole.volumes.tolist()), abs=1e-9)


def test_points_on_faces_go_to_the_lowest_cell() -> None:
    """Planes of integers: every vertex, and the middle of every edge, against all cells that hold it, exactly."""
    r = enumerated(arrangement([[2, 0, 0, -1], [0, 2, 0, 1], [1, 1, 1, 0], [1, -1, 0, 0], [0, 0, 1, 0]]), cube(3))
    s = r.skeleton()
    points = np.concatenate([s.vertices, s.vertices[s.edges].mean(axis=1)])
    exact = points[(points * 64 == np.round(points * 64)).all(axis=1)]
    assert len(exact) > 20
    rows = [[Fraction(int(v)) for v in row] for row in r.network.layers[0].affine.weight.tolist()]
    shift = [Fraction(float(b)) for b in r.network.layers[0].affine.bias]
    for point, found in zip(exact.tolist(), r.find(exact).tolist(), strict=True):
        z = [
            sum((a * Fraction(t) for a, t in zip(row, point, strict=True)), b)
            for row, b in zip(rows, shift, strict=True)
        ]
        holds = [
            i
            for i, p in enumerate(r.patterns.tolist())
            if all(v == 0 or (v > 0) == bool(q) for v, q in zip(z, p, strict=True))
        ]
        assert found == min(holds)


def test_kernel_faces_and_volumes_of_small_cells() -> None:
    """Simple cells, and such as have corners on more facets than there are dimensions, in blocks that are joined."""
    for layers in (he_net(3, 3, 2), arrangement([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 0]])):
        solid = Solid(layers, [-1.0] * 3, [1.0] * 3)
        assert differences(solid) == []
        r = enumerated(layers, cube(3))
        assert sum(r.exact_volumes()) == 8
        assert r.skeleton().edges.max() < len(r.vertex_coordinates)


@pytest.mark.parametrize(("d", "size"), [(3, 1e-82), (3, 1e77), (4, 1e-65), (6, 1e-47), (3, 1e160)])
def test_boxes_of_any_size(d: int, size: float) -> None:
    """Eight cells for three axes: volumes and centroids neither vanish nor overflow before they have to."""
    r = enumerated(arrangement([[*row, 0.0] for row in np.eye(d).tolist()]), cube(d, size))
    r.check()
    assert len(r) == 2**d
    assert np.allclose(np.abs(r.centroids) / size, 0.5) or size > 1e100
    assert not np.isnan(r.volumes).any() and not np.isnan(r.volume_errors).any()
    assert r.distance([[0.25 * size] * d])[0] == pytest.approx(0.25 * size, rel=1e-12)
    assert str(len(r)) in r.summary()


def test_volumes_and_centroids_of_six_dimensions() -> None:
    """Cells of hundreds of faces; the mean of the centroids is that of the box."""
    r = enumerated(he_net(6, 6, 5), cube(6))
    share = r.volumes / r.volumes.sum()
    assert np.allclose(share @ r.centroids, 0.0, atol=1e-13)
    largest = np.argsort(np.diff(r.cell_vertex_offsets))[-5:]
    for volume, error, exact in zip(
        r.volumes[largest], r.volume_errors[largest], r.exact_volumes(largest), strict=True
    ):
        assert abs(Fraction(float(volume)) - exact) <= Fraction(float(error)) <= exact / 1000


@pytest.mark.parametrize("d", [3, 4, 5, 6])
def test_crossing_points_of_rounded_rows(d: int) -> None:
    """They are those of the integers, by Cramer's rule; and those of the rows before rounding lie within the error."""
    rng, scale = np.random.default_rng(d), 10**12

    def minors(rows: list[list[int]]) -> list[int]:
        left = [[[v for i, v in enumerate(row) if i != c] for row in rows] for c in range(d + 1)]
        return [(-1) ** c * int(flint.fmpz_mat(columns).det()) for c, columns in enumerate(left)]

    for trial in range(100):
        exact = rng.integers(-9, 10, (d, d + 1))
        if trial % 3 == 0:
            exact[:, trial % d] *= 6
        if trial % 7 == 0:
            exact[1, :d] = exact[0, :d]
        rounded = (exact * scale + rng.integers(-1, 2, exact.shape)).tolist()
        point, expected, before = (
            crossing([Fuzzy(tuple(r), 1) for r in rounded]),
            minors(rounded),
            minors(exact.tolist()),
        )
        assert (point is None) == (before[d] == 0)
        if point is not None:
            side = 1 if before[d] > 0 else -1
            assert point.values == tuple(side * m for m in expected)
            assert all(abs(side * m * scale**d - v) <= point.error for m, v in zip(before, point.values, strict=True))


@pytest.mark.parametrize("d", [2, 3, 5])
def test_vertices_that_are_placed_again_lie_within_their_bounds(d: int) -> None:
    r = enumerated(he_net(d, 8, 7, 6), cube(d))
    for cell in range(0, len(r), 1 + len(r) // 20):
        words, settler = r.words(cell), r.settlers[0]
        for labels in r.geometry.corner_labels(cell):
            *exact, weight = settler.exact.vertex(labels, words)
            near, error = settler.near_vertex(labels, words, 0.0)
            gaps = [Fraction(int(v), int(weight)) - Fraction(n) for v, n in zip(exact, near, strict=True)]
            assert sum(gap**2 for gap in gaps) <= Fraction(error) ** 2
            assert error <= 2.0**-50 * d


def test_polygons_of_a_mesh_are_seen_from_outside() -> None:
    """By Gauss, cones from the origin over triangles have the volume of each cell, with their signs."""
    pytest.importorskip("meshio")
    r = enumerated(he_net(3, 8, 6), cube(3))
    mesh = r.to_meshio()
    for block, volumes in zip(mesh.cells, mesh.cell_data["volume"], strict=True):
        for polygons, volume in zip(block.data, volumes, strict=True):
            corners = [mesh.points[np.array(polygon)] for polygon in polygons]
            found = sum(np.linalg.det(np.stack([p[0], p[i], p[i + 1]])) for p in corners for i in range(1, len(p) - 1))
            assert found / 6 == pytest.approx(volume, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_polygons_of_rounding_size_are_seen_from_outside(seed: int) -> None:
    """Half-integer planes through common points, some of them moved by a hair: the turn of exact corners decides."""
    pytest.importorskip("meshio")
    rng = np.random.default_rng(seed)
    bias = rng.integers(-2, 3, 5) / 2 + (seed % 2) * 10.0 ** -rng.uniform(14, 18, 5)
    weights = [rng.integers(-2, 3, (5, 3)).astype(float), rng.normal(size=(3, 5)), np.ones((1, 3))]
    r = enumerated(relu_net(weights, [bias, np.zeros(3), [0.0]]), cube(3))
    mesh = r.to_meshio()
    for block, cells in zip(mesh.cells, mesh.cell_data["cell"], strict=True):
        for polygons, cell in zip(block.data, cells.tolist(), strict=True):
            own = r.cell_vertices[slice(*r.cell_vertex_offsets[cell : cell + 2])].tolist()
            exact = dict(zip(own, r.exact_vertices(cell), strict=True))
            middle = [sum(column) / len(own) for column in zip(*exact.values(), strict=True)]
            for polygon in polygons:
                rays = [[a - b for a, b in zip(exact[v], middle, strict=True)] for v in polygon]
                turns = [flint.fmpq_mat([[flint.fmpq(v.numerator, v.denominator) for v in row] for row in own]).det()
                         for own in ((rays[0], *pair) for pair in pairwise(rays[1:]))]  # fmt: skip
                assert all(turn >= 0 for turn in turns)
                assert any(turn > 0 for turn in turns)


@pytest.mark.parametrize("d", [3, 6])
def test_bounds_are_those_of_boxes_with_very_different_sides(d: int) -> None:
    side = np.array([1e-8, 1e8, 1.0, 1e-3, 1e5, 3.0])[:d]
    r = enumerated(relu_net([np.ones((1, d)).tolist(), [[1.0]]], [[1e9], [0.0]]), lr.Box(-side, side))
    assert len(r) == 1
    (exact,) = r.exact_volumes()
    assert abs(Fraction(float(r.volumes[0])) - exact) <= Fraction(float(r.volume_errors[0])) <= exact / 10**11


def test_bounds_do_not_depend_on_the_unit_of_length() -> None:
    """From where the biases outweigh the weights."""
    layers = he_net(3, 12, 12)
    bounds = []
    for scale in (2.0**10, 2.0**30):
        scaled = [(weight, (np.asarray(bias) + 0.1) * scale, units) for weight, bias, units in layers]
        r = enumerated(scaled, cube(3, scale))
        bounds.append(r.coarse.error.max() / scale)
    assert bounds[1] <= 2 * bounds[0] < 1e-4
