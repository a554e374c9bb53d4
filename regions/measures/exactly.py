"""Vertices and volumes of single cells in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import floor, inf
from typing import TYPE_CHECKING

from linear_regions.domain import Polyline
from linear_regions.errors import invalid
from linear_regions.geometry import LineComplex

if TYPE_CHECKING:
    from linear_regions.cells import Cells

Point = tuple[Fraction, ...]


def exact_vertices(regions: Cells, cell: int) -> list[Point]:
    """Corners of a cell; see `Regions.exact_vertices`."""
    geometry = regions.geometry
    if isinstance(geometry, LineComplex):
        ends = [exact_breakpoint(regions, cell, geometry), exact_breakpoint(regions, cell + 1, geometry)]
        if not all(isinstance(t, Fraction) for t in ends):
            raise invalid("cell", "be bounded to have exact vertices", f"{cell}, from {ends[0]} to {ends[1]}")
        return [(Fraction(t),) for t in ends]
    words = regions.words(cell)
    exact = regions.settlers[0].exact
    corners = [exact.vertex(labels, words) for labels in geometry.corner_labels(cell)]
    return [tuple(Fraction(int(v), int(w)) for v in values) for *values, w in corners]


def exact_breakpoint(regions: Cells, number: int, geometry: LineComplex) -> Fraction | float:
    """Breakpoint or end `number` of a chain, as a rational number or an infinite float.

    On a polyline the neuron's row depends on the straight piece; t with its error bound leaves two or three of them, of
    which the right one has its zero within the bound.
    """
    t, label = float(geometry.t[number]), int(geometry.label[number])
    if abs(t) == inf:
        return t
    words = regions.words(min(number, len(regions) - 1))
    near, error = Fraction(t), Fraction(float(geometry.error[number]))
    pieces = [0]
    if isinstance(regions.domain, Polyline):
        last = len(regions.settlers) - 1
        pieces = [i for i in range(floor(near - error) - 1, floor(near + error) + 1) if 0 <= i <= last]
    for piece in pieces:
        x, w = (int(v) for v in regions.settlers[piece].exact.vertex((label,), words))
        if w and abs(Fraction(x, w) - near) <= error:
            return Fraction(x, w)
    raise AssertionError("the error bound of a breakpoint holds its exact place")


def exact_volume(regions: Cells, cell: int) -> Fraction:
    """Area of a cell by the shoelace formula, or length."""
    points = exact_vertices(regions, cell)
    if regions.dim == 1:
        return points[1][0] - points[0][0]
    x0, y0 = points[0]
    rays = [(x - x0, y - y0) for x, y in points[1:]]
    return sum((a[0] * b[1] - a[1] * b[0] for a, b in pairwise(rays)), start=Fraction(0)) / 2
