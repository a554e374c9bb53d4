"""Linear programs in rational arithmetic: the simplex method of `kernels.simplex` without rounding.

Slacks are a.x + c for integer rows (a, c). The search begins inside the set, with the coordinates' differences from a
known point as free variables; after a number of steps of steepest descent the first variable that leads down is taken,
which cannot go round in circles (Bland, New finite pivoting rules for the simplex method, Mathematics of Operations
Research 2, 1977).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import flint
import numpy as np
from numpy.typing import NDArray

Row = Sequence[int]
Point = list[Fraction]

_STEEPEST = 64  # steps before the first variable is taken instead of the steepest
_FREE = -1
_BEYOND = Fraction(2) ** 1024  # the range of floats
_FIRST_PLACES = 32  # of the first coordinate of a float in a thin set, which are tried
_MOST_PLACES = 48  # of all coordinates


@dataclass(frozen=True)
class Least:
    """Where a linear function is least on a set, or below a limit.

    Attributes
    ----------
    value : Fraction
        At `point`.
    point : list of Fraction
    multipliers : dict of int to Fraction
        Of the constraints that prove it: the function is their sum, and `value`. Empty if it is below the limit.
    direction : list of Fraction or None
        In which the function falls without end, if it does.
    """

    value: Fraction
    point: Point
    multipliers: dict[int, Fraction]
    direction: Point | None = None


def as_floats(point: Sequence[Fraction]) -> NDArray[np.float64]:
    """The floats nearest to rational numbers, infinite beyond their range."""
    return np.array([as_float(v) for v in point], np.float64)


def as_float(value: Fraction) -> float:
    """The float nearest to a rational number, infinite beyond their range."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def slack(row: Row, x: Sequence[Fraction]) -> Fraction:
    """The value a.x + c of a row (a, c)."""
    return sum((a * v for a, v in zip(row, x, strict=False) if a), start=Fraction(row[-1]))


def _whole(x: Sequence[Fraction]) -> tuple[list[int], int]:
    """Coordinates with a common denominator."""
    common = math.lcm(*(v.denominator for v in x))
    return [v.numerator * (common // v.denominator) for v in x], common


def _times(row: Row, x: list[int], common: int) -> int:
    """The slack of a row at a point with a common denominator, times that."""
    return sum((a * v for a, v in zip(row, x, strict=False) if a), start=row[-1] * common)


def is_inside(rows: Sequence[Row], point: Point) -> bool:
    """Whether all slacks are positive at a point."""
    whole = _whole(point)
    return all(_times(row, *whole) > 0 for row in rows)


def shortened(rows: Sequence[Row], point: Point) -> Point:
    """A point with few digits near one where all slacks are positive, which they are there too."""
    x, common = _whole(point)
    digits = 0
    for row in rows:
        size = sum(map(abs, row[:-1])) * common
        digits = max(digits, size.bit_length() - _times(row, x, common).bit_length() + 1)
    return [Fraction(((v << digits + 1) + common) // (2 * common), 1 << digits) for v in x]


class Polyhedron:
    """The set where no slack is negative, as the dictionary at the point where the last search in it ended.

    Parameters
    ----------
    rows : sequence of rows
    inside : sequence of Fraction
        A point where no slack is negative.
    """

    def __init__(self, rows: Sequence[Row], inside: Sequence[Fraction]) -> None:
        self._d = d = len(inside)
        x, common = _whole(inside)
        self._table = [[flint.fmpq(int(i == j)) for j in range(d)] + [quotient(inside[i])] for i in range(d)]
        self._table += [[*map(flint.fmpq, row[:d]), flint.fmpq(_times(row, x, common), common)] for row in rows]
        self._basic = [_FREE] * d + list(range(len(rows)))
        self._nonbasic = [_FREE] * d

    def least(self, goal: Row, stop: Fraction | None = None) -> Least:
        """The least value of goal.(x, 1); where it falls below `stop` the search ends, at a point where it does."""
        table = self._table
        table.append(self._over_nonbasic(goal))
        self._basic.append(_FREE)
        try:
            return self._search(goal, None if stop is None else quotient(stop))
        finally:
            del table[-1], self._basic[-1]

    def _over_nonbasic(self, goal: Row) -> list[flint.fmpq]:
        row = [flint.fmpq(0)] * self._d + [flint.fmpq(goal[-1])]
        for factor, coordinate in zip(goal, self._table[: self._d], strict=False):
            if factor:
                row = [v + factor * c for v, c in zip(row, coordinate, strict=True)]
        return row

    def _search(self, goal: Row, limit: flint.fmpq | None) -> Least:
        d, table, nonbasic = self._d, self._table, self._nonbasic
        step = 0
        while True:
            height = table[-1]
            if limit is not None and height[d] < limit:
                return _result(table, d, {})
            j = _entering(height, nonbasic, d, first=step >= _STEEPEST)
            if j < 0:
                used = {nonbasic[k]: _fraction(height[k]) for k in range(d) if nonbasic[k] != _FREE and height[k] != 0}
                return _result(table, d, used)
            sign = -1 if height[j] > 0 else 1
            leaving = _leaving(table, self._basic, sign, j, d)
            if leaving < 0:
                direction = [_fraction(sign * table[c][j]) for c in range(d)]
                far = _fraction((abs(height[d]) * 2 + 1) / abs(height[j]))
                here = _result(table, d, {}).point
                point = [v + far * r for v, r in zip(here, direction, strict=True)]
                return Least(slack(goal, point), point, {}, direction)
            _exchange(table, self._basic, nonbasic, leaving, j)
            step += 1


def least(rows: Sequence[Row], goal: Row, inside: Sequence[Fraction], stop: Fraction | None = None) -> Least:
    """The least value of goal.(x, 1) where no slack is negative; see `Polyhedron.least`."""
    return Polyhedron(rows, inside).least(goal, stop)


def implied(rows: Sequence[Row], goal: Row) -> bool:
    """Whether goal.(x, 1) is a sum of the rows with multipliers that are not negative, and of a number that is not.

    The multipliers are those of linearly independent rows, the first ones, so that they are determined.
    """
    d, n = len(goal) - 1, len(rows)
    columns = [*rows, goal]
    echelon, last, rank = flint.fmpz_mat(d, n + 1, [int(row[c]) for c in range(d) for row in columns]).rref()
    rest = last * goal[d]
    j = 0
    for i in range(rank):
        while echelon[i, j] == 0:
            j += 1
        if j == n or echelon[i, n] * last < 0:
            return False
        rest -= echelon[i, n] * rows[j][d]
    return bool(rest * last >= 0)


def violated(rows: Sequence[Row], i: int, held: Sequence[int], inside: Callable[[], Point]) -> Least | None:
    """A point that violates row i and no other, None if the others imply it.

    `held` are rows that may do so alone, -1 for none; `inside` gives a point inside all.
    """
    if implied([rows[k] for k in held if k >= 0], rows[i]):
        return None
    found = least([*rows[:i], *rows[i + 1 :]], rows[i], inside(), stop=Fraction(0))
    return found if found.value < 0 else None


def interior(rows: Sequence[Row], d: int) -> tuple[int, Point]:
    """Whether all slacks are positive somewhere: 1 and such a point; 0 if some vanish there; -1 if some are negative.

    The least slack, relative to the size of its row, is made as large as can be, but no larger than one.
    """
    own = [row for row in rows if any(row[:d])]
    if any(row[d] < 0 for row in rows if not any(row[:d])):
        return -1, [Fraction(0)] * d
    sizes = [sum(abs(a) for a in row[:d]) for row in own]
    lifted = [(*row[:d], -size, row[d]) for row, size in zip(own, sizes, strict=True)]
    lifted.append((*([0] * d), -1, 1))
    lowest = min((Fraction(row[d], size) for row, size in zip(own, sizes, strict=True)), default=Fraction(0))
    start = [Fraction(0)] * d + [min(lowest, Fraction(0)) - 1]
    found = least(lifted, [0] * d + [-1, 0], start)
    height = -found.value
    return (height > 0) - (height < 0), found.point[:d]


def inside_or_interior(rows: Sequence[Row], inside: Point | None, d: int) -> Point:
    """The point if all slacks are positive there, or else another one; there has to be one."""
    if inside is not None and is_inside(rows, inside):
        return inside
    return interior(rows, d)[1]


def floats_inside(rows: Sequence[Row], inside: Point) -> NDArray[np.float64] | None:
    """Floats where all slacks are positive, near to a rational point where they are; None if none are found.

    Those nearest to it, or next to these, if they will do. Else one coordinate after the other is put where its binary
    representation is shortest, of all places that leave some for the others, or if none of these has a float, at some
    of the others.
    """
    near = as_floats(inside).tolist()
    if all(map(math.isfinite, near)):
        steps = (0, 1, -1) if len(near) <= 4 else (0,)
        for some in product(*([v + k * math.ulp(v) for k in steps] for v in near)):
            if is_inside(rows, list(map(Fraction, some))):
                return np.array(some)
    found = next(_dyadic_points(rows, inside, iter(range(_MOST_PLACES)), _FIRST_PLACES), None)
    return None if found is None else as_floats(found)


def _dyadic_points(rows: Sequence[Row], inside: Point, tries: Iterator[int], n_places: int) -> Iterator[Point]:
    """Floats inside, with several places for the first coordinate, and for each of them fewer for the next."""
    d = len(inside)
    if next(tries, None) is None:
        return
    ends = [least(rows, [sign] + [0] * d, inside) for sign in (1, -1)]
    low, high = (None if end.direction else sign * end.value for end, sign in zip(ends, (1, -1), strict=True))
    for place in _places(low, high, inside[0], n_places):
        shifted = [(row[1:-1], row[0] * place + row[-1]) for row in rows]
        rest = [(*(a * c.denominator for a in own), c.numerator) for own, c in shifted]
        if d == 1:
            yield [place]
        else:
            yield from (
                [place, *own] for own in _dyadic_points(rest, interior(rest, d - 1)[1], tries, max(n_places // 4, 3))
            )


def _places(low: Fraction | None, high: Fraction | None, inside: Fraction, n: int) -> Iterator[Fraction]:
    """Floats strictly between two numbers: that of shortest representation, some near to `inside`, some others."""
    first = shortest(low, high)
    if first is None:
        return
    near = as_float(inside)
    some = [as_float(first), *(near + k * math.ulp(near) for k in sorted(range(-n // 4, n // 4 + 1), key=abs))]
    if low is not None and high is not None:
        some += [as_float(low + (high - low) * Fraction(k, n)) for k in range(1, n)]
    places = map(Fraction, filter(math.isfinite, dict.fromkeys(some)))
    yield from (p for p in places if (low is None or low < p) and (high is None or p < high))


def shortest(low: Fraction | None, high: Fraction | None) -> Fraction | None:
    """The float of shortest binary representation strictly between two numbers; None stands for no end, or no float."""
    if (low is None or low < 0) and (high is None or high > 0):
        return Fraction(0)
    if high is None or (low is not None and low >= 0):
        assert low is not None
        high = min(2 * low + 1 if high is None else high, _BEYOND)
        top = math.frexp(as_float(high))[1] if high < _BEYOND else 1024
        for exponent in range(top, max(top - 54, -1075), -1):
            unit = Fraction(2) ** exponent
            place = (math.ceil(high / unit) - 1) * unit
            if low < place:
                near = as_float(place)
                return place if math.isfinite(near) and Fraction(near) == place else None
        return None
    mirrored = shortest(-high, None if low is None else -low)
    return None if mirrored is None else -mirrored


def quotient(value: Fraction) -> flint.fmpq:
    """Return the same number as python-flint has it."""
    return flint.fmpq(value.numerator, value.denominator)


def _fraction(value: flint.fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def _result(table: list[list[flint.fmpq]], d: int, multipliers: dict[int, Fraction]) -> Least:
    return Least(_fraction(table[-1][d]), [_fraction(table[c][d]) for c in range(d)], multipliers)


def _entering(height: list[flint.fmpq], nonbasic: list[int], d: int, *, first: bool) -> int:
    free = [j for j in range(d) if nonbasic[j] == _FREE and height[j] != 0]
    if free:
        return max(free, key=lambda j: abs(height[j]))
    down = [j for j in range(d) if nonbasic[j] != _FREE and height[j] < 0]
    if not down:
        return -1
    return min(down, key=lambda j: nonbasic[j] if first else height[j])


def _leaving(table: list[list[flint.fmpq]], basic: list[int], sign: int, j: int, d: int) -> int:
    leaving, length = -1, None
    for i in range(d, len(table) - 1):
        slope = table[i][j]
        if (slope < 0) if sign > 0 else (slope > 0):
            reach = abs(table[i][d] / slope)
            if length is None or reach < length or (reach == length and basic[i] < basic[leaving]):
                leaving, length = i, reach
    return leaving


def _exchange(table: list[list[flint.fmpq]], basic: list[int], nonbasic: list[int], i: int, j: int) -> None:
    inverse = 1 / table[i][j]
    pivot = [-v * inverse for v in table[i]]
    pivot[j] = inverse
    entering, nonbasic[j] = nonbasic[j], basic[i]
    if entering == _FREE:
        del table[i], basic[i]
    else:
        basic[i] = entering
        table[i] = [flint.fmpq(int(k == j)) for k in range(len(pivot))]
    for row in table:
        factor = row[j]
        if factor != 0:
            row[j] = flint.fmpq(0)
            row[:] = [v + factor * p if p != 0 else v for v, p in zip(row, pivot, strict=True)]
