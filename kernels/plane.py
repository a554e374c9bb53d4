"""Two-dimensional complexes refined in place: cells are split by the hyperplanes of one layer.

A cut joins two points of a cell's boundary where the sign of the hyperplane is zero: vertices that are there already,
or new ones on edges whose ends have opposite signs.
"""

from __future__ import annotations

import numpy as np

from ._jit import loop, section
from .bounds import (
    ALPHA,
    DX,
    ERR,
    ETA2,
    ETAI,
    GRAIN,
    LEAST,
    NEXT_GRAIN,
    OWN2,
    OWNI,
    OWNX,
    REACH_TINY,
    S2,
    SI,
    SIGMA2,
    SIGMAI,
    SLACK,
    TINY,
    UNIT,
    WEIGHT,
    XR,
    ZN,
)  # fmt: skip
from .combine import blend, distances, length_of
from .mesh import (
    ANSWERED,
    ASKED_HALF,
    ASKED_PLANE,
    BROKEN,
    CURSOR,
    DONE,
    N_ASKED,
    N_CELLS,
    N_EDGES,
    N_VERTICES,
    NEED_ROOM,
    NEED_SIGNS,
    Cut,
    Ints,
    Mesh,
    Scratch,
    scan_word,
    split_edge,
)  # fmt: skip
from .signs import first_crossing, new_signs, set_zeros, sign_at
from .vertex import next_row, weight_of_end


@section
def new_vertex(mesh: Mesh, cut: Cut, state: Ints, h: int, j: int, scratch: Scratch) -> int:
    """Make the vertex where hyperplane j crosses an edge; DONE, or NEED_SIGNS with nothing changed."""
    a = mesh.origin[h]
    b = mesh.origin[h ^ 1]
    v = state[N_VERTICES]
    i = cut.column[j]
    za = mesh.z[a, i] - cut.threshold[j]
    zb = mesh.z[b, i] - cut.threshold[j]
    span = za - zb
    cb = weight_of_end(za, zb)
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
    square, fourth = distances(mesh.z, a, b)
    blend(mesh.z, v, a, b, ca, cb)
    # the fourth root bounds the largest entry, more closely than the 2-norm does
    reach_i = (np.sqrt(np.sqrt(fourth)) + 2.0 * (eta + s_i)) * SLACK + REACH_TINY
    reach = (np.sqrt(square) + 2.0 * (eta_2 + s_2)) * SLACK + REACH_TINY
    dx = mesh.x[b, 0] - mesh.x[a, 0]
    dy = mesh.x[b, 1] - mesh.x[a, 1]
    length = (length_of(dx * dx + dy * dy, abs(dx) + abs(dy)) + 2.0 * s_x) * SLACK
    size = max(max(abs(mesh.x[a, 0]), abs(mesh.x[b, 0])), max(abs(mesh.x[a, 1]), abs(mesh.x[b, 1])))
    rounding = 4.0 * UNIT * zn
    residual = eta + 8.0 * UNIT * abs(za) + rounding
    rise = abs(span) * (1.0 - 4.0 * UNIT) - 2.0 * (eta + s_i)
    # v moves onto its edge's line and along it (first), or along the line through the displaced ends (second); the
    # smaller bound holds
    second = 1.0
    own = np.inf
    first = np.inf
    if rise > 0.0:
        own = residual / rise * SLACK
        first = (residual + mesh.edge[edge, SIGMAI]) / rise * SLACK
        second = min(1.0, (residual + s_i) / rise * SLACK)
    move_2 = min(mesh.edge[edge, SIGMA2] + first * reach, s_2 + second * reach)
    move_i = min(mesh.edge[edge, SIGMAI] + first * reach_i, s_i + second * reach_i)
    xr = max(t[a, XR], t[b, XR]) + 8.0 * UNIT * size + LEAST
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
    t[v, GRAIN] = np.nan
    t[v, NEXT_GRAIN] = np.nan
    unproven = new_signs(mesh, cut, state, a, b, v, j, ca, cb, t[v, ERR], scratch)
    if unproven > 0:
        state[ASKED_HALF] = h
        state[ASKED_PLANE] = j
        state[N_ASKED] = unproven
        state[ANSWERED] = 0
        return NEED_SIGNS
    state[ANSWERED] = 0
    mesh.owner[v] = cut.label0 + j
    set_zeros(mesh.positive, mesh.negative, mesh.z, mesh.vertex, cut.column, cut.threshold, v)
    mesh.x[v, 0] = ca * mesh.x[a, 0] + cb * mesh.x[b, 0]
    mesh.x[v, 1] = ca * mesh.x[a, 1] + cb * mesh.x[b, 1]
    next_row(mesh, cut, a, b, v, ca, cb, scratch)
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
def cut_cell(mesh: Mesh, cut: Cut, state: Ints, cell: int, j: int, scratch: Scratch) -> int:
    """Cut a cell by hyperplane j: DONE, NEED_SIGNS or BROKEN."""
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
            status = new_vertex(mesh, cut, state, h, j, scratch)
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
    find_crossings(mesh, cell, state[N_CELLS] - 1, j)
    return DONE


@section
def find_crossings(mesh: Mesh, below: int, above: int, j: int) -> None:
    """After a cell was cut by hyperplane j: what is still to cut its two parts, and where they are positive."""
    j_bit = np.uint64(1) << np.uint64(j & 63)
    mesh.crossing[below, j >> 6] &= ~j_bit
    for w in range(mesh.crossing.shape[1]):
        mesh.crossing[above, w] = 0
        mesh.pattern[above, w] = mesh.pattern[below, w]
        if mesh.crossing[below, w]:
            scan_word(mesh, below, w)
            scan_word(mesh, above, w)
    mesh.pattern[above, j >> 6] |= j_bit


@loop
def split_cells(mesh: Mesh, cut: Cut, state: Ints, scratch: Scratch, last_word: int) -> int:
    """Cut cells from state[CURSOR] on by the hyperplanes of the layer's words before `last_word` that cross them.

    Returns DONE, NEED_ROOM (enlarge the arrays and call again), NEED_SIGNS (put the exact signs of the hyperplanes in
    scratch.asked at the crossing of state[ASKED_HALF] with state[ASKED_PLANE] into scratch.answers and call again) or
    BROKEN (a proven sign contradicts convexity: cannot happen).
    """
    while state[CURSOR] >= 0:
        cell = state[CURSOR]
        j = first_crossing(mesh.crossing, cell, last_word)
        if j < 0:
            state[CURSOR] = mesh.follow[cell]
            continue
        if (
            state[N_VERTICES] + 2 > mesh.x.shape[0]
            or state[N_EDGES] + 3 > mesh.label.shape[0]
            or state[N_CELLS] + 1 > mesh.first.shape[0]
        ):
            return NEED_ROOM
        status = cut_cell(mesh, cut, state, cell, j, scratch)
        if status != DONE:
            return status
    return DONE
