"""The slow twin: cells of a piecewise-linear network by brute force in integer arithmetic.

Written for evident correctness, to judge the library; it imports nothing of it. Floats are taken as the rationals they
are. Points are integer homogeneous coordinates ``(X, ..., W)`` with ``W > 0`` (``W == 0``: an end at infinity of a
line), divided by their gcd, so that equal points are equal tuples. On every cell each pre-activation is an integer row
over ``(t, 1)`` with one positive denominator per layer, so a sign is the sign of an integer dot product.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from operator import mul
from typing import Any, NamedTuple

import numpy as np

Number = int | float | Fraction
Point = tuple[int, ...]
Row = tuple[int, ...]
Rows = tuple[Row, ...]


class Pieces(NamedTuple):
    """A scalar unit: on piece p (the number of breakpoints below z) the value is ``slopes[p] * z + intercepts[p]``."""

    breakpoints: tuple[Fraction, ...]
    slopes: tuple[Fraction, ...]
    intercepts: tuple[Fraction, ...]


Layer = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], Sequence[Pieces] | None]


def pieces(breakpoints: Iterable[Number], slopes: Iterable[Number], intercepts: Iterable[Number]) -> Pieces:
    """A unit from ordinary numbers; floats are taken exactly."""
    return Pieces(*(tuple(Fraction(v) for v in values) for values in (breakpoints, slopes, intercepts)))


def leaky_relu(slope: Number) -> Pieces:
    """Slope `slope` below zero, 1 above."""
    return pieces([0], [slope, 1], [0, 0])


RELU = leaky_relu(0)
ABS = leaky_relu(-1)
IDENTITY = pieces([], [1], [0])
HARDTANH = pieces([-1, 1], [0, 1, 0], [-1, 0, 1])
RELU6 = pieces([0, 6], [0, 1, 0], [0, 0, 6])
HARDSIGMOID = pieces([-3, 3], [0, Fraction(1, 6), 0], [0, Fraction(1, 2), 1])


def forward(layers: Sequence[Layer], x: Sequence[Number]) -> tuple[tuple[int, ...], tuple[Fraction, ...]]:
    """Pattern and output of the network at one input point, term by term in fractions."""
    values = [Fraction(v) for v in x]
    pattern: list[int] = []
    for weight, bias, units in layers:
        values = [
            sum((Fraction(w) * v for w, v in zip(row, values, strict=True)), Fraction(shift))
            for row, shift in zip(weight.tolist(), bias.tolist(), strict=True)
        ]
        if units is not None:
            chosen = [sum(z > tau for tau in unit[0]) for unit, z in zip(units, values, strict=True)]
            values = [u[1][p] * z + u[2][p] for u, p, z in zip(units, chosen, values, strict=True)]
            pattern += chosen
    return tuple(pattern), tuple(values)


@dataclass(frozen=True)
class Cell:
    """One full-dimensional cell: its pattern, its corners in order, and the exact output map over t on it."""

    pattern: tuple[int, ...]
    points: tuple[Point, ...]
    rows: Rows
    denominator: int

    @cached_property
    def vertices(self) -> tuple[tuple[Fraction | float, ...], ...]:
        """Corners as fractions, counter-clockwise in 2-D, (low, high) in 1-D (``+-inf`` where unbounded)."""
        return tuple(
            tuple(Fraction(x, p[-1]) if p[-1] else math.copysign(math.inf, x) for x in p[:-1]) for p in self.points
        )

    @cached_property
    def size(self) -> Fraction | float:
        """Area in 2-D, length in 1-D (inf where unbounded)."""
        if len(self.points[0]) == 2:
            (low,), (high,) = self.vertices
            return high - low
        (a, *rest), total = self.points, Fraction(0)
        for b, c in pairwise(rest):
            total += Fraction(_determinant(a, b, c), 2 * a[-1] * b[-1] * c[-1])
        return total

    @cached_property
    def centre(self) -> tuple[Fraction, ...]:
        """The mean of the corners, an interior point of the (bounded) cell."""
        return tuple(
            sum(map(Fraction, column), Fraction(0)) / len(self.vertices) for column in zip(*self.vertices, strict=True)
        )

    @cached_property
    def affine_map(self) -> tuple[tuple[tuple[Fraction, ...], ...], tuple[Fraction, ...]]:
        """``(A, b)``: the network is ``A t + b`` on the cell; A has one row per output."""
        values = [tuple(Fraction(v, self.denominator) for v in row) for row in self.rows]
        return tuple(row[:-1] for row in values), tuple(row[-1] for row in values)


class Facet(NamedTuple):
    """An interior facet: its one or two end points, the two cells, and the first neuron whose piece differs."""

    points: tuple[Point, ...]
    cells: tuple[int, int]
    neuron: int


@dataclass(frozen=True)
class Complex:
    """The exact cells of a network on a domain of dimension 1 or 2."""

    dimension: int
    per_layer: tuple[int, ...]
    cells: tuple[Cell, ...]

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def _owners(self) -> dict[tuple[Point, ...], list[int]]:
        """Every facet of the complex, on the domain's boundary too, and the cells that have it."""
        owners: dict[tuple[Point, ...], list[int]] = {}
        for index, cell in enumerate(self.cells):
            for facet in _cell_facets(cell.points):
                owners.setdefault(facet, []).append(index)
        return owners

    @cached_property
    def facets(self) -> tuple[Facet, ...]:
        """Interior facets, each once."""
        found = []
        for points, owners in self._owners.items():
            if len(owners) == 2:
                first, second = (self.cells[i].pattern for i in owners)
                neuron = next(k for k, (p, q) in enumerate(zip(first, second, strict=True)) if p != q)
                found.append(Facet(points, (owners[0], owners[1]), neuron))
        return tuple(found)

    @cached_property
    def outer_facets(self) -> tuple[tuple[Point, ...], ...]:
        """Facets on the boundary of the domain."""
        return tuple(points for points, owners in self._owners.items() if len(owners) == 1)

    @cached_property
    def interior_vertices(self) -> tuple[tuple[Fraction, ...], ...]:
        """Sorted vertices off the boundary of the domain; in 1-D these are the breakpoints."""
        outer = {point for facet in self.outer_facets for point in facet}
        inner = {point for cell in self.cells for point in cell.points if point[-1]} - outer
        return tuple(sorted(tuple(Fraction(x, p[-1]) for x in p[:-1]) for p in inner))

    @property
    def breakpoints(self) -> tuple[Fraction, ...]:
        """Sorted points between the cells of a 1-D complex."""
        if self.dimension != 1:
            raise ValueError(f"breakpoints need dimension 1, got {self.dimension}")
        return tuple(point for (point,) in self.interior_vertices)

    @cached_property
    def total_size(self) -> Fraction | float:
        """Sum of the sizes of the cells: the size of the domain."""
        return sum((cell.size for cell in self.cells), Fraction(0))

    def boundary_by_neuron(self, only_jumps: bool = False) -> dict[int, float]:
        """Length (1-D: number) of the interior facets of each neuron; `only_jumps`: where the output map changes."""
        lengths: dict[int, list[float]] = {}
        for facet in self.facets:
            first, second = (self.cells[i].rows for i in facet.cells)
            if first != second or not only_jumps:
                lengths.setdefault(facet.neuron, []).append(_facet_size(facet.points))
        return {neuron: math.fsum(values) for neuron, values in sorted(lengths.items())}

    @cached_property
    def boundary(self) -> float:
        """Total length (1-D: number) of the interior facets, each correctly rounded before it is summed."""
        return math.fsum(_facet_size(facet.points) for facet in self.facets)

    @cached_property
    def n_distinct_maps(self) -> int:
        """Distinct output maps (R6)."""
        return len({cell.rows for cell in self.cells})

    @cached_property
    def n_open_regions(self) -> int:
        """Maximal open connected sets with one output map (R4): cells with equal maps joined across facets."""
        maps = [cell.rows for cell in self.cells]
        return _components(len(maps), ((i, j) for _, (i, j), _ in self.facets if maps[i] == maps[j]))

    @cached_property
    def n_closed_regions(self) -> int:
        """Maximal closed connected sets with one output map (R5): cells with equal maps joined at any vertex."""
        first: dict[Hashable, int] = {}
        pairs = [
            (first.setdefault((point, cell.rows), index), index)
            for index, cell in enumerate(self.cells)
            for point in cell.points
            if point[-1]
        ]
        return _components(len(self), pairs)


def enumerate_1d(
    layers: Sequence[Layer],
    low: Number,
    high: Number,
    origin: Sequence[Number] | None = None,
    direction: Sequence[Number] | None = None,
) -> Complex:
    """Cells on ``low <= t <= high`` (ends may be infinite); the input is t, or ``origin + t * direction``."""
    ends = [_point([low]), _point([high])]
    chain = ends if any(end[-1] for end in ends) else [ends[0], (0, 1), ends[1]]
    return _enumerate(layers, tuple(chain), origin, None if direction is None else [[v] for v in direction])


def enumerate_2d(
    layers: Sequence[Layer],
    polygon: Sequence[Sequence[Number]],
    origin: Sequence[Number] | None = None,
    basis: Sequence[Sequence[Number]] | None = None,
) -> Complex:
    """Cells on a convex counter-clockwise polygon; the input is t, or ``origin + basis @ t`` with n_0 rows of two."""
    points = [_point(vertex) for vertex in polygon]
    corners = tuple(p for k, p in enumerate(points) if _determinant(points[k - 1], p, points[(k + 1) % len(points)]))
    if any(_determinant(corners[k - 2], corners[k - 1], p) <= 0 for k, p in enumerate(corners)) or len(corners) < 3:
        raise ValueError(f"polygon must be convex and counter-clockwise, got {polygon}")
    return _enumerate(layers, corners, origin, basis)


def count_activation_regions(layers: Sequence[Layer], net: Complex, embed: Callable[..., Any] = tuple) -> int:
    """Patterns realised anywhere on the bounded closed domain, by faces of any dimension (R1).

    A pattern is constant on the relative interior of a face: one point of each is enough. `embed` maps t to the input.
    """
    faces = [*net._owners, *{(point,) for cell in net.cells for point in cell.points}]
    middles = [
        tuple(sum(Fraction(p[k], p[-1]) for p in face) / len(face) for k in range(net.dimension)) for face in faces
    ]
    return len({cell.pattern for cell in net.cells} | {forward(layers, embed(t))[0] for t in middles})


def _enumerate(layers: Sequence[Layer], domain: tuple[Point, ...], origin: Any, basis: Any) -> Complex:
    """Layer by layer: the map of the layer on each cell, its cuts, its children with their pieces."""
    dimension = len(domain[0]) - 1
    rows, denominator = input_map(dimension, origin, basis)
    parents: list[tuple[tuple[int, ...], tuple[Point, ...], Rows]] = [((), domain, rows)]
    per_layer = []
    for weight, bias, units in layers:
        matrix, scale = integers(np.column_stack([weight, bias]).tolist())
        below, denominator = denominator, denominator * scale
        parents = [(pattern, points, affine(matrix, rows, below)) for pattern, points, rows in parents]
        if units is None:
            continue
        slopes, scale = integers([(*unit[1], *unit[2]) for unit in units])
        children = []
        for pattern, points, rows in parents:
            hyperplanes = [
                [hyperplane(row, Fraction(tau), denominator) for tau in unit[0]]
                for row, unit in zip(rows, units, strict=True)
            ]
            for part in _split(points, [h for own in hyperplanes for h in own]):
                chosen = tuple(sum(max(values(h, part)) > 0 for h in own) for own in hyperplanes)
                after = tuple(map(on_piece, rows, slopes, chosen, [denominator] * len(rows)))
                children.append((pattern + chosen, part, after))
        parents, denominator = children, denominator * scale
        if any(unit[0] for unit in units):
            per_layer.append(len(parents))
    keep = (lambda p: (p[0], p[-1])) if dimension == 1 else tuple
    cells = tuple(Cell(pattern, keep(points), rows, denominator) for pattern, points, rows in parents)
    return Complex(dimension, tuple(per_layer), cells)


def input_map(dimension: int, origin: Any, basis: Any) -> tuple[Rows, int]:
    """The map from ``(t, 1)`` to the input of the network, and its denominator."""
    if basis is None:
        basis = [[int(i == j) for j in range(dimension)] for i in range(dimension)]
    if origin is None:
        origin = [0] * len(basis)
    return integers([(*row, shift) for row, shift in zip(basis, origin, strict=True)])


def integers(rows: Sequence[Sequence[Number]]) -> tuple[Rows, int]:
    """The rows times their least common denominator, and that denominator."""
    exact = [[Fraction(v) for v in row] for row in rows]
    scale = math.lcm(*(v.denominator for row in exact for v in row))
    return tuple(tuple(v.numerator * (scale // v.denominator) for v in row) for row in exact), scale


def affine(matrix: Rows, rows: Rows, denominator: int) -> Rows:
    """``W h + b`` where `matrix` is ``[W b]`` and h has the given rows and denominator."""
    columns = [*zip(*rows, strict=True)]
    shifts = [0] * (len(columns) - 1) + [denominator]
    return tuple(
        tuple(sum(map(mul, row, column), row[-1] * shift) for column, shift in zip(columns, shifts, strict=True))
        for row in matrix
    )


def hyperplane(row: tuple[int, ...], tau: Fraction, denominator: int) -> tuple[int, ...]:
    """An integer row with the sign of ``z - tau``."""
    *linear, constant = (tau.denominator * v for v in row)
    return (*linear, constant - tau.numerator * denominator)


def on_piece(row: tuple[int, ...], unit: tuple[int, ...], piece: int, denominator: int) -> tuple[int, ...]:
    """``slope * z + intercept``; `unit` holds its scaled slopes, then its scaled intercepts."""
    slope, intercept = unit[piece], unit[piece + len(unit) // 2]
    *linear, constant = (slope * v for v in row)
    return (*linear, constant + intercept * denominator)


def values(row: tuple[int, ...], points: Iterable[Point]) -> list[int]:
    return [sum(map(mul, row, point)) for point in points]


def _split(points: tuple[Point, ...], hyperplanes: Iterable[tuple[int, ...]]) -> list[tuple[Point, ...]]:
    """The parts of one cell: each hyperplane cuts the parts that have points strictly on both of its sides."""
    parts = [points]
    for row in hyperplanes:
        if _is_cut(values(row, points)):
            parts = [piece for part in parts for piece in _cut(part, values(row, part))]
    return parts


def _is_cut(values: Sequence[int]) -> bool:
    return min(values) < 0 < max(values)


def _cut(points: tuple[Point, ...], values: Sequence[int]) -> list[tuple[Point, ...]]:
    """The two sides of a convex polygon, or of a chain of points on a line; the part itself if it is not cut."""
    if not _is_cut(values):
        return [points]
    low, high = [], []
    last = len(points) - (len(points[0]) == 2)
    for k, (p, v) in enumerate(zip(points, values, strict=True)):
        low += [p] * (v <= 0)
        high += [p] * (v >= 0)
        q, w = points[(k + 1) % len(points)], values[(k + 1) % len(points)]
        if k < last and (v < 0 < w or w < 0 < v):
            crossing = reduced([abs(w) * x + abs(v) * y for x, y in zip(p, q, strict=True)])
            low.append(crossing)
            high.append(crossing)
    return [tuple(low), tuple(high)]


def _point(coordinates: Sequence[Number]) -> Point:
    """Homogeneous integers of a point; an infinite coordinate is allowed on a line only."""
    if any(isinstance(v, float) and math.isinf(v) for v in coordinates):
        (value,) = coordinates
        return (1 if value > 0 else -1, 0)
    return reduced(integers([(*coordinates, 1)])[0][0])


def reduced(point: Sequence[int]) -> Point:
    divisor = math.gcd(*point)
    return tuple(v // divisor for v in point)


def _determinant(a: Point, b: Point, c: Point) -> int:
    """Twice the signed area of a triangle, times the product of the last coordinates."""
    return a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])


def _cell_facets(points: tuple[Point, ...]) -> list[tuple[Point, ...]]:
    """Sides of a polygon with their ends sorted; finite ends of an interval."""
    if len(points[0]) == 2:
        return [(p,) for p in points if p[-1]]
    return [(p, q) if p < q else (q, p) for p, q in zip(points, points[1:] + points[:1], strict=True)]


def _facet_size(points: tuple[Point, ...]) -> float:
    """1 for a point; the length of a side, from an integer square root with at least 100 correct bits."""
    if len(points) == 1:
        return 1.0
    a, b = points
    square = sum((x * b[-1] - y * a[-1]) ** 2 for x, y in zip(a[:-1], b[:-1], strict=True))
    shift = max(0, 128 - square.bit_length() // 2)
    return math.isqrt(square << (2 * shift)) / ((a[-1] * b[-1]) << shift)


def _components(count: int, pairs: Iterable[tuple[int, int]]) -> int:
    """Number of connected components of a graph."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        parent[root(i)] = root(j)
    return sum(parent[i] == i for i in range(count))
