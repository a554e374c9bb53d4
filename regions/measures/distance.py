"""Distances to the boundary between cells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from linear_regions.bits import flat_ranges
from linear_regions.errors import InvalidInput, invalid
from linear_regions.geometry import LineComplex, PlaneComplex
from linear_regions.network.cast import is_one_of
from linear_regions.norms import exponents
from linear_regions.solid_complex import SolidComplex
from linear_regions.space_complex import SpaceComplex

from .location import points_in_slice

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK = 1 << 16


def distance(regions: Regions, points: object, to: str) -> Floats:
    """Distances to the nearest facet; see `Regions.distance`."""
    if not is_one_of(to, "activation"):
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
    with np.errstate(all="ignore"):
        _fill(geometry, cells, given, result)
    return result


def _fill(geometry: PlaneComplex | SolidComplex | SpaceComplex, cells: Ints, given: Floats, result: Floats) -> None:
    for first in range(0, len(given), _CHUNK):
        own = slice(first, first + _CHUNK)
        if isinstance(geometry, PlaneComplex):
            result[own] = _in_plane(geometry, cells[own], given[own])
        elif isinstance(geometry, SolidComplex):
            nowhere = np.broadcast_to(0.0, geometry.x.shape)
            result[own] = _in_space(geometry, cells[own, None].tolist(), nowhere, given[own])
        else:
            parts = (geometry.parts_of(cell).tolist() for cell in cells[own].tolist())
            result[own] = _in_space(geometry.parts, parts, geometry.directions, given[own])


def _on_line(geometry: LineComplex, cells: Ints, t: Floats) -> Floats:
    reach = np.where(geometry.interior, geometry.t, [-np.inf, *geometry.t[1:-1], np.inf])
    return np.maximum(np.minimum(t - reach[cells], reach[cells + 1] - t), 0.0)


def _in_plane(geometry: PlaneComplex, cells: Ints, t: Floats) -> Floats:
    """Distances to the sides of each point's own cell: a straight way to any other facet crosses one of them."""
    size = np.diff(geometry.cell_offsets)[cells]
    place = flat_ranges(geometry.cell_offsets[cells], size)
    scale = 0.25 if np.abs(geometry.x).max() > 2.0**1020 else 1.0  # for differences to be floats
    a = scale * geometry.x[geometry.cell_vertices[place]]
    side = scale * geometry.x[geometry.cell_vertices[geometry.next_corner[place]]] - a
    ray = np.repeat(scale * t, size, axis=0) - a
    unit, far = exponents(side), exponents(ray)  # of lengths whose squares floats may not hold
    way = np.ldexp(side, -unit[:, None])
    share = np.sum(way * np.ldexp(ray, -far[:, None]), axis=1) / np.maximum(np.sum(way * way, axis=1), 0.25)
    along = np.clip(np.ldexp(share, far - unit), 0.0, 1.0)
    away = ray - along[:, None] * side
    apart = np.where(geometry.interior[geometry.cell_facets[place]], np.hypot(away[:, 0], away[:, 1]) / scale, np.inf)
    result: Floats = np.minimum.reduceat(apart, np.cumsum(size) - size) if len(size) else np.zeros(0)
    return result


def _in_space(cells: SolidComplex, parts: Iterable[Iterable[int]], directions: Floats, t: Floats) -> Floats:
    """As in the plane, point by point and facet by facet of the parts of its cell; facets may lead to infinity."""
    result = np.full(len(t), np.inf)
    for i, own in enumerate(parts):
        for part in own:
            for f in cells.cell_facets[slice(*cells.cell_facet_offsets[part : part + 2])]:
                if cells.interior[f]:
                    corners = cells.facet_vertices[slice(*cells.facet_offsets[f : f + 2])]
                    far = directions[corners].any(axis=1)
                    to = _to_hull(cells.x[corners[~far]] - t[i], directions[corners[far]])
                    result[i] = min(result[i], to)
    return result


def _to_hull(points: Floats, directions: Floats) -> float:
    """Distance of the origin from the convex hull of points (n, d) and of rays from them in directions (m, d).

    With s the sum of the points' weights w >= 0 and p the sum of all, weighted, over s, the least of
    |s p|^2 + (s - 1)^2 has the nearest p (Lawson & Hanson, Solving Least Squares Problems, chapter 23). Lengths are
    scaled for s to be neither near 0 nor 1.
    """
    finite = np.isfinite(points).all(axis=1)
    points, unit = points[finite], float(np.abs(points[finite]).max(initial=0.0))
    if unit == 0.0:  # all are the origin; or beyond float64
        return 0.0 if finite.any() else np.inf
    unit = 2.0 ** (np.frexp(unit)[1] - 1)
    points = points / unit  # squares neither vanish nor overflow
    scale = float(np.linalg.norm(points, axis=1).min())
    if scale == 0.0:
        return 0.0
    ones = np.append(np.ones(len(points)), np.zeros(len(directions)))
    nearest = scale
    for _ in range(2):  # the second time with the distance itself as the unit
        rays = np.concatenate([points / scale, directions])
        weights, _ = nnls(np.vstack([rays.T, ones]), np.append(np.zeros(rays.shape[1]), 1.0))
        nearest = scale * float(np.linalg.norm(weights @ rays)) / float(weights @ ones)
        if nearest < scale * 2.0**-40:
            break
        scale = nearest
    return float(nearest * unit)
