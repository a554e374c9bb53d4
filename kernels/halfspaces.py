"""Cells given by inequalities and a point inside each: which hyperplanes cut them, and cutting them.

A parent is a cell of the layers before. Its constraints are rows (a, c) with a.x + c > 0 inside; `z` holds the rows of
the layer's hyperplanes on it. The cells of the layer begin as the parents, and hyperplane after hyperplane those that
are cut are divided in two: one part keeps the point, the other gets one of its own (Rada & Cerny, A new algorithm for
enumeration of cells of hyperplane arrangements, SIAM J. Discrete Math. 32, 2018). A cell's constraints are those of its
parent, and the hyperplanes of this layer that have divided it, which are bits of `mask`; on which side of them it lies
are bits of `sign`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar
from .proofs import CONSTANT, LINEAR, inside, never_negative, value
from .simplex import BELOW, ENDLESS, LEAST, begin, descend, dot, set_goal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]
Words = NDArray[np.uint64]

# what `split` returns
DONE = 0
NEED_ROOM = 1  # for twice as many cells
ASK = 2  # whether hyperplane state[PLANE] cuts cell state[CELL]
CROWDED = 3  # more cells than asked for, before hyperplane state[PLANE]

# entries of its state
PLANE = 0
CELL = 1
N_CELLS = 2
ROUND = 3  # cells that the hyperplane is tried on
N_SIGNS = 4
SIDE = 5  # of the cell that is asked about: 1 or -1 if the multipliers of the dictionary may prove it, else 0
STATE = 6

# verdicts on a hyperplane and a cell
MISSES = 0
CUTS = 1
UNPROVEN = 2
HELD = 3  # likewise, but the multipliers of the dictionary may prove exactly that it misses

_BELOW = -(2.0**-30)
_VANISHING = 2.0**-1070
_NORMAL = 2.0**-1022  # the least number that has all digits


class Parents(NamedTuple):
    """Cells of the layers before, and the layer's hyperplanes on them."""

    start: Ints  # (parents + 1,) where the constraints of each begin
    rows: Floats  # (constraints, d + 1)
    error: Floats  # (constraints, 2)
    z: Floats  # (parents * hyperplanes, d + 1)
    z_error: Floats  # (parents * hyperplanes, 2)
    candidate: Words  # (parents, words) hyperplanes that are not known to miss it


class Cells(NamedTuple):
    """Cells of a layer that is being worked on."""

    point: Floats  # (room, d) inside, or near it
    inside: Octets  # (room,) whether it lies inside: no float may
    parent: Ints  # (room,)
    sign: Words  # (room, words) whether it lies above a hyperplane
    mask: Words  # (room, words) whether a hyperplane is a constraint


class Work(NamedTuple):
    """Memory for one linear program."""

    rows: Floats  # (m, d + 1) constraints
    error: Floats  # (m, 2)
    table: Floats  # (m + d + 1, width) with d + 1 <= width, a multiple of eight
    sums: Floats  # (m + d + 1,)
    basic: Ints  # (m + d + 1,)
    nonbasic: Ints  # (d,)
    opposite: Ints  # (m,)
    room: Floats  # (m,)
    pivot: Floats  # (1, width)
    far: Floats  # (2, d) points
    scratch: Floats  # (6, width)


def _fresh(name: str, shape: tuple[int, ...], dtype: type = np.float64) -> NDArray[Any]:
    return np.empty(shape, dtype)


def work_for(m: int, d: int, array: Callable[..., NDArray[Any]] = _fresh) -> Work:
    """Memory for linear programs of d variables and up to m constraints; `array` makes one of a name and a shape."""
    width = -(-(d + 1) // 8) * 8
    size = (m + d + 1) * width
    memory = array("table", (size + 7,))
    first = -memory.__array_interface__["data"][0] % 64 // 8  # of a line of the cache, of eight numbers
    return Work(
        rows=array("rows", (m, d + 1)),
        error=array("error", (m, 2)),
        table=memory[first : first + size].reshape(m + d + 1, width),
        sums=array("sums", (m + d + 1,)),
        basic=array("basic", (m + d + 1,), np.int64),
        nonbasic=array("nonbasic", (d,), np.int64),
        opposite=array("opposite", (m,), np.int64),
        room=array("room", (m,)),
        pivot=array("pivot", (1, width)),
        far=array("far", (2, d)),
        scratch=array("scratch", (6, width)),
    )


@scalar
def search(d: int, n_rows: int, limit: float, work: Work) -> tuple[int, int]:
    """Walk down in a dictionary that has a row for each constraint; see `descend`."""
    return descend(
        d, n_rows, limit, work.table, work.basic, work.nonbasic, work.opposite[:0], work.room, work.pivot, work.far, 0
    )


@scalar
def has_bit(words: Words, i: int, k: int) -> bool:
    """Bit k of the words of row i."""
    return (words[i, k >> 6] >> np.uint64(k & 63)) & np.uint64(1) != np.uint64(0)


@scalar
def put_bit(words: Words, i: int, k: int, on: bool) -> None:
    """Set bit k of the words of row i."""
    bit = np.uint64(1) << np.uint64(k & 63)
    if on:
        words[i, k >> 6] |= bit
    else:
        words[i, k >> 6] &= ~bit


@scalar
def _scale_row(rows: Floats, error: Floats, i: int, d: int) -> None:
    """Bring a row's largest coefficient to between a half and one by a power of two."""
    largest = 0.0
    for c in range(d):
        largest = max(largest, abs(rows[i, c]))
    if not 0.0 < largest < np.inf:
        return
    factor = 1.0
    while largest * factor >= 1.0 and factor > 2.0**-1000:
        factor *= 0.5
    while largest * factor < 0.5 and factor < 2.0**1000:
        factor *= 2.0
    is_exact = factor >= 1.0 or _stays_exact(rows, error, i, d, factor)
    has_constant = rows[i, d] != 0.0
    for c in range(d + 1):
        rows[i, c] *= factor
    error[i, LINEAR] *= factor
    error[i, CONSTANT] *= factor
    if not is_exact:
        error[i, LINEAR] += _VANISHING
        error[i, CONSTANT] += _VANISHING if has_constant else 0.0


@scalar
def _stays_exact(rows: Floats, error: Floats, i: int, d: int, factor: float) -> bool:
    """Whether a row and its errors have all their digits when they are scaled by a power of two."""
    least = np.inf
    for c in range(d + 1):
        least = min(least, abs(rows[i, c]) if rows[i, c] != 0.0 else np.inf)
    for own in (error[i, LINEAR], error[i, CONSTANT]):
        least = min(least, own if own > 0.0 else np.inf)
    return least * factor >= _NORMAL


@scalar
def copy_row(rows: Floats, error: Floats, i: int, sign: float, to: Floats, to_error: Floats, m: int, d: int) -> None:
    """Put sign times a row at place m of others."""
    for c in range(d + 1):
        to[m, c] = sign * rows[i, c]
    to_error[m, LINEAR] = error[i, LINEAR]
    to_error[m, CONSTANT] = error[i, CONSTANT]


@scalar
def gather(start: Ints, rows: Floats, error: Floats, p: int, d: int, work: Work) -> int:
    """Gather rows start[p] <= i < start[p + 1] as constraints; returns their number."""
    m = 0
    for i in range(start[p], start[p + 1]):
        copy_row(rows, error, i, 1.0, work.rows, work.error, m, d)
        m += 1
    return m


@scalar
def constraints_of(parents: Parents, cells: Cells, i: int, n_planes: int, d: int, work: Work) -> int:
    """Gather the constraints of a cell; returns their number."""
    p = cells.parent[i]
    m = gather(parents.start, parents.rows, parents.error, p, d, work)
    for k in range(n_planes):
        if has_bit(cells.mask, i, k):
            sign = 1.0 if has_bit(cells.sign, i, k) else -1.0
            copy_row(parents.z, parents.z_error, p * n_planes + k, sign, work.rows, work.error, m, d)
            m += 1
    return m


@scalar
def is_constant(z: Floats, z_error: Floats, g: int, d: int) -> bool:
    """Whether a row is known to be the same everywhere."""
    if z_error[g, LINEAR] != 0.0:
        return False
    for c in range(d):
        if z[g, c] != 0.0:
            return False
    return True


@scalar
def _shoot(rows: Floats, m: int, d: int, z: Floats, g: int, sign: float, height: float, x: Floats, r: int,
           table: Floats, far: Floats) -> bool:  # fmt: skip
    """Go straight down from x[r] to the first constraint; whether that is beyond the hyperplane. Writes its end."""
    steep = 0.0
    for c in range(d):
        steep += z[g, c] * z[g, c]
    length = 2.0 * height / steep
    for i in range(m):
        rate = 0.0
        for c in range(d):
            rate += rows[i, c] * z[g, c]
        rate *= -sign
        if rate < 0.0:
            length = min(length, table[1 + d + i, d] / -rate)
    for c in range(d):
        far[0, c] = x[r, c] - sign * length * z[g, c]
    return height - steep * length < _BELOW * height


@scalar
def _part_way(rows: Floats, error: Floats, m: int, d: int, z: Floats, z_error: Floats, g: int, sign: float,
              height: float, x: Floats, r: int, far: Floats) -> bool:  # fmt: skip
    """A point inside the constraints and beyond the hyperplane, on the way from x[r] to far[0]; written to far[1]."""
    depth = -sign * dot(z, g, far, 0, d)
    if not depth > 0.0:
        return False
    share = 0.5 + 0.5 * (height / (height + depth))
    for c in range(d):
        far[1, c] = x[r, c] + share * (far[0, c] - x[r, c])
    beyond, bound = value(z, z_error, g, far, 1, d)
    return -sign * beyond > bound and inside(rows, error, m, far, 1, d)


@scalar
def verdict(m: int, d: int, z: Floats, z_error: Floats, g: int, sign: float, height: float, x: Floats, r: int,
            reach: Floats, work: Work) -> int:  # fmt: skip
    """Whether hyperplane g, at which `sign` times the row is `height` > 0 in x[r], cuts the set of the constraints.

    If so, far[1] is a point beyond it.
    """
    n_rows = begin(work.rows, m, d, x, r, work.table, work.basic, work.nonbasic)
    if _shoot(work.rows, m, d, z, g, sign, height, x, r, work.table, work.far) and _part_way(
        work.rows, work.error, m, d, z, z_error, g, sign, height, x, r, work.far
    ):
        return CUTS
    set_goal(z, g, sign, d, work.table)
    limit = _BELOW * height
    while True:
        status, n_rows = search(d, n_rows, limit, work)
        if status == LEAST:
            for c in range(d):
                work.far[0, c] = work.table[1 + c, d]
            if work.table[0, d] >= 0.0:
                if never_negative(
                    work.rows, work.error, z, z_error, g, sign, d, reach, work.table, work.nonbasic, work.scratch
                ):
                    return MISSES
                return HELD
        if (status == LEAST or status == BELOW or status == ENDLESS) and _part_way(
            work.rows, work.error, m, d, z, z_error, g, sign, height, x, r, work.far
        ):
            return CUTS
        if status == LEAST:
            return HELD
        if status != BELOW or limit == -np.inf:
            return UNPROVEN
        limit = -np.inf


@scalar
def _proven_side(n_rows: int, d: int, z: Floats, z_error: Floats, g: int, reach: Floats, work: Work) -> tuple[int, int]:
    """On which side of hyperplane g the set of the constraints lies, 0 without proof; and the number of rows.

    The dictionary need not be at a point inside: multipliers prove what they prove.
    """
    for sign in (1.0, -1.0):
        set_goal(z, g, sign, d, work.table)
        status, n_rows = search(d, n_rows, -np.inf, work)
        if status == LEAST and never_negative(
            work.rows, work.error, z, z_error, g, sign, d, reach, work.table, work.nonbasic, work.scratch
        ):
            return int(sign), n_rows
    return 0, n_rows


@scalar
def _below_before(cells: Cells, follows: Octets, i: int, k: int) -> bool:
    """Whether a cell lies below a lower threshold of the same neuron."""
    return follows[k] != 0 and not has_bit(cells.sign, i, k - 1)


@scalar
def _drop_before(cells: Cells, follows: Octets, i: int, k: int) -> None:
    """Above hyperplane k the lower thresholds of the same neuron are no constraints."""
    while follows[k] != 0:
        k -= 1
        put_bit(cells.mask, i, k, False)


@loop
def scale_rows(rows: Floats, error: Floats) -> None:
    """Scale rows by powers of two, so that their largest coefficients are alike."""
    for i in range(rows.shape[0]):
        _scale_row(rows, error, i, rows.shape[1] - 1)


@loop
def choose(parents: Parents, cells: Cells, n_parents: int, n_planes: int, reach: Floats, work: Work) -> int:
    """Find the hyperplanes that may cut each parent, and on which side of the others it lies.

    Returns the number of signs proven. The dictionary is kept from one hyperplane to the next of a parent, so that
    each search begins where the one before has ended.
    """
    d = work.nonbasic.shape[0]
    proven = 0
    for p in range(n_parents):
        m = gather(parents.start, parents.rows, parents.error, p, d, work)
        n_rows = begin(work.rows, m, d, cells.point, p, work.table, work.basic, work.nonbasic)
        for k in range(n_planes):
            g = p * n_planes + k
            height, bound = value(parents.z, parents.z_error, g, cells.point, p, d)
            if is_constant(parents.z, parents.z_error, g, d) and (abs(height) > bound or (height == 0.0 == bound)):
                put_bit(cells.sign, p, k, height > 0.0)
                proven += 1
                continue
            put_bit(parents.candidate, p, k, True)
            if cells.inside[p] == 0:
                side, n_rows = _proven_side(n_rows, d, parents.z, parents.z_error, g, reach, work)
                put_bit(cells.sign, p, k, side > 0)
                put_bit(parents.candidate, p, k, side == 0)
                proven += abs(side)
                continue
            if not abs(height) > bound:
                continue
            sign = 1.0 if height > 0.0 else -1.0
            set_goal(parents.z, g, sign, d, work.table)
            limit = _BELOW * abs(height)
            if work.table[0, d] < limit:
                continue
            status, n_rows = search(d, n_rows, limit, work)
            if status == LEAST and never_negative(
                work.rows, work.error, parents.z, parents.z_error, g, sign, d, reach, work.table, work.nonbasic,
                work.scratch,
            ):  # fmt: skip
                put_bit(cells.sign, p, k, height > 0.0)
                put_bit(parents.candidate, p, k, False)
                proven += 1
    return proven


@loop
def split(parents: Parents, cells: Cells, n_planes: int, follows: Octets, crowd: int, reach: Floats, work: Work,
          state: Ints) -> int:  # fmt: skip
    """Cut the cells by one hyperplane after the other; `follows` are those of the neuron of the one before, above it.

    Goes on where `state` says; returns for room, for an answer that floats do not prove, or between two hyperplanes
    once there are more cells than `crowd`. The answer goes into the arrays of the cells, and CELL on to the next.
    """
    d = work.nonbasic.shape[0]
    while state[PLANE] < n_planes:
        k = state[PLANE]
        if state[CELL] == 0:
            if state[N_CELLS] > crowd:
                return CROWDED
            state[ROUND] = state[N_CELLS]
        while state[CELL] < state[ROUND]:
            i = state[CELL]
            p = cells.parent[i]
            if _below_before(cells, follows, i, k):
                state[N_SIGNS] += 1
            elif has_bit(parents.candidate, p, k):
                if state[N_CELLS] == cells.point.shape[0]:
                    return NEED_ROOM
                g = p * n_planes + k
                state[SIDE] = 0
                m = constraints_of(parents, cells, i, n_planes, d, work)
                if cells.inside[i] == 0:
                    n_rows = begin(work.rows, m, d, cells.point, i, work.table, work.basic, work.nonbasic)
                    side, _ = _proven_side(n_rows, d, parents.z, parents.z_error, g, reach, work)
                    if side == 0:
                        return ASK
                    sign = float(side)
                    answer = MISSES
                else:
                    height, bound = value(parents.z, parents.z_error, g, cells.point, i, d)
                    if not abs(height) > bound:
                        return ASK
                    sign = 1.0 if height > 0.0 else -1.0
                    answer = verdict(
                        m, d, parents.z, parents.z_error, g, sign, abs(height), cells.point, i, reach, work
                    )  # fmt: skip
                if answer >= UNPROVEN:
                    state[SIDE] = int(sign) if answer == HELD else 0
                    return ASK
                state[N_SIGNS] += 1
                put_bit(cells.sign, i, k, sign > 0.0)
                if answer == CUTS:
                    put_bit(cells.mask, i, k, True)
                    new = state[N_CELLS]
                    state[N_CELLS] += 1
                    cells.parent[new] = p
                    cells.inside[new] = 1
                    for w in range(cells.sign.shape[1]):
                        cells.sign[new, w] = cells.sign[i, w]
                        cells.mask[new, w] = cells.mask[i, w]
                    for c in range(d):
                        cells.point[new, c] = work.far[1, c]
                    put_bit(cells.sign, new, k, sign < 0.0)
                    _drop_before(cells, follows, i if sign > 0.0 else new, k)
            state[CELL] = i + 1
        state[CELL] = 0
        state[PLANE] = k + 1
    return DONE
