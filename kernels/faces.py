"""Faces of polytopes of every dimension: which there are, their vertices, and which cells share them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import loop, scalar, section
from .finished import Cells
from .instructions import lowest_bit
from .mesh import Flags, Index, Ints, Words
from .walk import Walk, face_place, first_corner, line_up, next_facet, open_cell

NEED_FOUND = 1  # room for the faces of a cell
NEED_TABLE = 2  # room for all of them


class Table(NamedTuple):
    """Faces of one dimension, each once, with the first cell that has it."""

    hash: Words  # (F,)
    cell: Index  # (F,) first cell
    last: Index  # (F,) last cell, the same if there is one only
    face: Words  # (F, words) corners of the first cell
    place: Index  # (H,) faces by hash, -1 where free; H is a power of two


class Room(NamedTuple):
    """Room for the faces of one cell."""

    found: Words  # (R, words) corners of each
    before: Words  # (R, words) the same of the next dimension
    place: Index  # (H,) the faces that have been found, by hash, -1 where free; H is a power of two, at least 2 R


@section
def list_faces(cells: Cells, c: int, d: int, walk: Walk, k: int, simple: bool, room: Room) -> int:
    """Write all faces of dimension k < d of a cell to `room.found`; returns how many there are, or more than the room.

    Facets are in the order of their slots.
    """
    words = walk.face.shape[1]
    for w in range(words):
        walk.face[d, w] = 0
    for p in range(cells.start[c + 1] - cells.start[c]):
        walk.face[d, p >> 6] |= np.uint64(1) << np.uint64(p & 63)
    if simple:
        return list_simple(cells, c, d, walk, k, room)
    return list_by_dimension(cells, c, d, walk, k, room)


@section
def list_simple(cells: Cells, c: int, d: int, walk: Walk, k: int, room: Room) -> int:
    """Where corners lie on d facets, a face is an intersection of d - k of them in one way only: take them in order."""
    count = 0
    level = d
    line_up(cells, c, walk, d, 0)
    while level <= d:
        s = next_facet(cells, c, walk, walk.face.shape[1], level, True)
        if s < 0:
            level += 1
        elif level - 1 > k:
            level -= 1
            line_up(cells, c, walk, level, s + 1)
        else:
            if count < room.found.shape[0]:
                for w in range(walk.face.shape[1]):
                    room.found[count, w] = walk.face[k, w]
            count += 1
    return count


@section
def list_by_dimension(cells: Cells, c: int, d: int, walk: Walk, k: int, room: Room) -> int:
    """Elsewhere the faces of each dimension are found from those of the next, each once."""
    words = walk.face.shape[1]
    for w in range(words):
        room.found[0, w] = walk.face[d, w]
    count = 1
    for step in range(d - k):
        level = d - step
        n = count
        for f in range(n):
            for w in range(words):
                room.before[f, w] = room.found[f, w]
        room.place[:] = -1
        count = 0
        for f in range(n):
            for w in range(words):
                walk.face[level, w] = room.before[f, w]
            line_up(cells, c, walk, level, 0)
            while next_facet(cells, c, walk, words, level, False) >= 0:
                if is_new(walk, level - 1, room, count):
                    if count < room.found.shape[0]:
                        for w in range(words):
                            room.found[count, w] = walk.face[level - 1, w]
                    count += 1
                    if count > room.found.shape[0]:
                        return count
    return count


@scalar
def is_new(walk: Walk, level: int, room: Room, count: int) -> bool:
    """Whether the face at a level is none of those found; it is then entered as the next one."""
    place = face_place(room.found, room.place, walk.face, level, walk.face.shape[1])
    if room.place[place] >= 0:
        return False
    if count < room.found.shape[0]:
        room.place[place] = count
    return True


@scalar
def same_face(cells: Cells, c: int, face: Words, f: int, other: int, table: Words, g: int) -> bool:
    """Whether row f of `face`, corners of cell c, and row g of `table`, corners of another cell, are the same vertices.

    The corners of cells are in order.
    """
    w = 0
    u = 0
    bits = face[f, 0]
    others = table[g, 0]
    while True:
        while bits == 0 and w + 1 < face.shape[1]:
            w += 1
            bits = face[f, w]
        while others == 0 and u + 1 < face.shape[1]:
            u += 1
            others = table[g, u]
        if bits == 0 or others == 0:
            return bits == others
        p = cells.start[c] + 64 * w + lowest_bit(bits)
        q = cells.start[other] + 64 * u + lowest_bit(others)
        if cells.corner[p] != cells.corner[q]:
            return False
        bits &= bits - np.uint64(1)
        others &= others - np.uint64(1)


@scalar
def face_hash(cells: Cells, c: int, face: Words, f: int, key: Words) -> np.uint64:
    """The keys of a face's vertices, combined."""
    value = np.uint64(0)
    for w in range(face.shape[1]):
        bits = face[f, w]
        while bits:
            value ^= key[cells.corner[cells.start[c] + 64 * w + lowest_bit(bits)]]
            bits &= bits - np.uint64(1)
    return value


@loop
def enter_faces(cells: Cells, d: int, k: int, walk: Walk, key: Words, room: Room, table: Table, of: Index,
                by: Index, state: Ints) -> int:  # fmt: skip
    """Enter the faces of dimension k of all cells in the table, each once.

    state: the next cell, the number of faces, that of faces of all cells so far. If `of` and `by` have room, they are
    filled with the faces of these, cell by cell, and with the cells. Returns 0, or NEED_FOUND or NEED_TABLE: enlarge it
    and call again.
    """
    while state[0] < cells.start.shape[0] - 1:
        c = state[0]
        simple = open_cell(cells, c, d, walk)
        m = list_faces(cells, c, d, walk, k, simple, room)
        n = state[1]
        if m > room.found.shape[0]:
            return NEED_FOUND
        if n + m > table.hash.shape[0] or 2 * (n + m) > table.place.shape[0]:
            return NEED_TABLE
        for f in range(m):
            value = face_hash(cells, c, room.found, f, key)
            place = value & np.uint64(table.place.shape[0] - 1)
            while True:
                g = int(table.place[place])
                if g < 0:
                    g = n
                    table.place[place] = n
                    table.hash[n] = value
                    table.cell[n] = c
                    for w in range(room.found.shape[1]):
                        table.face[n, w] = room.found[f, w]
                    n += 1
                    break
                if table.hash[g] == value and same_face(cells, c, room.found, f, table.cell[g], table.face, g):
                    break
                place = (place + np.uint64(1)) & np.uint64(table.place.shape[0] - 1)
            table.last[g] = c
            if of.shape[0]:
                of[state[2] + f] = g
                by[state[2] + f] = c
        state[0] = c + 1
        state[1] = n
        state[2] += m
    return 0


@loop
def fill_places(table: Table, n: int) -> None:
    """Enter the first n faces by their hashes."""
    table.place[:] = -1
    for f in range(n):
        place = table.hash[f] & np.uint64(table.place.shape[0] - 1)
        while table.place[place] >= 0:
            place = (place + np.uint64(1)) & np.uint64(table.place.shape[0] - 1)
        table.place[place] = f


@loop
def vertices_of_faces(cells: Cells, cell: Index, face: Words, offset: Ints, vertex: Ints) -> None:
    """Write the vertices of faces, in order; where each begins is known."""
    for f in range(cell.shape[0]):
        n = offset[f]
        for w in range(face.shape[1]):
            bits = face[f, w]
            while bits:
                vertex[n] = cells.corner[cells.start[cell[f]] + 64 * w + lowest_bit(bits)]
                bits &= bits - np.uint64(1)
                n += 1


@loop
def go_round(
    cells: Cells, d: int, walk: Walk, cell: Index, face: Words, offset: Ints, vertex: Ints, link: Ints
) -> None:
    """Write the vertices of polygons in the order of a way round each, from the first one; `link` (C, 2) is room."""
    simple = False
    words = walk.face.shape[1]
    for f in range(cell.shape[0]):
        c = int(cell[f])
        if f == 0 or cell[f] != cell[f - 1]:
            simple = open_cell(cells, c, d, walk)
        for w in range(words):
            walk.face[2, w] = face[f, w]
        link[:] = -1
        line_up(cells, c, walk, 2, 0)
        while next_facet(cells, c, walk, words, 2, simple) >= 0:
            p = first_corner(walk.face, 1)
            walk.face[1, p >> 6] &= ~(np.uint64(1) << np.uint64(p & 63))
            q = first_corner(walk.face, 1)
            link[p, 0 if link[p, 0] < 0 else 1] = q
            link[q, 0 if link[q, 0] < 0 else 1] = p
        first = first_corner(walk.face, 2)
        before = -1
        own = first
        for n in range(offset[f], offset[f + 1]):
            vertex[n] = cells.corner[cells.start[c] + own]
            following = link[own, 0] if link[own, 0] != before else link[own, 1]
            before = own
            own = following


@loop
def domain_facets(cells: Cells, held: Words) -> None:
    """For each vertex the facets of the domain that it lies on, as bits."""
    for c in range(cells.start.shape[0] - 1):
        for p in range(cells.start[c], cells.start[c + 1]):
            for k in range(cells.mask.shape[1]):
                bits = cells.mask[p, k]
                while bits:
                    label = cells.facet[cells.slot_start[c] + 64 * k + lowest_bit(bits)]
                    bits &= bits - np.uint64(1)
                    if label < 0:
                        i = -1 - label
                        held[cells.corner[p], i >> 6] |= np.uint64(1) << np.uint64(i & 63)


@loop
def lie_outside(held: Words, offset: Ints, vertex: Ints, outer: Flags) -> None:
    """Which faces, given by their vertices, lie on a facet of the domain."""
    for f in range(outer.shape[0]):
        outer[f] = False
        for w in range(held.shape[1]):
            shared = ~np.uint64(0)
            for p in range(offset[f], offset[f + 1]):
                shared &= held[vertex[p], w]
            if shared:
                outer[f] = True
