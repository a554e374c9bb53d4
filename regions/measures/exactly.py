"""Vertices and volumes of single cells in rational arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import factorial, gcd, isfinite
from operator import sub
from typing import TYPE_CHECKING

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.geometry import LineComplex
from linear_regions.halfspace_complex import HalfspaceComplex
from linear_regions.solid_complex import SolidComplex
from linear_regions.space_complex import SpaceComplex

if TYPE_CHECKING:
    from linear_regions.cells import Cells

Ints = NDArray[np.int64]
Point = tuple[Fraction, ...]
Row = tuple[int, ...]


def exact_vertices(regions: Cells, cell: int) -> list[Point]:
    """Corners of a cell; see `Regions.exact_vertices`."""
    geometry = regions.geometry
    if isinstance(geometry, LineComplex):
        ends = [exact_breakpoint(regions, cell, geometry), exact_breakpoint(regions, cell + 1, geometry)]
        if not all(isinstance(t, Fraction) for t in ends):
            raise invalid(
                "cell",
                "be bounded to have exact vertices",
                f"{cell}, from {geometry.t[cell]} to {geometry.t[cell + 1]}",
            )
        return [(Fraction(t),) for t in ends]
    words = regions.words(cell)
    exact = regions.settlers[0].exact
    corners = [exact.vertex(labels, words) for labels in geometry.corner_labels(cell)]
    return [tuple(Fraction(int(v), int(w)) for v in values) for *values, w in corners]


def exact_breakpoint(regions: Cells, number: int, geometry: LineComplex) -> Fraction | float:
    """Breakpoint or end `number` of a chain, as a rational number or an infinite float."""
    t, error = float(geometry.t[number]), float(geometry.error[number])
    if geometry.at_infinity[number]:
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
    geometry = regions.geometry
    if isinstance(geometry, SpaceComplex):
        return _from_parts(regions, geometry, cell)
    points = exact_vertices(regions, cell)
    if isinstance(geometry, SolidComplex):
        return _from_simplices(points, regions.cell_vertices[slice(*regions.cell_vertex_offsets[cell : cell + 2])],
                               geometry.simplices(cell))  # fmt: skip
    if regions.dim == 1:
        return points[1][0] - points[0][0]
    x0, y0 = points[0]
    rays = [(x - x0, y - y0) for x, y in points[1:]]
    return sum((a[0] * b[1] - a[1] * b[0] for a, b in pairwise(rays)), start=Fraction(0)) / 2


def _from_parts(regions: Cells, geometry: SpaceComplex, cell: int) -> Fraction:
    """Sum of the volumes of the parts of a cell."""
    words, exact, parts = regions.words(cell), regions.settlers[0].exact, geometry.parts
    total = Fraction(0)
    for part in geometry.parts_of(cell).tolist():
        corners = [exact.vertex(labels, words) for labels in parts.corner_labels(part)]
        points = [tuple(Fraction(int(v), int(w)) for v in values) for *values, w in corners]
        own = parts.cell_vertices[slice(*parts.cell_offsets[part : part + 2])]
        total += _from_simplices(points, own, parts.simplices(part))
    return total


def recession_cone(regions: Cells, cell: int) -> list[Point]:
    """See `Regions.recession_cone`."""
    if isinstance(regions.coarse, HalfspaceComplex):
        return regions.coarse.recession_cone(cell)
    geometry = regions.geometry
    if not isinstance(geometry, SpaceComplex):
        return _ends(geometry, cell) if isinstance(geometry, LineComplex) else []
    words, exact, parts = regions.words(cell), regions.settlers[0].exact, geometry.parts
    rows: dict[int, Row] = {}
    rays: dict[Row, None] = {}
    for part in geometry.parts_of(cell).tolist():
        own = slice(*parts.cell_offsets[part : part + 2])
        far = geometry.directions[parts.corners[own]]
        inside = far[far.any(axis=1)].mean(axis=0) if far.any() else None
        for v, labels in zip(parts.corners[own].tolist(), parts.corner_labels(part), strict=True):
            rows |= {label: exact.row(label, words)[:-1] for label in labels if label >= 0}
            if geometry.directions[v].any():
                *ray, _ = exact.vertex(labels, words, inside)
                rays[_primitive(ray)] = None
    return [tuple(map(Fraction, ray)) for ray in _extreme(list(rays), list(rows.values()), geometry.dim)]


def _ends(geometry: LineComplex, cell: int) -> list[Point]:
    """Where a cell of a line leads to."""
    far = geometry.at_infinity[cell : cell + 2].tolist()
    return [(Fraction(sign),) for sign, is_far in zip((-1, 1), far, strict=True) if is_far]


def _primitive(ray: Sequence[int]) -> Row:
    divisor = gcd(*map(int, ray))
    return tuple(int(v) // divisor for v in ray)


def _extreme(rays: list[Row], rows: list[Row], d: int) -> list[Row]:
    """The extreme ones of rays that span a cone between rows, if it holds no line; all of them if it does."""
    if not rows or flint.fmpz_mat([list(row) for row in rows]).rank() < d:
        return rays
    extreme = []
    for ray in rays:
        tight = [list(row) for row in rows if not sum(a * b for a, b in zip(row, ray, strict=True))]
        if d == 1 or (tight and flint.fmpz_mat(tight).rank() == d - 1):
            extreme.append(ray)
    return extreme


def _from_simplices(points: list[Point], vertices: Ints, simplices: Ints) -> Fraction:
    """Sum of the volumes of simplices, given by vertices; `points` are the places of `vertices`, which are in order."""
    total = Fraction(0)
    for own in np.searchsorted(vertices, simplices).tolist():
        origin, *others = (points[i] for i in own)
        rays = [[flint.fmpq(v.numerator, v.denominator) for v in map(sub, p, origin)] for p in others]
        determinant = flint.fmpq_mat(rays).det()
        total += abs(Fraction(int(determinant.p), int(determinant.q)))
    return total / factorial(simplices.shape[1] - 1)
