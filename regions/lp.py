"""Linear programs whose verdicts are proven.

Sets are given as A x <= b, with A and b taken as the exact numbers they are. Floats look for a point or multipliers,
and error bounds prove what these show; what they do not prove is decided in rational arithmetic. So "empty" and
"unbounded" are theorems, however nearly feasible or degenerate a problem is. For few variables, up to about fifty, and
up to a few thousand inequalities; many problems of one shape in one call take microseconds each.
"""

from __future__ import annotations

from enum import IntEnum
from fractions import Fraction
from math import gcd, isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import polyhedra
from linear_regions.kernels import programs as kernels
from linear_regions.kernels.bounds import SLACK, TINY, UNIT
from linear_regions.kernels.halfspaces import Work, scale_rows, work_for

from .domain.faces import whole
from .errors import invalid
from .exact import Row
from .metric import largest_balls, lengths, nearest
from .network.cast import exact_array, read_only
from .rational_lp import as_float, as_floats, interior, least, violated
from .rows import settle_doubtful

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

__all__ = [
    "Balls",
    "Feasibility",
    "Minimum",
    "Projection",
    "Status",
    "feasible",
    "largest_ball",
    "minimize",
    "project",
    "redundant",
]


class Status(IntEnum):
    """What is proven of a problem."""

    EMPTY = kernels.EMPTY
    """No point satisfies all inequalities."""
    FLAT = kernels.FLAT
    """Some do, but none satisfies all of them strictly."""
    INTERIOR = kernels.INTERIOR
    """There are points that satisfy all of them strictly."""
    OPTIMAL = kernels.OPTIMAL
    """There is a least value."""
    UNBOUNDED = kernels.UNBOUNDED
    """There are points with values as low as may be."""


class Feasibility(NamedTuple):
    """Whether sets A x <= b have points; without the leading axis for a single set.

    Attributes
    ----------
    status : (k,) ndarray of int8, or Status for a single set
        EMPTY (-1), FLAT (0) or INTERIOR (1) of `Status`.
    point : (k, d) ndarray of float64
        Proven to satisfy all inequalities strictly where the status is INTERIOR and a float does; rounded otherwise,
        and of no meaning for empty sets.
    exact : (k,) ndarray of bool
        Whether rational arithmetic was needed.
    """

    status: NDArray[np.int8] | Status
    point: Floats
    exact: Flags


class Minimum(NamedTuple):
    """The least values of functions c.x on sets A x <= b; without the leading axis for a single one.

    Attributes
    ----------
    status : (k,) ndarray of int8, or Status for a single one
        EMPTY (-1), OPTIMAL (2) or UNBOUNDED (3) of `Status`.
    value : (k,) ndarray of float64
        NaN unless OPTIMAL.
    error : (k,) ndarray of float64
        Proven bounds of the errors of the values.
    point : (k, d) ndarray of float64
        Where the least values are taken, rounded; of no meaning unless OPTIMAL.
    exact : (k,) ndarray of bool
        Whether rational arithmetic was needed; then the value is correctly rounded.
    """

    status: NDArray[np.int8] | Status
    value: Floats
    error: Floats
    point: Floats
    exact: Flags


class _Problems:
    """Sets of one shape as rows of slacks, and memory for the kernels."""

    def __init__(self, A: object, b: object) -> None:
        matrix, bound = exact_array(A, "A"), exact_array(b, "b")
        if matrix.ndim not in (2, 3) or not matrix.shape[-1]:
            raise invalid("A", "have shape (m, d) or (k, m, d)", matrix.shape)
        if bound.shape != matrix.shape[:-1]:
            raise invalid("b", f"have shape {matrix.shape[:-1]}, a number per row of A", bound.shape)
        self.single = matrix.ndim == 2
        self.k, self.m, self.d = (1, *matrix.shape) if self.single else matrix.shape
        rows = np.concatenate([-matrix, bound[..., None]], axis=-1)
        self.rows = np.ascontiguousarray(rows.reshape(self.k * self.m, self.d + 1))
        self.offset = np.arange(self.k + 1) * self.m
        self.error = np.zeros((max(len(self.rows), self.k) + 1, 2))
        self.lifted = np.empty((1, self.d + 1))
        self.height = np.zeros((2, self.d + 2))
        self.height[:, self.d] = -1.0

    def work(self, more: int) -> Work:
        """Memory for problems with one more dimension and some more constraints."""
        return work_for(self.m + more, self.d + 1)

    def exact(self, p: int) -> list[Row]:
        """The rows of one problem in integers."""
        return [_whole(row) for row in self.rows[self.offset[p] : self.offset[p + 1]]]


def _whole(row: Floats) -> Row:
    return whole([Fraction(v) for v in row.tolist()])


def feasible(A: object, b: object) -> Feasibility:
    """Whether there are x with A x <= b, and whether there are some with A x < b.

    Parameters
    ----------
    A : array_like, (m, d) or (k, m, d)
        Finite floats, taken exactly; k sets at once. Rows of zeros are allowed, and say 0 <= b; the sign `<` is not
        asked of those.
    b : array_like, (m,) or (k, m)

    Raises
    ------
    InvalidInput
        If shapes do not fit or a number is not finite.

    Examples
    --------
    >>> from linear_regions import lp
    >>> lp.feasible([[1.0], [-1.0]], [2.0, -1.0]).status.name  # 1 <= x <= 2
    'INTERIOR'
    >>> lp.feasible([[[1.0], [-1.0]]] * 2, [[1.0, -1.0], [1.0, -1.0000000000000002]]).status.tolist()
    [0, -1]
    """
    own = _Problems(A, b)
    point, status = np.zeros((own.k, own.d)), np.empty(own.k, np.int8)
    with np.errstate(all="ignore"):
        kernels.interiors(
            own.offset, own.rows, own.error, own.work(1), own.lifted, own.height, np.empty(0), point, status
        )
    exact = status == kernels.UNKNOWN
    for p in np.flatnonzero(exact).tolist():
        status[p], found = interior(own.exact(p), own.d)
        point[p] = as_floats(found)
    result = Feasibility(read_only(status), read_only(point), read_only(exact))
    return Feasibility(Status(int(status[0])), point[0], exact[0]) if own.single else result


def minimize(c: object, A: object, b: object) -> Minimum:
    """The least value of c.x where A x <= b.

    Parameters
    ----------
    c : array_like, (d,) or (k, d)
        Finite floats, taken exactly.
    A : array_like, (m, d) or (k, m, d)
    b : array_like, (m,) or (k, m)

    Raises
    ------
    InvalidInput
        If shapes do not fit or a number is not finite.

    Examples
    --------
    >>> from linear_regions import lp
    >>> found = lp.minimize([-1.0, -1.0], [[1, 2], [2, 1], [-1, 0], [0, -1]], [3, 3, 0, 0])
    >>> found.status.name, float(found.value), bool(found.error < 1e-12)
    ('OPTIMAL', -2.0, True)
    """
    own, goal = _Problems(A, b), exact_array(c, "c")
    if goal.shape != ((own.d,) if own.single else (own.k, own.d)):
        raise invalid("c", f"have shape {(own.d,) if own.single else (own.k, own.d)}", goal.shape)
    rows = np.column_stack([goal.reshape(own.k, own.d), np.zeros(own.k)])
    point, status = np.zeros((own.k, own.d)), np.empty(own.k, np.int8)
    low, high = np.empty(own.k), np.empty(own.k)
    with np.errstate(all="ignore"):
        kernels.optima(
            own.offset, own.rows, own.error, rows, own.work(2 * own.d + 2), own.lifted, own.height, np.empty(0), point,
            low, high, status,
        )  # fmt: skip
        value = np.clip(np.sum(rows[:, :-1] * point, axis=1), low, high)
        error = np.maximum(value - low, high - value) * (1 + 4 * UNIT)
    exact = status == kernels.UNKNOWN
    for p in np.flatnonzero(exact).tolist():
        status[p], value[p], point[p] = _exact_minimum(own.exact(p), _whole(rows[p]), rows[p])
        error[p] = UNIT * abs(value[p]) + 5e-324
    value[status != Status.OPTIMAL] = error[status != Status.OPTIMAL] = np.nan
    result = Minimum(*map(read_only, (status, value, error, point, exact)))
    if not own.single:
        return result
    return Minimum(Status(int(status[0])), *(field[0] for field in result[1:]))


def _exact_minimum(rows: list[Row], goal: Row, given: Floats) -> tuple[int, float, Floats]:
    d = len(goal) - 1
    sign, start = interior(rows, d)
    if sign < 0:
        return Status.EMPTY, np.nan, np.zeros(d)
    found = least(rows, goal, start)
    if found.direction is not None:
        return Status.UNBOUNDED, np.nan, np.zeros(d)
    value = sum((Fraction(c) * x for c, x in zip(given.tolist(), found.point, strict=False)), start=Fraction(0))
    return Status.OPTIMAL, as_float(value), as_floats(found.point)


def redundant(A: object, b: object) -> Flags:
    """Which inequalities of A x <= b, a set with interior points, may be left out, one after the other.

    Of those that say the same the first is kept; those that hold everywhere are redundant.

    Parameters
    ----------
    A : array_like, (m, d)
        Finite floats, taken exactly.
    b : array_like, (m,)

    Returns
    -------
    (m,) ndarray of bool
        The others are the facets of the set.

    Raises
    ------
    InvalidInput
        If shapes do not fit, a number is not finite, or the set has no interior points.

    Examples
    --------
    >>> from linear_regions import lp
    >>> lp.redundant([[-1, 0], [0, -1], [1, 1], [1, 0], [2, 2]], [0, 0, 1, 1, 2]).tolist()
    [False, False, False, True, True]
    """
    own, start = _with_interior(A, b)
    result = np.ones(own.m, np.bool_)
    kept = _different(own.rows)
    answer, held = np.empty(len(kept), np.uint8), np.empty((len(kept), own.d), np.int64)
    point = np.array([start[0]])
    with np.errstate(all="ignore"):
        polyhedra.facets(
            np.array([0, len(kept)]),
            own.rows[kept],
            own.error[kept],
            point,
            np.empty(0),
            own.work(0),
            answer,
            np.empty((0, own.d)),
            held,
        )
    exact: list[Row] = []
    for i in np.flatnonzero(answer == polyhedra.UNKNOWN).tolist():
        exact = exact or [_whole(row) for row in own.rows[kept]]
        answer[i] = violated(exact, i, held[i].tolist(), lambda: start[1]) is not None
    result[kept] = answer != polyhedra.YES
    return read_only(result)


class Balls(NamedTuple):
    """A largest ball in a set.

    Attributes
    ----------
    center : (d,) ndarray of float64
    radius : float
        Proven: the ball of this radius about the centre lies in the set. Infinite if there are balls of any size.
    upper : float
        Proven: no ball in the set is larger; infinite where there is no proof.
    """

    center: Floats
    radius: float
    upper: float


def largest_ball(A: object, b: object) -> Balls:
    """The centre and radius of a largest ball in the set A x <= b (its Chebyshev centre).

    Parameters
    ----------
    A : array_like, (m, d)
        Finite floats, taken exactly.
    b : array_like, (m,)

    Raises
    ------
    InvalidInput
        If shapes do not fit, a number is not finite, or the set has no interior points.

    Examples
    --------
    >>> from linear_regions import lp
    >>> ball = lp.largest_ball([[-1, 0], [0, -1], [1, 0], [0, 1]], [0, 0, 2, 4])
    >>> round(ball.radius, 12), round(ball.upper, 12)
    (1.0, 1.0)
    """
    own, start = _with_interior(A, b)
    rows = own.rows[own.rows[:, :-1].any(axis=1)]
    scaled, error = _scaled(rows)
    ends, inside = np.array([0, len(rows)]), np.array([start[0]])
    center, radius = largest_balls(ends, scaled, error, *lengths(scaled[:, :-1]), inside, np.empty(0))
    lower, upper = radius[0].tolist()
    if upper == np.inf > lower:  # several centres, perhaps, or none
        upper = _exact_upper([_whole(row) for row in rows], start[1])
    return Balls(read_only(center[0]), lower, upper)


class Projection(NamedTuple):
    """The nearest point of a set.

    Attributes
    ----------
    point : (d,) ndarray of float64
        Rounded.
    distance : float
        To it, as floats have it; if they do not find the nearest point it is another one, and this more than `lower`.
    lower : float
        Proven: no point of the set is nearer.
    """

    point: Floats
    distance: float
    lower: float


def project(A: object, b: object, point: object) -> Projection:
    """The point of the set A x <= b nearest to a given one.

    Parameters
    ----------
    A : array_like, (m, d)
        Finite floats, taken exactly.
    b : array_like, (m,)
    point : array_like, (d,)

    Raises
    ------
    InvalidInput
        If shapes do not fit, a number is not finite, or the set is empty.

    Examples
    --------
    >>> from linear_regions import lp
    >>> found = lp.project([[1, 1], [-1, 0]], [1, 0], [1.5, 1.5])
    >>> found.point.round(9).tolist(), round(found.distance, 9), round(found.lower, 9)
    ([0.5, 0.5], 1.414213562, 1.414213562)
    """
    own, start = _Problems(A, b), exact_array(point, "point")
    if not own.single:
        raise invalid("A", "have shape (m, d)", f"{own.k} sets")
    if start.shape != (own.d,):
        raise invalid("point", f"have shape ({own.d},)", start.shape)
    some = feasible(A, b)
    if some.status == Status.EMPTY:
        raise invalid("A x <= b", "have points", "a set that is empty")
    rows, error = _scaled(own.rows[own.rows[:, :-1].any(axis=1)])
    with np.errstate(all="ignore"):
        height = rows[:, :-1] @ start + rows[:, -1]
        size = np.abs(rows[:, :-1]) @ np.abs(start) + np.abs(rows[:, -1])
        bound = (own.d + 4) * UNIT * size * SLACK + error[:, 0] * np.abs(start).sum() + error[:, 1] + TINY
        lower, step = nearest(rows[:, :-1], np.sqrt(own.d) * error[:, 0], height, bound)
        if not np.isfinite(step).all():
            step = some.point - start
        distance = max(lower, float(lengths(step[None])[0][0]))
    return Projection(read_only(start + step), distance, lower)


def _scaled(rows: Floats) -> tuple[Floats, Floats]:
    """Rows times powers of two, their largest coefficients alike, and bounds of the errors where numbers vanish."""
    scaled, error = rows.copy(), np.zeros((len(rows), 2))
    scale_rows(scaled, error)
    settle_doubtful(scaled, error, np.zeros(rows.shape[1] - 1, np.int64), lambda i: _whole(rows[i]))
    return scaled, error


def _exact_upper(rows: list[Row], inside: list[Fraction]) -> float:
    """A bound of the radius of a ball between rows: by rational lower bounds of the lengths of their normals."""
    norms = [isqrt(sum(v * v for v in row[:-1]) << 128) for row in rows]  # times 2^64
    lifted = [(*(v << 64 for v in row[:-1]), -norm, row[-1] << 64) for row, norm in zip(rows, norms, strict=True)]
    found = least(lifted, [0] * len(inside) + [-1, 0], [*inside, Fraction(0)])
    return np.inf if found.direction is not None else as_float(-found.value) * (1 + 2 * UNIT)


def _with_interior(A: object, b: object) -> tuple[_Problems, tuple[Floats, list[Fraction]]]:
    """A single set and a point inside it, as floats and as what these are exactly, or as a rational near them."""
    own = _Problems(A, b)
    if not own.single:
        raise invalid("A", "have shape (m, d)", f"{own.k} sets")
    found = feasible(A, b)
    if found.status != Status.INTERIOR:
        raise invalid("A x <= b", "have interior points", f"a set that is {Status(int(found.status)).name.lower()}")
    if found.exact:
        return own, (found.point, interior(own.exact(0), own.d)[1])
    return own, (found.point, [Fraction(v) for v in found.point.tolist()])


def _different(rows: Floats) -> Ints:
    """The rows that are not zero, of those that say the same the first, in their order."""
    seen: dict[Row, int] = {}
    for i, row in enumerate(rows):
        if row[:-1].any():
            exact = _whole(row)
            common = gcd(*exact)
            seen.setdefault(tuple(v // common for v in exact), i)
    return np.array(list(seen.values()), np.int64)
