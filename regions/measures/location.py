"""Which cell holds a point: proven by floats with error bounds, or decided in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from linear_regions.bits import flat_ranges, packed
from linear_regions.domain.chart import HalfspaceChart, LineChart, PlaneChart, SolidChart, SpaceChart
from linear_regions.domain.faces import whole
from linear_regions.errors import invalid
from linear_regions.geometry import SLACK, TINY, UNIT, LineComplex, PlaneComplex
from linear_regions.network.cast import exact_array
from linear_regions.rational_lp import interior

from .exactly import exact_breakpoint
from .residuals import rounding_bounds

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_CHUNK_BYTES = 1 << 25
_UNDECIDED = -2


def points_in_slice(regions: Regions, points: object, name: str = "points") -> Floats:
    """The argument as (M, d); on a line (M,) will do."""
    given = exact_array(points, name)
    if regions.dim == 1 and given.ndim == 1:
        given = given[:, None]
    if given.ndim != 2 or given.shape[1] != regions.dim:
        raise invalid(name, f"have shape (M, {regions.dim}), in slice coordinates", given.shape)
    return given


def find(regions: Regions, points: object) -> Ints:
    """Cells of points; see `Regions.find`."""
    given = points_in_slice(regions, points)
    if isinstance(regions.coarse, LineComplex):
        return _find_on_line(regions, cast(LineComplex, regions.geometry), given[:, 0])
    width = max(8, *regions.network.widths, regions.network.n_inputs)
    rows = max(256, _CHUNK_BYTES // (8 * width))
    result = np.empty(len(given), np.int64)
    with np.errstate(all="ignore"):  # what is not finite is not proven
        for first in range(0, len(given), rows):
            result[first : first + rows] = _find(regions, given[first : first + rows])
    return result


def _find_on_line(regions: Regions, geometry: LineComplex, t: Floats) -> Ints:
    """Binary search, exact where a breakpoint's error bound leaves a doubt; a breakpoint goes to the cell before it."""
    # Error bounds may exceed gaps, so the order is that of the lower and upper bounds, both made monotone.
    place = np.where(np.isfinite(geometry.error), geometry.t, 0.0)
    low, high = place - geometry.error, place + geometry.error
    low = np.maximum.accumulate(np.where(geometry.error > 0, np.nextafter(low, -np.inf), place))
    high = np.minimum.accumulate(np.where(geometry.error > 0, np.nextafter(high, np.inf), place)[::-1])[::-1]
    below = np.searchsorted(high, t)  # breakpoints proven to lie strictly below, unless their bounds touch t
    above = np.searchsorted(low, t, side="right")
    result = below - 1
    for i in np.flatnonzero(below != above):
        x = Fraction(float(t[i]))
        first, last = int(below[i]), int(above[i])
        number = next((k for k in range(first, last) if exact_breakpoint(regions, k, geometry) >= x), last)
        at_start = number == 0 and exact_breakpoint(regions, 0, geometry) == x
        result[i] = 0 if at_start else number - 1
    result[result == len(regions)] = -1
    return result


def _find(regions: Regions, t: Floats) -> Ints:
    """Guess by the pattern that float64 gives, prove the guess, decide the rest exactly."""
    inside = _in_domain(regions, t)
    result = np.where(inside == -1, -1, _UNDECIDED)
    own = np.flatnonzero(inside >= 0)
    if len(own):
        words, proven = float_pattern(regions, t[own])
        guess = regions.pattern_table.find(words, len(own))
        good = np.flatnonzero(guess >= 0)
        if isinstance(regions.coarse, PlaneComplex):
            good = good[_proven_inside(cast(PlaneComplex, regions.geometry), guess[good], t[own[good]])]
        else:
            good = good[proven[good] & (inside[own[good]] == 1)]
        result[own[good]] = guess[good]
    for i in np.flatnonzero(result == _UNDECIDED):
        result[i] = _exact_cell(regions, [Fraction(v) for v in t[i].tolist()])
    return result


def _in_domain(regions: Regions, t: Floats) -> Ints:
    """1 for points proven to lie inside the domain, -1 for outside, 0 where floats do not tell."""
    rows = np.array([[float(f) for f in row] for row in _inward(regions)]).reshape(-1, regions.dim + 1)
    value = t @ rows[:, :-1].T + rows[:, -1]
    size = np.abs(t) @ np.abs(rows[:, :-1]).T + np.abs(rows[:, -1])
    bound = (4 + 2 * regions.dim) * UNIT * size + TINY
    result: Ints = np.where((value > bound).all(axis=1), 1, 0) - (value < -bound).any(axis=1)
    return result


def _inward(regions: Regions) -> list[list[Fraction]]:
    """Rows (a, c) of the domain's facets, a.t + c > 0 inside."""
    chart = regions.chart
    return [] if isinstance(chart, LineChart | SpaceChart) else [[-a for a in row] for row in chart.facets]


def _middle(regions: Regions) -> list[Fraction]:
    """A point inside the domain, the mean of its corners where they are known."""
    chart = regions.chart
    if isinstance(chart, HalfspaceChart) and np.isfinite(chart.inside).all():
        return [Fraction(v) for v in chart.inside.tolist()]
    if isinstance(chart, HalfspaceChart):
        return interior([whole([-v for v in facet]) for facet in chart.facets], regions.dim)[1]
    if not isinstance(chart, PlaneChart | SolidChart):
        return [Fraction(0)] * regions.dim
    return [sum(column, start=Fraction(0)) / len(column) for column in zip(*chart.corners, strict=True)]


def float_pattern(regions: Regions, t: Floats) -> tuple[list[Words], NDArray[np.bool_]]:
    """Packed patterns of points as float64 has them, and whether bounds of rounding prove all of each."""
    entering = iter(regions.network.preactivations(regions.domain.embed(t)))
    proven = np.ones(len(t), np.bool_)
    bounds = rounding_bounds(regions, t, np.zeros(len(t))).entering
    words = []
    for step, bound in zip(regions.program.steps, bounds, strict=True):
        if step.has_units:
            a = step.activation
            above = next(entering)[:, a.hyperplane_neuron] - a.hyperplane_threshold
            words.append(packed(above > 0))
            rounded = bound[:, None] + 2 * UNIT * np.abs(a.hyperplane_threshold)
            proven &= (np.abs(above) * (1 - 4 * UNIT) > rounded).all(axis=1)
        else:
            words.append(np.zeros((len(t), 0), np.uint64))
    return words, proven


def _proven_inside(geometry: PlaneComplex, cells: Ints, t: Floats) -> NDArray[np.bool_]:
    """Whether each point lies inside its cell by more than the error of the orientation tests.

    With ends a, b off by at most e_a, e_b, the orientation (b - a) x (t - a) is off by at most |b - a| e_a + (e_a +
    e_b) (|t - a| + e_a), and rounding adds at most 4 u |b - a| |t - a|.
    """
    if not len(cells):
        return np.zeros(0, np.bool_)
    size = np.diff(geometry.cell_offsets)[cells]
    place = flat_ranges(geometry.cell_offsets[cells], size)
    start, end = geometry.cell_vertices[place], geometry.cell_vertices[geometry.next_corner[place]]
    a = geometry.x[start]
    side, ray = geometry.x[end] - a, np.repeat(t, size, axis=0) - a
    e = geometry.error[start]
    long, far = np.abs(side).sum(axis=1), np.abs(ray).sum(axis=1)
    bound = (long * e + (e + geometry.error[end]) * (far + e) + 4 * UNIT * long * far) * SLACK + TINY
    left = side[:, 0] * ray[:, 1] - side[:, 1] * ray[:, 0] > bound
    result: NDArray[np.bool_] = np.logical_and.reduceat(left, np.cumsum(size) - size)
    return result


def _exact_cell(regions: Regions, t: list[Fraction]) -> int:
    """The lowest cell whose closure holds a point, -1 outside the domain.

    First one such cell: the one that points next to t lie in, t moved by an infinitesimal towards the middle of the
    domain and by ever smaller ones along the axes. All others are reached from it through facets. A cell's closure
    holds t if its pattern has the proven sign of every hyperplane that does not vanish at t, since the network is
    continuous.
    """
    exact = regions.settlers[0].exact
    if any(sum(a * v for a, v in zip(row, [*t, Fraction(1)])) < 0 for row in _inward(regions)):
        return -1
    inward = [m - v for m, v in zip(_middle(regions), t)]
    axes = [[Fraction(int(i == k)) for k in range(len(t) + 1)] for i in range(len(t))]
    moves = [[*t, Fraction(1)], [*inward, Fraction(0)], *axes]
    words: list[Words] = []
    free: list[Words] = []
    for step in regions.program.steps:
        rows = [exact.row(step.label0 + k, words) for k in range(step.activation.n_hyperplanes)]
        values = [[sum(int(r) * m for r, m in zip(row, move)) for move in moves] for row in rows]
        positive = [next((v for v in own if v), 0) > 0 for own in values]
        words.append(packed(np.array(positive, np.bool_)))
        free.append(packed(np.array([own[0] == 0 for own in values], np.bool_)))
    (start,) = regions.pattern_table.find([w[None] for w in words], 1).tolist()
    return min(_cells_around(regions, start, words, free))


def _cells_around(regions: Regions, start: int, words: list[Words], free: list[Words]) -> set[int]:
    """Cells that are linked to `start` and differ from the pattern in free bits only."""
    links = regions.adjacency
    found, front = {start}, [start]
    while front:
        cell = front.pop()
        for other in links.indices[links.indptr[cell] : links.indptr[cell + 1]].tolist():
            own = regions.words(other)
            if other not in found and not any(((p ^ w) & ~f).any() for p, w, f in zip(own, words, free)):
                found.add(other)
                front.append(other)
    return found
