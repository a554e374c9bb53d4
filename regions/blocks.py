"""Blocks of polygon cells: their memory, how a large one is divided, and how the refined parts are joined.

A block lives in an arena of reused buffers. When its rows outgrow the processor's cache, between layers or within a
wide one, it is divided into runs of consecutive cells, which go on one after the other or in parallel. Where the cuts
are made depends on the block alone, so results do not depend on the number of workers. Parts that share an edge have
cut it into the same pieces, which is how they are joined: by position along the edge, never by coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import blocks as kernels
from linear_regions.kernels.bounds import DX, EDGE_COLUMNS, VERTEX_COLUMNS
from linear_regions.kernels.mesh import Cut, Mesh, cycles

from .bits import unpacked
from .cuts import narrowed
from .geometry import PlaneComplex
from .pool import Pool

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]
Words = NDArray[np.uint64]

BLOCK_BYTES = 1 << 22  # rows of a block that is divided no further
PART_BYTES = 1 << 21
STEP_BYTES = 1 << 24  # rows that may be expected of one step; else its hyperplanes are taken a word at a time
FIRST_PARTS = 32  # at least, so that workers end at about the same time


class Arena:
    """Buffers for one block, enlarged when needed and reused by the next block."""

    _SHAPES: dict[str, tuple[str, type, tuple[int, ...]]] = {
        "origin": ("half", np.int32, ()),
        "after": ("half", np.int32, ()),
        "before": ("half", np.int32, ()),
        "label": ("edge", np.int32, ()),
        "edge": ("edge", np.float64, (EDGE_COLUMNS,)),
        "first": ("cell", np.int32, ()),
        "first_new": ("cell", np.int32, ()),
        "follow": ("cell", np.int32, ()),
        "root": ("cell", np.int32, ()),
        "x": ("vertex", np.float64, (2,)),
        "owner": ("vertex", np.int32, ()),
        "vertex": ("vertex", np.float64, (VERTEX_COLUMNS,)),
    }

    _ROWS: dict[str, tuple[str, type]] = {
        "z": ("vertex", np.float64),
        "z_next": ("vertex", np.float64),
        "h": ("vertex", np.float64),
        "positive": ("vertex", np.uint64),
        "negative": ("vertex", np.uint64),
        "crossing": ("cell", np.uint64),
        "pattern": ("cell", np.uint64),
    }

    def __init__(self) -> None:
        self._room = {"half": 0, "edge": 0, "cell": 0, "vertex": 0}
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.empty((0, *shape), dtype) for name, (_, dtype, shape) in self._SHAPES.items()
        }
        self._rows: dict[str, NDArray[Any]] = {name: np.empty(0, dtype) for name, (_, dtype) in self._ROWS.items()}
        self._mesh: Mesh | None = None  # as it was last asked for, while that holds
        self._widths = (0, 0, 0)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the mesh behind: its arrays are views of these buffers, and copies would not be."""
        return self.__dict__ | {"_mesh": None}

    def reserve(self, vertices: int, edges: int, cells: int, used: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Make room; the first `used` vertices, edges and cells keep their data."""
        wanted = {"vertex": vertices, "edge": edges, "half": 2 * edges, "cell": cells}
        kept = {"vertex": used[0], "edge": used[1], "half": 2 * used[1], "cell": used[2]}
        grown = {kind: max(size, 2 * (3 * self._room[kind] // 4)) for kind, size in wanted.items()}
        for name, (kind, dtype, shape) in self._SHAPES.items():
            if wanted[kind] > self._room[kind]:
                array: NDArray[Any] = np.empty((grown[kind], *shape), dtype)
                array[: kept[kind]] = self._arrays[name][: kept[kind]]
                self._arrays[name] = array
        for kind, size in wanted.items():
            if size > self._room[kind]:
                self._room[kind] = grown[kind]
                self._mesh = None

    def rows(self, name: str, width: int, used: int = 0) -> NDArray[Any]:
        """The named row buffer as (room, width); the first `used` rows keep their data."""
        room = self._room[self._ROWS[name][0]]
        size = room * width
        buffer = self._rows[name]
        if size > len(buffer):
            grown = np.empty(max(size, 3 * len(buffer) // 2), buffer.dtype)
            grown[: used * width] = buffer[: used * width]
            self._rows[name] = buffer = grown
            self._mesh = None
        return buffer[:size].reshape(room, width)

    def mesh(
        self, widths: tuple[int, int, int], used: tuple[int, int, int] = (0, 0, 0), fresh: Sequence[str] = ()
    ) -> Mesh:
        """The block's arrays, for rows of z and of the next layer and for words of signs of these widths.

        The rows of the first `used` vertices and cells keep their data, except in the `fresh` buffers.
        """
        if self._mesh is None or self._widths != widths:
            width, width_next, words = widths
            rows = {
                name: self.rows(name, n, 0 if name in fresh else used[0 if kind == "vertex" else 2])
                for name, kind, n in (
                    ("z", "vertex", width), ("z_next", "vertex", width_next), ("positive", "vertex", words),
                    ("negative", "vertex", words), ("crossing", "cell", words), ("pattern", "cell", words),
                )
            }  # fmt: skip
            self._mesh = Mesh(**rows, **{name: self._arrays[name] for name in self._SHAPES if name != "first_new"})
            self._widths = widths
        return self._mesh

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(a.nbytes for a in (*self._arrays.values(), *self._rows.values()))

    def swap(self) -> None:
        """The next layer's rows and the second buffer of the cells' half-edges take their places."""
        self._rows["z"], self._rows["z_next"] = self._rows["z_next"], self._rows["z"]
        self._arrays["first"], self._arrays["first_new"] = self._arrays["first_new"], self._arrays["first"]
        self._mesh = None

    @property
    def first_new(self) -> Index:
        """Second buffer for the cells' half-edges."""
        return self._arrays["first_new"]


ARENAS = Pool(Arena, 1 << 26)


@dataclass(frozen=True)
class Seam:
    """How a part was attached to the block that it was taken from."""

    outer: Index  # half-edges along its outside
    source: Index  # edge of the block that each of its edges copies
    source_vertex: Index  # likewise for vertices


@dataclass
class Block:
    """Cells that are refined together, in an arena."""

    arena: Arena
    n_vertices: int
    n_edges: int
    n_cells: int
    widths: tuple[int, int, int]  # of rows and, within a step, of the next step's rows and of words of signs
    pattern: Words  # (n_cells, words of all finished steps)
    seam: Seam
    order: Index  # (n_cells,) the cells in their order
    cut: Cut | None = None  # of the step that has been begun; None between steps

    @property
    def is_whole(self) -> bool:
        """Whether it is not a part of another block."""
        return not len(self.seam.source)

    @property
    def is_between(self) -> bool:
        """Whether no step has been begun."""
        return self.cut is None

    @property
    def used(self) -> tuple[int, int, int]:
        """Numbers of vertices, edges and cells."""
        return self.n_vertices, self.n_edges, self.n_cells

    @property
    def is_late(self) -> bool:
        """Whether it is within a step that makes the next one's rows at its end."""
        return self.cut is not None and self.widths[1] < len(self.cut.bias)

    def mesh(self) -> Mesh:
        """The arrays."""
        return self.arena.mesh(self.widths, self.used)


@dataclass(frozen=True)
class Refined:
    """The finished complex of a block, or of all of its parts."""

    x: Floats
    error: Floats
    ends: Index
    label: Index
    cell_offsets: Ints
    half_edges: Index
    start: Ints  # where the vertices that the block began with are
    ring_offsets: Ints  # pieces of each outer edge
    ring_edges: Index

    def complex(self) -> PlaneComplex:
        """Its cells."""
        return PlaneComplex(self.x, self.error, self.ends, self.label, self.cell_offsets, self.half_edges)


def part_ranges(block: Block) -> list[tuple[int, int]]:
    """The runs of cells that a block is divided into; one run if it is small."""
    size = 8 * block.n_vertices * block.widths[0]
    if block.n_cells < 2 or (size <= BLOCK_BYTES and block.cut is None):
        return [(0, block.n_cells)]
    parts = max(2, -(-size // PART_BYTES))
    if block.is_whole:
        parts = max(parts, FIRST_PARTS)
    parts = min(block.n_cells, parts)
    cuts = [block.n_cells * i // parts for i in range(parts + 1)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))


class Divider:
    """Takes parts out of a block; the maps between are kept from one part to the next."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._edge_map = np.full(block.n_edges, -1, np.int32)
        self._vertex_map = np.full(block.n_vertices, -1, np.int32)
        self._source = np.empty(block.n_edges, np.int32)
        self._source_vertex = np.empty(block.n_vertices, np.int32)
        self._lock = Lock()

    def part(self, first: int, last: int, arena: Arena) -> Block:
        """Copy the cells first <= i < last, in their order, into an arena."""
        block, mesh = self.block, self.block.mesh()
        with self._lock:
            maps = self._edge_map, self._vertex_map
            cells = block.order[first:last]
            v, e = kernels.number_part(mesh, cells, *maps, self._source, self._source_vertex)
            source, source_vertex = self._source[:e].copy(), self._source_vertex[:v].copy()
            cut, columns = _narrowed_part(block, mesh, source_vertex)
            arena.reserve(4 * v, 4 * e, 4 * (last - first))  # about what a step makes of them
            widths = len(columns) or block.widths[0], *block.widths[1:]
            part = arena.mesh(widths)
            kernels.copy_part(mesh, cells, columns, *maps, source, source_vertex, part)
        half = np.arange(2 * e, dtype=np.int32)
        outer = half[part.after[: 2 * e] == half]
        seam = Seam(outer, source, source_vertex)
        order = np.arange(last - first, dtype=np.int32)
        pattern = block.pattern[first:last]
        return Block(arena, v, e, last - first, widths, pattern, seam, order, cut)


def _narrowed_part(block: Block, mesh: Mesh, vertices: Index) -> tuple[Cut | None, Ints]:
    """The cut of a part with these vertices, if a step has been begun, and the columns of its rows as `narrowed`."""
    if block.cut is None or block.is_late:
        return block.cut, np.empty(0, np.int64)
    width, _, words = block.widths
    positive, negative = np.empty(words, np.uint64), np.empty(words, np.uint64)
    kernels.common_signs(mesh, vertices, positive, negative)
    m = len(block.cut.neuron)
    return narrowed(block.cut, width, unpacked(positive, m), unpacked(negative, m))


def refined(block: Block) -> Refined:
    """The cells of a block that has gone through all steps."""
    mesh = block.mesh()
    v, e, c = block.used
    cell_offsets = np.empty(c + 1, np.int64)
    half_edges = np.empty(2 * e, np.int32)
    cycles(mesh, c, cell_offsets, half_edges)
    ring_offsets, ring_edges = _rings(mesh, block.seam.outer)
    return Refined(
        x=mesh.x[:v].copy(),
        error=mesh.vertex[:v, DX].copy(),
        ends=mesh.origin[: 2 * e].reshape(e, 2).copy(),
        label=mesh.label[:e].copy(),
        cell_offsets=cell_offsets,
        half_edges=half_edges[: cell_offsets[-1]].copy(),
        start=np.arange(len(block.seam.source_vertex)),
        ring_offsets=ring_offsets,
        ring_edges=ring_edges,
    )


def _rings(mesh: Mesh, outer: Index) -> tuple[Ints, Index]:
    offsets = np.zeros(len(outer) + 1, np.int64)
    kernels.ring_sizes(mesh, outer, offsets[1:])
    np.cumsum(offsets, out=offsets)
    edges = np.empty(offsets[-1], np.int32)
    kernels.ring_edges(mesh, outer, offsets, edges)
    return offsets, edges


def joined(block: Block, seams: list[Seam], parts: list[Refined]) -> Refined:
    """Join the refined parts of a block into one complex, each shared edge and vertex once."""
    vertices, edges, cells, halves, ring_entries = (
        sum(len(getattr(o, name)) for o in parts) for name in ("x", "label", "cell_offsets", "half_edges", "ring_edges")
    )
    whole = kernels.Complex(
        x=np.empty((vertices, 2)),
        error=np.empty(vertices),
        ends=np.empty((edges, 2), np.int32),
        label=np.empty(edges, np.int32),
        cell_offsets=np.zeros(cells - len(parts) + 1, np.int64),
        half_edges=np.empty(halves, np.int32),
    )
    used = np.zeros(5, np.int64)
    vertex_of = np.full(block.n_vertices, -1, np.int32)
    ring_of = np.full(block.n_edges, -1, np.int64)
    rings = np.empty(ring_entries, np.int32)
    vertex_map = np.empty(max(len(o.x) for o in parts), np.int32)
    edge_map = np.empty(max(len(o.label) for o in parts), np.int32)
    for seam, o in zip(seams, parts, strict=True):
        part = kernels.Complex(o.x, o.error, o.ends, o.label, o.cell_offsets, o.half_edges)
        hangs = kernels.Attachment(seam.outer, seam.source, seam.source_vertex, o.start, o.ring_offsets, o.ring_edges)
        kernels.join_part(part, hangs, whole, used, vertex_of, ring_of, rings, vertex_map, edge_map)
    ring_offsets, ring_edges = _rings_of_rings(block, ring_of, rings[: used[4]])
    return Refined(
        x=whole.x[: used[0]],
        error=whole.error[: used[0]],
        ends=whole.ends[: used[1]],
        label=whole.label[: used[1]],
        cell_offsets=whole.cell_offsets,
        half_edges=whole.half_edges,
        start=vertex_of[: len(block.seam.source_vertex)].astype(np.int64),
        ring_offsets=ring_offsets,
        ring_edges=ring_edges,
    )


def _rings_of_rings(block: Block, ring_of: Ints, rings: Index) -> tuple[Ints, Index]:
    """The pieces of the pieces that a block's outer edges had been cut into when it was divided."""
    offsets, edges = _rings(block.mesh(), block.seam.outer)
    starts = ring_of[edges]
    ends = np.append(np.sort(ring_of[ring_of >= 0]), len(rings))
    lengths = ends[np.searchsorted(ends, starts, side="right")] - starts
    total = np.concatenate([[0], np.cumsum(lengths)])
    places = np.repeat(starts - total[:-1], lengths) + np.arange(total[-1])
    return total[offsets].astype(np.int64), rings[places]
