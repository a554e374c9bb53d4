"""Floating-point operations that round nothing: how to recognise them.

A float is called exact only where one of these functions has seen the operation that made it; whatever else is made by
a rounding operation has an error bound above zero. The grain of a float is the exponent of its lowest binary digit that
is one. Sums of multiples of 2^g stay exact while they are below 2^(53 + g).
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


# What is left of a product above this is a multiple of the smallest float.
_WHOLE = 2.0**-960


@scalar
def is_product(a: float, b: float, c: float) -> bool:
    """Whether a * b = c without rounding (Dekker 1971); false where underflow or overflow leaves it open."""
    if a == 0.0 or b == 0.0:
        return c == 0.0
    if not abs(c) >= _WHOLE:
        return False
    t = 134217729.0 * a
    a1 = t - (t - a)
    a2 = a - a1
    t = 134217729.0 * b
    b1 = t - (t - b)
    b2 = b - b1
    return a * b == c and ((a1 * b1 - c) + a1 * b2 + a2 * b1) + a2 * b2 == 0.0


@scalar
def is_sum(a: float, b: float, c: float) -> bool:
    """Whether a + b = c without rounding (Knuth); sums do not underflow."""
    t = c - a
    return a + b == c and (a - (c - t)) + (b - t) == 0.0


@scalar
def is_zero_between(za: float, zb: float, key: float) -> bool:
    """Whether a function with the values za and zb at 0 and 1 vanishes at key = za / (za - zb) itself."""
    return is_sum(za, -zb, za - zb) and is_product(key, za - zb, za)


@scalar
def is_point_between(ta: float, tb: float, key: float, t: float) -> bool:
    """Whether t = ta + key (tb - ta) without rounding."""
    span = tb - ta
    return is_sum(tb, -ta, span) and is_product(key, span, key * span) and is_sum(ta, key * span, t)


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
