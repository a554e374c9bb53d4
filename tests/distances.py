"""Distances and largest balls against exact ones: networks of all families at many scales, and the comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

import flint
import numpy as np

import linear_regions as lr
from convert import to_network
from families import FAMILIES, Plan
from naive import RELU, Layer, Point, Row, values
from naive_polytopes import Cell, Complex, halves
from solids import Solid

Vector = Sequence[Fraction]

_NEAR = Fraction(1, 2**50)


class Problem(NamedTuple):
    """A network on a box and a point in it."""

    solid: Solid
    point: list[float]


def random_problem(seed: int) -> Problem:
    """Two or three dimensions, narrow layers; perhaps layers or boxes at the ends of floats, or a box one ulp wide."""
    rng = np.random.default_rng([11, seed])
    d = int(rng.choice([2, 2, 3]))
    widths = tuple(int(n) for n in rng.integers(1, 5, int(rng.integers(1, 3))))
    layers = [(w.copy(), b.copy(), u) for w, b, u in FAMILIES[seed % len(FAMILIES)](rng, Plan(d, d, widths))]
    lower, upper = np.full(d, rng.choice([-1.0, 0.0])), np.ones(d)
    point = rng.integers(-8, 9, d) / 8 if rng.random() < 0.5 else rng.uniform(-1, 1, d)
    kind = rng.integers(4)
    if kind == 1 and all(u is None or all(unit == RELU for unit in u) for _, _, u in layers):
        scaled(layers, rng.choice([-498, -300, 300, 498], len(layers)))
    if kind == 2:
        size = 2.0 ** int(rng.choice([-300, -60, 60, 300]))
        layers[0] = (layers[0][0] / size, *layers[0][1:])
        lower, upper, point = lower * size, upper * size, point * size
    if kind == 3:
        lower[0] = rng.choice([0.3, -0.7, 1e-300])
        upper[0] = np.nextafter(lower[0], np.inf)
    return Problem(Solid(layers, lower.tolist(), upper.tolist()), np.clip(point, lower, upper).tolist())


def scaled(layers: list[Layer], powers: Iterable[int]) -> None:
    """Multiply the values of layers of ReLUs, which are homogeneous, by powers of two: the cells stay."""
    total = 0
    for number, (power, (weight, bias, units)) in enumerate(zip(powers, layers, strict=True)):
        total = int(np.clip(total + power, -900, 900)) if bias.any() else total + power
        layers[number] = (np.ldexp(weight, power), np.ldexp(bias, total), units)


def differences(problem: Problem) -> list[str]:
    """Bounds that do not hold, and distances that are not found."""
    twin, network, domain = problem.solid.twin(), to_network(problem.solid.layers), problem.solid.domain
    x = [Fraction(v) for v in problem.point]
    found = []
    for to in ("activation", "linear", "decision"):
        ours, square = lr.nearest_boundary(network, problem.point, to=to, domain=domain), nearest_square(twin, x, to)  # type: ignore[arg-type]
        found += [f"{to}: {text}" for text in faults(ours.lower, ours.distance, square)]
    near = lr.explore(network, problem.point, domain=domain, max_cells=10_000)
    cells = {cell.pattern: cell for cell in twin.cells}
    patterns = list(map(tuple, near.patterns.tolist()))
    if not near.complete or sorted(cells) != sorted(patterns):
        return [*found, f"{len(near)} cells, twin {len(twin)}"]
    for pattern, distance, radius in zip(patterns, near.distances.tolist(), near.inradii.tolist(), strict=True):
        square = to_hull(x, cells[pattern].points)
        found += [f"cell {pattern}: {text}" for text in faults(*distance, square, is_found=radius[0] > 0)]
        found += radius_faults(pattern, *radius, cells[pattern])
    regions = lr.enumerate_regions(network, domain, method="lp")
    for pattern, *ball in zip(map(tuple, regions.patterns.tolist()), *regions.largest_balls, strict=True):
        found += ball_faults(pattern, *ball, cells[pattern])
    return found


def faults(lower: float, distance: float, square: Fraction | None, *, is_found: bool = True) -> list[str]:
    """A lower bound that exceeds the exact distance, or a distance far from it; no distance: there is no boundary."""
    if square is None:
        return [] if distance == math.inf else [f"distance {distance}, twin none"]
    size, true = Fraction(2) ** (even(square) // 2), root(square)
    found = [] if Fraction(lower) ** 2 <= square else [f"lower bound {lower}, twin {true}"]
    if is_found and (not math.isfinite(distance) or abs(Fraction(distance) ** 2 - square) > size**2 / 10**9):
        found.append(f"distance {distance}, twin {true}")
    return found


def even(square: Fraction) -> int:
    """An even power of two about as large."""
    return 2 * ((square.numerator.bit_length() - square.denominator.bit_length()) // 2)


def root(square: Fraction) -> float:
    return math.ldexp(math.sqrt(square / Fraction(2) ** even(square)), even(square) // 2)


def nearest_square(twin: Complex, x: Vector, to: str) -> Fraction | None:
    """The square of the distance to a boundary, None if there is none."""
    return min(map(lambda points: to_hull(x, points), boundary(twin, x, to)), default=None)


def boundary(twin: Complex, x: Vector, to: str) -> Iterator[Iterable[Point]]:
    """Corners of the parts of a boundary; of decisions, of the parts of cells where another class is not behind."""
    if to == "decision":
        cell = next(c for c in twin.cells if all(v >= 0 for v in values_at(c.facets, x)))
        ranks = values_at(classes(cell), x)
        own = ranks.index(max(ranks))
        for cell in twin.cells:
            for k, row in enumerate(classes(cell)):
                if k != own:
                    yield from ahead(cell, tuple(v - w for v, w in zip(row, classes(cell)[own], strict=True)))
    else:
        for face, owners in twin.faces[-1].items():
            if twin.is_inner(face) and (to == "activation" or len({outputs(twin.cells[i]) for i in owners}) > 1):
                yield face


def outputs(cell: Cell) -> tuple[tuple[Fraction, ...], ...]:
    return tuple(tuple(Fraction(v, cell.denominator) for v in row) for row in cell.rows)


def classes(cell: Cell) -> Sequence[Row]:
    return cell.rows if len(cell.rows) > 1 else [(0,) * len(cell.rows[0]), *cell.rows]


def ahead(cell: Cell, row: Row) -> Iterator[Iterable[Point]]:
    """Corners of the part of a cell where a row is not negative."""
    signs = values(row, cell.points)
    if min(signs) < 0 < max(signs):
        yield halves((cell.facets, cell.points), row)[1][1]
    else:
        some = [p for p, v in zip(cell.points, signs, strict=True) if v >= 0]
        if some:
            yield some


def values_at(rows: Iterable[Row], x: Vector) -> list[Fraction]:
    return [sum((a * v for a, v in zip(row, x, strict=False)), Fraction(row[-1])) for row in rows]


def to_hull(x: Vector, corners: Iterable[Point]) -> Fraction:
    """The square of the distance of a point to a convex hull: the nearest point is inside it, or in a simplex of its
    boundary, over whose plane the point then lies."""
    points = [[Fraction(v, p[-1]) - w for v, w in zip(p[:-1], x, strict=True)] for p in corners]
    squares = [
        square
        for k in range(1, len(x) + 2)
        for simplex in combinations(points, k)
        if (square := to_simplex(simplex)) is not None
    ]
    return min(squares)


def to_simplex(points: Sequence[Vector]) -> Fraction | None:
    """The square of the distance of the origin to the plane of points, None unless it is over their simplex."""
    gram = [[sum((v * w for v, w in zip(p, q, strict=True)), Fraction(0)) for q in points] for p in points]
    k = len(points)
    share = solved([[*row, 1] for row in gram] + [[1] * k + [0]], [0] * k + [1])
    if share is None:  # the points span less
        return None
    share.pop()
    if min(share) < 0:
        return None
    return sum(
        (a * b * v for a, row in zip(share, gram, strict=True) for b, v in zip(share, row, strict=True)), Fraction(0)
    )


def radius_of(cell: Cell) -> Fraction:
    """The radius of a largest ball, to 2^-60: of all that touch d + 1 facets, the largest that crosses none."""
    d = len(cell.points[0]) - 1
    rows = [
        (*row[:-1], -Fraction(math.isqrt(sum(v * v for v in row[:-1]) << 128), 1 << 64), row[-1]) for row in cell.facets
    ]
    found = Fraction(0)
    for chosen in combinations(rows, d + 1):
        ball = solved([row[:-1] for row in chosen], [-row[-1] for row in chosen])
        if ball is not None and ball[-1] > found and min(values_at(rows, ball)) >= 0:
            found = ball[-1]
    return found


def solved(matrix: Sequence[Vector], right: Vector) -> list[Fraction] | None:
    """The solution of linear equations, None unless there is one."""
    table = flint.fmpq_mat([[flint.fmpq(v.numerator, v.denominator) for v in row] for row in matrix])
    try:
        solution = table.solve(flint.fmpq_mat([[flint.fmpq(v.numerator, v.denominator)] for v in right]))
    except ZeroDivisionError:
        return None
    return [Fraction(int(v.p), int(v.q)) for v in solution.entries()]


def radius_faults(pattern: tuple[int, ...], lower: float, upper: float, cell: Cell) -> list[str]:
    """Bounds that do not hold the radius of a largest ball."""
    radius = radius_of(cell)
    if lower <= radius * (1 + _NEAR) and (upper == math.inf or radius * (1 - _NEAR) <= Fraction(upper)):
        return []
    return [f"radius of {pattern} {lower} to {upper}, twin {float(radius)}"]


def ball_faults(pattern: tuple[int, ...], center: np.ndarray, lower: float, upper: float, cell: Cell) -> list[str]:
    """A ball that sticks out, exactly, or an upper bound that does not hold."""
    heights = values_at(cell.facets, [Fraction(v) for v in center.tolist()])
    squares = [sum(v * v for v in row[:-1]) for row in cell.facets]
    if lower and not all(h > 0 and h * h >= Fraction(lower) ** 2 * s for h, s in zip(heights, squares, strict=True)):
        return [f"ball of {pattern} of radius {lower} sticks out"]
    return radius_faults(pattern, lower, upper, cell)


def report(seeds: Iterable[int]) -> str:
    """What differs on random problems, one a line; empty if nothing does."""
    lines = []
    for seed in seeds:
        try:
            found = differences(random_problem(seed))
        except Exception as error:  # name the seed, and go on
            found = [f"{type(error).__name__}: {error}"]
        if found:
            lines.append(f"distances {seed}: {'; '.join(found[:3])}")
    return "\n".join(lines)
