"""Blocks of polygon cells: their memory, how a large one is divided, and how the refined parts are joined.

A block lives in an arena of reused buffers. When its rows outgrow the processor's cache it is divided into runs of consecutive cells, which go through
the remaining layers one after the other or in parallel. Where the cuts are made depends on the block alone, so results do not depend on the number of
workers. Parts that share an edge have cut it into the same pieces, which is how they are joined: by position along the edge, never by coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import blocks as kernels
from linear_regions.kernels.bounds import DX, EDGE_COLUMNS, VERTEX_COLUMNS
from linear_regions.kernels.plane import Mesh, cycles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]
Words = NDArray[np.uint64]

BLOCK_BYTES = 1 << 21  # rows of a block that is divided no further
PART_BYTES = 1 << 20


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

    def __init__(self) -> None:
        self._room = {"half": 0, "edge": 0, "cell": 0, "vertex": 0}
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.empty((0, *shape), dtype) for name, (_, dtype, shape) in self._SHAPES.items()
        }
        self._rows: dict[str, NDArray[Any]] = {
            "z": np.empty(0), "z_next": np.empty(0), "h": np.empty(0),
            "positive": np.empty(0, np.uint64), "negative": np.empty(0, np.uint64),
        }  # fmt: skip

    def reserve(self, vertices: int, edges: int, cells: int, used: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Make room; the first `used` vertices, edges and cells keep their data."""
        wanted = {"vertex": vertices, "edge": edges, "half": 2 * edges, "cell": cells}
        kept = {"vertex": used[0], "edge": used[1], "half": 2 * used[1], "cell": used[2]}
        for name, (kind, dtype, shape) in self._SHAPES.items():
            if wanted[kind] > self._room[kind]:
                grown = np.empty((wanted[kind], *shape), dtype)
                grown[: kept[kind]] = self._arrays[name][: kept[kind]]
                self._arrays[name] = grown
        for kind, size in wanted.items():
            self._room[kind] = max(self._room[kind], size)

    def rows(self, name: str, width: int, used: int = 0) -> NDArray[Any]:
        """The named row buffer as (room for vertices, width); the first `used` rows keep their data."""
        size = self._room["vertex"] * width
        buffer = self._rows[name]
        if size > len(buffer):
            grown = np.empty(size, buffer.dtype)
            grown[: used * width] = buffer[: used * width]
            self._rows[name] = buffer = grown
        return buffer[:size].reshape(self._room["vertex"], width)

    def mesh(self, width: int, width_next: int, words: int, used: int = 0, used_next: int = 0) -> Mesh:
        """The block's arrays; `used` rows of z and `used_next` rows of the next layer and of the signs keep their data."""
        a = self._arrays
        return Mesh(
            origin=a["origin"], after=a["after"], before=a["before"], label=a["label"], edge=a["edge"],
            first=a["first"], follow=a["follow"], root=a["root"],
            positive=self.rows("positive", words, used_next), negative=self.rows("negative", words, used_next),
            z=self.rows("z", width, used), z_next=self.rows("z_next", width_next, used_next),
            x=a["x"], owner=a["owner"], vertex=a["vertex"],
        )  # fmt: skip

    def swap_rows(self) -> None:
        """The next layer's rows become the rows."""
        self._rows["z"], self._rows["z_next"] = self._rows["z_next"], self._rows["z"]

    def swap_first(self) -> NDArray[np.int32]:
        """Exchange `first` with its second buffer; returns the new one."""
        self._arrays["first"], self._arrays["first_new"] = self._arrays["first_new"], self._arrays["first"]
        return self._arrays["first"]

    @property
    def first_new(self) -> Index:
        """Second buffer for the cells' half-edges."""
        return self._arrays["first_new"]


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
    width: int  # entries of a row: neurons of the step to come
    patterns: list[Words]  # one (n_cells, words) array per finished step
    seam: Seam

    @property
    def used(self) -> tuple[int, int, int]:
        """Numbers of vertices, edges and cells."""
        return self.n_vertices, self.n_edges, self.n_cells

    def mesh(self) -> Mesh:
        """The arrays, as the next step finds them."""
        return self.arena.mesh(self.width, 0, 0, used=self.n_vertices)


@dataclass
class Outcome:
    """What a block came to: counts, and the refined complex if it was asked for."""

    per_step: Ints
    signs: int = 0
    double_signs: int = 0
    exact_signs: int = 0
    exact_cells: int = 0
    x: Floats = field(default_factory=lambda: np.empty((0, 2)))
    error: Floats = field(default_factory=lambda: np.empty(0))
    ends: Index = field(default_factory=lambda: np.empty((0, 2), np.int32))
    label: Index = field(default_factory=lambda: np.empty(0, np.int32))
    cell_offsets: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    half_edges: Index = field(default_factory=lambda: np.empty(0, np.int32))
    patterns: list[Words] = field(default_factory=list)
    start: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # where the vertices that the block began with are
    ring_offsets: Ints = field(default_factory=lambda: np.zeros(1, np.int64))  # pieces of each outer edge
    ring_edges: Index = field(default_factory=lambda: np.empty(0, np.int32))


def part_ranges(block: Block) -> list[tuple[int, int]]:
    """The runs of cells that a block is divided into; one run if it is small."""
    size = block.n_vertices * block.width * 8
    if size <= BLOCK_BYTES or block.n_cells < 2:
        return [(0, block.n_cells)]
    parts = min(block.n_cells, -(-size // PART_BYTES))
    cuts = [block.n_cells * i // parts for i in range(parts + 1)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))


class Divider:
    """Takes parts out of a block; the maps between are kept from one part to the next."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._edge_map = np.full(block.n_edges, -1, np.int32)
        self._vertex_map = np.full(block.n_vertices, -1, np.int32)
        self._lock = Lock()

    def part(self, first: int, last: int, arena: Arena) -> Block:
        """Copy cells first <= c < last into an arena."""
        block, mesh = self.block, self.block.mesh()
        with self._lock:
            v, e = kernels.count_part(mesh, first, last, self._edge_map, self._vertex_map)
            arena.reserve(v, e, last - first)
            part = arena.mesh(block.width, 0, 0)
            source = np.empty(e, np.int32)
            source_vertex = np.empty(v, np.int32)
            kernels.copy_part(mesh, first, last, self._edge_map, self._vertex_map, part, source, source_vertex)
        half = np.arange(2 * e, dtype=np.int32)
        outer = half[part.after[: 2 * e] == half]
        patterns = [p[first:last] for p in block.patterns]
        return Block(arena, v, e, last - first, block.width, patterns, Seam(outer, source, source_vertex))


def refined(block: Block, outcome: Outcome) -> Outcome:
    """Fill in the finished complex of a block."""
    mesh = block.mesh()
    v, e, c = block.used
    outcome.cell_offsets = np.empty(c + 1, np.int64)
    half_edges = np.empty(2 * e, np.int32)
    cycles(mesh, c, outcome.cell_offsets, half_edges)
    outcome.half_edges = half_edges[: outcome.cell_offsets[-1]].copy()
    outcome.x = mesh.x[:v].copy()
    outcome.error = mesh.vertex[:v, DX].copy()
    outcome.ends = mesh.origin[: 2 * e].reshape(e, 2).copy()
    outcome.label = mesh.label[:e].copy()
    outcome.patterns = block.patterns
    outcome.start = np.arange(len(block.seam.source_vertex))
    outcome.ring_offsets, outcome.ring_edges = _rings(mesh, block.seam.outer)
    return outcome


def _rings(mesh: Mesh, outer: Index) -> tuple[Ints, Index]:
    offsets = np.zeros(len(outer) + 1, np.int64)
    kernels.ring_sizes(mesh, outer, offsets[1:])
    np.cumsum(offsets, out=offsets)
    edges = np.empty(offsets[-1], np.int32)
    kernels.ring_edges(mesh, outer, offsets, edges)
    return offsets, edges


def _ranges(starts: Ints, lengths: Ints) -> Ints:
    """Concatenation of starts[i] + arange(lengths[i])."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)


def _stacked(arrays: list[NDArray[Any]], counts: list[int]) -> tuple[NDArray[Any], Ints]:
    """Concatenated CSR offsets of parts with `counts` values each."""
    base = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    parts = [a[:-1] + b for a, b in zip(arrays, base, strict=False)]
    return np.concatenate([*parts, base[-1:]]), base


def joined(block: Block, parts: list[Seam], outcomes: list[Outcome], outcome: Outcome) -> Outcome:
    """Join the refined parts of a block into one complex, each shared edge and vertex once."""
    vertex_base = np.concatenate([[0], np.cumsum([len(o.x) for o in outcomes])]).astype(np.int64)
    edge_base = np.concatenate([[0], np.cumsum([len(o.label) for o in outcomes])]).astype(np.int64)
    ends = np.concatenate([o.ends.astype(np.int64) + b for o, b in zip(outcomes, vertex_base, strict=False)])
    ring_offsets, _ = _stacked([o.ring_offsets for o in outcomes], [len(o.ring_edges) for o in outcomes])
    ring_edges = np.concatenate([o.ring_edges + b for o, b in zip(outcomes, edge_base, strict=False)])
    source = np.concatenate([p.source[p.outer >> 1] for p in parts])
    order = np.argsort(source, kind="stable")
    twice = source[order[:-1]] == source[order[1:]]
    kept, merged = order[:-1][twice], order[1:][twice]
    lengths = np.diff(ring_offsets)
    if not np.array_equal(lengths[kept], lengths[merged]):
        raise AssertionError("two parts cut their common edge differently")
    edge_kept = ring_edges[_ranges(ring_offsets[kept], lengths[kept])]
    edge_merged = ring_edges[_ranges(ring_offsets[merged], lengths[merged])]
    edge = np.arange(edge_base[-1])
    edge[edge_merged] = edge_kept
    vertex = np.arange(vertex_base[-1])
    vertex[ends[edge_merged].ravel()] = ends[edge_kept].ravel()
    # vertices that the block had: the copy in the first part that has one
    copies = np.concatenate([o.start + b for o, b in zip(outcomes, vertex_base, strict=False)])
    original = np.concatenate([p.source_vertex for p in parts])
    owner = np.full(block.n_vertices, -1, np.int64)
    owner[original[::-1]] = copies[::-1]
    vertex[copies] = owner[original]
    edge_kept_mask = edge == np.arange(len(edge))
    vertex_kept_mask = vertex == np.arange(len(vertex))
    new_edge = (np.cumsum(edge_kept_mask) - 1)[edge]
    new_vertex = (np.cumsum(vertex_kept_mask) - 1)[vertex]
    half = np.concatenate([o.half_edges + 2 * b for o, b in zip(outcomes, edge_base, strict=False)])
    outcome.half_edges = (2 * new_edge[half >> 1] + (half & 1)).astype(np.int32)
    outcome.cell_offsets, _ = _stacked([o.cell_offsets for o in outcomes], [len(o.half_edges) for o in outcomes])
    outcome.x = np.concatenate([o.x for o in outcomes])[vertex_kept_mask]
    outcome.error = np.concatenate([o.error for o in outcomes])[vertex_kept_mask]
    outcome.ends = new_vertex[ends[edge_kept_mask]].astype(np.int32)
    outcome.label = np.concatenate([o.label for o in outcomes])[edge_kept_mask]
    outcome.patterns = [np.concatenate(p) for p in zip(*(o.patterns for o in outcomes), strict=True)]
    outcome.start = new_vertex[owner[: len(block.seam.source_vertex)]]
    # the block's own outer edges: the pieces of their pieces
    place = np.full(block.n_edges, -1, np.int64)
    place[source[order[::-1]]] = order[::-1]
    piece_offsets, pieces = _rings(block.mesh(), block.seam.outer)
    at = place[pieces]
    outcome.ring_edges = new_edge[ring_edges[_ranges(ring_offsets[at], lengths[at])]].astype(np.int32)
    outcome.ring_offsets = np.concatenate([[0], np.cumsum(lengths[at])])[piece_offsets].astype(np.int64)
    return outcome
