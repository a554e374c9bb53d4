"""The corners of a polygon given by inequalities, in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from sys import float_info

from linear_regions.errors import invalid

Point = tuple[Fraction, Fraction]
HalfPlane = tuple[Fraction, Fraction, Fraction]  # a_1 t_1 + a_2 t_2 <= b


def _side(own: HalfPlane, others: list[HalfPlane]) -> tuple[Point, Point] | None:
    """The part of a half-plane's border within the others, counter-clockwise; None if it is no segment."""
    a1, a2, b = own
    square = a1 * a1 + a2 * a2
    base = (a1 * b / square, a2 * b / square)
    along = (-a2, a1)
    low: Fraction | None = None
    high: Fraction | None = None
    for c1, c2, e in others:
        slope = c1 * along[0] + c2 * along[1]
        room = e - c1 * base[0] - c2 * base[1]
        if slope > 0:
            high = room / slope if high is None else min(high, room / slope)
        elif slope < 0:
            low = room / slope if low is None else max(low, room / slope)
        elif room < 0:
            return None
    if (low is not None and high is not None) and low >= high:
        return None
    if low is None or high is None:
        raise invalid("Polytope(A, b)", "be bounded", "an unbounded set")
    return (
        (base[0] + low * along[0], base[1] + low * along[1]),
        (base[0] + high * along[0], base[1] + high * along[1]),
    )


def polygon(half_planes: list[HalfPlane]) -> tuple[list[Point], list[HalfPlane]]:
    """Corners counter-clockwise, and the half-plane on whose border each one's side to the next corner lies.

    Raises
    ------
    InvalidInput
        If the set is empty, flat or unbounded.

    Notes
    -----
    Exact; O(m^2) for m inequalities.
    """
    proper = [h for h in half_planes if h[0] or h[1]]
    if any(h[2] < 0 for h in half_planes if not (h[0] or h[1])):
        raise invalid("Polytope(A, b)", "have interior points", "an inequality 0 <= b that never holds")
    if not proper:
        raise invalid("Polytope(A, b)", "be bounded", "the whole plane")
    following: dict[Point, tuple[Point, HalfPlane]] = {}
    for own in proper:
        side = _side(own, [h for h in proper if h is not own])
        if side is not None:
            following.setdefault(side[0], (side[1], own))
    if len(following) < 3:
        raise invalid("Polytope(A, b)", "have interior points", "an empty or flat set")
    start = min(following)
    corners, sides = [start], [following[start][1]]
    while (point := following[corners[-1]][0]) != start:
        corners.append(point)
        sides.append(following[point][1])
    if any(abs(c) > float_info.max for corner in corners for c in corner):
        raise invalid("Polytope(A, b)", "have corners within the range of float64", "corners beyond it")
    return corners, sides
