"""Flat slices through input space, with a domain of their own coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import exact_array, is_one_of, read_only, real
from linear_regions.norms import exponents, norms

from .chart import (
    AffineChart,
    HalfspaceChart,
    LineChart,
    PlaneChart,
    SolidChart,
    SpaceChart,
    full_rank,
    interval_chart,
    polygon_chart,
    solid_chart,
)
from .flat import Box, Polytope, vector
from .space import Space, space_chart
from .store import Domain

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, init=False)
class Slice(Domain):
    """The points x = origin + basis @ t with t in a box or polytope.

    Parameters
    ----------
    origin : array_like, (n_0,)
    basis : array_like, (n_0, d)
        Linearly independent columns, taken as the exact numbers they are; lengths and areas are those of t.
    domain : Box, Polytope or Space of dimension d
        That of t; `Space` for the whole of the slice, from two dimensions on.

    Raises
    ------
    InvalidInput
        If shapes do not fit, a number is not finite, or the columns are linearly dependent (decided exactly).

    Examples
    --------
    >>> import linear_regions as lr
    >>> plane = lr.Slice([0, 0, 1], [[1, 0], [0, 1], [0, 0]], lr.Box([-1, -1], [1, 1]))
    >>> plane.embed([[0.5, 0.25]])
    array([[0.5 , 0.25, 1.  ]])
    """

    origin: Floats
    basis: Floats
    domain: Box | Polytope | Space
    kind: ClassVar[str] = "slice"

    def __init__(self, origin: object, basis: object, domain: Box | Polytope | Space) -> None:
        start, columns = vector(origin, "origin"), exact_array(basis, "basis")
        if not isinstance(domain, Box | Polytope | Space):
            raise invalid("domain", "be a Box, a Polytope or a Space", type(domain).__name__)
        if domain == Space(1):
            raise invalid("domain", "be a Box in one dimension (or take a Line)", repr(domain))
        shape = (len(start), domain.dim)
        if columns.shape != shape:
            raise invalid(
                "basis", f"have shape {shape}, a row per input and a column per slice coordinate", columns.shape
            )
        if not full_rank(columns):
            raise invalid("basis", "have linearly independent columns", "columns that are not")
        object.__setattr__(self, "origin", start)
        object.__setattr__(self, "basis", read_only(columns))
        object.__setattr__(self, "domain", domain)

    @classmethod
    def through(cls, points: object, margin: float = 0.2, shape: str = "square") -> Slice:
        """The plane through three points, with a square about them.

        The square is centred at the circumcentre of the three points, which lie on its inscribed circle shrunk by the
        margin: its half side is (1 + margin) times the circumradius (Hanin & Rolnick 2019, Figure 8). The basis is
        orthonormal up to rounding, so lengths and areas are those of the input space; t = 0 is the circumcentre.

        Parameters
        ----------
        points : array_like, (3, n_0)
            Not on one line.
        margin : float
            At least 0.
        shape : {"square"}

        Raises
        ------
        InvalidInput
            If shapes do not fit or the points lie on one line.
        """
        p = exact_array(points, "points")
        if p.ndim != 2 or len(p) != 3 or p.shape[1] < 2:
            raise invalid("points", "have shape (3, n_0) with n_0 >= 2", p.shape)
        if not real(margin) >= 0:
            raise invalid("margin", "be a number, at least 0 and finite", margin)
        if not is_one_of(shape, "square"):
            raise invalid("shape", 'be "square"', repr(shape))
        with np.errstate(over="ignore"):
            u, v = p[1] - p[0], p[2] - p[0]
        if not np.isfinite([u, v]).all():
            raise invalid("points", "differ by numbers in the range of float64", "larger differences")
        if not full_rank(np.column_stack([u, v])):
            raise invalid("points", "not lie on one line", "points that do")
        shift = int(exponents(np.concatenate([u, v])))  # of the unit, for squares to be floats
        u, v = np.ldexp(u, -shift), np.ldexp(v, -shift)
        first = u / norms(u)
        second = v - (v @ first) * first
        second -= (second @ first) * first
        if not norms(second) > 0:
            raise invalid("points", "not lie on one line, up to rounding", "points that do")
        second /= norms(second)
        basis: Floats = np.column_stack([first, second])
        centre = np.linalg.solve(2 * np.stack([u @ basis, v @ basis]), np.array([u @ u, v @ v]))
        with np.errstate(over="ignore"):  # which domains refuse
            centre = np.ldexp(centre, shift)
            half = float((1 + margin) * norms(centre))
        return cls(p[0] + basis @ centre, basis, Box([-half, -half], [half, half]))

    @property
    def dim(self) -> int:
        """Number of slice coordinates."""
        return self.domain.dim

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the network."""
        return len(self.origin)

    @property
    def volume(self) -> Fraction | None:
        """The exact volume of the domain of t, None if it is infinite."""
        return self.domain.volume

    @property
    def bounded(self) -> bool:
        """Whether the domain of t is bounded."""
        return self.domain.bounded

    @property
    def is_measured(self) -> bool:
        """Whether the volume of the domain of t is there without much work."""
        return self.domain.is_measured

    def coordinates(self, x: object) -> Floats:
        """Slice coordinates (M, d) of the points of the slice nearest to x (M, n_0), in float64."""
        points = exact_array(x, "x")
        if points.ndim != 2 or points.shape[1] != self.n_inputs:
            raise invalid("x", f"have shape (M, {self.n_inputs})", points.shape)
        solution = np.linalg.lstsq(self.basis, (points - self.origin).T, rcond=None)[0]
        return np.asarray(solution.T, np.float64)

    @property
    def _chart(self) -> AffineChart:
        return AffineChart((self.origin, self.basis))

    def chart(self) -> LineChart | PlaneChart | SolidChart | SpaceChart:
        """See `Domain`."""
        return space_chart(self._chart) if isinstance(self.domain, Space) else super().chart()

    def plane_chart(self) -> PlaneChart:
        """See `Domain`."""
        if self.dim != 2 or isinstance(self.domain, Space):
            return super().plane_chart()
        return polygon_chart(*self.domain.corners_and_facets, self._chart)

    def line_chart(self) -> LineChart:
        """See `Domain`."""
        if self.dim != 1 or not isinstance(self.domain, Box):
            return super().line_chart()
        return interval_chart(self.domain.lower[0], self.domain.upper[0], self._chart)

    def solid_chart(self) -> SolidChart:
        """See `Domain`."""
        if self.dim < 3 or isinstance(self.domain, Space):
            return super().solid_chart()
        return solid_chart(*self.domain.corners_and_facets, self._chart)

    def halfspace_chart(self) -> HalfspaceChart:
        """See `Domain`."""
        return self.domain.halfspaces(self._chart)

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        inner = {f"domain_{key}": value for key, value in self.domain.to_dict().items()}
        return {"kind": self.kind, "origin": self.origin, "basis": self.basis, **inner}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Slice:
        """See `Domain`."""
        inner = {key.removeprefix("domain_"): value for key, value in data.items() if key.startswith("domain_")}
        kinds: list[type[Box | Polytope | Space]] = [Box, Polytope, Space]
        kind = next((k for k in kinds if k.kind == str(inner.get("kind"))), Polytope)
        return cls(data["origin"], data["basis"], kind.from_dict(inner))

    def __repr__(self) -> str:
        """Show the dimensions and the domain of t."""
        return f"Slice({self.dim}-D in {self.n_inputs}-D, {self.domain!r})"
