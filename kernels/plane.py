"""Two-dimensional complexes: convex cells as cycles of half-edges, split in place by the hyperplanes of one layer.

Half-edge h belongs to edge h >> 1 and runs from `origin[h]` to `origin[h ^ 1]`; `after` and `before` link the cycle of its cell
counter-clockwise. Edges are shared by the two cells beside them, so a vertex is made once. Where the block of cells ends, a half-edge without
cell is linked in a ring of its own, which lists the parts of the original edge in order.

Each vertex knows the sign of every hyperplane of the layer: bit k of `positive` or of `negative`, neither for zero. A cell is cut by
hyperplane k if it has a strictly positive and a strictly negative vertex; the cut joins two boundary points where the sign is zero. Signs at a
new vertex follow from those at the ends of its edge by convexity, unless the ends have opposite signs; then the value decides if it exceeds its
error bound, and the caller is asked for the exact sign if it does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar, section
from .bounds import (
    ALPHA, DX, ERR, ETA2, ETAI, G, NH, OWN2, OWNI, OWNX, S2, SI, SIGMA2, SIGMAI, SLACK, TINY, UNIT, WEIGHT, XR, ZN,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]
Words = NDArray[np.uint64]

DONE = 0
NEED_ROOM = 1
NEED_SIGNS = 2
BROKEN = 3

# entries of the state vector
N_VERTICES = 0
N_EDGES = 1
N_CELLS = 2
CURSOR = 3  # the cell being split
N_SIGNS = 4  # signs decided from values
ASKED_HALF = 5  # the half-edge, hyperplane and number of hyperplanes of the question
ASKED_PLANE = 6
N_ASKED = 7
ANSWERED = 8
STATE_ENTRIES = 9


# rows of the scratch words: the caller's answers (positive, negative, given), and what the kernel keeps
POSITIVE = 0
NEGATIVE = 1
GIVEN = 2
CELL = 3
WANTED = 4
SCRATCH_ROWS = 5


class Mesh(NamedTuple):
    """The arrays of a complex; only the first N_VERTICES, N_EDGES, N_CELLS entries are in use."""

    origin: Index  # (2E,)
    after: Index  # (2E,)
    before: Index  # (2E,)
    label: Index  # (E,) hyperplane (all layers numbered through) or -1 - facet of the domain
    edge: Floats  # (E, EDGE_COLUMNS)
    first: Index  # (C,) a half-edge of each cell
    follow: Index  # (C,) next cell in order, -1 at the end
    root: Index  # (C,) the cell at the start of this layer
    positive: Words  # (V, words)
    negative: Words  # (V, words)
    z: Floats  # (V, n)
    z_next: Floats  # (V, n_next)
    x: Floats  # (V, 2)
    owner: Index  # (V,) label of the hyperplane that made the vertex
    vertex: Floats  # (V, VERTEX_COLUMNS)


class Cut(NamedTuple):
    """One layer's hyperplanes z[neuron] = threshold, its units, and the next layer's weights, transposed."""

    neuron: Ints  # (m,)
    threshold: Floats  # (m,)
    start: Ints  # (n + 1,) hyperplanes of each neuron
    piece: Ints  # (n + 1,) pieces of each neuron
    slope: Floats
    intercept: Floats
    bend: Floats  # (m,) change of slope at each hyperplane
    is_relu: bool
    weight_t: Floats  # (n, n_next)
    bias: Floats  # (n_next,)
    label0: int


@scalar
def sign_at(positive: Words, negative: Words, v: int, k: int) -> int:
    w = k >> 6
    b = np.uint64(k & 63)
    one = np.uint64(1)
    return np.int64((positive[v, w] >> b) & one) - np.int64((negative[v, w] >> b) & one)


@scalar
def lowest_bit(word: np.uint64) -> int:
    n = 0
    x = word
    if x & np.uint64(0xFFFFFFFF) == 0:
        n += 32
        x >>= np.uint64(32)
    if x & np.uint64(0xFFFF) == 0:
        n += 16
        x >>= np.uint64(16)
    if x & np.uint64(0xFF) == 0:
        n += 8
        x >>= np.uint64(8)
    if x & np.uint64(0xF) == 0:
        n += 4
        x >>= np.uint64(4)
    if x & np.uint64(0x3) == 0:
        n += 2
        x >>= np.uint64(2)
    if x & np.uint64(0x1) == 0:
        n += 1
    return n


@section
def cutting_plane(mesh: Mesh, cell: int, scratch: Words) -> int:
    """The lowest hyperplane with vertices of the cell strictly on both sides, or -1; all of them as bits in scratch[CELL]."""
    h0 = mesh.first[cell]
    lowest = -1
    for w in range(mesh.positive.shape[1]):
        above = np.uint64(0)
        below = np.uint64(0)
        h = h0
        while True:
            v = mesh.origin[h]
            above |= mesh.positive[v, w]
            below |= mesh.negative[v, w]
            h = mesh.after[h]
            if h == h0:
                break
        scratch[CELL, w] = above & below
        if lowest < 0 and above & below:
            lowest = w * 64 + lowest_bit(above & below)
    return lowest


@scalar
def wanted_planes(origin: Index, after: Index, positive: Words, negative: Words, h: int, scratch: Words) -> None:
    """The hyperplanes that can meet a vertex on the edge of half-edge h: those that cut the cell on either side, in scratch[WANTED]."""
    twin = h ^ 1
    for w in range(positive.shape[1]):
        above = np.uint64(0)
        below = np.uint64(0)
        g = twin
        while True:
            v = origin[g]
            above |= positive[v, w]
            below |= negative[v, w]
            g = after[g]
            if g == twin:
                break
        scratch[WANTED, w] = scratch[CELL, w] | (above & below)


@scalar
def distance2(z: Floats, a: int, b: int) -> float:
    """|z[b] - z[a]|^2, summed in eight strands."""
    n = z.shape[1]
    s0 = 0.0
    s1 = 0.0
    s2 = 0.0
    s3 = 0.0
    m = n - n % 4
    for i in range(0, m, 4):
        d0 = z[b, i] - z[a, i]
        d1 = z[b, i + 1] - z[a, i + 1]
        d2 = z[b, i + 2] - z[a, i + 2]
        d3 = z[b, i + 3] - z[a, i + 3]
        s0 += d0 * d0
        s1 += d1 * d1
        s2 += d2 * d2
        s3 += d3 * d3
    for i in range(m, n):
        d0 = z[b, i] - z[a, i]
        s0 += d0 * d0
    return (s0 + s1) + (s2 + s3)


@scalar
def unit_value(mesh: Mesh, cut: Cut, v: int, i: int) -> float:
    """Activation of neuron i at vertex v, on the piece that its proven signs name."""
    z = mesh.z[v, i]
    if cut.is_relu:
        if (mesh.positive[v, i >> 6] >> np.uint64(i & 63)) & np.uint64(1):
            return z
        return 0.0
    p = cut.piece[i]
    for k in range(cut.start[i], cut.start[i + 1]):
        if sign_at(mesh.positive, mesh.negative, v, k) > 0:
            p += 1
    return cut.slope[p] * z + cut.intercept[p] * mesh.vertex[v, WEIGHT]


@scalar
def vanishes(mesh: Mesh, cut: Cut, v: int) -> bool:
    """Whether every unit's value at v is exactly zero: then the next row is the bias, without error."""
    for i in range(cut.start.shape[0] - 1):
        p = cut.piece[i]
        place = 0.0
        at_breakpoint = False
        for k in range(cut.start[i], cut.start[i + 1]):
            s = sign_at(mesh.positive, mesh.negative, v, k)
            if s > 0:
                p += 1
            elif s == 0:
                at_breakpoint = True
                place = cut.threshold[k]
        if not at_breakpoint and cut.slope[p] != 0.0:
            return False
        if (cut.slope[p] * place + cut.intercept[p]) * mesh.vertex[v, WEIGHT] != 0.0:
            return False
    return True


@scalar
def none_positive(positive: Words, v: int) -> bool:
    """Whether no hyperplane is positive at v; for a layer of ReLUs, whether it vanishes there."""
    for w in range(positive.shape[1]):
        if positive[v, w]:
            return False
    return True


@scalar
def set_word(zero: np.uint64, w: int, z: Floats, vertex: Floats, neuron: Ints, threshold: Floats, v: int) -> None:
    """Put the values of the hyperplanes in a word on their thresholds."""
    moved = 0.0
    while zero:
        k = w * 64 + lowest_bit(zero)
        zero &= zero - np.uint64(1)
        place = threshold[k] * vertex[v, WEIGHT]
        moved += abs(z[v, neuron[k]] - place)
        z[v, neuron[k]] = place
    vertex[v, ETA2] += moved
    vertex[v, ETAI] += moved


@scalar
def set_zeros(positive: Words, negative: Words, z: Floats, vertex: Floats, neuron: Ints, threshold: Floats, v: int) -> None:
    """Where the sign is proven zero, put the value on the threshold; what that moves is evaluation error."""
    m = neuron.shape[0]
    for w in range(positive.shape[1]):
        zero = ~(positive[v, w] | negative[v, w])
        if m < 64 * w + 64:
            zero &= (np.uint64(1) << np.uint64(m - 64 * w)) - np.uint64(1)
        set_word(zero, w, z, vertex, neuron, threshold, v)


@section
def split_edge(mesh: Mesh, state: Ints, h: int, v: int) -> None:
    """Insert vertex v into the edge of half-edge h: h then ends at v, the new edge goes on from v."""
    e = state[N_EDGES]
    state[N_EDGES] = e + 1
    twin = h ^ 1
    new = np.int32(2 * e + (h & 1))  # parts of an edge keep its direction
    new_twin = new ^ 1
    mesh.label[e] = mesh.label[h >> 1]
    for c in range(mesh.edge.shape[1]):
        mesh.edge[e, c] = mesh.edge[h >> 1, c]
    mesh.origin[new] = v
    mesh.origin[new_twin] = mesh.origin[twin]
    mesh.origin[twin] = v
    following = mesh.after[h]
    mesh.after[h] = new
    mesh.before[new] = h
    mesh.after[new] = following
    mesh.before[following] = new
    preceding = mesh.before[twin]
    mesh.after[preceding] = new_twin
    mesh.before[new_twin] = preceding
    mesh.after[new_twin] = twin
    mesh.before[twin] = new_twin


@section
def new_signs(
    mesh: Mesh, cut: Cut, state: Ints, a: int, b: int, v: int, j: int, ca: float, cb: float, err: float, scratch: Words, asked: Ints
) -> int:
    """Signs of every hyperplane at the new vertex v on the edge (a, b); returns how many are not proven."""
    unproven = 0
    for w in range(mesh.positive.shape[1]):
        pa = mesh.positive[a, w]
        pb = mesh.positive[b, w]
        na = mesh.negative[a, w]
        nb = mesh.negative[b, w]
        cross = (pa & nb) | (na & pb)
        above = (pa | pb) & ~cross
        below = (na | nb) & ~cross
        if w == j >> 6:
            cross &= ~(np.uint64(1) << np.uint64(j & 63))
        while cross:
            bit = lowest_bit(cross)
            mask = np.uint64(1) << np.uint64(bit)
            cross &= ~mask
            k = w * 64 + bit
            i = cut.neuron[k]
            value = (ca * mesh.z[a, i] + cb * mesh.z[b, i]) - cut.threshold[k]
            if state[ANSWERED] and (scratch[GIVEN, w] & mask):
                above |= scratch[POSITIVE, w] & mask
                below |= scratch[NEGATIVE, w] & mask
            elif value > err:
                above |= mask
                state[N_SIGNS] += 1
            elif value < -err:
                below |= mask
                state[N_SIGNS] += 1
            else:
                asked[unproven] = k
                unproven += 1
        mesh.positive[v, w] = above
        mesh.negative[v, w] = below
    return unproven


@section
def next_row(mesh: Mesh, cut: Cut, a: int, b: int, v: int, ca: float, cb: float) -> None:
    """Row of the next layer at v: interpolate between the ends, subtract what each unit that bends in between adds.

    A bend at the threshold of hyperplane k contributes bend[k] * max(z - threshold, 0) to its unit.
    """
    row = mesh.z_next
    n_next = row.shape[1]
    if n_next == 0:
        return
    if none_positive(mesh.positive, v) if cut.is_relu else vanishes(mesh, cut, v):
        for i in range(n_next):
            row[v, i] = cut.bias[i]
        mesh.vertex[v, G] = 0.0
        mesh.vertex[v, NH] = 1.0
        return
    for i in range(n_next):
        row[v, i] = ca * row[a, i] + cb * row[b, i]
    kinks = 0
    total = 0.0
    for w in range(mesh.positive.shape[1]):
        pa = mesh.positive[a, w]
        cross = (pa & mesh.negative[b, w]) | (mesh.negative[a, w] & mesh.positive[b, w])
        while cross:
            bit = lowest_bit(cross)
            mask = np.uint64(1) << np.uint64(bit)
            cross &= ~mask
            k = w * 64 + bit
            i = cut.neuron[k]
            if pa & mask:
                c = ca * (mesh.z[a, i] - cut.threshold[k])
            else:
                c = cb * (mesh.z[b, i] - cut.threshold[k])
            if mesh.positive[v, w] & mask:
                c -= mesh.z[v, i] - cut.threshold[k]
            c *= cut.bend[k]
            kinks += 1
            total += c * c
            for q in range(n_next):
                row[v, q] -= c * cut.weight_t[i, q]
    # The partial sums belong to vectors whose entries lie between the interpolated activations and those at v. The interpolated ones of a
    # ReLU are the larger ones, as it is convex.
    size = max(mesh.vertex[a, NH], mesh.vertex[b, NH])
    if not cut.is_relu:
        size += np.sqrt(total) * SLACK
    mesh.vertex[v, G] = max(mesh.vertex[a, G], mesh.vertex[b, G]) + 2.0 * (kinks + 8) * UNIT * size
    mesh.vertex[v, NH] = size


@section
def new_vertex(mesh: Mesh, cut: Cut, state: Ints, h: int, j: int, scratch: Words, asked: Ints) -> int:
    """Make the vertex where hyperplane j crosses the edge of half-edge h; DONE or NEED_SIGNS (nothing changed then)."""
    a = mesh.origin[h]
    b = mesh.origin[h ^ 1]
    v = state[N_VERTICES]
    i = cut.neuron[j]
    za = mesh.z[a, i] - cut.threshold[j]
    zb = mesh.z[b, i] - cut.threshold[j]
    span = za - zb
    cb = za / span
    if not cb >= 0.0:
        cb = 0.0
    elif cb > 1.0:
        cb = 1.0
    ca = 1.0 - cb
    t = mesh.vertex
    edge = h >> 1
    # errors, see bounds.py
    eta = max(t[a, ETAI], t[b, ETAI])
    eta_2 = max(t[a, ETA2], t[b, ETA2])
    s_i = max(t[a, SI], t[b, SI])
    s_2 = max(t[a, S2], t[b, S2])
    s_x = max(t[a, DX], t[b, DX])
    zn = max(t[a, ZN], t[b, ZN])
    wanted_planes(mesh.origin, mesh.after, mesh.positive, mesh.negative, h, scratch)
    last_layer = mesh.z_next.shape[1] == 0
    reach_i = 0.0
    for w in range(scratch.shape[1]):
        wanted = scratch[WANTED, w]
        while wanted:
            q = cut.neuron[w * 64 + lowest_bit(wanted)]
            wanted &= wanted - np.uint64(1)
            reach_i = max(reach_i, abs(mesh.z[b, q] - mesh.z[a, q]))
            mesh.z[v, q] = ca * mesh.z[a, q] + cb * mesh.z[b, q]
    reach_i = (reach_i + 2.0 * (eta + s_i)) * SLACK
    reach = 0.0 if last_layer else (np.sqrt(distance2(mesh.z, a, b)) + 2.0 * (eta_2 + s_2)) * SLACK
    dx = mesh.x[b, 0] - mesh.x[a, 0]
    dy = mesh.x[b, 1] - mesh.x[a, 1]
    length = (np.sqrt(dx * dx + dy * dy) + 2.0 * s_x) * SLACK
    size = max(max(abs(mesh.x[a, 0]), abs(mesh.x[b, 0])), max(abs(mesh.x[a, 1]), abs(mesh.x[b, 1])))
    rounding = 4.0 * UNIT * zn
    residual = eta + 8.0 * UNIT * abs(za) + rounding
    rise = abs(span) * (1.0 - 4.0 * UNIT) - 2.0 * (eta + s_i)
    # v moves onto its edge's line and along it (first), or along the line through the displaced ends (second); the smaller bound holds
    second = 1.0
    own = np.inf
    first = np.inf
    if rise > 0.0:
        own = residual / rise * SLACK
        first = (residual + mesh.edge[edge, SIGMAI]) / rise * SLACK
        second = min(1.0, (residual + s_i) / rise * SLACK)
    move_2 = min(mesh.edge[edge, SIGMA2] + first * reach, s_2 + second * reach)
    move_i = min(mesh.edge[edge, SIGMAI] + first * reach_i, s_i + second * reach_i)
    xr = max(t[a, XR], t[b, XR]) + 8.0 * UNIT * size
    move_x = min(mesh.edge[edge, ALPHA] + first * length, s_x + second * length) + xr
    t[v, ETA2] = eta_2 + rounding
    t[v, ETAI] = eta + rounding
    t[v, S2] = move_2
    t[v, SI] = move_i
    t[v, ERR] = (eta + rounding + move_i) * SLACK + TINY
    t[v, ZN] = zn
    t[v, DX] = move_x
    t[v, XR] = xr
    t[v, OWN2] = min(own * reach, move_2)
    t[v, OWNI] = min(own * reach_i, move_i)
    t[v, OWNX] = min(own * length, move_x)
    t[v, WEIGHT] = 1.0
    unproven = new_signs(mesh, cut, state, a, b, v, j, ca, cb, t[v, ERR], scratch, asked)
    if unproven > 0:
        state[ASKED_HALF] = h
        state[ASKED_PLANE] = j
        state[N_ASKED] = unproven
        state[ANSWERED] = 0
        return NEED_SIGNS
    state[ANSWERED] = 0
    if not last_layer:
        for q in range(mesh.z.shape[1]):
            mesh.z[v, q] = ca * mesh.z[a, q] + cb * mesh.z[b, q]
    mesh.owner[v] = cut.label0 + j
    for w in range(scratch.shape[1]):
        zero = scratch[WANTED, w] & ~(mesh.positive[v, w] | mesh.negative[v, w])
        set_word(zero, w, mesh.z, mesh.vertex, cut.neuron, cut.threshold, v)
    mesh.x[v, 0] = ca * mesh.x[a, 0] + cb * mesh.x[b, 0]
    mesh.x[v, 1] = ca * mesh.x[a, 1] + cb * mesh.x[b, 1]
    next_row(mesh, cut, a, b, v, ca, cb)
    split_edge(mesh, state, h, v)
    state[N_VERTICES] = v + 1
    return DONE


@section
def split_cell(mesh: Mesh, cut: Cut, state: Ints, cell: int, j: int, ha: int, hb: int) -> None:
    """Join the origins of half-edges ha and hb; the negative side keeps its number, the positive side follows it."""
    e = state[N_EDGES]
    c = state[N_CELLS]
    state[N_EDGES] = e + 1
    state[N_CELLS] = c + 1
    va = mesh.origin[ha]
    vb = mesh.origin[hb]
    mesh.label[e] = cut.label0 + j
    made_a = mesh.owner[va] == cut.label0 + j
    made_b = mesh.owner[vb] == cut.label0 + j
    t = mesh.vertex
    mesh.edge[e, SIGMA2] = max(t[va, OWN2 if made_a else S2], t[vb, OWN2 if made_b else S2])
    mesh.edge[e, SIGMAI] = max(t[va, OWNI if made_a else SI], t[vb, OWNI if made_b else SI])
    mesh.edge[e, ALPHA] = max(t[va, OWNX if made_a else DX], t[vb, OWNX if made_b else DX])
    close_a = np.int32(2 * e)  # runs vb -> va and closes the part that starts with ha
    close_b = np.int32(2 * e + 1)
    mesh.origin[close_a] = vb
    mesh.origin[close_b] = va
    end_a = mesh.before[ha]
    end_b = mesh.before[hb]
    mesh.after[end_b] = close_a
    mesh.before[close_a] = end_b
    mesh.after[close_a] = ha
    mesh.before[ha] = close_a
    mesh.after[end_a] = close_b
    mesh.before[close_b] = end_a
    mesh.after[close_b] = hb
    mesh.before[hb] = close_b
    h = ha
    side = 0
    while side == 0:
        h = mesh.after[h]
        side = sign_at(mesh.positive, mesh.negative, mesh.origin[h], j)
    mesh.first[cell] = close_a if side < 0 else close_b
    mesh.first[c] = close_b if side < 0 else close_a
    mesh.root[c] = mesh.root[cell]
    mesh.follow[c] = mesh.follow[cell]
    mesh.follow[cell] = c


@section
def cut_cell(mesh: Mesh, cut: Cut, state: Ints, cell: int, j: int, scratch: Words, asked: Ints) -> int:
    h0 = mesh.first[cell]
    ha = -1
    hb = -1
    h = h0
    sa = sign_at(mesh.positive, mesh.negative, mesh.origin[h], j)
    while True:
        following = mesh.after[h]
        sb = sign_at(mesh.positive, mesh.negative, mesh.origin[following], j)
        zero = -1
        if sa == 0:
            zero = h
        elif sa * sb < 0:
            status = new_vertex(mesh, cut, state, h, j, scratch, asked)
            if status != DONE:
                return status
            zero = mesh.after[h]
        if zero >= 0:
            if ha < 0:
                ha = zero
            elif hb < 0:
                hb = zero
            else:
                return BROKEN
        h = following
        sa = sb
        if h == h0:
            break
    if hb < 0:
        return BROKEN
    split_cell(mesh, cut, state, cell, j, ha, hb)
    return DONE


@loop
def split_cells(mesh: Mesh, cut: Cut, state: Ints, scratch: Words, asked: Ints) -> int:
    """Cut cells from state[CURSOR] on by every hyperplane of the layer that crosses them.

    Returns DONE, NEED_ROOM (enlarge the arrays and call again), NEED_SIGNS (put the exact signs of the `asked` hyperplanes at the crossing of
    state[ASKED_HALF] with state[ASKED_PLANE] into `scratch` and call again) or BROKEN (a proven sign contradicts convexity: cannot happen).
    """
    while state[CURSOR] >= 0:
        if (
            state[N_VERTICES] + 2 > mesh.x.shape[0]
            or state[N_EDGES] + 3 > mesh.label.shape[0]
            or state[N_CELLS] + 1 > mesh.first.shape[0]
        ):
            return NEED_ROOM
        cell = state[CURSOR]
        j = cutting_plane(mesh, cell, scratch)
        if j < 0:
            state[CURSOR] = mesh.follow[cell]
            continue
        status = cut_cell(mesh, cut, state, cell, j, scratch, asked)
        if status != DONE:
            return status
    return DONE


@loop
def restart(mesh: Mesh, n_cells: int, n_vertices: int) -> None:
    """Line the cells up for a new layer."""
    for c in range(n_cells):
        mesh.follow[c] = c + 1 if c + 1 < n_cells else -1
        mesh.root[c] = c
    for v in range(n_vertices):
        mesh.owner[v] = -1


@loop
def expected_cells(mesh: Mesh, n_cells: int) -> int:
    """How many cells there would be if all hyperplanes that cut a cell crossed each other in it: an upper bound."""
    total = 0
    for c in range(n_cells):
        h0 = mesh.first[c]
        k = 0
        for w in range(mesh.positive.shape[1]):
            above = np.uint64(0)
            below = np.uint64(0)
            h = h0
            while True:
                v = mesh.origin[h]
                above |= mesh.positive[v, w]
                below |= mesh.negative[v, w]
                h = mesh.after[h]
                if h == h0:
                    break
            both = above & below
            while both:
                both &= both - np.uint64(1)
                k += 1
        total += 1 + k + k * (k - 1) // 2
    return total


@loop
def corners(mesh: Mesh, n_cells: int, half: Index, cell: Index) -> None:
    """A half-edge that starts at each vertex and runs along a cell, and that cell."""
    for c in range(n_cells):
        h0 = mesh.first[c]
        h = h0
        while True:
            half[mesh.origin[h]] = h
            cell[mesh.origin[h]] = c
            h = mesh.after[h]
            if h == h0:
                break


@loop
def collect(mesh: Mesh, start: int, n_cells: int, first: Index, root: Index, pattern: Words) -> None:
    """Cells in their order, each with its half-edge, the cell it came from and the packed signs of the layer."""
    c = start
    for q in range(n_cells):
        h0 = mesh.first[c]
        first[q] = h0
        root[q] = mesh.root[c]
        for w in range(pattern.shape[1]):
            above = np.uint64(0)
            h = h0
            while True:
                above |= mesh.positive[mesh.origin[h], w]
                h = mesh.after[h]
                if h == h0:
                    break
            pattern[q, w] = above
        c = mesh.follow[c]


@loop
def cycles(mesh: Mesh, n_cells: int, offsets: Ints, half_edges: Index) -> None:
    """The half-edges of each cell in counter-clockwise order, offsets and flat values."""
    count = 0
    offsets[0] = 0
    for c in range(n_cells):
        h0 = mesh.first[c]
        h = h0
        while True:
            half_edges[count] = h
            count += 1
            h = mesh.after[h]
            if h == h0:
                break
        offsets[c + 1] = count
