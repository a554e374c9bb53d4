"""What the engines take of a domain: exact charts x = origin + basis @ t, and the floats to start from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rational = list[Fraction]

# Labels of the vertices of a chain that no neuron made; facet i of the domain has label -1 - i.
LOWER_END = -1
UPPER_END = -2
INNER_CORNER = -3  # and below: numbered on


@dataclass(frozen=True)
class AffineChart:
    """The exact map x = origin + basis @ t; rational numbers are made at first use, few calls need them."""

    floats: tuple[Floats, Floats]  # origin (n_0,) and basis (n_0, d)

    @property
    def dim(self) -> int:
        """Number of slice coordinates."""
        return int(self.floats[1].shape[1])

    @cached_property
    def origin(self) -> Rational:
        """(n_0,)."""
        return exact(self.floats[0])

    @cached_property
    def basis(self) -> list[Rational]:
        """(n_0, d)."""
        return [exact(row) for row in self.floats[1]]


@dataclass(frozen=True)
class PieceChart(AffineChart):
    """The map of one piece of a chain, x = start + (t - number) (end - start) with floats = (start, end)."""

    number: int

    @property
    def dim(self) -> int:
        """One."""
        return 1

    @cached_property
    def origin(self) -> Rational:
        """(n_0,)."""
        return [a - self.number * step for a, (step,) in zip(exact(self.floats[0]), self.basis, strict=True)]

    @cached_property
    def basis(self) -> list[Rational]:
        """(n_0, 1)."""
        return [[b - a] for a, b in zip(*map(exact, self.floats), strict=True)]


@dataclass(frozen=True)
class PlaneChart:
    """A convex polygon in t and its map into input space."""

    corners: list[tuple[Fraction, Fraction]]  # counter-clockwise
    facets: list[tuple[Fraction, ...]]  # rows (a_1, a_2, c) with a.t + c = 0 on the side from corner i to corner i + 1
    charts: list[AffineChart]  # one
    points: Floats  # (k, 2) corners, rounded
    error: Floats  # (k,) of the rounding, Euclidean
    inputs: Floats  # (k, n_0) images of `points`
    inputs_error: Floats  # (k,) 2-norm of their rounding
    stretch: float  # upper bound of |basis|_2


@dataclass(frozen=True)
class LineChart:
    """A chain of segments or rays and its map into input space."""

    t: Floats  # (k,) parameters, exact; may be infinite at the ends
    inputs: Floats  # (k, n_0) their images, or directions where t is infinite
    inputs_error: Floats  # (k,)
    weight: Floats  # (k,) 1, or 0 for a direction
    label: NDArray[np.int32]  # (k,)
    charts: list[AffineChart]  # of the k - 1 intervals; equal neighbours are one object
    facets: list[tuple[Fraction, ...]]  # rows (a, c) with a t + c = 0, by label; (0, 1) and (0, -1): the ends of a line


def exact(values: Floats) -> Rational:
    """Floats as the rational numbers they are."""
    return [Fraction(v) for v in values.tolist()]


def identity_chart(d: int) -> AffineChart:
    """The chart x = t."""
    return AffineChart((np.zeros(d), np.eye(d)))
