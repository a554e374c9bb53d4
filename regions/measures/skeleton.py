"""The vertices, edges and facets of a whole complex, each once; and its form as a mesh for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import MissingExtra, invalid
from linear_regions.network.cast import read_only
from linear_regions.solid_complex import SolidComplex

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
        Vertices of each edge; none on a line, whose edges are the cells. In the plane edges are the facets.
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
        raise invalid("regions", "be three-dimensional for a mesh of polyhedra", f"{g.dim} dimensions")
    try:
        import meshio
    except ModuleNotFoundError as error:
        raise MissingExtra("Regions.to_meshio needs meshio: pip install 'linear-regions[mesh]'") from error
    polygons = [g.facet_vertices[a:b].tolist() for a, b in zip(g.facet_offsets[:-1], g.facet_offsets[1:], strict=True)]
    sizes = np.diff(g.cell_offsets)
    order = np.argsort(sizes, kind="stable")  # cells of one number of vertices go together
    facets, starts = g.cell_facets.tolist(), g.cell_facet_offsets.tolist()
    blocks: list[tuple[str, list[list[list[int]]]]] = []
    for c in order.tolist():
        name = f"polyhedron{sizes[c]}"
        if not blocks or blocks[-1][0] != name:
            blocks.append((name, []))
        blocks[-1][1].append([polygons[f] for f in facets[starts[c] : starts[c + 1]]])
    ends = np.cumsum([len(cells) for _, cells in blocks])[:-1]
    data = {"cell": np.split(order, ends), "volume": np.split(regions.volumes[order], ends)}
    return meshio.Mesh(g.x, blocks, cell_data=data)
