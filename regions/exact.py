"""Signs in exact arithmetic: the court of last appeal.

Floats are dyadic rationals, so on a cell every pre-activation is an affine function of the slice coordinates t with
rational coefficients. They are carried as integers over one positive common denominator, (n, d+1) columns (A | b),
through the layers of the cell's pattern. A vertex is the common zero of d such rows (neurons or facets of the
domain), and the sign of another row there is a sign of a determinant.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import lcm

import flint
import numpy as np
from numpy.typing import NDArray

from .bits import unpacked
from .domain.chart import AffineChart
from .errors import InvariantViolated
from .network import Activation, Affine, Unit
from .program import Program

Row = tuple[int, ...]
Floats = NDArray[np.float64]

_CACHED_CELLS = 256


def _dyadic(values: Floats) -> tuple[list[int], int]:
    """Integers m and a power of two s with values = m / s, exactly."""
    mantissa, exponent = np.frexp(values.ravel())
    whole = (mantissa * 2.0**53).astype(np.int64)
    power = exponent.astype(np.int64) - 53
    low = int(power[whole != 0].min(initial=0))
    if low >= 0:
        low = 0
    return [int(w) << int(p - low) if w else 0 for w, p in zip(whole, power, strict=True)], 1 << -low


class _ExactStep:
    """One layer's weights and units as integers."""

    def __init__(self, affine: Affine, activation: Activation) -> None:
        n, k = affine.weight.shape
        numbers, self.scale = _dyadic(np.column_stack([affine.weight, affine.bias]))
        rows = np.array(numbers, dtype=object).reshape(n, k + 1)
        self.weight = flint.fmpz_mat(n, k, [int(x) for x in rows[:, :k].ravel()])
        self.bias = [int(x) for x in rows[:, k]]
        self.activation = activation
        numbers, self.threshold_scale = _dyadic(activation.hyperplane_threshold)
        self.threshold = numbers
        units = activation.units
        self.denominator = lcm(*(f.denominator for u in units for f in (*u.slopes, *u.intercepts)))
        self.slopes = [[int(f * self.denominator) for f in u.slopes] for u in units]
        self.intercepts = [[int(f * self.denominator) for f in u.intercepts] for u in units]
        self.kind = activation.kind.tolist()


def cell_pieces(activation: Activation, words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Piece of each neuron, (..., n), from the packed signs of its hyperplanes, (..., words)."""
    m = activation.n_hyperplanes
    bits = unpacked(words, m)
    neuron = activation.hyperplane_neuron
    if m == activation.n_neurons and (neuron == np.arange(m)).all():
        return bits.astype(np.int64)
    first = np.searchsorted(neuron, np.arange(activation.n_neurons + 1))
    total = np.zeros((*words.shape[:-1], m + 1), np.int64)
    bits.cumsum(axis=-1, out=total[..., 1:])
    return np.asarray(np.diff(total[..., first]))


class ExactCells:
    """Exact affine maps of cells, layer by layer, with the maps of recent cells kept.

    Parameters
    ----------
    program : Program
    chart : AffineChart
    facets : list of tuple of Fraction
        Rows (a_1, ..., a_d, c) of the domain's facets a.t + c = 0.
    """

    def __init__(self, program: Program, chart: AffineChart, facets: list[tuple[Fraction, ...]]) -> None:
        self.program = program
        self.chart = chart
        self.facets = facets
        self._facets: dict[int, Row] = {}
        self._steps: dict[int, _ExactStep] = {}
        self._cache: OrderedDict[tuple[int, bytes], tuple[flint.fmpz_mat, int]] = OrderedDict()

    @property
    def d(self) -> int:
        """Dimension of the slice."""
        return self.chart.dim

    @staticmethod
    def _integer_row(row: tuple[Fraction, ...]) -> Row:
        common = lcm(*(f.denominator for f in row))
        return tuple(int(f * common) for f in row)

    @cached_property
    def _chart(self) -> tuple[flint.fmpz_mat, int]:
        rows = [[*b, o] for b, o in zip(self.chart.basis, self.chart.origin, strict=True)]
        common = lcm(*(f.denominator for r in rows for f in r))
        return flint.fmpz_mat(len(rows), self.d + 1, [int(f * common) for r in rows for f in r]), common

    def step(self, number: int) -> _ExactStep:
        """Weights of a step in integers."""
        if number not in self._steps:
            s = self.program.steps[number]
            self._steps[number] = _ExactStep(s.affine, s.activation)
        return self._steps[number]

    def preactivation(self, number: int, words: list[NDArray[np.uint64]]) -> tuple[flint.fmpz_mat, int]:
        """Rows (A | b) of a step on the cell with pattern `words`, an array per earlier step; and their denominator."""
        key = (number, b"".join(w.tobytes() for w in words[:number]))
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        if number == 0:
            columns, scale = self._chart
        else:
            columns, scale = self._activated(number - 1, words)
        result = self._apply(self.step(number), columns, scale)
        self._cache[key] = result
        if len(self._cache) > _CACHED_CELLS:
            self._cache.popitem(last=False)
        return result

    def _activated(self, number: int, words: list[NDArray[np.uint64]]) -> tuple[flint.fmpz_mat, int]:
        rows, scale = self.preactivation(number, words)
        step = self.step(number)
        pieces = cell_pieces(step.activation, words[number]).tolist()
        table = rows.table()
        entries: list[int | flint.fmpz] = []
        new: Sequence[int | flint.fmpz]
        zero = [0] * (self.d + 1)
        for i, (piece, kind) in enumerate(zip(pieces, step.kind, strict=True)):
            slope = step.slopes[kind][piece]
            intercept = step.intercepts[kind][piece]
            row = table[i]
            if slope == 0:
                new = zero
            elif slope == 1:
                new = row
            else:
                new = [slope * x for x in row]
            if intercept:
                new = [*new[: self.d], new[self.d] + intercept * scale]
            entries.extend(new)
        return flint.fmpz_mat(len(pieces), self.d + 1, entries), scale * step.denominator

    def _apply(self, step: _ExactStep, columns: flint.fmpz_mat, scale: int) -> tuple[flint.fmpz_mat, int]:
        product = step.weight * columns
        for i, b in enumerate(step.bias):
            if b:
                product[i, self.d] += b * scale
        return product, scale * step.scale

    def output(self, affine: Affine | None, words: list[NDArray[np.uint64]]) -> tuple[flint.fmpz_mat, int]:
        """Columns (A | b) of the network's output on a cell and their positive denominator.

        `affine` is the map after the last step, None if the network ends in units.
        """
        last = len(self.program.steps)
        columns, scale = self._activated(last - 1, words) if last else self._chart
        if affine is None:
            return columns, scale
        return self._apply(_ExactStep(affine, Activation.uniform(Unit.identity(), affine.n_outputs)), columns, scale)

    def facet(self, number: int) -> Row:
        """Integer row of a facet of the domain."""
        if number not in self._facets:
            self._facets[number] = self._integer_row(self.facets[number])
        return self._facets[number]

    def row(self, label: int, words: list[NDArray[np.uint64]]) -> Row:
        """A positive multiple of z - threshold of a hyperplane, or the row of the domain's facet -1 - label."""
        if label < 0:
            return self.facet(-1 - label)
        number = int(self.program.label_step[label])
        rows, scale = self.preactivation(number, words)
        step = self.step(number)
        k = label - self.program.steps[number].label0
        i = int(step.activation.hyperplane_neuron[k])
        row = [int(rows[i, c]) * step.threshold_scale for c in range(self.d + 1)]
        row[self.d] -= step.threshold[k] * scale
        return tuple(row)

    def vertex(self, labels: tuple[int, ...], words: list[NDArray[np.uint64]], inside: Floats | None = None) -> Row:
        """Where rows of one cell cross in one point: (X_1, ..., X_d, W); W > 0, or W = 0 for an end at infinity.

        Of two opposite ends at infinity it is the one in that part of `space_chart` in whose middle `inside` is.
        """
        rows = [self.row(label, words) for label in labels]
        if self.d == 1:
            (a, c) = rows[0]
            point: Row = (-c, a)
        elif self.d == 2 and len(rows) == 2:
            (a1, a2, a3), (b1, b2, b3) = rows
            point = (a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1)
        else:
            kernel, nullity = flint.fmpz_mat([list(row) for row in rows]).nullspace()
            if nullity != 1:
                raise InvariantViolated(f"a vertex must be the crossing of its facets, got rank {self.d + 1 - nullity}")
            point = tuple(int(kernel[i, 0]) for i in range(self.d + 1))
        turn = point[-1] < 0
        if point[-1] == 0 and inside is not None:
            turn = _is_opposite(point[:-1], inside.tolist())
        return tuple(-x for x in point) if turn else point

    def sign(self, label: int, at: Row, words: list[NDArray[np.uint64]]) -> int:
        """Sign of z - threshold of a hyperplane at a point given in homogeneous coordinates."""
        value = sum(r * x for r, x in zip(self.row(label, words), at, strict=True))
        return (value > 0) - (value < 0)


def _is_opposite(direction: Row, inside: list[float]) -> bool:
    """Whether a direction has to be turned to lie in the part of the space where one coordinate, +-1, is the largest.

    Other coordinates of `inside` are floats, so that several may seem to be the one; then they have to agree.
    """
    largest = max(map(abs, direction))
    sides = {(v < 0) != (x < 0) for v, x in zip(direction, inside, strict=False) if abs(v) == largest and abs(x) == 1}
    if len(sides) != 1:
        raise AssertionError("a cell must lie on one side of the origin")
    return sides.pop()
