"""The kernels by themselves, against rational arithmetic; small enough to run with bounds checks or uncompiled."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from operator import mul
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

import linear_regions as lr
import linear_regions.program as programs
from convert import to_network
from families import random_case
from known_nets import Case, arrangement, cube, he_net
from linear_regions.blocks import Arena, Block, Divider
from linear_regions.budget import Budget
from linear_regions.cuts import classified, make_cut, narrowed
from linear_regions.engine import Tally, Wanted
from linear_regions.kernels import bounds, combine, double, instructions, rows
from linear_regions.kernels.chain import Chain
from linear_regions.kernels.mesh import Cut
from linear_regions.line import Line, Stretch, empty_chain, start_stretch
from linear_regions.plane import Plane, start_block
from linear_regions.pool import Buffers
from linear_regions.program import Program, compile_network
from linear_regions.settle import Settler, make_settlers
from naive import RELU, leaky_relu, pieces

Floats = NDArray[np.float64]

SQUARE = lr.Box([-1, -1], [1, 1])


def called(kernel: Any) -> Any:
    """A kernel that only other kernels call."""

    @njit
    def call(*arguments: Any) -> Any:
        return kernel(*arguments)

    return call


# Double-double


def exact_product(weight: Floats, bias: Floats, high: Floats, low: Floats) -> list[list[Fraction]]:
    columns = [
        [Fraction(h) + Fraction(r) for h, r in zip(*pair, strict=True)]
        for pair in zip(high.tolist(), low.tolist(), strict=True)
    ]
    result = []
    for row, shift in zip(weight.tolist(), bias.tolist(), strict=True):
        values = [sum(Fraction(w) * c[k] for w, c in zip(row, columns, strict=True)) for k in range(high.shape[1])]
        values[-1] += Fraction(shift)
        result.append(values)
    return result


@pytest.mark.parametrize("seed", range(6))
def test_kernel_double_affine_errs_within_its_bound(seed: int) -> None:
    """(n + 8) 2^-100 |w| |h| for every entry, also where everything cancels."""
    rng = np.random.default_rng(seed)
    n, k = 5, int(rng.integers(1, 40))
    weight, bias = rng.normal(size=(n, k)) * 10.0 ** rng.uniform(-6, 6, (n, k)), rng.normal(size=n)
    high = rng.normal(size=(k, 3))
    low = high * rng.uniform(-1, 1, (k, 3)) * 2.0**-54
    if seed % 2:
        first = np.array([float(-sum(Fraction(w) * Fraction(h) for w, h in zip(weight[0], high[:, -1], strict=True)))])
        bias[:1] = first  # the last entry of the first row cancels to rounding
    out_high, out_low = np.empty((n, 3)), np.empty((n, 3))
    double.double_affine(
        np.ascontiguousarray(weight.T), bias, high, low, out_high, out_low, *np.empty((2, *out_high.shape[::-1]))
    )
    for i, values in enumerate(exact_product(weight, bias, high, low)):
        for c, value in enumerate(values):
            h = np.append(high[:, c], float(c == 2))
            bound = (k + 8) * double.UNIT * np.linalg.norm(np.append(weight[i], bias[i])) * np.linalg.norm(h)
            assert abs(Fraction(out_high[i, c]) + Fraction(out_low[i, c]) - value) <= bound
            assert abs(out_low[i, c]) <= 2.0**-53 * abs(out_high[i, c])  # normalised


@pytest.mark.parametrize("columns", [2, 3, 7])
def test_kernel_double_signs_are_those_of_rationals(columns: int) -> None:
    """Rows that all but vanish at a point: what is proven is right, and where errors allow both signs nothing is."""
    rng, n = np.random.default_rng(columns), 300
    high = rng.normal(size=(n, columns))
    low = high * rng.normal(size=(n, columns)) * 2.0**-56
    point = np.stack([rng.uniform(0.1, 1, columns), rng.normal(size=columns) * 2.0**-56])
    threshold = rng.normal(size=n) * (rng.random(n) < 0.5)
    where = [Fraction(a) + Fraction(b) for a, b in point.T.tolist()]
    values = []
    for i in range(n):
        row = [Fraction(a) + Fraction(b) for a, b in zip(high[i].tolist(), low[i].tolist(), strict=True)]
        goal = Fraction(float(rng.choice([-1, 1]))) * Fraction(2) ** -int(rng.integers(40, 120))
        rest = (goal + Fraction(float(threshold[i])) * where[-1] - sum(map(mul, row[1:], where[1:]))) / where[0]
        high[i, 0] = float(rest)
        low[i, 0] = float(rest - Fraction(high[i, 0]))
        row[0] = Fraction(float(high[i, 0])) + Fraction(float(low[i, 0]))
        values.append(sum(map(mul, row, where)) - Fraction(float(threshold[i])) * where[-1])
    found = np.empty(n, np.int64)
    for error, point_error in ((0.0, 0.0), (2.0**-70, 0.0), (0.0, 2.0**-70)):
        double.double_signs(high, low, error, np.arange(n), threshold, point, point_error, found)
        for i, value in enumerate(values):
            assert found[i] == 0 or (found[i] > 0) == (value > 0)
            steep = sum(map(abs, high[i].tolist())) + abs(float(threshold[i]))
            doubt = error * float(sum(where)) + point_error * steep
            assert found[i] == 0 if abs(value) < 0.99 * doubt else True
            assert found[i] != 0 if abs(value) > 1.1 * doubt + 2.0**-92 * steep else True


def test_kernel_two_sum_loses_nothing() -> None:
    rng = np.random.default_rng(0)
    two_sum = called(double.two_sum)
    for a, b in (rng.normal(size=(50, 2)) * 10.0 ** rng.integers(-20, 20, (50, 2))).tolist():
        s, e = two_sum(a, b)
        assert Fraction(s) + Fraction(e) == Fraction(a) + Fraction(b)


def test_kernel_double_activate_takes_the_pieces_of_the_pattern() -> None:
    case = next(c for c in map(random_case, range(7, 600, 12)) if not c.is_plain_relu and c.layers[0][2] is not None)
    activation = to_network(case.layers).activations[0]
    rng = np.random.default_rng(1)
    z = rng.normal(size=activation.n_neurons) * 4
    signs = z[activation.hyperplane_neuron] > activation.hyperplane_threshold
    words = packed(signs)
    n = activation.n_neurons
    start = np.searchsorted(activation.hyperplane_neuron, np.arange(n + 1)).astype(np.int64)
    high = np.stack([np.zeros(n), z], axis=1)
    out = np.empty((n, 2)), np.empty((n, 2))
    double.double_activate(
        start, np.array(activation.piece_offset), np.array(activation.slope), np.array(activation.slope_low),
        np.array(activation.intercept), np.array(activation.intercept_low), words, high, np.zeros((n, 2)), *out,
    )  # fmt: skip
    for i, value in enumerate(z.tolist()):
        exact = activation.units[activation.kind[i]](value)
        assert abs(Fraction(out[0][i, 1]) + Fraction(out[1][i, 1]) - exact) <= 32 * double.UNIT * (abs(value) + 8)
        assert out[0][i, 0] == 0.0


def packed(signs: NDArray[np.bool_]) -> NDArray[np.uint64]:
    words = np.zeros((len(signs) + 63) // 64, np.uint64)
    for k in np.flatnonzero(signs).tolist():
        words[k >> 6] |= np.uint64(1 << (k & 63))
    return words


# Signs


def chain_of(values: Floats, error: float) -> Chain:
    """Rows with a common error bound, as the kernels take them."""
    n, width = values.shape
    words = (width + 63) // 64
    chain = empty_chain(n, width)._replace(
        positive=np.empty((n, words), np.uint64), negative=np.empty((n, words), np.uint64)
    )
    chain.z[:] = values
    chain.vertex[:, bounds.ERR] = error
    chain.vertex[:, bounds.WEIGHT] = 1.0
    return chain


def bits(words: NDArray[np.uint64], count: int) -> list[list[int]]:
    return [[int(row[k >> 6]) >> (k & 63) & 1 for k in range(count)] for row in words]


def cut_of(thresholds: Floats) -> Cut:
    """Hyperplanes z[k] = threshold."""
    width = len(thresholds)
    network = to_network(arrangement([[1, 0, 0]]))
    return make_cut(compile_network(network).steps[0], None)._replace(
        neuron=np.arange(width), column=np.arange(width), threshold=thresholds
    )


@pytest.mark.parametrize("width", [1, 5, 64, 65, 130])
@pytest.mark.parametrize("plain", [True, False])
def test_kernel_classify_proves_what_exceeds_the_bound_and_lists_the_rest(width: int, plain: bool) -> None:
    rng = np.random.default_rng(width)
    values = rng.choice([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, np.nan], (4, width))
    values[:, ::3], values[:, 1::3] = 2.0, -2.0
    thresholds = np.zeros(width) if plain else rng.choice([0.0, 0.5], width)
    moved = values - thresholds
    unproven = np.argwhere(~(abs(moved) > 0.5)).tolist()
    chain, cut = chain_of(values, 0.5), cut_of(thresholds)
    found = classified(chain, cut, 4, plain)
    assert bits(chain.positive, width) == (moved > 0.5).astype(int).tolist()
    assert bits(chain.negative, width) == (moved < -0.5).astype(int).tolist()
    assert np.column_stack([found.open_v, found.open_k]).tolist() == unproven
    assert found.above.tolist() == (moved > 0.5).all(axis=0).tolist()
    assert found.below.tolist() == (moved < -0.5).all(axis=0).tolist()
    few, words = np.empty(1, np.int64), np.empty((2, chain.positive.shape[1]), np.uint64)
    assert rows.classify(chain, cut, 4, plain, *words, few, few.copy()) == len(unproven)  # whatever the room
    exact = chain_of(np.nan_to_num(values), 0.0)
    assert not len(classified(exact, cut, 4, plain).open_v)  # zeros without error are zeros
    assert not (exact.positive & exact.negative).any()


def test_kernel_put_signs_moves_values_onto_their_threshold_where_the_sign_is_zero() -> None:
    network = to_network(arrangement([[1, 0, 0], [0, 1, 0], [1, 1, 0]]))
    cut = make_cut(compile_network(network).steps[0], None)
    chain = chain_of(np.array([[0.25, -1e-17, 1e-18]]), 0.5)
    _, _, *opened = classified(chain, cut, 1, True)
    assert len(opened[0]) == 3
    rows.put_signs(chain, cut, *opened, np.array([1, 0, -1]))
    assert (bits(chain.positive, 3), bits(chain.negative, 3)) == ([[1, 0, 0]], [[0, 0, 1]])
    assert chain.z[0].tolist() == [0.25, 0.0, 1e-18]
    assert chain.vertex[0, bounds.ETA2] >= 1e-17


def test_kernel_eight_at_a_time_compares_with_a_limit() -> None:
    row = np.array([[0.0] * 8, [1.0, -1.0, np.nan, np.inf, -np.inf, 0.5, np.nextafter(0.5, 1), -0.5]])
    above, below = called(instructions.eight_above), called(instructions.eight_below)
    assert [k for k in range(8) if above(row, 1, 0, 0.5) >> k & 1] == [0, 3, 6]
    assert [k for k in range(8) if below(row, 1, 0, -0.5) >> k & 1] == [1, 4]
    assert above(row, 0, 0, 0.0) == below(row, 0, 0, 0.0) == 0


def test_kernel_eight_at_a_time_counts_common_bits() -> None:
    words = np.array([0, 1, 3, 7, 1 << 63, (1 << 63) | 1, 2**64 - 1, 8, 6, 5], np.uint64)
    near = called(instructions.eight_near)
    for least in range(4):
        for own in (np.uint64(7), np.uint64(1 << 63 | 1)):
            expected = [int(w & own).bit_count() >= least for w in words]
            assert [bool(near(words, 0, own, least) >> k & 1) for k in range(8)] == expected[:8]
            assert [bool(near(words, 2, own, least) >> k & 1) for k in range(8)] == expected[2:]


@pytest.mark.parametrize("is_last", [True, False])
def test_a_narrow_cut_finds_its_neurons_values_in_fewer_columns(is_last: bool) -> None:
    steps = compile_network(to_network(he_net(2, 9, 3))).steps
    cut = make_cut(steps[0], None if is_last else steps[1])
    above, below = np.zeros((2, 9), np.bool_)
    below[[0, 2, 3, 5, 8]] = True
    above[[1]] = True
    narrow, columns = narrowed(cut, 9, above, below)
    assert columns.tolist() == ([4, 6, 7] if is_last else [1, 4, 6, 7])
    assert columns[narrow.column[[4, 6, 7]]].tolist() == [4, 6, 7]
    again, fewer = narrowed(narrow, len(columns), above, below | (np.arange(9) == 6) | (np.arange(9) == 7))
    assert columns[fewer[again.column[4]]] == 4
    wide, all_columns = narrowed(cut, 9, above, np.zeros(9, np.bool_))
    assert (wide, len(all_columns)) == (cut, 0)


def test_kernel_instructions_on_words() -> None:
    lowest_bit, count_bits = called(instructions.lowest_bit), called(instructions.count_bits)
    for k in range(64):
        words = np.uint64(1 << k), np.uint64((1 << 63) | (1 << k))
        assert [lowest_bit(w) for w in words] == [k, k]
        assert [count_bits(w) for w in words] == [1, 2 - (k == 63)]


def test_kernel_distances() -> None:
    z = np.random.default_rng(0).normal(size=(2, 131))
    gap = np.abs(z[1] - z[0])
    square, fourth = called(combine.distances)(z, 0, 1)
    assert square == pytest.approx(np.sum(gap**2), rel=1e-13)
    assert fourth == pytest.approx(np.sum(gap**4), rel=1e-13)
    assert gap.max() <= fourth**0.25 <= 131**0.25 * gap.max()


@pytest.mark.parametrize("kinks", range(1, 9))
def test_kernel_subtract_kinks(kinks: int) -> None:
    rng = np.random.default_rng(kinks)
    rows_, w, unit, change = rng.normal(size=(3, 7)), rng.normal(size=(9, 7)), rng.permutation(9), rng.normal(size=9)
    expected = 0.25 * rows_[0] + 0.75 * rows_[1] - change[:kinks] @ w[unit[:kinks]]
    combined = rows_.copy()
    called(combine.subtract_kinks)(combined, 2, 0, 1, 0.25, 0.75, w, unit, change, kinks)
    assert combined[:2].tolist() == rows_[:2].tolist()
    assert combined[2] == pytest.approx(expected, rel=1e-12, abs=1e-13)


# The plane


def engine(program: Program, domain: Any) -> tuple[Plane, Settler]:
    chart = domain.plane_chart()
    settler = make_settlers(program, chart)[0]
    layers = [i for i, step in enumerate(program.steps) if step.has_units]
    return Plane(program, settler, wanted=Wanted.CELLS, budget=Budget(len(program.steps), layers, None)), settler


@pytest.mark.parametrize(
    ("lines", "faces"),
    [
        ([[1, 0, 0]], (6, 7, 2)),
        ([[1, 0, 0], [0, 1, 0]], (9, 12, 4)),
        ([[1, 1, 0], [1, -1, 0]], (5, 8, 4)),  # both diagonals
        ([[1, 0, -1], [1, 1, -2], [1, 0, 3]], (4, 4, 1)),  # along a side, through a corner, outside
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, -1, 0]], (9, 16, 8)),
    ],
)
def test_kernel_split_cells_cuts_a_square_by_lines(lines: list[list[float]], faces: tuple[int, int, int]) -> None:
    program = compile_network(to_network(arrangement(lines)))
    found = engine(program, SQUARE)[0].enumerate(SQUARE.plane_chart()).cells
    assert found is not None
    assert (len(found.x), len(found.label), len(found.cell_offsets) - 1) == faces
    heads = found.ends.ravel()[found.half_edges]
    tails = found.ends.ravel()[found.half_edges ^ 1]
    for first, last in pairwise(found.cell_offsets.tolist()):
        assert np.array_equal(np.roll(heads[first:last], -1), tails[first:last])  # cycles close
        p = found.x[heads[first:last]]
        turn = np.cross(
            np.column_stack([np.roll(p, -1, 0) - p, np.zeros(len(p))]),
            np.column_stack([np.roll(p, -2, 0) - p, np.zeros(len(p))]),
        )
        assert (turn[:, 2] > 0).all()  # convex, counter-clockwise


def test_kernel_parts_copy_whole_cells() -> None:
    """The parts of a block have its cells, each closed, with its vertices; shared edges are in both."""
    program = compile_network(to_network(he_net(2, 12)))
    solver, _ = engine(program, SQUARE)
    start = start_block(program, SQUARE.plane_chart(), Arena())
    block = solver.advance(start, 0, Tally(np.zeros(1, np.int64)))
    half, divider, cells = block.n_cells // 2, Divider(block), []
    for first, last in ((0, half), (half, block.n_cells)):
        part = divider.part(first, last, Arena())
        cells += [np.array(corners) for corners in corners_of(part)]
    whole = corners_of(block)
    assert len(cells) == len(whole)
    assert all(sorted(a) == sorted(b.tolist()) for a, b in zip(whole, cells, strict=True))


def cycles_of(block: Block) -> list[list[int]]:
    """The half-edges of each cell."""
    mesh, found = block.mesh(), []
    for h in mesh.first[: block.n_cells].tolist():
        cycle = [h]
        while mesh.after[cycle[-1]] != h:
            assert mesh.before[mesh.after[cycle[-1]]] == cycle[-1]
            cycle.append(int(mesh.after[cycle[-1]]))
        found.append(cycle)
    return found


def corners_of(block: Block) -> list[list[list[float]]]:
    mesh = block.mesh()
    return [mesh.x[mesh.origin[cycle]].tolist() for cycle in cycles_of(block)]


# The line


@pytest.mark.parametrize("seed", range(5))
def test_kernel_crossings_are_sorted_and_enclose_the_exact_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines = np.column_stack([rng.normal(size=30), rng.uniform(-1, 1, 30)])
    lines[10:20] = lines[:10]  # ties
    program = compile_network(to_network(arrangement(lines.tolist())))
    chart = lr.Box([-1], [1]).line_chart()
    settler = make_settlers(program, chart)[0]
    solver = Line(program, [settler], Budget(1, [0], None), Buffers())
    stretch: Stretch = start_stretch(program, [chart])
    chain = stretch.chain._replace(positive=np.empty((2, 1), np.uint64), negative=np.empty((2, 1), np.uint64))
    outcome: Any = type("Signs", (), {"signs": 0, "double_signs": 0, "exact_signs": 0})()
    solver.classify(chain, solver.cuts[0], stretch, program.steps[0], outcome)
    crossings = solver.crossings(chain, solver.cuts[0], stretch, outcome)
    inside = [-Fraction(c) / Fraction(a) for a, c in lines.tolist()]
    expected = {k for k, t in enumerate(inside) if -1 < t < 1}
    assert set(crossings.plane.tolist()) == expected
    assert (np.diff(crossings.key) >= 0).all()
    for plane_, key, delta in zip(
        crossings.plane.tolist(), crossings.key.tolist(), crossings.delta.tolist(), strict=True
    ):
        assert abs((inside[plane_] + 1) / 2 - Fraction(key)) <= Fraction(delta)
    for q in np.flatnonzero(crossings.apart).tolist():
        assert all(inside[p] < inside[crossings.plane[q]] for p in crossings.plane[:q].tolist())
    same = np.zeros(len(crossings.plane), np.bool_)
    solver.order(chain, solver.cuts[0], crossings, stretch, same, outcome)
    ordered = [inside[k] for k in crossings.plane.tolist()]
    assert ordered == sorted(ordered)
    assert same.tolist() == [False, *(a == b for a, b in pairwise(ordered))]


# Error bounds


def rational_rows(
    program: Program, settler: Settler, number: int, point: list[Fraction], words: list[Any]
) -> list[Fraction]:
    """Exact pre-activations of a step at a point, in the program's scaled units."""
    matrix, scale = settler.exact.preactivation(number, words)
    d = len(point)
    result = []
    for i, exponent in enumerate(program.steps[number].exponent.tolist()):
        value = sum((int(matrix[i, c]) * x for c, x in enumerate(point)), Fraction(int(matrix[i, d])))
        result.append(value / scale / Fraction(2) ** exponent)
    return result


def norm(values: list[Fraction]) -> float:
    return math.sqrt(float(sum(v * v for v in values)))


def bounded_cases() -> list[Case]:
    nets = [
        Case(he_net(2, *widths, seed=seed), cube(2), f"he {widths}")
        for seed, widths in enumerate([(8, 8, 4), (5,) * 8, (12, 3)])
    ]
    return nets + [
        random_case(seed) for seed in (3, 12, 13, 31, 40, 52, 55, 67, 80, 91) if random_case(seed).domain.is_box
    ]


@pytest.fixture(params=[False, True], ids=["floats", "fine"])
def fine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether all products are fine ones."""
    if request.param:
        monkeypatch.setattr(programs, "_OPEN_SHARE", 0.0)
    return bool(request.param)


@pytest.mark.parametrize("case", bounded_cases(), ids=lambda case: case.description)
def test_kernel_rows_and_vertices_of_the_plane_lie_within_their_bounds(case: Case, fine: bool) -> None:
    """|row - exact row| <= ETAI + SI per entry, ETA2 + S2 in norm, |x - exact x| <= DX, in every layer."""
    if case.domain.dimension != 2 or case.domain.origin is not None:
        pytest.skip("for boxes in the plane")
    program = compile_network(to_network(case.layers))
    assert all((product is not None) == fine for product in program.fine[:-1])
    domain = lr.Box(case.domain.lower, case.domain.upper)
    solver, settler = engine(program, domain)
    tally: Tally[Any] = Tally(np.zeros(len(program.steps), np.int64))
    block = start_block(program, domain.plane_chart(), Arena())
    for number in range(len(program.steps)):
        mesh = block.mesh()
        corner = {int(mesh.origin[h]): (h, c) for c, cycle in enumerate(cycles_of(block)) for h in cycle}
        for v in range(0, block.n_vertices, 1 + block.n_vertices // 60):
            half, cell = corner[v]
            words = program.words(block.pattern[cell])
            labels = (int(mesh.label[half >> 1]), int(mesh.label[mesh.before[half] >> 1]))
            *numerators, weight = settler.exact.vertex(labels, words)
            point = [Fraction(int(x), int(weight)) for x in numerators]
            b = mesh.vertex[v]
            moved = [p - Fraction(float(x)) for p, x in zip(point, mesh.x[v], strict=True)]
            assert norm(moved) <= b[bounds.DX] * (1 + 1e-12)
            exact = rational_rows(program, settler, number, point, words)
            gaps = [e - Fraction(float(z)) for e, z in zip(exact, mesh.z[v, : block.widths[0]], strict=True)]
            assert norm(gaps) <= (b[bounds.ETA2] + b[bounds.S2]) * (1 + 1e-12)
            assert max(map(abs, gaps)) <= (b[bounds.ETAI] + b[bounds.SI]) * (1 + 1e-12)
            assert max(map(abs, gaps)) <= b[bounds.ERR] * (1 + 1e-12)
        block = solver.advance(block, number, tally)


@pytest.mark.parametrize("seed", range(6))
def test_kernel_rows_and_breakpoints_of_the_line_lie_within_their_bounds(seed: int, fine: bool) -> None:
    layers = he_net(3, 9, 7, 6, seed=seed)
    program = compile_network(to_network(layers))
    assert all((product is not None) == fine for product in program.fine[:-1])
    lies_within_its_bounds(
        program,
        lr.Segment([0.0, 1.0, -1.0], [1.0, 0.25, 0.5]) if seed % 2 else lr.Line([0.0, 1.0, 0.5], [1.0, 0.5, -1.0]),
    )


@pytest.mark.parametrize("seed", range(6))
def test_kernel_rows_that_round_are_not_exact_where_their_breakpoint_is(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of dyadic numbers are exact at the ends of [0, 1]; at 1/128, where the first neuron switches, they round."""
    rng = np.random.default_rng(seed)
    weight, bias = (rng.integers(-(2**52), 2**52, size).astype(np.float64) * 2.0**-52 for size in ((5, 1), 5))
    weight[0], bias[0] = 1.0, -1 / 128
    layers = [(weight, bias, [RELU] * 5), *he_net(5, 4, 4, seed=seed)]
    if seed % 2:
        layers[0] = (weight, bias, [pieces([0.001], [0, 1], [0, -Fraction(0.001)])] * 5)
    program = compile_network(to_network(layers))
    monkeypatch.setattr(programs, "_OPEN_SHARE", 0.0)
    program.__dict__["fine"] = [None, *program.fine[1:]]
    lies_within_its_bounds(program, lr.Segment([0.0], [1.0]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("domain", [lr.Line([0.0], [1.0]), lr.Segment([-1e16], [1.0])], ids=repr)
def test_kernel_rows_near_breakpoints_with_others_far_away(seed: int, domain: Any) -> None:
    """Between a breakpoint at -1e12 and one near 0 values are as large as there, and the weights of it are tiny."""
    rng = np.random.default_rng(seed)
    places = np.array([1e12, 3e9, 2.85, 1.1, 0.2]) * rng.uniform(1, 2, 5)
    layers = he_net(5, 4, 4, seed=seed)
    layers[0] = (layers[0][0], layers[0][1], [leaky_relu(0.3)] * 4)
    program = compile_network(to_network([(np.ones((5, 1)), places, [leaky_relu(0.1)] * 5), *layers]))
    lies_within_its_bounds(program, domain)


def lies_within_its_bounds(program: Program, domain: Any) -> None:
    """Compare the rows and breakpoints of every layer on a line with their rational values."""
    chart = domain.line_chart()
    settlers = make_settlers(program, chart)
    layers_ = list(range(len(program.steps)))
    solver = Line(program, settlers, Budget(len(program.steps), layers_, None), Buffers())
    stretch = start_stretch(program, [chart])
    outcome: Any = type("Signs", (), {"signs": 0, "double_signs": 0, "exact_signs": 0})()
    for number in layers_:
        chain = stretch.chain
        for v in np.flatnonzero(np.isfinite(chain.t)).tolist():
            cell = v if chain.linked[v] else v - 1
            words = [p[cell] for p in stretch.patterns]
            settler = settlers[stretch.segment[cell]]
            numerator, weight = settler.exact.vertex((int(chain.label[v]),), words)
            point = Fraction(int(numerator), int(weight))
            b = chain.vertex[v]
            if b[bounds.DX] < np.inf:
                assert abs(point - Fraction(float(chain.t[v]))) <= Fraction(float(b[bounds.DX]))
            exact = rational_rows(program, settler, number, [point], words)
            gaps = [e - Fraction(float(z)) for e, z in zip(exact, chain.z[v], strict=True)]
            assert norm(gaps) <= (b[bounds.ETA2] + b[bounds.S2]) * (1 + 1e-12)
            if b[bounds.ERR] < np.inf:
                assert max(map(abs, gaps)) <= Fraction(float(b[bounds.ERR])) * (1 + Fraction(1, 10**12))
        stretch = solver.advance(stretch, number, outcome)
