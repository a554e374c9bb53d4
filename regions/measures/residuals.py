"""Invariants that hold between numbers: each is tested within proven bounds of rounding, or exactly."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import factorial, isfinite
from sys import float_info
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.bits import flat_ranges
from linear_regions.domain import Polyline
from linear_regions.domain.flat import Body
from linear_regions.geometry import SLACK, TINY, UNIT, PlaneComplex, of_size_one
from linear_regions.norms import norms, total
from linear_regions.program import frobenius, spectral_bound
from linear_regions.solid_complex import SolidComplex

from .maps import float_arithmetic, walk

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK = 1 << 14


def volume_failures(regions: Regions) -> Iterator[str]:
    """Volumes add up to that of the domain."""
    volume = regions.domain.volume
    if volume is None:
        return
    g, shift = regions.geometry, 0
    if isinstance(g, PlaneComplex | SolidComplex):
        g, shift = of_size_one(g)
    whole = volume / Fraction(2) ** (g.dim * shift)
    near, error = total(g.volumes), total(g.volume_errors)
    if isfinite(near + error) and abs(Fraction(near) - whole) > Fraction((error + UNIT * near) * SLACK):
        unit = f", in units of 2^{g.dim * shift}" if shift else ""
        expected = float(min(whole, Fraction(float_info.max)))
        yield f"volumes must add up to {expected} within {error:.3g}, got {near}{unit}"


def side_failures(regions: Regions) -> Iterator[str]:
    """Gauss: d times the volume is the sum of heights times facets, and outward normals times facets cancel."""
    g = regions.geometry
    if isinstance(g, PlaneComplex):
        yield from _polygon_failures(of_size_one(g)[0])
    elif isinstance(g, SolidComplex):
        yield from _solid_failures(of_size_one(g)[0])


def _solid_failures(g: SolidComplex) -> Iterator[str]:
    """Facets as simplices, which close up around a cell for any places of its vertices."""
    d, facets = g.dim, g.faces(g.dim - 1)
    closed, heights = np.zeros((g.n_cells, d)), np.zeros(g.n_cells)
    room = np.zeros((2, g.n_cells))  # for rounding, in either sum
    pieces = np.zeros(g.n_cells)
    error = np.maximum.reduceat(g.error[g.corners], g.cell_offsets[:-1])
    inner = np.add.reduceat(g.x[g.corners], g.cell_offsets[:-1]) / np.diff(g.cell_offsets)[:, None]
    chunk = max(64, 2 * _CHUNK // factorial(d - 1))
    for first in range(0, len(facets), chunk):
        own = slice(first, first + chunk)
        simplices, owner = g.triangulated(d - 1, facets.cell[own], facets.corners[own])
        corner = g.x[simplices[:, 0]]
        rays = g.x[simplices[:, 1:]] - corner[:, None]
        area, rounding = _area_vectors(rays)
        for cell in g.facet_cells[first + owner].T:
            inside = cell >= 0
            c = cell[inside]
            ray = corner[inside] - inner[c]
            far = norms(ray)
            height = np.sum(area[inside] * ray, axis=1)
            rounded = rounding[inside] * far * 2
            sizes = np.column_stack([norms(rays[inside]), far])
            grown = np.prod(sizes + 4 * error[c, None], axis=1) - np.prod(sizes, axis=1)
            outward = np.where(height < 0, -area[inside].T, area[inside].T).T
            unsure = np.abs(height) <= (rounded + grown) * SLACK + TINY  # which way is outward
            np.add.at(closed, c, outward)
            np.add.at(heights, c, np.abs(height))
            np.add.at(room[0], c, rounding[inside] + np.where(unsure, 2 * norms(outward), 0.0))
            np.add.at(room[1], c, rounded + np.where(unsure, 2 * np.abs(height), 0.0))
            np.add.at(pieces, c, 1)
    rounding = (1 + pieces * 2.0**-8) * SLACK
    gap = np.abs(heights / d - g.volumes)
    if (wrong := gap > (room[1] / d + 2 * g.volume_errors) * rounding + TINY).any():
        yield f"{d} times the volume must be the sum of heights times facets, {np.count_nonzero(wrong)} cells fail"
    if (wrong := np.abs(closed).max(axis=1) > room[0] * rounding + TINY).any():
        yield f"outward normals times facets must add up to zero, {np.count_nonzero(wrong)} cells fail"


def _area_vectors(rays: Floats) -> tuple[Floats, Floats]:
    """Normals (n, d) of simplices with edges (n, d - 1, d) from a corner, as long as their volume; bounds of rounding.

    Their entries are determinants by elimination with pivots, with the usual bound: m^3 2^m u times all lengths.
    """
    n, m, d = rays.shape
    columns = [np.linalg.det(np.delete(rays, i, axis=2)) * (-1) ** i for i in range(d)]
    long = np.prod(norms(rays), axis=1)
    return np.stack(columns, axis=1) / factorial(m), 16 * m**3 * 2**m * d * UNIT * long / factorial(m) + TINY


def _polygon_failures(g: PlaneComplex) -> Iterator[str]:
    """Polygons: d vol = sum of heights times sides, outward normals times sides add up to zero, corners turn left."""
    first, following, size = g.cell_offsets[:-1], g.next_corner, np.diff(g.cell_offsets)
    p = g.x[g.cell_vertices]
    side = p[following] - p
    normal = np.column_stack([side[:, 1], -side[:, 0]])  # outward, as long as the side
    ray = p - np.repeat(np.add.reduceat(p, first) / size[:, None], size, axis=0)
    long, far = np.abs(side).sum(axis=1), np.abs(ray).sum(axis=1)
    rounding = 8 * size * UNIT * np.add.reduceat(long * far, first)
    gap = np.abs(np.add.reduceat(np.sum(normal * ray, axis=1), first) - 2 * g.volumes)
    if (wrong := gap > (rounding + 4 * g.volume_errors) * SLACK + TINY).any():
        yield f"twice the area must be the sum of heights times sides, {np.count_nonzero(wrong)} cells fail"
    gap = np.abs(np.add.reduceat(normal, first)).max(axis=1)
    if (wrong := gap > 4 * size * UNIT * np.add.reduceat(long, first) + TINY).any():
        yield f"outward normals times sides must add up to zero, {np.count_nonzero(wrong)} cells fail"
    e = g.error[g.cell_vertices]
    moved = e + 2 * e[following] + e[following[following]]
    turn = side[:, 0] * side[following, 1] - side[:, 1] * side[following, 0]
    bound = moved * (long + long[following] + moved) + 8 * UNIT * long * long[following]
    if (wrong := turn < -bound * SLACK - TINY).any():
        yield f"cells must be convex, {np.count_nonzero(wrong)} corners turn the wrong way"


class Rounding(NamedTuple):
    """What float64 evaluation of a network can be off by at each of some points."""

    entering: list[Floats]  # (M,) per step: pre-activations, largest entry
    output: Floats  # (M,) outputs
    size: Floats  # (M,) upper bound of the outputs


def rounding_bounds(regions: Regions, t: Floats, error: Floats) -> Rounding:
    """Bounds of |network(embed(t)) - exact network at a point within `error` of t|, by norms, layer by layer."""
    charts = regions.chart.charts
    stretch = max(float(norms(np.array(c.basis, np.float64).ravel())) for c in charts) * SLACK
    size = norms(regions.domain.origin) + (norms(t) + 1) * stretch
    e = stretch * error + 16 * (regions.dim + 1) * UNIT * size
    entering: list[Floats] = []
    affines = [layer.affine for layer in regions.network.layers]
    for number, affine in enumerate(affines):
        rounding = 2 * (affine.n_inputs + 4) * UNIT * frobenius(np.column_stack([affine.weight, affine.bias]))
        norm = spectral_bound(affine.weight)
        e = (norm * e + rounding * (size + 1)) * SLACK + TINY
        size = (norm * size + norms(affine.bias)) * SLACK
        if number < len(regions.program.steps):
            a = regions.program.steps[number].activation
            entering.append(e)
            shift = np.sqrt(a.n_neurons) * float(np.abs(a.intercept).max())
            e = (a.lipschitz * e + 16 * UNIT * (a.lipschitz * size + shift)) * SLACK
            size = (a.lipschitz * size + 2 * shift) * SLACK
    return Rounding(entering, e, size)


def output_bounds(regions: Regions, t: Floats, error: Floats) -> Floats:
    """(M,) bounds of the same of all outputs, entry by entry: tighter where rows differ in size."""
    domain = regions.domain
    basis, origin = np.abs(domain.basis.T), np.abs(domain.origin)
    rounded = 0.0 if isinstance(domain, Body) else (regions.dim + 2) * UNIT * (np.abs(t) @ basis + origin)
    e = rounded + error[:, None] * np.sqrt(np.sum(basis**2, axis=0))
    h = domain.embed(t)
    for layer in regions.network.layers:
        weight, bias = np.abs(layer.affine.weight.T), np.abs(layer.affine.bias)
        e = (e @ weight + (len(weight) + 2) * UNIT * (np.abs(h) @ weight + bias)) * SLACK + TINY
        h = layer.affine(h)
        if (a := layer.activation) is not None:
            e = (a.lipschitz * e + 4 * UNIT * (a.lipschitz * np.abs(h) + np.abs(a.intercept).max())) * SLACK
            h = a(h)
    result: Floats = e.max(axis=1)
    return result


def zero_failures(regions: Regions, number: int, facets: Ints, labels: Ints, exact: bool) -> Iterator[str]:
    """Hyperplanes of one step vanish on facets, pair by pair."""
    if exact and not isinstance(regions.domain, Polyline):
        wrong = sum(not _parallel(regions, f, k) for f, k in zip(facets.tolist(), labels.tolist(), strict=True))
    else:
        g = regions.geometry
        size = np.diff(g.facet_offsets)[facets]
        vertices, place = np.unique(g.facet_vertices[flat_ranges(g.facet_offsets[facets], size)], return_inverse=True)
        t = regions.vertex_coordinates[vertices]
        finite = np.asarray(np.isfinite(t).all(axis=1))
        t = np.where(finite[:, None], t, 0.0)
        error = np.where(finite, regions.vertex_errors[vertices], np.inf)
        bound = rounding_bounds(regions, t, error).entering[number]
        stage = sum(step.has_units for step in regions.program.steps[:number])
        z = regions.network.preactivations(regions.domain.embed(t))[stage]
        activation = regions.program.steps[number].activation
        k = labels - regions.program.steps[number].label0
        k = np.repeat(k, size)
        gap = z[place, activation.hyperplane_neuron[k]] - activation.hyperplane_threshold[k]
        pair = np.repeat(np.arange(len(facets)), size)
        wrong = len(np.unique(pair[np.abs(gap) > bound[place]]))
    if wrong:
        yield f"neurons that change at a facet must vanish on it, {wrong} of step {number} do not"


def _parallel(regions: Regions, facet: int, label: int) -> bool:
    """Whether a hyperplane is that of a facet, or zero everywhere, on the facet's first cell."""
    words = regions.words(int(regions.geometry.facet_cells[facet, 0]))
    exact = regions.settlers[0].exact
    own, other = exact.row(int(regions.geometry.label[facet]), words), exact.row(label, words)
    d = len(own)
    return all(own[i] * other[j] == own[j] * other[i] for i in range(d) for j in range(i))


def map_failures(regions: Regions) -> Iterator[str]:
    """At its vertices the map of every cell is the network, so the maps of neighbours agree on their facet."""
    if isinstance(regions.domain, Polyline):
        return
    g = regions.geometry
    finite = np.asarray(np.isfinite(g.vertex_coordinates).all(axis=1))
    if not len(finite):
        return
    t = np.where(finite[:, None], g.vertex_coordinates, 0.0)
    bounds = rounding_bounds(regions, t, np.where(finite, g.error, 0.0))
    values = np.concatenate(
        [regions.network(regions.domain.embed(t[i : i + _CHUNK])) for i in range(0, len(t), _CHUNK)]
    )
    bound = np.where(finite, 4 * bounds.output + 16 * UNIT * bounds.size, np.inf)
    wrong = 0
    cells = np.arange(len(regions))
    for own, columns in walk(regions.program, regions.packed_patterns, cells, float_arithmetic(regions)):
        size = np.diff(g.cell_offsets)[own]
        place = np.repeat(g.cell_offsets[own] - np.cumsum(size) + size, size) + np.arange(size.sum())
        v = g.cell_vertices[place]
        point = np.column_stack([t[v], np.ones(len(v))])
        image = np.matmul(point[:, None, :], np.repeat(columns, size, axis=0))[:, 0]
        wrong += int(np.count_nonzero(np.abs(image - values[v]).max(axis=1) > bound[v]))
    if wrong:
        yield f"the maps of cells must agree with the network at their corners, {wrong} do not"
