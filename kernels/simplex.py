"""The least value of a linear function where no slack a.x + c is negative: the simplex method on a dictionary.

All quantities are affine functions of d nonbasic variables, which are zero at the current point: one row of the table
for the goal, one for each coordinate of x, and one for each constraint that is not held with equality. A nonbasic
variable is either the slack of a constraint that is held, or free: the search begins *inside* the set, at a point that
is known, with the coordinates' differences from it as d free variables, so that there is no first phase. A free
variable moves either way, and once a constraint stops it, that constraint takes its place for good.

Two parallel constraints that leave a layer between them may share a row: the slack of one is the width of the layer
less that of the other, which is minded wherever a step may end (bounded variables: Dantzig 1955).

Rows of the table are padded with zeros to a multiple of eight entries, which are added at a time.

Nothing here is proven: floats look for a point or for multipliers, and `proofs` decides what those show. So the
thresholds here only choose where to look.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import scalar
from .instructions import add_eight, add_eight_squares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# ends of a search
LEAST = 0  # no step leads down: the point is a least one
BELOW = 1  # a step leads below the limit; it is written, but not taken
ENDLESS = 2  # a step leads down for ever; likewise
LOST = 3  # too many steps: floats go round in circles, or the problem is very large

FREE = -1  # a nonbasic variable that is no slack

GOAL = 0  # row of the table; the rows of coordinates begin at 1

_FLAT = 2.0**-36  # a slope of the goal, per unit of its norm, that is not worth a step
_PARALLEL = 2.0**-36  # a slope of a constraint that does not stop a step


@scalar
def dot(a: Floats, i: int, x: Floats, r: int, d: int) -> float:
    """The value a[i, :d].x[r] + a[i, d]."""
    total = a[i, d]
    for c in range(d):
        total += a[i, c] * x[r, c]
    return total


@scalar
def add_row(to: Floats, r: int, factor: float, source: Floats, i: int) -> None:
    """Add factor times source[i] to to[r]; both are as wide, and padded to a multiple of eight."""
    for k in range(0, to.shape[1], 8):
        add_eight(to, r, factor, source, i, k)


@scalar
def begin(
    rows: Floats, m: int, d: int, x: Floats, r: int, table: Floats, basic: Ints, nonbasic: Ints
) -> int:  # fmt: skip
    """The dictionary of m constraints at the point x[r]; returns the number of its rows."""
    for c in range(d):
        for j in range(table.shape[1]):
            table[1 + c, j] = 0.0
        table[1 + c, c] = 1.0
        table[1 + c, d] = x[r, c]
        nonbasic[c] = FREE
    for i in range(m):
        for c in range(d):
            table[1 + d + i, c] = rows[i, c]
        for c in range(d + 1, table.shape[1]):
            table[1 + d + i, c] = 0.0
        table[1 + d + i, d] = dot(rows, i, x, r, d)
        basic[1 + d + i] = i
    return 1 + d + m


@scalar
def set_goal(goal: Floats, g: int, sign: float, d: int, table: Floats) -> None:
    """Make sign * (goal[g, :d].x + goal[g, d]) the goal, where the dictionary stands."""
    for j in range(table.shape[1]):
        table[GOAL, j] = 0.0
    table[GOAL, d] = sign * goal[g, d]
    for c in range(d):
        factor = sign * goal[g, c]
        if factor != 0.0:
            for j in range(d + 1):
                table[GOAL, j] += factor * table[1 + c, j]


@scalar
def pair_up(rows: Floats, m: int, d: int, n_rows: int, table: Floats, basic: Ints, opposite: Ints, room: Floats) -> int:
    """Keep one row of the dictionary, where it begins, for two constraints that are parallel and follow each other.

    The slack of the `opposite` constraint, -1 if there is none, is `room` less that of the one itself. Returns the
    number of rows.
    """
    for i in range(m):
        opposite[i] = -1
        room[i] = np.inf
    for i in range(m - 1):
        is_opposite = opposite[i] < 0
        for c in range(d):
            is_opposite = is_opposite and rows[i, c] == -rows[i + 1, c]
        if is_opposite:
            opposite[i], opposite[i + 1] = i + 1, i
            room[i] = room[i + 1] = max(rows[i, d] + rows[i + 1, d], 0.0)
    r = 1 + d
    for i in range(1 + d, n_rows):
        if 0 <= opposite[basic[i]] < basic[i]:
            continue
        if r < i:
            for k in range(table.shape[1]):
                table[r, k] = table[i, k]
            basic[r] = basic[i]
        r += 1
    return r


@scalar
def descend(
    d: int, n_rows: int, limit: float, table: Floats, basic: Ints, nonbasic: Ints, opposite: Ints, room: Floats,
    pivot: Floats, far: Floats, f: int,
) -> tuple[int, int]:  # fmt: skip
    """Walk down until the goal is least, or a step leads below the limit.

    `opposite` and `room` are as in `pair_up`, or the first is empty. Returns how it ended and the number of rows. Where
    a step leads below the limit or has no end, a point on it is written to far[f]: its end, or one where the goal is
    below the limit by as much as it was above.
    """
    is_paired = opposite.shape[0] > 0
    size = 0.0
    for j in range(d):
        size = max(size, abs(table[GOAL, j]))
    flat = _FLAT * size
    patience = 4 * (n_rows + d)
    for step in range(8 * patience):
        j, sign = _entering(d, table, nonbasic, flat, step > patience, pivot)
        if j < 0:
            return LEAST, n_rows
        leaving = -1
        length = np.inf
        steepest = 0.0
        for i in range(1 + d, n_rows):
            slope = sign * table[i, j]
            height = table[i, d]
            if slope > 0.0:
                height = room[basic[i]] - height if is_paired else np.inf
            slope = abs(slope)
            stop = length * slope
            if slope > _PARALLEL and (height < stop or (height == stop and slope > steepest)):
                length, steepest, leaving = max(height, 0.0) / slope, slope, i
        drop = abs(table[GOAL, j])
        crosses = is_paired and nonbasic[j] != FREE and room[nonbasic[j]] < length
        if crosses:
            length = room[nonbasic[j]]
        if length == np.inf or table[GOAL, d] - drop * length < limit:
            status = ENDLESS if length == np.inf else BELOW
            if length == np.inf:
                length = (2.0 * abs(table[GOAL, d]) + 1.0 + max(-limit, 0.0)) / drop if limit > -np.inf else 1.0
            for c in range(d):
                far[f, c] = table[1 + c, d] + sign * length * table[1 + c, j]
            return status, n_rows
        if crosses:
            _cross(d, n_rows, j, table, nonbasic, opposite, room)
            continue
        if is_paired and sign * table[leaving, j] > 0.0:
            _turn(d, leaving, table, basic, opposite, room)
        n_rows = _exchange(d, n_rows, leaving, j, table, basic, nonbasic, pivot)
    return LOST, n_rows


@scalar
def _cross(d: int, n_rows: int, j: int, table: Floats, nonbasic: Ints, opposite: Ints, room: Floats) -> None:
    """From a constraint that is held to the opposite one."""
    width = room[nonbasic[j]]
    for r in range(n_rows):
        table[r, d] += width * table[r, j]
        table[r, j] = -table[r, j]
    nonbasic[j] = opposite[nonbasic[j]]


@scalar
def _turn(d: int, i: int, table: Floats, basic: Ints, opposite: Ints, room: Floats) -> None:
    """Let the slack of the opposite constraint have a row of the dictionary."""
    for k in range(d):
        table[i, k] = -table[i, k]
    table[i, d] = room[basic[i]] - table[i, d]
    basic[i] = opposite[basic[i]]


@scalar
def _entering(d: int, table: Floats, nonbasic: Ints, flat: float, first: bool, square: Floats) -> tuple[int, float]:
    """The nonbasic variable to move, and which way: free ones first, the steepest edge or, if asked, the first one.

    Slopes are per length of the edges in space (Goldfarb & Reid, A practicable steepest-edge simplex algorithm,
    Mathematical Programming 12, 1977), whose squares are put to square[0]. Taking the first variable, in the order of
    their constraints, cannot go round in circles (Bland 1977).
    """
    for j in range(table.shape[1]):
        square[0, j] = 0.0
    for k in range(0, table.shape[1], 8):
        for c in range(d):
            add_eight_squares(square, 0, table, 1 + c, k)
    best = -1
    height = length = 0.0  # squares of the best one's
    free = False
    for j in range(d):
        slope = table[GOAL, j]
        is_free = nonbasic[j] == FREE
        if not (abs(slope) if is_free else -slope) > flat or (free and not is_free):
            continue
        if first and not is_free:
            if best < 0 or nonbasic[j] < nonbasic[best]:
                best = j
        elif best < 0 or (is_free and not free) or slope * slope * length > height * square[0, j]:
            best, height, length, free = j, slope * slope, square[0, j], is_free
    if best < 0:
        return -1, 1.0
    return best, -1.0 if table[GOAL, best] > 0.0 else 1.0


@scalar
def _exchange(
    d: int, n_rows: int, i: int, j: int, table: Floats, basic: Ints, nonbasic: Ints, pivot: Floats
) -> int:  # fmt: skip
    """Row i becomes nonbasic and column j basic; a free variable's own row is not kept. Returns the number of rows."""
    inverse = 1.0 / table[i, j]
    width = table.shape[1]
    for k in range(width):
        pivot[0, k] = -table[i, k] * inverse
    pivot[0, d] = -max(table[i, d], 0.0) * inverse
    entering = nonbasic[j]
    nonbasic[j] = basic[i]
    if entering == FREE:
        n_rows -= 1
        if i < n_rows:
            for k in range(width):
                table[i, k] = table[n_rows, k]
            basic[i] = basic[n_rows]
    else:
        basic[i] = entering
        for k in range(d + 1):
            table[i, k] = 0.0
        table[i, j] = 1.0
    for r in range(n_rows):
        factor = table[r, j]
        if factor != 0.0:
            add_row(table, r, factor, pivot, 0)
            table[r, j] = factor * inverse  # not before: loads of eight would wait for a store of one
    return n_rows
