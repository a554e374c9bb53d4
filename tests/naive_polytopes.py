"""The slow twin in any dimension: polytopes by their inequalities, in integer arithmetic.

As in `naive`, nothing of the library is imported. A cell is a list of inequalities ``row . (t, 1) >= 0`` together with
all its corners. Two corners are joined by an edge if the inequalities that are tight at both have rank d - 1, and an
inequality is a facet if the corners at which it is tight span d - 1 dimensions: linear algebra, no combinatorics.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations

import flint

from naive import Layer, Number, Point, Row, Rows, affine, hyperplane, input_map, integers, on_piece, reduced, values

Face = frozenset[Point]


def rank(rows: Iterable[Sequence[int]]) -> int:
    """Rank of an integer matrix."""
    table = [list(row) for row in rows]
    return flint.fmpz_mat(table).rank() if table else 0


@dataclass(frozen=True)
class Cell:
    """One full-dimensional cell: its pattern, facets, corners, and the exact output map over t on it."""

    pattern: tuple[int, ...]
    facets: Rows
    points: tuple[Point, ...]
    rows: Rows
    denominator: int

    @cached_property
    def faces(self) -> list[set[Face]]:
        """For each dimension below d the faces of the cell, as sets of corners: what facets have in common."""
        d = len(self.points[0]) - 1
        own = {frozenset(p for p, v in zip(self.points, values(row, self.points), strict=True) if not v)
               for row in self.facets}  # fmt: skip
        found, front = set(own), set(own)
        while front:
            front = {common for face in front for facet in own if (common := face & facet)} - found
            found |= front
        by_dimension: list[set[Face]] = [set() for _ in range(d)]
        for face in found:
            by_dimension[rank(face) - 1].add(face)
        return by_dimension

    @cached_property
    def volume(self) -> Fraction:
        """The exact volume: pyramids over the facets, down to simplices."""
        simplices = triangulated(frozenset(self.points), self.faces, len(self.points[0]) - 1)
        return sum((abs(_volume(simplex)) for simplex in simplices), Fraction(0))


def triangulated(face: Face, faces: Sequence[Iterable[Face]], dimension: int) -> list[tuple[Point, ...]]:
    """Simplices of a face, given the faces of a cell for each dimension."""
    if dimension == 0:
        return [tuple(face)]
    apex = min(face)
    sides = [side for side in faces[dimension - 1] if side < face and apex not in side]
    return [(apex, *simplex) for side in sides for simplex in triangulated(side, faces, dimension - 1)]


def _volume(simplex: Sequence[Point]) -> Fraction:
    weights = math.prod(p[-1] for p in simplex)
    determinant = int(flint.fmpz_mat([list(p) for p in simplex]).det())
    return Fraction(determinant, weights * math.factorial(len(simplex) - 1))


def measure(simplices: Iterable[Sequence[Point]]) -> float:
    """Total volume, in their own dimension, of simplices; each is correctly rounded up to a few units."""
    total = []
    for origin, *others in simplices:
        edges = [[Fraction(x, p[-1]) - Fraction(y, origin[-1]) for x, y in zip(p[:-1], origin[:-1], strict=True)]
                 for p in others]  # fmt: skip
        gram = [[sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0)) for b in edges] for a in edges]
        square = flint.fmpq_mat([[flint.fmpq(v.numerator, v.denominator) for v in row] for row in gram]).det()
        p, q = int(square.p), int(square.q)
        root = math.isqrt((p << 256) // q)
        total.append(root / (1 << 128) / math.factorial(len(others)) if root else 0.0)
    return math.fsum(total)


@dataclass(frozen=True)
class Complex:
    """The exact cells of a network on a bounded domain of dimension d."""

    dimension: int
    per_layer: tuple[int, ...]
    cells: tuple[Cell, ...]
    domain: Rows

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def faces(self) -> list[dict[Face, list[int]]]:
        """For each dimension below d the faces, and the cells that have each."""
        owners: list[dict[Face, list[int]]] = [{} for _ in range(self.dimension)]
        for index, cell in enumerate(self.cells):
            for own, faces in zip(owners, cell.faces, strict=True):
                for face in faces:
                    own.setdefault(face, []).append(index)
        return owners

    @property
    def f_vector(self) -> tuple[int, ...]:
        """Number of faces of each dimension, vertices first, cells last."""
        return (*map(len, self.faces), len(self))

    def is_inner(self, face: Face) -> bool:
        """Whether a face lies inside the domain but for its own boundary."""
        return not any(all(not v for v in values(row, face)) for row in self.domain)

    def boundary_volume(self, codim: int = 1) -> float:
        """Volume of all inner faces of one codimension; their number if they are points."""
        inner = [(f, cells[0]) for f, cells in self.faces[self.dimension - codim].items() if self.is_inner(f)]
        if codim == self.dimension:
            return float(len(inner))
        return math.fsum(measure(triangulated(f, self.cells[cell].faces, self.dimension - codim)) for f, cell in inner)

    @property
    def n_distinct_maps(self) -> int:
        """Distinct output maps (R6)."""
        return len({cell.rows for cell in self.cells})

    @property
    def volume(self) -> Fraction:
        """Sum of the volumes of the cells."""
        return sum((cell.volume for cell in self.cells), Fraction(0))


def enumerate_polytope(
    layers: Sequence[Layer],
    inequalities: Sequence[Sequence[Number]],
    origin: Sequence[Number] | None = None,
    basis: Sequence[Sequence[Number]] | None = None,
) -> Complex:
    """Cells where ``row . (t, 1) >= 0`` for all rows, a bounded set; the input is t, or ``origin + basis @ t``."""
    domain = tuple(integers([row])[0][0] for row in inequalities)
    dimension = len(domain[0]) - 1
    rows, denominator = input_map(dimension, origin, basis)
    parents: list[tuple[tuple[int, ...], tuple[Rows, tuple[Point, ...]], Rows]]
    parents = [((), polytope(domain), rows)]
    per_layer = []
    for layer in layers:
        matrix, scale = integers([[*row, b] for row, b in zip(layer[0].tolist(), layer[1].tolist(), strict=True)])
        below, denominator = denominator, denominator * scale
        parents = [(pattern, cell, affine(matrix, rows, below)) for pattern, cell, rows in parents]
        units = layer[2]
        if units is None:
            continue
        slopes, scale = integers([(*unit[1], *unit[2]) for unit in units])
        children = []
        for pattern, cell, rows in parents:
            planes = [[hyperplane(row, Fraction(tau), denominator) for tau in unit[0]]
                      for row, unit in zip(rows, units, strict=True)]  # fmt: skip
            for part in split(cell, [h for own in planes for h in own]):
                chosen = tuple(sum(max(values(h, part[1])) > 0 for h in own) for own in planes)
                after = tuple(map(on_piece, rows, slopes, chosen, [denominator] * len(rows)))
                children.append((pattern + chosen, part, after))
        parents, denominator = children, denominator * scale
        if any(unit[0] for unit in units):
            per_layer.append(len(parents))
    cells = tuple(Cell(pattern, *cell, rows, denominator) for pattern, cell, rows in parents)
    return Complex(dimension, tuple(per_layer), cells, domain)


def polytope(rows: Rows) -> tuple[Rows, tuple[Point, ...]]:
    """Facets and corners of a bounded set given by inequalities: every d of them, solved."""
    d = len(rows[0]) - 1
    points = set()
    for chosen in combinations(rows, d):
        matrix = flint.fmpz_mat([list(row) for row in chosen])
        if flint.fmpz_mat([list(row[:-1]) for row in chosen]).rank() < d:
            continue
        kernel, _ = matrix.nullspace()
        point = reduced([int(kernel[i, 0]) for i in range(d + 1)])
        point = point if point[-1] > 0 else tuple(-x for x in point)
        if all(v >= 0 for row in rows for v in values(row, [point])):
            points.add(point)
    corners = tuple(sorted(points))
    return facets(rows, corners), corners


def facets(rows: Iterable[Row], points: Sequence[Point]) -> Rows:
    """The inequalities that are tight at corners that span as many dimensions as a facet has."""
    d = len(points[0]) - 1
    return tuple(
        row for row in dict.fromkeys(rows)
        if rank(p for p, v in zip(points, values(row, points), strict=True) if not v) == d
    )  # fmt: skip


def split(cell: tuple[Rows, tuple[Point, ...]], planes: Iterable[Row]) -> list[tuple[Rows, tuple[Point, ...]]]:
    """The parts of one cell: each hyperplane cuts the parts that have corners strictly on both of its sides."""
    parts = [cell]
    for plane in planes:
        signs = values(plane, cell[1])
        if min(signs) < 0 < max(signs):
            parts = [half for part in parts for half in halves(part, plane)]
    return parts


def halves(cell: tuple[Rows, tuple[Point, ...]], plane: Row) -> list[tuple[Rows, tuple[Point, ...]]]:
    """The two sides of a cell, the negative first; the cell itself if it is not cut."""
    rows, points = cell
    signs = dict(zip(points, values(plane, points), strict=True))
    if not min(signs.values()) < 0 < max(signs.values()):
        return [cell]
    d = len(plane) - 1
    tight = {p: {row for row, v in zip(rows, _at(rows, p), strict=True) if not v} for p in points}
    new = []
    for a in points:
        for b in points:
            if signs[a] < 0 < signs[b] and rank(row[:-1] for row in tight[a] & tight[b]) == d - 1:
                new.append(reduced([signs[b] * x - signs[a] * y for x, y in zip(a, b, strict=True)]))
    sides = []
    for side in (-1, 1):
        corners = (*(p for p in points if side * signs[p] >= 0), *new)
        sides.append((facets((*rows, tuple(side * v for v in plane)), corners), corners))
    return sides


def _at(rows: Iterable[Row], point: Point) -> list[int]:
    return [values(row, [point])[0] for row in rows]
