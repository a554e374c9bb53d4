"""Signs that float64 did not prove: first to about 100 bits, then in exact arithmetic.

A vertex is given by the labels of d rows (neurons, or facets of the domain) that vanish there, on a cell given by its
pattern. The first stage takes the cell's affine maps from double-double kernels, rounds the rows to integers with a
proven error, and evaluates the determinant without any further rounding. What it leaves open, true zeros above all,
goes to `ExactCells`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import frexp, isfinite, isqrt, ldexp
from threading import Lock
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import bounds, double

from .domain.chart import AffineChart, Chart
from .exact import ExactCells, Row
from .program import Program, frobenius

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_CACHED_BYTES = 1 << 25
_BITS = 160
_LARGE = 2.0**1000  # sums of a few smaller numbers do not overflow
_VANISHED = 2.0**-900  # covers underflow in products of many columns


@dataclass(frozen=True)
class _Columns:
    """Rows (A | b) of one step on one cell, high + low, and bounds of their errors."""

    high: Floats
    low: Floats
    norm_error: float  # 2-norm of the error of any column
    entry_error: float  # error of any entry


@dataclass(frozen=True)
class Fuzzy:
    """Integers with a common bound of their errors."""

    values: Row
    error: int


def _norm(values: Sequence[int]) -> int:
    return isqrt(sum(v * v for v in values)) + 1


def _rounded(high: Sequence[float], low: Sequence[float], error: float) -> Fuzzy | None:
    """A positive multiple of high + low in integers, or None if it is not finite."""
    size = max(abs(h) for h in high)
    if not (isfinite(size) and isfinite(error)) or size == 0.0:
        return None
    shift = _BITS - frexp(size)[1]
    try:
        values = tuple(int(ldexp(h, shift)) + int(ldexp(r, shift)) for h, r in zip(high, low, strict=True))
        return Fuzzy(values, int(ldexp(error, shift)) + 3)
    except OverflowError:
        return None


def _as_floats(point: Fuzzy) -> tuple[Floats, float] | None:
    """A positive multiple of a point as sums of two floats (2, d + 1), and a bound of the error of any coordinate."""
    size = max(abs(int(v)) for v in point.values)
    if point.error >= size:
        return None
    shift = size.bit_length() - 160
    values = [int(v) >> shift if shift > 0 else int(v) << -shift for v in point.values]  # of 160 bits
    high = [ldexp(float(v >> 60), -100) for v in values]
    low = [ldexp(v - int(ldexp(h, 160)), -160) for v, h in zip(values, high, strict=True)]
    error = point.error >> shift if shift > 0 else point.error << -shift
    return np.array([high, low]), ldexp(error + 2, -160) * (1 + 1e-9) + 2.0**-104


def crossing(rows: list[Fuzzy]) -> Fuzzy | None:
    """Homogeneous point where the rows vanish, last coordinate proven positive."""
    d = len(rows[0].values) - 1
    if len(rows) != d:  # more than cross in general: for exact arithmetic
        return None
    if d == 1:
        (a, c), error = rows[0].values, rows[0].error
        point: Row = (-c, a)
    elif d > 2:
        minors = _minors(rows)
        if minors is None:
            return None
        point, error = minors
    else:
        (a1, a2, a3), (b1, b2, b3) = rows[0].values, rows[1].values
        point = (a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1)
        ea, eb = rows[0].error, rows[1].error
        error = 2 * (_norm(rows[0].values) * eb + _norm(rows[1].values) * ea + ea * eb)
    if d > 1 and abs(point[-1]) <= error:  # or else at infinity, where the one of two ends has to be chosen
        return None
    if error and abs(point[-1]) <= error:
        return None
    return Fuzzy(tuple(-x for x in point) if point[-1] < 0 else point, error)


def _minors(rows: list[Fuzzy]) -> tuple[Row, int] | None:
    """Where d rows vanish, by Cramer's rule, and a bound of the error of each coordinate; None at infinity.

    The common denominator of the rows in echelon form is the minor of the first d columns or its negative, as the
    elimination is free of fractions. With R the rows and E their errors, det(R + E) - det(R) is a sum of determinants
    that have a row of E, so by Hadamard's inequality at most the difference of the products of |R_i| + |E_i| and of
    |R_i|.
    """
    d = len(rows)
    echelon, last, _ = flint.fmpz_mat([row.values for row in rows]).rref()
    if any(echelon[i, i] != last for i in range(d)):
        return None
    point = (*(-int(echelon[i, d]) for i in range(d)), int(last))
    with_errors = without = 1
    for row in rows:
        size = _norm(row.values)
        without *= size
        with_errors *= size + 3 * row.error  # at most seven entries of this error
    return point, with_errors - without


def _quotients(point: Fuzzy) -> tuple[list[float], float]:
    """Coordinates of a homogeneous point, and a bound of their distance from the point that it stands for.

    Quotients of integers are rounded to the nearest float; infinite where they are beyond those.
    """
    *values, weight = (int(v) for v in point.values)
    try:
        near = [v / weight for v in values]
        moved = point.error * (sum(map(abs, values)) + len(values) * weight) / (weight * (weight - point.error))
    except OverflowError:
        return [np.inf if v > 0 else -np.inf for v in values], np.inf
    if point.error == 0 and all(Fraction(n) * weight == v for n, v in zip(near, values, strict=True)):
        return near, 0.0
    return near, (moved + sum(map(abs, near)) * bounds.UNIT) * 1.001 + len(near) * bounds.LEAST


class _Cell(dict[int, _Columns]):
    """The rows of each step on one cell, as they are asked for."""

    def __init__(self, settler: Settler, words: list[Words]) -> None:
        self._settler = settler
        self.words = words
        self._joined = b"".join([w.tobytes() for w in words])

    def key(self, number: int) -> tuple[int, bytes]:
        """What the rows of a step depend on: the signs of those before it."""
        return number, self._joined[: 8 * self._settler.program.word_offsets[number]]

    def __missing__(self, number: int) -> _Columns:
        self[number] = columns = self._settler.columns(number, self)
        return columns


class Settler:
    """Decides signs at vertices of cells, with certainty.

    Parameters
    ----------
    program : Program
    chart : AffineChart
        The map into input space.
    facets : list of tuple of Fraction
        Rows of the domain's facets; label -1 - i is facet i.
    """

    def __init__(self, program: Program, chart: AffineChart, facets: list[tuple[Fraction, ...]]) -> None:
        self.program = program
        self.exact = ExactCells(program, chart, facets)
        self._cache: OrderedDict[tuple[int, bytes], _Columns] = OrderedDict()
        self._cached = 0
        self._chart_columns: _Columns | None = None
        self._tables: dict[int, tuple[Ints, Ints, Floats, Floats]] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave locks and caches behind."""
        return type(self), (self.program, self.exact.chart, self.exact.facets)

    def signs(
        self, at: Sequence[int], labels: Sequence[int], words: list[Words], inside: Floats | None = None
    ) -> tuple[list[int], int]:
        """Signs of the rows `labels` at the vertex where the rows `at` vanish; and how many needed exact arithmetic.

        For a vertex at infinity a point of its cell is given, see `ExactCells.vertex`.
        """
        with self._lock:
            own = _Cell(self, words)
            point = self._point(at, own)
            exact_point: Row | None = None
            result, n_exact = [], 0
            quick = self._quick_signs(np.array(labels, np.int64), point, own)
            for label, known in zip(labels, quick.tolist(), strict=True):
                sign = known or (None if point is None else self._sign(label, point, own))
                if sign is None:
                    if exact_point is None:
                        exact_point = self.exact.vertex(tuple(at), words, inside)
                    sign = self.exact.sign(label, exact_point, words)
                    n_exact += 1
                result.append(sign)
            return result, n_exact

    def constraints(self, labels: Sequence[int], words: list[Words]) -> list[Row]:
        """Exact integer rows, not negative on the cell with these signs, of its hyperplanes and the domain's facets."""
        with self._lock:
            return [self._oriented(label, words) for label in labels]

    def row(self, label: int, words: list[Words]) -> Row:
        """Exact integer row of a hyperplane, a positive multiple of z - threshold."""
        with self._lock:
            return self.exact.row(label, words)

    def _oriented(self, label: int, words: list[Words]) -> Row:
        row = self.exact.row(label, words)
        if label >= 0:
            number = int(self.program.label_step[label])
            k = label - self.program.steps[number].label0
            if words[number][k >> 6] >> np.uint64(k & 63) & np.uint64(1):
                return row
        return tuple(-v for v in row)

    def near_vertex(self, at: Sequence[int], words: list[Words], enough: float) -> tuple[list[float], float]:
        """The vertex where the rows `at` vanish, infinite beyond the range of floats, and a bound of the error.

        To about a hundred bits before rounding; exact before rounding where the bound would exceed `enough`.
        """
        with self._lock:
            point = self._point(at, _Cell(self, words))
            near, error = ([0.0] * self.exact.d, np.inf) if point is None else _quotients(point)
            if error <= enough:
                return near, error
            *values, weight = self.exact.vertex(tuple(at), words)
        return _quotients(Fuzzy((*values, weight), 0))

    def _point(self, at: Sequence[int], own: _Cell) -> Fuzzy | None:
        rows = [self._row(label, own) for label in at]
        if any(row is None for row in rows):
            return None
        return crossing([row for row in rows if row is not None])

    def _quick_signs(self, labels: Ints, point: Fuzzy | None, own: _Cell) -> Ints:
        """Signs of hyperplanes at a point by sums of two floats, 0 where they are not proven or it is none."""
        signs = np.zeros(len(labels), np.int64)
        place = None if point is None else _as_floats(point)
        if place is None or labels.min(initial=0) < 0:
            return signs
        near, error = place
        numbers = self.program.label_step[labels]
        for number in np.unique(numbers).tolist():
            step, columns, of = self.program.steps[number], own[number], numbers == number
            k, found = labels[of] - step.label0, np.empty(np.count_nonzero(of), np.int64)
            neuron = step.activation.hyperplane_neuron[k]
            double.double_signs(
                columns.high, columns.low, columns.entry_error, neuron, step.threshold[k], near, error, found
            )
            signs[of] = found
        return signs

    def _sign(self, label: int, point: Fuzzy, own: _Cell) -> int | None:
        row = self._row(label, own)
        if row is None:
            return None
        value = sum(r * x for r, x in zip(row.values, point.values, strict=True))
        # the factor covers the root of the number of entries, at most seven
        error = 3 * (_norm(row.values) * point.error + row.error * (_norm(point.values) + point.error))
        if abs(value) <= error:
            return None
        return 1 if value > 0 else -1

    def _row(self, label: int, own: _Cell) -> Fuzzy | None:
        if label < 0:
            return Fuzzy(self.exact.facet(-1 - label), 0)
        number = int(self.program.label_step[label])
        step = self.program.steps[number]
        k = label - step.label0
        i = int(step.activation.hyperplane_neuron[k])
        columns = own[number]
        high, low = columns.high[i].tolist(), columns.low[i].tolist()
        if not all(abs(v) < _LARGE for v in (*high, *low)):
            return None
        if step.threshold[k]:
            total = Fraction(high[-1]) + Fraction(low[-1]) - Fraction(float(step.threshold[k]))
            high[-1] = float(total)
            low[-1] = float(total - Fraction(high[-1]))
            return _rounded(high, low, columns.entry_error + abs(high[-1]) * 2.0**-100)
        return _rounded(high, low, columns.entry_error)

    def columns(self, number: int, own: _Cell) -> _Columns:
        """Rows of a step on a cell."""
        key = own.key(number)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        step = self.program.steps[number]
        before = self._start() if number == 0 else self._activated(number - 1, own)
        shape = (len(step.bias), before.high.shape[1])
        high, low = np.empty(shape), np.empty(shape)
        with np.errstate(all="ignore"):
            memory = np.empty((2, shape[1], shape[0]))
            double.double_affine(step.weight_t, step.bias, before.high, before.low, high, low, *memory)
            size = float(np.sqrt(np.sum(before.high**2, axis=0).max())) + 1.0
            rounding = (len(before.high) + 8) * double.UNIT * size
            norms = step.norms
            norm_error = float(norms[bounds.SW] * before.norm_error + norms[bounds.RBF] * rounding) * 1.001
            entry_error = float(norms[bounds.RW] * before.norm_error + norms[bounds.RB] * rounding) * 1.001
            norm_error, entry_error = norm_error + _VANISHED, entry_error + _VANISHED
        columns = _Columns(high, low, norm_error, entry_error)
        self._cache[key] = columns
        self._cached += 2 * high.nbytes
        while self._cached > _CACHED_BYTES and len(self._cache) > 1:
            self._cached -= 2 * self._cache.popitem(last=False)[1].high.nbytes
        return columns

    def _activated(self, number: int, own: _Cell) -> _Columns:
        columns = own[number]
        step = self.program.steps[number]
        a = step.activation
        high, low = np.empty_like(columns.high), np.empty_like(columns.low)
        double.double_activate(
            *self._units(number), step.intercept, step.intercept_low, np.ascontiguousarray(own.words[number]),
            columns.high, columns.low, high, low,
        )  # fmt: skip
        error = columns.norm_error * a.lipschitz
        if not step.is_relu:
            size = frobenius(columns.high) * a.lipschitz + frobenius(step.intercept)
            error += size * 32 * double.UNIT + _VANISHED
        return _Columns(high, low, error * 1.001, 0.0)

    def _units(self, number: int) -> tuple[Ints, Ints, Floats, Floats]:
        """Where each neuron's hyperplanes and pieces begin, and the slopes, in writable arrays as kernels take them."""
        if number not in self._tables:
            a = self.program.steps[number].activation
            start = np.searchsorted(a.hyperplane_neuron, np.arange(a.n_neurons + 1)).astype(np.int64)
            self._tables[number] = start, np.array(a.piece_offset), np.array(a.slope), np.array(a.slope_low)
        return self._tables[number]

    def _start(self) -> _Columns:
        if self._chart_columns is None:
            high, low = self.exact.chart.columns
            self._chart_columns = _Columns(high, low, frobenius(high) * double.UNIT + _VANISHED, 0.0)
        return self._chart_columns


def make_settlers(program: Program, chart: Chart) -> list[Settler]:
    """One for each piece of a domain; neighbours on one straight line share theirs."""
    settlers: list[Settler] = []
    for piece in chart.charts:
        known = settlers and settlers[-1].exact.chart is piece
        settlers.append(settlers[-1] if known else Settler(program, piece, chart.facets))
    return settlers
