"""Questions about many polyhedra with interior points at once: their facets, largest balls, and whether they end.

Polyhedron p has the constraints offset[p] <= i < offset[p + 1], rows (a, c) with a.x + c >= 0, and a point inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar
from .bounds import SLACK, UNIT
from .halfspaces import CUTS, HELD, UNPROVEN, Work, copy_row, gather, search, verdict
from .instructions import add
from .programs import grows
from .proofs import CONSTANT, LINEAR, inside, least_value, never_negative, value
from .simplex import ENDLESS, FREE, GOAL, LEAST, begin, descend, pair_up, set_goal

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]

# answers, where floats give one
NO = 0
YES = 1
UNKNOWN = 2
_LATER = 3  # as long as a search is left to try


@loop
def facets(offset: Ints, rows: Floats, error: Floats, point: Floats, reach: Floats, work: Work, answer: Octets,
           beyond: Floats, held: Ints) -> None:  # fmt: skip
    """Which constraints are facets: there is a point that violates this one alone.

    A row that says the same as another must not be among them; `point` may lie a little outside. One dictionary serves
    all constraints of a polyhedron: each slack is made as small as can be, from where the search for the one before has
    ended. Where d constraints are held and no other, all of these are facets. If `beyond` is not empty, such points of
    facets are put there, one for each row; it is (rows, d) or empty. Where there is no answer, `held`, (rows, d),
    becomes the constraints, counted from the first of the polyhedron, that may prove exactly that this one is no facet,
    and -1 in other places.
    """
    d = point.shape[1]
    for p in range(offset.shape[0] - 1):
        first = offset[p]
        m = gather(offset, rows, error, p, d, work)
        n_rows = begin(work.rows, m, d, point, p, work.table, work.basic, work.nonbasic)
        n_rows = pair_up(work.rows, m, d, n_rows, work.table, work.basic, work.opposite, work.room)
        for k in range(m):
            answer[first + k] = UNKNOWN
        k = _nearest(first, d, n_rows, work, answer)
        while k >= 0:
            set_goal(work.rows, k, 1.0, d, work.table)
            status, n_rows = descend(
                d, n_rows, -np.inf, work.table, work.basic, work.nonbasic, work.opposite, work.room, work.pivot,
                work.far, 0,
            )  # fmt: skip
            _held_facets(first, m, d, n_rows, work, answer, beyond)
            if answer[first + k] == UNKNOWN:
                answer[first + k] = _LATER
                if status == LEAST and work.table[0, d] > 0.0 and not _is_held(k, work) and never_negative(
                    work.rows, work.error, work.rows, work.error, k, 1.0, d, reach, work.table, work.nonbasic,
                    work.scratch,
                ):  # fmt: skip
                    answer[first + k] = NO
            k = _nearest(first, d, n_rows, work, answer)
        for k in range(m):
            if answer[first + k] >= UNKNOWN:
                answer[first + k] = _without(first, k, m, d, rows, error, point, p, reach, work, beyond, held)


@scalar
def _is_held(k: int, work: Work) -> bool:
    """Whether the dictionary holds constraint k, so that it may be one of those that prove it themselves."""
    for j in range(work.nonbasic.shape[0]):
        if work.nonbasic[j] == k:
            return True
    return False


@scalar
def _nearest(first: int, d: int, n_rows: int, work: Work, answer: Octets) -> int:
    """The constraint of least slack among those not yet tried, -1 if there is none."""
    best = -1
    least = np.inf
    for r in range(1 + d, n_rows):
        k = work.basic[r]
        if answer[first + k] == UNKNOWN and work.table[r, d] < least:
            best, least = k, work.table[r, d]
        other = work.opposite[k]
        if other >= 0 and answer[first + other] == UNKNOWN and work.room[k] - work.table[r, d] < least:
            best, least = other, work.room[k] - work.table[r, d]
    for j in range(d):
        other = -1 if work.nonbasic[j] == FREE else work.opposite[work.nonbasic[j]]
        if other >= 0 and answer[first + other] == UNKNOWN and work.room[other] < least:
            best, least = other, work.room[other]
    return best


@scalar
def _without(first: int, k: int, m: int, d: int, rows: Floats, error: Floats, point: Floats, p: int, reach: Floats,
             work: Work, beyond: Floats, held: Ints) -> int:  # fmt: skip
    """Whether constraint k cuts the set of the others: by a search that begins anew."""
    i = first + k
    height, bound = value(rows, error, i, point, p, d)
    copy_row(rows, error, first + m - 1, 1.0, work.rows, work.error, k, d)  # the last one in the place of this one
    found = verdict(m - 1, d, rows, error, i, 1.0, height, point, p, reach, work)
    copy_row(rows, error, i, 1.0, work.rows, work.error, k, d)
    if found == CUTS and beyond.shape[0]:
        for c in range(d):
            beyond[i, c] = work.far[1, c]
    if found >= UNPROVEN:
        for j in range(d):
            one = work.nonbasic[j] if found == HELD and work.table[GOAL, j] > 0.0 else FREE
            held[i, j] = -1 if one == FREE else m - 1 if one == k else one
        return UNKNOWN
    return YES if found == CUTS else NO


@scalar
def _held_facets(first: int, m: int, d: int, n_rows: int, work: Work, answer: Octets, beyond: Floats) -> None:
    """Prove that constraints are facets which the dictionary holds.

    The point moves off all of them, to the inside of all but one, so far that no other slack loses more than a half.
    """
    table = work.table
    n_open = 0
    for j in range(d):
        if work.nonbasic[j] != FREE and answer[first + work.nonbasic[j]] == UNKNOWN:
            n_open += 1
    if n_open == 0:
        return
    for r in range(1, n_rows):
        total = 0.0
        for j in range(d):
            total = add(total, table[r, j] if work.nonbasic[j] != FREE else 0.0)
        work.sums[r] = total
    for j in range(d):
        k = work.nonbasic[j]
        if k == FREE or answer[first + k] != UNKNOWN:
            continue
        length = np.inf
        for r in range(1 + d, n_rows):
            rate = work.sums[r] - 2.0 * table[r, j]
            if rate < 0.0:
                length = min(length, table[r, d] / -rate)
            elif rate > 0.0:
                length = min(length, (work.room[work.basic[r]] - table[r, d]) / rate)
        for i in range(d):
            if i != j and work.nonbasic[i] != FREE:
                length = min(length, work.room[work.nonbasic[i]])
        if not length > 0.0:
            continue
        length = 0.5 * length if length < np.inf else 1.0
        for c in range(d):
            work.far[1, c] = table[1 + c, d] + length * (work.sums[1 + c] - 2.0 * table[1 + c, j])
        if _violates_alone(work.rows, work.error, k, m, d, work.far):
            answer[first + k] = YES
            if beyond.shape[0]:
                for c in range(d):
                    beyond[first + k, c] = work.far[1, c]


@scalar
def _violates_alone(rows: Floats, error: Floats, k: int, m: int, d: int, x: Floats) -> bool:
    """Whether x[1] is proven to violate constraint k and no other."""
    for i in range(m):
        slack, bound = value(rows, error, i, x, 1, d)
        if i == k:
            slack = -slack
        if not slack > bound:
            return False
    return True


@scalar
def _lifted_point(rows: Floats, m: int, d: int, norm: Floats, first: int, x: Floats, p: int, lifted: Floats) -> None:
    """The point x[p] and, as one more coordinate, half its least distance from a constraint; put to lifted[0]."""
    least = np.inf
    for i in range(m):
        slack = rows[i, d + 1]
        for c in range(d):
            slack += rows[i, c] * x[p, c]
        least = min(least, slack / norm[first + i])
    for c in range(d):
        lifted[0, c] = x[p, c]
    lifted[0, d] = 0.5 * least


@loop
def centres(
    offset: Ints, rows: Floats, error: Floats, norm: Floats, norm_error: Floats, point: Floats, reach: Floats,
    work: Work, lifted: Floats, goal: Floats, no_error: Floats, centre: Floats, radius: Floats,
) -> None:  # fmt: skip
    """The centre of a largest ball in each polyhedron, with norm[i] the length of the normal of constraint i.

    `radius` becomes (polyhedra, 2): proven bounds from below and above, the latter infinite where there is no proof;
    both are infinite where a direction is found that leads away from all constraints. `reach` is (d + 1,), with a bound
    of the radius, or empty; `work` and `lifted` are of d + 1 dimensions, and `goal` (1, d + 2) is minus the last
    coordinate, `no_error` zeros.
    """
    d = point.shape[1]
    for p in range(offset.shape[0] - 1):
        first = offset[p]
        m = offset[p + 1] - first
        for k in range(m):
            for c in range(d):
                work.rows[k, c] = rows[first + k, c]
            work.rows[k, d] = -norm[first + k]
            work.rows[k, d + 1] = rows[first + k, d]
            work.error[k, LINEAR] = max(error[first + k, LINEAR], norm_error[first + k])
            work.error[k, CONSTANT] = error[first + k, CONSTANT]
        _lifted_point(work.rows, m, d, norm, first, point, p, lifted)
        n_rows = begin(work.rows, m, d + 1, lifted, 0, work.table, work.basic, work.nonbasic)
        set_goal(goal, 0, 1.0, d + 1, work.table)
        status, n_rows = search(d + 1, n_rows, -np.inf, work)
        radius[p, 1] = np.inf
        for c in range(d):
            centre[p, c] = work.table[1 + c, d + 1]
        if status == LEAST:
            radius[p, 1] = -least_value(
                work.rows, work.error, goal, no_error, 0, 1.0, d + 1, reach, work.table, work.nonbasic, work.scratch
            )
        least = np.inf
        for k in range(m):
            slack, bound = value(rows, error, first + k, centre, p, d)
            room = (slack - bound) / (norm[first + k] + norm_error[first + k])
            least = min(least, room if room > 0.0 else 0.0)  # NaN is no room
        radius[p, 0] = least * (1.0 - 8.0 * UNIT)
        if status == ENDLESS:
            for c in range(d):
                lifted[0, c] = work.far[0, c] - work.table[1 + c, d + 1]
            for k in range(m):
                work.rows[k, d] = 0.0
                work.error[k, CONSTANT] = 0.0
            if inside(work.rows, work.error, m, lifted, 0, d):
                radius[p, 0] = np.inf


@loop
def ends(offset: Ints, rows: Floats, error: Floats, point: Floats, work: Work, lifted: Floats, goal: Floats,
         goal_error: Floats, answer: Octets) -> None:  # fmt: skip
    """Which polyhedra are bounded.

    The sum of all slacks, with positive weights, is bounded above if and only if none of them grows for ever; if then d
    of the normals are independent, no direction is left. Otherwise a direction is sought in which all slacks grow.
    `work` and `lifted` are of d + 1 dimensions, with room for 2 d + 1 more constraints; `goal` is (2, d + 2), its
    second row minus the last coordinate, and `goal_error` (2, 2), zero in the second row.
    """
    d = point.shape[1]
    for p in range(offset.shape[0] - 1):
        m = gather(offset, rows, error, p, d, work)
        _sum_of_normals(m, d, work, goal, goal_error)
        n_rows = begin(work.rows, m, d, point, p, work.table, work.basic, work.nonbasic)
        set_goal(goal, 0, 1.0, d, work.table)
        status, n_rows = search(d, n_rows, -np.inf, work)
        for k in range(m):  # constants are of no concern to directions
            work.rows[k, d] = 0.0
            work.error[k, CONSTANT] = 0.0
        answer[p] = UNKNOWN
        if status == LEAST and never_negative(
            work.rows, work.error, goal, goal_error, 0, 1.0, d, goal[0, :0], work.table, work.nonbasic, work.scratch
        ):
            answer[p] = YES
        elif status == ENDLESS and grows(m, d, work, lifted, goal, 1):
            answer[p] = NO


@scalar
def _sum_of_normals(m: int, d: int, work: Work, goal: Floats, goal_error: Floats) -> None:
    """Minus the weighted sum of the slacks' gradients."""
    for c in range(d + 1):
        goal[0, c] = 0.0
    goal_error[0, LINEAR] = 0.0
    goal_error[0, CONSTANT] = 0.0
    largest = 0.0
    for k in range(m):
        weight = 1.0 + 0.25 * (0.618 * k - np.floor(0.618 * k))  # in no simple relation to each other
        for c in range(d):
            goal[0, c] -= weight * work.rows[k, c]
            largest = max(largest, abs(work.rows[k, c]))
        goal_error[0, LINEAR] += weight * work.error[k, LINEAR]
    goal_error[0, LINEAR] = (goal_error[0, LINEAR] + 4.0 * UNIT * m * m * largest) * SLACK
