"""Corners and facets of a polytope: which lie on which, the cycle of a polygon, the volume. All is exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import factorial, lcm, prod
from operator import add, mul

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid

Integers = tuple[int, ...]
Point = tuple[Fraction, ...]
Plane = tuple[Fraction, ...]  # the row (a, c) of a facet: a.t + c = 0 there

MOST_BITS = 1 << 25  # of the terms that a volume is summed up of, some ten seconds' work
MOST_FACES = 1 << 17  # likewise


def incidence(corners: Sequence[Point], facets: Sequence[Plane]) -> NDArray[np.bool_]:
    """Whether a corner lies on a facet, (corners, facets)."""
    points = flint.fmpz_mat([list(whole((*corner, Fraction(1)))) for corner in corners])
    planes = flint.fmpz_mat([list(whole(facet)) for facet in facets])
    return np.array([[v == 0 for v in row] for row in (points * planes.transpose()).tolist()])


def counter_clockwise(corners: list[Point], facets: list[Plane]) -> tuple[list[Point], list[Plane]]:
    """Corners of a polygon in order, from the least one on, and the sides that start there."""
    following = {}
    for side, tight in zip(facets, incidence(corners, facets).T, strict=True):
        start, end = sorted((corners[i] for i in np.flatnonzero(tight)), key=lambda t: side[0] * t[1] - side[1] * t[0])
        following[start] = (end, side)
    cycle, corner = [], min(following)
    for _ in corners:
        cycle.append(corner)
        corner = following[corner][0]
    return cycle, [following[corner][1] for corner in cycle]


def volume_of(corners: Sequence[Point], facets: Sequence[Plane]) -> Fraction:
    """The volume of a polytope: a sum over its corners if each lies on d facets alone, over its faces if not.

    Raises
    ------
    InvalidInput
        If that is more than some ten seconds' work.
    """
    points = [whole((*corner, Fraction(1))) for corner in corners]
    planes = [whole(facet) for facet in facets]
    tight = incidence(corners, facets)
    if (tight.sum(axis=1) == len(corners[0])).all():
        volume = _sum_over_corners(points, [[planes[i] for i in np.flatnonzero(own)] for own in tight])
    else:
        sides = {as_bits(own): i for i, own in enumerate(tight.T)}
        volume = _Pyramids(points, planes).volume((1 << len(corners)) - 1, {}, sides)
    return fraction(volume)


def _sum_over_corners(points: Sequence[Integers], planes: Sequence[Sequence[Integers]]) -> flint.fmpq:
    """The volume of a simple polytope from the planes that meet in each corner.

    For a row c = sum_i g_i a_i that is constant on no edge it is 1 / d! times the sum over the corners v of
    (c v)^d / (|det a| g_1 ... g_d) (Lawrence, Polytope volume computation, 1991).
    """
    d, ratio, terms = len(points[0]) - 1, 2, list[flint.fmpq]()
    while len(terms) < len(points):
        ratio, terms, bits = ratio + 1, [], 0
        goal = [ratio**i for i in range(d)]  # on an edge it is a polynomial of the ratio, with few zeros
        for point, own in zip(points, planes, strict=True):
            normals = flint.fmpz_mat([list(plane[:-1]) for plane in own])
            shares = normals.transpose().solve(flint.fmpz_mat([[v] for v in goal])).entries()
            if not all(shares):
                break
            height = flint.fmpq(sum(map(mul, goal, point)), point[-1])
            terms.append(height**d / (abs(normals.det()) * prod(shares, start=flint.fmpq(1))))
            if (bits := bits + terms[-1].height_bits()) > MOST_BITS:
                rule = f"have an exact volume whose terms, one for each corner, take at most {MOST_BITS:,} bits"
                raise invalid("Polytope(A, b)", rule, f"{len(points):,} corners")
    return sum_of(terms) / factorial(d)


class _Pyramids:
    """Volumes of faces as sums of pyramids from their first corner over their facets that do not have it.

    A face is projected along those coordinates that its equations allow to eliminate: the leading ones of all their
    combinations, which depend on the face alone. A facet of it has one more, so that a pyramid is a 1 / k of its height
    along that one times its base (Lasserre, An analytical expression and an algorithm for the volume of a convex
    polyhedron in R^n, 1983), and each face is measured once for all chains of faces that lead to it.
    """

    def __init__(self, points: Sequence[Integers], planes: Sequence[Integers]) -> None:
        self.points = points
        self.planes = planes
        self.known: dict[int, flint.fmpq] = {}

    def volume(self, face: int, equations: dict[int, list[flint.fmpq]], sides: Mapping[int, int]) -> flint.fmpq:
        """Of the projection of a face, a set of corners, that its intersections with `sides` bound.

        Equations are by their leading coordinates; sides by their corners, with the plane of each.
        """
        k = len(self.points[0]) - 1 - len(equations)
        if not k:
            return flint.fmpq(1)
        if face in self.known:
            return self.known[face]
        if len(self.known) == MOST_FACES:
            rule = f"have at most {MOST_FACES:,} faces for its exact volume, which is a sum over them"
            raise invalid("Polytope(A, b)", rule, "more")
        common = {face & side: i for side, i in sides.items() if face & ~side and (face & side).bit_count() >= k}
        parts = list(common)
        own = {parts[i]: common[parts[i]] for i in maximal(parts)}
        first = face & -face
        apex = self.points[first.bit_length() - 1]
        terms = []
        for part, plane in own.items():
            if not part & first:
                axis, row = _reduced(self.planes[plane], equations)
                height = abs(sum(map(mul, row, apex), flint.fmpq(0)))
                terms.append(height * self.volume(part, {**equations, axis: row}, own))
        self.known[face] = sum_of(terms) / (k * apex[-1])
        return self.known[face]


def _reduced(plane: Integers, equations: Mapping[int, list[flint.fmpq]]) -> tuple[int, list[flint.fmpq]]:
    """A row without the leading coordinates of equations, and with 1 at its own, which comes first."""
    row = [flint.fmpq(v) for v in plane]
    for axis in sorted(equations):
        if (factor := row[axis]) != 0:
            row = [v - factor * w for v, w in zip(row, equations[axis], strict=True)]
    axis = next(i for i, v in enumerate(row) if v != 0)
    return axis, [v / row[axis] for v in row]


def sum_of(terms: Sequence[flint.fmpq]) -> flint.fmpq:
    """Their sum: denominators grow, so that those of one size are added."""
    while len(terms) > 1:
        terms = [*map(add, terms[::2], terms[1::2]), *terms[len(terms) & ~1 :]]
    return terms[0]


def fraction(value: flint.fmpq) -> Fraction:
    """The same as a Fraction, without looking for common divisors again, which takes long for long ones."""
    result = Fraction()
    result._numerator, result._denominator = int(value.p), int(value.q)  # type: ignore[attr-defined]
    return result


def transposed(masks: Sequence[int]) -> list[int]:
    """For each bit the masks that have it, as bits."""
    size = -(-max(mask.bit_length() for mask in masks) // 8)
    raw = np.frombuffer(b"".join(mask.to_bytes(size, "little") for mask in masks), np.uint8)
    flags = np.unpackbits(raw.reshape(len(masks), size), axis=1, bitorder="little")
    return [as_bits(column) for column in flags.T]


def as_bits(flags: Sequence[bool] | NDArray[np.bool_ | np.uint8]) -> int:
    """Flags as the bits of one integer."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def ones(mask: int) -> Iterator[int]:
    """The bits of a mask, the lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def maximal(masks: Sequence[int]) -> list[int]:
    """Places of the masks that lie in no other one."""
    return [i for i, own in enumerate(masks) if not any(own & m == own for k, m in enumerate(masks) if k != i)]


def whole(row: Sequence[Fraction]) -> Integers:
    """A positive multiple of a row in integers."""
    common = lcm(*(v.denominator for v in row))
    return tuple(int(v * common) for v in row)
