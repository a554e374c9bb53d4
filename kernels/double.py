"""Affine maps of single cells to about 100 bits, as unevaluated sums high + low of two floats.

Used for the signs that float64 does not prove. Products are split without error by a fused multiply-add, sums by
Knuth's two-sum; a dot product of length n then errs by less than (n + 8) 2^-100 |w| |h| (Ogita, Rump and Oishi 2005,
Dot2, with room to spare).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar
from .instructions import fma

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

UNIT = 2.0**-100


@scalar
def two_sum(a: float, b: float) -> tuple[float, float]:
    """The float nearest to a + b, and what is left."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@loop
def double_affine(
    weight_t: Floats, bias: Floats, high: Floats, low: Floats, out_high: Floats, out_low: Floats, total: Floats,
    rest: Floats,
) -> None:  # fmt: skip
    """Columns (A | b) after an affine map: weight @ columns, and the bias added to the last one.

    `total` and `rest` are memory of shape (columns, n), where a column's entries lie side by side.
    """
    n = weight_t.shape[1]
    columns = high.shape[1]
    for c in range(columns):
        for i in range(n):
            total[c, i] = bias[i] if c == columns - 1 else 0.0
            rest[c, i] = 0.0
    for k in range(weight_t.shape[0]):
        for c in range(columns):
            h = high[k, c]
            r = low[k, c]
            if h == 0.0:
                continue
            for i in range(n):
                w = weight_t[k, i]
                p = w * h
                e = fma(w, h, -p)
                a = total[c, i]
                s = a + p
                t = s - a
                total[c, i] = s
                rest[c, i] += ((a - (s - t)) + (p - t)) + (e + w * r)
    for i in range(n):
        for c in range(columns):
            s, e = two_sum(total[c, i], rest[c, i])
            out_high[i, c] = s
            out_low[i, c] = e


@loop
def double_activate(
    start: Ints, piece: Ints, slope: Floats, slope_low: Floats, intercept: Floats, intercept_low: Floats,
    words: Words, high: Floats, low: Floats, out_high: Floats, out_low: Floats,
) -> None:  # fmt: skip
    """Columns after the units, each on the piece that the packed signs of the cell name."""
    columns = high.shape[1]
    for i in range(start.shape[0] - 1):
        p = piece[i]
        for k in range(start[i], start[i + 1]):
            if (words[k >> 6] >> np.uint64(k & 63)) & np.uint64(1):
                p += 1
        for c in range(columns):
            if slope[p] == 1.0 and slope_low[p] == 0.0:
                h, r = high[i, c], low[i, c]
            elif slope[p] == 0.0:
                h, r = 0.0, 0.0
            else:
                h = slope[p] * high[i, c]
                e = fma(slope[p], high[i, c], -h)
                h, r = two_sum(h, e + (slope[p] * low[i, c] + slope_low[p] * high[i, c]))
            if c == columns - 1:
                h, e = two_sum(h, intercept[p])
                h, r = two_sum(h, r + e + intercept_low[p])
            out_high[i, c] = h
            out_low[i, c] = r


@loop
def double_signs(
    high: Floats, low: Floats, error: float, neuron: Ints, threshold: Floats, point: Floats, point_error: float,
    sign: Ints,
) -> None:  # fmt: skip
    """Signs of rows less thresholds at a point, 0 where they are not proven.

    Rows high + low with an error of any entry; the point in homogeneous coordinates, point[0] + point[1], the last one
    positive, with an error of any coordinate. Products are split without error; what is dropped is below 2^-98 of the
    sum of all products' sizes.
    """
    n = high.shape[1]
    reach = 0.0
    for c in range(n):
        reach += abs(point[0, c])
    for j in range(neuron.shape[0]):
        i = neuron[j]
        total, rest, size, steep = 0.0, 0.0, 0.0, 0.0
        for c in range(n):
            p = high[i, c] * point[0, c]
            rest += fma(high[i, c], point[0, c], -p) + (high[i, c] * point[1, c] + low[i, c] * point[0, c])
            total, e = two_sum(total, p)
            rest += e
            size += abs(p)
            steep += abs(high[i, c])
        p = -threshold[j] * point[0, n - 1]
        rest += fma(-threshold[j], point[0, n - 1], -p) - threshold[j] * point[1, n - 1]
        total, e = two_sum(total, p)
        rest += e
        size += abs(p)
        steep += abs(threshold[j])
        value = total + rest
        bound = error * (reach + n * point_error) + point_error * steep * 1.001 + size * 2.0**-98 + 1e-280
        sign[j] = 0
        if value > bound * 1.001:
            sign[j] = 1
        elif value < -bound * 1.001:
            sign[j] = -1
