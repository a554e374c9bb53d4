"""The vertices, edges and facets of a whole complex, each once; and its form as a mesh for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import MissingExtra, invalid
from linear_regions.network.cast import read_only
from linear_regions.solid_complex import SolidComplex
from linear_regions.space_complex import SpaceComplex

from .boundary import label_layers

if TYPE_CHECKING:
    from linear_regions.cells import Cells

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
    turned = _turned(g).tolist()
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


def _turned(g: SolidComplex) -> NDArray[np.bool_]:
    """(S,) for each facet of each cell in three dimensions whether its vertices go round it clockwise from outside."""
    first = g.facet_offsets[:-1]
    size = np.diff(g.facet_offsets)
    ray = g.x[g.facet_vertices] - np.repeat(g.x[g.facet_vertices[first]], size, axis=0)
    following = np.arange(1, len(ray) + 1)
    following[first + size - 1] = first
    normal = np.add.reduceat(np.cross(ray, ray[following]), first)
    middle = np.add.reduceat(g.x[g.corners], g.cell_offsets[:-1]) / np.diff(g.cell_offsets)[:, None]
    cell = np.repeat(np.arange(g.n_cells), np.diff(g.cell_facet_offsets))
    corner = g.x[g.facet_vertices[first[g.cell_facets]]]
    turned: NDArray[np.bool_] = np.sum(normal[g.cell_facets] * (corner - middle[cell]), axis=1) < 0
    return turned
