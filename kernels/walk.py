"""Walks through the faces of a polytope.

A face of a cell is the set of its corners, as bits; the facets of a face are its largest proper intersections with
facets of the cell. Where every corner of the cell lies on d facets only, any intersection that is not empty will do.

The cones from the first corner of a face over those of its facets without it, taken down to points, are simplices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import loop, scalar, section
from .finished import Cells
from .instructions import count_bits, lowest_bit
from .mesh import Index, Ints, Words


class Walk(NamedTuple):
    """Room for a walk through the faces of a cell."""

    on: Words  # (S, words) corners on each facet of the cell
    face: Words  # (d + 1, words) corners of the face of each dimension that the walk is in
    apex: Ints  # (d + 1,) its first corner
    todo: Words  # (d + 1, mask words) facets of the cell that are still to be intersected with it


@section
def open_cell(cells: Cells, c: int, d: int, walk: Walk) -> bool:
    """Find the corners on each facet of a cell; returns whether every corner lies on d facets only."""
    first, last = cells.start[c], cells.start[c + 1]
    simple = True
    for s in range(cells.slot_start[c + 1] - cells.slot_start[c]):
        for w in range(walk.on.shape[1]):
            walk.on[s, w] = 0
    for p in range(first, last):
        r = p - first
        bit = np.uint64(1) << np.uint64(r & 63)
        n = 0
        for k in range(cells.mask.shape[1]):
            bits = cells.mask[p, k]
            n += count_bits(bits)
            while bits:
                walk.on[64 * k + lowest_bit(bits), r >> 6] |= bit
                bits &= bits - np.uint64(1)
        simple = simple and n == d
    return simple


@scalar
def first_corner(face: Words, level: int) -> int:
    """The first corner of the face at a level."""
    for w in range(face.shape[1]):
        if face[level, w]:
            return 64 * w + lowest_bit(face[level, w])
    return -1


@scalar
def is_facet(walk: Walk, cells: Cells, c: int, words: int, level: int, s: int) -> bool:
    """Whether facet s of the cell is the first one that cuts this facet out of the face at a level."""
    for t in range(cells.slot_start[c + 1] - cells.slot_start[c]):
        if t == s:
            continue
        larger = False  # than the intersection with s
        smaller = False
        whole = True  # the face itself lies on t
        for w in range(words):
            face = walk.face[level, w]
            own = face & walk.on[s, w]
            other = face & walk.on[t, w]
            larger = larger or (other & ~own) != 0
            smaller = smaller or (own & ~other) != 0
            whole = whole and other == face
        if not whole and not smaller and (larger or t < s):
            return False
    return True


@section
def line_up(cells: Cells, c: int, walk: Walk, level: int, after: int) -> None:
    """Line up the facets of the cell, from slot `after` on, that meet the face at a level in a part of it."""
    first = cells.start[c]
    for k in range(walk.todo.shape[1]):
        some = np.uint64(0)
        every = ~np.uint64(0)
        for w in range(walk.face.shape[1]):
            bits = walk.face[level, w]
            while bits:
                mask = cells.mask[first + 64 * w + lowest_bit(bits), k]
                bits &= bits - np.uint64(1)
                some |= mask
                every &= mask
        low = after - 64 * k
        above = np.uint64(0)
        if low <= 0:
            above = ~np.uint64(0)
        elif low < 64:
            above = ~np.uint64(0) << np.uint64(low)
        walk.todo[level, k] = some & ~every & above


@section
def next_facet(cells: Cells, c: int, walk: Walk, words: int, level: int, simple: bool) -> int:
    """Make the next facet of the face at a level the face at the level below; its slot, or -1 if there is no more."""
    for k in range(walk.todo.shape[1]):
        while walk.todo[level, k]:
            s = 64 * k + lowest_bit(walk.todo[level, k])
            walk.todo[level, k] &= walk.todo[level, k] - np.uint64(1)
            if simple or is_facet(walk, cells, c, words, level, s):
                for w in range(words):
                    walk.face[level - 1, w] = walk.face[level, w] & walk.on[s, w]
                return s
    return -1


@section
def enter_face(cells: Cells, c: int, walk: Walk, level: int) -> None:
    """Line up the facets of the face at a level that its first corner is not on."""
    walk.apex[level] = first_corner(walk.face, level)
    line_up(cells, c, walk, level, 0)
    for w in range(walk.todo.shape[1]):
        walk.todo[level, w] &= ~cells.mask[cells.start[c] + walk.apex[level], w]


@section
def next_simplex(cells: Cells, c: int, walk: Walk, words: int, level: int, k: int, simple: bool) -> int:
    """Go on from a level to the next simplex of a face of dimension k, whose corners are the apexes.

    Returns the level to go on from, or -1 if there is no more.
    """
    while level <= k:
        if level == 0:
            walk.apex[0] = first_corner(walk.face, 0)
            return 1
        if next_facet(cells, c, walk, words, level, simple) < 0:
            level += 1
        else:
            level -= 1
            if level > 0:
                enter_face(cells, c, walk, level)
    return -1


@loop
def triangulate(cells: Cells, d: int, walk: Walk, k: int, cell: Index, face: Words, room: Ints, owner: Ints) -> int:
    """Write simplices of faces of dimension k >= 1 to `room`, (n, k + 1) vertices, and the face of each to `owner`.

    Returns how many there are, which may exceed the room.
    """
    simple = False
    words = walk.face.shape[1]
    n = 0
    for f in range(cell.shape[0]):
        c = int(cell[f])
        if f == 0 or cell[f] != cell[f - 1]:
            simple = open_cell(cells, c, d, walk)
        for w in range(words):
            walk.face[k, w] = face[f, w]
        enter_face(cells, c, walk, k)
        level = k
        while True:
            level = next_simplex(cells, c, walk, words, level, k, simple)
            if level < 0:
                break
            if n < room.shape[0]:
                owner[n] = f
                for i in range(k + 1):
                    room[n, i] = cells.corner[cells.start[c] + walk.apex[k - i]]
            n += 1
    return n


@loop
def whole_cells(cells: Cells, faces: Words) -> None:
    """All corners of each cell, as those of a face."""
    for c in range(faces.shape[0]):
        n = cells.start[c + 1] - cells.start[c]
        for w in range(faces.shape[1]):
            left = n - 64 * w
            faces[c, w] = 0
            if left >= 64:
                faces[c, w] = ~np.uint64(0)
            elif left > 0:
                faces[c, w] = (np.uint64(1) << np.uint64(left)) - np.uint64(1)


@scalar
def face_place(known: Words, place: Index, face: Words, level: int, words: int) -> int:
    """Where the face at a level is among known ones by their hash, or the free place for it."""
    value = np.uint64(0)
    for w in range(words):
        low = face[level, w] & np.uint64(0xFFFFFFFF)
        high = face[level, w] >> np.uint64(32)
        value ^= low * np.uint64(0x9E3779B1) + high * np.uint64(0x5EBCA77B)  # no product overflows
        value = ((value ^ (value >> np.uint64(29))) & np.uint64(0xFFFFFFFF)) * np.uint64(0xC2B2AE3D)
    value ^= value >> np.uint64(32)
    at = np.int64(value & np.uint64(place.shape[0] - 1))
    while place[at] >= 0:
        same = True
        for w in range(words):
            same = same and known[place[at], w] == face[level, w]
        if same:
            break
        at = np.int64((at + 1) & (place.shape[0] - 1))
    return at
