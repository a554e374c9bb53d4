"""What is counted and summed over regions that are not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate
from .measures.boundary import by_owner, check_by
from .program import Program
from .sums import Sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RegionCount:
    """The number of regions, without the regions.

    Attributes
    ----------
    count : int
        Cells in all (definition R2: full-dimensional sets with one activation pattern).
    per_layer : (L,) ndarray of int64
        Cells after each layer of units.
    certificate : Certificate
    """

    count: int
    per_layer: Ints
    certificate: Certificate

    def __int__(self) -> int:
        """The count."""
        return self.count

    def __repr__(self) -> str:
        """The counts and what proved them."""
        return f"RegionCount({self.count:,} regions, per layer {self.per_layer.tolist()}; {self.certificate})"


@dataclass(frozen=True, eq=False)
class RegionSums(RegionCount):
    """Sums over all regions, without the regions."""

    _program: Program
    _sums: Sums

    @property
    def n_facets(self) -> int:
        """Number of facets inside the domain, each between two regions."""
        return int(self._sums.sides.sum()) // 2

    @property
    def volume(self) -> float:
        """The regions' volumes, which make up the domain's."""
        return float(self._sums.volume[0])

    @property
    def volume_error(self) -> float:
        """A proven bound of its error."""
        return float(self._sums.bound(self._sums.volume))

    @overload
    def boundary_volume(self, *, by: None = None) -> float: ...

    @overload
    def boundary_volume(self, *, by: Literal["layer", "neuron"]) -> Floats: ...

    def boundary_volume(self, *, by: Literal["layer", "neuron"] | None = None) -> float | Floats:
        """Volume of the boundary between regions, as `Regions.boundary_volume` for codim 1."""
        check_by(by)
        measures = self._sums.boundary[:, 0]
        if by is None:
            return float(measures.sum())
        return by_owner(self._program, measures, np.arange(len(measures)), by)

    @property
    def boundary_volume_error(self) -> float:
        """A proven bound of the error of `boundary_volume`, and of the sum of errors of its parts."""
        return float(self._sums.bound(self._sums.boundary.sum(axis=0)))

    def __repr__(self) -> str:
        """The count and the sums."""
        return (
            f"RegionSums({self.count:,} regions, {self.n_facets:,} facets, volume {self.volume:.6g}, "
            f"boundary {self.boundary_volume():.6g}; {self.certificate})"
        )
