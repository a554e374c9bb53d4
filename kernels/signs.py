"""Signs of a layer's hyperplanes at the vertices of a complex, packed in words.

Bit k of `positive` or of `negative` is set, neither for zero. A cell is cut by hyperplane k if it has a strictly
positive and a strictly negative vertex. Signs at a new vertex follow from those at the ends of its edge by convexity,
unless the ends have opposite signs; then the value decides if it exceeds its error bound, and the caller is asked for
the certain sign if it does not.
"""

from __future__ import annotations

import numpy as np

from ._jit import scalar, section
from .bounds import ETA2, ETAI, WEIGHT
from .instructions import lowest_bit
from .mesh import ANSWERED, GIVEN, N_SIGNS, NEGATIVE, POSITIVE, Cut, Floats, Ints, Rowed, Scratch, Words


@scalar
def sign_at(positive: Words, negative: Words, v: int, k: int) -> np.int64:
    """Sign of hyperplane k at vertex v."""
    w = k >> 6
    b = np.uint64(k & 63)
    one = np.uint64(1)
    sign: np.int64 = np.int64((positive[v, w] >> b) & one) - np.int64((negative[v, w] >> b) & one)
    return sign


@scalar
def opposite(positive: Words, negative: Words, a: int, b: int, w: int) -> np.uint64:
    """Hyperplanes of word w with strictly opposite signs at vertices a and b."""
    return (positive[a, w] & negative[b, w]) | (negative[a, w] & positive[b, w])


@scalar
def first_crossing(crossing: Words, cell: int, last_word: int) -> int:
    """The lowest hyperplane, of the words before `last_word`, that is still to cut a cell, or -1."""
    for w in range(last_word):
        if crossing[cell, w]:
            return w * 64 + lowest_bit(crossing[cell, w])
    return -1


@scalar
def unit_value(positive: Words, negative: Words, z: Floats, vertex: Floats, cut: Cut, v: int, i: int) -> float:
    """Activation of neuron i at vertex v, on the piece that its proven signs name."""
    p = cut.piece[i]
    for k in range(cut.start[i], cut.start[i + 1]):
        if sign_at(positive, negative, v, k) > 0:
            p += 1
    return cut.slope[p] * z[v, i] + cut.intercept[p] * vertex[v, WEIGHT]


@scalar
def vanishes(positive: Words, negative: Words, vertex: Floats, cut: Cut, v: int) -> bool:
    """Whether every unit's value at v is exactly zero: then the next row is the bias, without error."""
    if cut.is_relu:
        return _none_positive(positive, v)
    return _no_piece(positive, negative, vertex, cut, v)


@scalar
def _none_positive(positive: Words, v: int) -> bool:
    for w in range(positive.shape[1]):
        if positive[v, w]:
            return False
    return True


@scalar
def _no_piece(positive: Words, negative: Words, vertex: Floats, cut: Cut, v: int) -> bool:
    direction = vertex[v, WEIGHT] == 0.0  # where thresholds and intercepts do not count
    for i in range(cut.start.shape[0] - 1):
        p = cut.piece[i]
        at = -1
        for k in range(cut.start[i], cut.start[i + 1]):
            s = sign_at(positive, negative, v, k)
            if s > 0:
                p += 1
            elif s == 0:
                at = k
        if at >= 0:
            if not (direction or cut.zero_at[at]):
                return False
        elif not (cut.flat[p] if direction else cut.zero[p]):
            return False
    return True


@scalar
def set_word(zero: np.uint64, w: int, z: Floats, vertex: Floats, column: Ints, threshold: Floats, v: int) -> None:
    """Put the values of the hyperplanes in a word on their thresholds."""
    moved = 0.0
    while zero:
        k = w * 64 + lowest_bit(zero)
        zero &= zero - np.uint64(1)
        place = threshold[k] * vertex[v, WEIGHT]
        moved += abs(z[v, column[k]] - place)
        z[v, column[k]] = place
    vertex[v, ETA2] += moved
    vertex[v, ETAI] += moved


@scalar
def set_zeros(
    positive: Words, negative: Words, z: Floats, vertex: Floats, column: Ints, threshold: Floats, v: int
) -> None:
    """Where the sign is proven zero, put the value on the threshold; what that moves is evaluation error."""
    m = column.shape[0]
    for w in range(positive.shape[1]):
        zero = ~(positive[v, w] | negative[v, w])
        if m < 64 * w + 64:
            zero &= (np.uint64(1) << np.uint64(m - 64 * w)) - np.uint64(1)
        set_word(zero, w, z, vertex, column, threshold, v)


@section
def new_signs(
    mesh: Rowed,
    cut: Cut,
    state: Ints,
    a: int,
    b: int,
    v: int,
    j: int,
    ca: float,
    cb: float,
    err: float,
    scratch: Scratch,
) -> int:
    """Signs of every hyperplane at the new vertex v on the edge (a, b); returns how many are not proven."""
    unproven = 0
    for w in range(mesh.positive.shape[1]):
        pa = mesh.positive[a, w]
        pb = mesh.positive[b, w]
        na = mesh.negative[a, w]
        nb = mesh.negative[b, w]
        cross = opposite(mesh.positive, mesh.negative, a, b, w)
        above = (pa | pb) & ~cross
        below = (na | nb) & ~cross
        if w == j >> 6:
            cross &= ~(np.uint64(1) << np.uint64(j & 63))
        while cross:
            bit = lowest_bit(cross)
            mask = np.uint64(1) << np.uint64(bit)
            cross &= ~mask
            k = w * 64 + bit
            i = cut.column[k]
            value = (ca * mesh.z[a, i] + cb * mesh.z[b, i]) - cut.threshold[k]
            if state[ANSWERED] and (scratch.answers[GIVEN, w] & mask):
                above |= scratch.answers[POSITIVE, w] & mask
                below |= scratch.answers[NEGATIVE, w] & mask
            elif value > err:
                above |= mask
                state[N_SIGNS] += 1
            elif value < -err:
                below |= mask
                state[N_SIGNS] += 1
            else:
                scratch.asked[unproven] = k
                unproven += 1
        mesh.positive[v, w] = above
        mesh.negative[v, w] = below
    return unproven


@scalar
def append_signs(before: Words, root: int, own: Words, c: int, out: Words, q: int) -> None:
    """out[q] = the words before[root] of earlier layers, then those of this one, own[c]."""
    known = before.shape[1]
    for w in range(known):
        out[q, w] = before[root, w]
    for w in range(own.shape[1]):
        out[q, known + w] = own[c, w]
