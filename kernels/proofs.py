"""What floats prove of linear inequalities: slacks positive at a point, functions that are nowhere negative.

A row (a, c) stands for an exact one that it is near to: each entry of a is off by at most error[LINEAR], c by at most
error[CONSTANT]. Two proofs show that a function h is not negative where no slack s_j is. Both have h = sum y_j s_j + r
with multipliers y_j >= 0:

    where |x_c| <= reach[c] is known, r may be anything whose least value there is not negative (Neumaier & Shcherbina,
    Safe bounds in linear and mixed-integer linear programming, Mathematical Programming 99, 2004);
    else the d constraints that are held have to determine y, so that r is a constant. The exact y is near the one
    at hand if an approximate inverse R of the matrix B of these rows has |1 - R B| < 1 (Rump, Verification methods,
    Acta Numerica 19, 2010, section 10), and r >= 0 is then a single sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import scalar
from .bounds import LEAST_FLOAT, SLACK, TINY, UNIT
from .instructions import add
from .simplex import FREE, GOAL, add_row

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# columns of error tables
LINEAR = 0
CONSTANT = 1


@scalar
def value(rows: Floats, error: Floats, i: int, x: Floats, r: int, d: int) -> tuple[float, float]:
    """The value of row i at x[r], and a bound of its distance from that of the exact row."""
    total = rows[i, d]
    size = abs(total)
    reach = 0.0
    sum_0 = sum_1 = sum_2 = sum_3 = 0.0  # that need not wait for each other
    last = d & ~3
    for c in range(0, last, 4):
        term_0, term_1 = rows[i, c] * x[r, c], rows[i, c + 1] * x[r, c + 1]
        term_2, term_3 = rows[i, c + 2] * x[r, c + 2], rows[i, c + 3] * x[r, c + 3]
        sum_0 += term_0
        sum_1 += term_1
        sum_2 += term_2
        sum_3 += term_3
        size = add(size, (abs(term_0) + abs(term_1)) + (abs(term_2) + abs(term_3)))
        reach = add(reach, (abs(x[r, c]) + abs(x[r, c + 1])) + (abs(x[r, c + 2]) + abs(x[r, c + 3])))
    total += (sum_0 + sum_1) + (sum_2 + sum_3)
    for c in range(last, d):
        term = rows[i, c] * x[r, c]
        total += term
        size = add(size, abs(term))
        reach = add(reach, abs(x[r, c]))
    bound = (d + 2) * UNIT * size + error[i, LINEAR] * reach + error[i, CONSTANT]
    return total, bound * SLACK + (TINY if size > 0.0 else 0.0)


@scalar
def inside(rows: Floats, error: Floats, m: int, x: Floats, r: int, d: int) -> bool:
    """Whether all m slacks are proven to be positive at x[r]."""
    for i in range(m):
        slack, bound = value(rows, error, i, x, r, d)
        if not slack > bound:
            return False
    return True


@scalar
def never_negative(
    rows: Floats, error: Floats, goal: Floats, goal_error: Floats, g: int, sign: float, d: int, reach: Floats,
    table: Floats, nonbasic: Ints, scratch: Floats,
) -> bool:  # fmt: skip
    """Whether sign * goal[g] is proven not to be negative anywhere, by the multipliers of the dictionary.

    `reach`, (d,), bounds the coordinates' absolute values; it is empty where there are no such bounds.
    """
    if reach.shape[0] and _by_reach(rows, error, goal, goal_error, g, sign, d, reach, table, nonbasic) >= 0.0:
        return True
    return _by_solution(rows, error, goal, goal_error, g, sign, d, table, nonbasic, scratch) >= 0.0


@scalar
def least_value(
    rows: Floats, error: Floats, goal: Floats, goal_error: Floats, g: int, sign: float, d: int, reach: Floats,
    table: Floats, nonbasic: Ints, scratch: Floats,
) -> float:  # fmt: skip
    """A proven lower bound of sign * goal[g], by the dictionary's multipliers; minus infinity if they show none."""
    if reach.shape[0]:
        return _by_reach(rows, error, goal, goal_error, g, sign, d, reach, table, nonbasic)
    return _by_solution(rows, error, goal, goal_error, g, sign, d, table, nonbasic, scratch)


@scalar
def _by_reach(
    rows: Floats, error: Floats, goal: Floats, goal_error: Floats, g: int, sign: float, d: int, reach: Floats,
    table: Floats, nonbasic: Ints,
) -> float:  # fmt: skip
    """The rest r, bounded from below over the box of the coordinates."""
    linear = goal_error[g, LINEAR] + 4.0 * (d + 1) * LEAST_FLOAT  # what products lose of a coefficient that vanish
    constant = goal_error[g, CONSTANT]
    rest = sign * goal[g, d]
    size = abs(rest)
    for j in range(d):
        y = table[GOAL, j]
        if nonbasic[j] != FREE and y > 0.0:
            term = y * rows[nonbasic[j], d]
            rest -= term
            size += abs(term)
            linear += y * error[nonbasic[j], LINEAR]
            constant += y * error[nonbasic[j], CONSTANT]
    loss = constant
    for c in range(d):
        r = sign * goal[g, c]
        weight = abs(r)
        for j in range(d):
            y = table[GOAL, j]
            if nonbasic[j] != FREE and y > 0.0:
                term = y * rows[nonbasic[j], c]
                r -= term
                weight += abs(term)
        loss += (abs(r) + (d + 2) * UNIT * weight + linear) * reach[c]
    low = rest - ((loss + (d + 2) * UNIT * size) * SLACK + TINY)
    return low - 2.0 * UNIT * abs(low) if low == low else -np.inf


@scalar
def _defect(
    rows: Floats, error: Floats, d: int, table: Floats, nonbasic: Ints, scratch: Floats
) -> tuple[float, float]:  # fmt: skip
    """Bounds of the largest entry of r R, for |r| <= scratch[0], and of the norm of 1 - B R; infinite if not finite.

    The exact multipliers are y + r R (B R)^-1. Rows are multiplied by (1 - B R), so that its columns are summed. An
    entry of the product B R errs by gamma times the lengths of the row and of the column, at most.
    """
    width = table.shape[1]
    for k in range(width):
        scratch[1, k] = scratch[2, k] = scratch[3, k] = scratch[4, k] = 0.0
    for c in range(d):  # columns of R: sums of absolute values, of squares, and weighted by the bounds of r
        bound = scratch[0, c]
        for k in range(d):
            size = abs(table[1 + c, k])
            scratch[1, k] += bound * size
            scratch[2, k] += size
            scratch[3, k] += size * size
    for i in range(d):
        for k in range(width):
            scratch[5, k] = 0.0
        scratch[5, i] = -1.0
        square = 0.0
        for c in range(d):
            entry = rows[nonbasic[i], c]
            square += entry * entry
            if entry != 0.0:
                add_row(scratch, 5, entry, table, 1 + c)
        long = (d + 3) * UNIT * np.sqrt(square)
        for k in range(d):
            size = abs(scratch[5, k])
            scratch[4, k] += size + long * np.sqrt(scratch[3, k]) + error[nonbasic[i], LINEAR] * scratch[2, k]
        scratch[4, i] += (d + 3) * UNIT
    defect = 0.0
    moved = 0.0
    for k in range(d):
        if not (scratch[4, k] < np.inf and scratch[1, k] < np.inf):  # NaN is larger than nothing
            return np.inf, np.inf
        defect = max(defect, scratch[4, k])
        moved = max(moved, scratch[1, k])
    return moved, defect * SLACK


@scalar
def _by_solution(
    rows: Floats, error: Floats, goal: Floats, goal_error: Floats, g: int, sign: float, d: int, table: Floats,
    nonbasic: Ints, scratch: Floats,
) -> float:  # fmt: skip
    """The exact multipliers of d constraints, enclosed: they and the rest, a constant, must not be negative.

    The table's rows of coordinates are x = ... + sum_j R[c, j] s_j, so that B R = 1 for the matrix B of the rows.
    `scratch` has six rows as wide as the table's.
    """
    for j in range(d):
        if nonbasic[j] == FREE:
            return -np.inf
    # row 0 of scratch, entry c: a bound of the rest's, r = goal - y B; zero only where nothing can have vanished
    total = goal_error[g, LINEAR]
    is_exact = total == 0.0
    for j in range(d):
        total += abs(table[GOAL, j]) * error[nonbasic[j], LINEAR]
        is_exact = is_exact and error[nonbasic[j], LINEAR] == 0.0
    off = False
    for c in range(d):
        r = sign * goal[g, c]
        weight = abs(r)
        is_zero = is_exact and r == 0.0
        for j in range(d):
            entry = rows[nonbasic[j], c]
            term = table[GOAL, j] * entry
            r -= term
            weight += abs(term)
            is_zero = is_zero and (entry == 0.0 or table[GOAL, j] == 0.0)
        scratch[0, c] = 0.0 if is_zero else abs(r) + (d + 2) * UNIT * weight + total + TINY
        off = off or not is_zero
    moved, defect = _defect(rows, error, d, table, nonbasic, scratch)
    if not defect < 0.5:
        return -np.inf
    moved = moved / (1.0 - defect) * SLACK
    if off:
        moved += TINY
    rest = sign * goal[g, d]
    weight = abs(rest)
    loss = goal_error[g, CONSTANT]
    is_zero = rest == 0.0 == loss  # of all constants and their errors: products may vanish that are not zero
    for j in range(d):
        y = table[GOAL, j]
        if not y >= moved:
            return -np.inf
        constant = rows[nonbasic[j], d]
        is_zero = is_zero and constant == 0.0 == error[nonbasic[j], CONSTANT]
        term = y * constant
        rest -= term
        weight += abs(term)
        loss += moved * (abs(constant) + error[nonbasic[j], CONSTANT]) + y * error[nonbasic[j], CONSTANT]
    low = rest - ((loss + (d + 2) * UNIT * weight) * SLACK + (0.0 if is_zero else TINY))
    return low - 2.0 * UNIT * abs(low) if low == low else -np.inf
