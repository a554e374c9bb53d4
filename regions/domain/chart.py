"""What the engines take of a domain: exact charts x = origin + basis @ t, and the floats to start from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_regions.bits import packed
from linear_regions.kernels.bounds import LEAST, UNIT
from linear_regions.norms import norms

from .faces import Plane, Point, incidence

Floats = NDArray[np.float64]
Rational = list[Fraction]

# Of the longest floats, which may be ordinary ones; where they are pairs of those, `eps` is smaller than the rounding.
_LONG_UNIT = max(float(np.finfo(np.longdouble).eps) / 2, 2.0**-100)

# Labels of the vertices of a chain that no neuron made; facet i of the domain has label -1 - i.
LOWER_END = -1
UPPER_END = -2
INNER_CORNER = -3  # and below: numbered on


@dataclass(frozen=True)
class AffineChart:
    """The exact map x = origin + basis @ t; rational numbers are made at first use, few calls need them."""

    floats: tuple[Floats, Floats]  # origin (n_0,) and basis (n_0, d)

    @property
    def dim(self) -> int:
        """Number of slice coordinates."""
        return int(self.floats[1].shape[1])

    @property
    def is_identity(self) -> bool:
        """Whether it is x = t."""
        return not self.floats[0].any() and np.array_equal(self.floats[1], np.eye(len(self.floats[0])))

    @property
    def columns(self) -> tuple[Floats, Floats]:
        """(n_0, d + 1) basis and origin side by side, as sums of two floats that err by 2^-105 of their size."""
        columns = np.column_stack(self.floats[::-1])
        return columns, np.zeros_like(columns)

    def image(self, t: Floats) -> tuple[Floats, Floats]:
        """Inputs at float coordinates t (k, d), and bounds of their rounding."""
        if self.is_identity:
            return t.copy(), np.zeros(len(t))
        origin, basis = self.floats
        size = np.abs(origin) + np.abs(t) @ np.abs(basis).T
        x = (origin.astype(np.longdouble) + t.astype(np.longdouble) @ basis.T).astype(np.float64)
        with np.errstate(over="ignore", under="ignore"):
            error: Floats = (self.dim + 2) * _LONG_UNIT * norms(size) + UNIT * norms(x)
            error *= 1.001
        return x, np.where(size.any(axis=1), error + len(origin) * LEAST, 0.0)

    def homogeneous_image(self, points: Floats) -> tuple[Floats, Floats]:
        """Inputs (x, w, w) of a homogeneous network at (u, w), (k, d + 1), and bounds of their rounding."""
        u, w = points[:, :-1], points[:, -1:]
        origin, basis = self.floats
        size = np.abs(w) * np.abs(origin) + np.abs(u) @ np.abs(basis).T
        error: Floats = (self.dim + 2) * UNIT * norms(size) * 1.001 + len(origin) * LEAST
        x = w * origin + u @ basis.T
        return np.column_stack([x, w, w]), np.zeros(len(u)) if self.is_identity else error

    @cached_property
    def origin(self) -> Rational:
        """(n_0,)."""
        return exact(self.floats[0])

    @cached_property
    def basis(self) -> list[Rational]:
        """(n_0, d)."""
        return [exact(row) for row in self.floats[1]]


@dataclass(frozen=True)
class PieceChart(AffineChart):
    """The map of one piece of a chain, x = start + (t - number) (end - start) with floats = (start, end)."""

    number: int

    @property
    def dim(self) -> int:
        """One."""
        return 1

    @property
    def columns(self) -> tuple[Floats, Floats]:
        """See `AffineChart`."""
        rows = [[*b, o] for b, o in zip(self.basis, self.origin, strict=True)]
        high = np.array([[float(v) for v in row] for row in rows])
        low = [[float(v - Fraction(h)) for v, h in zip(*pair, strict=True)] for pair in zip(rows, high.tolist())]
        return high, np.array(low)

    @cached_property
    def origin(self) -> Rational:
        """(n_0,)."""
        return [a - self.number * step for a, (step,) in zip(exact(self.floats[0]), self.basis, strict=True)]

    @cached_property
    def basis(self) -> list[Rational]:
        """(n_0, 1)."""
        return [[b - a] for a, b in zip(*map(exact, self.floats), strict=True)]


@dataclass(frozen=True)
class PlaneChart:
    """A convex polygon in t and its map into input space."""

    corners: list[Point]  # counter-clockwise
    facets: list[Plane]  # the side from corner i to corner i + 1
    charts: list[AffineChart]  # one
    points: Floats  # (k, 2) corners, rounded
    error: Floats  # (k,) of the rounding, Euclidean
    inputs: Floats  # (k, n_0) images of `points`
    inputs_error: Floats  # (k,) 2-norm of their rounding
    stretch: float  # upper bound of |basis|_2


@dataclass(frozen=True)
class SolidChart:
    """A polytope in t and its map into input space."""

    corners: list[Point]
    facets: list[Plane]
    incidence: NDArray[np.bool_]  # (k, facets) whether a corner lies on a facet
    charts: list[AffineChart]  # one
    points: Floats  # (k, d) corners, rounded
    error: Floats  # (k,) of the rounding, Euclidean
    inputs: Floats  # (k, n_0) images of `points`
    inputs_error: Floats  # (k,) 2-norm of their rounding
    stretch: float  # upper bound of |basis|_2

    def masks(self, words: int) -> NDArray[np.uint64]:
        """The facets of each corner as bits, (k, words)."""
        k, m = self.incidence.shape
        return packed(np.concatenate([self.incidence, np.zeros((k, 64 * words - m), np.bool_)], axis=1))


@dataclass(frozen=True)
class SpaceChart:
    """All of a slice as polytopes in homogeneous coordinates (u, w), w >= 0, and its map into input space."""

    facets: list[tuple[Fraction, ...]]  # rows (a, c) with a.u + c w = 0; the first is w = 0
    incidence: NDArray[np.bool_]  # (k, facets) whether a corner lies on a facet
    cells: list[tuple[list[int], list[int]]]  # corners and facets of each
    charts: list[AffineChart]  # one
    points: Floats  # (k, d + 1) corners, exact
    error: Floats  # (k,) zeros
    inputs: Floats  # (k, n_0 + 2) inputs of the homogeneous network
    inputs_error: Floats  # (k,) 2-norm of their rounding
    stretch: float

    def masks(self, cell: int) -> NDArray[np.uint64]:
        """The facets of each corner of a cell as bits of one word, (corners, 1)."""
        corners, facets = self.cells[cell]
        own = self.incidence[np.ix_(corners, facets)]
        return packed(np.concatenate([own, np.zeros((len(corners), 64 - len(facets)), np.bool_)], axis=1))


@dataclass(frozen=True)
class HalfspaceChart:
    """A set with interior points in t that is given by inequalities, and its map into input space."""

    facets: list[Plane]  # rows (a, c) of floats with a.t + c <= 0 inside
    charts: list[AffineChart]  # one
    inside: Floats  # (d,) a point inside, NaN where there is none among floats
    reach: Floats  # (d,) bounds of |t|, empty if it is unbounded

    @property
    def dim(self) -> int:
        """Number of slice coordinates."""
        return len(self.inside)


@dataclass(frozen=True)
class LineChart:
    """A chain of segments or rays and its map into input space."""

    t: Floats  # (k,) parameters, exact; may be infinite at the ends
    inputs: Floats  # (k, n_0) their images, or directions where t is infinite
    inputs_error: Floats  # (k,)
    weight: Floats  # (k,) 1, or 0 for a direction
    label: NDArray[np.int32]  # (k,)
    charts: list[AffineChart]  # of the k - 1 intervals; equal neighbours are one object
    facets: list[Plane]  # by label; (0, 1) and (0, -1): the ends of a line


def exact(values: Floats) -> Rational:
    """Floats as the rational numbers they are."""
    return [Fraction(v) for v in values.tolist()]


def identity_chart(d: int) -> AffineChart:
    """The chart x = t."""
    return AffineChart((np.zeros(d), np.eye(d)))


def rounded(corners: list[Point]) -> tuple[Floats, Floats]:
    """Corners as floats, and bounds of their rounding."""
    points = np.array([[float(c) for c in corner] for corner in corners])
    if all(Fraction(float(c)) == c for corner in corners for c in corner):
        return points, np.zeros(len(points))
    with np.errstate(over="ignore"):  # an infinite bound proves nothing
        return points, 2 * UNIT * norms(points) + points.shape[1] * LEAST


def mapped(corners: list[Point], facets: list[Plane], chart: AffineChart) -> dict[str, Any]:
    """Corners and facets as charts have them."""
    points, error = rounded(corners)
    inputs, inputs_error = chart.image(points)
    return {
        "corners": corners,
        "facets": facets,
        "charts": [chart],
        "points": points,
        "error": error,
        "inputs": inputs,
        "inputs_error": inputs_error,
        "stretch": 1.0 if chart.is_identity else float(norms(chart.floats[1].ravel())) * 1.001,
    }


def polygon_chart(corners: list[Point], facets: list[Plane], chart: AffineChart) -> PlaneChart:
    """A polygon in t, given by its corners and the rows of its sides, counter-clockwise, mapped into input space."""
    return PlaneChart(**mapped(corners, facets, chart))


def solid_chart(corners: list[Point], facets: list[Plane], chart: AffineChart) -> SolidChart:
    """A polytope in t, given by its corners and the rows of its facets, mapped into input space."""
    return SolidChart(incidence=incidence(corners, facets), **mapped(corners, facets, chart))


def generic(d: int) -> Floats:
    """(d,) numbers around a half, in no simple relation to each other."""
    return np.asarray(0.5 + 0.2 * np.modf(np.sqrt(2.0) * np.arange(1.0, d + 1) ** 1.5)[0] - 0.1)


def interval_chart(lower: float, upper: float, chart: AffineChart) -> LineChart:
    """An interval of t, mapped into input space."""
    t = np.array([lower, upper])
    inputs, error = chart.image(t[:, None])
    return LineChart(
        t=t,
        inputs=inputs,
        inputs_error=error,
        weight=np.ones(2),
        label=np.array([LOWER_END, UPPER_END], np.int32),
        charts=[chart],
        facets=[(Fraction(1), -end) for end in exact(t)],
    )


def full_rank(basis: Floats) -> bool:
    """Whether the columns are linearly independent, exactly; fast where a few rows show it."""
    return _independent(basis[_telling_rows(basis)]) or _independent(basis)


def _telling_rows(basis: Floats) -> list[int]:
    """As many rows as there are columns, each far from the span of those before it, as far as floats tell."""
    with np.errstate(all="ignore"):
        rest = basis / np.abs(basis).max(axis=0)
        chosen = []
        for _ in range(basis.shape[1]):
            chosen.append(int(np.argmax(np.sum(rest * rest, axis=1))))
            direction = rest[chosen[-1]] / np.linalg.norm(rest[chosen[-1]])
            rest = rest - np.outer(rest @ direction, direction)
    return chosen


def _independent(basis: Floats) -> bool:
    rows = [exact(row) for row in basis]
    for rank in range(basis.shape[1]):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][rank]), None)
        if pivot is None:
            return False
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        if rank + 1 < basis.shape[1]:
            for i in range(rank + 1, len(rows)):
                if rows[i][rank]:
                    factor = rows[i][rank] / rows[rank][rank]
                    rows[i] = [x - factor * y for x, y in zip(rows[i], rows[rank], strict=True)]
    return True


def whole_line(point: Floats, direction: Floats) -> LineChart:
    """The line x = point + t direction, t any real number."""
    chart = AffineChart((point, direction[:, None]))
    one, zero = Fraction(1), Fraction(0)
    return LineChart(
        t=np.array([-np.inf, 0.0, np.inf]),
        inputs=np.array([-direction, point, direction]),
        inputs_error=np.zeros(3),
        weight=np.array([0.0, 1.0, 0.0]),
        label=np.array([LOWER_END, INNER_CORNER, UPPER_END], np.int32),
        charts=[chart, chart],
        facets=[(zero, one), (zero, -one), (one, zero)],
    )


Chart = LineChart | PlaneChart | SolidChart | SpaceChart | HalfspaceChart
