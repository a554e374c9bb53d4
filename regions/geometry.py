"""Cells and their faces as flat arrays: vertices, facets, which cells they bound, sizes with error bounds.

Ragged data is flat values with offsets: the facets of cell c are ``cell_facets[cell_offsets[c]:cell_offsets[c + 1]]``,
likewise its vertices. Facets carry the label of the hyperplane that made them; a negative label stands for a facet of
the domain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .network.cast import lock, read_only
from .norms import exponents
from .solid_complex import SolidComplex
from .space_complex import SpaceComplex

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]

UNIT = 2.0**-53
SLACK = 1.0 + 2.0**-20  # covers the rounding of the bounds themselves, for sums of up to 2^30 terms of one sign
TINY = 2.0**-1000  # covers underflow
_FAR = 400  # binary orders of volumes, and as many of their errors and of the products of lengths that bound them


@dataclass(frozen=True, eq=False)
class PlaneComplex:
    """A conforming complex of convex polygons.

    Attributes
    ----------
    x : (V, 2) ndarray of float64
        Vertices.
    error : (V,) ndarray of float64
        Bounds of their Euclidean distance from the exact vertices.
    ends : (E, 2) ndarray of int32
        Half-edge h runs from ``ends[h >> 1, h & 1]`` to ``ends[h >> 1, 1 - (h & 1)]``.
    label : (E,) ndarray of int32
        Hyperplane of each edge, or -1 - i on facet i of the domain.
    cell_offsets : (N + 1,) ndarray of int64
    half_edges : (H,) ndarray of int32
        The cells' cycles, counter-clockwise.
    """

    x: Floats
    error: Floats
    ends: Index
    label: Index
    cell_offsets: Ints
    half_edges: Index

    dim = 2

    def __post_init__(self) -> None:
        """Lock the arrays."""
        lock(self)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.cell_offsets) - 1

    @property
    def vertex_coordinates(self) -> Floats:
        """(V, 2)."""
        return self.x

    @cached_property
    def cell_vertices(self) -> Ints:
        """(H,) start of each half-edge of the cells' cycles."""
        return read_only(self.ends.ravel()[self.half_edges].astype(np.int64))

    @cached_property
    def cell_facets(self) -> Ints:
        """(H,) edge of each half-edge of the cells' cycles."""
        return read_only((self.half_edges >> 1).astype(np.int64))

    @cached_property
    def interior(self) -> NDArray[np.bool_]:
        """(E,) whether an edge lies inside the domain."""
        return read_only(self.label >= 0)

    @property
    def facet_offsets(self) -> Ints:
        """(E + 1,) where the ends of each edge begin."""
        return 2 * np.arange(len(self.label) + 1)

    @property
    def facet_vertices(self) -> Ints:
        """(2 E,) the ends of each edge."""
        return self.ends.ravel().astype(np.int64)

    @cached_property
    def facet_cells(self) -> Ints:
        """(E, 2) the cells on the left of half-edges 2e and 2e + 1, -1 outside the domain."""
        cells = np.full(2 * len(self.label), -1, np.int64)
        cells[self.half_edges] = np.repeat(np.arange(self.n_cells), np.diff(self.cell_offsets))
        return read_only(cells.reshape(-1, 2))

    @cached_property
    def facet_measures(self) -> Floats:
        """(E,) lengths."""
        with np.errstate(over="ignore"):
            d = self.x[self.ends[:, 0]] - self.x[self.ends[:, 1]]
            return read_only(np.hypot(d[:, 0], d[:, 1]))

    @cached_property
    def facet_errors(self) -> Floats:
        """(E,) bounds of the errors of the lengths: the ends move by their errors; differences and hypot round."""
        moved = self.error[self.ends[:, 0]] + self.error[self.ends[:, 1]]
        return read_only((moved + 4 * UNIT * self.facet_measures) * SLACK + TINY)

    @cached_property
    def next_corner(self) -> Ints:
        """(H,) position in the flat arrays of the corner after each corner."""
        following = np.arange(1, len(self.half_edges) + 1)
        following[self.cell_offsets[1:] - 1] = self.cell_offsets[:-1]
        return read_only(following)

    @cached_property
    def _sizes(self) -> tuple[Floats, Floats]:
        """Areas, and bounds of their errors.

        Shoelace about the first corner. Moving corner i by at most e_i changes an area by at most sum_i e_i |p_{i+1} -
        p_{i-1}| / 2 + sum_i e_i e_{i+1} / 2; rounding changes a sum of m products of differences by at most gamma_{m+4}
        times the sum of their sizes.
        """
        with np.errstate(all="ignore"):
            area, error = self._shoelace()
        known = np.isfinite(area) & np.isfinite(error)
        return np.where(known, area, np.inf), np.where(known, error, np.inf)

    def _shoelace(self) -> tuple[Floats, Floats]:
        first, following = self.cell_offsets[:-1], self.next_corner
        size = np.diff(self.cell_offsets)
        p = self.x[self.cell_vertices]
        q = p - np.repeat(p[first], size, axis=0)
        left, right = q[:, 0] * q[following, 1], q[:, 1] * q[following, 0]
        area = np.add.reduceat(left - right, first) / 2
        rounding = (size + 5) * UNIT * np.add.reduceat(np.abs(left) + np.abs(right), first)
        before = np.empty_like(following)
        before[following] = np.arange(len(following))
        e = self.error[self.cell_vertices]
        chord = np.hypot(*(p[following] - p[before]).T)
        moved = np.add.reduceat(e * (chord + e[following]), first)
        return np.maximum(area, 0.0), (rounding + moved) / 2 * SLACK + TINY

    @property
    def volumes(self) -> Floats:
        """(N,) areas."""
        return read_only(self._sizes[0])

    @property
    def volume_errors(self) -> Floats:
        """(N,) proven bounds of the errors of the areas."""
        return read_only(self._sizes[1])

    @property
    def bounded(self) -> NDArray[np.bool_]:
        """(N,) all true."""
        return np.ones(self.n_cells, np.bool_)

    @cached_property
    def centroids(self) -> Floats:
        """(N, 2) centres of mass, from triangles about the first corner, in units of each cell's size."""
        first, following = self.cell_offsets[:-1], self.next_corner
        p = self.x[self.cell_vertices] / 2  # differences do not overflow
        q = p - np.repeat(p[first], np.diff(self.cell_offsets), axis=0)
        shift = exponents(np.maximum.reduceat(np.abs(q), first))[:, None]
        q = np.ldexp(q, -np.repeat(shift, np.diff(self.cell_offsets), axis=0))
        twice = np.maximum(q[:, 0] * q[following, 1] - q[:, 1] * q[following, 0], 0.0)  # less by rounding alone
        moment = np.add.reduceat(twice[:, None] * (q + q[following]), first)
        total = np.add.reduceat(twice, first)[:, None]
        middle = np.divide(moment, 3 * total, out=np.zeros_like(moment), where=total > 0)
        return read_only(self.x[self.cell_vertices[first]] + np.ldexp(middle, shift + 1))

    @property
    def f_vector(self) -> tuple[int, ...]:
        """Number of vertices, edges and cells."""
        return len(self.x), len(self.label), self.n_cells

    @cached_property
    def n_interior_vertices(self) -> int:
        """Number of vertices off the domain's boundary."""
        outer = np.zeros(len(self.x), np.bool_)
        outer[self.ends[~self.interior]] = True
        return int(np.count_nonzero(~outer))

    def corner_labels(self, cell: int) -> list[tuple[int, ...]]:
        """The labels of the two edges that meet in each corner of a cell."""
        own = self.label[self.half_edges[self.cell_offsets[cell] : self.cell_offsets[cell + 1]] >> 1].tolist()
        return [(own[k], own[k - 1]) for k in range(len(own))]


@dataclass(frozen=True, eq=False)
class LineComplex:
    """A chain of intervals.

    Attributes
    ----------
    t : (N + 1,) ndarray of float64
        Ends and breakpoints in order; cell c is [t[c], t[c + 1]]. The first and the last may be infinite, and others
        are where they are beyond the range of floats.
    error : (N + 1,) ndarray of float64
        Bounds of their distance from the exact ones; infinite for breakpoints beyond the range of floats.
    label : (N + 1,) ndarray of int32
        Hyperplane of each breakpoint; -1 and -2 at the ends.
    piece : (N + 1,) ndarray of int32
        The straight piece of the domain that each lies on.
    """

    t: Floats
    error: Floats
    label: Index
    piece: Index

    dim = 1

    def __post_init__(self) -> None:
        """Lock the arrays."""
        lock(self)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.t) - 1

    @property
    def vertex_coordinates(self) -> Floats:
        """(V, 1)."""
        return self.t[:, None]

    @cached_property
    def cell_offsets(self) -> Ints:
        """(N + 1,)."""
        return read_only(2 * np.arange(len(self.t), dtype=np.int64))

    @cached_property
    def cell_vertices(self) -> Ints:
        """(2 N,) both ends of each cell."""
        c = np.arange(self.n_cells, dtype=np.int64)
        return read_only(np.stack([c, c + 1], axis=1).ravel())

    @property
    def cell_facets(self) -> Ints:
        """(2 N,) points are their own facets."""
        return self.cell_vertices

    @cached_property
    def at_infinity(self) -> NDArray[np.bool_]:
        """(N + 1,) which ends a line has at infinity."""
        return read_only(np.isinf(self.t) & (self.label < 0))

    @property
    def bounded(self) -> NDArray[np.bool_]:
        """(N,) whether no end is at infinity."""
        return ~(self.at_infinity[:-1] | self.at_infinity[1:])

    @property
    def centroids(self) -> Floats:
        """(N, 1) middles; infinite where a cell is not bounded."""
        with np.errstate(invalid="ignore"):
            middle = self.t[:-1] / 2 + self.t[1:] / 2
        return np.where(np.isnan(middle), np.inf, middle)[:, None]

    @property
    def f_vector(self) -> tuple[int, ...]:
        """Number of breakpoints and ends that are not at infinity, and of cells."""
        return int(np.count_nonzero(~self.at_infinity)), self.n_cells

    @cached_property
    def interior(self) -> NDArray[np.bool_]:
        """(N + 1,) whether a point lies inside the domain."""
        return read_only(self.label >= 0)

    @property
    def facet_offsets(self) -> Ints:
        """(N + 2,)."""
        return np.arange(len(self.t) + 1, dtype=np.int64)

    @property
    def facet_vertices(self) -> Ints:
        """(N + 1,)."""
        return np.arange(len(self.t), dtype=np.int64)

    @cached_property
    def facet_cells(self) -> Ints:
        """(N + 1, 2) the cells before and after each point, -1 outside the domain."""
        cells = np.arange(len(self.t), dtype=np.int64)[:, None] + np.array([-1, 0])
        cells[-1, 1] = -1
        return read_only(cells)

    @property
    def facet_measures(self) -> Floats:
        """(N + 1,) ones: points are counted."""
        return np.ones(len(self.t))

    @property
    def facet_errors(self) -> Floats:
        """(N + 1,) zeros."""
        return np.zeros(len(self.t))

    @cached_property
    def _sizes(self) -> tuple[Floats, Floats]:
        """Lengths, and bounds of their errors."""
        with np.errstate(all="ignore"):
            length = np.maximum(np.diff(self.t), 0.0)
            error = (self.error[:-1] + self.error[1:] + UNIT * length) * SLACK
        known = np.isfinite(length) & np.isfinite(error)
        return np.where(known, length, np.inf), np.where(known, error, np.where(self.bounded, np.inf, 0.0))

    @property
    def volumes(self) -> Floats:
        """(N,) lengths; infinite at an end at infinity, and for lengths beyond the range of floats."""
        return read_only(self._sizes[0])

    @property
    def volume_errors(self) -> Floats:
        """(N,) proven bounds of the errors of the lengths, zero where these are infinite."""
        return read_only(self._sizes[1])

    def corner_labels(self, cell: int) -> list[tuple[int, ...]]:
        """The label of each end of a cell."""
        return [(int(self.label[cell]),), (int(self.label[cell + 1]),)]


Complex = TypeVar("Complex", bound=PlaneComplex | SolidComplex)


def of_size_one(cells: Complex) -> tuple[Complex, int]:
    """The cells in units of 2^k, for volumes to be floats where those of the cells are far from one; and k."""
    shift = int(exponents(np.abs(cells.x).max(axis=0, initial=0.0)))
    if abs(shift) * cells.dim < _FAR:
        return cells, 0
    return replace(cells, x=np.ldexp(cells.x, -shift), error=np.ldexp(cells.error, -shift)), shift


Geometry = PlaneComplex | LineComplex | SolidComplex | SpaceComplex
