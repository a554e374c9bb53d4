"""Linear programs, many at a time: is there a point where all slacks are positive, and where is a function least.

Problem p has the rows offset[p] <= i < offset[p + 1] of (a, c), exact as they are, with slacks a.x + c. The first phase
is a linear program of one dimension more, which begins inside as all others do: t is made as large as can be, up to
one, where no slack is below t times the size of its row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar
from .halfspaces import Work, search
from .proofs import CONSTANT, LINEAR, inside, least_value, value
from .simplex import BELOW, ENDLESS, LEAST, begin, set_goal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.int8]

# answers
EMPTY = -1
FLAT = 0
INTERIOR = 1
OPTIMAL = 2
UNBOUNDED = 3
UNKNOWN = 4

_SOME = -(2.0**-20)  # a gain of t that is enough


@scalar
def _lift(rows: Floats, first: int, last: int, d: int, work: Work, lifted: Floats) -> int:
    """The constraints of the first phase, and a point inside them; their number, or -1 if a row shows there is none."""
    m = 0
    lowest = 0.0
    for i in range(first, last):
        size = 0.0
        for c in range(d):
            size += abs(rows[i, c])
        if size == 0.0:
            if rows[i, d] < 0.0:
                return -1
            continue
        for c in range(d):
            work.rows[m, c] = rows[i, c]
        work.rows[m, d] = -size
        work.rows[m, d + 1] = rows[i, d]
        lowest = min(lowest, rows[i, d] / size)
        m += 1
    for c in range(d + 1):
        work.rows[m, c] = 0.0
        lifted[0, c] = 0.0
    work.rows[m, d] = -1.0
    work.rows[m, d + 1] = 1.0
    lifted[0, d] = 2.0 * lowest - 1.0
    for i in range(m + 1):
        work.error[i, LINEAR] = 0.0
        work.error[i, CONSTANT] = 0.0
    return m + 1


@scalar
def _interior(rows: Floats, error: Floats, first: int, last: int, d: int, work: Work, lifted: Floats, height: Floats,
              nowhere: Floats, point: Floats, p: int) -> int:  # fmt: skip
    """INTERIOR with a point, EMPTY or UNKNOWN."""
    m = _lift(rows, first, last, d, work, lifted)
    if m < 0:
        return EMPTY
    n_rows = begin(work.rows, m, d + 1, lifted, 0, work.table, work.basic, work.nonbasic)
    set_goal(height, 0, 1.0, d + 1, work.table)
    limit = _SOME
    while True:
        status, n_rows = search(d + 1, n_rows, limit, work)
        for c in range(d):
            point[p, c] = work.table[1 + c, d + 1] if status == LEAST else work.far[0, c]
        if _all_positive(rows, error, first, last, point, p, d):
            return INTERIOR
        if status == LEAST:
            low = least_value(
                work.rows, work.error, height, error, 0, 1.0, d + 1, nowhere, work.table, work.nonbasic, work.scratch
            )
            return EMPTY if low > 0.0 else UNKNOWN
        if status != BELOW or limit == -np.inf:
            return UNKNOWN
        limit = -np.inf


@scalar
def _all_positive(rows: Floats, error: Floats, first: int, last: int, point: Floats, p: int, d: int) -> bool:
    """Whether all slacks are proven to be positive at a point, but for rows that are zero."""
    for i in range(first, last):
        slack, bound = value(rows, error, i, point, p, d)
        if not slack > bound:
            is_zero = rows[i, d] == 0.0
            for c in range(d):
                is_zero = is_zero and rows[i, c] == 0.0
            if not is_zero:
                return False
    return True


@loop
def interiors(offset: Ints, rows: Floats, error: Floats, work: Work, lifted: Floats, height: Floats, nowhere: Floats,
              point: Floats, answer: Bytes) -> None:  # fmt: skip
    """Whether there are points where all slacks are positive: INTERIOR and such a point, EMPTY, or UNKNOWN.

    EMPTY says that there is no point where no slack is negative. `work` and `lifted` are of d + 1 dimensions, with room
    for one more constraint; `height` (1, d + 2) is minus the last coordinate, `nowhere` empty; `error` zeros (rows, 2).
    """
    d = point.shape[1]
    for p in range(offset.shape[0] - 1):
        answer[p] = _interior(rows, error, offset[p], offset[p + 1], d, work, lifted, height, nowhere, point, p)


@loop
def optima(offset: Ints, rows: Floats, error: Floats, goal: Floats, work: Work, lifted: Floats, height: Floats,
           nowhere: Floats, point: Floats, low: Floats, high: Floats, answer: Bytes) -> None:  # fmt: skip
    """The least value of goal[p] for each problem: OPTIMAL, EMPTY, UNBOUNDED or UNKNOWN.

    For the first, `low` and `high` are proven bounds of the least value, and `point` is where it is taken, or near.
    Arrays as in `interiors`; `goal` is (problems, d + 1), and work has room for 2 d + 2 more constraints.
    """
    d = point.shape[1]
    for p in range(offset.shape[0] - 1):
        first = offset[p]
        m = offset[p + 1] - first
        answer[p] = _interior(rows, error, first, offset[p + 1], d, work, lifted, height, nowhere, point, p)
        low[p], high[p] = -np.inf, np.inf
        if answer[p] != INTERIOR:
            continue
        answer[p] = UNKNOWN
        for i in range(m):
            for c in range(d + 1):
                work.rows[i, c] = rows[first + i, c]
        n_rows = begin(work.rows, m, d, point, p, work.table, work.basic, work.nonbasic)
        set_goal(goal, p, 1.0, d, work.table)
        status, n_rows = search(d, n_rows, -np.inf, work)
        if status == LEAST:
            low[p] = least_value(
                work.rows, work.error, goal, error, p, 1.0, d, nowhere, work.table, work.nonbasic, work.scratch
            )
            high[p] = _from_above(rows, error, first, m, goal, p, d, point, work)
            for c in range(d):
                point[p, c] = work.table[1 + c, d]
            if low[p] > -np.inf:
                answer[p] = OPTIMAL
        elif status == ENDLESS and _falls(m, d, goal, p, work, lifted, height):
            answer[p] = UNBOUNDED


@scalar
def _from_above(rows: Floats, error: Floats, first: int, m: int, goal: Floats, p: int, d: int, point: Floats,
                work: Work) -> float:  # fmt: skip
    """A value that is taken at a point proven to lie inside, on the way from point[p] to where the dictionary is."""
    back = 2.0**-46
    while back < 1.0:
        for c in range(d):
            work.far[1, c] = work.table[1 + c, d] + back * (point[p, c] - work.table[1 + c, d])
        if _all_positive(rows, error, first, first + m, work.far, 1, d):
            break
        back *= 16.0
    if back >= 1.0:
        for c in range(d):
            work.far[1, c] = point[p, c]
    total, bound = value(goal, error, p, work.far, 1, d)
    return total + bound


@scalar
def _falls(m: int, d: int, goal: Floats, p: int, work: Work, lifted: Floats, height: Floats) -> bool:
    """Whether there is proof of a direction in which all slacks grow and the goal falls."""
    for c in range(d):
        work.rows[m, c] = -goal[p, c]
    work.error[m, LINEAR] = 0.0
    return grows(m + 1, d, work, lifted, height, 0)


@scalar
def grows(m: int, d: int, work: Work, lifted: Floats, height: Floats, g: int) -> bool:
    """Whether there is proof of a direction in which m functions grow, whose gradients are rows of `work`.

    A point within their cone and a box around zero. Rows that are zero are left out of account. There is room for 2 d +
    1 more constraints; errors of coefficients are minded, and the rows' constants become zero.
    """
    for k in range(m):
        size = 0.0
        for c in range(d):
            size += abs(work.rows[k, c])
        work.rows[k, d] = -size
        work.rows[k, d + 1] = 0.0 if size > 0.0 else 1.0
        work.error[k, CONSTANT] = 0.0
    for k in range(2 * d + 1):
        for c in range(d + 1):
            work.rows[m + k, c] = 0.0
        work.rows[m + k, k >> 1] = 1.0 if k & 1 else -1.0
        work.rows[m + k, d + 1] = 1.0
    for c in range(d):
        lifted[0, c] = 0.0
    lifted[0, d] = -1.0
    n_rows = begin(work.rows, m + 2 * d + 1, d + 1, lifted, 0, work.table, work.basic, work.nonbasic)
    set_goal(height, g, 1.0, d + 1, work.table)
    status, n_rows = search(d + 1, n_rows, -np.inf, work)
    for c in range(d):
        lifted[0, c] = work.table[1 + c, d + 1]
    for k in range(m):
        work.rows[k, d] = work.rows[k, d + 1]
    return status == LEAST and inside(work.rows, work.error, m, lifted, 0, d)
