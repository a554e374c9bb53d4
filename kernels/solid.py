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
from .combine import blend, distances, length_of
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
    square_x = 0.0
    sizes = 0.0
    size = 0.0
    for c in range(mesh.x.shape[1]):
        apart = abs(mesh.x[b, c] - mesh.x[a, c])
        square_x += apart * apart
        sizes += apart
        size += max(abs(mesh.x[a, c]), abs(mesh.x[b, c]))
        mesh.x[v, c] = mesh.x[a, c]
        if mesh.x[b, c] != mesh.x[a, c]:  # else it stays what it is: on a side of the domain, exactly
            mesh.x[v, c] = ca * mesh.x[a, c] + cb * mesh.x[b, c]
    new_bounds(mesh.vertex, mesh.off, v, a, b, square, fourth, length_of(square_x, sizes), za, span, size)
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
def make_vertices(
    mesh: Solid, stack: Stack, cut: Cut, state: Ints, j: int, edges: Edges, n_edges: int, scratch: Scratch
) -> int:
    """Find or make the vertices where hyperplane j crosses edges of the cell on top of the stack."""
    first = stack.start[state[DEPTH] - 1]
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
    return DONE


@section
def scan_part(mesh: Solid, stack: Stack, top: int, edges: Edges, n_edges: int, j: int, side: int, level: int) -> int:
    """Write the words of the part of a cell on a side of hyperplane j to a level; returns how many are to cut it."""
    first = stack.start[top]
    n = stack.end[top] - first
    count = 0
    for w in range(stack.crossing.shape[1]):
        bit = np.uint64(0)
        if j >> 6 == w:
            bit = np.uint64(1) << np.uint64(j & 63)
        left = stack.crossing[top, w] & ~bit
        inside = stack.pattern[top, w]
        if left:
            above = np.uint64(0)
            below = np.uint64(0)
            for p in range(n):
                if edges.sign[p] * side >= 0:
                    above |= mesh.positive[stack.corner[first + p], w]
                    below |= mesh.negative[stack.corner[first + p], w]
            for e in range(n_edges):
                above |= mesh.positive[edges.made[e], w]
                below |= mesh.negative[edges.made[e], w]
            left = above & below & ~bit
            inside = above & ~below
        if side > 0:
            inside |= bit
        stack.crossing[level, w] = left
        stack.pattern[level, w] = inside
        count += count_bits(left)
    return count


@scalar
def has_room(to: Solid, state: Ints, cells: int, corners: int, slots: int) -> bool:
    """Whether so many more cells, corners and slots can be written out."""
    return bool(
        state[N_CELLS] + cells < to.start.shape[0]
        and state[N_CORNERS] + corners <= to.corner.shape[0]
        and state[N_SLOTS] + slots <= to.facet.shape[0]
    )


@scalar
def end_cell(to: Solid, state: Ints, stack: Stack, level: int, corners: int, slots: int) -> None:
    """End a cell that has been written out, whose words are at a level of the stack."""
    c = state[N_CELLS]
    state[N_CORNERS] += corners
    state[N_SLOTS] += slots
    state[N_CELLS] = c + 1
    to.start[c + 1] = state[N_CORNERS]
    to.slot_start[c + 1] = state[N_SLOTS]
    to.root[c] = state[CURSOR] - 1
    for w in range(to.pattern.shape[1]):
        to.pattern[c, w] = stack.pattern[level, w]


@scalar
def push_part(stack: Stack, state: Ints, level: int, first: int, corners: int, slot_first: int, slots: int) -> None:
    """Put a cell that has been written to the stack on top; its words are at a level at or above that."""
    top = state[DEPTH]
    stack.start[top] = first
    stack.end[top] = first + corners
    stack.slot_start[top] = slot_first
    stack.slot_end[top] = slot_first + slots
    for w in range(stack.crossing.shape[1]):
        stack.crossing[top, w] = stack.crossing[level, w]
        stack.pattern[top, w] = stack.pattern[level, w]
    state[DEPTH] = top + 1


@section
def cut_top(mesh: Solid, to: Solid, stack: Stack, cut: Cut, state: Ints, j: int, edges: Edges, scratch: Scratch,
            keep: bool) -> int:  # fmt: skip
    """Cut the cell on top of the stack by hyperplane j: DONE, or what is needed.

    Parts that are still to be cut take its place on the stack, the negative one on top; the others are written out. If
    not `keep`, parts that at most one more hyperplane cuts are only counted.
    """
    top = state[DEPTH] - 1
    first = stack.start[top]
    n = stack.end[top] - first
    slot_first = stack.slot_start[top]
    slots = stack.slot_end[top] - slot_first
    if n > edges.sign.shape[0]:
        return NEED_STACK
    for p in range(n):
        edges.sign[p] = sign_at(mesh.positive, mesh.negative, stack.corner[first + p], j)
    n_edges = find_edges(stack.mask, first, n, mesh.off.shape[1], edges)
    if (
        n_edges > edges.low.shape[0]
        or first + 3 * n + 2 * n_edges > stack.corner.shape[0]
        or slot_first + 3 * slots + 2 > stack.facet.shape[0]
        or top + 3 > stack.start.shape[0]
    ):
        return NEED_STACK
    if (
        state[N_VERTICES] + n_edges >= mesh.x.shape[0]
        or 2 * (state[N_VERTICES] + n_edges) > mesh.table.shape[0]
        or (keep and not has_room(to, state, 2, 2 * (n + n_edges), 2 * (slots + 1)))
    ):
        return NEED_ROOM
    status = make_vertices(mesh, stack, cut, state, j, edges, n_edges, scratch)
    if status != DONE:
        return status
    high_slot = free_slot(stack.mask, first, n, edges.sign, 1)
    low_slot = free_slot(stack.mask, first, n, edges.sign, -1)
    if low_slot < 0 or high_slot < 0:
        return NEED_SLOTS
    for p in range(n):
        if edges.sign[p] == 0:
            lie_on_new_faces(mesh.off, stack.corner[first + p])
    above = scan_part(mesh, stack, top, edges, n_edges, j, 1, top + 1)
    below = scan_part(mesh, stack, top, edges, n_edges, j, -1, top + 2)
    state[DEPTH] = top
    own, mask, label = stack.corner, stack.mask, cut.label0 + j
    free, slot_free = first + n, slot_first + slots
    for side, slot, left, level in ((1, high_slot, above, top + 1), (-1, low_slot, below, top + 2)):
        if left <= 1 and not keep:
            state[N_CELLS] += 1 + left
        elif left == 0:
            k, s = state[N_CORNERS], state[N_SLOTS]
            corners = copy_side(own, mask, first, n, edges, n_edges, side, slot, to.corner, to.mask, k)
            filled = copy_slots(stack.facet, slot_first, slots, slot, label, to.facet, s)
            end_cell(to, state, stack, level, corners, filled)
        else:
            corners = copy_side(own, mask, first, n, edges, n_edges, side, slot, own, mask, free)
            filled = copy_slots(stack.facet, slot_first, slots, slot, label, stack.facet, slot_free)
            push_part(stack, state, level, free, corners, slot_free, filled)
            free += corners
            slot_free += filled
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
def planes_left(stack: Stack, level: int) -> int:
    """How many hyperplanes are still to cut the cell at a level."""
    count = 0
    for w in range(stack.crossing.shape[1]):
        count += count_bits(stack.crossing[level, w])
    return count


@scalar
def write_top(stack: Stack, to: Solid, state: Ints) -> bool:
    """Write the cell on top of the stack out; False if there is no room."""
    top = state[DEPTH] - 1
    first = stack.start[top]
    slot_first = stack.slot_start[top]
    corners = stack.end[top] - first
    slots = stack.slot_end[top] - slot_first
    if not has_room(to, state, 1, corners, slots):
        return False
    for p in range(corners):
        k = state[N_CORNERS] + p
        to.corner[k] = stack.corner[first + p]
        for w in range(to.mask.shape[1]):
            to.mask[k, w] = stack.mask[first + p, w]
    for p in range(slots):
        to.facet[state[N_SLOTS] + p] = stack.facet[slot_first + p]
    end_cell(to, state, stack, top, corners, slots)
    return True


@loop
def split_solids(mesh: Solid, to: Solid, stack: Stack, cut: Cut, state: Ints, edges: Edges, scratch: Scratch,
                 n_cells: int, keep: bool) -> int:  # fmt: skip
    """Cut the first `n_cells` cells by the layer's hyperplanes and write the parts out to the cells of `to`.

    If not `keep`, they are only counted: where one hyperplane is left it makes two of a cell, without being put in.
    Returns DONE, NEED_ROOM or NEED_STACK (enlarge the arrays of the complex or of the stack and call again),
    NEED_SLOTS, or NEED_SIGNS (put the exact signs of the hyperplanes in scratch.asked where state[ASKED_PLANE] crosses
    the edge (state[ASKED_A], state[ASKED_B]) into scratch.answers and call again).
    """
    while True:
        if state[DEPTH] == 0:
            if state[CURSOR] == n_cells:
                return DONE
            if not push_cell(mesh, stack, state[CURSOR]):
                return NEED_STACK
            state[CURSOR] += 1
            state[DEPTH] = 1
        top = state[DEPTH] - 1
        left = planes_left(stack, top)
        if left == 0 and keep:
            if not write_top(stack, to, state):
                return NEED_ROOM
            state[DEPTH] = top
        elif left <= 1 and not keep:
            state[N_CELLS] += 1 + left
            state[DEPTH] = top
        else:
            j = first_crossing(stack.crossing, top, stack.crossing.shape[1])
            status = cut_top(mesh, to, stack, cut, state, j, edges, scratch, keep)
            if status != DONE:
                return status


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
