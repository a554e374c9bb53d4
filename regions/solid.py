"""Enumeration over polytopes of three and more dimensions: drives their kernels layer by layer over blocks of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import bounds, incidence, off, rows
from linear_regions.kernels import mesh as meshes
from linear_regions.kernels import solid as kernels

from .bits import unpacked
from .budget import Workers
from .cuts import by_vertex, classified, enter_answers, make_scratch, narrowed, product_columns
from .domain.chart import SolidChart, SpaceChart
from .engine import Engine, Tally, Wanted
from .plane import start_rows
from .pool import Pool
from .program import Program
from .solid_arena import NOTHING, SolidArena, Used, Widths, one_word_more
from .solid_complex import SolidComplex
from .solid_parts import Finished, finished, joined, vertices_of

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

BLOCK_BYTES = 1 << 20  # rows and corners of a block that is divided no further
PART_BYTES = 1 << 19
FIRST_PARTS = 32  # at least, so that workers end at about the same time; but
LEAST_BYTES = 1 << 17  # of such a part, as each step of a part has its own cost
FIRST_GROWTH = 4  # cells that room is made for at first, for each that is there

ARENAS = Pool(SolidArena, 1 << 26)


@dataclass
class SolidBlock:
    """Cells that are refined together, in an arena."""

    arena: SolidArena
    used: Used
    widths: Widths
    pattern: Words  # (cells, words of all finished steps)
    source: Index  # the vertices of the block that it is a part of, as it began; empty for all of a domain

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.used.cell

    @property
    def is_between(self) -> bool:
        """No step is left before its end."""
        return True


class Solids(Engine[SolidBlock, SolidArena, Index, Finished]):
    """Enumerates the cells of a program over one polytope."""

    arenas = ARENAS

    def enumerate(self, chart: SolidChart | SpaceChart, workers: Workers | None = None) -> Tally[Finished]:
        """All cells of a polytope."""
        with ARENAS.lent() as arena:
            return self.run(start_block(self.program, chart, arena), 0, workers)

    def ranges(self, block: SolidBlock) -> list[tuple[int, int]]:
        """See `Engine`."""
        return part_ranges(block)

    def divider(self, block: SolidBlock) -> Callable[[int, int, SolidArena], SolidBlock]:
        """See `Engine`."""
        return partial(take_part, block)

    def tie(self, part: SolidBlock) -> Index:
        """The vertices of the block that the part began with."""
        return part.source

    def finished(self, block: SolidBlock) -> Finished:
        """See `Engine`."""
        return finished(block.arena.mesh(block.widths), block.used)

    def joined(self, block: SolidBlock, ties: list[Index], cells: list[Finished]) -> Finished:
        """See `Engine`."""
        return joined(vertices_of(block.arena.mesh(block.widths), block.used.vertex), ties, cells)

    def complex(self, cells: Finished) -> SolidComplex:
        """See `Engine`."""
        return SolidComplex.of(cells)

    def advance(self, block: SolidBlock, number: int, total: Tally[Finished]) -> SolidBlock:
        """Split a block's cells by one step's hyperplanes and evaluate the next step's rows."""
        cut = self.open(block, number, total)
        keep = self.wanted is not Wanted.NUMBER or number + 1 < len(self.program.steps)
        self.split(block, cut, total, keep=keep)
        if keep:
            self.close(block, cut, number)
        return block

    def open(self, block: SolidBlock, number: int, total: Tally[Finished]) -> meshes.Cut:
        """Begin a step: signs at the vertices that are there, what they cut, and the next step's rows there."""
        step, cut, arena, n = self.program.steps[number], self.cuts[number], block.arena, block.used.vertex
        old = block.widths
        widths = Widths(old.dim, old.x, old.mask, old.z, len(cut.bias), self.program.word_count(number))
        mesh = arena.mesh(widths)
        above, below, open_v, open_k = classified(mesh, cut, n, step.plain)
        total.signs += n * len(cut.neuron)
        if len(open_v):
            signs = self.settle(mesh, block, cut, open_v, open_k, total)
            rows.put_signs(mesh, cut, open_v, open_k, signs)
        mixed, on = product_columns(step, above, below)
        h = arena.array("h", (len(mixed) + len(on) + 1,))[: n if widths.z_next else 0]
        cut, columns = narrowed(cut, old.z, above, below)
        narrow = arena.array("z", (len(columns) or old.z,), n)
        kernels.open_solids(
            mesh, cut, n, step.activation.lipschitz, self.norms[number], mixed.view(np.uint64), on, h, columns, narrow
        )
        if len(h):
            matrix = self.program.steps[number + 1].matrix
            np.matmul(h, matrix[np.concatenate([mixed, on, [old.z]])], out=mesh.z_next[:n])
        block.widths = replace(widths, z=narrow.shape[1])
        return cut

    def settle(
        self,
        mesh: kernels.Solid,
        block: SolidBlock,
        cut: meshes.Cut,
        open_v: Ints,
        open_k: Ints,
        total: Tally[Finished],
    ) -> Ints:
        """Exact signs of hyperplanes at vertices, each vertex as a corner of one of its cells."""
        place, cell = np.empty(block.used.vertex, np.int64), np.empty(block.used.vertex, np.int32)
        kernels.places(mesh, block.used.cell, place, cell)
        signs = np.empty(len(open_v), np.int64)
        for first, last in by_vertex(open_v, cell):
            v = open_v[first]
            at = facets_at(mesh, int(cell[v]), mesh.mask[place[v]])
            words = self.program.words(block.pattern[cell[v]])
            labels = (cut.label0 + open_k[first:last]).tolist()
            inside = middle(mesh, mesh.corner[mesh.start[cell[v]] : mesh.start[cell[v] + 1]])
            signs[first:last], n_exact = self.settler.signs(at, labels, words, inside)
            total.exact_signs += n_exact
        total.double_signs += len(open_v)
        return signs

    def split(self, block: SolidBlock, cut: meshes.Cut, total: Tally[Finished], *, keep: bool) -> None:
        """Split the cells, giving room and exact signs when the kernel asks for them; the parts are kept or counted."""
        words = block.widths.words
        scratch = make_scratch(cut, words)
        used, widths, arena = block.used, block.widths, block.arena
        state = np.zeros(kernels.STATE_ENTRIES, np.int64)
        state[kernels.N_VERTICES] = used.vertex
        expected = kernels.cells_expected(arena.mesh(widths), used.cell)
        new = min(expected - used.cell, FIRST_GROWTH * used.cell + 256)
        cells = used.cell + new if keep else 0
        each = used.corner // used.cell + 2, used.slot // used.cell + 2
        room = Used(used.vertex + new + new // 4 + 64, cells * each[0], cells + 1, cells * each[1])
        arena.reserve(room, used, NOTHING, widths)
        stack, edges = make_stack(len(cut.neuron) + 2, 1 << 12, widths), make_edges(256)
        while True:
            mesh = arena.mesh(widths)
            to = arena.second(widths)
            to.start[0] = to.slot_start[0] = 0
            status = kernels.split_solids(mesh, to, stack, cut, state, edges, scratch, used.cell, keep)
            written = Used.of(state) if keep else NOTHING
            used = replace(used, vertex=int(state[kernels.N_VERTICES]))
            if status == meshes.DONE:
                break
            if status == meshes.NEED_ROOM:
                twice = Used(2 * used.vertex, 2 * written.corner, 2 * written.cell, 2 * written.slot)
                arena.reserve(twice.plus(1 << 12), used, written, widths)
                arena.index(used, widths, 2 * len(mesh.table))
            elif status == kernels.NEED_STACK:
                stack, edges = larger_stack(stack), make_edges(2 * len(edges.low))
            elif status == kernels.NEED_SLOTS:
                widths = arena.widen(used, written, widths)
                stack = stack._replace(mask=one_word_more(stack.mask))
            else:
                block.used, block.widths = used, widths
                self.answer(mesh, stack, cut, state, block, scratch, total)
        total.signs += int(state[kernels.N_SIGNS])
        block.used, block.widths = Used.of(state), widths

    def answer(
        self, mesh: kernels.Solid, stack: kernels.Stack, cut: meshes.Cut, state: Ints, block: SolidBlock,
        scratch: meshes.Scratch, total: Tally[Finished],
    ) -> None:  # fmt: skip
        """Certain signs where the kernel is about to put a vertex."""
        words = self.program.words(block.pattern[state[kernels.CURSOR] - 1])
        top = int(state[kernels.DEPTH]) - 1
        own = slice(stack.start[top], stack.end[top])
        ends = [int(np.flatnonzero(stack.corner[own] == state[i])[0]) for i in (kernels.ASKED_A, kernels.ASKED_B)]
        shared = stack.mask[own][ends[0]] & stack.mask[own][ends[1]]
        at = (*facets_at(stack, top, shared), cut.label0 + int(state[kernels.ASKED_PLANE]))
        planes = scratch.asked[: state[kernels.N_ASKED]].tolist()
        inside = middle(mesh, stack.corner[own])
        signs, n_exact = self.settler.signs(at, [cut.label0 + k for k in planes], words, inside)
        enter_answers(scratch, planes, signs)
        state[kernels.ANSWERED] = 1
        total.signs += len(planes)
        total.double_signs += len(planes)
        total.exact_signs += n_exact

    def close(self, block: SolidBlock, cut: meshes.Cut, number: int) -> None:
        """Finish a step: packed signs of the cells, error bounds of the next step's rows."""
        arena, step, used, widths = block.arena, self.program.steps[number], block.used, block.widths
        arena.swap()
        pattern = np.empty((used.cell, block.pattern.shape[1] + widths.words), np.uint64)
        kernels.close_solids(
            arena.mesh(widths), cut, (used.vertex, used.cell), step.activation.lipschitz, self.norms[number],
            block.pattern, pattern,
        )  # fmt: skip
        arena.swap_rows()
        block.widths = Widths(widths.dim, widths.x, widths.mask, widths.z_next, 0, 0)
        block.pattern = pattern


def make_edges(room: int) -> incidence.Edges:
    """Room for the edges of a cell that are crossed, and its corners."""
    sign, side, low, high, made = (np.empty(room, np.int64) for _ in range(5))
    return incidence.Edges(sign, side, np.empty(room + 7, np.uint64), low, high, made)


def make_stack(depth: int, room: int, widths: Widths) -> kernels.Stack:
    """Room for cells that are to be cut, one within the other, and for their corners in all."""
    return kernels.Stack(
        start=np.empty(depth, np.int64),
        end=np.empty(depth, np.int64),
        slot_start=np.empty(depth, np.int64),
        slot_end=np.empty(depth, np.int64),
        crossing=np.empty((depth, widths.words), np.uint64),
        pattern=np.empty((depth, widths.words), np.uint64),
        corner=np.empty(room, np.int32),
        mask=np.empty((room, widths.mask), np.uint64),
        facet=np.empty(room, np.int32),
    )


def larger_stack(stack: kernels.Stack) -> kernels.Stack:
    """Twice the room for corners and slots, and the same cells."""
    arrays = {name: np.concatenate([old, np.empty_like(old)]) for name, old in stack._asdict().items()}
    return kernels.Stack(**arrays)


def facets_at(cells: kernels.Solid | kernels.Stack, cell: int, mask: Words) -> tuple[int, ...]:
    """Labels of the facets of a cell whose slots are in a mask."""
    slots = np.flatnonzero(unpacked(mask, 64 * len(mask)))
    return tuple(cells.facet[cells.slot_start[cell] + slots].tolist())


def middle(mesh: kernels.Solid, corners: Index) -> Floats:
    """The mean of some vertices; coordinates that are +-1 in all of them are so there, exactly."""
    return np.asarray(mesh.x[corners].sum(axis=0) / len(corners))


def part_ranges(block: SolidBlock) -> list[tuple[int, int]]:
    """The runs of cells that a block is divided into; one run if it is small."""
    size, n = 8 * block.used.vertex * block.widths.z + 12 * block.used.corner, block.used.cell
    if n < 2 or size <= BLOCK_BYTES:
        return [(0, n)]
    first_parts = 0 if len(block.source) else min(FIRST_PARTS, size // LEAST_BYTES)
    parts = min(n, max(2, -(-size // PART_BYTES), first_parts))
    cuts = [n * i // parts for i in range(parts + 1)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))


def take_part(block: SolidBlock, first: int, last: int, arena: SolidArena) -> SolidBlock:
    """Copy the cells first <= i < last into an arena."""
    mesh = block.arena.mesh(block.widths)
    corners = slice(mesh.start[first], mesh.start[last])
    slots = slice(mesh.slot_start[first], mesh.slot_start[last])
    vertices, corner = np.unique(mesh.corner[corners], return_inverse=True)
    used = Used(len(vertices), len(corner), last - first, slots.stop - slots.start)
    arena.reserve(used.plus(1), NOTHING, NOTHING, block.widths)
    part = arena.mesh(block.widths)
    for name in ("z", "x", "vertex", "off", "owner"):
        np.take(getattr(mesh, name), vertices, axis=0, out=getattr(part, name)[: used.vertex])
    part.ends[: used.vertex] = -1
    part.start[: used.cell + 1] = mesh.start[first : last + 1] - mesh.start[first]
    part.slot_start[: used.cell + 1] = mesh.slot_start[first : last + 1] - mesh.slot_start[first]
    part.corner[: used.corner], part.mask[: used.corner] = corner, mesh.mask[corners]
    part.facet[: used.slot] = mesh.facet[slots]
    arena.index(used, block.widths)
    return SolidBlock(arena, used, block.widths, block.pattern[first:last], vertices)


def start_block(program: Program, chart: SolidChart | SpaceChart, arena: SolidArena) -> SolidBlock:
    """The cells of a domain: the whole polytope, or what the whole space is made of."""
    n, width = chart.points.shape
    m = len(chart.facets)
    if isinstance(chart, SpaceChart):
        dim, cells, masks = width - 1, chart.cells, [chart.masks(c) for c in range(len(chart.cells))]
    else:
        words = -(-(m + 1) // 64)
        dim, cells, masks = width, [(list(range(n)), list(range(m)))], [chart.masks(words)]
    steps = program.steps
    widths = Widths(dim, width, masks[0].shape[1], len(steps[0].bias) if steps else 0, 0, 0)
    corners, facets = [c for c, _ in cells], [f for _, f in cells]
    used = Used(n, sum(map(len, corners)), len(cells), sum(map(len, facets)))
    arena.reserve(used.plus(1), NOTHING, NOTHING, widths)
    mesh = arena.mesh(widths)
    mesh.start[: used.cell + 1] = np.cumsum([0, *map(len, corners)])
    mesh.slot_start[: used.cell + 1] = np.cumsum([0, *map(len, facets)])
    mesh.corner[: used.corner] = np.concatenate(corners)
    mesh.mask[: used.corner] = np.concatenate(masks)
    mesh.facet[: used.slot] = -1 - np.concatenate(facets)
    mesh.ends[:n] = -1
    start_rows(mesh, chart, program)
    mesh.off[:n, :, off.OFF2] = mesh.vertex[:n, None, bounds.S2]
    mesh.off[:n, :, off.OFFI] = mesh.vertex[:n, None, bounds.SI]
    mesh.off[:n, :, off.OFFX] = mesh.vertex[:n, None, bounds.DX]
    arena.index(used, widths)
    return SolidBlock(arena, used, widths, np.empty((used.cell, 0), np.uint64), np.empty(0, np.int32))
