"""The boundary between cells: its volume in all, by layer and by neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.bits import flat_ranges
from linear_regions.errors import InvalidInput, invalid
from linear_regions.geometry import SLACK, UNIT, LineComplex
from linear_regions.halfspace_complex import HalfspaceComplex
from linear_regions.network.cast import is_one_of, is_whole, read_only
from linear_regions.norms import total
from linear_regions.program import Program
from linear_regions.solid_complex import SolidComplex
from linear_regions.space_complex import SpaceComplex

if TYPE_CHECKING:
    from linear_regions.cells import Cells
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Facets(NamedTuple):
    """The interior facets, one row each.

    Attributes
    ----------
    cells : (F, 2) ndarray of int64
        The two cells, the lower index first.
    neuron : (F,) ndarray of int64
        The neuron that made the facet, numbered through all layers with units.
    layer : (F,) ndarray of int64
        Its layer among those with units.
    measure : (F,) ndarray of float64
        Areas of facets in three dimensions, lengths in the plane, ones on a line, (d - 1)-volumes in general; NaN
        without corners.
    vertex_offsets : (F + 1,) ndarray of int64
    vertices : (sum,) ndarray of int64
        The vertices of facet i, as rows of `Regions.vertex_coordinates`, are
        ``vertices[vertex_offsets[i]:vertex_offsets[i + 1]]``; in three dimensions they go round it.
    """

    cells: Ints
    neuron: Ints
    layer: Ints
    measure: Floats
    vertex_offsets: Ints
    vertices: Ints


def label_layers(program: Program) -> Ints:
    """(n_hyperplanes,) layer of each hyperplane label among the layers with units."""
    layer: Ints = np.cumsum([step.has_units for step in program.steps], dtype=np.int64) - 1
    return layer[program.label_step] if len(program.steps) else np.zeros(0, np.int64)


def interior_facets(regions: Cells) -> Facets:
    """All facets inside the domain; see `Regions.facets`."""
    if isinstance(regions.coarse, HalfspaceComplex):
        return _facets_without_corners(regions.program, regions.coarse)
    geometry = regions.geometry
    own = np.flatnonzero(geometry.interior)
    label = geometry.label[own]
    size = np.diff(geometry.facet_offsets)[own]
    vertices = geometry.facet_vertices[flat_ranges(geometry.facet_offsets[own], size)]
    return Facets(
        cells=read_only(np.sort(geometry.facet_cells[own], axis=1)),
        neuron=read_only(regions.program.label_neuron[label]),
        layer=read_only(label_layers(regions.program)[label]),
        measure=read_only(geometry.facet_measures[own]),
        vertex_offsets=read_only(np.concatenate([[0], np.cumsum(size)])),
        vertices=read_only(vertices),
    )


def _facets_without_corners(program: Program, complex: HalfspaceComplex) -> Facets:
    label = complex.label[complex.interior]
    return Facets(
        cells=read_only(complex.facet_cells[complex.interior]),
        neuron=read_only(program.label_neuron[label]),
        layer=read_only(label_layers(program)[label]),
        measure=read_only(np.full(len(label), np.nan)),
        vertex_offsets=read_only(np.zeros(len(label) + 1, np.int64)),
        vertices=read_only(np.zeros(0, np.int64)),
    )


def _check_codim(regions: Regions, codim: object) -> None:
    if not is_whole(codim, 1, regions.dim):
        raise invalid("codim", f"be an integer from 1 to {regions.dim}, the dimension of the domain", repr(codim))


def check_by(by: object) -> None:
    """Raise unless sums can be given so."""
    if not (by is None or is_one_of(by, "layer", "neuron")):
        raise invalid("by", 'be None, "layer" or "neuron"', repr(by))


def by_owner(program: Program, measures: Floats, label: Ints | NDArray[np.int32], by: str) -> Floats:
    """Sums of the measures of facets, given by their hyperplanes, for each layer with units or each neuron."""
    if by == "layer":
        owner, n = label_layers(program), sum(step.has_units for step in program.steps)
    else:
        owner, n = program.label_neuron, program.n_neurons
    sums: Floats = np.bincount(owner[label], weights=measures, minlength=n).astype(np.float64, copy=False)
    return read_only(sums)


def boundary_volume(regions: Regions, codim: int, by: str | None) -> float | Floats:
    """See `Regions.boundary_volume`."""
    _check_codim(regions, codim)
    check_by(by)
    if codim > 1 and by is not None:
        raise InvalidInput(f"by must be None for codim {codim}, as such a face belongs to several neurons, got {by!r}")
    if codim > 1:
        return total(_inner_faces(regions, codim)[:, 0])
    geometry, facets = regions.geometry, regions.facets
    if by is None:
        return total(facets.measure)
    return by_owner(regions.program, facets.measure, geometry.label[geometry.interior], by)


def _inner_faces(regions: Regions, codim: int) -> Floats:
    """(F, 2) volumes of the faces of a codimension above 1 inside the domain, and bounds of their errors."""
    g = regions.geometry
    if codim == regions.dim and not isinstance(g, LineComplex):
        return np.broadcast_to([1.0, 0.0], (g.n_interior_vertices, 2))
    if isinstance(g, SpaceComplex):
        some = min(g.f_vector[g.dim - codim], 1)  # one of them is unbounded, if there are any
        return np.broadcast_to([np.inf, 0.0], (some, 2))
    assert isinstance(g, SolidComplex)
    faces = g.faces(g.dim - codim)
    return g.measured(faces)[faces.inner]


def boundary_volume_error(regions: Regions, codim: int) -> float:
    """See `Regions.boundary_volume_error`."""
    _check_codim(regions, codim)
    if codim == regions.dim:
        return 0.0
    if codim > 1:
        size, error = _inner_faces(regions, codim).T
    else:
        own = regions.geometry.interior
        size, error = regions.facets.measure, regions.geometry.facet_errors[own]
    return (total(error) + len(regions) * UNIT * total(size)) * SLACK
