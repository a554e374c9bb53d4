"""Chains of breakpoints on a line, and where the hyperplanes of one layer cross their intervals.

All crossings of an interval are placed by one parameter `key` that increases along it: the fraction of the way between
two finite ends; the distance from the left end if the right one is at infinity; minus the distance from the right end
if the left one is. Each key has a proven error, and crossings whose enclosures overlap are ordered by the caller,
exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import loop, scalar
from .bounds import ETAI, LEAST, SLACK, UNIT, WEIGHT, ZN
from .instructions import count_bits, lowest_bit
from .mesh import Cut, Flags, Floats, Index, Ints, Words
from .signs import opposite
from .unrounded import is_sum, is_zero_between


class Chain(NamedTuple):
    """Breakpoints in order; `linked[i]`: an interval leads from i to i + 1 (chains may lie one after the other)."""

    positive: Words  # (V, words)
    negative: Words  # (V, words)
    z: Floats  # (V, n)
    z_next: Floats  # (V, n_next)
    vertex: Floats  # (V, VERTEX_COLUMNS)
    t: Floats  # (V,)
    label: Index  # (V,)
    linked: Flags  # (V,)


class Crossings(NamedTuple):
    """Hyperplanes that cross each interval, in order."""

    offset: Ints  # (V + 1,) crossings of the interval after each vertex
    plane: Ints  # (X,)
    key: Floats  # (X,)
    delta: Floats  # (X,) proven bound of the error of key
    apart: Flags  # (X,) proven to lie after all earlier ones of its interval; the first always is
    lowest: Floats  # (X,) scratch
    group: Ints  # (X,) number of the breakpoint within its interval, from 1: equal for crossings at one point


@loop
def count_crossings(chain: Chain, offset: Ints) -> int:
    """Fill `offset`; returns the number of crossings."""
    n = chain.t.shape[0]
    offset[0] = 0
    for i in range(n):
        count = 0
        if i + 1 < n and chain.linked[i]:
            for w in range(chain.positive.shape[1]):
                count += count_bits(opposite(chain.positive, chain.negative, i, i + 1, w))
        offset[i + 1] = offset[i] + count
    return offset[n]


@scalar
def _place(
    za: float, zb: float, wa: float, wb: float, ea: float, eb: float, zna: float, znb: float, exact: bool
) -> tuple[float, float]:
    """Key of the zero between the values za and zb, and its error; `exact`: the values have no errors."""
    if wa > 0.0 and wb > 0.0:
        span = za - zb
        if exact and is_zero_between(za, zb, za / span):
            return za / span, 0.0
        residual = max(ea, eb) + 8.0 * UNIT * abs(za) + 4.0 * UNIT * max(zna, znb)
        rise = abs(span) * (1.0 - 4.0 * UNIT) - 2.0 * max(ea, eb)
        key = min(max(za / span, 0.0), 1.0)  # the signs may have been settled against the values
        if not rise > 0.0:
            return key, np.inf
        return key, residual / rise * SLACK + 4.0 * UNIT
    if wa > 0.0:
        key = max(-za / zb, 0.0)
        residual = ea + 8.0 * UNIT * (abs(za) + zna) + key * (eb + 4.0 * UNIT * znb)
        rise = abs(zb) * (1.0 - 4.0 * UNIT) - eb
    else:
        key = min(zb / za, 0.0)
        residual = eb + 8.0 * UNIT * (abs(zb) + znb) - key * (ea + 4.0 * UNIT * zna)
        rise = abs(za) * (1.0 - 4.0 * UNIT) - ea
    if not rise > 0.0:
        return key, np.inf
    return key, residual / rise * SLACK + 4.0 * UNIT * abs(key) + LEAST


@scalar
def _before(key: Floats, plane: Ints, p: int, q: int) -> bool:
    return key[p] < key[q] or (key[p] == key[q] and plane[p] < plane[q])


@scalar
def _swap(c: Crossings, p: int, q: int) -> None:
    k = c.plane[p]
    c.plane[p] = c.plane[q]
    c.plane[q] = k
    x = c.key[p]
    c.key[p] = c.key[q]
    c.key[q] = x
    x = c.delta[p]
    c.delta[p] = c.delta[q]
    c.delta[q] = x


@scalar
def _sort(c: Crossings, first: int, last: int) -> None:
    """Heap sort of the crossings first <= q < last by key."""
    n = last - first
    for phase in range(n // 2 - 1, -n, -1):
        if phase >= 0:
            root, end = phase, n
        else:
            end = n + phase
            _swap(c, first, first + end)
            root = 0
        while True:
            child = 2 * root + 1
            if child >= end:
                break
            if child + 1 < end and _before(c.key, c.plane, first + child, first + child + 1):
                child += 1
            if not _before(c.key, c.plane, first + root, first + child):
                break
            _swap(c, first + root, first + child)
            root = child


@loop
def find_crossings(chain: Chain, cut: Cut, c: Crossings) -> int:
    """Fill in the crossings; returns the number that are not proven to lie apart from their predecessors."""
    unproven = 0
    for i in range(chain.t.shape[0] - 1):
        first = c.offset[i]
        last = c.offset[i + 1]
        if first == last:
            continue
        wa = chain.vertex[i, WEIGHT]
        wb = chain.vertex[i + 1, WEIGHT]
        q = first
        for w in range(chain.positive.shape[1]):
            cross = opposite(chain.positive, chain.negative, i, i + 1, w)
            while cross:
                bit = lowest_bit(cross)
                cross &= cross - np.uint64(1)
                k = 64 * w + bit
                ta = cut.threshold[k] * wa
                tb = cut.threshold[k] * wb
                za = chain.z[i, cut.neuron[k]] - ta
                zb = chain.z[i + 1, cut.neuron[k]] - tb
                ea = chain.vertex[i, ETAI]
                eb = chain.vertex[i + 1, ETAI]
                exact = (
                    ea == 0.0
                    and eb == 0.0
                    and is_sum(chain.z[i, cut.neuron[k]], -ta, za)
                    and is_sum(chain.z[i + 1, cut.neuron[k]], -tb, zb)
                )
                zna = chain.vertex[i, ZN]
                znb = chain.vertex[i + 1, ZN]
                key, delta = _place(za, zb, wa, wb, ea, eb, zna, znb, exact)
                c.plane[q] = k
                c.key[q] = key if np.isfinite(key) else 0.0
                c.delta[q] = delta if np.isfinite(key) else np.inf
                q += 1
        _sort(c, first, last)
        # apart: the enclosures before this crossing end before all those from here on begin
        lowest = np.inf
        for q in range(last - 1, first - 1, -1):
            lowest = min(lowest, c.key[q] - c.delta[q])
            c.lowest[q] = lowest
        highest = -np.inf
        c.apart[first] = True
        for q in range(first + 1, last):
            highest = max(highest, c.key[q - 1] + c.delta[q - 1])
            c.apart[q] = highest < c.lowest[q]
            if not c.apart[q]:
                unproven += 1
    return unproven


@loop
def number_groups(c: Crossings, same: Flags, offset: Ints) -> int:
    """Number the breakpoints of each interval; offset[i] is where vertex i goes. Returns the refined length."""
    total = 0
    for i in range(c.offset.shape[0] - 1):
        offset[i] = total
        group = 0
        for q in range(c.offset[i], c.offset[i + 1]):
            if not same[q]:
                group += 1
            c.group[q] = group
        total += group + 1
    return total
