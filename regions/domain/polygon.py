"""Corners and sides of bounded sets A t <= b in the plane, in the order of the directions of their sides: n log n."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import gcd

import flint

from .faces import Integers, Plane, Point, counter_clockwise, fraction, sum_of, whole
from .polyhedron import corner_of, polyhedron

Side = tuple[Integers, Plane]  # in integers, and as it was given


def polygon(rows: Sequence[Plane]) -> tuple[list[Point], list[Plane]]:
    """Corners, counter-clockwise from the least one on, and the sides that start there, as in `polyhedron`.

    Raises
    ------
    InvalidInput
        As there.
    """
    tightest: dict[Integers, tuple[Fraction, Side]] = {}
    for row in rows:
        a, b, c = own = whole(row)
        if common := gcd(a, b):
            end, key = Fraction(c, common), (a // common, b // common)
            if key not in tightest or end > tightest[key][0]:
                tightest[key] = end, (own, row)
        elif c > 0:
            polyhedron([row])  # never holds, as this says
    sides = [tightest[key][1] for key in sorted(tightest, key=_angle)]
    for i, (side, _) in enumerate(sides):
        if _turn(sides[i - 1][0], side) <= 0:  # half of all directions or more: which is all that the others tell
            polyhedron([row for _, row in {sides[i - 1], sides[i], sides[i + 1 - len(sides)]}])
    kept = _walk(sides)
    if not _is_proven(kept, sides):
        return counter_clockwise(*polyhedron(rows))  # which says what is wrong
    corners = [corner_of(_crossing(kept[i - 1][0], side)) for i, (side, _) in enumerate(kept)]
    first = corners.index(min(corners))
    return corners[first:] + corners[:first], [row for _, row in kept[first:] + kept[:first]]


def _angle(direction: Integers) -> tuple[bool, bool, Fraction]:
    """By which directions are in order."""
    a, b = direction
    return b < 0 or (b == 0 and a < 0), b != 0, Fraction(-a, b) if b else Fraction(0)


def _turn(first: Integers, second: Integers) -> int:
    """Positive where the second row's direction is less than half a turn ahead."""
    return first[0] * second[1] - first[1] * second[0]


def _crossing(p: Integers, q: Integers) -> Integers:
    """Where two rows vanish, in homogeneous coordinates, the last of which is their `_turn`."""
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], _turn(p, q)


def _height(row: Integers, point: Integers) -> int:
    return row[0] * point[0] + row[1] * point[1] + row[2] * point[2]


def _walk(sides: Sequence[Side]) -> list[Side]:
    """The sides of the set, if it has interior points: each new one cuts off corners at both ends of the chain."""
    chain, corners = deque(sides[:1]), deque[Integers]()
    for new in sides[1:]:
        while corners and _height(new[0], corners[-1]) >= 0:
            corners.pop()
            chain.pop()
        while corners and _height(new[0], corners[0]) >= 0:
            corners.popleft()
            chain.popleft()
        if _turn(chain[-1][0], new[0]) <= 0:
            return []
        corners.append(_crossing(chain[-1][0], new[0]))
        chain.append(new)
    while corners and _height(chain[0][0], corners[-1]) >= 0:
        corners.pop()
        chain.pop()
    while corners and _height(chain[-1][0], corners[0]) >= 0:
        corners.popleft()
        chain.popleft()
    return list(chain)


def _is_proven(kept: Sequence[Side], sides: Sequence[Side]) -> bool:
    """Whether sides in order close up to a polygon, no corner of which another of the `sides` cuts off.

    Each runs forward from its corner with the one before to that with the next one. A row is largest at the corner
    between the two kept ones that its direction lies between.
    """
    if len(kept) < 3:
        return False
    for i, (side, _) in enumerate(kept):
        before, after = kept[i - 2][0], kept[i - 1][0]
        if _turn(before, after) <= 0 or _height(side, _crossing(before, after)) >= 0:
            return False
    place, last = 0, _crossing(kept[-1][0], kept[0][0])
    for own in sides:
        if place < len(kept) and own is kept[place]:
            place += 1
            last = _crossing(kept[place - 1][0], kept[place % len(kept)][0])
        elif _height(own[0], last) > 0:
            return False
    return place == len(kept)


def area(corners: Sequence[Point]) -> Fraction:
    """Of a polygon with these corners, counter-clockwise: the sum of triangles with the origin."""
    points = [whole((*corner, Fraction(1))) for corner in corners]
    twice = sum_of([flint.fmpq(_turn(p, q), p[2] * q[2]) for p, q in pairwise([*points, points[0]])])
    return fraction(twice / 2)
