"""Enumeration over two-dimensional domains: drives the polygon kernels layer by layer over blocks of cells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import blocks, bounds, layer, plane, rows
from linear_regions.kernels import mesh as meshes
from linear_regions.kernels.mesh import Signed
from linear_regions.kernels.solid import Solid

from .bits import unpacked
from .blocks import ARENAS, STEP_BYTES, Arena, Block, Divider, Refined, Seam, joined, part_ranges, refined
from .budget import Workers
from .cuts import by_vertex, classified, enter_answers, make_scratch, narrowed, product_columns
from .domain.chart import PlaneChart, SolidChart, SpaceChart
from .engine import Engine, Tally
from .fine import FineProduct
from .geometry import PlaneComplex
from .program import Program, frobenius

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


ROOM_BYTES = 1 << 28  # rows that room is made for at once


class Plane(Engine[Block, Arena, Seam, Refined]):
    """Enumerates the cells of a program over one convex polygon."""

    arenas = ARENAS

    def enumerate(self, chart: PlaneChart, workers: Workers | None = None) -> Tally[Refined]:
        """All cells of a polygon."""
        with ARENAS.lent() as arena:
            return self.run(start_block(self.program, chart, arena), 0, workers)

    def ranges(self, block: Block) -> list[tuple[int, int]]:
        """See `Engine`."""
        return part_ranges(block)

    def divider(self, block: Block) -> Callable[[int, int, Arena], Block]:
        """See `Engine`."""
        return Divider(block).part

    def tie(self, part: Block) -> Seam:
        """Where the part was cut out of its block."""
        return part.seam

    def finished(self, block: Block) -> Refined:
        """See `Engine`."""
        return refined(block)

    def joined(self, block: Block, ties: list[Seam], cells: list[Refined]) -> Refined:
        """See `Engine`."""
        return joined(block, ties, cells)

    def complex(self, cells: Refined) -> PlaneComplex:
        """See `Engine`."""
        return cells.complex()

    def advance(self, block: Block, number: int, tally: Tally[Refined]) -> Block:
        """Split a block's cells by one step's hyperplanes and evaluate the next step's rows.

        Where much is expected of the step, it is left after a word of hyperplanes, to be gone on with later.
        """
        if block.cut is None:
            self.open(block, number, tally)
        cut, (width, width_next, words) = block.cut, block.widths
        assert cut is not None
        last_word, expected = layer.line_up(block.mesh(), block.n_cells, 8 * (width + width_next), STEP_BYTES)
        self.make_room(block, expected, width + width_next)
        state = np.zeros(meshes.STATE_ENTRIES, np.int64)
        state[: meshes.CURSOR] = block.used
        mesh = self.split(block.mesh(), cut, state, block, last_word, tally)
        v, e, c = state[: meshes.CURSOR].tolist()
        if last_word == words:
            return self.close(mesh, cut, number, block, (v, e, c))
        order = np.empty(c, np.int32)
        meshes.cells_in_order(mesh, c, order)
        return Block(block.arena, v, e, c, block.widths, block.pattern[mesh.root[order]], block.seam, order, cut)

    def open(self, block: Block, number: int, tally: Tally[Refined]) -> None:
        """Begin a step: signs at the vertices that are there, what they cut, and the next step's rows there.

        Not the rows where the step ends with a fine product.
        """
        step, cut, arena, n = self.program.steps[number], self.cuts[number], block.arena, block.n_vertices
        width, late = block.widths[0], self.program.fine[number + 1] is not None
        widths = width, 0 if late else len(cut.bias), self.program.word_count(number)
        mesh = arena.mesh(widths, block.used, ("z_next", "positive", "negative", "crossing", "pattern"))
        above, below = self.classify(mesh, number, block, tally)
        mixed, on = product_columns(step, above, below)
        h = arena.rows("h", len(mixed) + len(on) + 1)[: n if widths[1] else 0]
        block.cut, columns = (cut, np.empty(0, np.int64)) if late else narrowed(cut, width, above, below)
        narrow = arena.rows("z", len(columns) or width, n)
        layer.open_layer(
            mesh, cut, block.n_cells, n, step.activation.lipschitz, self.norms[number],
            mixed.view(np.uint64), on, h, columns, narrow,
        )  # fmt: skip
        if widths[1]:
            matrix = self.program.steps[number + 1].matrix
            np.matmul(h, matrix[np.concatenate([mixed, on, [width]])], out=mesh.z_next[:n])
        block.widths = narrow.shape[1], *widths[1:]

    def make_room(self, block: Block, expected: int, row_entries: int) -> None:
        """Make room for the cells that are expected, up to a limit."""
        v, e, c = block.used
        room = min(expected - c, max(c, ROOM_BYTES // (8 * row_entries + 8)))
        # a new cell brings about one vertex and two edges, and at most two and three
        block.arena.reserve(v + room + room // 4 + 4, e + 2 * room + room // 2 + 8, c + room + 1, block.used)

    def close(self, mesh: meshes.Mesh, cut: meshes.Cut, number: int, block: Block, used: tuple[int, int, int]) -> Block:
        """Finish a step: cells in their order, error bounds of the next step's rows."""
        arena, step, c = block.arena, self.program.steps[number], used[2]
        norms, fine = self.norms[number], self.program.fine[number + 1]
        if fine is not None:
            norms, mesh = fine.norms, self.multiply(fine, cut, number, block.widths, arena, used)
        pattern = np.empty((c, block.pattern.shape[1] + mesh.pattern.shape[1]), np.uint64)
        layer.close_layer(mesh, cut, used, step.activation.lipschitz, norms, block.pattern, arena.first_new, pattern)
        arena.swap()
        widths = mesh.z_next.shape[1], 0, 0
        return Block(arena, *used, widths, pattern, block.seam, np.arange(c, dtype=np.int32))

    def multiply(
        self, fine: FineProduct, cut: meshes.Cut, number: int, widths: tuple[int, int, int], arena: Arena,
        used: tuple[int, int, int],
    ) -> meshes.Mesh:  # fmt: skip
        """The next step's rows at all vertices."""
        step, n, m = self.program.steps[number], used[0], len(cut.neuron)
        mesh = arena.mesh((widths[0], len(cut.bias), widths[2]), used, ("z_next",))
        signs = np.empty((2, widths[2]), np.uint64)
        blocks.common_signs(mesh, np.arange(n, dtype=np.int32), *signs)
        mixed, on = product_columns(step, unpacked(signs[0], m), unpacked(signs[1], m))
        h = arena.rows("h", len(mixed) + len(on) + 1)[:n]
        rows.activate(mesh, cut, n, step.activation.lipschitz, fine.norms, mixed.view(np.uint64), on, h)
        fine(h, np.concatenate([mixed, on, [widths[0]]]), mesh.z_next[:n])
        return mesh

    def classify(self, mesh: meshes.Mesh, number: int, block: Block, tally: Tally[Refined]) -> tuple[Flags, Flags]:
        """Prove the signs of all rows, from their values or else exactly.

        Returns which hyperplanes are positive, and which negative, at all vertices by their values.
        """
        cut, n = self.cuts[number], block.n_vertices
        above, below, open_v, open_k = classified(mesh, cut, n, self.program.steps[number].plain)
        tally.signs += n * len(cut.neuron)
        if len(open_v):
            signs = self.settle(mesh, block, cut, open_v, open_k, tally)
            rows.put_signs(mesh, cut, open_v, open_k, signs)
        return above, below

    def settle(
        self, mesh: meshes.Mesh, block: Block, cut: meshes.Cut, open_v: Ints, open_k: Ints, tally: Tally[Refined]
    ) -> Ints:
        """Exact signs of hyperplanes at vertices, each vertex as a corner of one of its cells."""
        half = np.empty(block.n_vertices, np.int32)
        cell = np.empty(block.n_vertices, np.int32)
        meshes.corners(mesh, block.n_cells, half, cell)
        signs = np.empty(len(open_v), np.int64)
        for first, last in by_vertex(open_v, cell):
            v = open_v[first]
            h = half[v]
            labels = (int(mesh.label[h >> 1]), int(mesh.label[mesh.before[h] >> 1]))
            words = self.program.words(block.pattern[cell[v]])
            signs[first:last], n_exact = self.settler.signs(labels, (cut.label0 + open_k[first:last]).tolist(), words)
            tally.exact_signs += n_exact
        tally.double_signs += len(open_v)
        return signs

    def split(
        self, mesh: meshes.Mesh, cut: meshes.Cut, state: Ints, block: Block, last_word: int, tally: Tally[Refined]
    ) -> meshes.Mesh:
        """Split the cells, giving room and exact signs when the kernel asks for them."""
        words = mesh.positive.shape[1]
        scratch = make_scratch(cut, words)
        while (status := plane.split_cells(mesh, cut, state, scratch, last_word)) != meshes.DONE:
            if status == meshes.NEED_ROOM:
                v, e, c = (int(q) for q in state[: meshes.CURSOR])
                block.arena.reserve(2 * v + 256, 2 * e + 512, 2 * c + 256, (v, e, c))
                mesh = block.arena.mesh((mesh.z.shape[1], mesh.z_next.shape[1], words), (v, e, c))
            elif status == meshes.NEED_SIGNS:
                self.answer(mesh, cut, state, block, scratch, tally)
            else:
                raise AssertionError("proven signs contradict convexity")
        tally.signs += int(state[meshes.N_SIGNS])
        return mesh

    def answer(
        self,
        mesh: meshes.Mesh,
        cut: meshes.Cut,
        state: Ints,
        block: Block,
        scratch: meshes.Scratch,
        tally: Tally[Refined],
    ) -> None:
        """Certain signs where the kernel is about to put a vertex."""
        words = self.program.words(block.pattern[mesh.root[state[meshes.CURSOR]]])
        edge = int(state[meshes.ASKED_HALF]) >> 1
        at = (int(mesh.label[edge]), cut.label0 + int(state[meshes.ASKED_PLANE]))
        planes = scratch.asked[: state[meshes.N_ASKED]].tolist()
        signs, n_exact = self.settler.signs(at, [cut.label0 + k for k in planes], words)
        enter_answers(scratch, planes, signs)
        state[meshes.ANSWERED] = 1
        tally.signs += len(planes)
        tally.double_signs += len(planes)
        tally.exact_signs += n_exact


def start_block(program: Program, chart: PlaneChart, arena: Arena) -> Block:
    """One cell: the whole polygon."""
    n = len(chart.points)
    arena.reserve(n, n, 1)
    steps = program.steps
    width = len(steps[0].bias) if steps else 0
    mesh = arena.mesh((width, 0, 0))
    e = np.arange(n, dtype=np.int32)
    mesh.origin[0 : 2 * n : 2], mesh.origin[1 : 2 * n : 2] = e, np.roll(e, -1)
    mesh.after[0 : 2 * n : 2], mesh.before[0 : 2 * n : 2] = 2 * np.roll(e, -1), 2 * np.roll(e, 1)
    mesh.after[1 : 2 * n : 2] = mesh.before[1 : 2 * n : 2] = 2 * e + 1
    mesh.label[:n] = -1 - e
    mesh.edge[:n] = 0.0
    mesh.first[0] = 0
    start_rows(mesh, chart, program)
    nothing = np.empty(0, np.int32)
    seam = Seam(2 * e + 1, nothing, nothing)
    return Block(arena, n, n, 1, (width, 0, 0), np.empty((1, 0), np.uint64), seam, np.zeros(1, np.int32))


def start_rows(mesh: meshes.Mesh | Solid, chart: PlaneChart | SolidChart | SpaceChart, program: Program) -> None:
    """The corners of a domain as the first vertices: coordinates, the first step's rows, and their error bounds."""
    n = len(chart.points)
    mesh.x[:n] = chart.points
    vertex = mesh.vertex[:n]
    vertex[:] = 0.0
    vertex[:, bounds.DX] = chart.error
    vertex[:, bounds.WEIGHT] = 1.0
    if program.steps:
        start_values(mesh, program, chart.inputs, chart.inputs_error, chart.stretch * chart.error)


def start_values(mesh: Signed, program: Program, inputs: Floats, evaluation: Floats, displacement: Floats) -> None:
    """The first step's rows and their error bounds, for inputs with the given evaluation errors and displacements."""
    step, fine, n = program.steps[0], program.fine[0], len(inputs)
    z, vertex = mesh.z[:n], mesh.vertex[:n]
    weight = vertex[:, bounds.WEIGHT]
    with np.errstate(all="ignore"):
        size = np.sqrt(np.sum(inputs * inputs, axis=1)) * bounds.SLACK + 2.0**-500  # squares may vanish
        if fine is None:
            norms = step.norms
            np.matmul(inputs, step.weight_t, out=z)
            z += step.bias * weight[:, None]
            total = frobenius(step.weight_t) * size + norms[bounds.BN]
            each = norms[bounds.RW] * size + np.abs(step.bias).max()
        else:
            norms = fine.norms
            fine(np.column_stack([inputs, weight]), np.arange(len(step.matrix)), z)
            total, each = (norms[name] * (size + 1.0) for name in (bounds.RBF, bounds.RB))
        gamma, spectral, row = norms[bounds.GAMMA], norms[bounds.SW], norms[bounds.RW]
        vertex[:, bounds.ETA2] = (gamma * total + spectral * evaluation) * bounds.SLACK + bounds.TINY
        vertex[:, bounds.ETAI] = (gamma * each + row * evaluation) * bounds.SLACK + bounds.TINY
        vertex[:, bounds.S2] = spectral * displacement
        vertex[:, bounds.SI] = row * displacement
        vertex[:, bounds.ERR] = (vertex[:, bounds.ETAI] + vertex[:, bounds.SI]) * bounds.SLACK
        vertex[:, bounds.ZN] = spectral * size + norms[bounds.BN]
        vertex[:, bounds.GRAIN] = np.nan
