"""Distances to the boundary between cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import InvalidInput, invalid
from linear_regions.geometry import LineComplex, PlaneComplex, flat_ranges

from .location import points_in_slice

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK = 1 << 16


def distance(regions: Regions, points: object, to: str) -> Floats:
    """Distances to the nearest facet; see `Regions.distance`."""
    if to != "activation":
        raise invalid("to", 'be "activation" so far', repr(to))
    given = points_in_slice(regions, points)
    cells = regions.find(given)
    outside = np.flatnonzero(cells < 0)
    if len(outside):
        i = int(outside[0])
        raise InvalidInput(f"points[{i}] must lie in the domain, got {given[i].tolist()}")
    geometry = regions.geometry
    if isinstance(geometry, LineComplex):
        return _on_line(geometry, cells, given[:, 0])
    result = np.empty(len(given))
    for first in range(0, len(given), _CHUNK):
        own = slice(first, first + _CHUNK)
        result[own] = _in_plane(geometry, cells[own], given[own])
    return result


def _on_line(geometry: LineComplex, cells: Ints, t: Floats) -> Floats:
    reach = np.where(geometry.interior, geometry.t, [-np.inf, *geometry.t[1:-1], np.inf])
    return np.maximum(np.minimum(t - reach[cells], reach[cells + 1] - t), 0.0)


def _in_plane(geometry: PlaneComplex, cells: Ints, t: Floats) -> Floats:
    """Distances to the sides of each point's own cell: a straight way to any other facet crosses one of them."""
    size = np.diff(geometry.cell_offsets)[cells]
    place = flat_ranges(geometry.cell_offsets[cells], size)
    a = geometry.x[geometry.cell_vertices[place]]
    side = geometry.x[geometry.cell_vertices[geometry.next_corner[place]]] - a
    ray = np.repeat(t, size, axis=0) - a
    square = np.maximum(np.sum(side * side, axis=1), np.finfo(np.float64).tiny)
    along = np.clip(np.sum(side * ray, axis=1) / square, 0.0, 1.0)
    away = ray - along[:, None] * side
    apart = np.where(geometry.interior[geometry.cell_facets[place]], np.hypot(away[:, 0], away[:, 1]), np.inf)
    result: Floats = np.minimum.reduceat(apart, np.cumsum(size) - size) if len(size) else np.zeros(0)
    return result
