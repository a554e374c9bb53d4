"""Corners and facets of bounded sets A t <= b: the double description method, in integers.

The set is where w = 1 in the cone of all (t, w) with b w - A t >= 0 and w >= 0. As many independent rows as there are
coordinates make a cone with as many extreme rays; each further row cuts off the rays on its negative side, and makes
one on each two-dimensional face that it crosses. Two rays span such a face if no third one lies on all rows that they
have in common. Which rays lie on which rows is kept as bits of integers, by rays and by rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from math import gcd
from operator import and_, mul
from sys import float_info

import flint

from linear_regions.errors import InvalidInput, invalid

from .faces import Integers, Plane, Point, as_bits, maximal, ones, transposed, whole

Ray = tuple[Integers, int]  # a primitive vector, and the rows that vanish there as bits

MOST_RAYS = 1 << 16  # held at any time: a polytope may come from a file that is not trusted


def polyhedron(rows: Sequence[Plane]) -> tuple[list[Point], list[Plane]]:
    """Corners and facets of the set of all t with a.t + c <= 0 for each row (a, c).

    Corners are sorted; facets are rows as they were given, in their order, the first of those that say the same.

    Raises
    ------
    InvalidInput
        If the set is empty, flat or unbounded, or if there are too many corners.
    """
    end = (*(0 for _ in rows[0][1:]), 1)  # w >= 0
    given: dict[Integers, Plane] = {}
    for row in rows:
        if any(row[:-1]):
            given.setdefault(_primitive([-v for v in whole(row)]), row)
        elif row[-1] > 0:
            raise _inside("an inequality 0 <= b that never holds")
    ordered = [end, *sorted(given)]
    columns = _pivots(ordered)  # if not all: the set is the same along some lines, and these are coordinates across
    rays = extreme_rays([tuple(row[c] for c in columns) for row in ordered])
    if not any(ray[-1] for ray, _ in rays):
        raise _inside("an empty set")
    if len(columns) < len(end):
        along, _ = flint.fmpz_mat([list(row) for row in ordered]).nullspace()
        raise _unbounded("line", [int(along[i, 0]) for i in range(len(end) - 1)])
    for *direction, w in (ray for ray, _ in rays):
        if not w:
            raise _unbounded("ray", direction)
    if reduce(and_, (mask for _, mask in rays)):
        raise _inside("a flat set")
    largest = {ordered[i] for i in maximal(transposed([mask for _, mask in rays]))}
    return sorted(map(corner_of, (ray for ray, _ in rays))), [row for key, row in given.items() if key in largest]


def extreme_rays(rows: Sequence[Integers]) -> list[Ray]:
    """The extreme rays of the cone where no row is negative; as many rows as there are columns are independent."""
    first = _pivots(list(zip(*rows, strict=True)))
    inverse = flint.fmpz_mat([list(rows[i]) for i in first]).inv().tolist()
    everywhere = sum(1 << i for i in first)
    rays = []
    for i, column in zip(first, zip(*inverse, strict=True), strict=True):
        ray = _primitive(whole([Fraction(int(v.p), int(v.q)) for v in column]))
        rays.append((ray, everywhere ^ 1 << i))
    for i in sorted(set(range(len(rows))).difference(first)):
        rays = _cut(rays, rows[i], i)
    return rays


def _cut(rays: list[Ray], row: Integers, number: int) -> list[Ray]:
    """The extreme rays of a cone where one more row is not negative."""
    values = [sum(map(mul, row, ray)) for ray, _ in rays]
    result = [(ray, mask | (not v) << number) for (ray, mask), v in zip(rays, values, strict=True) if v >= 0]
    if len(result) == len(rays):
        return result
    on = transposed([mask for _, mask in rays])
    above = as_bits([v > 0 for v in values])
    for (low, mask), below in zip(rays, values, strict=True):
        if below >= 0:
            continue
        for i in ones(_sharing([on[k] for k in ones(mask)], above, len(row) - 2)):
            high, common = rays[i][0], mask & rays[i][1]
            if reduce(and_, (on[k] for k in ones(common)), (1 << len(rays)) - 1).bit_count() == 2:
                new = _primitive([values[i] * a - below * b for a, b in zip(low, high, strict=True)])
                result.append((new, common | 1 << number))
        if len(result) > MOST_RAYS:
            raise invalid("Polytope(A, b)", f"have at most {MOST_RAYS:,} corners at every step of finding them", "more")
    return result


def _sharing(on: Sequence[int], rays: int, least: int) -> int:
    """Those of the rays that lie on `least` rows or more."""
    counts = [rays, *(0 for _ in range(least))]  # those known to lie on 0, 1, ... rows
    for own in on:
        for k in range(least, 0, -1):
            counts[k] |= counts[k - 1] & own
    return counts[least]


def _primitive(row: Sequence[int]) -> Integers:
    common = gcd(*row)
    return tuple(v // common for v in row)


def _pivots(rows: Sequence[Integers]) -> list[int]:
    """The columns that do not depend on those before them."""
    echelon, _, rank = flint.fmpz_mat([list(row) for row in rows]).rref()
    return [next(c for c, v in enumerate(row) if v != 0) for row in echelon.tolist()[:rank]]


def corner_of(ray: Integers) -> Point:
    """A corner from its homogeneous coordinates, the last of which is positive."""
    corner = tuple(Fraction(v, ray[-1]) for v in ray[:-1])
    if any(abs(v) > float_info.max for v in corner):
        raise invalid("Polytope(A, b)", "have corners within the range of float64", "corners beyond it")
    return corner


def _inside(received: str) -> InvalidInput:
    return invalid("Polytope(A, b)", "have interior points", received)


def _unbounded(what: str, direction: Sequence[int]) -> InvalidInput:
    size = max(map(abs, direction))
    shown = ", ".join(f"{v / size:.6g}" for v in direction)
    return invalid("Polytope(A, b)", "be bounded", f"an unbounded set, which holds a whole {what} along [{shown}]")
