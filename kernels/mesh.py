"""The arrays of a two-dimensional complex: convex cells as cycles of half-edges.

Half-edge h belongs to edge h >> 1 and runs from `origin[h]` to `origin[h ^ 1]`; `after` and `before` link the cycle
of its cell counter-clockwise. Edges are shared by the two cells beside them, so a vertex is made once. Where the
block of cells ends, a half-edge without cell is linked in a ring of its own, which lists the parts of the original
edge in order.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar, section

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]
Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]

DONE = 0
NEED_ROOM = 1
NEED_SIGNS = 2
BROKEN = 3

# entries of the state vector
N_VERTICES = 0
N_EDGES = 1
N_CELLS = 2
CURSOR = 3  # the cell being split
N_SIGNS = 4  # signs decided from values
ASKED_HALF = 5  # the half-edge, hyperplane and number of hyperplanes of the question
ASKED_PLANE = 6
N_ASKED = 7
ANSWERED = 8
STATE_ENTRIES = 9


# rows of the answers that the caller gives: hyperplanes that are positive, negative, and all that are answered
POSITIVE = 0
NEGATIVE = 1
GIVEN = 2


class Signed(Protocol):
    """What a `Mesh` and a `Chain` have in common."""

    @property
    def positive(self) -> Words:
        """(V, words) packed positive signs."""

    @property
    def negative(self) -> Words:
        """(V, words) packed negative signs."""

    @property
    def z(self) -> Floats:
        """(V, n) rows."""

    @property
    def vertex(self) -> Floats:
        """(V, VERTEX_COLUMNS) error bounds."""


class Rowed(Signed, Protocol):
    """What complexes of two and more dimensions have in common."""

    @property
    def z_next(self) -> Floats:
        """(V, n_next) rows of the next layer."""


class Mesh(NamedTuple):
    """The arrays of a complex; only the first N_VERTICES, N_EDGES, N_CELLS entries are in use."""

    origin: Index  # (2E,)
    after: Index  # (2E,)
    before: Index  # (2E,)
    label: Index  # (E,) hyperplane (all layers numbered through) or -1 - facet of the domain
    edge: Floats  # (E, EDGE_COLUMNS)
    first: Index  # (C,) a half-edge of each cell
    follow: Index  # (C,) next cell in order, -1 at the end
    root: Index  # (C,) the cell at the start of this layer
    crossing: Words  # (C, words) hyperplanes of this layer that are still to cut the cell
    pattern: Words  # (C, words) hyperplanes of this layer that are positive on the whole cell
    positive: Words  # (V, words)
    negative: Words  # (V, words)
    z: Floats  # (V, n)
    z_next: Floats  # (V, n_next)
    x: Floats  # (V, 2)
    owner: Index  # (V,) label of the hyperplane that made the vertex
    vertex: Floats  # (V, VERTEX_COLUMNS)


class Cut(NamedTuple):
    """One layer's hyperplanes z[neuron] = threshold, its units, and the next layer's weights, transposed."""

    neuron: Ints  # (m,)
    column: Ints  # (m,) of z, where the neuron's values are; any where the hyperplane has one sign on the whole block
    threshold: Floats  # (m,)
    start: Ints  # (n + 1,) hyperplanes of each neuron
    piece: Ints  # (n + 1,) pieces of each neuron
    slope: Floats
    intercept: Floats
    bend: Floats  # (m,) change of slope at each hyperplane
    flat: Flags  # (pieces,) whether the slope is zero, exactly
    zero: Flags  # (pieces,) whether the piece is zero, exactly
    zero_at: Flags  # (m,) whether the unit is zero at the hyperplane's threshold, exactly
    is_relu: bool
    weight_t: Floats  # (n, n_next)
    bias: Floats  # (n_next,)
    label0: int


class Scratch(NamedTuple):
    """What the caller answers, what it is asked, and room for the kernel; m entries for m hyperplanes."""

    answers: Words  # (3, words)
    asked: Ints  # (m,)
    unit: Ints  # (m,)
    change: Floats  # (m,)


@section
def split_edge(mesh: Mesh, state: Ints, h: int, v: int) -> None:
    """Insert vertex v into the edge of half-edge h: h then ends at v, the new edge goes on from v."""
    e = state[N_EDGES]
    state[N_EDGES] = e + 1
    twin = h ^ 1
    new = np.int32(2 * e + (h & 1))  # parts of an edge keep its direction
    new_twin = new ^ 1
    mesh.label[e] = mesh.label[h >> 1]
    for c in range(mesh.edge.shape[1]):
        mesh.edge[e, c] = mesh.edge[h >> 1, c]
    mesh.origin[new] = v
    mesh.origin[new_twin] = mesh.origin[twin]
    mesh.origin[twin] = v
    following = mesh.after[h]
    mesh.after[h] = new
    mesh.before[new] = h
    mesh.after[new] = following
    mesh.before[following] = new
    preceding = mesh.before[twin]
    mesh.after[preceding] = new_twin
    mesh.before[new_twin] = preceding
    mesh.after[new_twin] = twin
    mesh.before[twin] = new_twin


@scalar
def scan_word(mesh: Mesh, cell: int, w: int) -> None:
    """Find the hyperplanes of a word with cell vertices strictly on both sides, and those positive on the cell."""
    above = np.uint64(0)
    below = np.uint64(0)
    h0 = mesh.first[cell]
    h = h0
    while True:
        v = mesh.origin[h]
        above |= mesh.positive[v, w]
        below |= mesh.negative[v, w]
        h = mesh.after[h]
        if h == h0:
            break
    mesh.crossing[cell, w] = above & below
    mesh.pattern[cell, w] = above & ~below


@loop
def cells_in_order(mesh: Mesh, n_cells: int, order: Index) -> None:
    """Follow the row of cells from cell 0."""
    c = 0
    for q in range(n_cells):
        order[q] = c
        c = mesh.follow[c]


@loop
def corners(mesh: Mesh, n_cells: int, half: Index, cell: Index) -> None:
    """A half-edge that starts at each vertex and runs along a cell, and that cell."""
    for c in range(n_cells):
        h0 = mesh.first[c]
        h = h0
        while True:
            half[mesh.origin[h]] = h
            cell[mesh.origin[h]] = c
            h = mesh.after[h]
            if h == h0:
                break


@loop
def cycles(mesh: Mesh, n_cells: int, offsets: Ints, half_edges: Index) -> None:
    """The half-edges of each cell in counter-clockwise order, offsets and flat values."""
    count = 0
    offsets[0] = 0
    for c in range(n_cells):
        h0 = mesh.first[c]
        h = h0
        while True:
            half_edges[count] = h
            count += 1
            h = mesh.after[h]
            if h == h0:
                break
        offsets[c + 1] = count
