"""Faces of polytopes of every dimension: which there are, their volumes, and which cells share them.

A face of a cell is the set of its corners, as bits; the facets of a face are its largest proper intersections with
facets of the cell. Where every corner of the cell lies on d facets only, any intersection that is not empty will do.

Volumes come from simplices: the cones from the first corner of a face over those of its facets without it, taken down
to points. A simplex's volume is the product of the distances of its corners from the planes of those before them, by
Gram-Schmidt orthogonalisation of all corners of a face at once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import loop, scalar, section
from .finished import Cells
from .instructions import count_bits, lowest_bit
from .mesh import Flags, Floats, Index, Ints, Words

UNIT = 2.0**-53
SLACK = 1.0 + 2.0**-20  # covers the rounding of bounds, for sums of up to 2^30 terms
TINY = 2.0**-900  # covers underflow in products

NEED_FOUND = 1  # room for the faces of a cell
NEED_TABLE = 2  # room for all of them


class Walk(NamedTuple):
    """Room for a walk through the faces of a cell, and for the residuals of their corners."""

    on: Words  # (S, words) corners on each facet of the cell
    face: Words  # (d + 1, words) corners of the face of each dimension that the walk is in
    apex: Ints  # (d + 1,) its first corner
    todo: Words  # (d + 1, mask words) facets of the cell that are still to be intersected with it
    y: Floats  # (d + 1, C, d) residuals of its corners
    far: Floats  # (C,) distances of corners from the first apex
    grown: Floats  # (C,) and what they may come to by errors and rounding
    product: Floats  # (d + 1, 3) products of residuals, of distances, of their bounds
    unit: Ints  # (1,) exponent of the unit of length
    middle: Floats  # (d + 1, d) sums of the apexes; (d + 1, 0) if no centroids are wanted


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


@scalar
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


@scalar
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
def start_cone(cells: Cells, c: int, x: Floats, error: Floats, walk: Walk, words: int, k: int) -> None:
    """Corners of a face of dimension k relative to its first one, and its facets without that.

    Gram-Schmidt orthogonalisation of vectors u_i is exact for vectors within `rounding` |u_i| of them (Bjoerck 1967;
    Higham, Accuracy and Stability of Numerical Algorithms, theorem 19.13), and by Hadamard's inequality a volume
    changes by at most the product of the sizes of all vectors with their changes, less that without.
    """
    d = x.shape[1]
    first = cells.start[c]
    walk.apex[k] = first_corner(walk.face, k)
    own = cells.corner[first + walk.apex[k]]
    rounding = 16.0 * (d + k) * k * UNIT
    for w in range(words):
        bits = walk.face[k, w]
        while bits:
            r = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            v = cells.corner[first + r]
            square = 0.0
            size = 0.0
            for i in range(d):
                walk.y[k, r, i] = x[v, i] - x[own, i]
                square += walk.y[k, r, i] ** 2
                size = max(size, abs(walk.y[k, r, i]))
            walk.far[r] = np.sqrt(square) * SLACK
            walk.grown[r] = walk.far[r] * (1.0 + rounding) + error[v] + error[own] + TINY
            if size < 1e-140:  # squares may vanish
                walk.far[r] = 3.0 * size
                walk.grown[r] = 6.0 * size + error[v] + error[own] + TINY
    # in units of a power of two near the size of the face, for products neither to vanish nor to overflow
    exponent = 0
    largest = 0.0
    for w in range(words):
        bits = walk.face[k, w]
        while bits:
            r = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            largest = max(largest, walk.far[r])
    if 0.0 < largest < np.inf:
        exponent = math.frexp(largest)[1]
    walk.unit[0] = exponent
    for w in range(words):
        bits = walk.face[k, w]
        while bits:
            r = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            walk.far[r] = math.ldexp(walk.far[r], -exponent)
            walk.grown[r] = math.ldexp(walk.grown[r], -exponent)
            for i in range(d):
                walk.y[k, r, i] = math.ldexp(walk.y[k, r, i], -exponent)
    for i in range(3):
        walk.product[k, i] = 1.0
    for i in range(walk.middle.shape[1]):
        walk.middle[k, i] = 0.0
    line_up(cells, c, walk, k, 0)
    for w in range(walk.todo.shape[1]):
        walk.todo[k, w] &= ~cells.mask[first + walk.apex[k], w]


@section
def enter_cone(cells: Cells, c: int, walk: Walk, words: int, level: int, k: int) -> None:
    """Residuals of the face at a level, from those one level above, orthogonal to that of its first corner.

    And its facets without that corner.
    """
    d = walk.y.shape[2]
    first = cells.start[c]
    q = first_corner(walk.face, level)
    walk.apex[level] = q
    square = 0.0
    for i in range(d):
        square += walk.y[level + 1, q, i] ** 2
    for i in range(walk.middle.shape[1]):
        walk.middle[level, i] = walk.middle[level + 1, i] + walk.y[k, q, i]
    walk.product[level, 0] = walk.product[level + 1, 0] * np.sqrt(square)
    walk.product[level, 1] = walk.product[level + 1, 1] * walk.far[q]
    walk.product[level, 2] = walk.product[level + 1, 2] * walk.grown[q]
    scale = 1.0 / square if square > 0.0 else 0.0
    for n in range(walk.todo.shape[1]):
        walk.todo[level, n] = 0
    for w in range(words):
        bits = walk.face[level, w]
        while bits:
            r = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            if r == q:
                continue
            along = 0.0
            for i in range(d):
                along += walk.y[level + 1, r, i] * walk.y[level + 1, q, i]
            along *= scale
            for i in range(d):
                walk.y[level, r, i] = walk.y[level + 1, r, i] - along * walk.y[level + 1, q, i]
            for n in range(walk.todo.shape[1]):
                walk.todo[level, n] |= cells.mask[first + r, n]
    for n in range(walk.todo.shape[1]):
        walk.todo[level, n] &= ~cells.mask[first + q, n]


@section
def end_cone(walk: Walk, words: int, k: int) -> None:
    """The last two corners of a simplex, the ends of the edge at level 1, and its products."""
    d = walk.y.shape[2]
    p = -1
    q = -1
    for w in range(words):
        bits = walk.face[1, w]
        while bits:
            p = q
            q = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
    walk.apex[1] = p
    walk.apex[0] = q
    level = min(2, k)
    square = 0.0
    along = 0.0
    for i in range(d):
        square += walk.y[level, p, i] ** 2
        along += walk.y[level, p, i] * walk.y[level, q, i]
    scale = along / square if square > 0.0 else 0.0
    rest = 0.0
    for i in range(d):
        rest += (walk.y[level, q, i] - scale * walk.y[level, p, i]) ** 2
    if k == 1:  # p is the first corner, where all residuals are zero
        walk.product[0, 0] = np.sqrt(rest)
        walk.product[0, 1] = walk.far[q]
        walk.product[0, 2] = walk.grown[q]
    else:
        walk.product[0, 0] = walk.product[2, 0] * np.sqrt(square) * np.sqrt(rest)
        walk.product[0, 1] = walk.product[2, 1] * walk.far[p] * walk.far[q]
        walk.product[0, 2] = walk.product[2, 2] * walk.grown[p] * walk.grown[q]
    for i in range(walk.middle.shape[1]):
        walk.middle[0, i] = walk.middle[level, i] + walk.y[k, p, i] + walk.y[k, q, i]


@section
def next_simplex(cells: Cells, c: int, walk: Walk, words: int, level: int, k: int, simple: bool) -> int:
    """Go on from a level to the next simplex of a face of dimension k, whose corners are the apexes.

    Returns the level to go on from, or -1 if there is no more.
    """
    while level <= k:
        if level > 1:
            if next_facet(cells, c, walk, words, level, simple) < 0:
                level += 1
                continue
            level -= 1
        if level == 1:
            end_cone(walk, words, k)
            return 2
        enter_cone(cells, c, walk, words, level, k)
    return -1


@loop
def measure(cells: Cells, x: Floats, error: Floats, walk: Walk, k: int, cell: Index, face: Words, sizes: Floats,
            centroids: Floats) -> None:  # fmt: skip
    """Volumes of faces of dimension k >= 1 with bounds of their errors (F, 2), and their centroids (F, d) or (F, 0).

    Each is given by its corners among those of a cell.
    """
    d = x.shape[1]
    simple = False
    words = 0
    factorial = 1.0
    for i in range(2, k + 1):
        factorial *= i
    for f in range(cell.shape[0]):
        c = int(cell[f])
        if f == 0 or cell[f] != cell[f - 1]:
            simple = open_cell(cells, c, d, walk)
            words = (cells.start[c + 1] - cells.start[c] + 63) >> 6
        for w in range(walk.face.shape[1]):
            walk.face[k, w] = face[f, w]
        start_cone(cells, c, x, error, walk, words, k)
        total = 0.0
        long = 0.0
        grown = 0.0
        n = 0
        for i in range(centroids.shape[1]):
            centroids[f, i] = 0.0
        level = k
        while True:
            level = next_simplex(cells, c, walk, words, level, k, simple)
            if level < 0:
                break
            total += walk.product[0, 0]
            long += walk.product[0, 1]
            grown += walk.product[0, 2]
            n += 1
            for i in range(centroids.shape[1]):
                centroids[f, i] += walk.product[0, 0] * walk.middle[0, i]
        own = cells.corner[cells.start[c] + walk.apex[k]]
        for i in range(centroids.shape[1]):
            shift = centroids[f, i] / (total * (k + 1)) if total > 0.0 else 0.0
            centroids[f, i] = x[own, i] + math.ldexp(shift, int(walk.unit[0]))
        rounding = (n + 8 * k) * UNIT * grown
        bound = ((grown - long) + 2.0 * rounding) / factorial * SLACK
        sizes[f, 0] = math.ldexp(total / factorial, k * int(walk.unit[0]))
        sizes[f, 1] = math.ldexp(bound, k * int(walk.unit[0])) * SLACK + TINY
        if not (sizes[f, 0] < np.inf and sizes[f, 1] < np.inf):  # beyond float64, or from vertices that are
            sizes[f, 0] = np.inf
            sizes[f, 1] = np.inf


@loop
def triangulate(cells: Cells, x: Floats, error: Floats, walk: Walk, k: int, cell: Index, face: Words, room: Ints,
                owner: Ints) -> int:  # fmt: skip
    """Write simplices of faces of dimension k >= 1 to `room`, (n, k + 1) vertices, and the face of each to `owner`.

    Returns how many there are, which may exceed the room.
    """
    simple = False
    words = walk.face.shape[1]
    n = 0
    for f in range(cell.shape[0]):
        c = int(cell[f])
        if f == 0 or cell[f] != cell[f - 1]:
            simple = open_cell(cells, c, x.shape[1], walk)
        for w in range(words):
            walk.face[k, w] = face[f, w]
        start_cone(cells, c, x, error, walk, words, k)
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


@section
def list_faces(cells: Cells, c: int, d: int, walk: Walk, k: int, simple: bool, room: Room) -> int:
    """Write all faces of dimension k < d of a cell to `room.found`; returns how many there are, or more than the room.

    Facets are in the order of their slots. Where corners lie on d facets, a face is an intersection of d - k of them,
    in one way only. Elsewhere the faces of each dimension are found from those of the next, each once.
    """
    words = walk.face.shape[1]
    for w in range(words):
        walk.face[d, w] = 0
    for p in range(cells.start[c + 1] - cells.start[c]):
        walk.face[d, p >> 6] |= np.uint64(1) << np.uint64(p & 63)
    count = 0
    n = 1
    for w in range(words):
        room.before[0, w] = walk.face[d, w]
    level = d
    end = d if simple else k + 1
    while level >= end and (simple or level > k):
        count = 0
        if not simple:
            room.place[:] = -1
        for f in range(n):
            for w in range(words):
                walk.face[level, w] = room.before[f, w]
            line_up(cells, c, walk, level, 0)
            own = level
            while own <= level:
                s = next_facet(cells, c, walk, words, own, simple)
                if s < 0:
                    own += 1
                elif simple and own - 1 > k:
                    own -= 1
                    line_up(cells, c, walk, own, s + 1)
                elif simple or is_new(walk, own - 1, room, count):
                    if count < room.found.shape[0]:
                        for w in range(words):
                            room.found[count, w] = walk.face[own - 1, w]
                    count += 1
                    if not simple and count > room.found.shape[0]:
                        return count
        n = count
        if not simple and level > k + 1:
            for f in range(n):
                for w in range(words):
                    room.before[f, w] = room.found[f, w]
        level -= 1
    return count


@scalar
def is_new(walk: Walk, level: int, room: Room, count: int) -> bool:
    """Whether the face at a level is none of those found; it is then entered as the next one."""
    value = np.uint64(0)
    for w in range(walk.face.shape[1]):
        low = walk.face[level, w] & np.uint64(0xFFFFFFFF)
        high = walk.face[level, w] >> np.uint64(32)
        value ^= low * np.uint64(0x9E3779B1) + high * np.uint64(0x5EBCA77B)  # no product overflows
        value = ((value ^ (value >> np.uint64(29))) & np.uint64(0xFFFFFFFF)) * np.uint64(0xC2B2AE3D)
    value ^= value >> np.uint64(32)
    place = value & np.uint64(room.place.shape[0] - 1)
    while room.place[place] >= 0:
        same = True
        for w in range(walk.face.shape[1]):
            same = same and room.found[room.place[place], w] == walk.face[level, w]
        if same:
            return False
        place = (place + np.uint64(1)) & np.uint64(room.place.shape[0] - 1)
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
