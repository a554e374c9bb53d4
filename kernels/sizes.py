"""Volumes and centroids of faces of polytopes, with proven bounds of their errors.

A face is made of the simplices that `walk` comes to, each with its first corner v. Of these, the cones from v over a
face F of dimension l without v make up one vector of degree l + 1 of the exterior algebra: the sum of u_0 ^ ... ^ u_l
over the simplices of F, with u_i their corners relative to v and all oriented alike, of length (l + 1)! times the
volume of the cone over F. It is u ^ (sum of those of the facets of F without its first corner), with u that corner
relative to v. So each face of a cell is gone through once, however many simplices share it.

With f >= |u| for the vectors as they are and g for their sum with all that errors and rounding may change of them,
products and sums of such vectors change by at most the same products and sums of the g less those of the f. Whether
two cones are oriented alike shows in the coordinate where one of them is largest; where that is not certain, twice
their lengths are in doubt.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar, section
from .bounds import SQUARES_VANISH
from .finished import Cells
from .instructions import lowest_bit
from .mesh import Floats, Index, Ints, Words
from .walk import Walk, enter_face, face_place, first_corner, next_facet, open_cell

UNIT = 2.0**-53
SLACK = 1.0 + 2.0**-40
TINY = 2.0**-900  # covers underflow in products

# columns of the lengths
LONG = 0  # products of lengths
GROWN = 1  # of bounds of them
DOUBT = 2  # what may have the wrong orientation
NORM = 3
LENGTHS = 4


class Wedge(NamedTuple):
    """Where the coordinates of u ^ w come from, for u in R^d and w of degree k - 1: from sets of k axes."""

    count: Ints  # (d + 1,) coordinates of each degree
    axis: NDArray[np.uint32]  # (d + 1, C, d) the t-th axis of each
    source: NDArray[np.uint32]  # (d + 1, C, d) the coordinate of w without that axis


class Cones(NamedTuple):
    """Room for the faces that the simplices of one face are made of, and the cones over them from its first corner."""

    y: Floats  # (K, d) corners of the cell relative to that one
    far: Floats  # (K,) their lengths
    grown: Floats  # (K,) and what these may come to
    face: Words  # (R, words) corners
    place: Index  # (H,) the faces by hash, -1 where free; H is a power of two, at least 2 R
    entry: Ints  # (R,) where they are in that
    first: Ints  # (R + 1,) where the facets of each without its first corner begin
    part: Index  # (P,)
    level: Ints  # (d + 2,) where the faces of each dimension begin, and end for the next larger
    w: Floats  # (R, C) cones over them
    length: Floats  # (R, LENGTHS)
    mean: Floats  # (R, d) means of the sums of their simplices' corners; (R, 0) if they are not wanted
    own: Floats  # (P, C) cones over the parts of one face
    norm: Floats  # (P,) their lengths
    u: Floats  # (C, d) coefficients of one product
    unit: Ints  # (d,) exponents of the units of length


class Sorted(NamedTuple):
    """A copy of one cell, its facets by the number of their corners and its corners by the facets that they lie on."""

    cell: Cells
    mask: Words  # (K, words) with slots as in the copy, corners as in the cell
    count: Ints  # (S,) corners of each facet of the cell
    slot: Ints  # (S,) place of each in the copy
    order: Ints  # (K,) the corners of the cell in the order of the copy
    rank: Ints  # (K,) place of each in the copy


@scalar
def precedes(mask: Words, p: int, q: int) -> bool:
    """Whether corner p lies on the first of the facets on which only one of two corners lies."""
    for w in range(mask.shape[1]):
        either = mask[p, w] ^ mask[q, w]
        if either:
            return (mask[p, w] & either & (~either + np.uint64(1))) != 0
    return False


@section
def sort_cell(cells: Cells, c: int, own: Sorted) -> None:
    """Copy a cell in an order in which simplices share many faces: those of a cube have d! of them, but 2^d in all."""
    first = cells.start[c]
    n = cells.start[c + 1] - first
    slots = cells.slot_start[c + 1] - cells.slot_start[c]
    words = cells.mask.shape[1]
    own.count[:] = 0
    for p in range(n):
        for k in range(words):
            own.mask[p, k] = 0
            bits = cells.mask[first + p, k]
            while bits:
                own.count[64 * k + lowest_bit(bits)] += 1
                bits &= bits - np.uint64(1)
    for s in range(slots):
        own.slot[s] = 0
        for t in range(slots):
            if own.count[t] > own.count[s] or (own.count[t] == own.count[s] and t < s):
                own.slot[s] += 1
    for p in range(n):
        own.order[p] = p
        for k in range(words):
            bits = cells.mask[first + p, k]
            while bits:
                s = own.slot[64 * k + lowest_bit(bits)]
                own.mask[p, s >> 6] |= np.uint64(1) << np.uint64(s & 63)
                bits &= bits - np.uint64(1)
    gap = n
    while gap > 1:
        gap = max(1, gap * 5 // 11)
        for i in range(gap, n):
            p = own.order[i]
            place = i
            while place >= gap and precedes(own.mask, p, own.order[place - gap]):
                own.order[place] = own.order[place - gap]
                place -= gap
            own.order[place] = p
    for r in range(n):
        p = own.order[r]
        own.rank[p] = r
        own.cell.corner[r] = cells.corner[first + p]
        for k in range(words):
            own.cell.mask[r, k] = own.mask[p, k]
    own.cell.start[1] = n
    own.cell.slot_start[1] = slots


@section
def relate(cells: Cells, c: int, x: Floats, error: Floats, walk: Walk, cones: Cones, words: int, k: int) -> None:
    """Corners of the face of dimension k relative to its first one, in units of powers of two: one for each axis.

    Of a face in fewer than d dimensions all are the same. Each product of lengths has k factors; with `rounding` more
    in each they cover the rounding of everything.
    """
    d = x.shape[1]
    first = cells.start[c]
    own = cells.corner[first + walk.apex[k]]
    rounding = (64.0 + 4.0 * walk.on.shape[0]) * UNIT
    for i in range(d):
        cones.u[0, i] = 0.0
    for w in range(words):
        bits = walk.face[k, w]
        while bits:
            r = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            for i in range(d):
                cones.y[r, i] = x[cells.corner[first + r], i] - x[own, i]
                cones.u[0, i] = max(cones.u[0, i], abs(cones.y[r, i]))
    for i in range(d):
        largest = cones.u[0, i]
        if k < d:
            for j in range(d):
                largest = max(largest, cones.u[0, j])
        cones.unit[i] = 0
        if 0.0 < largest < np.inf:
            cones.unit[i] = math.frexp(largest)[1]
    least = cones.unit[0]
    most = cones.unit[0]
    for i in range(d):
        least = min(least, cones.unit[i])
        most = max(most, cones.unit[i])
    stretch = 1.0 if least == most else np.sqrt(1.0 * d)  # of lengths in the smallest of the units
    for w in range(words):
        bits = walk.face[k, w]
        while bits:
            r = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            square = 0.0
            for i in range(d):
                cones.y[r, i] = math.ldexp(cones.y[r, i], -int(cones.unit[i]))
                square += cones.y[r, i] ** 2
            cones.far[r] = np.sqrt(square) * SLACK + 2.0**-500  # squares may vanish
            moved = math.ldexp(error[cells.corner[first + r]] + error[own], -int(least))
            cones.grown[r] = cones.far[r] * (1.0 + rounding) + moved * stretch * SLACK + TINY


@section
def list_parts(cells: Cells, c: int, walk: Walk, cones: Cones, words: int, k: int, simple: bool) -> int:
    """Write the faces that cones are made of, from those of dimension k down to edges; their number, -1 for no room.

    Face 0 is the face itself. The places of the faces are taken out of the table again.
    """
    n = 1
    parts = 0
    enough = True
    for w in range(words):
        cones.face[0, w] = walk.face[k, w]
    cones.level[k + 1] = 0
    cones.level[k] = 1
    begin = 0
    for step in range(k - 1):
        level = k - step
        end = n
        for f in range(begin, end):
            for w in range(words):
                walk.face[level, w] = cones.face[f, w]
            enter_face(cells, c, walk, level)
            cones.first[f] = parts
            while next_facet(cells, c, walk, words, level, simple) >= 0:
                if n == cones.face.shape[0] or parts == cones.part.shape[0]:
                    enough = False
                    break
                place = face_place(cones.face, cones.place, walk.face, level - 1, words)
                if cones.place[place] < 0:
                    cones.place[place] = n
                    cones.entry[n] = place
                    for w in range(words):
                        cones.face[n, w] = walk.face[level - 1, w]
                    n += 1
                cones.part[parts] = cones.place[place]
                parts += 1
            cones.first[f + 1] = parts
        cones.level[level - 1] = n
        begin = end
    for f in range(1, n):
        cones.place[cones.entry[f]] = -1
    return n if enough else -1


@section
def coefficients(y: Floats, p: int, degree: int, table: Wedge, out: Floats) -> None:
    """The coordinates of y[p] that those of w have to be multiplied with for y[p] ^ w, of a degree."""
    for i in range(table.count[degree]):
        for t in range(degree):
            value = y[p, table.axis[degree, i, t]]
            out[i, t] = -value if t & 1 else value


@section
def wedge(u: Floats, w: Floats, f: int, out: Floats, m: int, degree: int, table: Wedge) -> float:
    """out[m] = u ^ w[f], of a degree, with `coefficients` of u; returns the square of its length."""
    s = table.source
    square = 0.0
    n = table.count[degree]
    if degree == 2:
        for i in range(n):
            value = u[i, 0] * w[f, s[2, i, 0]] + u[i, 1] * w[f, s[2, i, 1]]
            out[m, i] = value
            square += value * value
    elif degree == 3:
        for i in range(n):
            value = u[i, 0] * w[f, s[3, i, 0]] + u[i, 1] * w[f, s[3, i, 1]] + u[i, 2] * w[f, s[3, i, 2]]
            out[m, i] = value
            square += value * value
    elif degree == 4:
        for i in range(n):
            value = u[i, 0] * w[f, s[4, i, 0]] + u[i, 1] * w[f, s[4, i, 1]]
            value += u[i, 2] * w[f, s[4, i, 2]] + u[i, 3] * w[f, s[4, i, 3]]
            out[m, i] = value
            square += value * value
    else:
        for i in range(n):
            value = 0.0
            for t in range(degree):
                value += u[i, t] * w[f, s[degree, i, t]]
            out[m, i] = value
            square += value * value
    return square


@scalar
def length_of_row(row: Floats, m: int, n: int, square: float) -> float:
    """The length of the first n entries of row[m], given the sum of their squares, which may have vanished."""
    return np.sqrt(square) if square > SQUARES_VANISH else _tiny_length(row, m, n)


@scalar
def _tiny_length(row: Floats, m: int, n: int) -> float:
    largest = 0.0
    for i in range(n):
        largest = max(largest, abs(row[m, i]))
    if largest == 0.0:
        return 0.0
    total = 0.0
    for i in range(n):
        total += (row[m, i] / largest) ** 2
    return largest * np.sqrt(total)


@section
def cone_over_edge(cones: Cones, f: int, words: int, table: Wedge) -> None:
    """The cone over an edge: the product of its ends."""
    p = -1
    q = -1
    for w in range(words):
        bits = cones.face[f, w]
        while bits:
            p = q
            q = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
    coefficients(cones.y, p, 2, table, cones.u)
    square = wedge(cones.u, cones.y, q, cones.w, f, 2, table)
    cones.length[f, NORM] = length_of_row(cones.w, f, table.count[2], square)
    cones.length[f, LONG] = cones.far[p] * cones.far[q]
    cones.length[f, GROWN] = cones.grown[p] * cones.grown[q]
    cones.length[f, DOUBT] = 0.0
    for i in range(cones.mean.shape[1]):
        cones.mean[f, i] = cones.y[p, i] + cones.y[q, i]


@section
def cone_over_face(cones: Cones, f: int, level: int, table: Wedge) -> None:
    """The cone over a face of a dimension, from those over its facets without its first corner."""
    p = first_corner(cones.face, f)
    degree = level + 1
    first = cones.first[f]
    n = cones.first[f + 1] - first
    largest = -1.0
    best = 0
    sums = 0.0
    for i in range(cones.mean.shape[1]):
        cones.mean[f, i] = 0.0
    coefficients(cones.y, p, degree, table, cones.u)
    for m in range(n):
        g = cones.part[first + m]
        square = wedge(cones.u, cones.w, g, cones.own, m, degree, table)
        norm = length_of_row(cones.own, m, table.count[degree], square)
        cones.norm[m] = norm
        if norm > largest:
            largest = norm
            best = m
        sums += norm
        for i in range(cones.mean.shape[1]):
            cones.mean[f, i] += norm * cones.mean[g, i]
    for i in range(cones.mean.shape[1]):
        rest = cones.mean[f, i] / sums if sums > 0.0 else cones.mean[cones.part[first], i]
        cones.mean[f, i] = cones.y[p, i] + rest
    axes = 0
    for i in range(table.count[degree]):
        if abs(cones.own[best, i]) > abs(cones.own[best, axes]):
            axes = i
        cones.w[f, i] = 0.0
    far = cones.far[p]
    grown = cones.grown[p]
    for i in range(LENGTHS):
        cones.length[f, i] = 0.0
    certain = abs(cones.own[best, axes]) > change(cones.length, cones.part[first + best], far, grown)
    for m in range(n):
        g = cones.part[first + m]
        sign = 1.0 if (cones.own[m, axes] > 0.0) == (cones.own[best, axes] > 0.0) else -1.0
        for i in range(table.count[degree]):
            cones.w[f, i] += sign * cones.own[m, i]
        cones.length[f, LONG] += far * cones.length[g, LONG]
        cones.length[f, GROWN] += grown * cones.length[g, GROWN]
        cones.length[f, DOUBT] += grown * cones.length[g, DOUBT]
        changed = change(cones.length, g, far, grown)
        if not (certain and abs(cones.own[m, axes]) > changed):
            cones.length[f, DOUBT] += 2.0 * (cones.norm[m] * SLACK + changed)
    square = 0.0
    for i in range(table.count[degree]):
        square += cones.w[f, i] ** 2
    cones.length[f, NORM] = length_of_row(cones.w, f, table.count[degree], square)


@scalar
def change(length: Floats, g: int, far: float, grown: float) -> float:
    """What errors and rounding may change in the product of a corner and the cone over face g."""
    return (grown * length[g, GROWN] - far * length[g, LONG] + grown * length[g, DOUBT]) * SLACK + TINY


@section
def cone_over_parts(cones: Cones) -> None:
    """The faces of dimension k - 1 of face 0 make it up: their cones all lie in its plane."""
    for i in range(LENGTHS):
        cones.length[0, i] = 0.0
    for i in range(cones.mean.shape[1]):
        cones.mean[0, i] = 0.0
    for m in range(cones.first[0], cones.first[1]):
        g = cones.part[m]
        for i in range(LENGTHS):
            cones.length[0, i] += cones.length[g, i]
        for i in range(cones.mean.shape[1]):
            cones.mean[0, i] += cones.length[g, NORM] * cones.mean[g, i]


@section
def cone_of_edge(cones: Cones, words: int) -> None:
    """Face 0 is an edge."""
    for w in range(words):
        bits = cones.face[0, w]
        while bits:
            q = 64 * w + lowest_bit(bits)
            bits &= bits - np.uint64(1)
    square = 0.0
    for i in range(cones.y.shape[1]):
        square += cones.y[q, i] ** 2
    cones.length[0, NORM] = np.sqrt(square)
    cones.length[0, LONG] = cones.far[q]
    cones.length[0, GROWN] = cones.grown[q]
    cones.length[0, DOUBT] = 0.0
    for i in range(cones.mean.shape[1]):
        cones.mean[0, i] = cones.length[0, NORM] * cones.y[q, i]


@loop
def measure(cells: Cells, x: Floats, error: Floats, walk: Walk, own: Sorted, cones: Cones, table: Wedge, k: int,
            cell: Index, face: Words, sizes: Floats, centroids: Floats, done: Ints) -> bool:  # fmt: skip
    """Volumes of faces of dimension k >= 1 with bounds of their errors (F, 2), and their centroids (F, d) or (F, 0).

    Each is given by its corners among those of a cell. Returns False where there is no room for done[0], the next one:
    enlarge `cones` and call again.
    """
    simple = False
    before = -1
    words = 0
    factorial = 1.0
    for i in range(2, k + 1):
        factorial *= i
    while done[0] < cell.shape[0]:
        f = done[0]
        c = int(cell[f])
        if c != before:
            sort_cell(cells, c, own)
            simple = open_cell(own.cell, 0, x.shape[1], walk)
            words = (own.cell.start[1] + 63) >> 6
            before = c
        walk.face[:] = 0
        for w in range(words):
            bits = face[f, w]
            while bits:
                r = own.rank[64 * w + lowest_bit(bits)]
                walk.face[k, r >> 6] |= np.uint64(1) << np.uint64(r & 63)
                bits &= bits - np.uint64(1)
        enter_face(own.cell, 0, walk, k)
        apex = own.cell.corner[walk.apex[k]]
        n = list_parts(own.cell, 0, walk, cones, words, k, simple)
        if n < 0:
            return False
        relate(own.cell, 0, x, error, walk, cones, words, k)
        if k == 1:
            cone_of_edge(cones, words)
        else:
            for g in range(n - 1, cones.level[2] - 1, -1):
                cone_over_edge(cones, g, words, table)
            for level in range(2, k):
                for g in range(cones.level[level + 1], cones.level[level]):
                    cone_over_face(cones, g, level, table)
            cone_over_parts(cones)
        total = cones.length[0, NORM]
        for i in range(centroids.shape[1]):
            shift = cones.mean[0, i] / (total * (k + 1)) if total > 0.0 else 0.0
            centroids[f, i] = x[apex, i] + math.ldexp(shift, int(cones.unit[i]))
        bound = cones.length[0, GROWN] * (1.0 + 64.0 * UNIT) - cones.length[0, LONG] + cones.length[0, DOUBT]
        exponent = 0
        for i in range(k):
            exponent += cones.unit[i]
        sizes[f, 0] = math.ldexp(total / factorial, int(exponent))
        sizes[f, 1] = math.ldexp(bound / factorial * SLACK + TINY, int(exponent)) * SLACK + TINY
        if not (sizes[f, 0] < np.inf and sizes[f, 1] < np.inf):  # beyond float64, or from vertices that are
            sizes[f, 0] = np.inf
            sizes[f, 1] = np.inf
        done[0] = f + 1
    return True
