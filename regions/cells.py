"""The cells of a result and their faces: vertices, volumes, facets, neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate
from .domain import Domain
from .domain.chart import Chart
from .errors import InvalidInput, invalid
from .geometry import Geometry
from .halfspace_complex import Balls, HalfspaceComplex, halfspaces_of
from .measures import boundary, exactly
from .measures.skeleton import Skeleton, skeleton, to_meshio
from .network import Network
from .network.cast import as_list, read_only
from .program import Program
from .settle import Settler

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

MOST_DIMENSIONS = 10
"""Where cells may still have corners that can be listed."""


@dataclass(frozen=True, eq=False, repr=False)
class Cells:
    """What `Regions` knows of its cells as convex sets; see there."""

    network: Network
    domain: Domain
    program: Program
    settlers: tuple[Settler, ...]
    coarse: Geometry | HalfspaceComplex
    packed_patterns: tuple[Words, ...]
    per_layer: Ints
    certificate: Certificate

    def __post_init__(self) -> None:
        """Lock the arrays."""
        for array in (*self.packed_patterns, self.per_layer):
            read_only(array)

    def __len__(self) -> int:
        """Number of cells."""
        return self.coarse.n_cells

    @cached_property
    def geometry(self) -> Geometry:
        """The complex, with vertices of large error bounds placed again from rational arithmetic at first use."""
        from .sharpen import sharpened

        if isinstance(self.coarse, HalfspaceComplex):
            raise InvalidInput(
                f"this needs the corners of the cells, which linear programs do not find: {self._advice}"
            )
        return sharpened(self, self.coarse)

    @property
    def _advice(self) -> str:
        if self.dim <= 6:
            return 'take method="vertices"'
        if self.dim <= MOST_DIMENSIONS and self.domain.bounded:
            return "take regions.with_corners()"
        return "there are facets, interior_points, largest_balls and, on bounded domains, estimated_volumes"

    @cached_property
    def halfspaces(self) -> HalfspaceComplex:
        """The cells as sets given by inequalities; for use inside the library."""
        return self.coarse if isinstance(self.coarse, HalfspaceComplex) else halfspaces_of(self)

    @property
    def chart(self) -> Chart:
        """What the enumeration started from; for use inside the library."""
        return self.domain.halfspace_chart() if isinstance(self.coarse, HalfspaceComplex) else self.domain.chart()

    @property
    def dim(self) -> int:
        """Dimension of the domain."""
        return self.coarse.dim

    @property
    def n_neurons(self) -> int:
        """Number of neurons with units; patterns have as many entries."""
        return self.network.n_neurons

    def words(self, cell: int) -> list[Words]:
        """The packed pattern of one cell."""
        return [p[self._cell(cell)] for p in self.packed_patterns]

    def _cell(self, value: object) -> int:
        """An index of a cell; negative ones are refused, as -1 is what `find` gives for points outside."""
        try:
            cell = index(value)  # type: ignore[arg-type]
        except TypeError:
            raise invalid("cell", "be an integer", repr(value)) from None
        if not 0 <= cell < len(self):
            raise invalid("cell", f"be an index of one of {len(self)} cells", cell)
        return cell

    @property
    def volumes(self) -> Floats:
        """(N,) areas or lengths of the cells in slice units, within `volume_errors`; infinite for an unbounded cell.

        Infinite too, with an infinite error, where they are beyond float64: `exact_volumes` are not.
        """
        return self.geometry.volumes

    @property
    def volume_errors(self) -> Floats:
        """(N,) proven bounds of the errors of `volumes`, from those of the vertices and from rounding."""
        return self.geometry.volume_errors

    @cached_property
    def domain_volume(self) -> float:
        """Volume of the domain in slice units, correctly rounded; inf if it is infinite or beyond float64.

        Raises
        ------
        InvalidInput
            If it is that of a polytope with too many corners; see `Polytope.volume`.
        """
        volume = self.domain.volume
        try:
            return float("inf") if volume is None else float(volume)
        except OverflowError:
            return float("inf")

    @property
    def bounded(self) -> NDArray[np.bool_]:
        """(N,) whether a cell is bounded; exact."""
        return self.coarse.bounded if isinstance(self.coarse, HalfspaceComplex) else self.geometry.bounded

    @property
    def interior_points(self) -> Floats:
        """(N, d) a point inside each cell, in two dimensions or more; proven, but for cells that hold hardly a float.

        Where error bounds do not prove a point, floats inside are looked for exactly, some milliseconds a cell: along
        one coordinate after the other those of shortest binary representation. Where that finds none, in cells thinner
        than rounding, it is the float nearest to a point inside.
        """
        return self.halfspaces.interior_points

    @property
    def largest_balls(self) -> Balls:
        """A largest ball in each cell, in two dimensions or more: centers (N, d), radii (N,), and upper bounds (N,).

        Balls of these radii lie in the cells, and none larger than `upper`, in slice units; both are proven. Costs a
        linear program for each cell, some ten microseconds in few dimensions.
        """
        return self.halfspaces.balls

    def recession_cone(self, cell: int) -> list[tuple[Fraction, ...]]:
        """Exact directions that span the recession cone of a cell: none if it is bounded, its extreme rays else.

        If the cone holds a whole line it has no extreme rays, and there may be more directions than necessary. They are
        integers without a common divisor. Costs an exact evaluation of the cell's affine maps.
        """
        return exactly.recession_cone(self, self._cell(cell))

    @property
    def centroids(self) -> Floats:
        """(N, d) centres of mass of the cells, in float64 without a bound; not finite for an unbounded cell."""
        return self.geometry.centroids

    @property
    def vertex_coordinates(self) -> Floats:
        """(V, d) all vertices in slice coordinates, within `vertex_errors`."""
        return self.geometry.vertex_coordinates

    @property
    def vertex_errors(self) -> Floats:
        """(V,) proven bounds of the Euclidean distances from the exact vertices."""
        return self.geometry.error

    @property
    def cell_vertex_offsets(self) -> Ints:
        """(N + 1,) the vertices of cell i are ``cell_vertices[cell_vertex_offsets[i]:cell_vertex_offsets[i + 1]]``."""
        return self.geometry.cell_offsets

    @property
    def cell_vertices(self) -> Ints:
        """Rows of `vertex_coordinates`, cell after cell: counter-clockwise in the plane, else in ascending order."""
        return self.geometry.cell_vertices

    def vertices(self, cell: int) -> Floats:
        """(k, d) corners of one cell in slice coordinates: counter-clockwise in the plane, both ends on a line.

        In more dimensions they are in the order of their rows in `vertex_coordinates`.
        """
        cell = self._cell(cell)
        own = self.cell_vertices[self.cell_vertex_offsets[cell] : self.cell_vertex_offsets[cell + 1]]
        return read_only(self.vertex_coordinates[own])

    def exact_vertices(self, cell: int) -> list[tuple[Fraction, ...]]:
        """Corners of one bounded cell as rational numbers, in the order of `vertices`.

        Raises
        ------
        InvalidInput
            If there is no such cell, or it is unbounded.

        Notes
        -----
        Each is the crossing of the hyperplanes of the facets that meet there. Costs an exact evaluation of the
        cell's affine maps: milliseconds, more for deep networks.
        """
        return exactly.exact_vertices(self, self._cell(cell))

    def exact_volumes(self, indices: Iterable[int] | None = None) -> list[Fraction]:
        """Volumes as rational numbers, of all cells or of those named; they add up to the domain's, exactly.

        Raises
        ------
        InvalidInput
            As `exact_vertices`, whose cost per cell it has.
        """
        cells = range(len(self)) if indices is None else [self._cell(i) for i in as_list(indices, "indices", "cells")]
        if not self.domain.bounded and (unbounded := [c for c in cells if not self.bounded[c]]):
            rule = "name bounded cells alone, as np.flatnonzero(regions.bounded) does"
            raise invalid("indices", rule, f"{len(unbounded)} others, the first of them cell {unbounded[0]}")
        return [exactly.exact_volume(self, cell) for cell in cells]

    @property
    def f_vector(self) -> tuple[int, ...]:
        """Number of faces of each dimension, from vertices to cells, those on the domain's boundary too; exact.

        From three dimensions on it costs about as much as the enumeration, and memory for the faces of one dimension.
        """
        return self.geometry.f_vector

    @cached_property
    def facets(self) -> boundary.Facets:
        """The interior facets (edges in the plane, breakpoints on a line): cells, neuron, layer, measure, vertices."""
        return boundary.interior_facets(self)

    def skeleton(self) -> Skeleton:
        """All vertices, edges and facets, those on the domain's boundary too; each once. On `Space` bounded edges."""
        return skeleton(self)

    def to_meshio(self) -> Any:
        """The cells in three dimensions as a meshio.Mesh of polyhedra, with ``cell`` and ``volume``.

        Write it to a .vtu file with ``regions.to_meshio().write(path)``, which ParaView and PyVista read; most other
        formats have no polyhedra. The vertices of a polygon go round it counter-clockwise as seen from outside.

        Raises
        ------
        InvalidInput
            If the domain is not three-dimensional or not bounded.
        MissingExtra
            If meshio is not installed.
        """
        return to_meshio(self)

    @cached_property
    def adjacency(self) -> Any:
        """(N, N) scipy.sparse.csr_array, symmetric: 1 + the neuron of the facet that two cells share.

        Neurons are numbered through all layers with units, as the columns of `patterns`; 1 is added since 0 means no
        facet.
        """
        from scipy.sparse import coo_array

        (i, j), neuron = self.facets.cells.T, self.facets.neuron + 1
        pairs = (np.concatenate([i, j]), np.concatenate([j, i]))
        return coo_array((np.concatenate([neuron, neuron]), pairs), shape=(len(self), len(self))).tocsr()
