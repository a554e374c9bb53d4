"""Complexes of polytopes in three and more dimensions: cells are split by the hyperplanes of one layer.

A cell is a list of corners. Each corner has the set of the cell's facets that it lies on, as bits: facets have slots,
numbered anew in each cell. A cut keeps, on either side, the corners that are not on the other one, and adds a corner on
each edge that it crosses. The vertex on an edge is made once, by the first cell that is cut there: all cells with that
edge are cut by the same hyperplanes in the same order.

The cells of a layer are taken one after the other. What is still to be cut of a cell lies on a stack, and finished
cells are written out in order, so that little more than the vertices has to stay in the processor's cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import loop, scalar, section
from .bounds import ERR
from .combine import blend, distances
from .incidence import Edges, copy_side, copy_slots, find_edges, free_slot, table_place
from .instructions import count_bits
from .mesh import DONE, NEED_ROOM, NEED_SIGNS, Cut, Floats, Index, Ints, Scratch, Words
from .off import advance_off, lie_on_new_faces, new_bounds
from .rows import activate, advance, narrow
from .signs import append_signs, first_crossing, new_signs, set_zeros, sign_at
from .vertex import next_row, weight_of_end

NEED_SLOTS = 4  # more facets than there are bits: widen the masks and call again
NEED_STACK = 5  # enlarge the stack and the room for edges and call again

# entries of the state vector; N_SIGNS and ANSWERED have the places that `signs` knows
N_VERTICES = 0
N_CORNERS = 1  # of the finished cells
N_CELLS = 2
CURSOR = 3  # the next cell of the layer before
N_SIGNS = 4
ASKED_A = 5
ASKED_PLANE = 6
N_ASKED = 7
ANSWERED = 8
ASKED_B = 9
N_SLOTS = 10
DEPTH = 11  # cells on the stack
STATE_ENTRIES = 12


class Solid(NamedTuple):
    """The arrays of a complex; only the first N_VERTICES, N_CORNERS, N_CELLS, N_SLOTS entries are in use."""

    start: Ints  # (C + 1,) where the corners of each cell begin
    slot_start: Ints  # (C + 1,) where its slots for facets begin
    corner: Index  # (K,) vertices
    mask: Words  # (K, mask_words) slots of the facets that a corner lies on
    facet: Index  # (S,) label of the facet in a slot, as in `Mesh`; slots without corners are free
    root: Index  # (C,) the cell of the layer before
    pattern: Words  # (C, words)
    positive: Words  # (V, words)
    negative: Words  # (V, words)
    z: Floats  # (V, n)
    z_next: Floats  # (V, n_next)
    x: Floats  # (V, d), or (V, d + 1) homogeneous coordinates
    owner: Index  # (V,) label of the hyperplane that made the vertex
    vertex: Floats  # (V, VERTEX_COLUMNS)
    off: Floats  # (V, d, OFF_COLUMNS) distance from the planes of the k-faces with the vertex, k = 0, ..., d - 1
    ends: Index  # (V, 2) the edge that it was made on, -1 for those that were there
    table: Index  # (H,) vertices by the edge that they were made on, -1 where free; H is a power of two


class Stack(NamedTuple):
    """Cells that are still to be cut; the last is the next. Their corners and slots as in `Solid`."""

    start: Ints  # (D,)
    end: Ints  # (D,)
    slot_start: Ints  # (D,)
    slot_end: Ints  # (D,)
    crossing: Words  # (D, words) hyperplanes of this layer that are still to cut the cell
    pattern: Words  # (D, words) hyperplanes of this layer that are positive on the whole cell
    corner: Index
    mask: Words
    facet: Index


@scalar
def scan_solid(
    corner: Index, positive: Words, negative: Words, first: int, last: int, w: int
) -> tuple[np.uint64, np.uint64]:
    """The hyperplanes of word w that are positive somewhere on a cell, and those that are negative somewhere."""
    above = np.uint64(0)
    below = np.uint64(0)
    for p in range(first, last):
        v = corner[p]
        above |= positive[v, w]
        below |= negative[v, w]
    return above, below


@section
def make_vertex(mesh: Solid, cut: Cut, state: Ints, a: int, b: int, j: int, scratch: Scratch) -> int:
    """Make the vertex where hyperplane j crosses the edge (a, b); DONE, or NEED_SIGNS with nothing changed."""
    v = state[N_VERTICES]
    i = cut.column[j]
    za = mesh.z[a, i] - cut.threshold[j]
    zb = mesh.z[b, i] - cut.threshold[j]
    span = za - zb
    cb = weight_of_end(za, zb)
    ca = 1.0 - cb
    square, fourth = distances(mesh.z, a, b)
    blend(mesh.z, v, a, b, ca, cb)
    length = 0.0
    size = 0.0
    for c in range(mesh.x.shape[1]):
        length += (mesh.x[b, c] - mesh.x[a, c]) ** 2
        size += max(abs(mesh.x[a, c]), abs(mesh.x[b, c]))
        mesh.x[v, c] = mesh.x[a, c]
        if mesh.x[b, c] != mesh.x[a, c]:  # else it stays what it is: on a side of the domain, exactly
            mesh.x[v, c] = ca * mesh.x[a, c] + cb * mesh.x[b, c]
    new_bounds(mesh.vertex, mesh.off, v, a, b, square, fourth, np.sqrt(length), za, span, size)
    unproven = new_signs(mesh, cut, state, a, b, v, j, ca, cb, mesh.vertex[v, ERR], scratch)
    if unproven > 0:
        state[ASKED_A] = a
        state[ASKED_B] = b
        state[ASKED_PLANE] = j
        state[N_ASKED] = unproven
        state[ANSWERED] = 0
        return NEED_SIGNS
    state[ANSWERED] = 0
    mesh.owner[v] = cut.label0 + j
    set_zeros(mesh.positive, mesh.negative, mesh.z, mesh.vertex, cut.column, cut.threshold, v)
    next_row(mesh, cut, a, b, v, ca, cb, scratch)
    mesh.ends[v, 0] = min(a, b)
    mesh.ends[v, 1] = max(a, b)
    state[N_VERTICES] = v + 1
    return DONE


@section
def cut_top(mesh: Solid, stack: Stack, cut: Cut, state: Ints, j: int, edges: Edges, scratch: Scratch) -> int:
    """Cut the cell on top of the stack by hyperplane j, its negative part on top: DONE, or what is needed."""
    top = state[DEPTH] - 1
    first = stack.start[top]
    n = stack.end[top] - first
    slots = stack.slot_end[top] - stack.slot_start[top]
    d = mesh.off.shape[1]
    if n > edges.sign.shape[0]:
        return NEED_STACK
    for p in range(n):
        edges.sign[p] = sign_at(mesh.positive, mesh.negative, stack.corner[first + p], j)
    n_edges = find_edges(stack.mask, first, n, d, edges)
    to = first + n
    at = stack.slot_end[top]
    if (
        n_edges > edges.low.shape[0]
        or to + 2 * (n + n_edges) > stack.corner.shape[0]
        or at + 2 * (slots + 1) > stack.facet.shape[0]
        or top + 2 > stack.start.shape[0]
    ):
        return NEED_STACK
    if state[N_VERTICES] + n_edges >= mesh.x.shape[0] or 2 * (state[N_VERTICES] + n_edges) > mesh.table.shape[0]:
        return NEED_ROOM
    low_slot = free_slot(stack.mask, first, n, edges.sign, -1)
    high_slot = free_slot(stack.mask, first, n, edges.sign, 1)
    if low_slot < 0 or high_slot < 0:
        return NEED_SLOTS
    for e in range(n_edges):
        a = stack.corner[first + edges.low[e]]
        b = stack.corner[first + edges.high[e]]
        place = table_place(mesh.ends, mesh.table, min(a, b), max(a, b))
        if mesh.table[place] < 0:
            status = make_vertex(mesh, cut, state, min(a, b), max(a, b), j, scratch)
            if status != DONE:
                return status
            mesh.table[place] = state[N_VERTICES] - 1
        edges.made[e] = mesh.table[place]
    for p in range(n):
        if edges.sign[p] == 0:
            lie_on_new_faces(mesh.off, stack.corner[first + p])
    label = cut.label0 + j
    # above the cell: its positive part, then its negative one; they take its place, but for the room below them
    middle = to + copy_side(stack.corner, stack.mask, first, n, edges, n_edges, 1, high_slot, to)
    end = middle + copy_side(stack.corner, stack.mask, first, n, edges, n_edges, -1, low_slot, middle)
    slot_middle = at + copy_slots(stack.facet, stack.slot_start[top], slots, high_slot, label, at)
    slot_end = slot_middle + copy_slots(stack.facet, stack.slot_start[top], slots, low_slot, label, slot_middle)
    stack.start[top] = to
    stack.end[top] = middle
    stack.start[top + 1] = middle
    stack.end[top + 1] = end
    stack.slot_start[top] = at
    stack.slot_end[top] = slot_middle
    stack.slot_start[top + 1] = slot_middle
    stack.slot_end[top + 1] = slot_end
    j_bit = np.uint64(1) << np.uint64(j & 63)
    stack.crossing[top, j >> 6] &= ~j_bit
    for w in range(stack.crossing.shape[1]):
        stack.crossing[top + 1, w] = 0
        stack.pattern[top + 1, w] = stack.pattern[top, w]
        if stack.crossing[top, w]:
            above, below = scan_solid(stack.corner, mesh.positive, mesh.negative, to, middle, w)
            stack.crossing[top, w] = above & below
            stack.pattern[top, w] = above & ~below
            above, below = scan_solid(stack.corner, mesh.positive, mesh.negative, middle, end, w)
            stack.crossing[top + 1, w] = above & below
            stack.pattern[top + 1, w] = above & ~below
    stack.pattern[top, j >> 6] |= j_bit
    state[DEPTH] = top + 2
    return DONE


@scalar
def push_cell(mesh: Solid, stack: Stack, cell: int) -> bool:
    """Put a cell of the layer before on the empty stack; False if it is too small."""
    first, last = mesh.start[cell], mesh.start[cell + 1]
    slot_first, slot_last = mesh.slot_start[cell], mesh.slot_start[cell + 1]
    if last - first > stack.corner.shape[0] or slot_last - slot_first > stack.facet.shape[0]:
        return False
    for p in range(first, last):
        stack.corner[p - first] = mesh.corner[p]
        for w in range(mesh.mask.shape[1]):
            stack.mask[p - first, w] = mesh.mask[p, w]
    for p in range(slot_first, slot_last):
        stack.facet[p - slot_first] = mesh.facet[p]
    stack.start[0] = 0
    stack.end[0] = last - first
    stack.slot_start[0] = 0
    stack.slot_end[0] = slot_last - slot_first
    for w in range(mesh.positive.shape[1]):
        above, below = scan_solid(stack.corner, mesh.positive, mesh.negative, 0, last - first, w)
        stack.crossing[0, w] = above & below
        stack.pattern[0, w] = above & ~below
    return True


@scalar
def write_top(stack: Stack, to: Solid, state: Ints, root: int) -> bool:
    """Write the cell on top of the stack out; False if there is no room."""
    top = state[DEPTH] - 1
    first, last = stack.start[top], stack.end[top]
    slot_first, slot_last = stack.slot_start[top], stack.slot_end[top]
    k, c, s = state[N_CORNERS], state[N_CELLS], state[N_SLOTS]
    if (
        c + 1 >= to.start.shape[0]
        or k + last - first > to.corner.shape[0]
        or s + slot_last - slot_first > to.facet.shape[0]
    ):
        return False
    for p in range(first, last):
        to.corner[k] = stack.corner[p]
        for w in range(to.mask.shape[1]):
            to.mask[k, w] = stack.mask[p, w]
        k += 1
    for p in range(slot_first, slot_last):
        to.facet[s] = stack.facet[p]
        s += 1
    for w in range(to.pattern.shape[1]):
        to.pattern[c, w] = stack.pattern[top, w]
    to.root[c] = root
    to.start[c + 1] = k
    to.slot_start[c + 1] = s
    state[N_CORNERS] = k
    state[N_SLOTS] = s
    return True


@loop
def split_solids(mesh: Solid, to: Solid, stack: Stack, cut: Cut, state: Ints, edges: Edges, scratch: Scratch,
                 n_cells: int, keep: bool) -> int:  # fmt: skip
    """Cut the first `n_cells` cells by the layer's hyperplanes and write the parts out to the cells of `to`.

    If not `keep`, they are only counted. Returns DONE, NEED_ROOM or NEED_STACK (enlarge the arrays of the complex or of
    the stack and call again), NEED_SLOTS, or NEED_SIGNS (put the exact signs of the hyperplanes in scratch.asked where
    state[ASKED_PLANE] crosses the edge (state[ASKED_A], state[ASKED_B]) into scratch.answers and call again).
    """
    while True:
        if state[DEPTH] == 0:
            if state[CURSOR] == n_cells:
                return DONE
            if not push_cell(mesh, stack, state[CURSOR]):
                return NEED_STACK
            state[CURSOR] += 1
            state[DEPTH] = 1
        j = first_crossing(stack.crossing, state[DEPTH] - 1, stack.crossing.shape[1])
        if j >= 0:
            status = cut_top(mesh, stack, cut, state, j, edges, scratch)
            if status != DONE:
                return status
        else:
            if keep and not write_top(stack, to, state, state[CURSOR] - 1):
                return NEED_ROOM
            state[N_CELLS] += 1
            state[DEPTH] -= 1


@loop
def open_solids(mesh: Solid, cut: Cut, n_vertices: int, lipschitz: float, norms: Floats, mixed: Words, on: Ints,
                activations: Floats, columns: Ints, narrowed: Floats) -> None:  # fmt: skip
    """The activations at the vertices that are there; then keep some columns of z. As `layer.open_layer`."""
    for v in range(n_vertices):
        mesh.owner[v] = -1
    activate(mesh, cut, activations.shape[0], lipschitz, norms, mixed, on, activations)
    if columns.shape[0]:
        narrow(mesh.z, n_vertices, columns, narrowed)


@loop
def cells_expected(mesh: Solid, n_cells: int) -> int:
    """Number of cells to come if the hyperplanes were in general position in each cell; at most 2^40.

    By Zaslavsky's theorem (1975), k of them make the sum of C(k, i) for i <= d.
    """
    total = 0
    for c in range(n_cells):
        k = 0
        for w in range(mesh.positive.shape[1]):
            above, below = scan_solid(mesh.corner, mesh.positive, mesh.negative, mesh.start[c], mesh.start[c + 1], w)
            k += count_bits(above & below)
        term = 1
        for i in range(mesh.off.shape[1] + 1):
            total += term
            term = term * (k - i) // (i + 1)
        if total > 1 << 40:
            return 1 << 40
    return total


@loop
def close_solids(mesh: Solid, cut: Cut, used: tuple[int, int], lipschitz: float, norms: Floats, before: Words,
                 pattern: Words) -> None:  # fmt: skip
    """The packed signs of this layer after those of earlier ones, and the error bounds of the next layer's rows.

    `used` are the numbers of vertices and cells.
    """
    n_vertices, n_cells = used
    for c in range(n_cells):
        append_signs(before, mesh.root[c], mesh.pattern, c, pattern, c)
    if norms.shape[0]:
        advance(mesh.vertex, n_vertices, cut.is_relu, lipschitz, norms)
        advance_off(mesh.off, n_vertices, lipschitz, norms)


@loop
def places(mesh: Solid, n_cells: int, place: Ints, cell: Index) -> None:
    """For each vertex, where it is a corner of a cell, and that cell."""
    for c in range(n_cells):
        for p in range(mesh.start[c], mesh.start[c + 1]):
            place[mesh.corner[p]] = p
            cell[mesh.corner[p]] = c
