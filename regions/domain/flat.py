"""Boxes and polytopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from itertools import product
from math import prod
from operator import mul
from sys import float_info
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import exact_array, read_only

from .chart import (
    AffineChart,
    HalfspaceChart,
    LineChart,
    PlaneChart,
    SolidChart,
    exact,
    generic,
    identity_chart,
    interval_chart,
    polygon_chart,
    solid_chart,
)
from .faces import Plane, Point, sum_of, volume_of
from .polygon import area, polygon
from .polyhedron import polyhedron
from .store import Domain

Floats = NDArray[np.float64]

_WITH_CORNERS = 6  # dimensions of polytopes whose corners are found at once


def vector(value: object, name: str) -> Floats:
    """Copy a vector exactly, or one number as a vector of length one."""
    array = exact_array(value, name)
    if array.ndim == 0:
        array = array.reshape(1)
    if array.ndim != 1 or not len(array):
        raise invalid(name, "have shape (d,)", array.shape)
    return read_only(array)


def lp() -> ModuleType:
    """Linear programs, whose module needs domains itself."""
    return import_module("linear_regions.lp")


def _above(value: Fraction) -> float:
    """A float that is not less, infinite beyond the range of floats."""
    return float(np.nextafter(float(value), np.inf)) if value <= Fraction(float_info.max) else np.inf


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
        def reach(self) -> Floats:
            """(d,) bounds of the absolute values of the coordinates."""

    @property
    def corners(self) -> list[Point]:
        """Exact corners: counter-clockwise in the plane, sorted in other dimensions."""
        return self.corners_and_facets[0]

    @property
    def facets(self) -> list[Plane]:
        """Exact facets (a, c), which have a.t + c <= 0 inside, as in `corners_and_facets`."""
        return self.corners_and_facets[1]

    @property
    def box_about(self) -> tuple[Floats, Floats]:
        """(d,) lower and upper bounds of the coordinates."""
        return -self.reach, self.reach

    @property
    def inside(self) -> Floats:
        """(d,) a point inside that is in no simple relation to the facets; NaN where no float is inside."""
        raise NotImplementedError

    @property
    def n_inputs(self) -> int:
        """The dimension."""
        return self.dim

    @property
    def bounded(self) -> bool:
        """True, even where the volume takes too long to find."""
        return True

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

    def halfspace_chart(self) -> HalfspaceChart:
        """See `Domain`."""
        return self.halfspaces(identity_chart(self.dim))

    def halfspaces(self, chart: AffineChart) -> HalfspaceChart:
        """The inequalities, mapped into input space."""
        return HalfspaceChart(self.facets, [chart], self.inside, self.reach)


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
    def box_about(self) -> tuple[Floats, Floats]:
        """Its own bounds."""
        return self.lower, self.upper

    @property
    def volume(self) -> Fraction:
        """Product of the sides, exactly."""
        return prod((u - v for u, v in zip(exact(self.upper), exact(self.lower), strict=True)), start=Fraction(1))

    @property
    def facets(self) -> list[Plane]:
        """See `Body`; but for the plane, facet 2 i is where t_i is least, and facet 2 i + 1 where it is greatest."""
        facets = []
        for i, (low, high) in enumerate(zip(exact(self.lower), exact(self.upper), strict=True)):
            for sign, end in ((-1, low), (1, high)):
                facets.append((*(Fraction(sign * (i == k)) for k in range(self.dim)), -sign * end))
        return [facets[i] for i in (2, 1, 3, 0)] if self.dim == 2 else facets

    @property
    def corners_and_facets(self) -> tuple[list[Point], list[Plane]]:
        """See `Body` and `facets`."""
        corners = list(product(*zip(exact(self.lower), exact(self.upper), strict=True)))
        return [corners[i] for i in (0, 2, 3, 1)] if self.dim == 2 else corners, self.facets

    @property
    def reach(self) -> Floats:
        """See `Body`."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    @property
    def inside(self) -> Floats:
        """See `Body`."""
        share = generic(self.dim)
        point = self.lower * (1 - share) + self.upper * share
        return point if ((self.lower < point) & (point < self.upper)).all() else np.full(self.dim, np.nan)

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
    Corners are exact. In the plane they take the time of sorting the inequalities, 40 ms for two thousand. From three
    to six dimensions they are found at once by the double description method: the inequalities are taken one after the
    other, in an order of their own. It is an error if there ever are more than 65,536 corners on the way. Forty random
    inequalities take 10 ms in four dimensions and 0.2 s in six, and the volume twice that. In more dimensions linear
    programs tell that the set is bounded and has interior points, and corners and volume are found when they are asked
    for: in six seconds for a box of fourteen dimensions that one more inequality cuts, which has 34,000 corners.

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
    kind: ClassVar[str] = "polytope"

    def __init__(self, A: object, b: object) -> None:
        matrix, bound = exact_array(A, "A"), vector(b, "b")
        if matrix.ndim != 2 or matrix.shape[1] < 2:
            rule = "have shape (m, d) with d >= 2 (an interval is a Box or a Segment)"
            raise invalid("A", rule, matrix.shape)
        if len(bound) != len(matrix):
            raise invalid("b", f"have shape ({len(matrix)},), a number per row of A", bound.shape)
        object.__setattr__(self, "A", read_only(matrix))
        object.__setattr__(self, "b", bound)
        _ = self.corners if self.dim <= _WITH_CORNERS else self.reach  # which refuse what is no polytope

    @property
    def _rows(self) -> list[Plane]:
        return [(*exact(row), -end) for row, end in zip(self.A, exact(self.b), strict=True)]

    @cached_property
    def corners_and_facets(self) -> tuple[list[Point], list[Plane]]:
        """See `Body`; from three dimensions on, facets are in the order of their inequalities, the first of equals."""
        return polygon(self._rows) if self.dim == 2 else polyhedron(self._rows)

    @cached_property
    def facets(self) -> list[Plane]:
        """See `Body`."""
        if self.dim <= _WITH_CORNERS:
            return self.corners_and_facets[1]
        kept = ~lp().redundant(self.A, self.b)
        return [row for row, is_facet in zip(self._rows, kept.tolist(), strict=True) if is_facet]

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return int(self.A.shape[1])

    @cached_property
    def reach(self) -> Floats:
        """See `Body`."""
        if self.dim <= _WITH_CORNERS:
            return np.array([_above(max(map(abs, column))) for column in zip(*self.corners, strict=True)])
        if lp().feasible(self.A, self.b).status != lp().Status.INTERIOR:
            raise invalid("Polytope(A, b)", "have interior points", "an empty or a flat set")
        ways = np.concatenate([np.eye(self.dim), -np.eye(self.dim)])
        sets = (np.broadcast_to(own, (len(ways), *own.shape)) for own in (self.A, self.b))
        ends = lp().minimize(ways, *sets)
        if (ends.status != lp().Status.OPTIMAL).any():
            raise invalid("Polytope(A, b)", "be bounded", "an unbounded set")
        far = np.nextafter(np.abs(ends.value) + ends.error, np.inf)
        return read_only(far.reshape(2, self.dim).max(axis=0))

    @cached_property
    def inside(self) -> Floats:
        """See `Body`."""
        if self.dim > _WITH_CORNERS:
            point = np.asarray(lp().largest_ball(self.A, self.b).center)
        else:
            weights = exact(generic(len(self.corners)))
            moments = (sum_of([flint.fmpq(v.numerator, v.denominator) for v in map(mul, weights, column)])
                       for column in zip(*self.corners, strict=True))  # fmt: skip
            point = np.array([float(Fraction(int(v.p), int(v.q)) / sum(weights)) for v in moments])
        values = (sum(map(mul, facet, [*exact(point), Fraction(1)])) for facet in self.facets)
        return point if all(v < 0 for v in values) else np.full(self.dim, np.nan)

    @cached_property
    def volume(self) -> Fraction:
        """The exact volume, found at first use.

        Raises
        ------
        InvalidInput
            If there are too many corners, or it takes more than some ten seconds: `estimators.cell_volume` and
            `Regions.estimated_volumes` need none.
        """
        return area(self.corners) if self.dim == 2 else volume_of(*self.corners_and_facets)

    @property
    def is_measured(self) -> bool:
        """Whether the volume has been found, or corners have."""
        return self.dim <= _WITH_CORNERS or "volume" in self.__dict__

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "A": self.A, "b": self.b}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Polytope:
        """See `Domain`."""
        return cls(data["A"], data["b"])

    def __repr__(self) -> str:
        """Show the number of facets."""
        return f"Polytope({self.dim}-D, {len(self.b)} inequalities, {len(self.facets)} facets)"
