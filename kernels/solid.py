"""Complexes of polytopes in three and more dimensions: cells are split by the hyperplanes of one layer.

A cell is a list of corners. Each corner has the set of the cell's facets that it lies on, as bits: facets have slots,
numbered anew in each cell. Two corners are joined by an edge if no third corner lies on all the facets that they have
in common; if one of them lies on d facets only, that is so when d - 1 are in common. A cut keeps, on either side, the
corners that are not on the other one, and adds a corner on each edge that it crosses. The vertex on an edge is made
once, by the first cell that is cut there: all cells with that edge are cut by the same hyperplanes in the same order.

The cells of a layer are taken one after the other. What is still to be cut of a cell lies on a stack, and finished
cells are written out in order, so that little more than the vertices has to stay in the processor's cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import loop, scalar, section
from .bounds import (
    DX,
    ERR,
    ETA2,
    ETAI,
    GRAIN,
    NEXT_GRAIN,
    REACH_TINY,
    RW,
    S2,
    SI,
    SLACK,
    SW,
    TINY,
    UNIT,
    WEIGHT,
    XR,
    ZN,
)  # fmt: skip
from .combine import blend, distances
from .instructions import count_bits, eight_near, lowest_bit
from .mesh import DONE, NEED_ROOM, NEED_SIGNS, Cut, Floats, Index, Ints, Scratch, Words
from .rows import activate, advance, narrow
from .signs import first_crossing, new_signs, set_zeros, sign_at
from .vertex import next_row

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

# columns of the table of distances from the planes of faces
OFF2 = 0  # in values, 2-norm
OFFI = 1  # in values, largest entry
OFFX = 2  # in coordinates
OFF_COLUMNS = 3


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
    x: Floats  # (V, d)
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
    corner: Index, mask: Words, first: int, n: int, edges: Edges, n_edges: int, side: int, slot: int, to: int
) -> int:
    """Write the corners of the part on one side of a cell, with the new facet in a slot; returns how many."""
    m = to
    for p in range(n):
        if edges.sign[p] * side >= 0:
            corner[m] = corner[first + p]
            m += 1
    for e in range(n_edges):
        corner[m] = edges.made[e]
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
                mask[k, w] = mask[first + p, w]
                k += 1
            elif edges.sign[p] == 0:
                mask[k, w] = (mask[first + p, w] & alive) | bit
                k += 1
        for e in range(n_edges):
            mask[k, w] = (mask[first + edges.low[e], w] & mask[first + edges.high[e], w] & alive) | bit
            k += 1
    return m - to


@scalar
def copy_slots(facet: Index, first: int, n: int, slot: int, label: int, to: int) -> int:
    """Write the slots of a part of a cell; returns how many."""
    for s in range(n):
        facet[to + s] = facet[first + s]
    if slot == n:
        n += 1
    facet[to + slot] = label
    return n


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


@scalar
def new_bounds(vertex: Floats, off: Floats, v: int, a: int, b: int, square: float, fourth: float, length: float,
               za: float, span: float, size: float) -> None:  # fmt: skip
    """Error bounds of the vertex v on the edge (a, b), see bounds.py."""
    t = vertex
    eta = max(t[a, ETAI], t[b, ETAI])
    eta_2 = max(t[a, ETA2], t[b, ETA2])
    s_i = max(t[a, SI], t[b, SI])
    s_2 = max(t[a, S2], t[b, S2])
    zn = max(t[a, ZN], t[b, ZN])
    rounding = 4.0 * UNIT * zn
    residual = eta + 8.0 * UNIT * abs(za) + rounding
    rise = abs(span) * (1.0 - 4.0 * UNIT) - 2.0 * (eta + s_i)
    # the fourth root bounds the largest entry, more closely than the 2-norm does
    reach_2 = (np.sqrt(square) + 2.0 * (eta_2 + s_2)) * SLACK + REACH_TINY
    reach_i = (np.sqrt(np.sqrt(fourth)) + 2.0 * (eta + s_i)) * SLACK + REACH_TINY
    reach_x = (length + 2.0 * max(t[a, DX], t[b, DX])) * SLACK + REACH_TINY
    d = off.shape[1]
    far_2 = 0.0
    far_i = 0.0
    far_x = 0.0
    for step in range(d):
        k = d - 1 - step
        part = np.inf
        if rise > 0.0:
            part = (residual + far_i) / rise * SLACK
        # k-faces within the hyperplane, from the faces of one dimension more that it cuts; and k-faces with the edge
        now_2 = far_2 + part * reach_2
        now_i = far_i + part * reach_i
        now_x = far_x + part * reach_x
        far_2 = max(off[a, k, OFF2], off[b, k, OFF2])
        far_i = max(off[a, k, OFFI], off[b, k, OFFI])
        far_x = max(off[a, k, OFFX], off[b, k, OFFX])
        if k > 0:
            now_2 = max(now_2, far_2)
            now_i = max(now_i, far_i)
            now_x = max(now_x, far_x)
        elif rise > 0.0:
            # or along the line through the displaced ends
            part = min(1.0, (residual + s_i) / rise * SLACK)
            now_2 = min(now_2, s_2 + part * reach_2)
            now_i = min(now_i, s_i + part * reach_i)
            now_x = min(now_x, far_x + part * reach_x)
        else:
            now_2 = min(now_2, s_2 + reach_2)
            now_i = min(now_i, s_i + reach_i)
            now_x = min(now_x, far_x + reach_x)
        off[v, k, OFF2] = now_2 * SLACK
        off[v, k, OFFI] = now_i * SLACK
        off[v, k, OFFX] = now_x * SLACK
    xr = max(t[a, XR], t[b, XR]) + 8.0 * UNIT * size
    t[v, ETA2] = eta_2 + rounding
    t[v, ETAI] = eta + rounding
    t[v, S2] = off[v, 0, OFF2]
    t[v, SI] = off[v, 0, OFFI]
    t[v, ERR] = (eta + rounding + t[v, SI]) * SLACK + TINY
    t[v, ZN] = zn
    t[v, DX] = (off[v, 0, OFFX] + xr) * SLACK
    t[v, XR] = xr
    t[v, WEIGHT] = 1.0
    t[v, GRAIN] = np.nan
    t[v, NEXT_GRAIN] = np.nan


@section
def make_vertex(mesh: Solid, cut: Cut, state: Ints, a: int, b: int, j: int, scratch: Scratch) -> int:
    """Make the vertex where hyperplane j crosses the edge (a, b); DONE, or NEED_SIGNS with nothing changed."""
    v = state[N_VERTICES]
    i = cut.column[j]
    za = mesh.z[a, i] - cut.threshold[j]
    zb = mesh.z[b, i] - cut.threshold[j]
    span = za - zb
    cb = za / span
    if not cb >= 0.0:
        cb = 0.0
    elif cb > 1.0:
        cb = 1.0
    ca = 1.0 - cb
    square, fourth = distances(mesh.z, a, b)
    blend(mesh.z, v, a, b, ca, cb)
    length = 0.0
    size = 0.0
    for c in range(mesh.x.shape[1]):
        length += (mesh.x[b, c] - mesh.x[a, c]) ** 2
        size += max(abs(mesh.x[a, c]), abs(mesh.x[b, c]))
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
    d = mesh.x.shape[1]
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


@scalar
def lie_on_new_faces(off: Floats, v: int) -> None:
    """A vertex through which a hyperplane goes lies on faces that it did not: it is as far from them as from itself."""
    for k in range(1, off.shape[1]):
        for c in range(off.shape[2]):
            off[v, k, c] = max(off[v, k, c], off[v, 0, c])


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
        for i in range(mesh.x.shape[1] + 1):
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
    known = before.shape[1]
    for c in range(n_cells):
        for w in range(known):
            pattern[c, w] = before[mesh.root[c], w]
        for w in range(mesh.pattern.shape[1]):
            pattern[c, known + w] = mesh.pattern[c, w]
    if norms.shape[0]:
        advance(mesh.vertex, n_vertices, cut.is_relu, lipschitz, norms)
        advance_off(mesh.off, n_vertices, lipschitz, norms)


@scalar
def advance_off(off: Floats, n_vertices: int, lipschitz: float, norms: Floats) -> None:
    """Distances from the planes of faces, passed on to the next layer's rows."""
    for v in range(n_vertices):
        for k in range(off.shape[1]):
            s = off[v, k, OFF2] * lipschitz * SLACK
            off[v, k, OFF2] = norms[SW] * s * SLACK
            off[v, k, OFFI] = norms[RW] * s * SLACK


@loop
def places(mesh: Solid, n_cells: int, place: Ints, cell: Index) -> None:
    """For each vertex, where it is a corner of a cell, and that cell."""
    for c in range(n_cells):
        for p in range(mesh.start[c], mesh.start[c + 1]):
            place[mesh.corner[p]] = p
            cell[mesh.corner[p]] = c
