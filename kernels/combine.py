"""Loops over whole rows, each a function of its own: only then does the compiler turn them into vector instructions."""

from __future__ import annotations

from ._jit import scalar
from .instructions import add
from .mesh import Floats, Ints


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
