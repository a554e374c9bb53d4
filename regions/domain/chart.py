"""What the engines take of a domain: exact charts x = origin + basis @ t, and the floats to start from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

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
    """The exact map x = origin + basis @ t."""

    origin: Rational  # (n_0,)
    basis: list[Rational]  # (n_0, d)


@dataclass(frozen=True)
class PlaneChart:
    """A convex polygon in t and its map into input space."""

    corners: list[tuple[Fraction, Fraction]]  # counter-clockwise
    facets: list[tuple[Fraction, ...]]  # rows (a_1, a_2, c) with a.t + c = 0 on the side from corner i to corner i + 1
    chart: AffineChart
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
    charts: list[AffineChart]  # of the k - 1 intervals
    facets: list[tuple[Fraction, ...]]  # rows (a, c) with a t + c = 0, by label


"""Rows (0, 1) and (0, -1) stand for the ends at minus and plus infinity."""


def exact(values: Floats) -> Rational:
    """Floats as the rational numbers they are."""
    return [Fraction(v) for v in values.tolist()]


def identity_chart(d: int) -> AffineChart:
    """The chart x = t."""
    return AffineChart([Fraction(0)] * d, [[Fraction(int(i == j)) for j in range(d)] for i in range(d)])
