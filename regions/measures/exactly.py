"""Vertices and volumes of single cells in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import factorial, isfinite, isinf
from operator import sub
from typing import TYPE_CHECKING

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.geometry import LineComplex, SolidComplex

if TYPE_CHECKING:
    from linear_regions.cells import Cells

Ints = NDArray[np.int64]
Point = tuple[Fraction, ...]


def exact_vertices(regions: Cells, cell: int) -> list[Point]:
    """Corners of a cell; see `Regions.exact_vertices`."""
    geometry = regions.geometry
    if isinstance(geometry, LineComplex):
        ends = [exact_breakpoint(regions, cell, geometry), exact_breakpoint(regions, cell + 1, geometry)]
        if not all(isinstance(t, Fraction) for t in ends):
            raise invalid(
                "cell", "be bounded to have exact vertices", f"{cell}, from {float(ends[0])} to {float(ends[1])}"
            )
        return [(Fraction(t),) for t in ends]
    words = regions.words(cell)
    exact = regions.settlers[0].exact
    corners = [exact.vertex(labels, words) for labels in geometry.corner_labels(cell)]
    return [tuple(Fraction(int(v), int(w)) for v in values) for *values, w in corners]


def exact_place(regions: Cells, cell: int, corner: int) -> list[Fraction]:
    """One corner of a cell of two dimensions or more."""
    geometry = regions.coarse
    assert not isinstance(geometry, LineComplex)
    *point, w = regions.settlers[0].exact.vertex(geometry.corner_labels(cell)[corner], regions.words(cell))
    return [Fraction(int(v), int(w)) for v in point]


def exact_breakpoint(regions: Cells, number: int, geometry: LineComplex) -> Fraction | float:
    """Breakpoint or end `number` of a chain, as a rational number or an infinite float."""
    t, error = float(geometry.t[number]), float(geometry.error[number])
    if isinf(t):
        return t
    if error == 0.0:
        return Fraction(t)
    words = regions.words(min(number, len(regions) - 1))
    exact = regions.settlers[int(geometry.piece[number])].exact
    x, w = (int(v) for v in exact.vertex((int(geometry.label[number]),), words))
    place = Fraction(x, w)
    if isfinite(error) and abs(place - Fraction(t)) > Fraction(error):
        raise AssertionError("the error bound of a breakpoint holds its exact place")
    return place


def exact_volume(regions: Cells, cell: int) -> Fraction:
    """Volume of a cell from its simplices, area by the shoelace formula, or length."""
    points = exact_vertices(regions, cell)
    if isinstance(regions.geometry, SolidComplex):
        return _from_simplices(points, regions.cell_vertices[slice(*regions.cell_vertex_offsets[cell : cell + 2])],
                               regions.geometry.simplices(cell))  # fmt: skip
    if regions.dim == 1:
        return points[1][0] - points[0][0]
    x0, y0 = points[0]
    rays = [(x - x0, y - y0) for x, y in points[1:]]
    return sum((a[0] * b[1] - a[1] * b[0] for a, b in pairwise(rays)), start=Fraction(0)) / 2


def _from_simplices(points: list[Point], vertices: Ints, simplices: Ints) -> Fraction:
    """Sum of the volumes of simplices, given by vertices; `points` are the places of `vertices`, which are in order."""
    total = Fraction(0)
    for own in np.searchsorted(vertices, simplices).tolist():
        origin, *others = (points[i] for i in own)
        rays = [[flint.fmpq(v.numerator, v.denominator) for v in map(sub, p, origin)] for p in others]
        determinant = flint.fmpq_mat(rays).det()
        total += abs(Fraction(int(determinant.p), int(determinant.q)))
    return total / factorial(simplices.shape[1] - 1)
