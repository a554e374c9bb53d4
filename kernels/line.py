"""One-dimensional complexes: chains refined interval by interval by the hyperplanes of one layer.

A vertex carries the same row and bounds as in the plane; the whole line is exact, so a new breakpoint is displaced
only along it. Rows of the next layer at the crossings are interpolated in a balanced order, each subtracting only what
the units that change their piece between its two neighbours add.
"""

from __future__ import annotations

import numpy as np

from ._jit import loop, scalar, section
from .bounds import (
    DX,
    ETA2,
    ETAI,
    GRAIN,
    GRAIN_W,
    LEAST,
    NEXT_GRAIN,
    NH,
    RB,
    REACH_TINY,
    S2,
    SI,
    SLACK,
    UNIT,
    WEIGHT,
    XR,
    ZN,
    G,
)
from .chain import Chain, Crossings
from .combine import blend, copy_row, distances, subtract
from .mesh import Cut, Floats, Ints, Words
from .signs import opposite, set_zeros
from .unrounded import grain, is_point_between, is_product, is_sum


@scalar
def _value(za: float, zb: float, wa: float, wb: float, key: float) -> float:
    """Value at the place `key` of an interval with values za, zb at its ends."""
    if wa > 0.0 and wb > 0.0:
        return za + key * (zb - za)
    if wa > 0.0:
        return za + key * zb
    return zb - key * za


@scalar
def _terms(za: float, zb: float, wa: float, wb: float, key: float) -> float:
    """The sum of the sizes of what `_value` adds up: it errs by three roundings of that at most."""
    if wa > 0.0 and wb > 0.0:
        return 3.0 * (abs(za) + abs(zb))
    if wa > 0.0:
        return abs(za) + abs(key * zb)
    return abs(zb) + abs(key * za)


@scalar
def _weights(
    wa: float, wb: float, low: float, mid: float, high: float, low_is_a: bool, high_is_b: bool
) -> tuple[float, float]:
    """Weights of the neighbours at `low` and `high` for the point at `mid`; an end at infinity is a direction.

    Each errs by some roundings of itself. One less the other would not: it may be tiny, and its row large.
    """
    if high_is_b and wb == 0.0:
        return 1.0, mid - low
    if low_is_a and wa == 0.0:
        return high - mid, 1.0
    ca = (high - mid) / (high - low)
    cb = (mid - low) / (high - low)
    if not (ca >= 0.0 and cb >= 0.0):  # there is no room between keys
        return 0.5, 0.5
    return ca, cb


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
    bend: float,
) -> None:
    """Row of the next layer at breakpoint `mid`, from `lo` and `hi`; numbered 0 (left end) to n_groups + 1.

    `bend` is the most that slopes change at one breakpoint, in sum.
    """
    wa = chain.vertex[i, WEIGHT]
    wb = chain.vertex[i + 1, WEIGHT]
    low_is_a = lo == 0
    high_is_b = hi == n_groups + 1
    key_lo = 0.0 if low_is_a else group_key[lo]
    key_hi = (1.0 if wa > 0.0 and wb > 0.0 else 0.0) if high_is_b else group_key[hi]
    key_mid = group_key[mid]
    ca, cb = _weights(wa, wb, key_lo, key_mid, key_hi, low_is_a, high_is_b)
    v = base + mid
    a = base + lo
    b = base + hi
    blend(new.z_next, v, a, b, ca, cb)
    kinks = 0
    total = 0.0
    terms = 0.0
    finite = wa > 0.0 and wb > 0.0
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
        far = abs(za) + abs(zb)
        if not finite:
            far = ca * _terms(za, zb, wa, wb, key_lo) + cb * _terms(za, zb, wa, wb, key_hi)
            far += _terms(za, zb, wa, wb, key_mid)
        far *= cut.bend[k]
        terms += far * far if cut.is_relu else abs(far)  # ReLUs have one bend each
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
        subtract(new.z_next, v, cut.weight_t, n, change)
    size = ca * new.vertex[a, NH] + cb * new.vertex[b, NH]
    if not cut.is_relu:
        size += np.sqrt(total) * SLACK
    # at `lo` and `hi` there are bends, to within what their own keys were rounded
    zna = chain.vertex[i, ZN]
    znb = chain.vertex[i + 1, ZN]
    own = bend * (ca * _terms(zna, znb, wa, wb, key_lo) + cb * _terms(zna, znb, wa, wb, key_hi))
    rounding = 2.0 * (kinks + 16) * UNIT * size + 2.0 * UNIT * own
    rounding += 12.0 * UNIT * (np.sqrt(terms) if cut.is_relu else terms) * SLACK
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
        and is_sum(key_hi, -key_lo, width)
        and is_sum(key_mid, -key_lo, key_mid - key_lo)
        and is_sum(key_hi, -key_mid, key_hi - key_mid)
        and is_product(ca, width, key_hi - key_mid)
        and is_product(cb, width, key_mid - key_lo)
    ):
        # every number met above is a multiple of 2^grain, at most 2^53 of them: nothing was rounded
        weights = grain(ca) + grain(cb)
        rows = min(new.vertex[a, NEXT_GRAIN], new.vertex[b, NEXT_GRAIN])
        keys = grain(key_lo) + grain(key_mid) + grain(key_hi)
        kink = norms[GRAIN_W] + min(chain.vertex[i, GRAIN], chain.vertex[i + 1, GRAIN], 0.0) + keys
        finest = min(rows, kink) + weights
        largest = 4.0 * norms[RB] * (size + chain.vertex[i, ZN] + chain.vertex[i + 1, ZN] + 1.0)
        if finest > -900.0 and largest < 2.0 ** (53.0 + finest):  # false where a grain is not known
            new.vertex[v, G] = 0.0
            new.vertex[v, NEXT_GRAIN] = finest


@section
def _vanishes(chain: Chain, c: Crossings, i: int, group: int) -> bool:
    """Whether every ReLU is zero at a breakpoint of interval i."""
    for w in range(chain.positive.shape[1]):
        if (chain.positive[i, w] | chain.positive[i + 1, w]) & ~opposite(chain.positive, chain.negative, i, i + 1, w):
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
    if delta == 0.0 and own == 0.0 and is_point_between(ta, tb, key, new.t[v]):
        new.vertex[v, XR] = 0.0
        new.vertex[v, DX] = 0.0
    else:
        new.vertex[v, XR] = own + 8.0 * UNIT * size + LEAST
        new.vertex[v, DX] = (new.vertex[v, XR] + moved * length + displaced) * SLACK
    new.vertex[v, ZN] = zn
    new.vertex[v, WEIGHT] = 1.0


@section
def _signs(chain: Chain, new: Chain, c: Crossings, i: int, base: int, n_groups: int, pattern: Words) -> None:
    """Packed signs of the sub-cells of interval i (cell base + g lies between breakpoints g and g + 1)."""
    for w in range(chain.positive.shape[1]):
        fixed = (chain.positive[i, w] | chain.positive[i + 1, w]) & ~opposite(
            chain.positive, chain.negative, i, i + 1, w
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
        reach = np.sqrt(distances(chain.z, i, i + 1)[0])
        if wa > 0.0 and wb > 0.0:
            reach += chain.vertex[i, ETA2] + chain.vertex[i + 1, ETA2] + chain.vertex[i, S2] + chain.vertex[i + 1, S2]
        elif wa > 0.0:
            reach = chain.vertex[i + 1, ZN]
        else:
            reach = chain.vertex[i, ZN]
        last = 0
        bend = 0.0
        own = 0.0
        for r in range(c.offset[i], c.offset[i + 1]):
            g = c.group[r]
            v = base + g
            own = abs(cut.bend[c.plane[r]]) + (own if g == last else 0.0)
            bend = max(bend, own)
            if g != last:
                last = g
                group_key[g] = c.key[r]
                group_delta[g] = c.delta[r]
                new.label[v] = cut.label0 + c.plane[r]
                new.linked[v] = True
                root[v] = i
                _new_bounds(chain, new, i, v, c.key[r], c.delta[r], reach * SLACK + REACH_TINY)
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
                _refine_row(chain, new, cut, c, i, group_key, group_delta, norms, lo, mid, hi, n_groups, base, bend)
            stack[2 * depth] = lo
            stack[2 * depth + 1] = mid
            stack[2 * depth + 2] = mid
            stack[2 * depth + 3] = hi
            depth += 2


@scalar
def _put_row(chain: Chain, new: Chain, i: int, v: int, key: float) -> None:
    """The row at the place `key` of interval i, which rounds even where the place is exact."""
    wa = chain.vertex[i, WEIGHT]
    wb = chain.vertex[i + 1, WEIGHT]
    for q in range(new.z.shape[1]):
        new.z[v, q] = _value(chain.z[i, q], chain.z[i + 1, q], wa, wb, key)
    if new.vertex[v, ETA2] == 0.0:
        new.vertex[v, ETA2] = 8.0 * UNIT * new.vertex[v, ZN]
        new.vertex[v, ETAI] = 8.0 * UNIT * new.vertex[v, ZN]


@loop
def place_rows(chain: Chain, new: Chain, cut: Cut, c: Crossings, offset: Ints) -> None:
    """Fill in the rows and signs of a refined chain, those of the step that it was refined by."""
    for i in range(chain.t.shape[0]):
        base = offset[i]
        copy_row(chain.z, i, new.z, base)
        for w in range(chain.positive.shape[1]):
            new.positive[base, w] = chain.positive[i, w]
            new.negative[base, w] = chain.negative[i, w]
        first = c.offset[i]
        end = c.offset[i + 1]
        for r in range(first, end):
            v = base + c.group[r]
            if r > first and c.group[r] == c.group[r - 1]:
                continue
            _put_row(chain, new, i, v, c.key[r])
            for w in range(chain.positive.shape[1]):
                cross = opposite(chain.positive, chain.negative, i, i + 1, w)
                new.positive[v, w] = (chain.positive[i, w] | chain.positive[i + 1, w]) & ~cross
                new.negative[v, w] = (chain.negative[i, w] | chain.negative[i + 1, w]) & ~cross
            for s in range(first, end):
                if c.group[s] == c.group[r]:
                    continue
                w = c.plane[s] >> 6
                bit = np.uint64(1) << np.uint64(c.plane[s] & 63)
                side = i if c.group[s] > c.group[r] else i + 1
                new.positive[v, w] |= chain.positive[side, w] & bit
                new.negative[v, w] |= chain.negative[side, w] & bit
            set_zeros(new.positive, new.negative, new.z, new.vertex, cut.column, cut.threshold, v)


@loop
def find_grain(chain: Chain) -> None:
    """Where the rows of the next layer need no rounding, the coarsest grain that they have."""
    for v in range(chain.t.shape[0]):
        if np.isnan(chain.vertex[v, NEXT_GRAIN]):
            continue
        finest = 0.0
        for q in range(chain.z_next.shape[1]):
            finest = min(finest, grain(chain.z_next[v, q]))
        chain.vertex[v, NEXT_GRAIN] = finest
