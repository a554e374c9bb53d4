"""The base of all domains, and how they are written to result files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import exact_array

from .chart import HalfspaceChart, LineChart, PlaneChart, SolidChart, SpaceChart

Floats = NDArray[np.float64]

_KINDS: dict[str, type[Domain]] = {}


class Domain(ABC):
    """A set of points t of dimension `dim`, with an affine map into the input space of a network."""

    kind: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        """Register the kind for result files."""
        super().__init_subclass__(**options)
        if hasattr(cls, "kind"):
            _KINDS[cls.kind] = cls

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension of the slice."""

    @property
    @abstractmethod
    def n_inputs(self) -> int:
        """Dimension of the input space."""

    @property
    @abstractmethod
    def volume(self) -> Fraction | None:
        """The exact volume in slice units, None if it is infinite."""

    @property
    def bounded(self) -> bool:
        """Whether it is bounded."""
        return self.volume is not None

    @property
    def is_measured(self) -> bool:
        """Whether its volume is there without much work."""
        return True

    if TYPE_CHECKING:  # a subclass may have them as fields, which a property here would hide

        @property
        def origin(self) -> Floats:
            """(n_0,) image of t = 0."""

        @property
        def basis(self) -> Floats:
            """(n_0, d) images of the unit vectors, rounded to float64 where they are differences."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain arrays that describe the domain, with its kind."""

    @classmethod
    @abstractmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Domain:
        """Build the domain from what `to_dict` gave."""

    def embed(self, t: object) -> Floats:
        """Map slice coordinates (M, d) to inputs (M, n_0), in float64."""
        points = exact_array(t, "t")
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise invalid("t", f"have shape (M, {self.dim})", points.shape)
        result: Floats = self.origin + points @ self.basis.T
        return result

    def line_chart(self) -> LineChart:
        """What the one-dimensional engine starts from."""
        raise invalid("domain", "be one-dimensional", repr(self))

    def plane_chart(self) -> PlaneChart:
        """What the two-dimensional engine starts from."""
        raise invalid("domain", "be two-dimensional", repr(self))

    def solid_chart(self) -> SolidChart:
        """What the engine of three and more dimensions starts from."""
        raise invalid("domain", "be a Box, a Polytope, or a Slice with one, of three dimensions or more", repr(self))

    def halfspace_chart(self) -> HalfspaceChart:
        """What the engine of linear programs starts from."""
        raise invalid("domain", 'be a Box, Polytope, Space, or a Slice with one, for method="lp"', repr(self))

    def chart(self) -> LineChart | PlaneChart | SolidChart | SpaceChart:
        """What the engine of this dimension starts from."""
        if self.dim > 2:
            return self.solid_chart()
        return self.plane_chart() if self.dim == 2 else self.line_chart()


def domain_from_dict(data: Mapping[str, Any]) -> Domain:
    """Build a domain from its `to_dict` form.

    Raises
    ------
    InvalidInput
        If the kind is unknown or the data do not describe a domain.
    """
    kind = str(data.get("kind"))
    if kind not in _KINDS:
        raise invalid("kind", f"be one of {sorted(_KINDS)}", kind)
    try:
        return _KINDS[kind].from_dict(data)
    except KeyError as error:
        raise invalid(f"a stored {kind}", f"have the entry {error}", sorted(data)) from error
