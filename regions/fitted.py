"""Coordinates in which a cell is neither thin nor far away: those of a large simplex in it.

In floats over the domain's coordinates a cell may have no point, and all hyperplanes near it are the same. Over its own
coordinates rows that are rounded once differ again, and so do those of later layers, which are made from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from operator import mul

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels.bounds import LEAST_FLOAT, UNIT

from .domain.faces import whole
from .exact import Row
from .rational_lp import Point, as_floats, is_inside, quotient
from .rows import ExactCell

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """Coordinates v of a point, t = origin + edges^T v.

    Attributes
    ----------
    origin : list of Fraction
    edges : list of list of Fraction
    middle : (d,) ndarray of float64
        A point v inside the cell.
    """

    origin: Point
    edges: list[Point]
    middle: Floats

    def exact(self, v: Floats) -> Point | None:
        """A point v as the rational t that it is, None if it is not finite."""
        if not np.isfinite(v).all():
            return None
        factors = [Fraction(x) for x in v.tolist()]
        columns = zip(self.origin, *self.edges, strict=True)
        return [o + sum(map(mul, factors, own), start=Fraction(0)) for o, *own in columns]

    def rounded(self, cell: ExactCell) -> tuple[Floats, bool]:
        """The float v nearest to the rational point in a cell, and whether it lies inside as well."""
        d = len(self.origin)
        system = [[*column, x - o] for *column, x, o in zip(*self.edges, cell.inside, self.origin, strict=True)]
        echelon, _ = flint.fmpq_mat(d, d + 1, [quotient(v) for row in system for v in row]).rref()
        near = as_floats([Fraction(int(v.p), int(v.q)) for v in (echelon[i, d] for i in range(d))])
        there = self.exact(near)
        return near, there is not None and is_inside(cell.rows, there)

    def rows(self, rows: flint.fmpz_mat, unit: Sequence[Fraction]) -> tuple[Floats, Floats]:
        """Rows over t, each times a positive unit, as rows over v, and bounds of the errors."""
        columns = [[*edge, Fraction(0)] for edge in self.edges] + [[*self.origin, Fraction(1)]]
        common = lcm(*(v.denominator for column in columns for v in column))
        d = len(self.origin)
        table = rows * flint.fmpz_mat(
            d + 1, d + 1, [int(v * common) for row in zip(*columns, strict=True) for v in row]
        )
        result = np.array([
            [_quotient_of(int(v) * one.numerator, common * one.denominator) for v in row]
            for row, one in zip(table.tolist(), unit, strict=True)
        ]).reshape(-1, d + 1)  # fmt: skip
        size = np.column_stack([np.abs(result[:, :-1]).max(axis=1, initial=0.0), np.abs(result[:, -1])])
        is_zero = np.array([[not any(map(int, row[:-1])), row[-1] == 0] for row in table.tolist()]).reshape(-1, 2)
        return result, np.where(is_zero, 0.0, 2 * UNIT * size + LEAST_FLOAT)


def _quotient_of(a: int, b: int) -> float:
    """The float nearest to a / b, infinite beyond their range."""
    try:
        return a / b
    except OverflowError:
        return np.inf if a > 0 else -np.inf


def fitted(cell: ExactCell, reach: Floats) -> Fitted:
    """Coordinates of a cell with constraints; all of them are within `reach` in it, if that is not empty.

    Corner after corner of the simplex is one that is as far as can be from the flat through those before, or some way
    off in a direction that has no end. With heights l_j over these flats, v_j l_j(p_j) + sum_{k > j} v_k l_j(p_k) is at
    most l_j(p_j) in size, as all l_j(p_k) are, and so |v_j| <= 2^(d - j) for j = 1, ..., d.
    """
    d = len(cell.inside)
    height: Row = cell.rows[0][:d]
    origin = _corner(cell, height)
    edges: list[Point] = []
    for _ in range(d):
        if edges:
            flat, _ = flint.fmpz_mat([whole(way) for way in edges]).nullspace()
            height = whole([Fraction(int(flat[i, 0])) for i in range(d)])
        ends = [_corner(cell, tuple(sign * v for v in height)) for sign in (1, -1)]
        ways = [[x - o for x, o in zip(end, origin, strict=True)] for end in ends]
        edges.append(max(ways, key=lambda way: abs(sum(map(mul, height, way)))))
    power = np.zeros(d, np.int64)
    if len(reach):
        power = np.frexp(reach)[1] - 1 - np.arange(d - 1, -1, -1)
    edges = [[v / Fraction(2) ** e for v in edge] for edge, e in zip(edges, power.tolist(), strict=True)]
    return Fitted(origin, edges, np.ldexp(1 / (d + 1), power))


def _corner(cell: ExactCell, height: Row) -> Point:
    """Where a function is least on a cell, or a point some way off in a direction in which it falls for ever."""
    found = cell.polyhedron.least([*height, 0])
    if found.direction is None:
        return found.point
    size = max(map(abs, found.direction))
    return [v + w / size for v, w in zip(cell.inside, found.direction, strict=True)]
