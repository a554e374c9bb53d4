"""Single cells in input spaces of any dimension: from a point, through facets, to their neighbours.

Where the first layer has fewer neurons than the input has dimensions, and their weights are linearly independent, its
pre-activations are the coordinates: each of their values is taken somewhere, the cells are the same, times a space that
nothing depends on, and lengths are those of the inputs nearest to each other. So a network 784-64-64-10 has cells of 64
dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, partial
from operator import mul

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import polyhedra
from linear_regions.kernels.bounds import SLACK, TINY, UNIT
from linear_regions.kernels.halfspaces import scale_rows, work_for

from .bits import packed, unpacked
from .budget import Deadline
from .domain.chart import HalfspaceChart, exact, generic, identity_chart
from .exact import Row, cell_pieces
from .first_layer import FirstLayer, image, without_first
from .metric import largest_balls, lengths, nearest
from .network import Network
from .program import Program, compile_network
from .rational_lp import Point, as_floats, inside_or_interior, least, slack, violated
from .rows import (
    Frame,
    Rows,
    bounds_of,
    is_multiple,
    positive_between,
    settle_doubtful,
    signs_behind,
    through,
)
from .settle import Settler

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

LARGE = 1 << 10  # coefficients of a cell


@dataclass(frozen=True)
class Cell:
    """A cell in the coordinates of its surroundings.

    Attributes
    ----------
    words : list of (words,) ndarray of uint64
        Its signs, those of each step.
    point : (d,) ndarray of float64
        Inside.
    rows : (m, d + 1) ndarray of float64
        Constraints, positive inside.
    error : (m, 2) ndarray of float64
    label : (m,) ndarray of int32
    is_facet : (m,) ndarray of bool
    beyond : (m, d) ndarray of float64
        Points that violate this facet alone.
    tied : (m,) ndarray of bool
        Whether another hyperplane may hold a facet.
    """

    words: list[Words]
    point: Floats
    rows: Floats
    error: Floats
    label: Index
    is_facet: Flags
    beyond: Floats
    tied: Flags

    @property
    def key(self) -> int:
        """What tells it from others."""
        return signs_key(self.words)


def _after_zeros(rows: Floats) -> Floats:
    """A row of zeros, and the others."""
    return np.concatenate([np.zeros_like(rows[:1]), rows])


def signs_key(words: list[Words]) -> int:
    """The words of all steps, one after the other, as one number."""
    return int.from_bytes(b"".join(w.astype("<u8", copy=False).tobytes() for w in words), "little")


class Surroundings:
    """The input space of a network about a point, or a domain in it.

    Parameters
    ----------
    network : Network
    chart : HalfspaceChart
        Of the domain.
    t : (d,) ndarray of float64
        The point, in the coordinates of the domain.
    """

    def __init__(self, network: Network, chart: HalfspaceChart, t: Floats) -> None:
        self._first, self._affine = network.layers[0].affine, chart.charts[0]
        first = FirstLayer(self._first, self._affine)
        self.reduced = not chart.facets and len(network.layers) > 1 and first.is_independent
        self.t, self.point, self.point_error = t, t, np.zeros(len(t))
        if self.reduced:
            n, (origin, basis) = len(first.exponent), self._affine.floats
            chart = HalfspaceChart([], [identity_chart(n)], generic(n), np.empty(0))
            x = t if self._affine.is_identity else origin + basis @ t
            far = np.abs(t) if self._affine.is_identity else np.abs(origin) + np.abs(basis) @ np.abs(t)
            self.point = first.weight @ x + first.bias
            rounding = 2 * (len(x) + len(t) + 4) * UNIT
            self.point_error = rounding * (np.abs(first.weight) @ far + np.abs(first.bias)) * SLACK + TINY
            self._pseudo_inverse = np.linalg.pinv(first.gradient)
            self.metric = np.asarray(np.linalg.qr(first.gradient.T, mode="r")).T  # |a gradient| = |a metric|
            self._metric_size = first.size
        else:
            self.metric = np.eye(chart.dim)
            self._metric_size = float(np.sqrt(chart.dim)) * (1 + 1e-9)
        self._exponent = first.exponent
        self.network = without_first(network, first.exponent) if self.reduced else network
        self.program: Program = compile_network(self.network)
        self.settler = Settler(self.program, chart.charts[0], chart.facets)
        self.frame = Frame(chart, np.zeros(chart.dim, np.int64))  # coordinates are those of the domain, not scaled
        self.rows = Rows(self.program.steps, self.frame)
        self.exact_answers = 0
        self.deadline = Deadline(None)

    @cached_property
    def start(self) -> Point:
        """The given point, exactly."""
        if not self.reduced:
            return exact(self.t)
        values = image(self._first, self._affine, exact(self.t))
        return [z / Fraction(2) ** e for z, e in zip(values, self._exponent.tolist(), strict=True)]

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.frame.dim

    @cached_property
    def _heights_of_facets(self) -> list[Fraction]:
        """By how much the given point satisfies the domain's inequalities."""
        return [-sum(map(mul, facet, [*self.start, Fraction(1)])) for facet in self.frame.chart.facets]

    @property
    def start_is_inside(self) -> bool:
        """Whether the given point lies in the domain, its boundary included."""
        return min(self._heights_of_facets, default=Fraction(1)) >= 0

    @cached_property
    def _inward(self) -> Point | None:
        """From a point on the domain's boundary a way into it."""
        if min(self._heights_of_facets, default=Fraction(1)) > 0:
            return None
        rows = self._exact_rows([-1 - i for i in range(len(self.frame.chart.facets))], [])
        inside = inside_or_interior(rows, self.frame.exact(self.frame.chart.inside), self.dim)
        return [v - w for v, w in zip(inside, self.start, strict=True)]

    def inputs(self, points: Floats) -> Floats:
        """Points (k, dim) as those of the domain that are nearest to the given one, (k, d)."""
        if not self.reduced:
            return points
        return np.asarray(self.t + (points - self.point) @ self._pseudo_inverse.T)

    @property
    def from_inputs(self) -> tuple[Floats, Floats]:
        """Matrix and vector that map inputs in the domain's hull to the coordinates here, rounded."""
        if self.reduced:
            return np.ldexp(self._first.weight, -self._exponent[:, None]), np.ldexp(self._first.bias, -self._exponent)
        if self._affine.is_identity:
            return np.eye(self.dim), np.zeros(self.dim)
        origin, basis = self._affine.floats
        inverse = np.asarray(np.linalg.pinv(basis), np.float64)
        return inverse, -(inverse @ origin)

    # Cells

    def signs_at_start(self) -> list[Words]:
        """The signs of a cell that holds the given point.

        Where that is on a boundary, next to it: into the domain, if it is on the domain's boundary, or along the axes.
        """
        words: list[Words] = []
        lines = self.rows.first()
        for number, step in enumerate(self.program.steps):
            if number:
                lines = self.rows.next(number - 1, lines, words[-1][None])
            z, error = self.rows.hyperplanes(number, lines)
            values, bound = self.heights(z, error)
            above = values > 0
            for k in np.flatnonzero(~(np.abs(values) > bound)).tolist():
                above[k] = self._exact_sign(step.label0 + k, words)
            words.append(packed(above))
        return words

    def _exact_sign(self, label: int, words: list[Words]) -> bool:
        self.exact_answers += 1
        row = self.settler.row(label, words)
        height = slack(row, self.start)
        if not height and self._inward is not None:
            height = sum(map(mul, row, self._inward), start=Fraction(0))
        return height > 0 if height else next((v > 0 for v in row[:-1] if v), False)

    def first_cell(self) -> Cell:
        """The cell of the given point."""
        words = self.signs_at_start()
        rows, error = self.constraints(words)
        inward = self._inward
        point = self.point if inward is None else self._half_way(self.point, as_floats(inward), rows)
        return self._cell(words, point, rows, error)

    def _cell(self, words: list[Words], point: Floats, rows: Floats, error: Floats) -> Cell:
        """The cell with these signs, around a point that is thought to lie inside, with its facets."""
        self.deadline.check()
        near = self._adjacent(words)
        rows, error, label = rows[near], error[near], self.labels[near]
        kept, tied = self._different(rows, error, label, words)
        rows, error, label, tied = rows[kept], error[kept], label[kept], tied[kept]
        if not np.isfinite(point).all():
            point = as_floats(inside_or_interior(self._exact_rows(label.tolist(), words), None, self.dim))
        is_facet, beyond = self._facets(rows, error, label, point, words)
        return Cell(words, point, rows, error, label, is_facet, beyond, tied)

    def _adjacent(self, words: list[Words]) -> Flags:
        """Which hyperplanes may hold a facet: of one neuron only those at the ends of its piece."""
        near = [np.ones(len(self.frame.chart.facets), np.bool_)]
        for step, own in zip(self.program.steps, words, strict=True):
            a = step.activation
            above, same = unpacked(own, a.n_hyperplanes), np.diff(a.hyperplane_neuron) == 0
            one = np.ones(a.n_hyperplanes, np.bool_)
            one[:-1] &= ~(same & above[:-1] & above[1:])
            one[1:] &= ~(same & ~above[:-1] & ~above[1:])
            near.append(one)
        return np.concatenate(near)

    def _facets(
        self, rows: Floats, error: Floats, label: Index, point: Floats, words: list[Words]
    ) -> tuple[Flags, Floats]:
        """Which rows are facets, and points that violate them alone."""
        answer, beyond, bases = self._proven_facets(rows, error, point, words)
        if bases:
            exact = self._exact_rows(label.tolist(), words)
            start = cache(partial(inside_or_interior, exact, self.frame.exact(point), self.dim))
        for i, basis in bases.items():
            self.deadline.check()
            found = violated(exact, i, basis, start)
            answer[i] = polyhedra.YES if found is not None else polyhedra.NO
            if found is not None:
                height = slack(exact[i], start())
                share = (1 + height / (height - found.value)) / 2
                beyond[i] = as_floats([v + share * (w - v) for v, w in zip(start(), found.point, strict=True)])
        self.exact_answers += len(bases)
        return answer == polyhedra.YES, beyond

    def _proven_facets(
        self, rows: Floats, error: Floats, point: Floats, words: list[Words]
    ) -> tuple[NDArray[np.uint8], Floats, dict[int, list[int]]]:
        """What floats prove of each row, points that violate those that are facets alone, and what was held at others.

        No row of a later step depends on a first neuron that is flat on the cell. If its own row is a single one, that
        is a facet, and is left out together with the neuron's coordinate.
        """
        m, d = rows.shape[0], self.dim
        answer, beyond = np.full(m, polyhedra.YES, np.uint8), np.tile(point, (m, 1))
        used = rows[:, :-1] != 0
        lone = self._flat(words) & (used.sum(axis=0) == 1) if self.reduced else np.zeros(d, np.bool_)
        alone = (used & lone).any(axis=1)
        at = np.argwhere(used[alone])[:, 1]
        height, slope = rows[alone, at] * point[at] + rows[alone, -1], rows[alone, at]
        beyond[np.flatnonzero(alone), at] = point[at] - 2 * height / slope
        kept = np.setdiff1d(np.arange(d), at)
        every = np.ascontiguousarray(rows[:, [*kept, d]])
        implied, reach = self._between_bounds(every, error, ~alone)
        answer[implied] = polyhedra.NO
        inner = np.flatnonzero(~alone & ~implied)
        own, places = np.empty(len(inner), np.uint8), np.full((len(inner), len(kept)), np.nan)
        held = np.empty((len(inner), len(kept)), np.int64)
        with np.errstate(all="ignore"):
            polyhedra.facets(
                np.array([0, len(inner)]), every[inner], error[inner], point[None, kept], reach,
                work_for(len(inner), len(kept)), own, places, held,
            )  # fmt: skip
        answer[inner] = own
        beyond[np.ix_(inner, kept)] = places
        unknown = np.flatnonzero(own == polyhedra.UNKNOWN)
        bases = {int(inner[i]): inner[held[i][held[i] >= 0]].tolist() for i in unknown.tolist()}
        return answer, beyond, bases

    def _between_bounds(self, rows: Floats, error: Floats, own: Flags) -> tuple[Flags, Floats]:
        """Which of a cell's own rows those over one coordinate imply, and bounds of the coordinates, empty if none.

        Not for small cells, where searches take less time. A set that holds a point inside the cell and one that
        violates a constraint alone holds such points as near to the cell as can be, so these bounds, a little larger,
        are good even where the constraint is one of them.
        """
        if rows.size < LARGE:
            return np.zeros(len(rows), np.bool_), self.frame.reach
        low, high = bounds_of(rows[own], error[own])
        implied = own & (np.count_nonzero(rows[:, :-1], axis=1) > 1) & positive_between(rows, error, low, high)
        reach = np.maximum(np.abs(low), np.abs(high)) * (1 + 2.0**-20)
        if len(self.frame.reach):
            reach = np.minimum(reach, self.frame.reach)
        return implied, reach if np.isfinite(reach).all() else self.frame.reach

    def _flat(self, words: list[Words]) -> Flags:
        """Which neurons of the first step are constant on the cell with these signs."""
        a = self.program.steps[0].activation
        return np.asarray(a.slope[a.piece_offset[:-1] + cell_pieces(a, words[0])] == 0)

    def _different(self, rows: Floats, error: Floats, label: Index, words: list[Words]) -> tuple[Flags, Flags]:
        """Which rows are to be kept: none that is the same everywhere, the first of those that say the same.

        And which of them share their hyperplane with others; all, if some row vanishes everywhere, as it need not do so
        behind a facet.
        """
        shrunk = np.ldexp(rows, -np.frexp(np.abs(rows).max(axis=1))[1][:, None])
        size = np.sqrt(np.einsum("ij,ij->i", shrunk, shrunk))
        flat = ~(np.abs(rows[:, :-1]).max(axis=1, initial=0.0) > error[:, 0])
        kept, tied = np.ones(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
        for i in np.flatnonzero(flat).tolist():
            (row,) = self._exact_rows([int(label[i])], words)
            kept[i] = any(row[:-1])
            tied |= not any(row)
        safe, largest = np.where(size > 0, size, 1.0), np.abs(rows).max(axis=1)
        unit, off = shrunk / safe[:, None], 2 * (np.sqrt(self.dim) * error[:, 0] + error[:, 1])
        off = 2 * np.divide(off, largest, out=np.zeros_like(off), where=off > 0)  # `shrunk` is half as long at least
        # equal ones are parted by rounding, less than 1e-9, and by (off_i + off_j)^2 <= w_i + w_j at most
        w = 2 * off**2
        near = ~(unit @ unit.T + w <= 1 - 1e-9 - w[:, None])  # and what is not finite
        for i, j in np.argwhere(np.triu(near, 1)).tolist():
            if kept[i] and kept[j] and is_multiple(*self._exact_rows([int(label[i]), int(label[j])], words)):
                kept[j] = False
                tied[i] = True
        return kept, tied

    def keys_across(self, cell: Cell) -> list[tuple[int, int]]:
        """The facets of a cell that are not the domain's, and the keys of the cells behind them."""
        own, key = np.flatnonzero(cell.is_facet & (cell.label >= 0)), cell.key
        bits = self.program.label_bits[cell.label[own]].tolist()
        return [
            (i, signs_key(self.signs_across(cell, i)) if cell.tied[i] else key ^ (1 << bit))
            for i, bit in zip(own.tolist(), bits, strict=True)
        ]

    def signs_across(self, cell: Cell, i: int) -> list[Words]:
        """The signs of the cell behind a facet."""
        label = int(cell.label[i])
        if cell.tied[i]:
            return signs_behind(self.settler, cell.words, label)
        number = int(self.program.label_step[label])
        k = label - self.program.steps[number].label0
        words = list(cell.words)
        words[number] = words[number].copy()
        words[number][k >> 6] ^= np.uint64(1 << (k & 63))
        return words

    def across(self, cell: Cell, i: int, words: list[Words]) -> Cell:
        """The cell behind a facet, which has these signs.

        The point inside it lies on the way from that of the cell to one that violates this facet alone, half way from
        the facet to where the way meets the next hyperplane.
        """
        row, way = cell.rows[i], cell.beyond[i] - cell.point
        height, depth = row[:-1] @ cell.point + row[-1], row[:-1] @ cell.beyond[i] + row[-1]
        at = cell.point + height / (height - depth) * way
        rows, error = self.constraints(words)
        others = rows[self.labels != cell.label[i]]
        return self._cell(words, self._half_way(at, way, others), rows, error)

    def _half_way(self, point: Floats, way: Floats, rows: Floats) -> Floats:
        """Half way from a point to where the first of some hyperplanes is met, or to the end of the way."""
        slacks, rates = rows[:, :-1] @ point + rows[:, -1], rows[:, :-1] @ way
        ahead = rates < 0
        lengths = np.maximum(slacks[ahead], 0.0) / -rates[ahead]
        return np.asarray(point + 0.5 * min(lengths.min(initial=np.inf), 1.0) * way)

    def outputs(self, words: list[Words]) -> tuple[Floats, Floats]:
        """The rows (n_out, d + 1) of the network's outputs on the cell with these signs, and their errors."""
        lines = self.rows.first()
        for number in range(1, len(words)):
            lines = self.rows.next(number - 1, lines, words[number - 1][None])
        last, exponent = self.network.layers[-1], np.zeros(lines.rows.shape[1], np.int64)
        if words:
            lines = self.rows.activated(len(words) - 1, lines, words[-1][None])
            exponent = self.program.steps[-1].exponent
        if last.activation is None:
            weight, bias = last.affine.weight, last.affine.bias
        else:
            weight, bias = np.eye(len(exponent)), np.zeros(len(exponent))
        scaled = np.ldexp(weight, exponent)  # takes back the powers of two that the units hold
        lines = through(scaled, bias, lines)
        is_exact = np.array_equal(np.ldexp(scaled, -exponent), weight)
        return lines.rows[0], lines.error[0] if is_exact else np.full_like(lines.error[0], np.inf)

    def same_map(self, words: list[Words], others: list[Words]) -> bool:
        """Whether the network is the same affine map on two cells; exact."""
        (rows, error), (other, other_error) = self.outputs(words), self.outputs(others)
        both = error + other_error
        bound = np.column_stack([np.repeat(both[:, :1], self.dim, axis=1), both[:, 1]]) * SLACK
        if (np.abs(rows - other) * (1 - 4 * UNIT) > bound).any():
            return False
        self.exact_answers += 1
        (first, scale), (second, other_scale) = self._exact_outputs(words), self._exact_outputs(others)
        return bool(first * other_scale == second * scale)

    def _exact_outputs(self, words: list[Words]) -> tuple[flint.fmpz_mat, int]:
        """The rows of the outputs times a positive number, and that."""
        self.deadline.check()
        last = self.network.layers[-1]
        return self.settler.exact.output(last.affine if last.activation is None else None, words)

    # Classes: that of the largest output, or of a single output's sign

    def largest_at_start(self, words: list[Words]) -> list[int]:
        """Which classes are the largest at the given point, several if they tie there; from a cell that holds it."""
        values, bound = self.heights(*self._classes(words))
        best = int(values.argmax())
        apart = (values[best] - values) * (1 - 4 * UNIT) > bound[best] + bound
        some = np.flatnonzero(~apart).tolist()
        if len(some) > 1:
            self.exact_answers += 1
            rows = self._exact_classes(words)
            exact_values = {k: slack(rows[k], self.start) for k in some}
            some = [k for k in some if exact_values[k] == max(exact_values.values())]
        return some

    def ahead(self, words: list[Words], own: int) -> tuple[Floats, Floats]:
        """By how much each class is above a given one, as rows on the cell with these signs, scaled."""
        rows, error = self._classes(words)
        size = np.abs(rows) + np.abs(rows[own])
        rounding = UNIT * np.column_stack([size[:, :-1].max(axis=1), size[:, -1]])
        rows, error = np.ascontiguousarray(rows - rows[own]), (error + error[own] + rounding) * SLACK
        scale_rows(rows, error)
        rows[own], error[own] = 0.0, 0.0
        settle_doubtful(rows, error, self.frame.shift, lambda i: self._exact_lead(words, i, own))
        return rows, error

    def catches_up(self, cell: Cell, row: Floats, error: Floats, k: int, own: int) -> bool:
        """Whether a class is as large as a given one somewhere on a cell, on which `row` is how far it is behind."""
        rows, errors = np.concatenate([cell.rows, row]), np.concatenate([cell.error, error])
        if self._proven_facets(rows, errors, cell.point, cell.words)[0][-1] == polyhedra.YES:
            return True
        self.exact_answers += 1
        every = self._exact_rows(cell.label.tolist(), cell.words)
        start = inside_or_interior(every, self.frame.exact(cell.point), self.dim)
        behind = [-v for v in self._exact_lead(cell.words, k, own)]
        return least(every, behind, start, stop=Fraction(0)).value <= 0

    def _classes(self, words: list[Words]) -> tuple[Floats, Floats]:
        """The rows of the outputs; of a single one those of zero and of it, and their errors."""
        rows, error = self.outputs(words)
        return (rows, error) if len(rows) > 1 else (_after_zeros(rows), _after_zeros(error))

    def _exact_classes(self, words: list[Words]) -> list[Row]:
        """Rows of the classes times a common positive number."""
        rows = [tuple(map(int, row)) for row in self._exact_outputs(words)[0].tolist()]
        return rows if len(rows) > 1 else [(0,) * (self.dim + 1), *rows]

    def _exact_lead(self, words: list[Words], k: int, own: int) -> Row:
        rows = self._exact_classes(words)
        return tuple(v - w for v, w in zip(rows[k], rows[own], strict=True))

    # Lengths

    def gradients(self, rows: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Rows as (m, d) over orthonormal coordinates, and bounds of the errors of their lengths."""
        g = rows[:, :-1] @ self.metric
        size, size_error = lengths(rows[:, :-1])
        long = (np.sqrt(self.dim) * error[:, 0] + self._metric_error * (size + size_error)) * self._metric_size
        return g, np.where(long > 0, long + TINY, 0.0)

    @cached_property
    def _metric_error(self) -> float:
        """Relative, of orthogonal triangularisation (Higham, section 19.3, with a large constant) and one product."""
        return 64 * (self.dim + 4) * max(self.dim, len(self.t)) * UNIT if self.reduced else 4 * self.dim * UNIT

    def heights(self, rows: Floats, error: Floats) -> tuple[Floats, Floats]:
        """Slacks of rows at the given point, and bounds of their errors, the rounding of the point included."""
        size = np.abs(rows[:, :-1]) @ np.abs(self.point)
        bound = (self.dim + 4) * UNIT * (size + np.abs(rows[:, -1]))
        bound += error[:, 0] * (np.abs(self.point) + self.point_error).sum() + error[:, 1]
        bound += np.abs(rows[:, :-1]) @ self.point_error
        return rows[:, :-1] @ self.point + rows[:, -1], bound * SLACK + TINY

    def constraints(self, words: list[Words]) -> tuple[Floats, Floats]:
        """All rows on the cell with these signs, and their errors; positive inside."""
        rows, error = self.rows.constraints([w[None] for w in words], np.array([0, len(self.labels)]), self.labels)
        settle_doubtful(rows, error, self.frame.shift, lambda i: self._exact_rows([int(self.labels[i])], words)[0])
        return rows, error

    def _exact_rows(self, labels: list[int], words: list[Words]) -> list[Row]:
        """Exact constraints of the cell with these signs; where time is over, this is noticed here."""
        self.deadline.check()
        return self.settler.constraints(labels, words)

    @cached_property
    def labels(self) -> Index:
        """Of all rows: the domain's facets, then all hyperplanes."""
        outer = -1 - np.arange(len(self.frame.chart.facets))
        return np.concatenate([outer, np.arange(self.program.n_hyperplanes)]).astype(np.int32)

    def apart(self, words: list[Words]) -> float:
        """A proven lower bound of the distance from the given point to the cell with these signs."""
        return self.reach(*self.constraints(words))[0]

    def reach(self, rows: Floats, error: Floats) -> tuple[float, Floats]:
        """A proven lower bound of the distance to where no row is negative, and the way to the nearest point there.

        See `nearest`.
        """
        return nearest(*self.gradients(rows, error), *self.heights(rows, error))

    def along(self, step: Floats) -> Floats:
        """The point of the domain a step from the given one, with the step in orthonormal coordinates."""
        if not self.reduced:
            return np.asarray(self.t + step)
        return np.asarray(self.inputs((self.point + self.metric @ step)[None])[0])

    def inradius(self, cell: Cell) -> tuple[float, float]:
        """Proven bounds of the radius of a largest ball in a cell."""
        own = cell.is_facet
        rows, error = np.ascontiguousarray(cell.rows[own]), np.ascontiguousarray(cell.error[own])
        if not len(rows):
            return np.inf, np.inf
        g, long = self.gradients(rows, error)
        norm, norm_error = lengths(g)
        reach = self.frame.reach
        if len(reach):
            reach = np.append(reach, reach.min())
        _, radius = largest_balls(
            np.array([0, len(rows)]), rows, error, norm, norm_error + long, cell.point[None], reach
        )
        return float(radius[0, 0]), float(radius[0, 1])
