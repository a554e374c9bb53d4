"""One-dimensional complexes: chains of breakpoints, refined interval by interval by the hyperplanes of one layer.

A vertex carries the same row and bounds as in the plane; the whole line is exact, so a new breakpoint is displaced
only along it. All crossings of an interval are placed by one parameter `key` that increases along it: the fraction of
the way between two finite ends; the distance from the left end if the right one is at infinity; minus the distance
from the right end if the left one is. Each key has a proven error, and crossings whose enclosures overlap are ordered
by the caller, exactly. Rows of the next layer at the crossings are interpolated in a balanced order, each subtracting
only what the units that change their piece between its two neighbours add.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar, section
from .bounds import (
    DX,
    ETA2,
    ETAI,
    GRAIN,
    GRAIN_W,
    NEXT_GRAIN,
    NH,
    RB,
    S2,
    SI,
    SLACK,
    UNIT,
    WEIGHT,
    XR,
    ZN,
    G,
)
from .mesh import Cut
from .plane import distance2
from .signs import lowest_bit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]


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


@scalar
def _crossing_words(positive: Words, negative: Words, i: int, w: int) -> np.uint64:
    return (positive[i, w] & negative[i + 1, w]) | (negative[i, w] & positive[i + 1, w])


@scalar
def _count_bits(word: np.uint64) -> int:
    n = 0
    while word:
        word &= word - np.uint64(1)
        n += 1
    return n


@loop
def count_crossings(chain: Chain, offset: Ints) -> int:
    """Fill `offset`; returns the number of crossings."""
    n = chain.t.shape[0]
    offset[0] = 0
    for i in range(n):
        count = 0
        if i + 1 < n and chain.linked[i]:
            for w in range(chain.positive.shape[1]):
                count += _count_bits(_crossing_words(chain.positive, chain.negative, i, w))
        offset[i + 1] = offset[i] + count
    return offset[n]


@scalar
def _grain(x: float) -> float:
    """The exponent of the lowest one among the binary digits of x if that is negative, else 0."""
    if x == 0.0:
        return 0.0
    mantissa, exponent = math.frexp(x)
    whole = np.int64(mantissa * 2.0**53)
    return min(0.0, math.frexp(float(whole & -whole))[1] - 1.0 + exponent - 53.0)


@scalar
def _is_product(a: float, b: float, c: float) -> bool:
    """Whether a * b = c without rounding (Dekker 1971)."""
    t = 134217729.0 * a
    a1 = t - (t - a)
    a2 = a - a1
    t = 134217729.0 * b
    b1 = t - (t - b)
    b2 = b - b1
    return a * b == c and ((a1 * b1 - c) + a1 * b2 + a2 * b1) + a2 * b2 == 0.0


@scalar
def _is_sum(a: float, b: float, c: float) -> bool:
    """Whether a + b = c without rounding (Knuth)."""
    t = c - a
    return (a - (c - t)) + (b - t) == 0.0


@scalar
def _place(
    za: float, zb: float, wa: float, wb: float, ea: float, eb: float, zna: float, znb: float
) -> tuple[float, float]:
    """Key of the zero between the values za and zb, and its error."""
    if wa > 0.0 and wb > 0.0:
        span = za - zb
        if ea == 0.0 and eb == 0.0 and _is_sum(za, -zb, span) and _is_product(za / span, span, za):
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
    return key, residual / rise * SLACK + 4.0 * UNIT * abs(key)


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
            cross = _crossing_words(chain.positive, chain.negative, i, w)
            while cross:
                bit = lowest_bit(cross)
                cross &= cross - np.uint64(1)
                k = 64 * w + bit
                za = chain.z[i, cut.neuron[k]] - cut.threshold[k] * wa
                zb = chain.z[i + 1, cut.neuron[k]] - cut.threshold[k] * wb
                key, delta = _place(
                    za,
                    zb,
                    wa,
                    wb,
                    chain.vertex[i, ETAI],
                    chain.vertex[i + 1, ETAI],
                    chain.vertex[i, ZN],
                    chain.vertex[i + 1, ZN],
                )
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


@scalar
def _value(za: float, zb: float, wa: float, wb: float, key: float) -> float:
    """Value at the place `key` of an interval with values za, zb at its ends."""
    if wa > 0.0 and wb > 0.0:
        return za + key * (zb - za)
    if wa > 0.0:
        return za + key * zb
    return zb - key * za


@scalar
def _weights(
    wa: float, wb: float, low: float, mid: float, high: float, low_is_a: bool, high_is_b: bool
) -> tuple[float, float]:
    """Weights of the neighbours at `low` and `high` for the point at `mid`; an end at infinity is a direction."""
    if high_is_b and wb == 0.0:
        return 1.0, mid - low
    if low_is_a and wa == 0.0:
        return high - mid, 1.0
    x = (mid - low) / (high - low)
    if not x >= 0.0:
        x = 0.0
    elif x > 1.0:
        x = 1.0
    return 1.0 - x, x


@section
def _refine_row(
    chain: Chain,
    new: Chain,
    cut: Cut,
    c: Crossings,
    i: int,
    group_key: Floats,
    group_delta: Floats,
    norms: Floats,
    lo: int,
    mid: int,
    hi: int,
    n_groups: int,
    base: int,
) -> None:
    """Row of the next layer at breakpoint `mid`, from `lo` and `hi`; numbered 0 (left end) to n_groups + 1."""
    wa = chain.vertex[i, WEIGHT]
    wb = chain.vertex[i + 1, WEIGHT]
    low_is_a = lo == 0
    high_is_b = hi == n_groups + 1
    key_lo = 0.0 if low_is_a else group_key[lo]
    key_hi = (1.0 if wa > 0.0 and wb > 0.0 else 0.0) if high_is_b else group_key[hi]
    key_mid = group_key[mid]
    ca, cb = _weights(wa, wb, key_lo, key_mid, key_hi, low_is_a, high_is_b)
    n_next = new.z_next.shape[1]
    v = base + mid
    a = base + lo
    b = base + hi
    for q in range(n_next):
        new.z_next[v, q] = ca * new.z_next[a, q] + cb * new.z_next[b, q]
    kinks = 0
    total = 0.0
    for r in range(c.offset[i], c.offset[i + 1]):
        g = c.group[r]
        if g <= lo or g >= hi:
            continue
        k = c.plane[r]
        n = cut.neuron[k]
        za = chain.z[i, n] - cut.threshold[k] * wa
        zb = chain.z[i + 1, n] - cut.threshold[k] * wb
        at_lo = za if low_is_a else _value(za, zb, wa, wb, key_lo)
        at_hi = zb if high_is_b else _value(za, zb, wa, wb, key_hi)
        at_mid = 0.0 if g == mid else _value(za, zb, wa, wb, key_mid)
        if (chain.negative[i, k >> 6] >> np.uint64(k & 63)) & np.uint64(1):  # rises through zero at g
            at_lo = 0.0
            if mid < g:
                at_mid = 0.0
        else:
            at_hi = 0.0
            if mid > g:
                at_mid = 0.0
        change = cut.bend[k] * ((ca * at_lo + cb * at_hi) - at_mid)
        kinks += 1
        total += change * change
        for q in range(n_next):
            new.z_next[v, q] -= change * cut.weight_t[n, q]
    size = ca * new.vertex[a, NH] + cb * new.vertex[b, NH]
    if not cut.is_relu:
        size += np.sqrt(total) * SLACK
    rounding = 2.0 * (kinks + 16) * UNIT * size
    new.vertex[v, G] = ca * new.vertex[a, G] + cb * new.vertex[b, G] + rounding
    new.vertex[v, NH] = size
    new.vertex[v, NEXT_GRAIN] = np.nan
    places = (low_is_a or group_delta[lo] == 0.0) and group_delta[mid] == 0.0 and (high_is_b or group_delta[hi] == 0.0)
    width = key_hi - key_lo
    if (
        cut.is_relu
        and wa > 0.0
        and wb > 0.0
        and places
        and _is_sum(key_hi, -key_lo, width)
        and _is_sum(key_mid, -key_lo, key_mid - key_lo)
        and _is_product(cb, width, key_mid - key_lo)
        and _is_sum(1.0, -cb, ca)
    ):
        # every number met above is a multiple of 2^grain, at most 2^53 of them: nothing was rounded
        weights = _grain(ca) + _grain(cb)
        rows = min(new.vertex[a, NEXT_GRAIN], new.vertex[b, NEXT_GRAIN])
        keys = _grain(key_lo) + _grain(key_mid) + _grain(key_hi)
        kink = norms[GRAIN_W] + min(chain.vertex[i, GRAIN], chain.vertex[i + 1, GRAIN], 0.0) + keys
        grain = min(rows, kink) + weights
        largest = 4.0 * norms[RB] * (size + chain.vertex[i, ZN] + chain.vertex[i + 1, ZN] + 1.0)
        if grain > -900.0 and largest < 2.0 ** (53.0 + grain):  # false where a grain is not known
            new.vertex[v, G] = 0.0
            new.vertex[v, NEXT_GRAIN] = grain


@section
def _vanishes(chain: Chain, c: Crossings, i: int, group: int) -> bool:
    """Whether every ReLU is zero at a breakpoint of interval i."""
    for w in range(chain.positive.shape[1]):
        if (chain.positive[i, w] | chain.positive[i + 1, w]) & ~_crossing_words(chain.positive, chain.negative, i, w):
            return False
    for r in range(c.offset[i], c.offset[i + 1]):
        k = c.plane[r]
        rises = (chain.negative[i, k >> 6] >> np.uint64(k & 63)) & np.uint64(1)
        if (rises and c.group[r] < group) or (not rises and c.group[r] > group):
            return False
    return True


@section
def _new_bounds(chain: Chain, new: Chain, i: int, v: int, key: float, delta: float, reach: float) -> None:
    """Coordinate and error bounds of the breakpoint at `key` of interval i."""
    wa = chain.vertex[i, WEIGHT]
    wb = chain.vertex[i + 1, WEIGHT]
    ta = chain.t[i]
    tb = chain.t[i + 1]
    if wa > 0.0 and wb > 0.0:
        ca, cb = 1.0, 1.0
        new.t[v] = ta + key * (tb - ta)
        length = abs(tb - ta)
        size = max(abs(ta), abs(tb))
        own = max(chain.vertex[i, XR], chain.vertex[i + 1, XR])
    elif wa > 0.0:
        ca, cb = 1.0, key
        new.t[v] = ta + key
        length = 1.0
        size = max(abs(ta), abs(key))
        own = chain.vertex[i, XR]
    else:
        ca, cb = -key, 1.0
        new.t[v] = tb + key
        length = 1.0
        size = max(abs(tb), abs(key))
        own = chain.vertex[i + 1, XR]
    zn = max(chain.vertex[i, ZN], chain.vertex[i + 1, ZN]) * max(ca, cb)
    rounding = 8.0 * UNIT * zn
    if wa > 0.0 and wb > 0.0:
        new.vertex[v, ETA2] = max(chain.vertex[i, ETA2], chain.vertex[i + 1, ETA2]) + rounding
        new.vertex[v, ETAI] = max(chain.vertex[i, ETAI], chain.vertex[i + 1, ETAI]) + rounding
        moved = delta
    else:
        new.vertex[v, ETA2] = ca * chain.vertex[i, ETA2] + cb * chain.vertex[i + 1, ETA2] + rounding
        new.vertex[v, ETAI] = ca * chain.vertex[i, ETAI] + cb * chain.vertex[i + 1, ETAI] + rounding
        moved = delta
    displaced = 0.0
    if wa > 0.0 and wb > 0.0:
        if not moved < 1.0:  # somewhere between the ends, which may be displaced themselves
            moved = 1.0
            displaced = chain.vertex[i, DX] + chain.vertex[i + 1, DX]
            reach = 2.0 * reach + chain.vertex[i, S2] + chain.vertex[i + 1, S2]
        length += 2.0 * own
    if delta == 0.0:
        new.vertex[v, ETA2] = 0.0
        new.vertex[v, ETAI] = 0.0
    new.vertex[v, S2] = moved * reach
    new.vertex[v, SI] = moved * reach
    new.vertex[v, XR] = own + 4.0 * UNIT * size
    if delta == 0.0 and own == 0.0 and _is_sum(tb, -ta, tb - ta) and _is_product(key, tb - ta, key * (tb - ta)):
        if _is_sum(ta, key * (tb - ta), new.t[v]):
            new.vertex[v, XR] = 0.0
    new.vertex[v, DX] = new.vertex[v, XR] + moved * length + displaced
    new.vertex[v, ZN] = zn
    new.vertex[v, WEIGHT] = 1.0


@section
def _signs(chain: Chain, new: Chain, c: Crossings, i: int, base: int, n_groups: int, pattern: Words) -> None:
    """Packed signs of the sub-cells of interval i (cell base + g lies between breakpoints g and g + 1)."""
    for w in range(chain.positive.shape[1]):
        fixed = (chain.positive[i, w] | chain.positive[i + 1, w]) & ~_crossing_words(
            chain.positive, chain.negative, i, w
        )
        for g in range(n_groups + 1):
            pattern[base + g, w] = fixed
    for r in range(c.offset[i], c.offset[i + 1]):
        k = c.plane[r]
        bit = np.uint64(1) << np.uint64(k & 63)
        rises = (chain.negative[i, k >> 6] & bit) != 0
        first = c.group[r] if rises else 0
        last = n_groups + 1 if rises else c.group[r]
        for g in range(first, last):
            pattern[base + g, k >> 6] |= bit


@loop
def refine(
    chain: Chain,
    new: Chain,
    cut: Cut,
    c: Crossings,
    offset: Ints,
    stack: Ints,
    group_key: Floats,
    group_delta: Floats,
    norms: Floats,
    root: Ints,
    pattern: Words,
) -> None:
    """Fill in the refined chain: old vertices at offset[i], the breakpoints of interval i after it.

    Parameters
    ----------
    chain, new : Chain
        Old and refined. ``new.z_next`` has the rows of old vertices in place; its other arrays are filled here.
    stack, group_key, group_delta : scratch, longer than twice the largest number of breakpoints in an interval
    norms : norm table of the next layer
    root, pattern : (V',), (V', words)
        For each sub-cell, by its left vertex: the old cell (by its left vertex) and the packed signs. `pattern` may
        have no rows.
    """
    for i in range(chain.t.shape[0]):
        base = offset[i]
        new.t[base] = chain.t[i]
        new.label[base] = chain.label[i]
        new.linked[base] = chain.linked[i]
        root[base] = i
        for k in range(chain.vertex.shape[1]):
            new.vertex[base, k] = chain.vertex[i, k]
    for i in range(chain.t.shape[0] - 1):
        if not chain.linked[i]:
            continue
        base = offset[i]
        n_groups = offset[i + 1] - base - 1
        if pattern.shape[0]:
            _signs(chain, new, c, i, base, n_groups, pattern)
        if n_groups == 0:
            continue
        wa = chain.vertex[i, WEIGHT]
        wb = chain.vertex[i + 1, WEIGHT]
        reach = np.sqrt(distance2(chain.z, i, i + 1))
        if wa > 0.0 and wb > 0.0:
            reach += chain.vertex[i, ETA2] + chain.vertex[i + 1, ETA2] + chain.vertex[i, S2] + chain.vertex[i + 1, S2]
        elif wa > 0.0:
            reach = chain.vertex[i + 1, ZN]
        else:
            reach = chain.vertex[i, ZN]
        last = 0
        for r in range(c.offset[i], c.offset[i + 1]):
            g = c.group[r]
            v = base + g
            if g != last:
                last = g
                group_key[g] = c.key[r]
                group_delta[g] = c.delta[r]
                new.label[v] = cut.label0 + c.plane[r]
                new.linked[v] = True
                root[v] = i
                _new_bounds(chain, new, i, v, c.key[r], c.delta[r], reach * SLACK)
            else:
                new.label[v] = min(new.label[v], cut.label0 + c.plane[r])
        if new.z_next.shape[1] == 0:
            continue
        depth = 1
        stack[0] = 0
        stack[1] = n_groups + 1
        while depth > 0:
            depth -= 1
            lo = stack[2 * depth]
            hi = stack[2 * depth + 1]
            if hi - lo < 2:
                continue
            mid = (lo + hi) >> 1
            v = base + mid
            if cut.is_relu and _vanishes(chain, c, i, mid):
                for q in range(new.z_next.shape[1]):
                    new.z_next[v, q] = cut.bias[q]
                new.vertex[v, G] = 0.0
                new.vertex[v, NH] = 1.0
                known = not np.isnan(chain.vertex[i, GRAIN] + chain.vertex[i + 1, GRAIN])
                new.vertex[v, NEXT_GRAIN] = norms[GRAIN_W] if known and group_delta[mid] == 0.0 else np.nan
            else:
                _refine_row(chain, new, cut, c, i, group_key, group_delta, norms, lo, mid, hi, n_groups, base)
            stack[2 * depth] = lo
            stack[2 * depth + 1] = mid
            stack[2 * depth + 2] = mid
            stack[2 * depth + 3] = hi
            depth += 2


@loop
def find_grain(chain: Chain) -> None:
    """Where the rows of the next layer need no rounding, the coarsest grain that they have."""
    for v in range(chain.t.shape[0]):
        if np.isnan(chain.vertex[v, NEXT_GRAIN]):
            continue
        grain = 0.0
        for q in range(chain.z_next.shape[1]):
            grain = min(grain, _grain(chain.z_next[v, q]))
        chain.vertex[v, NEXT_GRAIN] = grain
