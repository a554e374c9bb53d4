"""Counts in three to six dimensions, against known answers and the slow twin."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

import linear_regions as lr
from convert import to_network
from known_nets import arrangement, he_net, relu_net, torch_net
from linear_regions.budget import Budget
from linear_regions.kernels import bounds
from linear_regions.program import Program, compile_network
from linear_regions.settle import Settler, make_settlers
from linear_regions.solid import SolidBlock, Solids, start_block
from linear_regions.solid_arena import SolidArena
from linear_regions.solid_parts import Count
from naive import Layer
from solids import Solid, cube, random_solid, solid_report


def refined(solid: Solid) -> tuple[Program, Settler, SolidBlock, Count]:
    """All cells in one block, kept after the last step too."""
    program = compile_network(to_network(solid.layers))
    chart = solid.domain.solid_chart()
    (settler,) = make_settlers(program, chart)
    engine = Solids(program, settler, keep=True, budget=Budget(len(program.steps), [], None))
    block = start_block(program, chart, SolidArena())
    count = Count(np.zeros(len(program.steps), np.int64))
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
    engine = Solids(program, settler, keep=True, budget=Budget(len(program.steps), [], None))
    block = start_block(program, chart, SolidArena())
    count = Count(np.zeros(len(program.steps), np.int64))
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
        lr.count_regions(to_network(he_net(7, 4)), cube(7))
    with pytest.raises(lr.BudgetExceeded):
        lr.count_regions(to_network(he_net(3, 20)), cube(3), max_regions=100)


def test_dead_layers_and_identities() -> None:
    weights = [np.zeros((3, 3)), np.ones((2, 3)), np.ones((1, 2))]
    assert lr.count_regions(to_network(relu_net(weights, [[-1.0] * 3, [0.0] * 2, [0.0]])), cube(3)) == 1
    affine = lr.Network.from_arrays([np.eye(3)], [np.zeros(3)])
    assert lr.count_regions(affine, cube(3)) == 1
