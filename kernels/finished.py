"""Finished cells of a block of polytopes: written without gaps, and joined with those of other blocks.

A vertex that was made on an edge is known by the edge's ends, for an edge is cut once: what is left of it are edges
between other vertices. So parts that have cut an edge which they share have put the same vertices on it, and these are
found by their ends, never by coordinates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import loop
from .incidence import table_place
from .instructions import count_bits, lowest_bit
from .mesh import Index, Ints, Words
from .solid import Solid


class Cells(NamedTuple):
    """Cells by their corners and facets; slots are numbered without gaps."""

    start: Ints  # (N + 1,) where the corners of each cell begin
    corner: Index  # (K,) vertices
    mask: Words  # (K, words) slots of the cell's facets that a corner lies on
    slot_start: Ints  # (N + 1,) where its facets begin
    facet: Index  # (S,) label of each facet


@loop
def count_facets(mesh: Solid, n_cells: int, slot_start: Ints) -> int:
    """Where the facets of each cell begin, those without corners left out; returns the largest number in a cell."""
    most = 0
    slot_start[0] = 0
    for c in range(n_cells):
        n = 0
        for w in range(mesh.mask.shape[1]):
            used = np.uint64(0)
            for p in range(mesh.start[c], mesh.start[c + 1]):
                used |= mesh.mask[p, w]
            n += count_bits(used)
        slot_start[c + 1] = slot_start[c] + n
        most = max(most, n)
    return most


@loop
def write_cells(mesh: Solid, n_cells: int, used: Words, to: Cells) -> None:
    """Write the cells with their facets numbered without gaps; `used` is room for a mask."""
    to.start[0] = 0
    for c in range(n_cells):
        first, last = mesh.start[c], mesh.start[c + 1]
        n = 0
        for w in range(mesh.mask.shape[1]):
            used[w] = 0
            for p in range(first, last):
                used[w] |= mesh.mask[p, w]
            for p in range(first, last):
                if w == 0:
                    to.corner[p] = mesh.corner[p]
                    for k in range(to.mask.shape[1]):
                        to.mask[p, k] = 0
                bits = mesh.mask[p, w]
                while bits:
                    bit = bits & (~bits + np.uint64(1))
                    bits ^= bit
                    slot = n + count_bits(used[w] & (bit - np.uint64(1)))
                    to.mask[p, slot >> 6] |= np.uint64(1) << np.uint64(slot & 63)
            bits = used[w]
            while bits:
                to.facet[to.slot_start[c] + n] = mesh.facet[mesh.slot_start[c] + 64 * w + lowest_bit(bits)]
                bits &= bits - np.uint64(1)
                n += 1
        to.start[c + 1] = last


@loop
def join_vertices(ends: Index, source: Index, number: Index, all_ends: Index, table: Index, n: int) -> int:
    """Number the vertices of a part among the n of all parts before it; returns how many there are with it.

    Its first vertices are those of `source`; others are looked up by the edge that they were made on.
    """
    for v in range(ends.shape[0]):
        if v < source.shape[0]:
            number[v] = source[v]
            continue
        a = min(number[ends[v, 0]], number[ends[v, 1]])
        b = max(number[ends[v, 0]], number[ends[v, 1]])
        place = table_place(all_ends, table, a, b)
        if table[place] < 0:
            table[place] = n
            all_ends[n, 0] = a
            all_ends[n, 1] = b
            n += 1
        number[v] = table[place]
    return n


@loop
def sort_corners(cells: Cells, order: Ints, masks: Words) -> None:
    """Put the corners of each cell in the order of their vertices; `order` (C,) and `masks` (C, words) are room."""
    for c in range(cells.start.shape[0] - 1):
        first = cells.start[c]
        n = cells.start[c + 1] - first
        for p in range(n):
            key = (np.int64(cells.corner[first + p]) << 32) | p
            q = p
            while q > 0 and order[q - 1] > key:
                order[q] = order[q - 1]
                q -= 1
            order[q] = key
            for w in range(masks.shape[1]):
                masks[p, w] = cells.mask[first + p, w]
        for p in range(n):
            cells.corner[first + p] = order[p] >> 32
            for w in range(masks.shape[1]):
                cells.mask[first + p, w] = masks[order[p] & 0xFFFFFFFF, w]
