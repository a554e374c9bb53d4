"""Corners and facets of a polytope: which lie on which, the cycle of a polygon, the volume. All is exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import factorial, lcm, prod
from operator import add

import flint
import numpy as np
from numpy.typing import NDArray

Integers = tuple[int, ...]
Point = tuple[Fraction, ...]
Plane = tuple[Fraction, ...]  # the row (a, c) of a facet: a.t + c = 0 there


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
    """The sum of simplices: pyramids over the facets, down to points."""
    d = len(corners[0])
    points = [whole((*corner, Fraction(1))) for corner in corners]
    sides = [as_bits(tight) for tight in incidence(corners, facets).T]
    terms = []
    for simplex in _simplices((1 << len(corners)) - 1, d, sides):
        own = [points[i] for i in simplex]
        terms.append(flint.fmpq(abs(flint.fmpz_mat([list(p) for p in own]).det()), prod(p[-1] for p in own)))
    while len(terms) > 1:  # denominators grow with each sum: add what is of one size
        terms = [*map(add, terms[::2], terms[1::2]), *terms[len(terms) & ~1 :]]
    return Fraction(int(terms[0].p), int(terms[0].q) * factorial(d))


def _simplices(face: int, d: int, sides: Sequence[int]) -> Iterator[list[int]]:
    """Corners of simplices that make up a d-dimensional face, which its intersections with `sides` bound.

    Each is the first corner of the face with a simplex of a side that does not have it.
    """
    if face.bit_count() == d + 1:
        yield list(ones(face))
        return
    common = list({face & side for side in sides} - {face})
    own = [common[i] for i in maximal(common)]
    first = face & -face
    for side in own:
        if not side & first:
            for simplex in _simplices(side, d - 1, own):
                yield [first.bit_length() - 1, *simplex]


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
