"""Pre-activations as rows over coordinates, with bounds of their errors, and exact questions about such rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import bounds
from linear_regions.kernels import halfspaces as kernels

from .bits import has_bits, put_bit, unpacked
from .domain.chart import HalfspaceChart
from .exact import Row, cell_pieces
from .program import Program, Step, gap_of
from .rational_lp import Point, Polyhedron, as_floats, is_inside, shortened, slack
from .settle import Settler

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_DOUBT = 2.0**-20  # errors of this share of a row's largest coefficient leave nothing worth a search
_LARGEST = 2**1000  # constant of a row whose coefficients are about one, or less where it would be larger


@dataclass(frozen=True)
class Frame:
    """Coordinates t = 2^shift u of the domain in which it is neither large nor small."""

    chart: HalfspaceChart
    shift: Ints  # (d,)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.shift)

    @property
    def reach(self) -> Floats:
        """(d,) bounds of |u|; empty if there are none."""
        return np.ldexp(self.chart.reach, -self.shift) if len(self.chart.reach) else self.chart.reach

    def scaled(self, rows: Floats) -> Floats:
        """Rows (..., d + 1) over t as rows over u."""
        return np.concatenate([np.ldexp(rows[..., :-1], self.shift), rows[..., -1:]], axis=-1)

    def t(self, point: Floats) -> Floats:
        """Points u as t."""
        return np.asarray(np.ldexp(point, self.shift))

    def exact(self, point: Floats) -> Point | None:
        """A point u as the rational t that it is, None for NaN."""
        if not np.isfinite(point).all():
            return None
        return [Fraction(v) * Fraction(2) ** int(e) for v, e in zip(point.tolist(), self.shift, strict=True)]

    def rounded(self, cell: ExactCell) -> tuple[Floats, bool]:
        """The float u nearest to the rational point in a cell, and whether it lies inside as well."""
        near = as_floats([v / Fraction(2) ** int(e) for v, e in zip(cell.inside, self.shift, strict=True)])
        there = self.exact(near)
        return near, there is not None and is_inside(cell.rows, there)

    @property
    def facets(self) -> Floats:
        """(m, d + 1) rows of the domain's facets, positive inside."""
        rows = np.array([[-float(v) for v in facet] for facet in self.chart.facets])
        return self.scaled(rows.reshape(-1, self.dim + 1))


def frame_of(program: Program, chart: HalfspaceChart) -> Frame:
    """The frame of a domain; t itself if the rows over it would not come through exactly."""
    plain = Frame(chart, np.zeros(chart.dim, np.int64))
    if not len(chart.reach):
        return plain
    affine = chart.charts[0]
    first = program.steps[0].weight_t.T if program.steps and affine.is_identity else affine.floats[1]
    rows = np.concatenate([first, plain.facets[:, :-1]])
    shift = np.frexp(chart.reach)[1].astype(np.int64)
    with np.errstate(all="ignore"):
        back = np.ldexp(np.ldexp(rows, shift), -shift)
    return Frame(chart, shift) if np.array_equal(back, rows) else plain


class Lines(NamedTuple):
    """Affine functions of a frame's coordinates, one for each neuron, on some cells.

    Attributes
    ----------
    rows : (P, n, d + 1) ndarray of float64
        Coefficients, and the constant.
    error : (P, n, 2) ndarray of float64
        Bounds of the error of any coefficient, and of that of the constant.
    """

    rows: Floats
    error: Floats


def _sizes(rows: Floats) -> Floats:
    """The largest coefficient and the constant in size, (..., d + 1) to (..., 2)."""
    size = np.abs(rows)
    return np.stack([size[..., :-1].max(axis=-1, initial=0.0), size[..., -1]], axis=-1)


def through(weight: Floats, bias: Floats, lines: Lines) -> Lines:
    """After an affine map: |W| times the errors, and gamma |(W, b)| |(h, 1)| for rounding."""
    size, sizes, n = np.abs(weight), _sizes(lines.rows), weight.shape[1] + 4
    gamma = n * bounds.UNIT / (1 - n * bounds.UNIT) * (1 + 1e-9)
    with np.errstate(all="ignore"):  # what is not finite proves nothing
        rows = np.matmul(weight, lines.rows)
        rows[..., -1] += bias
        error = np.matmul(size, lines.error + gamma * sizes)
        error[..., 1] += gamma * np.abs(bias)
        some = np.matmul(size != 0, (lines.error > 0) | (sizes > 0))
        error = np.where(some | (error > 0), error * bounds.SLACK + bounds.TINY, error)  # products may vanish
    return Lines(rows, error)


class Rows:
    """The pre-activations of the steps of a program on cells."""

    def __init__(self, steps: tuple[Step, ...], frame: Frame) -> None:
        self.steps = steps
        self.frame = frame

    def first(self) -> Lines:
        """Those of the first step, on one cell."""
        affine = self.frame.chart.charts[0]
        if self.steps and affine.is_identity:
            rows = self.frame.scaled(np.column_stack([self.steps[0].weight_t.T, self.steps[0].bias]))[None]
            return Lines(rows, np.zeros((*rows.shape[:2], 2)))
        origin, basis = affine.floats
        rows = self.frame.scaled(np.column_stack([basis, origin]))[None]
        start = Lines(rows, np.zeros((*rows.shape[:2], 2)))
        return self._through(0, start) if self.steps else start

    def next(self, number: int, before: Lines, words: Words) -> Lines:
        """Those of step `number` + 1 on cells whose signs in step `number` are given, with the rows of that step."""
        return self._through(number + 1, self.activated(number, before, words))

    @np.errstate(all="ignore")  # what is not finite proves nothing, here and below
    def activated(self, number: int, before: Lines, words: Words) -> Lines:
        """The values of a step's units on cells whose signs are given."""
        step = self.steps[number]
        a = step.activation
        if step.is_relu:
            on = unpacked(words, a.n_hyperplanes)[..., None]
            return Lines(before.rows * on, before.error * on)
        piece = a.piece_offset[:-1] + cell_pieces(a, words)
        slope, intercept = a.slope[piece][..., None], step.intercept[piece]
        slope_error, intercept_error = (own[piece] for own in step.rounding)
        rows, sizes = before.rows * slope, _sizes(before.rows)
        rows[..., -1] += intercept
        steep = np.abs(slope) + slope_error[..., None]
        error = steep * (before.error + 4 * bounds.UNIT * sizes) + slope_error[..., None] * sizes
        error[..., 1] += 4 * bounds.UNIT * np.abs(intercept) + intercept_error
        some = (steep > 0) & ((sizes > 0) | (before.error > 0))
        some[..., 1] |= intercept_error > 0
        return Lines(rows, np.where(some, error * bounds.SLACK + bounds.TINY, error * bounds.SLACK))

    def _through(self, number: int, lines: Lines) -> Lines:
        step = self.steps[number]
        return through(step.weight_t.T, step.bias, lines)

    @np.errstate(all="ignore")
    def hyperplanes(self, number: int, lines: Lines) -> tuple[Floats, Floats]:
        """Rows z - threshold of a step's hyperplanes on each cell, cell after cell, and their errors."""
        step = self.steps[number]
        neuron = step.activation.hyperplane_neuron
        z, error = _below(lines.rows[:, neuron], lines.error[:, neuron], step.threshold)
        shape = (len(z) * len(neuron),)
        z, error = z.reshape(*shape, self.frame.dim + 1), error.reshape(*shape, 2)
        kernels.scale_rows(z, error)
        return z, error

    @np.errstate(all="ignore")
    def constraints(self, words: list[Words], offset: Ints, label: Index) -> tuple[Floats, Floats]:
        """Rows of the constraints of cells, positive inside, and their errors; from the signs of the cells' steps."""
        n, d = len(offset) - 1, self.frame.dim
        rows, error = np.empty((len(label), d + 1)), np.zeros((len(label), 2))
        cell = np.repeat(np.arange(n), np.diff(offset))
        outer = label < 0
        rows[outer] = self.frame.facets[-1 - label[outer]]
        lines = Lines(*(np.repeat(own, n, axis=0) for own in self.first()))
        for number, step in enumerate(self.steps):
            if number:
                lines = self.next(number - 1, lines, words[number - 1])
            k = label - step.label0
            own = np.flatnonzero((k >= 0) & (k < step.activation.n_hyperplanes))
            k, of = k[own], cell[own]
            neuron = step.activation.hyperplane_neuron[k]
            z, error[own] = _below(lines.rows[of, neuron], lines.error[of, neuron], step.threshold[k])
            rows[own] = np.where(has_bits(words[number], of, k), 1.0, -1.0)[:, None] * z
        kernels.scale_rows(rows, error)
        return rows, error


@np.errstate(all="ignore")  # what is not finite proves nothing
def _below(rows: Floats, error: Floats, threshold: Floats) -> tuple[Floats, Floats]:
    """The rows less thresholds; both arrays are copies of the caller's."""
    rows[..., -1] -= threshold
    error[..., 1] += bounds.UNIT * np.abs(rows[..., -1]) * (threshold != 0)
    return rows, error


def doubtful(rows: Floats, error: Floats) -> Flags:
    """Which rows floats hardly know: those that left their range, or that are lost in their errors."""
    size = np.abs(rows[:, :-1]).max(axis=1, initial=0.0)
    with np.errstate(all="ignore"):
        is_finite = size + np.abs(rows[:, -1]) + error[:, 1] < np.inf
        return np.asarray(~(is_finite & (error[:, 0] <= _DOUBT * size)))


def bounds_of(rows: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Proven bounds (d,) of each coordinate, from below and above, by the rows over one coordinate; else infinite."""
    low, high = np.full(rows.shape[1] - 1, -np.inf), np.full(rows.shape[1] - 1, np.inf)
    used = rows[:, :-1] != 0
    own, at = np.nonzero(used & ((used.sum(axis=1) == 1) & (error[:, 0] == 0))[:, None])
    slope = rows[own, at]
    end = -rows[own, -1] / slope
    off = (np.abs(error[own, 1] / slope) + 2 * bounds.UNIT * np.abs(end)) * bounds.SLACK + bounds.TINY
    np.maximum.at(low, at[slope > 0], (end - off)[slope > 0])
    np.minimum.at(high, at[slope < 0], (end + off)[slope < 0])
    return low, high


@np.errstate(all="ignore")  # what is not finite proves nothing
def positive_between(rows: Floats, error: Floats, low: Floats, high: Floats) -> Flags:
    """Which rows are proven to be positive wherever each coordinate is between its bounds."""
    size, far = np.abs(rows[:, :-1]), np.maximum(np.abs(low), np.abs(high))
    least = np.where(rows[:, :-1] > 0, low, high)  # where a term is least, if its sign is known
    weight = np.where(size > error[:, :1], np.abs(least), far)
    terms = np.where(size > 0, rows[:, :-1] * least, 0.0)
    gamma = (rows.shape[1] + 2) * bounds.UNIT
    off = np.where(size + error[:, :1] > 0, (gamma * size + error[:, :1]) * weight, 0.0).sum(axis=1)
    off += 2 * np.where((size > 0) & (size <= error[:, :1]), size * far, 0.0).sum(axis=1)
    off += gamma * np.abs(rows[:, -1]) + error[:, 1]
    return np.asarray(terms.sum(axis=1) + rows[:, -1] > off * bounds.SLACK + bounds.TINY)


def rounded_row(row: Row, shift: Ints) -> tuple[Floats, Floats]:
    """An exact row over t, times a positive number, as floats over t / 2^shift, and bounds of the errors, (2,).

    The largest coefficient is about one, but for rows so far away that their constants would overflow.
    """
    over_u = [*(v * Fraction(2) ** int(e) for v, e in zip(row, shift, strict=False)), Fraction(row[-1])]
    unit = max(*map(abs, over_u[:-1]), abs(over_u[-1]) / _LARGEST) or Fraction(1)
    unit = Fraction(2) ** (unit.numerator.bit_length() - unit.denominator.bit_length())
    values = [v / unit for v in over_u]
    floats = as_floats(values)
    *linear, constant = (gap_of(*pair) for pair in zip(values, floats.tolist(), strict=True))
    return floats, np.array([max(linear), constant])


def settle_doubtful(rows: Floats, error: Floats, shift: Ints, exact: Callable[[int], Row]) -> None:
    """Put exact rows, rounded, in the place of those that floats hardly know; `exact` gives the one of a number."""
    for i in np.flatnonzero(doubtful(rows, error)).tolist():
        rows[i], error[i] = rounded_row(exact(i), shift)


class ExactCell:
    """A cell with interior points, given by integer rows that are positive inside.

    Parameters
    ----------
    rows : sequence of rows
    inside : list of Fraction
        A point inside.
    """

    def __init__(self, rows: Sequence[Row], inside: Point) -> None:
        self.rows = rows
        self.inside = shortened(rows, inside)

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return len(self.rows) * (len(self.inside) + 1)

    @cached_property
    def polyhedron(self) -> Polyhedron:
        """Its closure."""
        return Polyhedron(self.rows, self.inside)

    def sides(self, goal: Row) -> tuple[Point | None, Point | None]:
        """Points inside where a row is positive, and where it is negative: None where there are none.

        A row that vanishes everywhere counts as negative.
        """
        inside, d = self.inside, len(self.inside)
        if not any(goal[:d]):
            return (inside, None) if goal[d] > 0 else (None, inside)
        height = slack(goal, inside)
        if not height:
            rates = [(slack(row, inside), abs(sum(map(mul, row[:d], goal)))) for row in self.rows]
            share = min((s / (2 * rate) for s, rate in rates if rate), default=Fraction(1, max(map(abs, goal))))
            along = [share * g for g in goal[:d]]
            return [v + a for v, a in zip(inside, along, strict=True)], [
                v - a for v, a in zip(inside, along, strict=True)
            ]
        sign = 1 if height > 0 else -1
        found = self.polyhedron.least([sign * v for v in goal], Fraction(0))
        other: Point | None = None
        if found.value < 0:
            depth = found.value / (found.value - sign * height)
            share = 1 - Fraction(1, 4 << max(depth.denominator.bit_length() - depth.numerator.bit_length(), 0))
            other = [v + share * (p - v) for v, p in zip(inside, found.point, strict=True)]
        return (inside, other) if sign > 0 else (other, inside)


def is_multiple(row: Row, other: Row) -> bool:
    """Whether a row is a multiple of another one, which is not zero."""
    i = next(i for i, v in enumerate(other) if v)
    return all(v * other[i] == w * row[i] for v, w in zip(row, other, strict=True))


def _ratio_sign(row: Row, other: Row) -> int:
    """The sign of the factor between a row and another one that it is a multiple of."""
    product = next(v * w for v, w in zip(row, other, strict=True) if w)
    return (product > 0) - (product < 0)


def signs_behind(settler: Settler, own: list[Words], label: int) -> list[Words]:
    """The signs behind a facet of a cell: they change where the exact row vanishes on it, to those of the far side."""
    program, words = settler.program, [w.copy() for w in own]
    (facet,) = settler.constraints([label], own)
    for number in range(int(program.label_step[label]), len(words)):
        step = program.steps[number]
        for k in range(step.activation.n_hyperplanes):
            if is_multiple(settler.row(step.label0 + k, own), facet):
                above = _ratio_sign(settler.row(step.label0 + k, words), facet) < 0
                put_bit(words[number], k, above)
    return words
