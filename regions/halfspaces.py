"""Enumeration over cells given by inequalities: drives the linear programs of their kernels layer by layer over blocks.

For domains of any dimension. A cell is its activation pattern, the labels of the hyperplanes that cut it out, and a
point inside. A cell too thin for a float to lie inside has NaN for a point, which leaves all of its decisions to
rational arithmetic.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Never

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import halfspaces as kernels

from .bits import flat_ranges, unpacked, word_count
from .budget import Workers
from .domain.chart import HalfspaceChart
from .engine import Engine, Tally
from .pool import Buffers, Pool
from .rows import ExactCell, Frame, Lines, Rows, frame_of

Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

CROWD = 1024  # cells of a block that is divided
PART = 256
FIRST_PARTS = 32  # at least, so that workers end at about the same time
PART_BYTES = 1 << 22  # rows of a part's hyperplanes

EXACT_CELLS = 64  # kept in rational arithmetic

ARENAS = Pool(Buffers, 1 << 26)


class Kept(OrderedDict[Any, ExactCell]):
    """Cells in rational arithmetic, the latest last; they stay behind when the engine goes to another process."""

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
    parent: Ints  # (cells,)
    sign: Words  # (cells, words of this step)
    mask: Words  # (cells, words) hyperplanes of this step that are constraints
    offset: Ints  # (parents + 1,) where the constraints of each parent begin
    rows: Floats  # (constraints, d + 1)
    error: Floats  # (constraints, 2)
    label: Index  # (constraints,)
    pattern: Words  # (parents, words of all finished steps)
    lines: Lines  # pre-activations of the step on the parents
    planes: Planes | None  # once the step has begun
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
        Inside each, in the domain's coordinates; NaN where there is no float inside.
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
        self.kept = Kept()
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
            parent=np.zeros(1, np.int64),
            sign=np.zeros((1, 0), np.uint64),
            mask=np.zeros((1, 0), np.uint64),
            offset=np.array([0, len(facets)]),
            rows=facets,
            error=error,
            label=-1 - np.arange(len(facets), dtype=np.int32),
            pattern=np.zeros((1, 0), np.uint64),
            lines=self.rows.first(),
            planes=None,
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
        cells = kernels.Cells(block.point, block.parent, block.sign, block.mask)
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
        parents, work = parents_of(block), self.work(block)
        cells = kernels.Cells(block.point, block.parent, block.sign, block.mask)
        crowd = max(CROWD, block.n_cells)
        while True:
            status = kernels.split(parents, cells, planes.count, crowd, self.frame.reach, work, state)
            if status == kernels.NEED_ROOM:
                self.budget.check()
                cells = kernels.Cells(*(np.concatenate([old, np.empty_like(old)]) for old in cells))
            elif status == kernels.ASK:
                self.answer(block, cells, state, number)
                tally.double_signs += 1
                tally.exact_signs += 1
            else:
                break
        tally.signs += int(state[kernels.N_SIGNS])
        used = slice(0, int(state[kernels.N_CELLS]))
        block.point, block.parent, block.sign, block.mask = (
            cells.point[used], cells.parent[used], cells.sign[used], cells.mask[used]
        )  # fmt: skip
        planes.number = int(state[kernels.PLANE])
        return status == kernels.DONE

    def answer(self, block: HalfspaceBlock, cells: kernels.Cells, state: Ints, number: int) -> None:
        """Whether a hyperplane cuts a cell, in rational arithmetic; room for the new cell is there."""
        self.budget.check()
        plane, i, new = (int(state[j]) for j in (kernels.PLANE, kernels.CELL, kernels.N_CELLS))
        p, step = int(cells.parent[i]), self.program.steps[number]
        words = [*self.program.words(block.pattern[p]), cells.sign[i]]
        labels = [
            *block.label[block.offset[p] : block.offset[p + 1]].tolist(),
            *(step.label0 + np.flatnonzero(unpacked(cells.mask[i], step.activation.n_hyperplanes))).tolist(),
        ]
        state[kernels.CELL] += 1
        state[kernels.N_SIGNS] += 1
        cell = self.exact_cell(labels, words, cells.point[i], cells.mask[i])
        goal = self.settler.row(step.label0 + plane, words)
        above, below = cell.sides(goal)
        bit = np.uint64(1 << (plane & 63))
        if above is None or below is None:
            cells.sign[i, plane >> 6] |= bit if above is not None else np.uint64(0)
            return
        state[kernels.N_CELLS] += 1
        for array in cells:
            array[new] = array[i]
        for place, point, sign in ((i, above, 1), (new, below, -1)):
            cells.mask[place, plane >> 6] |= bit
            cells.sign[place, plane >> 6] |= bit if sign > 0 else np.uint64(0)
            cells.point[place] = self.frame.rounded(point, [*cell.rows, tuple(sign * v for v in goal)])

    def exact_cell(self, labels: list[int], words: list[Words], point: Floats, mask: Words) -> ExactCell:
        """A cell in rational arithmetic, kept for the hyperplanes to come."""
        *before, sign = words
        key = (tuple(labels), *(w.tobytes() for w in before), (sign & mask).tobytes())
        cell = self.kept.pop(key, None)
        if cell is None:
            cell = ExactCell(self.settler.constraints(labels, words), self.frame.exact(point), self.frame.dim)
        self.kept[key] = cell
        if len(self.kept) > EXACT_CELLS:
            self.kept.popitem(last=False)
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
        return HalfspaceCells(self.frame.t(block.point), block.offset, block.label, self.frame)

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
        parent=parent.astype(np.int64),
        sign=block.sign[first:last].copy(),
        mask=block.mask[first:last].copy(),
        offset=np.concatenate([[0], np.cumsum(size)]),
        rows=block.rows[place],
        error=block.error[place],
        label=block.label[place],
        pattern=block.pattern[own],
        lines=Lines(*(lines[own] for lines in block.lines)),
        planes=planes,
        is_part=True,
    )
