"""Corners of polytopes and the facets they lie on: which are joined by edges, and what a cut leaves on either side.

Two corners are joined by an edge if no third corner lies on all the facets that they have in common; if one of them
lies on d facets only, that is so when d - 1 are in common.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import loop, scalar
from .instructions import count_bits, eight_near, lowest_bit
from .mesh import Index, Ints, Words


class Edges(NamedTuple):
    """Room for the edges of a cell that a hyperplane crosses, and for its corners."""

    sign: Ints  # (K,) of each corner
    side: Ints  # (K,) the positive corners
    word: Words  # (K + 7,) and the first words of their masks
    low: Ints  # (E,) places of the negative ends among the cell's corners
    high: Ints  # (E,)
    made: Ints  # (E,) vertices on them


@scalar
def table_place(ends: Index, table: Index, a: int, b: int) -> int:
    """Where the vertex on the edge (a, b), a < b, is in the table, or the free place for it."""
    mask = np.uint64(table.shape[0] - 1)
    low = np.uint64(0xFFFFFFFF)
    key = np.uint64(a) * np.uint64(0x9E3779B1) + np.uint64(b) * np.uint64(0x5EBCA77B)  # no product overflows
    key = ((key ^ (key >> np.uint64(32))) & low) * np.uint64(0xC2B2AE3D)
    key = ((key ^ (key >> np.uint64(29))) & low) * np.uint64(0x27D4EB2F)
    key ^= key >> np.uint64(32)
    place = key & mask
    while table[place] >= 0:
        v = table[place]
        if ends[v, 0] == a and ends[v, 1] == b:
            break
        place = (place + np.uint64(1)) & mask
    return np.int64(place)


@loop
def fill_table(ends: Index, n: int, table: Index) -> None:
    """Enter the first n vertices."""
    table[:] = -1
    for v in range(n):
        if ends[v, 0] >= 0:
            table[table_place(ends, table, ends[v, 0], ends[v, 1])] = v


@scalar
def common(mask: Words, p: int, q: int) -> int:
    """Number of facets that two corners have in common."""
    total = 0
    for w in range(mask.shape[1]):
        total += count_bits(mask[p, w] & mask[q, w])
    return total


@scalar
def third(mask: Words, first: int, last: int, p: int, q: int) -> bool:
    """Whether another of the corners lies on all the facets that corners p and q have in common."""
    for r in range(first, last):
        if r == p or r == q:
            continue
        inside = True
        for w in range(mask.shape[1]):
            shared = mask[p, w] & mask[q, w]
            if shared & mask[r, w] != shared:
                inside = False
                break
        if inside:
            return True
    return False


@scalar
def find_edges(mask: Words, first: int, n: int, d: int, edges: Edges) -> int:
    """The edges from negative to positive corners of a cell; returns their number, which may exceed the room."""
    count = 0
    m = 0
    for q in range(n):
        if edges.sign[q] > 0:
            edges.side[m] = q
            edges.word[m] = mask[first + q, 0]
            m += 1
    for r in range(m, (m + 7) & ~7):
        edges.word[r] = 0
    least = d - 1 if mask.shape[1] == 1 else 0  # with more words all are looked at
    for p in range(n):
        if edges.sign[p] >= 0:
            continue
        simple = common(mask, first + p, first + p) == d
        for block in range(0, m, 8):
            near = eight_near(edges.word, block, mask[first + p, 0], least)
            while near:
                r = block + lowest_bit(near)
                near &= near - np.uint64(1)
                if r >= m:
                    break
                q = edges.side[r]
                shared = common(mask, first + p, first + q)
                if shared < d - 1:
                    continue
                if not (simple and shared == d - 1) and third(mask, first, first + n, first + p, first + q):
                    continue
                if count < edges.low.shape[0]:
                    edges.low[count] = p
                    edges.high[count] = q
                count += 1
    return count


@scalar
def free_slot(mask: Words, first: int, n: int, sign: Ints, side: int) -> int:
    """The lowest slot on which no corner strictly on a side lies, or -1."""
    for w in range(mask.shape[1]):
        alive = np.uint64(0)
        for p in range(n):
            if sign[p] == side:
                alive |= mask[first + p, w]
        if ~alive:
            return 64 * w + lowest_bit(~alive)
    return -1


@scalar
def copy_side(
    corner: Index, mask: Words, first: int, n: int, edges: Edges, n_edges: int, side: int, slot: int,
    to_corner: Index, to_mask: Words, to: int,
) -> int:  # fmt: skip
    """Write the corners of the part on one side of a cell, with the new facet in a slot; returns how many."""
    m = to
    for p in range(n):
        if edges.sign[p] * side >= 0:
            to_corner[m] = corner[first + p]
            m += 1
    for e in range(n_edges):
        to_corner[m] = edges.made[e]
        m += 1
    for w in range(mask.shape[1]):
        alive = np.uint64(0)
        for p in range(n):
            if edges.sign[p] == side:
                alive |= mask[first + p, w]
        bit = np.uint64(1) << np.uint64(slot & 63) if slot >> 6 == w else np.uint64(0)
        k = to
        for p in range(n):
            if edges.sign[p] * side > 0:
                to_mask[k, w] = mask[first + p, w]
                k += 1
            elif edges.sign[p] == 0:
                to_mask[k, w] = (mask[first + p, w] & alive) | bit
                k += 1
        for e in range(n_edges):
            to_mask[k, w] = (mask[first + edges.low[e], w] & mask[first + edges.high[e], w] & alive) | bit
            k += 1
    return m - to


@scalar
def copy_slots(facet: Index, first: int, n: int, slot: int, label: int, to_facet: Index, to: int) -> int:
    """Write the slots of a part of a cell; returns how many."""
    for s in range(n):
        to_facet[to + s] = facet[first + s]
    if slot == n:
        n += 1
    to_facet[to + slot] = label
    return n
