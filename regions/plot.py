"""Figures of results. Matplotlib is imported when a figure is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .bits import flat_ranges
from .domain import Polyline
from .errors import invalid
from .geometry import LineComplex, PlaneComplex, of_size_one
from .measures.location import points_in_slice
from .network.cast import exact_array, flag

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .complex import Regions

Floats = NDArray[np.float64]

_COLORS = ("cell", "area", "layer", "output")
_LINE_COLORS = ("cell", "layer", "output")  # on a line the output is drawn in any case
_GOLDEN = 0.6180339887498949  # multiples of it, modulo one, are spread evenly: neighbours get different colours


def plot_regions(
    regions: Regions, ax: Axes | None = None, *, color: object = "cell", mark: object = None, edges: bool = True
) -> Axes:
    """Draw a result; see `Regions.plot`."""
    if not isinstance(regions.geometry, PlaneComplex | LineComplex):
        rule = "have one dimension, or two and be bounded, to be drawn (take a Slice; in three, see to_meshio)"
        raise invalid("the domain", rule, repr(regions.domain))
    if isinstance(color, str) and color not in _COLORS:
        names = ", ".join(map(repr, _COLORS))
        raise invalid("color", f"be one of {names}, or an array with a number per cell", repr(color))
    if regions.dim == 1 and not (isinstance(color, str) and color in _LINE_COLORS):
        raise invalid("color", f"be one of {', '.join(map(repr, _LINE_COLORS))} on a line", repr(color))
    edged = flag(edges, "edges")
    marked = None if mark is None else points_in_slice(regions, mark, "mark")
    values = None if isinstance(color, str) else exact_array(color, "color")
    if values is not None and values.shape != (len(regions),):
        raise invalid("color", f"have shape ({len(regions)},), a number per cell", values.shape)
    ax = axes_of(ax)
    if isinstance(regions.geometry, PlaneComplex):
        by_layer = isinstance(color, str) and color == "layer"
        if not by_layer:
            _draw_cells(
                ax, regions.geometry, _cell_values(regions, regions.geometry, str(color)) if values is None else values
            )
        if edged:
            _draw_edges(ax, regions, by_layer)
        ax.set_aspect("equal")
        if marked is not None:
            ax.scatter(marked[:, 0], marked[:, 1], marker="x", color="black", zorder=3)
    else:
        _draw_line(ax, regions, edged, marked)
    return ax


def axes_of(ax: object) -> Axes:
    """The axes given, or new ones."""
    from matplotlib import pyplot
    from matplotlib.axes import Axes

    if ax is None:
        return pyplot.figure().add_subplot()
    if not isinstance(ax, Axes):
        raise invalid("ax", "be a matplotlib Axes", type(ax).__name__)
    return ax


def _cell_values(regions: Regions, geometry: PlaneComplex, color: str) -> Floats:
    if color == "area":
        cells, shift = of_size_one(geometry)
        logarithm: Floats = np.log10(np.maximum(cells.volumes, np.finfo(np.float64).tiny)) + 2 * shift * np.log10(2)
        return logarithm
    if color == "output":
        size = np.diff(regions.cell_vertex_offsets)[:, None]
        corners = regions.vertex_coordinates[regions.cell_vertices]
        middle = np.add.reduceat(corners, regions.cell_vertex_offsets[:-1]) / size
        output: Floats = regions.network(regions.domain.embed(middle))[:, 0]
        return output
    shuffled: Floats = np.mod(np.arange(len(regions)) * _GOLDEN, 1.0).astype(np.float64)
    return shuffled


def _draw_cells(ax: Axes, geometry: PlaneComplex, values: Floats) -> None:
    """One collection for the cells of each number of corners: matplotlib is much faster with polygons of one kind."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import Normalize

    size = np.diff(geometry.cell_offsets)
    norm = Normalize(float(values.min()), float(values.max()))
    for k in np.unique(size).tolist():
        own = np.flatnonzero(size == k)
        place = flat_ranges(geometry.cell_offsets[own], size[own])
        corners = geometry.x[geometry.cell_vertices[place]].reshape(-1, k, 2)
        cells = PolyCollection(corners, array=values[own], norm=norm, edgecolors="face", linewidths=0.2)  # type: ignore[arg-type]
        ax.add_collection(cells)
    ax.autoscale_view()


def _draw_edges(ax: Axes, regions: Regions, by_layer: bool) -> None:
    from matplotlib.collections import LineCollection

    facets = regions.facets
    lines = regions.vertex_coordinates[facets.vertices].reshape(-1, 2, 2)
    width = min(1.0, 30 / np.sqrt(max(len(regions), 1)))
    if by_layer:
        drawn = LineCollection(lines, array=facets.layer, cmap="viridis", linewidths=width)  # type: ignore[arg-type]
    else:
        drawn = LineCollection(lines, colors="black", linewidths=width)  # type: ignore[arg-type]
    ax.add_collection(drawn)
    corners = regions.vertex_coordinates
    ax.update_datalim(np.stack([corners.min(axis=0), corners.max(axis=0)]))
    ax.autoscale_view()


def _draw_line(ax: Axes, regions: Regions, edges: bool, marked: Floats | None) -> None:
    """Outputs over t; an infinite end is cut off a little beyond the last breakpoint."""
    t = regions.vertex_coordinates[:, 0].copy()
    inner = t[np.isfinite(t)]
    low, high = (float(inner.min()), float(inner.max())) if len(inner) else (-1.0, 1.0)
    room = 0.1 * (high - low) or 1.0
    t = np.clip(t, low - room if np.isinf(t[0]) else low, high + room if np.isinf(t[-1]) else high)
    at = np.union1d(t, np.arange(t[0], t[-1])) if isinstance(regions.domain, Polyline) else t  # with the corners
    ax.plot(at, regions.network(regions.domain.embed(at[:, None])))
    if edges:
        layer = regions.facets.layer
        points = regions.vertex_coordinates[regions.facets.vertices, 0]
        for number in np.unique(layer).tolist():
            own = points[layer == number]
            ax.plot(own, np.zeros(len(own)), "|", color=f"C{number}", transform=ax.get_xaxis_transform(), clip_on=False)
    if marked is not None:
        ax.plot(marked[:, 0], regions.network(regions.domain.embed(marked)), "x", color="black")
    ax.set_xlabel("t")
