"""Segments, lines and polylines in the input space of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import exact_array, flag, is_whole, read_only

from .chart import INNER_CORNER, LOWER_END, UPPER_END, LineChart, PieceChart, whole_line
from .flat import vector
from .store import Domain

Floats = NDArray[np.float64]


class Curve(Domain):
    """A domain of dimension one."""

    closed: bool = False  # whether it ends where it begins

    @property
    def dim(self) -> int:
        """One."""
        return 1


def _pair(first: object, second: object, names: tuple[str, str]) -> tuple[Floats, Floats]:
    a, b = vector(first, names[0]), vector(second, names[1])
    if a.shape != b.shape:
        raise invalid(names[1], f"have shape {a.shape}, as {names[0]} has", b.shape)
    return a, b


def check_range(vertices: Floats, name: str) -> None:
    """Refuse points whose differences floats do not hold."""
    with np.errstate(over="ignore"):
        if not np.isfinite(np.diff(vertices, axis=0)).all():
            raise invalid(name, "differ from the point before by numbers in the range of float64", "larger differences")


@dataclass(frozen=True, eq=False, init=False)
class Segment(Curve):
    """The segment x = start + t (end - start), 0 <= t <= 1; lengths are those of t.

    Parameters
    ----------
    start, end : array_like, (n_0,)
        Finite floats, taken exactly; different points.

    Raises
    ------
    InvalidInput
        If shapes differ, a number is not finite, or the points are equal.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-0.25], [0.0]])
    >>> len(lr.enumerate_regions(network, lr.Segment([0, 0], [1, 1])))
    2
    """

    start: Floats
    end: Floats
    kind: ClassVar[str] = "segment"

    def __init__(self, start: object, end: object) -> None:
        first, last = _pair(start, end, ("start", "end"))
        if np.array_equal(first, last):
            raise invalid("end", "differ from start", "the same point")
        check_range(np.stack([first, last]), "end")
        object.__setattr__(self, "start", first)
        object.__setattr__(self, "end", last)

    @property
    def n_inputs(self) -> int:
        """Dimension of the points."""
        return len(self.start)

    @property
    def volume(self) -> Fraction:
        """One: the length in t."""
        return Fraction(1)

    @property
    def origin(self) -> Floats:
        """The start."""
        return self.start

    @property
    def basis(self) -> Floats:
        """(n_0, 1) end - start, rounded."""
        difference: Floats = self.end - self.start
        return difference[:, None]

    def line_chart(self) -> LineChart:
        """See `Domain`."""
        return _chain(np.stack([self.start, self.end]))

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "start": self.start, "end": self.end}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Segment:
        """See `Domain`."""
        return cls(data["start"], data["end"])

    def __repr__(self) -> str:
        """Show the dimension."""
        return f"Segment(in {self.n_inputs}-D)"


@dataclass(frozen=True, eq=False, init=False)
class Line(Curve):
    """The whole line x = point + t direction, t any real number.

    Every breakpoint is found, however far out; the first and the last cell have infinite length.

    Parameters
    ----------
    point, direction : array_like, (n_0,)
        Finite floats, taken exactly; the direction is not zero.

    Raises
    ------
    InvalidInput
        If shapes differ, a number is not finite, or the direction is zero.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1.0], [1.0]], [[1.0, 1.0]]], [[-1e6, 3.0], [0.0]])
    >>> len(lr.enumerate_regions(network, lr.Line([0.0], [1.0])))
    3
    """

    point: Floats
    direction: Floats
    kind: ClassVar[str] = "line"

    def __init__(self, point: object, direction: object) -> None:
        base, along = _pair(point, direction, ("point", "direction"))
        if not along.any():
            raise invalid("direction", "have an entry that is not zero", "zeros")
        object.__setattr__(self, "point", base)
        object.__setattr__(self, "direction", along)

    @property
    def n_inputs(self) -> int:
        """Dimension of the points."""
        return len(self.point)

    @property
    def volume(self) -> None:
        """None: infinite."""
        return None

    @property
    def origin(self) -> Floats:
        """The point at t = 0."""
        return self.point

    @property
    def basis(self) -> Floats:
        """(n_0, 1) the direction."""
        return self.direction[:, None]

    def line_chart(self) -> LineChart:
        """See `Domain`."""
        return whole_line(self.point, self.direction)

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "point": self.point, "direction": self.direction}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Line:
        """See `Domain`."""
        return cls(data["point"], data["direction"])

    def __repr__(self) -> str:
        """Show the dimension."""
        return f"Line(in {self.n_inputs}-D)"


@dataclass(frozen=True, eq=False, init=False)
class Polyline(Curve):
    """Straight pieces from point to point; t in [i, i + 1] runs from points[i] to points[i + 1].

    A cell is a maximal interval of t with one activation pattern, so a corner inside a region does not cut it. On a
    closed polyline the first and the last cell are kept apart at t = 0.

    Parameters
    ----------
    points : array_like, (k, n_0)
        At least two; neighbours differ.
    closed : bool
        Whether a last piece leads back to points[0].

    Raises
    ------
    InvalidInput
        If shapes do not fit, a number is not finite, or neighbouring points are equal.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-0.25], [0.0]])
    >>> len(lr.enumerate_regions(network, lr.Polyline([[0, 0], [1, 0], [1, 1]], closed=True)))
    3
    """

    points: Floats
    closed: bool
    kind: ClassVar[str] = "polyline"

    def __init__(self, points: object, closed: bool = False) -> None:
        corners = exact_array(points, "points")
        if corners.ndim != 2 or len(corners) < 2 or not corners.shape[1]:
            raise invalid("points", "have shape (k, n_0) with k >= 2", corners.shape)
        ring = flag(closed, "closed")
        if ring and len(corners) < 3:
            raise invalid("points", "be at least 3 for a closed polyline", len(corners))
        object.__setattr__(self, "points", read_only(corners))
        object.__setattr__(self, "closed", ring)
        same = np.flatnonzero((self._vertices[1:] == self._vertices[:-1]).all(axis=1))
        if len(same):
            i = int(same[0])
            raise invalid(f"points[{(i + 1) % len(corners)}]", f"differ from points[{i}]", "the same point")
        check_range(self._vertices, "points")

    @classmethod
    def translations(cls, image: object, axis: int = -1) -> Polyline:
        """The closed polyline through the cyclic translations of an image, pixel by pixel (Novak et al. 2018).

        Parameters
        ----------
        image : array_like, of any shape
            Flattened after it is translated. Where it repeats itself, the curve is closed after one period.
        axis : int
            Along which it is translated: by default the last, horizontally.

        Raises
        ------
        InvalidInput
            If there is no such axis, or the image has fewer than three different translations.
        """
        pixels = exact_array(image, "image")
        if not is_whole(axis, -pixels.ndim, pixels.ndim - 1):
            raise invalid("axis", f"be an axis of an image of shape {pixels.shape}", repr(axis))
        moved = [pixels]
        for j in range(1, pixels.shape[axis]):
            if np.array_equal(following := np.roll(pixels, j, int(axis)), pixels):
                break
            moved.append(following)
        if len(moved) < 3:
            raise invalid("image", "have at least three different translations", len(moved))
        return cls(np.stack([own.ravel() for own in moved]), closed=True)

    @property
    def _vertices(self) -> Floats:
        return np.concatenate([self.points, self.points[:1]]) if self.closed else self.points

    @property
    def n_inputs(self) -> int:
        """Dimension of the points."""
        return int(self.points.shape[1])

    @property
    def volume(self) -> Fraction:
        """Number of pieces: the length in t."""
        return Fraction(len(self._vertices) - 1)

    @property
    def origin(self) -> Floats:
        """The first point."""
        first: Floats = self.points[0]
        return first

    @property
    def basis(self) -> Floats:
        """(n_0, 1) the first piece, rounded; the others are reached through `embed`."""
        difference: Floats = self.points[1] - self.points[0]
        return difference[:, None]

    def embed(self, t: object) -> Floats:
        """Map parameters (M, 1) in [0, number of pieces] to inputs (M, n_0), in float64."""
        place = exact_array(t, "t")
        if place.ndim != 2 or place.shape[1] != 1:
            raise invalid("t", "have shape (M, 1)", place.shape)
        vertices = self._vertices
        piece = np.clip(np.floor(place[:, 0]).astype(np.int64), 0, len(vertices) - 2)
        part = place - piece[:, None]
        result: Floats = (1 - part) * vertices[piece] + part * vertices[piece + 1]
        return result

    def line_chart(self) -> LineChart:
        """See `Domain`."""
        return _chain(self._vertices)

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "points": self.points, "closed": np.array(self.closed)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Polyline:
        """See `Domain`."""
        return cls(data["points"], bool(data["closed"]))

    def __repr__(self) -> str:
        """Show the number of points."""
        return f"Polyline({len(self.points)} points in {self.n_inputs}-D{', closed' if self.closed else ''})"


def _chain(vertices: Floats) -> LineChart:
    """Pieces between consecutive points, t = i at vertex i."""
    k = len(vertices)
    label = np.array([LOWER_END, *range(INNER_CORNER, INNER_CORNER - k + 2, -1), UPPER_END], np.int32)
    order = [0, k - 1, *range(1, k - 1)]
    return LineChart(
        t=np.arange(k, dtype=np.float64),
        inputs=vertices.copy(),
        inputs_error=np.zeros(k),
        weight=np.ones(k),
        label=label,
        charts=[PieceChart((a, b), i) for i, (a, b) in enumerate(pairwise(vertices))],
        facets=[(Fraction(1), Fraction(-i)) for i in order],
    )
