"""The vertices, edges and facets of a whole complex, each once; and its form as a mesh for other programs."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_tree

from linear_regions.bits import flat_ranges
from linear_regions.errors import MissingExtra, invalid
from linear_regions.network.cast import read_only
from linear_regions.solid_complex import SolidComplex
from linear_regions.space_complex import SpaceComplex

from .boundary import label_layers
from .exactly import exact_vertices

if TYPE_CHECKING:
    from linear_regions.cells import Cells

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Skeleton(NamedTuple):
    """Vertices, edges and facets of a complex, those on the domain's boundary too; each once.

    Attributes
    ----------
    vertices : (V, d) ndarray of float64
    edges : (E, 2) ndarray of int64
        Vertices of each edge; none on a line, whose edges are the cells. In the plane edges are the facets. On
        `Space` those that are bounded, as the others have one vertex or none.
    facet_offsets : (F + 1,) ndarray of int64
    facet_vertices : (sum,) ndarray of int64
        The vertices of facet i are ``facet_vertices[facet_offsets[i]:facet_offsets[i + 1]]``; in three dimensions they
        go round it, if it is bounded.
    facet_cells : (F, 2) ndarray of int64
        The cells on both sides, -1 outside the domain.
    facet_neuron : (F,) ndarray of int64
        The neuron that made each facet, numbered through all layers with units; -1 on the domain's boundary.
    facet_layer : (F,) ndarray of int64
        Its layer among those with units; -1 on the domain's boundary.
    """

    vertices: Floats
    edges: Ints
    facet_offsets: Ints
    facet_vertices: Ints
    facet_cells: Ints
    facet_neuron: Ints
    facet_layer: Ints


def skeleton(regions: Cells) -> Skeleton:
    """See `Regions.skeleton`."""
    g, program = regions.geometry, regions.program
    if isinstance(g, SolidComplex):
        edges = g.faces(1).vertices.reshape(-1, 2)
    elif isinstance(g, SpaceComplex):
        edges = g.edges
    else:
        edges = g.facet_vertices.reshape(-1, 2) if g.dim == 2 else np.empty((0, 2), np.int64)
    inside = g.label >= 0
    label = np.where(inside, g.label, 0)
    none = np.full(len(label), -1, np.int64)
    return Skeleton(
        vertices=g.vertex_coordinates,
        edges=read_only(edges),
        facet_offsets=read_only(g.facet_offsets),
        facet_vertices=read_only(g.facet_vertices),
        facet_cells=g.facet_cells,
        facet_neuron=read_only(np.where(inside, program.label_neuron[label], -1) if inside.any() else none),
        facet_layer=read_only(np.where(inside, label_layers(program)[label], -1) if inside.any() else none),
    )


def to_meshio(regions: Cells) -> Any:
    """See `Regions.to_meshio`."""
    g = regions.geometry
    if not isinstance(g, SolidComplex) or g.dim != 3:
        rule = "be three-dimensional and bounded for a mesh of polyhedra"
        raise invalid("the domain", rule, repr(regions.domain))
    try:
        import meshio
    except ModuleNotFoundError as error:
        raise MissingExtra("Regions.to_meshio needs meshio: pip install 'linear-regions[mesh]'") from error
    polygons = [g.facet_vertices[a:b].tolist() for a, b in zip(g.facet_offsets[:-1], g.facet_offsets[1:], strict=True)]
    turned = _turned(regions, g).tolist()
    sizes = np.diff(g.cell_offsets)
    order = np.argsort(sizes, kind="stable")  # cells of one number of vertices go together
    facets, starts = g.cell_facets.tolist(), g.cell_facet_offsets.tolist()
    blocks: list[tuple[str, list[list[list[int]]]]] = []
    for c in order.tolist():
        name = f"polyhedron{sizes[c]}"
        if not blocks or blocks[-1][0] != name:
            blocks.append((name, []))
        own = range(starts[c], starts[c + 1])
        blocks[-1][1].append([polygons[facets[s]][:: -1 if turned[s] else 1] for s in own])
    ends = np.cumsum([len(cells) for _, cells in blocks])[:-1]
    data = {"cell": np.split(order, ends), "volume": np.split(regions.volumes[order], ends)}
    return meshio.Mesh(g.x, blocks, cell_data=data)


def _turned(regions: Cells, g: SolidComplex) -> Flags:
    """(S,) for each facet of each cell in three dimensions whether its vertices go round it clockwise from outside.

    Where two facets of a cell meet in an edge one goes along it and the other back, and two cells see a facet from
    either side. So one facet of one cell decides for all; its exact corners tell.
    """
    facet = g.cell_facets
    size = np.diff(g.facet_offsets)[facet]
    slot = np.repeat(np.arange(len(facet)), size)
    at = flat_ranges(g.facet_offsets[facet], size)
    last = np.cumsum(size) - 1
    following = at + 1
    following[last] = g.facet_offsets[facet]
    start, end = g.facet_vertices[at], g.facet_vertices[following]
    cell = np.repeat(np.arange(g.n_cells), np.diff(g.cell_facet_offsets))
    order = np.lexsort([np.maximum(start, end), np.minimum(start, end), cell[slot]])
    one, other = order[::2], order[1::2]
    pairs = [np.stack([slot[one], slot[other]])]
    unlike = [(start < end)[one] == (start < end)[other]]  # if both go the same way, one of them is turned
    order = np.argsort(facet, kind="stable")
    shared = np.flatnonzero(facet[order[1:]] == facet[order[:-1]])
    pairs.append(np.stack([order[shared], order[shared + 1]]))
    unlike.append(np.ones(len(shared), np.bool_))
    turned = _parities(len(facet), np.concatenate(pairs, axis=1), np.concatenate(unlike))
    result: Flags = turned ^ turned[0] ^ _is_turned(regions, g)
    return result


def _parities(n: int, pairs: Ints, unlike: Flags) -> Flags:
    """(n,) which of some things are unlike the first, given pairs (2, m) that link them all and which are unlike."""
    weight = np.where(unlike, 2, 1)
    tree = breadth_first_tree(coo_array((weight, tuple(pairs)), shape=(n, n)).tocsr(), 0, directed=False).tocoo()
    before, result = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    before[tree.col], result[tree.col] = tree.row, tree.data == 2
    while before.any():
        result ^= result[before]
        before = before[before]
    return result


def _is_turned(regions: Cells, g: SolidComplex) -> bool:
    """Whether the vertices of the first facet of the first cell go round it clockwise, decided exactly."""
    own = g.cell_vertices[: g.cell_offsets[1]].tolist()
    place = dict(zip(own, exact_vertices(regions, 0), strict=True))
    first, last = g.facet_offsets[g.cell_facets[0] : g.cell_facets[0] + 2]
    corner, *others = (place[v] for v in g.facet_vertices[first:last].tolist())
    rays = [[a - b for a, b in zip(p, corner, strict=True)] for p in others]
    middle = [sum(column) / len(own) - b for column, b in zip(zip(*place.values(), strict=True), corner, strict=True)]
    return sum((_determinant(*pair, middle) for pair in pairwise(rays)), start=Fraction(0)) > 0


def _determinant(a: list[Fraction], b: list[Fraction], c: list[Fraction]) -> Fraction:
    minors = (a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3))
    return sum((minor * v for minor, v in zip(minors, c, strict=True)), start=Fraction(0))
