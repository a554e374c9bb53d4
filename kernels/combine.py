"""Loops over whole rows, each a function of its own: only then does the compiler turn them into vector instructions."""

from __future__ import annotations

import numpy as np

from ._jit import scalar
from .bounds import SQUARES_VANISH
from .instructions import add
from .mesh import Floats, Ints, Words


@scalar
def distances(z: Floats, a: int, b: int) -> tuple[float, float]:
    """Sums of the second and the fourth powers of z[b] - z[a]."""
    square = 0.0
    fourth = 0.0
    for i in range(z.shape[1]):
        d = z[b, i] - z[a, i]
        d *= d
        square = add(square, d)
        fourth = add(fourth, d * d)
    return square, fourth


@scalar
def length_of(square: float, sizes: float) -> float:
    """An upper bound of a length, but for rounding: by its squares, or by sizes where floats hold no squares."""
    return np.sqrt(square) if SQUARES_VANISH < square < np.inf else sizes


@scalar
def blend(row: Floats, v: int, a: int, b: int, ca: float, cb: float) -> None:
    """row[v] = ca row[a] + cb row[b]."""
    for q in range(row.shape[1]):
        row[v, q] = ca * row[a, q] + cb * row[b, q]


@scalar
def _blend_one(row: Floats, v: int, a: int, b: int, ca: float, cb: float, w: Floats, i: int, c: float) -> None:
    for q in range(row.shape[1]):
        row[v, q] = (ca * row[a, q] + cb * row[b, q]) - c * w[i, q]


@scalar
def subtract(row: Floats, v: int, w: Floats, i: int, c: float) -> None:
    """row[v] -= c w[i]."""
    for q in range(row.shape[1]):
        row[v, q] -= c * w[i, q]


@scalar
def _subtract_three(row: Floats, v: int, w: Floats, i: int, j: int, k: int, ci: float, cj: float, ck: float) -> None:
    for q in range(row.shape[1]):
        row[v, q] -= (ci * w[i, q] + cj * w[j, q]) + ck * w[k, q]


@scalar
def subtract_kinks(
    row: Floats, v: int, a: int, b: int, ca: float, cb: float, w: Floats, unit: Ints, change: Floats, kinks: int
) -> None:
    """row[v] = ca row[a] + cb row[b] - sum of change[p] w[unit[p]] over the kinks, of which there is at least one."""
    _blend_one(row, v, a, b, ca, cb, w, unit[0], change[0])
    p = 1
    while p + 2 < kinks:
        _subtract_three(row, v, w, unit[p], unit[p + 1], unit[p + 2], change[p], change[p + 1], change[p + 2])
        p += 3
    while p < kinks:
        subtract(row, v, w, unit[p], change[p])
        p += 1


@scalar
def copy_row(source: Floats, a: int, target: Floats, b: int) -> None:
    """target[b] = source[a]."""
    for q in range(source.shape[1]):
        target[b, q] = source[a, q]


@scalar
def squares(row: Floats, v: int, n: int) -> float:
    """Sum of the squares of the first n entries of row[v], for a bound."""
    total = 0.0
    for q in range(n):
        total = add(total, row[v, q] * row[v, q])
    return total


@scalar
def take(row: Floats, a: int, columns: Ints, start: int, out: Floats, b: int) -> None:
    """out[b, start:] = row[a, columns]."""
    for q in range(columns.shape[0]):
        out[b, start + q] = row[a, columns[q]]


@scalar
def rectify(row: Floats, positive: Words, v: int, neurons: Words, out: Floats) -> None:
    """The first entries of out[v] become row[v, neurons] where the signs are positive, else 0.

    Unsigned numbers of neurons save the test for negative ones.
    """
    for q in range(neurons.shape[0]):
        i = neurons[q]
        bit = (positive[v, i >> np.uint64(6)] >> (i & np.uint64(63))) & np.uint64(1)
        out[v, q] = row[v, i] if bit else 0.0
