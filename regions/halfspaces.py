"""Enumeration over cells given by inequalities: drives the linear programs of their kernels layer by layer over blocks.

For domains of any dimension. A cell is its activation pattern, the labels of the hyperplanes that cut it out, and a
point inside. Where no float is known to lie inside, the point is one near a rational point inside: floats may still
prove that a hyperplane misses the cell, but only rational arithmetic that one cuts it. If there are many hyperplanes to
come, such a cell becomes a parent, with coordinates of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Never

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import halfspaces as kernels

from .bits import flat_ranges, put_bit, unpacked, word_count
from .budget import Workers
from .domain.chart import HalfspaceChart
from .engine import Engine, Tally
from .fitted import Fitted, fitted
from .pool import Buffers, Pool
from .rational_lp import implied, inside_or_interior
from .rows import ExactCell, Frame, Lines, Rows, frame_of

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Octets = NDArray[np.uint8]
Places = NDArray[np.object_]  # of frames and coordinates of single cells
Words = NDArray[np.uint64]

CROWD = 1024  # cells of a block that is divided
PART = 256
FIRST_PARTS = 32  # at least, so that workers end at about the same time
PART_BYTES = 1 << 22  # rows of a part's hyperplanes

FITTING = 4  # hyperplanes to come, for each dimension, that are worth the effort of coordinates of a cell's own
EXACT_NUMBERS = 1 << 19  # kept: coefficients of cells in rational arithmetic

ARENAS = Pool(Buffers, 1 << 26)


class Kept(OrderedDict[Any, ExactCell]):
    """Cells in rational arithmetic, the latest last; they stay behind when a block goes to another process."""

    size = 0

    def put(self, key: Any, cell: ExactCell) -> None:
        """Keep a cell, and let go of the oldest if there are too many."""
        self[key] = cell
        self.size += cell.size
        while self.size > EXACT_NUMBERS and len(self) > 1:
            self.size -= self.popitem(last=False)[1].size

    def __reduce__(self) -> tuple[Any, ...]:
        """Empty."""
        return Kept, ()


@dataclass
class Planes:
    """The hyperplanes of a step on the parents: rows scaled by powers of two, and bounds of their errors."""

    z: Floats  # (parents * hyperplanes, d + 1)
    error: Floats  # (parents * hyperplanes, 2)
    candidate: Words  # (parents, words) those that are not known to miss a parent
    count: int  # hyperplanes of the step
    number: int  # the first of them that has not been tried


@dataclass
class HalfspaceBlock:
    """Cells that are refined together; in the middle of a step several of them may be parts of one parent."""

    arena: Buffers
    point: Floats  # (cells, d)
    inside: Octets  # (cells,) whether the point is known to lie inside
    parent: Ints  # (cells,)
    sign: Words  # (cells, words of this step)
    mask: Words  # (cells, words) hyperplanes of this step that are constraints
    offset: Ints  # (parents + 1,) where the constraints of each parent begin; some parents may have no cells
    rows: Floats  # (constraints, d + 1)
    error: Floats  # (constraints, 2)
    label: Index  # (constraints,)
    pattern: Words  # (parents, words of all finished steps)
    lines: Lines  # pre-activations of the step on the parents
    place: Places  # (parents,) what the coordinates of points, rows and lines are
    planes: Planes | None  # once the step has begun
    kept: Kept
    is_part: bool

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.point)

    @property
    def is_between(self) -> bool:
        """Not in the middle of a step."""
        return self.planes is None


@dataclass(frozen=True)
class HalfspaceCells:
    """Finished cells.

    Attributes
    ----------
    point : (N, d) ndarray of float64
        Inside each, in the domain's coordinates; NaN where no float is known to be inside.
    offset : (N + 1,) ndarray of int64
    label : (offset[-1],) ndarray of int32
        Hyperplanes that cut out each cell, or -1 - i for facet i of the domain; some may be redundant.
    frame : Frame
    """

    point: Floats
    offset: Ints
    label: Index
    frame: Frame


class Halfspaces(Engine[HalfspaceBlock, Buffers, None, HalfspaceCells]):
    """Enumerates the cells of a program over a set given by inequalities."""

    arenas = ARENAS

    def enumerate(self, chart: HalfspaceChart, workers: Workers | None = None) -> Tally[HalfspaceCells]:
        """All cells."""
        self.frame = frame_of(self.program, chart)
        self.rows = Rows(self.program.steps, self.frame)
        with ARENAS.lent() as arena:
            return self.run(self.start(arena), 0, workers)

    def start(self, arena: Buffers) -> HalfspaceBlock:
        """The domain as a cell."""
        facets, chart = self.frame.facets, self.frame.chart
        error = np.zeros((len(facets), 2))
        kernels.scale_rows(facets, error)
        return HalfspaceBlock(
            arena=arena,
            point=np.ldexp(chart.inside, -self.frame.shift)[None],
            inside=np.ones(1, np.uint8),
            parent=np.zeros(1, np.int64),
            sign=np.zeros((1, 0), np.uint64),
            mask=np.zeros((1, 0), np.uint64),
            offset=np.array([0, len(facets)]),
            rows=facets,
            error=error,
            label=-1 - np.arange(len(facets), dtype=np.int32),
            pattern=np.zeros((1, 0), np.uint64),
            lines=self.rows.first(),
            place=np.array([self.frame], np.object_),
            planes=None,
            kept=Kept(),
            is_part=False,
        )

    def advance(self, block: HalfspaceBlock, number: int, tally: Tally[HalfspaceCells]) -> HalfspaceBlock:
        """Cut a block's cells by one step's hyperplanes, or by so many of them that there is a crowd."""
        if block.planes is None:
            self.open(block, number, tally)
        if self.split(block, number, tally):
            self.close(block, number)
        return block

    def open(self, block: HalfspaceBlock, number: int, tally: Tally[HalfspaceCells]) -> None:
        """Begin a step: the rows of its hyperplanes, and which of them may cut which cells."""
        n, count = block.n_cells, self.program.steps[number].activation.n_hyperplanes
        words = word_count(count)
        z, error = self.rows.hyperplanes(number, block.lines)
        block.sign, block.mask = np.zeros((n, words), np.uint64), np.zeros((n, words), np.uint64)
        block.planes = Planes(z, error, np.zeros((n, words), np.uint64), count, 0)
        cells = kernels.Cells(block.point, block.inside, block.parent, block.sign, block.mask)
        tally.signs += kernels.choose(parents_of(block), cells, n, count, self.frame.reach, self.work(block))

    def work(self, block: HalfspaceBlock) -> kernels.Work:
        """Memory for one linear program at a time."""
        count = 0 if block.planes is None else block.planes.count
        m = int(np.diff(block.offset).max(initial=0)) + count
        return kernels.work_for(m, self.frame.dim, block.arena.array)

    def split(self, block: HalfspaceBlock, number: int, tally: Tally[HalfspaceCells]) -> bool:
        """Cut the cells, hyperplane after hyperplane; whether all of them were tried."""
        planes = block.planes
        assert planes is not None
        state = np.zeros(kernels.STATE, np.int64)
        state[kernels.PLANE], state[kernels.N_CELLS] = planes.number, block.n_cells
        cells = kernels.Cells(block.point, block.inside, block.parent, block.sign, block.mask)
        crowd = max(CROWD, block.n_cells)
        above_others = self.program.steps[number].follows.view(np.uint8)
        work = self.work(block)
        fitted_before = -1
        while True:
            status = kernels.split(
                parents_of(block), cells, planes.count, above_others, crowd, self.frame.reach, work, state
            )
            if status == kernels.NEED_ROOM:
                self.budget.check()
                cells = enlarged(cells, max(PART, len(cells.point)))
            elif status != kernels.ASK:
                break
            elif fitted_before < state[kernels.PLANE] and self.is_worth_fitting(cells, state, number):
                fitted_before = int(state[kernels.PLANE])
                self.fit(block, cells, np.flatnonzero(cells.inside[: state[kernels.N_CELLS]] == 0), number)
                work = self.work(block)
            else:
                self.answer(block, cells, work, state, number)
                tally.double_signs += 1
                tally.exact_signs += 1
        tally.signs += int(state[kernels.N_SIGNS])
        used = slice(0, int(state[kernels.N_CELLS]))
        block.point, block.inside, block.parent = cells.point[used], cells.inside[used], cells.parent[used]
        block.sign, block.mask = cells.sign[used], cells.mask[used]
        planes.number = int(state[kernels.PLANE])
        return status == kernels.DONE

    def is_worth_fitting(self, cells: kernels.Cells, state: Ints, number: int) -> bool:
        """Whether a hyperplane is asked about whose cell should have coordinates of its own."""
        left = self.program.n_hyperplanes - self.program.steps[number].label0 - state[kernels.PLANE]
        return not cells.inside[state[kernels.CELL]] and bool(left > FITTING * self.frame.dim)

    def fit(self, block: HalfspaceBlock, cells: kernels.Cells, own: Ints, number: int) -> None:
        """Make cells parents, in coordinates of their own."""
        planes, step, old = block.planes, self.program.steps[number], cells.parent[own]
        assert planes is not None
        labels, places, parts = [], [], []
        for i, p in zip(own.tolist(), old.tolist(), strict=True):
            self.budget.check()
            words = [*self.program.words(block.pattern[p]), cells.sign[i]]
            labels.append(self.labels(block, cells, i, number))
            cell = self.exact_cell(block, labels[-1], words, block.place[p], cells.point[i])
            place = fitted(cell, self.frame.reach)
            places.append(place)
            cells.point[i], cells.inside[i] = place.middle, True
            table, scale = self.settler.exact.preactivation(number, words)
            parts.append((
                *place.rows(flint.fmpz_mat([list(row) for row in cell.rows]), [
                    Fraction(1, max(map(abs, row))) for row in cell.rows
                ]),
                *place.rows(table, [Fraction(1, scale) / Fraction(2) ** e for e in step.exponent.tolist()]),
            ))  # fmt: skip
        rows, error, *lines = zip(*parts, strict=True)
        new = Lines(*map(np.stack, lines))
        z, z_error = self.rows.hyperplanes(number, new)
        more = np.concatenate(rows), np.concatenate(error)
        kernels.scale_rows(*more)
        block.rows, block.error = map(np.concatenate, zip((block.rows, block.error), more, strict=True))
        block.label = np.concatenate([block.label, *labels]).astype(np.int32)
        block.offset = np.concatenate([block.offset, block.offset[-1] + np.cumsum([len(some) for some in labels])])
        block.pattern = np.concatenate([block.pattern, block.pattern[old]])
        block.lines = Lines(*map(np.concatenate, zip(block.lines, new, strict=True)))
        block.place = np.concatenate([block.place, np.array(places, np.object_)])
        planes.z, planes.error = np.concatenate([planes.z, z]), np.concatenate([planes.error, z_error])
        planes.candidate = np.concatenate([planes.candidate, planes.candidate[old]])
        cells.parent[own] = len(block.place) - len(own) + np.arange(len(own))
        cells.mask[own] = 0

    def answer(self, block: HalfspaceBlock, cells: kernels.Cells, work: kernels.Work, state: Ints, number: int) -> None:
        """Whether a hyperplane cuts a cell, in rational arithmetic; room for the new cell is there."""
        self.budget.check()
        plane, i, new, side = (int(state[j]) for j in (kernels.PLANE, kernels.CELL, kernels.N_CELLS, kernels.SIDE))
        p, step = int(cells.parent[i]), self.program.steps[number]
        words = [*self.program.words(block.pattern[p]), cells.sign[i]]
        state[kernels.CELL] += 1
        state[kernels.N_SIGNS] += 1
        labels = self.labels(block, cells, i, number)
        goal = self.settler.row(step.label0 + plane, words)
        if side:
            held = [labels[j] for j in work.nonbasic[(work.nonbasic >= 0) & (work.table[0, : self.frame.dim] > 0)]]
            if implied(self.settler.constraints(held, words), [side * v for v in goal]):
                put_bit(cells.sign[i], plane, side > 0)
                return
        cell = self.exact_cell(block, labels, words, block.place[p], cells.point[i])
        above, below = cell.sides(goal)
        put_bit(cells.sign[i], plane, above is not None)
        if above is None or below is None:
            return
        state[kernels.N_CELLS] += 1
        for array in cells:
            array[new] = array[i]
        lower = np.flatnonzero(step.follows[plane::-1].cumprod()[::-1]) - 1
        for j, point, sign in ((i, above, 1), (new, below, -1)):
            put_bit(cells.mask[j], plane, True)
            put_bit(cells.sign[j], plane, sign > 0)
            rows = dict(zip(labels, cell.rows, strict=True))
            if sign > 0:  # the lower thresholds of the neuron are no constraints
                for k in lower[unpacked(cells.mask[j], plane)[lower]].tolist():
                    put_bit(cells.mask[j], k, False)
                    del rows[step.label0 + k]
            rows[step.label0 + plane] = tuple(sign * v for v in goal)
            own = ExactCell(list(rows.values()), point)
            cells.point[j], cells.inside[j] = block.place[p].rounded(own)
            block.kept.put(self.key(list(rows), [*words[:-1], cells.sign[j]]), own)

    def labels(self, block: HalfspaceBlock, cells: kernels.Cells, i: int, number: int) -> list[int]:
        """The constraints of a cell in the middle of a step."""
        p, step = cells.parent[i], self.program.steps[number]
        own = step.label0 + np.flatnonzero(unpacked(cells.mask[i], step.activation.n_hyperplanes))
        return [*block.label[block.offset[p] : block.offset[p + 1]].tolist(), *own.tolist()]

    def key(self, labels: list[int], words: list[Words]) -> Any:
        """What tells a cell from others: its constraints, and on which side of them it lies."""
        inner = np.array([label for label in labels if label >= 0], np.int64)
        bits = self.program.label_bits[inner]
        joined = np.concatenate(words)
        return inner.tobytes(), (joined[bits >> 6] >> (bits & 63).astype(np.uint64) & np.uint64(1)).tobytes()

    def exact_cell(
        self, block: HalfspaceBlock, labels: list[int], words: list[Words], place: Frame | Fitted, point: Floats
    ) -> ExactCell:
        """A cell in rational arithmetic, kept for the hyperplanes to come; the point may lie inside."""
        key = self.key(labels, words)
        if key in block.kept:
            block.kept.move_to_end(key)
            return block.kept[key]
        rows = self.settler.constraints(labels, words)
        cell = ExactCell(rows, inside_or_interior(rows, place.exact(point), self.frame.dim))
        block.kept.put(key, cell)
        return cell

    def close(self, block: HalfspaceBlock, number: int) -> None:
        """Finish a step: the cells become the parents of the next one."""
        planes, step, n = block.planes, self.program.steps[number], block.n_cells
        assert planes is not None
        parent = block.parent
        cell, plane = np.nonzero(unpacked(block.mask, planes.count))
        first, old = block.offset[parent], np.diff(block.offset)[parent]
        new = np.bincount(cell, minlength=n)
        offset = np.concatenate([[0], np.cumsum(old + new)])
        place_old = flat_ranges(offset[:-1], old)
        place_new = flat_ranges(offset[:-1] + old, new)
        source_old, source_new = flat_ranges(first, old), parent[cell] * planes.count + plane
        above = unpacked(block.sign, planes.count)[cell, plane]
        rows, error = np.empty((offset[-1], planes.z.shape[1])), np.empty((offset[-1], 2))
        label = np.empty(offset[-1], np.int32)
        rows[place_old], error[place_old], label[place_old] = (
            own[source_old] for own in (block.rows, block.error, block.label)
        )
        rows[place_new] = np.where(above, 1.0, -1.0)[:, None] * planes.z[source_new]
        error[place_new], label[place_new] = planes.error[source_new], step.label0 + plane
        if number + 1 < len(self.program.steps):
            block.lines = self.rows.next(number, Lines(*(own[parent] for own in block.lines)), block.sign)
        block.offset, block.rows, block.error, block.label = offset, rows, error, label
        block.pattern = np.concatenate([block.pattern[parent], block.sign], axis=1)
        block.place = block.place[parent]
        block.parent = np.arange(n)
        block.planes = None

    def ranges(self, block: HalfspaceBlock) -> list[tuple[int, int]]:
        """See `Engine`."""
        n = block.n_cells
        size = block.lines.rows.nbytes
        if n <= (PART if block.planes is None else CROWD) and size <= PART_BYTES:
            return [(0, n)]
        parts = min(n, max(2, -(-n // PART), -(-size // PART_BYTES), 0 if block.is_part else FIRST_PARTS))
        cuts = [n * i // parts for i in range(parts + 1)]
        return list(zip(cuts[:-1], cuts[1:], strict=True))

    def divider(self, block: HalfspaceBlock) -> Callable[[int, int, Buffers], HalfspaceBlock]:
        """See `Engine`."""
        return partial(take_part, block)

    def tie(self, part: HalfspaceBlock) -> None:
        """See `Engine`: parts have nothing in common."""

    def finished(self, block: HalfspaceBlock) -> HalfspaceCells:
        """See `Engine`."""
        points = self.frame.t(block.point)
        is_fitted = np.array([isinstance(place, Fitted) for place in block.place], np.bool_)
        points[is_fitted | (block.inside == 0)] = np.nan
        return HalfspaceCells(points, block.offset, block.label, self.frame)

    def joined(self, block: HalfspaceBlock, ties: list[None], cells: list[HalfspaceCells]) -> HalfspaceCells:
        """See `Engine`."""
        ends = np.cumsum([0, *(own.offset[-1] for own in cells)])
        return HalfspaceCells(
            point=np.concatenate([own.point for own in cells]),
            offset=np.concatenate([[0], *(own.offset[1:] + end for own, end in zip(cells, ends, strict=False))]),
            label=np.concatenate([own.label for own in cells]),
            frame=self.frame,
        )

    def complex(self, cells: HalfspaceCells) -> Never:
        """See `Engine`: sums over cells without corners are not made."""
        raise AssertionError("the volumes of cells given by inequalities are not summed up")


def enlarged(cells: kernels.Cells, more: int) -> kernels.Cells:
    """Room for more cells."""
    return kernels.Cells(*(np.concatenate([own, np.empty((more, *own.shape[1:]), own.dtype)]) for own in cells))


def parents_of(block: HalfspaceBlock) -> kernels.Parents:
    """What the kernels know of a block's parents."""
    planes = block.planes
    assert planes is not None
    return kernels.Parents(block.offset, block.rows, block.error, planes.z, planes.error, planes.candidate)


def take_part(block: HalfspaceBlock, first: int, last: int, arena: Buffers) -> HalfspaceBlock:
    """Copy the cells first <= i < last, and their parents."""
    own, parent = np.unique(block.parent[first:last], return_inverse=True)
    size = np.diff(block.offset)[own]
    place = flat_ranges(block.offset[own], size)
    planes = block.planes
    if planes is not None:
        of_parents = flat_ranges(own * planes.count, np.full(len(own), planes.count))
        planes = Planes(
            planes.z[of_parents], planes.error[of_parents], planes.candidate[own], planes.count, planes.number
        )
    return HalfspaceBlock(
        arena=arena,
        point=block.point[first:last].copy(),
        inside=block.inside[first:last].copy(),
        parent=parent.astype(np.int64),
        sign=block.sign[first:last].copy(),
        mask=block.mask[first:last].copy(),
        offset=np.concatenate([[0], np.cumsum(size)]),
        rows=block.rows[place],
        error=block.error[place],
        label=block.label[place],
        pattern=block.pattern[own],
        lines=Lines(*(lines[own] for lines in block.lines)),
        place=block.place[own],
        planes=planes,
        kept=Kept(),
        is_part=True,
    )
