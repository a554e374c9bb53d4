"""What happens to a two-dimensional complex before and after its cells are split by a layer."""

from __future__ import annotations

from ._jit import loop, scalar
from .bounds import RW, SIGMA2, SIGMAI, SLACK, SW
from .instructions import count_bits
from .mesh import Cut, Floats, Index, Ints, Mesh, Words, scan_word
from .rows import activate, advance, narrow
from .signs import append_signs


@loop
def open_layer(mesh: Mesh, cut: Cut, n_cells: int, n_vertices: int, lipschitz: float, norms: Floats,
               mixed: Words, on: Ints, activations: Floats, columns: Ints, narrowed: Floats) -> None:  # fmt: skip
    """Find what cuts each cell, and the activations at the vertices that are there; then keep some columns of z.

    The activations as `rows.activate` has them, none if they have no rows. `narrowed` may begin where z does; no
    column is moved if `columns` is empty.
    """
    for c in range(n_cells):
        for w in range(mesh.positive.shape[1]):
            scan_word(mesh, c, w)
    for v in range(n_vertices):
        mesh.owner[v] = -1
    activate(mesh, cut, activations.shape[0], lipschitz, norms, mixed, on, activations)
    if columns.shape[0]:
        narrow(mesh.z, n_vertices, columns, narrowed)


@loop
def line_up(mesh: Mesh, n_cells: int, row_bytes: int, step_bytes: int) -> tuple[int, int]:
    """Put the cells in a row.

    Returns the number of words of hyperplanes to go on with, and an upper bound of the number of cells to come from
    them: as if all that cut a cell crossed each other in it. They are all words if the rows of as many vertices
    fit in `step_bytes`, else those up to the first that cuts a cell.
    """
    words = mesh.crossing.shape[1]
    for c in range(n_cells):
        mesh.follow[c] = c + 1 if c + 1 < n_cells else -1
        mesh.root[c] = c
    expected = cells_to_come(mesh.crossing, n_cells, words)
    last_word = words
    if expected * row_bytes > step_bytes:
        last_word = 1
        expected = cells_to_come(mesh.crossing, n_cells, last_word)
        while expected == n_cells and last_word < words:
            last_word += 1
            expected = cells_to_come(mesh.crossing, n_cells, last_word)
    return last_word, expected


@scalar
def cells_to_come(crossing: Words, n_cells: int, last_word: int) -> int:
    """Number of cells if all hyperplanes of the words before `last_word` that cut a cell crossed each other in it."""
    total = 0
    for c in range(n_cells):
        k = 0
        for w in range(last_word):
            k += count_bits(crossing[c, w])
        total += 1 + k + k * (k - 1) // 2
    return total


@loop
def close_layer(mesh: Mesh, cut: Cut, used: tuple[int, int, int], lipschitz: float, norms: Floats,
                before: Words, first: Index, pattern: Words) -> None:  # fmt: skip
    """Cells in their order, each with its half-edge and its packed signs of this layer after those of earlier ones.

    Then the error bounds become those of the next layer's rows, unless this is the last.
    """
    n_vertices, n_edges, n_cells = used
    c = 0
    for q in range(n_cells):
        first[q] = mesh.first[c]
        append_signs(before, mesh.root[c], mesh.pattern, c, pattern, q)
        c = mesh.follow[c]
    if norms.shape[0]:
        advance(mesh.vertex, n_vertices, cut.is_relu, lipschitz, norms)
        advance_edges(mesh.edge, n_edges, lipschitz, norms)


@scalar
def advance_edges(edge: Floats, n_edges: int, lipschitz: float, norms: Floats) -> None:
    """Displacements of edges, passed on to the next layer's rows."""
    for e in range(n_edges):
        s = edge[e, SIGMA2] * lipschitz * SLACK
        edge[e, SIGMA2] = norms[SW] * s
        edge[e, SIGMAI] = norms[RW] * s
