"""Boxes and polytopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import exact_array, read_only

from .chart import (
    LineChart,
    PlaneChart,
    SolidChart,
    exact,
    identity_chart,
    interval_chart,
    polygon_chart,
    solid_chart,
)
from .faces import Plane, Point, counter_clockwise, volume_of
from .polyhedron import polyhedron
from .store import Domain

Floats = NDArray[np.float64]


def vector(value: object, name: str) -> Floats:
    """Copy a vector exactly, or one number as a vector of length one."""
    array = exact_array(value, name)
    if array.ndim == 0:
        array = array.reshape(1)
    if array.ndim != 1 or not len(array):
        raise invalid(name, "have shape (d,)", array.shape)
    return read_only(array)


def _shown(array: Floats) -> str:
    return np.array2string(array, threshold=8, separator=", ", precision=6)


class Body(Domain):
    """A box or polytope: a set of inputs, so a slice of its own with x = t."""

    if TYPE_CHECKING:  # a field of polytopes, which a property here would hide

        @property
        def corners_and_facets(self) -> tuple[list[Point], list[Plane]]:
            """Exact corners and facets (a, c), which have a.t + c <= 0 inside.

            In the plane they are counter-clockwise, and facet i is the side from corner i to corner i + 1.
            """

    @property
    def corners(self) -> list[Point]:
        """Exact corners: counter-clockwise in the plane, sorted in other dimensions."""
        return self.corners_and_facets[0]

    @property
    def n_inputs(self) -> int:
        """The dimension."""
        return self.dim

    @property
    def origin(self) -> Floats:
        """Zero."""
        return np.zeros(self.dim)

    @property
    def basis(self) -> Floats:
        """The identity."""
        return np.eye(self.dim)

    def plane_chart(self) -> PlaneChart:
        """See `Domain`."""
        if self.dim != 2:
            return super().plane_chart()
        return polygon_chart(*self.corners_and_facets, identity_chart(2))

    def solid_chart(self) -> SolidChart:
        """See `Domain`."""
        if self.dim < 3:
            return super().solid_chart()
        return solid_chart(*self.corners_and_facets, identity_chart(self.dim))


@dataclass(frozen=True, eq=False, init=False)
class Box(Body):
    """The box lower <= x <= upper.

    Parameters
    ----------
    lower, upper : array_like, (d,)
        Finite floats, taken exactly; lower < upper in every coordinate.

    Raises
    ------
    InvalidInput
        If shapes differ, a number is not finite, or lower >= upper somewhere.

    Examples
    --------
    >>> import linear_regions as lr
    >>> lr.Box([-1, -1], [1, 1])
    Box([-1., -1.], [1., 1.])
    """

    lower: Floats
    upper: Floats
    kind: ClassVar[str] = "box"

    def __init__(self, lower: object, upper: object) -> None:
        low, high = vector(lower, "lower"), vector(upper, "upper")
        if low.shape != high.shape:
            raise invalid("upper", f"have shape {low.shape}, as lower has", high.shape)
        if not (low < high).all():
            i = int(np.flatnonzero(low >= high)[0])
            raise invalid(f"upper[{i}]", f"be larger than lower[{i}] = {low[i]}", float(high[i]))
        object.__setattr__(self, "lower", low)
        object.__setattr__(self, "upper", high)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.lower)

    @property
    def volume(self) -> Fraction:
        """Product of the sides, exactly."""
        return prod((u - v for u, v in zip(exact(self.upper), exact(self.lower), strict=True)), start=Fraction(1))

    @property
    def corners_and_facets(self) -> tuple[list[Point], list[Plane]]:
        """See `Body`; but for the plane, facet 2 i is where t_i is least, and facet 2 i + 1 where it is greatest."""
        sides = list(zip(exact(self.lower), exact(self.upper), strict=True))
        facets = []
        for i, (low, high) in enumerate(sides):
            for sign, end in ((-1, low), (1, high)):
                facets.append((*(Fraction(sign * (i == k)) for k in range(self.dim)), -sign * end))
        corners = list(product(*sides))
        if self.dim == 2:
            return [corners[i] for i in (0, 2, 3, 1)], [facets[i] for i in (2, 1, 3, 0)]
        return corners, facets

    def line_chart(self) -> LineChart:
        """See `Domain`."""
        return (
            interval_chart(self.lower[0], self.upper[0], identity_chart(1)) if self.dim == 1 else super().line_chart()
        )

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "lower": self.lower, "upper": self.upper}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Box:
        """See `Domain`."""
        return cls(data["lower"], data["upper"])

    def __repr__(self) -> str:
        """Show the bounds."""
        return f"Box({_shown(self.lower)}, {_shown(self.upper)})"


@dataclass(frozen=True, eq=False, init=False)
class Polytope(Body):
    """The bounded set A x <= b, of two or more dimensions.

    Redundant and repeated inequalities are welcome.

    Parameters
    ----------
    A : array_like, (m, d)
        Finite floats, taken exactly; d >= 2.
    b : array_like, (m,)

    Raises
    ------
    InvalidInput
        If shapes do not fit, a number is not finite, the set is empty, flat or unbounded, or has too many corners.

    Notes
    -----
    Corners are exact, by the double description method: the inequalities are taken one after the other, in an order
    of their own. It is an error if there ever are more than 65,536 corners on the way. Forty random inequalities take
    20 ms in four dimensions and 0.2 s in six, where `volume` may take ten seconds.

    Examples
    --------
    >>> import linear_regions as lr
    >>> triangle = lr.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
    >>> triangle.volume
    Fraction(1, 2)
    >>> lr.Polytope([[-1, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 1], [2, 2, 2]], [0, 0, 0, 1, 2])
    Polytope(3-D, 5 inequalities, 4 facets)
    """

    A: Floats
    b: Floats
    corners_and_facets: tuple[list[Point], list[Plane]]
    """See `Body`; from three dimensions on, facets are in the order of their inequalities, the first of equal ones."""
    kind: ClassVar[str] = "polytope"

    def __init__(self, A: object, b: object) -> None:
        matrix, bound = exact_array(A, "A"), vector(b, "b")
        if matrix.ndim != 2 or matrix.shape[1] < 2:
            rule = "have shape (m, d) with d >= 2 (an interval is a Box or a Segment)"
            raise invalid("A", rule, matrix.shape)
        if len(bound) != len(matrix):
            raise invalid("b", f"have shape ({len(matrix)},), a number per row of A", bound.shape)
        found = polyhedron([(*exact(row), -end) for row, end in zip(matrix, exact(bound), strict=True)])
        object.__setattr__(self, "A", read_only(matrix))
        object.__setattr__(self, "b", bound)
        object.__setattr__(self, "corners_and_facets", counter_clockwise(*found) if matrix.shape[1] == 2 else found)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return int(self.A.shape[1])

    @cached_property
    def volume(self) -> Fraction:
        """The exact volume; found at first use, which may take longer than the corners."""
        return volume_of(*self.corners_and_facets)

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "A": self.A, "b": self.b}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Polytope:
        """See `Domain`."""
        return cls(data["A"], data["b"])

    def __repr__(self) -> str:
        """Show the number of facets."""
        return f"Polytope({self.dim}-D, {len(self.b)} inequalities, {len(self.corners_and_facets[1])} facets)"
