"""Sums over cells: their volumes, and the volumes of their facets by hyperplane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import SLACK, UNIT, LineComplex, PlaneComplex
from .solid_complex import SolidComplex
from .space_complex import SpaceComplex

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PIECE = 2048  # cells


@dataclass(frozen=True, eq=False)
class Sums:
    """What some cells of a domain add to its totals; facets that two cells share are counted half with each.

    Attributes
    ----------
    volume : (2,) ndarray of float64
        Volumes of the cells, and bounds of their errors but for the rounding of the sum.
    boundary : (n_hyperplanes, 2) ndarray of float64
        The same of the facets that each hyperplane makes.
    sides : (n_hyperplanes,) ndarray of int64
        How many facets each has on cells, one with a cell on either side twice.
    n_terms : int
        How many terms a sum has at most.
    """

    volume: Floats
    boundary: Floats
    sides: Ints
    n_terms: int

    def __add__(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.volume + other.volume,
            self.boundary + other.boundary,
            self.sides + other.sides,
            self.n_terms + other.n_terms + 1,
        )

    def bound(self, sums: Floats) -> Floats:
        """(...,) bounds of the errors of sums with bounds (..., 2), with the rounding of sums."""
        bounds: Floats = (sums[..., 1] + 2 * self.n_terms * UNIT * sums[..., 0]) * SLACK
        return bounds


def pieces(cells: PlaneComplex | SolidComplex) -> Iterator[PlaneComplex | SolidComplex]:
    """Runs of polytopes that take well under a second each, so that a worker hears when it is to stop."""
    if isinstance(cells, PlaneComplex) or cells.n_cells <= _PIECE:
        yield cells
        return
    for first in range(0, cells.n_cells, _PIECE):
        yield cells.run(first, min(first + _PIECE, cells.n_cells))


def sums_of(cells: LineComplex | PlaneComplex | SolidComplex | SpaceComplex, n_hyperplanes: int) -> Sums:
    """The sums over some cells of a domain, all of whose facets are there."""
    own = np.flatnonzero(cells.interior)
    label, sides = cells.label[own], np.count_nonzero(cells.facet_cells[own] >= 0, axis=1)
    measures, errors = (column[own] * (sides / 2) for column in (cells.facet_measures, cells.facet_errors))
    return Sums(
        volume=np.array([cells.volumes.sum(), cells.volume_errors.sum()]),
        boundary=np.stack([np.bincount(label, weights, n_hyperplanes) for weights in (measures, errors)], axis=1),
        sides=np.bincount(label, sides, n_hyperplanes).astype(np.int64),
        n_terms=cells.n_cells + len(own),
    )
