"""Small random networks on every kind of domain with their exact cells, for comparing numbers with their bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from operator import mul
from typing import Any, NamedTuple

import numpy as np

import linear_regions as lr
from convert import to_network
from families import EDGES, FAMILIES, Plan, Rng, zero_bias
from known_nets import Array
from naive import Layer, Number, Row, Rows, enumerate_1d, values
from naive_polytopes import Complex, Face, enumerate_polytope, triangulated

FAR = Fraction(2) ** 6000
Exact = tuple[Fraction, ...]
Simplices = tuple[tuple[Exact, ...], ...]


class Cell(NamedTuple):
    """A cell: pattern, rows that are not negative on it, finite corners, volume, whether it is bounded, output map."""

    pattern: tuple[int, ...]
    rows: Rows
    corners: tuple[Exact, ...]
    volume: Fraction
    bounded: bool
    output: tuple[Rows, int]  # integer rows over (t, 1), and their denominator

    def holds(self, point: Sequence[Fraction], *, inside: bool = False) -> bool:
        """Whether a point lies in the closed cell, or in its inside."""
        heights = values_at(self.rows, point)
        return min(heights) > 0 if inside and heights else all(h >= 0 for h in heights)


class Facet(NamedTuple):
    """A facet between two cells: its neuron, and simplices that make it up; none if it is unbounded."""

    cells: tuple[int, int]
    neuron: int
    simplices: Simplices


class Twin(NamedTuple):
    """The exact cells of a network on a domain; on a curve in their order."""

    cells: list[Cell]
    per_layer: tuple[int, ...]
    facets: list[Facet]
    whole: Complex | None = None  # of bodies

    def inner_faces(self, codim: int) -> list[Simplices]:
        """The faces of a codimension inside a bounded domain, as simplices."""
        assert self.whole is not None
        found, dimension = self.whole, self.whole.dimension - codim
        inner = [(face, own[0]) for face, own in found.faces[dimension].items() if found.is_inner(face)]
        return [_rationals(triangulated(face, found.cells[cell].faces, dimension)) for face, cell in inner]


@dataclass(frozen=True)
class Problem:
    """A network on a domain of some kind. `rows` are the inequalities of the domain in t, where it is a body."""

    layers: list[Layer]
    kind: str
    domain: Any
    rows: tuple[tuple[Number, ...], ...] = ()
    origin: Array | None = None
    basis: Array | None = None
    points: Array | None = None  # of a polyline

    @cached_property
    def network(self) -> lr.Network:
        """As the library takes it."""
        return to_network(self.layers)

    @cached_property
    def twin(self) -> Twin:
        """The exact cells; of the plane of an ellipse on a square about it."""
        if self.points is not None:
            return chain(self.layers, self.points)
        if self.domain.dim == 1 and self.kind != "ellipse":
            low, high = (-math.inf, math.inf) if not self.rows else (-Fraction(self.rows[0][1]), self.rows[1][1])
            direction = None if self.basis is None else self.basis[:, 0].tolist()
            origin = None if self.origin is None else self.origin.tolist()
            found = enumerate_1d(self.layers, low, high, origin, direction)
            return Twin(sorted(map(interval, found.cells), key=_low), found.per_layer, [])
        d = 2 if self.kind == "ellipse" else self.domain.dim
        rows = self.rows or tuple(tuple(row) for row in box_rows([-FAR] * d, [FAR] * d))
        origin, basis = (None if a is None else a.tolist() for a in (self.origin, self.basis))
        return _of_complex(enumerate_polytope(self.layers, rows, origin, basis))


def values_at(rows: Rows, point: Sequence[Fraction]) -> list[int]:
    """The values of rows at a point, times the last of its `homogeneous` coordinates."""
    own = homogeneous(point)
    return [sum(map(mul, row, own)) for row in rows]


def homogeneous(point: Sequence[Fraction]) -> Row:
    """A point over the common denominator of its coordinates, which comes last."""
    common = math.lcm(*(v.denominator for v in point))
    return (*(v.numerator * (common // v.denominator) for v in point), common)


def box_rows(lower: Sequence[Number], upper: Sequence[Number]) -> list[list[Number]]:
    """Rows (a, c) with a.t + c >= 0 in a box."""
    d = len(lower)
    ends = [(sign, i) for i in range(d) for sign in (1, -1)]
    return [
        [*(sign * int(k == i) for k in range(d)), -Fraction(lower[i]) if sign > 0 else Fraction(upper[i])]
        for sign, i in ends
    ]


def interval(cell: Any, shift: int = 0) -> Cell:
    """A cell of the twin on a line, its parameters moved by `shift`."""
    (low, w), (high, v) = cell.points
    ends = tuple((Fraction(x, u) + shift,) for x, u in cell.points if u)
    rows = tuple(
        (sign * t.denominator, -sign * t.numerator)
        for sign, t in ((1, Fraction(low, w) + shift if w else None), (-1, Fraction(high, v) + shift if v else None))
        if t is not None
    )
    bounded = len(ends) == 2
    length = ends[1][0] - ends[0][0] if bounded else Fraction(0)
    return Cell(cell.pattern, rows, ends, length, bounded, (cell.rows, cell.denominator))


def _low(cell: Cell) -> Fraction | float:
    starts = [Fraction(-c, a) for a, c in cell.rows if a > 0]
    return starts[0] if starts else -math.inf


def chain(layers: list[Layer], points: Array) -> Twin:
    """The cells along a polyline: those of its pieces, joined at corners where the pattern is the same."""
    found: list[Cell] = []
    begun: list[list[tuple[int, ...]]] = []
    widths = [len(bias) for _, bias, units in layers if units is not None]
    for number, (start, stop) in enumerate(pairwise(points.tolist())):
        step = [Fraction(b) - Fraction(a) for a, b in zip(start, stop, strict=True)]
        piece = enumerate_1d(layers, 0, 1, start, step)
        for cell in sorted((interval(c, number) for c in piece.cells), key=_low):
            if found and found[-1].pattern == cell.pattern:
                first = found.pop()
                ends = (first.corners[0], cell.corners[1])
                rows = (first.rows[0], cell.rows[1])
                cell = Cell(cell.pattern, rows, ends, ends[1][0] - ends[0][0], True, cell.output)
            found.append(cell)
    for end in np.cumsum(widths).tolist():
        begun.append([cell.pattern[:end] for cell in found])
    kinked = [any(u[0] for u in units) for _, _, units in layers if units is not None]
    per_layer = tuple(
        1 + sum(a != b for a, b in pairwise(own)) for own, kink in zip(begun, kinked, strict=True) if kink
    )
    return Twin(found, per_layer, [])


def _of_complex(found: Complex) -> Twin:
    walls = {row for row in found.domain if abs(row[-1]) >= FAR}
    cells = []
    for cell in found.cells:
        bounded = walls.isdisjoint(cell.facets)
        own = [p for p in cell.points if all(v for wall in walls for v in values(wall, [p]))]
        corners = tuple(tuple(Fraction(x, p[-1]) for x in p[:-1]) for p in own)
        rows = tuple(row for row in cell.facets if row not in walls)
        volume = cell.volume if bounded else Fraction(0)
        cells.append(Cell(cell.pattern, rows, corners, volume, bounded, (cell.rows, cell.denominator)))
    facets = [
        _facet(found, face, (owners[0], owners[1]), bool(walls))
        for face, owners in found.faces[-1].items() if len(owners) == 2
    ]  # fmt: skip
    return Twin(cells, found.per_layer, facets, found)


def _facet(found: Complex, face: Face, owners: tuple[int, int], everywhere: bool) -> Facet:
    first, second = (found.cells[i].pattern for i in owners)
    neuron = next(k for k, (p, q) in enumerate(zip(first, second, strict=True)) if p != q)
    if everywhere and any(abs(x) >= FAR * p[-1] for p in face for x in p[:-1]):
        return Facet(owners, neuron, ())
    parts = triangulated(face, found.cells[owners[0]].faces, found.dimension - 1)
    return Facet(owners, neuron, _rationals(parts))


def _rationals(simplices: Iterable[Sequence[Row]]) -> Simplices:
    return tuple(tuple(tuple(Fraction(x, p[-1]) for x in p[:-1]) for p in own) for own in simplices)


KINDS = {
    1: ("box", "slice", "segment", "line", "space", "polyline", "closed polyline"),
    2: ("box", "polytope", "slice", "space", "ellipse"),
    3: ("box", "polytope", "slice", "space"),
    4: ("box", "polytope", "space"),
}
WIDTHS = {1: [(3,), (4,), (2, 2), (3, 2), (2, 2, 2)], 2: [(3,), (2, 2), (3, 2), (2, 1, 2)], 3: [(3,), (2, 1), (2, 2)],
          4: [(2,), (3,), (1, 1)]}  # fmt: skip


def bound_case(seed: int) -> Problem:
    """The problem of a seed: families, domains, widths and scales are drawn."""
    rng = np.random.default_rng([11, seed])
    d = int(rng.choice([1, 1, 1, 1, 2, 2, 2, 2, 3, 4]))
    kind = str(rng.choice(KINDS[d]))
    families = EDGES if rng.random() < 0.75 else tuple(f for f in FAMILIES if f is not zero_bias)
    family = families[rng.integers(len(families))]
    own_inputs = kind in ("box", "polytope", "space")
    inputs = d if own_inputs else d + int(rng.integers(0, 3))
    layers = family(rng, Plan(inputs, d, WIDTHS[d][rng.integers(len(WIDTHS[d]))]))
    return _on(rng, layers, kind, d, inputs)


def _on(rng: Rng, layers: list[Layer], kind: str, d: int, inputs: int) -> Problem:
    if kind == "space":
        return Problem(layers, kind, lr.Space(d))
    if kind in ("segment", "polyline", "closed polyline"):
        points = _points(rng, 2 if kind == "segment" else int(rng.integers(3, 6)), inputs)
        closed = kind == "closed polyline"
        domain = lr.Segment(*points) if kind == "segment" else lr.Polyline(points, closed=closed)
        return Problem(layers, kind, domain, points=np.concatenate([points, points[:1]]) if closed else points)
    if kind == "line":
        start, stop = _points(rng, 2, inputs)
        return Problem(layers, kind, lr.Line(start, stop), origin=start, basis=stop[:, None])
    if kind == "ellipse":
        origin, basis = _frame(rng, inputs, 2)
        rows = tuple(map(tuple, box_rows([-1.5, -1.5], [1.5, 1.5])))
        return Problem(layers, kind, lr.Ellipse(origin, *basis.T), rows, origin, basis)
    lower, upper = _ends(rng, d)
    rows = tuple(map(tuple, box_rows(lower, upper)))
    if kind == "box":
        return Problem(layers, kind, lr.Box(lower, upper), rows)
    if kind == "slice":
        origin, basis = _frame(rng, inputs, d)
        return Problem(layers, kind, lr.Slice(origin, basis, lr.Box(lower, upper)), rows, origin, basis)
    normals = [_few_bits(rng, d) for _ in range(rng.integers(1, 3))]
    middle = [float(v) for v in (np.array(lower) + np.array(upper)) / 2]
    cuts = [(a, float(np.dot(a, middle)) + float(upper[0] - lower[0]) * rng.choice([0.25, 0.1])) for a in normals]
    matrix = np.concatenate([np.eye(d), -np.eye(d), [a for a, _ in cuts]])
    bound = np.array([*upper, *(-v for v in lower), *(b for _, b in cuts)])
    more = [tuple([*(-v for v in a.tolist()), b]) for a, b in cuts]
    return Problem(layers, kind, lr.Polytope(matrix, bound), (*rows, *more))


def _few_bits(rng: Rng, shape: int | tuple[int, ...]) -> Array:
    """Quarters or normal numbers, not all zero in any row."""
    drawn: Array = rng.normal(size=shape) if rng.random() < 0.4 else rng.integers(-8, 9, shape) / 4
    drawn.reshape(-1, drawn.shape[-1])[:, 0] += np.where(drawn.reshape(-1, drawn.shape[-1]).any(axis=1), 0.0, 1.0)
    return drawn


def _points(rng: Rng, n: int, inputs: int) -> Array:
    """Points, each different from the one before it and the first from the last."""
    points = _few_bits(rng, (n, inputs)) * 10.0 ** rng.choice([0, 0, 0, -3, 3])
    for k in range(n):
        while (points[k] == points[k - 1]).all() or (points[k] == points[(k + 1) % n]).all():
            points[k, 0] += 0.25
    return points


def _frame(rng: Rng, inputs: int, d: int) -> tuple[Array, Array]:
    """Origin and basis of a slice."""
    origin = rng.integers(-4, 5, inputs) / 4 if rng.random() < 0.6 else rng.normal(size=inputs)
    if rng.random() < 0.4:
        return origin, rng.normal(size=(inputs, d))
    basis = rng.integers(-4, 5, (inputs, d)) / 4
    basis[:d] = np.eye(d) * rng.choice([1.0, 0.5, 3.0, 0.1])
    return origin, basis


def _ends(rng: Rng, d: int) -> tuple[list[float], list[float]]:
    """A box: ordinary, of few bits, normal, far off, tiny or huge."""
    kind = rng.integers(9)
    if kind < 3:
        return [float(kind % 2) - 1.0] * d, [1.0] * d
    if kind < 5:
        low = rng.integers(-16, 8, d) / 8
        return low.tolist(), (low + rng.integers(1, 17, d) / 8).tolist()
    if kind < 7:
        low = rng.normal(size=d)
        return low.tolist(), (low + rng.uniform(0.1, 2, d)).tolist()
    if kind == 7:
        return [1e6] * d, [1e6 + 1] * d
    scale = float(rng.choice([2.0**-200, 1e-3, 1e3, 2.0**60]))
    return [-scale] * d, [scale] * d
