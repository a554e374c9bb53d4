"""Blocks of cells: parts of a complex that are refined apart from each other, and how they are joined again.

A part copies its cells' edges and vertices. Where an edge has a cell of the part on one side only, the other
half-edge becomes a ring of its own; refinement lists the pieces of the edge in that ring. Decisions are exact, so two
parts that share an edge cut it into the same pieces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._jit import loop
from .combine import copy_row, take
from .mesh import Mesh

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]
Words = NDArray[np.uint64]


@loop
def number_part(
    mesh: Mesh, cells: Index, edge_map: Index, vertex_map: Index, source: Index, source_vertex: Index
) -> tuple[int, int]:
    """Number the vertices and edges of some cells in order of appearance; returns how many.

    The maps come filled with -1 and lead from the block to the part, the sources lead back.
    """
    n_edges = 0
    n_vertices = 0
    for c in cells:
        h0 = mesh.first[c]
        h = h0
        while True:
            if edge_map[h >> 1] < 0:
                edge_map[h >> 1] = n_edges
                source[n_edges] = h >> 1
                n_edges += 1
            v = mesh.origin[h]
            if vertex_map[v] < 0:
                vertex_map[v] = n_vertices
                source_vertex[n_vertices] = v
                n_vertices += 1
            h = mesh.after[h]
            if h == h0:
                break
    return n_vertices, n_edges


@loop
def common_signs(mesh: Mesh, vertices: Index, positive: Words, negative: Words) -> None:
    """The hyperplanes that are positive, and those that are negative, at all of some vertices, (words,)."""
    positive[:] = ~np.uint64(0)
    negative[:] = ~np.uint64(0)
    for v in vertices:
        for w in range(positive.shape[0]):
            positive[w] &= mesh.positive[v, w]
            negative[w] &= mesh.negative[v, w]


@loop
def copy_part(
    mesh: Mesh,
    cells: Index,
    columns: Ints,
    edge_map: Index,
    vertex_map: Index,
    source: Index,
    source_vertex: Index,
    part: Mesh,
) -> None:
    """Copy the cells numbered by `number_part` into `part`, in this order, and clear the maps.

    Of the rows z only the columns given are copied, or all if none are given.
    """
    for n in range(source_vertex.shape[0]):
        v = source_vertex[n]
        part.x[n, 0] = mesh.x[v, 0]
        part.x[n, 1] = mesh.x[v, 1]
        copy_row(mesh.vertex, v, part.vertex, n)
        if columns.shape[0]:
            take(mesh.z, v, columns, 0, part.z, n)
        else:
            copy_row(mesh.z, v, part.z, n)
        copy_row(mesh.z_next, v, part.z_next, n)
        for w in range(mesh.positive.shape[1]):
            part.positive[n, w] = mesh.positive[v, w]
            part.negative[n, w] = mesh.negative[v, w]
        part.owner[n] = mesh.owner[v]
    for n in range(source.shape[0]):
        e = source[n]
        part.label[n] = mesh.label[e]
        for k in range(mesh.edge.shape[1]):
            part.edge[n, k] = mesh.edge[e, k]
        for side in range(2):
            new = 2 * n + side
            part.origin[new] = vertex_map[mesh.origin[2 * e + side]]
            part.after[new] = new
            part.before[new] = new
    for q in range(cells.shape[0]):
        c = cells[q]
        h0 = mesh.first[c]
        part.first[q] = 2 * edge_map[h0 >> 1] + (h0 & 1)
        for w in range(mesh.positive.shape[1]):
            part.crossing[q, w] = mesh.crossing[c, w]
            part.pattern[q, w] = mesh.pattern[c, w]
        h = h0
        while True:
            following = mesh.after[h]
            new = 2 * edge_map[h >> 1] + (h & 1)
            new_following = 2 * edge_map[following >> 1] + (following & 1)
            part.after[new] = new_following
            part.before[new_following] = new
            h = following
            if h == h0:
                break
    for n in range(source.shape[0]):
        edge_map[source[n]] = -1
    for n in range(source_vertex.shape[0]):
        vertex_map[source_vertex[n]] = -1


@loop
def ring_sizes(mesh: Mesh, half: Index, sizes: Ints) -> None:
    """Number of pieces that the edge of each outer half-edge has been cut into."""
    for q in range(half.shape[0]):
        h = half[q]
        n = 1
        while mesh.after[h] != half[q]:
            h = mesh.after[h]
            n += 1
        sizes[q] = n


@loop
def ring_edges(mesh: Mesh, half: Index, offsets: Ints, edges: Index) -> None:
    """Pieces of each edge along its even half-edge; the half-edge that was there first is the last of its ring."""
    for q in range(half.shape[0]):
        h = half[q]
        n = offsets[q + 1] - offsets[q]
        for k in range(n):
            h = mesh.after[h]
            place = k if (half[q] & 1) == 0 else n - 1 - k
            edges[offsets[q] + place] = h >> 1


class Complex(NamedTuple):
    """A finished complex."""

    x: Floats  # (V, 2)
    error: Floats  # (V,)
    ends: Index  # (E, 2)
    label: Index  # (E,)
    cell_offsets: Ints  # (C + 1,)
    half_edges: Index


class Attachment(NamedTuple):
    """How a finished part hangs in the block that it was taken from."""

    outer: Index  # half-edges of the part as it was taken, along its outside
    source: Index  # edge of the block that each of its edges copied
    source_vertex: Index
    start: Ints  # where its first vertices are now
    ring_offsets: Ints  # pieces of each outer edge
    ring_edges: Index


@loop
def join_part(
    part: Complex, hangs: Attachment, whole: Complex, used: Ints,
    vertex_of: Index, ring_of: Ints, rings: Index, vertex_map: Index, edge_map: Index,
) -> None:  # fmt: skip
    """Append a part to the whole; edges and vertices that an earlier part brought are not repeated.

    Parameters
    ----------
    used : (5,)
        Vertices, edges, cells, half-edges and ring entries in use; updated.
    vertex_of : for each vertex of the divided block its number in the whole, or -1
    ring_of : for each edge of the divided block where its pieces start in `rings`, or -1
    vertex_map, edge_map : scratch as large as the part
    """
    for v in range(part.x.shape[0]):
        vertex_map[v] = -1
    for e in range(part.label.shape[0]):
        edge_map[e] = -1
    for n in range(hangs.source_vertex.shape[0]):
        vertex_map[hangs.start[n]] = vertex_of[hangs.source_vertex[n]]
    for q in range(hangs.outer.shape[0]):
        place = ring_of[hangs.source[hangs.outer[q] >> 1]]
        if place < 0:
            continue
        for k in range(hangs.ring_offsets[q], hangs.ring_offsets[q + 1]):
            e = hangs.ring_edges[k]
            known = rings[place + k - hangs.ring_offsets[q]]
            edge_map[e] = known
            for side in range(2):
                vertex_map[part.ends[e, side]] = whole.ends[known, side]
    n = used[0]
    for v in range(part.x.shape[0]):
        if vertex_map[v] < 0:
            vertex_map[v] = n
            whole.x[n, 0] = part.x[v, 0]
            whole.x[n, 1] = part.x[v, 1]
            whole.error[n] = part.error[v]
            n += 1
    used[0] = n
    n = used[1]
    for e in range(part.label.shape[0]):
        if edge_map[e] < 0:
            edge_map[e] = n
            whole.label[n] = part.label[e]
            for side in range(2):
                whole.ends[n, side] = vertex_map[part.ends[e, side]]
            n += 1
    used[1] = n
    for c in range(part.cell_offsets.shape[0] - 1):
        whole.cell_offsets[used[2] + c + 1] = used[3] + part.cell_offsets[c + 1]
    used[2] += part.cell_offsets.shape[0] - 1
    for k in range(part.half_edges.shape[0]):
        h = part.half_edges[k]
        whole.half_edges[used[3] + k] = 2 * edge_map[h >> 1] + (h & 1)
    used[3] += part.half_edges.shape[0]
    for n in range(hangs.source_vertex.shape[0]):
        vertex_of[hangs.source_vertex[n]] = vertex_map[hangs.start[n]]
    for q in range(hangs.outer.shape[0]):
        e = hangs.source[hangs.outer[q] >> 1]
        if ring_of[e] < 0:
            ring_of[e] = used[4]
            for k in range(hangs.ring_offsets[q], hangs.ring_offsets[q + 1]):
                rings[used[4]] = edge_map[hangs.ring_edges[k]]
                used[4] += 1
