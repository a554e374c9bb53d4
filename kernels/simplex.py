"""The least value of a linear function where no slack a.x + c is negative: the simplex method on a dictionary.

All quantities are affine functions of d nonbasic variables, which are zero at the current point: one row of the table
for the goal, one for each coordinate of x, and one for each constraint that is not held with equality. A nonbasic
variable is either the slack of a constraint that is held, or free: the search begins *inside* the set, at a point that
is known, with the coordinates' differences from it as d free variables, so that there is no first phase. A free
variable moves either way, and once a constraint stops it, that constraint takes its place for good.

Rows of the table are padded with zeros to a multiple of eight entries, which are added at a time.

Nothing here is proven: floats look for a point or for multipliers, and `proofs` decides what those show. So the
thresholds here only choose where to look.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import scalar
from .instructions import add_eight

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
def descend(
    d: int, n_rows: int, limit: float, table: Floats, basic: Ints, nonbasic: Ints, pivot: Floats, far: Floats, f: int
) -> tuple[int, int]:  # fmt: skip
    """Walk down until the goal is least, or a step leads below the limit.

    Returns how it ended and the number of rows. Where a step leads below the limit or has no end, a point on it is
    written to far[f]: its end, or one where the goal is below the limit by as much as it was above.
    """
    size = 0.0
    for j in range(d):
        size = max(size, abs(table[GOAL, j]))
    flat = _FLAT * size
    patience = 4 * (n_rows + d)
    for step in range(8 * patience):
        j, sign = _entering(d, table, nonbasic, flat, step > patience)
        if j < 0:
            return LEAST, n_rows
        leaving = -1
        length = np.inf
        steepest = 0.0
        for i in range(1 + d, n_rows):
            slope = sign * table[i, j]
            if slope < -_PARALLEL:
                reach = max(table[i, d], 0.0) / -slope
                if reach < length or (reach == length and -slope > steepest):
                    length, steepest, leaving = reach, -slope, i
        drop = abs(table[GOAL, j])
        if leaving < 0 or table[GOAL, d] - drop * length < limit:
            status = ENDLESS if leaving < 0 else BELOW
            if leaving < 0:
                length = (2.0 * abs(table[GOAL, d]) + 1.0 + max(-limit, 0.0)) / drop if limit > -np.inf else 1.0
            for c in range(d):
                far[f, c] = table[1 + c, d] + sign * length * table[1 + c, j]
            return status, n_rows
        n_rows = _exchange(d, n_rows, leaving, j, table, basic, nonbasic, pivot)
    return LOST, n_rows


@scalar
def _entering(d: int, table: Floats, nonbasic: Ints, flat: float, first: bool) -> tuple[int, float]:
    """The nonbasic variable to move, and which way: free ones first, the one of steepest slope or, if asked, the first.

    Taking the first of them, in the order of their constraints, cannot go round in circles (Bland 1977).
    """
    best = -1
    steepest = flat
    free = False
    for j in range(d):
        slope = table[GOAL, j]
        if nonbasic[j] == FREE:
            if abs(slope) > steepest or (not free and abs(slope) > flat):
                best, steepest, free = j, abs(slope), True
        elif not free and -slope > flat:
            if first:
                if best < 0 or nonbasic[j] < nonbasic[best]:
                    best = j
            elif -slope > steepest:
                best, steepest = j, -slope
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
