"""The finished cells of blocks of polytopes, and how the parts of a block are joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import finished as kernels
from linear_regions.kernels.bounds import DX
from linear_regions.kernels.solid import Solid

from .solid_arena import Used

Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Vertices:
    """The vertices of a block, or of all of its parts: first those that it began with."""

    x: Floats  # (V, d)
    error: Floats  # (V,)
    ends: Index  # (V, 2) the edge that each was made on; of no meaning for those that it began with


@dataclass(frozen=True)
class Finished:
    """The finished cells of a block, or of all of its parts."""

    vertices: Vertices
    cells: kernels.Cells


def vertices_of(mesh: Solid, n: int) -> Vertices:
    """Copies of the first n vertices."""
    return Vertices(mesh.x[:n].copy(), mesh.vertex[:n, DX].copy(), mesh.ends[:n].copy())


def finished(mesh: Solid, used: Used) -> Finished:
    """The cells of a block that has gone through all steps."""
    slot_start = np.empty(used.cell + 1, np.int64)
    most = kernels.count_facets(mesh, used.cell, slot_start)
    cells = kernels.Cells(
        start=np.empty(used.cell + 1, np.int64),
        corner=np.empty(used.corner, np.int32),
        mask=np.empty((used.corner, -(-most // 64)), np.uint64),
        slot_start=slot_start,
        facet=np.empty(slot_start[-1], np.int32),
    )
    kernels.write_cells(mesh, used.cell, np.empty(mesh.mask.shape[1], np.uint64), cells)
    return Finished(vertices_of(mesh, used.vertex), cells)


def joined(block: Vertices, sources: list[Index], parts: list[Finished]) -> Finished:
    """Join the cells of the parts of a block; `sources` are the vertices of the block that each began with."""
    n = len(block.x)
    room = n + sum(len(part.vertices.x) - len(source) for part, source in zip(parts, sources, strict=True))
    whole = Vertices(np.empty((room, block.x.shape[1])), np.empty(room), np.empty((room, 2), np.int32))
    for name in ("x", "error", "ends"):
        getattr(whole, name)[:n] = getattr(block, name)
    table = np.full(1 << (2 * (room - n) + 1).bit_length(), -1, np.int32)
    corners = []
    for part, source in zip(parts, sources, strict=True):
        number = np.empty(len(part.vertices.x), np.int32)
        before, n = n, kernels.join_vertices(part.vertices.ends, source, number, whole.ends, table, n)
        new = np.flatnonzero(number >= before)
        whole.x[number[new]], whole.error[number[new]] = part.vertices.x[new], part.vertices.error[new]
        corners.append(number[part.cells.corner])
    vertices = Vertices(whole.x[:n], whole.error[:n], whole.ends[:n])
    own = [part.cells for part in parts]
    words = max(cells.mask.shape[1] for cells in own)
    cells = kernels.Cells(
        start=_offsets([c.start for c in own]),
        corner=np.concatenate(corners),
        mask=np.concatenate([np.pad(c.mask, ((0, 0), (0, words - c.mask.shape[1]))) for c in own]),
        slot_start=_offsets([c.slot_start for c in own]),
        facet=np.concatenate([c.facet for c in own]),
    )
    return Finished(vertices, cells)


def _offsets(runs: list[Ints]) -> Ints:
    """Offsets of runs, one after the other."""
    return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(run) for run in runs]))])
