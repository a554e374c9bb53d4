"""The mean over simplices of the norm of the Jacobian of softmax probabilities, with proven bounds of the errors.

On a cell logits z are affine and have a matrix of rows a_i. With probabilities p and m = sum_j p_j a_j the norm is

    f = |(p_i (a_i - m))_i| = |sum_{i<j} p_i p_j (e_i - e_j) (a_i - a_j)^T| <= sqrt(2) sum_{i<j} p_i p_j |a_i - a_j|,

a function of the logits alone. So a simplex is given by the logits at its corners. It is cut, along level sets of the
differences of two logits, until three errors are small.

Classes that are left out. If those of a set D have probabilities p_k <= q_k on the simplex, f is off by at most
3 sum_D q_k max |a_i - a_j| without them.

Quadrature. In collapsed coordinates a rule for simplices is one Gauss-Jacobi rule after the other, with m points along
a share s in [0, 1] of a corner and of a point of the face of the corners after it. Differences of logits change by
R at most along that segment. Let s be complex, in the ellipse with foci 0 and 1 whose half-axes are a / 2 and b / 2,
a = (rho + 1 / rho) / 2 and b = (rho - 1 / rho) / 2. Then imaginary parts of differences of logits span theta = R b / 2,
and their real parts change by R (a - 1) / 2 at most beyond those on the segment. With p the probabilities at real parts
f^2 has the continuation

    sum_ijk p_i^2 p_j p_k (a_i - a_j).(a_i - a_k) exp(i (2 phi_i + phi_j + phi_k)) / (sum_j p_j exp(i phi_j))^4,

|phi| <= theta / 2. The denominator is at least cos(theta / 2)^4. As j and k differ from i, arguments in the numerator
lie between twice the sum of the two least phi and twice that of the two largest: within some omega of the middle one.
Let P and N be the sums of the positive and of the negative terms at real parts. The numerator is at least
P cos(omega) - N and at most P + N <= 2 F^2 with F the bound of f above; so f is analytic if N / P < cos(omega). For two
classes there is one term, and theta < pi will do. For three, N / P <= c / 2 with c the largest of the negated cosines
in the triangle of the rows: of the terms of its obtuse angle, p_j p_k |x| |y| <= (p_j^2 |x|^2 + p_k^2 |y|^2) / 2, and P
has either square twice. For n classes let h_i = p_i |a_i - m|. Since sum_j p_j |a_i - a_j| <= (1 - p_i) |a_i - m| +
sum_{j != i} h_j, P + N is at most sum_i ((1 - 2 p_i) h_i + p_i sum_j h_j)^2, for fixed h convex in p, so largest where
one p_i is one, and there at most n f^2: N / P <= (n - 1) / (n + 1).
Chebyshev series (Trefethen, Approximation Theory and Approximation Practice, theorem 8.2) leave at most
2 M rho^-n / (rho - 1) of a function of modulus <= M beyond degree n; a rule with positive weights is off by twice that.

Rounding. Where logits are off by e at most, f is off by a factor exp(2 e (1 + sqrt(n))) at most. A corner that is put
on an edge is the point with the weights used, so its logits are off by rounding alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar
from .bounds import UNIT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VALUE, ERROR, MIXED = 0, 1, 2  # mean, bound of its error, upper bound of the mean of sqrt(2) sum_{i<j} p_i p_j
MOST_POINTS = 16  # of a rule in one direction
STACK = 1024  # simplices that wait
TOO_MANY = -1
_ROUNDED = 2.0**-42  # of a sum over the points of a rule: its terms, weights and points, and its products of shares
_MOST_ANGLE = 2.2  # theta


class Room(NamedTuple):
    """Where simplices wait, and what is known of one of them."""

    z: Floats  # (STACK, d + 1, n) logits at corners, less those of one class
    share: Floats  # (STACK,) of the simplex that all are parts of
    slip: Floats  # (STACK, n) bounds of the rounding of logits
    thin: NDArray[np.bool_]  # (STACK,) whether an edge was put where no logit changes
    kept: Ints  # (n,) classes
    bound: Floats  # (n,) of their probabilities
    order: Ints  # (d + 1,) of the corners
    points: Ints  # (d,) of the rule in each direction
    at: Ints  # (d,) a point of the rule
    place: Floats  # (d + 1,) its coordinates
    value: Floats  # (n,) exponentials at a point
    matrix: Floats  # (d, d + 1)
    weight: Floats  # (d + 1,)
    new: Floats  # (2, n)


@scalar
def _distance(rows: Floats, i: int, j: int) -> float:
    total = 0.0
    for k in range(rows.shape[1]):
        total += (rows[i, k] - rows[j, k]) ** 2
    return np.sqrt(total)


@scalar
def _span(z: Floats, i: int, j: int) -> tuple[float, float]:
    """The least and the largest difference of two logits on a simplex."""
    low = high = z[0, i] - z[0, j]
    for c in range(1, len(z)):
        v = z[c, i] - z[c, j]
        low, high = min(low, v), max(high, v)
    return low, high


@scalar
def _likeliest(z: Floats) -> int:
    """The class that is likeliest in the middle."""
    best, most = 0, -np.inf
    for k in range(z.shape[1]):
        total = 0.0
        for c in range(len(z)):
            total += z[c, k]
        if total > most:
            best, most = k, total
    return best


@scalar
def _keep(z: Floats, slip: Floats, top: int, least: float, room: Room) -> tuple[int, float]:
    """The number of classes that may have a probability above `least`, `top` the first, and the sum of the others'."""
    n = z.shape[1]
    room.kept[0] = top
    count, left_out = 1, 0.0
    for k in range(n):
        if k != top:
            q = np.exp(_span(z, k, top)[1] + slip[k] + slip[top])
            if q > least:
                room.kept[count] = k
                count += 1
            else:
                left_out += q
    last = count
    count = 1
    for i in range(1, last):  # those of the others that one of these leaves no room
        k, q = room.kept[i], 1.0
        for j in range(last):
            if j != i:
                other = room.kept[j]
                q = min(q, np.exp(_span(z, k, other)[1] + slip[k] + slip[other]))
        if q > least:
            room.kept[count] = k
            count += 1
        else:
            left_out += q
    return count, left_out


@scalar
def _norm(z: Floats, rows: Floats, count: int, room: Room) -> float:
    """The norm at the point of which `room.place` has the coordinates; nothing underflows before the result does."""
    e = room.value
    first, second = -np.inf, -np.inf
    most = 0
    top = room.kept[0]
    for i in range(count):
        k = room.kept[i]
        v = 0.0
        for c in range(len(z)):
            v += room.place[c] * (z[c, k] - z[c, top])
        e[i] = v
        if v > first:
            first, second, most = v, first, i
        elif v > second:
            second = v
    small = np.exp(second - first)
    if count == 2:
        return np.sqrt(2.0) * _distance(rows, room.kept[0], room.kept[1]) * small / (1.0 + small) ** 2
    total = 1.0
    for i in range(count):
        if i != most:
            e[i] = np.exp(e[i] - second)
            total += small * e[i]
    best, square = room.kept[most], 0.0
    for x in range(rows.shape[1]):
        m = 0.0
        for i in range(count):
            if i != most:
                m += e[i] * (rows[room.kept[i], x] - rows[best, x])
        m /= total
        square += (m / total) ** 2
        for i in range(count):
            if i != most:
                square += (e[i] / total * (rows[room.kept[i], x] - rows[best, x] - small * m)) ** 2
    return small * np.sqrt(square)


@scalar
def _in_order(z: Floats, count: int, room: Room) -> None:
    """Order the corners such that the last ones lie close together, as logits have them."""
    n = len(z)
    for c in range(n):
        room.order[c] = c
    for end in range(n - 1, 0, -1):  # order[end + 1:] is chosen
        best, least = end, np.inf
        for i in range(end + 1):
            far = 0.0
            if end == n - 1:
                far = np.inf
                for j in range(end + 1):
                    if j != i:
                        far = min(far, _apart(z, room.order[i], room.order[j], count, room))
            else:
                for j in range(end + 1, n):
                    far = max(far, _apart(z, room.order[i], room.order[j], count, room))
            if far < least:
                best, least = i, far
        room.order[best], room.order[end] = room.order[end], room.order[best]


@scalar
def _apart(z: Floats, a: int, b: int, count: int, room: Room) -> float:
    """By how much differences of logits change from a corner to another."""
    low = high = 0.0
    for i in range(1, count):
        v = _change(z, a, b, i, room)
        low, high = min(low, v), max(high, v)
    return high - low


@scalar
def _change(z: Floats, a: int, b: int, i: int, room: Room) -> float:
    """By how much a logit changes from a corner to another, compared with the first that counts."""
    return (z[a, room.kept[i]] - z[a, room.kept[0]]) - (z[b, room.kept[i]] - z[b, room.kept[0]])


@scalar
def _pairs_apart(z: Floats, a: int, b: int, count: int, room: Room) -> float:
    """By how much the sums of two logits differ in their changes from a corner to another."""
    low, lower = 0.0, np.inf
    high, higher = 0.0, -np.inf
    for i in range(1, count):
        v = _change(z, a, b, i, room)
        low, lower = min(low, v), min(lower, max(low, v))
        high, higher = max(high, v), max(higher, min(high, v))
    return (high + higher) - (low + lower)


@scalar
def _angle(rows: Floats, count: int, room: Room) -> float:
    """By how much arguments of the terms of f^2 may be off from the middle one."""
    if count == 2:
        return np.pi
    share = (count - 1.0) / (count + 1.0)
    if count == 3:
        a, b, c = room.kept[0], room.kept[1], room.kept[2]
        x, y, z = _distance(rows, a, b), _distance(rows, a, c), _distance(rows, b, c)
        x, y, z = min(x, y, z), max(min(x, y), min(max(x, y), z)), max(x, y, z)
        if x > 1e-6 * z:
            share = 0.5 * min(1.0, max(0.0, (z * z - x * x - y * y) / (2.0 * x * y)) + 1e-6)
    return 0.9999 * np.arccos(share)


@scalar
def _largest(z: Floats, rows: Floats, count: int, room: Room) -> tuple[float, float]:
    """Upper bounds of sqrt(2) sum_{i<j} p_i p_j |a_i - a_j|, and of the same without lengths."""
    for i in range(count):
        q = 0.0
        for j in range(count):
            if j != i:
                q = min(q, _span(z, room.kept[i], room.kept[j])[1])
        room.bound[i] = np.exp(q)
    size = mixed = 0.0
    for i in range(count):
        for j in range(i):
            both = np.sqrt(2.0) * min(0.25, room.bound[i] * room.bound[j])
            mixed += both
            size += both * _distance(rows, room.kept[i], room.kept[j])
    return size * (1.0 + 2.0**-30), min(mixed, np.sqrt(0.5))


@scalar
def _rule_for(z: Floats, count: int, size: float, theta: float, goal: float, room: Room) -> tuple[float, float]:
    """Choose the points along each direction; returns their number, and a bound of the error."""
    d = len(z) - 1
    factor = 1.0 if count == 2 else np.sqrt(2.0)
    number, error = 1.0, 0.0
    for k in range(d):
        r = pairs = 0.0
        for j in range(k + 1, d + 1):
            r = max(r, _apart(z, room.order[k], room.order[j], count, room))
            pairs = max(pairs, _pairs_apart(z, room.order[k], room.order[j], count, room))
        b = min(2.0 * _MOST_ANGLE / max(r, 1e-300), 2.0 * theta / max(pairs, 1e-300), 1e6)
        a = np.sqrt(1.0 + b * b)
        rho = a + b
        most = 4.0 * factor / np.cos(r * b / 4.0) ** 2 * size * np.exp(min(r * (a - 1.0), 700.0))
        m = 1.0
        if most / ((rho - 1.0) * rho) > goal:
            m = np.ceil((np.log(most / ((rho - 1.0) * goal)) / np.log(rho) + 1.0) / 2.0)
        number *= m
        if m > MOST_POINTS:
            return np.inf, np.inf
        room.points[k] = int(m)
        error += most * (rho ** (1.0 - 2.0 * m) / (rho - 1.0) + _ROUNDED)
    return number, error


@scalar
def _integrated(z: Floats, rows: Floats, count: int, nodes: Floats, weights: Floats, room: Room) -> float:
    """The mean of f by the rule."""
    d = len(z) - 1
    for k in range(d):
        room.at[k] = 0
    total = 0.0
    while True:
        rest, weight = 1.0, 1.0
        for k in range(d):
            m = room.points[k]
            s = nodes[d - 1 - k, m, room.at[k]]
            weight *= weights[d - 1 - k, m, room.at[k]]
            room.place[room.order[k]] = rest * s
            rest *= 1.0 - s
        room.place[room.order[d]] = rest
        total += weight * _norm(z, rows, count, room)
        k = d - 1
        while k >= 0:
            room.at[k] += 1
            if room.at[k] < room.points[k]:
                break
            room.at[k] = 0
            k -= 1
        if k < 0:
            return total


@scalar
def _level(low: float, high: float, most: float) -> float:
    """Where to cut: a number inside an interval, the same one for intervals that share it.

    Differences of more than `most` count for nothing. Among the others the one is taken whose binary representation is
    shortest, but near the ends.
    """
    below, above = max(low, -most), min(high, most)
    inner = (above - below) / 16.0
    if not below + inner <= 0.0 <= above - inner:
        if high > 1.25 * most and low < 0.9 * most:
            return most
        if low < -1.25 * most and high > -0.9 * most:
            return -most
    if below < above:
        low, high = below, above
    inner = (high - low) / 16.0
    low, high = low + inner, high - inner
    if low <= 0.0 <= high:
        return 0.0
    if high < 0.0:
        return -_level_above(-high, -low)
    return _level_above(low, high)


@scalar
def _level_above(low: float, high: float) -> float:
    unit = 2.0 ** np.floor(np.log2(high))
    while unit > 0.0:
        c = np.floor(high / unit) * unit
        if c >= low:
            return c
        unit /= 2.0
    return high


@scalar
def _replace(place: int, corner: int, which: int, room: Room) -> None:
    """Put a new point in the place of a corner."""
    for k in range(room.new.shape[1]):
        room.z[place, corner, k] = room.new[which, k]


@scalar
def _cut(top: int, z: Floats, rows: Floats, count: int, far: float, room: Room) -> int:
    """Put two parts of a simplex in its place and after it; returns the new number, or that of before if none."""
    best, most, low, high = 0, -1.0, 0.0, 0.0
    second = 0
    for i in range(count):
        for j in range(i):
            a, b = _span(z, room.kept[i], room.kept[j])
            weight = room.bound[i] * room.bound[j] * _distance(rows, room.kept[i], room.kept[j])
            score = (b - a) * weight**0.1
            if score > most:
                best, second, most, low, high = room.kept[i], room.kept[j], score, a, b
    c = _level(low, high, far)
    under = over = 0
    for v in range(1, len(z)):
        if z[v, best] - z[v, second] < z[under, best] - z[under, second]:
            under = v
        if z[v, best] - z[v, second] > z[over, best] - z[over, second]:
            over = v
    part = (c - low) / (high - low)
    if not 0.0 < part < 1.0:
        return top
    for k in range(z.shape[1]):
        room.new[0, k] = z[under, k] + part * (z[over, k] - z[under, k])
    top = _copy(top, z, part, 4.0, room)
    _replace(top - 1, over, 0, room)
    top = _copy(top, z, 1.0 - part, 4.0, room)
    _replace(top - 1, under, 0, room)
    return top


@scalar
def _copy(top: int, z: Floats, part: float, terms: float, room: Room) -> int:
    """Put a copy of the simplex that was taken from place STACK - 1 on the stack, with a share of it."""
    room.share[top] = room.share[STACK - 1] * part
    room.thin[top] = room.thin[STACK - 1]
    for k in range(z.shape[1]):
        size = 0.0
        for c in range(len(z)):
            size = max(size, abs(z[c, k]))
            room.z[top, c, k] = z[c, k]
        room.slip[top, k] = room.slip[STACK - 1, k] + terms * UNIT * size
    return top + 1


@scalar
def _dependency(z: Floats, count: int, room: Room) -> bool:
    """Weights of the corners with which all differences of d logits cancel, and whether these are unique."""
    d, m = len(z) - 1, room.matrix
    for c in range(d + 1):
        m[0, c] = 1.0
        for i in range(1, count):
            m[i, c] = z[c, room.kept[i]] - z[c, room.kept[0]]
    for i in range(1, count):
        low, high = _span(z, room.kept[i], room.kept[0])
        if not high > low:
            return False
        for c in range(d + 1):
            m[i, c] = (m[i, c] - low) / (high - low)
    for c in range(d + 1):
        room.order[c] = c  # of the columns
    for i in range(d):
        row, column, most = i, i, -1.0
        for j in range(i, d):
            for c in range(i, d + 1):
                if abs(m[j, room.order[c]]) > most:
                    row, column, most = j, c, abs(m[j, room.order[c]])
        if most < 1e-12:
            return False
        room.order[i], room.order[column] = room.order[column], room.order[i]
        for c in range(d + 1):
            m[i, c], m[row, c] = m[row, c], m[i, c]
        for j in range(i + 1, d):
            factor = m[j, room.order[i]] / m[i, room.order[i]]
            for c in range(d + 1):
                m[j, c] -= factor * m[i, c]
    room.weight[room.order[d]] = 1.0
    for i in range(d - 1, -1, -1):
        total = 0.0
        for c in range(i + 1, d + 1):
            total -= m[i, room.order[c]] * room.weight[room.order[c]]
        room.weight[room.order[i]] = total / m[i, room.order[i]]
    return True


@scalar
def _thinned(top: int, z: Floats, count: int, room: Room) -> int:
    """Part a simplex into those with an edge along which no difference of its d logits changes.

    Its corners have one affine dependency of these: a point between some of them has the logits of one between the
    others. Each part has both points as corners, in the places of one corner of either kind.
    """
    n, room.thin[STACK - 1] = len(z), True
    if not _dependency(z, count, room):
        return top
    most = 0.0
    for c in range(n):
        most = max(most, abs(room.weight[c]))
    above = below = 0.0
    n_above = n_below = 0
    for c in range(n):
        if abs(room.weight[c]) < 1e-9 * most:
            room.weight[c] = 0.0
        if room.weight[c] > 0:
            above += room.weight[c]
            n_above += 1
        elif room.weight[c] < 0:
            below -= room.weight[c]
            n_below += 1
    for k in range(z.shape[1]):
        room.new[0, k] = room.new[1, k] = 0.0
        for c in range(n):
            if room.weight[c] > 0:
                room.new[0, k] += room.weight[c] / above * z[c, k]
            elif room.weight[c] < 0:
                room.new[1, k] -= room.weight[c] / below * z[c, k]
    for p in range(n):
        for q in range(n):
            if room.weight[p] > 0 > room.weight[q]:
                part = room.weight[p] / above * (-room.weight[q] / below)
                top = _copy(top, z, part, 4.0 * (n + 2), room)
                if n_above > 1:
                    _replace(top - 1, p, 0, room)
                if n_below > 1:
                    _replace(top - 1, q, 1, room)
    return top


@scalar
def _taken(top: int, room: Room) -> None:
    """Move the simplex on top of the stack to the place STACK - 1."""
    room.share[STACK - 1] = room.share[top]
    room.thin[STACK - 1] = room.thin[top]
    for k in range(room.z.shape[2]):
        room.slip[STACK - 1, k] = room.slip[top, k]
        for c in range(room.z.shape[1]):
            room.z[STACK - 1, c, k] = room.z[top, c, k]


@loop
def mean_norms(
    logits: Floats,
    slip: Floats,
    rows: Floats,
    cell: Ints,
    reach: Floats,
    goal: Floats,
    relative: float,
    nodes: Floats,
    weights: Floats,
    most_points: float,
    most_parts: int,
    room: Room,
    result: Floats,
) -> int:
    """The means on simplices; returns the number of parts they were cut into, TOO_MANY if there would be more.

    Parameters are the logits (S, d + 1, n) and bounds (S,) of their errors, the matrices (C, n, r) and which of them
    (S,) each simplex has, bounds (C,) of the distances of their rows, the error (S,) that each mean may have or else
    its size times `relative`, rules (d, MOST_POINTS + 1, MOST_POINTS) for the weights (1 - s)^k, the largest number of
    points on a simplex and that of parts. `result` (S, 3) is filled.
    """
    d, n = logits.shape[1] - 1, logits.shape[2]
    parts = 0
    z, slips = room.z[STACK - 1], room.slip[STACK - 1]
    for s in range(len(logits)):
        own, widest = rows[cell[s]], reach[cell[s]]
        value = error = mixed = 0.0
        least = min(max(goal[s] / (6.0 * n * max(widest, 1e-300)), 1e-300), 0.5)  # probability that counts
        base = _likeliest(logits[s])
        finite = True
        for k in range(n):
            size = 0.0
            for c in range(d + 1):
                room.z[0, c, k] = logits[s, c, k] - logits[s, c, base]
                size = max(size, abs(room.z[0, c, k]))
                finite &= np.isfinite(room.z[0, c, k])
            room.slip[0, k] = slip[s] + UNIT * size
        room.share[0], room.thin[0] = 1.0, False
        top = 1 if finite and slip[s] < 1.0 else 0
        if top == 0:
            error, mixed = widest, np.sqrt(0.5)
        while top > 0:
            parts += 1
            if parts > most_parts or top > STACK - (d + 1) * (d + 1):
                return TOO_MANY
            top -= 1
            _taken(top, room)
            share = room.share[STACK - 1]
            best = _likeliest(z)
            count, left_out = _keep(z, slips, best, least, room)
            error += share * 3.0 * widest * left_out
            mixed += share * 3.0 * left_out
            if count == 1:
                continue
            size, both = _largest(z, own, count, room)
            for c in range(d + 1):
                room.place[c] = 1.0 / (d + 1)
            allowed = (goal[s] + relative * _norm(z, own, count, room)) / (2.0 * d)
            if count == d and d > 1 and not room.thin[STACK - 1]:
                before = top
                top = _thinned(top, z, count, room)
                if top > before:
                    continue
            _in_order(z, count, room)
            number, rest = _rule_for(z, count, size, _angle(own, count, room), allowed, room)
            if number > most_points:
                before = top
                top = _cut(top, z, own, count, -1.01 * np.log(least), room)
                if top > before:
                    continue
                if number == np.inf:
                    return TOO_MANY
            mean = _integrated(z, own, count, nodes, weights, room)
            moved = 0.0
            for i in range(count):
                low, high = _span(z, room.kept[i], best)
                moved = max(moved, slips[room.kept[i]] + 16.0 * UNIT * max(abs(low), abs(high)))
            moved = np.expm1(2.0 * moved * (1.0 if count == 2 else 1.0 + np.sqrt(count)))
            value += share * mean
            error += share * (rest + (mean + rest) * moved + _ROUNDED * mean)
            mixed += share * both
        result[s, VALUE] = value
        result[s, ERROR] = min(error, max(value, widest)) + parts * UNIT * value
        result[s, MIXED] = mixed
    return parts
