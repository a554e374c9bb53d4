"""Enumeration over polytopes of three and more dimensions: drives their kernels layer by layer over blocks of cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import bounds, rows
from linear_regions.kernels import mesh as meshes
from linear_regions.kernels import solid as kernels

from .bits import unpacked
from .budget import Budget, Workers
from .cuts import classified, enter_answers, make_cuts, narrowed
from .domain.chart import SolidChart
from .plane import start_bounds
from .pool import Pool
from .program import Program
from .settle import Settler

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

BLOCK_BYTES = 1 << 20  # rows and corners of a block that is divided no further
PART_BYTES = 1 << 19
FIRST_PARTS = 32  # at least, so that workers end at about the same time
FIRST_GROWTH = 4  # cells that room is made for at first, for each that is there
NOTHING = np.empty(0, np.int64)

_ARRAYS: dict[str, tuple[str, type]] = {
    "start": ("cell", np.int64),
    "slot_start": ("cell", np.int64),
    "root": ("cell", np.int32),
    "pattern": ("cell", np.uint64),
    "corner": ("corner", np.int32),
    "mask": ("corner", np.uint64),
    "facet": ("slot", np.int32),
    "positive": ("vertex", np.uint64),
    "negative": ("vertex", np.uint64),
    "z": ("vertex", np.float64),
    "z_next": ("vertex", np.float64),
    "h": ("vertex", np.float64),
    "x": ("vertex", np.float64),
    "owner": ("vertex", np.int32),
    "vertex": ("vertex", np.float64),
    "off": ("vertex", np.float64),
    "ends": ("vertex", np.int32),
}


@dataclass(frozen=True)
class Used:
    """How much of a complex's arrays is in use."""

    vertex: int
    corner: int
    cell: int
    slot: int

    @classmethod
    def of(cls, state: Ints) -> Used:
        """What a kernel has left in its state."""
        v, k, c, s = (int(state[i]) for i in (kernels.N_VERTICES, kernels.N_CORNERS, kernels.N_CELLS, kernels.N_SLOTS))
        return cls(v, k, c, s)

    def plus(self, more: int) -> Used:
        """So many more of each."""
        return Used(self.vertex + more, self.corner + more, self.cell + more, self.slot + more)


@dataclass(frozen=True)
class Widths:
    """Entries per vertex, corner or cell of the arrays whose width changes."""

    dim: int
    mask: int
    z: int
    z_next: int
    words: int

    def of(self, name: str) -> tuple[int, ...]:
        """Shape of an array after its first axis."""
        shapes: dict[str, tuple[int, ...]] = {
            "mask": (self.mask,), "z": (self.z,), "z_next": (self.z_next,), "x": (self.dim,), "ends": (2,),
            "off": (self.dim, kernels.OFF_COLUMNS), "vertex": (bounds.VERTEX_COLUMNS,),
            "positive": (self.words,), "negative": (self.words,), "pattern": (self.words,),
        }  # fmt: skip
        return shapes.get(name, ())


_CELLS = "start", "slot_start", "root", "pattern", "corner", "mask", "facet"  # written anew in every step


_ENDS = "start", "slot_start"  # one entry more than there are cells


class SolidArena:
    """Buffers for one block, enlarged when needed and reused by the next block."""

    def __init__(self) -> None:
        self._flat: dict[str, NDArray[Any]] = {name: np.empty(0, dtype) for name, (_, dtype) in _ARRAYS.items()}
        self._spare: dict[str, NDArray[Any]] = {name: np.empty(0, _ARRAYS[name][1]) for name in _CELLS}
        self._entries = np.empty(0, np.int32)
        self._table = self._entries  # of edges, by which vertices are found; its size is a power of two
        self._room = {"vertex": 0, "corner": 0, "cell": 0, "slot": 0}

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._entries.nbytes + sum(a.nbytes for a in (*self._flat.values(), *self._spare.values()))

    def array(self, name: str, tail: tuple[int, ...], used: int = 0) -> NDArray[Any]:
        """A buffer as (room, *tail); the first `used` rows keep their data."""
        return self._shaped(self._flat, name, tail, used)

    def _shaped(self, held: dict[str, NDArray[Any]], name: str, tail: tuple[int, ...], used: int) -> NDArray[Any]:
        room, entries = self._room[_ARRAYS[name][0]], prod(tail)
        flat = held[name]
        if room * entries > len(flat):
            held[name] = np.empty(max(room * entries, 3 * len(flat) // 2), flat.dtype)
            kept = flat[: (used + (name in _ENDS)) * entries]
            held[name][: len(kept)] = kept
        return held[name][: room * entries].reshape(room, *tail)

    def reserve(self, wanted: Used, used: Used, written: Used, widths: Widths) -> None:
        """Make room; what is in use keeps its data, and so do the cells that have been written to the other arrays."""
        for kind in self._room:
            if getattr(wanted, kind) > self._room[kind]:
                self._room[kind] = max(getattr(wanted, kind), 3 * self._room[kind] // 2)
        for name, (kind, _) in _ARRAYS.items():
            if name != "h":
                self.array(name, widths.of(name), getattr(used, kind))
        for name in _CELLS:
            self._shaped(self._spare, name, widths.of(name), getattr(written, _ARRAYS[name][0]))
        self.index(used, widths)

    def index(self, used: Used, widths: Widths, least: int = 0) -> None:
        """Enter the vertices in the table of edges, which is made as large as they need, and at least so large."""
        size = max(least, 1 << (4 * used.vertex + 256).bit_length())
        if size > len(self._entries):
            self._entries = np.empty(size, np.int32)
        self._table = self._entries[:size]
        kernels.fill_table(self.array("ends", widths.of("ends"), used.vertex), used.vertex, self._table)

    def mesh(self, widths: Widths) -> kernels.Solid:
        """The arrays; there has to be room for rows of these widths."""
        arrays = {name: self.array(name, widths.of(name)) for name in kernels.Solid._fields if name != "table"}
        return kernels.Solid(**arrays, table=self._table)

    def second(self, mesh: kernels.Solid, widths: Widths) -> kernels.Solid:
        """The same with the other arrays for the cells."""
        return mesh._replace(**{name: self._shaped(self._spare, name, widths.of(name), 0) for name in _CELLS})

    def widen(self, used: Used, written: Used, widths: Widths) -> Widths:
        """One word more for the facets of a cell."""
        for held, n in ((self._flat, used.corner), (self._spare, written.corner)):
            old = self._shaped(held, "mask", widths.of("mask"), n)
            held["mask"] = one_word_more(old).ravel()
        return replace(widths, mask=widths.mask + 1)

    def swap(self) -> None:
        """The other arrays of the cells take their place."""
        for name in _CELLS:
            self._flat[name], self._spare[name] = self._spare[name], self._flat[name]

    def swap_rows(self) -> None:
        """The next layer's rows become the rows."""
        self._flat["z"], self._flat["z_next"] = self._flat["z_next"], self._flat["z"]


ARENAS = Pool(SolidArena, 1 << 26)


@dataclass
class SolidBlock:
    """Cells that are refined together, in an arena."""

    arena: SolidArena
    used: Used
    widths: Widths
    pattern: Words  # (cells, words of all finished steps)
    is_whole: bool


@dataclass
class Count:
    """What a block came to."""

    per_step: Ints
    signs: int = 0
    double_signs: int = 0
    exact_signs: int = 0

    def add(self, other: Count) -> None:
        """Add what a part came to."""
        self.per_step += other.per_step
        self.signs += other.signs
        self.double_signs += other.double_signs
        self.exact_signs += other.exact_signs


class Solids:
    """Counts the cells of a program over one polytope.

    Parameters
    ----------
    program : Program
    settler : Settler
    budget : Budget
    """

    def __init__(self, program: Program, settler: Settler, budget: Budget) -> None:
        self.program = program
        self.settler = settler
        self.budget = budget
        self.cuts = make_cuts(program)
        self.norms = [*(step.norms for step in program.steps[1:]), np.empty(0)]  # of the map after each step

    def count(self, chart: SolidChart, workers: Workers | None = None) -> Count:
        """All cells of a polytope."""
        with ARENAS.lent() as arena:
            return self.run(start_block(self.program, chart, arena), 0, workers)

    def run(self, block: SolidBlock, number: int, workers: Workers | None = None) -> Count:
        """Take a block through the steps from `number` on, divided where it is large."""
        total = Count(np.zeros(len(self.program.steps), np.int64))
        with np.errstate(all="ignore"):  # NaN and infinity are never proven signs
            for step in range(number, len(self.program.steps)):
                self.budget.check()
                self.advance(block, step, total)
                total.per_step[step] = block.used.cell
                self.budget.spend(step, block.used.cell)
                ranges = part_ranges(block)
                if len(ranges) > 1 and step + 1 < len(self.program.steps):
                    for part in self.run_parts(block, ranges, step + 1, workers):
                        total.add(part)
                    break
        return total

    def run_parts(
        self, block: SolidBlock, ranges: list[tuple[int, int]], number: int, workers: Workers | None
    ) -> list[Count]:
        """Take the parts of a block through the remaining steps."""
        if workers is not None and workers.remote:
            parts = [take_part(block, first, last, SolidArena()) for first, last in ranges]
            counts = workers.map(partial(_run_copy, self, number), parts)
            self.budget.correct(np.sum([c.per_step for c in counts], axis=0))  # each process has counted its own part
            return counts

        def task(cells: tuple[int, int]) -> Count:
            arena = ARENAS.take()
            try:
                return self.run(take_part(block, *cells, arena), number)
            finally:
                ARENAS.give(arena)

        return [task(cells) for cells in ranges] if workers is None else workers.map(task, ranges)

    def advance(self, block: SolidBlock, number: int, total: Count) -> None:
        """Split a block's cells by one step's hyperplanes and evaluate the next step's rows."""
        cut = self.open(block, number, total)
        is_last = number + 1 == len(self.program.steps)
        self.split(block, cut, total, keep=not is_last)
        if not is_last:
            self.close(block, cut, number)

    def open(self, block: SolidBlock, number: int, total: Count) -> meshes.Cut:
        """Begin a step: signs at the vertices that are there, what they cut, and the next step's rows there."""
        step, cut, arena, n = self.program.steps[number], self.cuts[number], block.arena, block.used.vertex
        old = block.widths
        widths = Widths(old.dim, old.mask, old.z, len(cut.bias), self.program.word_count(number))
        mesh = arena.mesh(widths)
        above, below, open_v, open_k = classified(mesh, cut, n, step.plain)
        total.signs += n * len(cut.neuron)
        if len(open_v):
            signs = self.settle(mesh, block, cut, open_v, open_k, total)
            rows.put_signs(mesh, cut, open_v, open_k, signs)
        # ReLUs that are negative at all of these vertices do not count in the product
        mixed = np.flatnonzero(~(above | below)) if step.is_relu else np.arange(old.z)
        on = np.flatnonzero(above) if step.is_relu else NOTHING
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
        self, mesh: kernels.Solid, block: SolidBlock, cut: meshes.Cut, open_v: Ints, open_k: Ints, total: Count
    ) -> Ints:
        """Exact signs of hyperplanes at vertices, each vertex as a corner of one of its cells."""
        place, cell = np.empty(block.used.vertex, np.int64), np.empty(block.used.vertex, np.int32)
        kernels.places(mesh, block.used.cell, place, cell)
        signs = np.empty(len(open_v), np.int64)
        starts = np.flatnonzero(np.diff(open_v, prepend=-1))
        groups = list(zip(starts, [*starts[1:], len(open_v)], strict=True))
        for first, last in sorted(
            groups, key=lambda g: cell[open_v[g[0]]]
        ):  # neighbours share their maps' first layers
            v = open_v[first]
            at = facets_at(mesh, int(cell[v]), mesh.mask[place[v]])
            words = self.program.words(block.pattern[cell[v]])
            signs[first:last], n_exact = self.settler.signs(at, (cut.label0 + open_k[first:last]).tolist(), words)
            total.exact_signs += n_exact
        total.double_signs += len(open_v)
        return signs

    def split(self, block: SolidBlock, cut: meshes.Cut, total: Count, *, keep: bool) -> None:
        """Split the cells, giving room and exact signs when the kernel asks for them; the parts are kept or counted."""
        m, words = len(cut.neuron), block.widths.words
        scratch = meshes.Scratch(
            answers=np.zeros((meshes.GIVEN + 1, words), np.uint64),
            asked=np.empty(m, np.int64),
            unit=np.empty(m, np.int64),
            change=np.empty(m),
        )
        used, widths, arena = block.used, block.widths, block.arena
        state = np.zeros(kernels.STATE_ENTRIES, np.int64)
        state[kernels.N_VERTICES] = used.vertex
        expected = kernels.cells_expected(arena.mesh(widths), used.cell)
        new = min(expected - used.cell, FIRST_GROWTH * used.cell + 256)
        cells = used.cell + new if keep else 0
        each = used.corner // used.cell + 2, used.slot // used.cell + 2
        room = Used(used.vertex + new + new // 4 + 64, cells * each[0], cells + 1, cells * each[1])
        arena.reserve(room, used, Used(0, 0, 0, 0), widths)
        stack, edges = make_stack(m + 2, 1 << 12, widths), make_edges(256)
        while True:
            mesh = arena.mesh(widths)
            to = arena.second(mesh, widths)
            to.start[0] = to.slot_start[0] = 0
            status = kernels.split_solids(mesh, to, stack, cut, state, edges, scratch, used.cell, keep)
            written = Used.of(state) if keep else Used(0, 0, 0, 0)
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
        scratch: meshes.Scratch, total: Count,
    ) -> None:  # fmt: skip
        """Certain signs where the kernel is about to put a vertex."""
        words = self.program.words(block.pattern[state[kernels.CURSOR] - 1])
        top = int(state[kernels.DEPTH]) - 1
        own = slice(stack.start[top], stack.end[top])
        ends = [int(np.flatnonzero(stack.corner[own] == state[i])[0]) for i in (kernels.ASKED_A, kernels.ASKED_B)]
        shared = stack.mask[own][ends[0]] & stack.mask[own][ends[1]]
        at = (*facets_at(stack, top, shared), cut.label0 + int(state[kernels.ASKED_PLANE]))
        planes = scratch.asked[: state[kernels.N_ASKED]].tolist()
        signs, n_exact = self.settler.signs(at, [cut.label0 + k for k in planes], words)
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
        block.widths = Widths(widths.dim, widths.mask, widths.z_next, 0, 0)
        block.pattern = pattern


def _run_copy(engine: Solids, number: int, part: SolidBlock) -> Count:
    """Take a part through its steps in a process of its own."""
    return engine.run(part, number)


def make_edges(room: int) -> kernels.Edges:
    """Room for the edges of a cell that are crossed, and its corners."""
    sign, side, low, high, made = (np.empty(room, np.int64) for _ in range(5))
    return kernels.Edges(sign, side, np.empty(room + 7, np.uint64), low, high, made)


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


def one_word_more(mask: Words) -> Words:
    """Masks with an empty word after the others."""
    return np.concatenate([mask, np.zeros((len(mask), 1), np.uint64)], axis=1)


def facets_at(cells: kernels.Solid | kernels.Stack, cell: int, mask: Words) -> tuple[int, ...]:
    """Labels of the facets of a cell whose slots are in a mask."""
    slots = np.flatnonzero(unpacked(mask, 64 * len(mask)))
    return tuple(cells.facet[cells.slot_start[cell] + slots].tolist())


def part_ranges(block: SolidBlock) -> list[tuple[int, int]]:
    """The runs of cells that a block is divided into; one run if it is small."""
    size, n = 8 * block.used.vertex * block.widths.z + 12 * block.used.corner, block.used.cell
    if n < 2 or size <= BLOCK_BYTES:
        return [(0, n)]
    parts = min(n, max(2, -(-size // PART_BYTES), FIRST_PARTS if block.is_whole else 0))
    cuts = [n * i // parts for i in range(parts + 1)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))


def take_part(block: SolidBlock, first: int, last: int, arena: SolidArena) -> SolidBlock:
    """Copy the cells first <= i < last into an arena."""
    mesh = block.arena.mesh(block.widths)
    corners = slice(mesh.start[first], mesh.start[last])
    slots = slice(mesh.slot_start[first], mesh.slot_start[last])
    vertices, corner = np.unique(mesh.corner[corners], return_inverse=True)
    used = Used(len(vertices), len(corner), last - first, slots.stop - slots.start)
    arena.reserve(used.plus(1), Used(0, 0, 0, 0), Used(0, 0, 0, 0), block.widths)
    part = arena.mesh(block.widths)
    for name in ("z", "x", "vertex", "off", "owner"):
        np.take(getattr(mesh, name), vertices, axis=0, out=getattr(part, name)[: used.vertex])
    part.ends[: used.vertex] = -1
    part.start[: used.cell + 1] = mesh.start[first : last + 1] - mesh.start[first]
    part.slot_start[: used.cell + 1] = mesh.slot_start[first : last + 1] - mesh.slot_start[first]
    part.corner[: used.corner], part.mask[: used.corner] = corner, mesh.mask[corners]
    part.facet[: used.slot] = mesh.facet[slots]
    arena.index(used, block.widths)
    return SolidBlock(arena, used, block.widths, block.pattern[first:last], False)


def start_block(program: Program, chart: SolidChart, arena: SolidArena) -> SolidBlock:
    """One cell: the whole polytope."""
    n, dim = chart.points.shape
    m = len(chart.facets)
    steps = program.steps
    widths = Widths(dim, -(-(m + 1) // 64), len(steps[0].bias) if steps else 0, 0, 0)
    used = Used(n, n, 1, m)
    arena.reserve(used.plus(1), Used(0, 0, 0, 0), Used(0, 0, 0, 0), widths)
    mesh = arena.mesh(widths)
    mesh.start[:2], mesh.slot_start[:2] = (0, n), (0, m)
    mesh.corner[:n] = np.arange(n)
    mesh.mask[:n] = chart.masks(widths.mask)
    mesh.facet[:m] = -1 - np.arange(m)
    mesh.x[:n] = chart.points
    mesh.ends[:n] = -1
    mesh.vertex[:n] = 0.0
    mesh.vertex[:n, bounds.DX] = chart.error
    mesh.vertex[:n, bounds.WEIGHT] = 1.0
    mesh.off[:n] = 0.0
    if steps:
        with np.errstate(all="ignore"):
            np.matmul(chart.inputs, steps[0].weight_t, out=mesh.z[:n])
            mesh.z[:n] += steps[0].bias
            start_bounds(mesh.vertex[:n], steps[0], chart.inputs, chart.inputs_error, chart.stretch * chart.error)
    mesh.off[:n, :, kernels.OFF2] = mesh.vertex[:n, None, bounds.S2]
    mesh.off[:n, :, kernels.OFFI] = mesh.vertex[:n, None, bounds.SI]
    mesh.off[:n, :, kernels.OFFX] = mesh.vertex[:n, None, bounds.DX]
    arena.index(used, widths)
    return SolidBlock(arena, used, widths, np.empty((1, 0), np.uint64), True)
