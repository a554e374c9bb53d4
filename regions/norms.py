"""Euclidean lengths of vectors, and sums, whose squares or themselves may be beyond the range of floats."""

from __future__ import annotations

from math import fsum, inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels.bounds import SQUARES_VANISH

Floats = NDArray[np.float64]


def exponents(values: Floats) -> NDArray[np.int32]:
    """(...) of a power of two just above the largest of absolute values (..., n); 0 where that is 0 or not finite."""
    largest = np.abs(values).max(axis=-1, initial=0.0)
    shift: NDArray[np.int32] = np.frexp(np.where(largest < inf, largest, 0.0))[1]
    return shift


def norms(vectors: Floats) -> Floats:
    """(...) lengths of vectors (..., d), whose squares may be beyond the range of floats."""
    with np.errstate(over="ignore", under="ignore"):
        squares: Floats = np.sum(vectors * vectors, axis=-1)
    if ((squares > SQUARES_VANISH) & (squares < inf)).all():
        return np.asarray(np.sqrt(squares))
    shift = exponents(vectors)
    half = shift >> 1  # of a power of two that may itself be beyond the range of floats
    scaled = vectors * np.ldexp(1.0, -half)[..., None] * np.ldexp(1.0, half - shift)[..., None]
    with np.errstate(over="ignore"):
        length: Floats = np.ldexp(np.sqrt(np.sum(scaled * scaled, axis=-1)), shift)
    return length


def total(values: Any) -> float:
    """The sum of numbers that are not negative, correctly rounded; infinite beyond the range of floats."""
    try:
        return fsum(values)
    except OverflowError:
        return inf
