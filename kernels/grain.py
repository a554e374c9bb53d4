"""Floating-point operations that round nothing: how to recognise them.

The grain of a float is the exponent of its lowest binary digit that is one. Sums of multiples of 2^g stay exact while
they are below 2^(53 + g).
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import loop, scalar
from .mesh import Floats


@scalar
def grain(x: float) -> float:
    """The exponent of the lowest one among the binary digits of x if that is negative, else 0."""
    if x == 0.0:
        return 0.0
    mantissa, exponent = math.frexp(x)
    whole = np.int64(mantissa * 2.0**53)
    return min(0.0, math.frexp(float(whole & -whole))[1] - 1.0 + exponent - 53.0)


@scalar
def is_product(a: float, b: float, c: float) -> bool:
    """Whether a * b = c without rounding (Dekker 1971)."""
    t = 134217729.0 * a
    a1 = t - (t - a)
    a2 = a - a1
    t = 134217729.0 * b
    b1 = t - (t - b)
    b2 = b - b1
    return a * b == c and ((a1 * b1 - c) + a1 * b2 + a2 * b1) + a2 * b2 == 0.0


@scalar
def is_sum(a: float, b: float, c: float) -> bool:
    """Whether a + b = c without rounding (Knuth)."""
    t = c - a
    return (a - (c - t)) + (b - t) == 0.0


@loop
def row_grains(values: Floats, lowest: Floats, out: Floats) -> None:
    """The grain of each row: that of its finest entry, at most 0; -inf if it is below `lowest`."""
    for v in range(values.shape[0]):
        finest = 0.0
        for q in range(values.shape[1]):
            finest = min(finest, grain(values[v, q]))
            if finest < lowest[v]:
                finest = -np.inf
                break
        out[v] = finest
