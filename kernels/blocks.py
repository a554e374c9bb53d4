"""Blocks of cells: cut a complex into parts that are refined apart from each other, and what is needed to join the parts again.

A part copies its cells' edges and vertices. Where an edge has a cell of the part on one side only, the other half-edge becomes a ring of its own;
refinement lists the pieces of the edge in that ring. Decisions are exact, so two parts that share an edge cut it into the same pieces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import loop
from .plane import Mesh

Ints = NDArray[np.int64]
Index = NDArray[np.int32]


@loop
def count_part(mesh: Mesh, first_cell: int, last_cell: int, edge_map: Index, vertex_map: Index) -> tuple[int, int]:
    """Number the edges and vertices of cells first_cell <= c < last_cell in order of appearance; the maps hold -1 elsewhere."""
    n_edges = 0
    n_vertices = 0
    for c in range(first_cell, last_cell):
        h0 = mesh.first[c]
        h = h0
        while True:
            if edge_map[h >> 1] < 0:
                edge_map[h >> 1] = n_edges
                n_edges += 1
            v = mesh.origin[h]
            if vertex_map[v] < 0:
                vertex_map[v] = n_vertices
                n_vertices += 1
            h = mesh.after[h]
            if h == h0:
                break
    return n_vertices, n_edges


@loop
def copy_part(
    mesh: Mesh, first_cell: int, last_cell: int, edge_map: Index, vertex_map: Index, part: Mesh, source: Index, source_vertex: Index
) -> None:
    """Copy the cells numbered by `count_part` into `part` and clear the maps; source[e] is the edge that part edge e copies."""
    for c in range(first_cell, last_cell):
        h0 = mesh.first[c]
        h = h0
        while True:
            e = edge_map[h >> 1]
            source[e] = h >> 1
            part.label[e] = mesh.label[h >> 1]
            for k in range(mesh.edge.shape[1]):
                part.edge[e, k] = mesh.edge[h >> 1, k]
            for side in range(2):
                new = 2 * e + side
                part.origin[new] = vertex_map[mesh.origin[(h & ~1) + side]]
                part.after[new] = new
                part.before[new] = new
            v = mesh.origin[h]
            n = vertex_map[v]
            source_vertex[n] = v
            part.x[n, 0] = mesh.x[v, 0]
            part.x[n, 1] = mesh.x[v, 1]
            for k in range(mesh.vertex.shape[1]):
                part.vertex[n, k] = mesh.vertex[v, k]
            for k in range(mesh.z.shape[1]):
                part.z[n, k] = mesh.z[v, k]
            h = mesh.after[h]
            if h == h0:
                break
    for c in range(first_cell, last_cell):
        h0 = mesh.first[c]
        part.first[c - first_cell] = 2 * edge_map[h0 >> 1] + (h0 & 1)
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
    for c in range(first_cell, last_cell):
        h0 = mesh.first[c]
        h = h0
        while True:
            edge_map[h >> 1] = -1
            vertex_map[mesh.origin[h]] = -1
            h = mesh.after[h]
            if h == h0:
                break


@loop
def sides(mesh: Mesh, n_cells: int, cell_of: Index) -> None:
    """Cell of each half-edge; `cell_of` comes filled with -1."""
    for c in range(n_cells):
        h0 = mesh.first[c]
        h = h0
        while True:
            cell_of[h] = c
            h = mesh.after[h]
            if h == h0:
                break


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
    """Pieces of each edge in the direction of its even half-edge. The half-edge that was there first is the last of its ring."""
    for q in range(half.shape[0]):
        h = half[q]
        n = offsets[q + 1] - offsets[q]
        for k in range(n):
            h = mesh.after[h]
            place = k if (half[q] & 1) == 0 else n - 1 - k
            edges[offsets[q] + place] = h >> 1
