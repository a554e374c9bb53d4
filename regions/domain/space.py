"""The whole of R^d, as a surface of boxes around the origin of homogeneous coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import is_whole

from .chart import AffineChart, HalfspaceChart, LineChart, SpaceChart, generic, identity_chart, whole_line
from .store import Domain

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Space(Domain):
    """All of R^d.

    Every cell is found, however far out. Unbounded cells have infinite volume; `Regions.bounded` tells which are not,
    `Regions.recession_cone` where the others lead to.

    Parameters
    ----------
    dim : int
        At least 1.

    Raises
    ------
    InvalidInput
        If it is no such number.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1e9], [0]])
    >>> regions = lr.enumerate_regions(network, lr.Space(2))
    >>> len(regions), int(regions.bounded.sum())
    (7, 1)
    """

    d: int
    kind: ClassVar[str] = "space"

    def __init__(self, dim: int) -> None:
        if not is_whole(dim, 1):
            raise invalid("dim", "be an integer of at least 1", repr(dim))
        object.__setattr__(self, "d", int(dim))

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.d

    @property
    def n_inputs(self) -> int:
        """Number of coordinates: the space is its own slice."""
        return self.d

    @property
    def volume(self) -> None:
        """None: infinite."""
        return None

    @property
    def origin(self) -> Floats:
        """Zero."""
        return np.zeros(self.d)

    @property
    def basis(self) -> Floats:
        """The identity."""
        return np.eye(self.d)

    def line_chart(self) -> LineChart:
        """See `Domain`."""
        return whole_line(np.zeros(1), np.ones(1)) if self.d == 1 else super().line_chart()

    def chart(self) -> LineChart | SpaceChart:
        """See `Domain`."""
        return self.line_chart() if self.d == 1 else space_chart(identity_chart(self.d))

    def halfspace_chart(self) -> HalfspaceChart:
        """See `Domain`."""
        return self.halfspaces(identity_chart(self.d))

    def halfspaces(self, chart: AffineChart) -> HalfspaceChart:
        """No inequality at all, mapped into input space."""
        return HalfspaceChart([], [chart], generic(self.d), np.empty(0))

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "dim": self.d}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Space:
        """See `Domain`."""
        return cls(int(data["dim"]))

    def __repr__(self) -> str:
        """Show the dimension."""
        return f"Space({self.d})"


def space_chart(chart: AffineChart) -> SpaceChart:
    """All of a slice: one box about the origin, and for each of its sides what lies behind it, out to infinity.

    In homogeneous coordinates (u, w) with t = u / w these are the sides of the box |u_i| <= 1, 0 <= w <= 1 but the one
    with w = 0. Facet 0 is at infinity; then come the sides of the box about the origin, each the wall to the cell
    behind it, and the walls between those cells.
    """
    d = chart.dim
    sides = [(i, sign) for i in range(d) for sign in (1, -1)]
    points = [(*u, w) for w in (1, 0) for u in product((1, -1), repeat=d)]
    rows = [(*(0,) * d, 1)]
    held = [[point[d] == 0 for point in points]]
    cells = [([p for p, point in enumerate(points) if point[d]], list(range(1, 1 + 2 * d)))]
    behind: dict[tuple[int, int], list[int]] = {}
    for i, sign in sides:  # u_i = sign w
        rows.append((*(int(k == i) for k in range(d)), -sign))
        held.append([bool(point[d]) and point[i] == sign for point in points])
        behind[i, sign] = [0, len(rows) - 1]
    for (i, sign), (j, other) in product(sides, sides):  # sign u_i = other u_j
        if i < j:
            rows.append((*(sign * int(k == i) - other * int(k == j) for k in range(d)), 0))
            held.append([point[i] == sign and point[j] == other for point in points])
            behind[i, sign].append(len(rows) - 1)
            behind[j, other].append(len(rows) - 1)
    for (i, sign), walls in behind.items():
        cells.append(([p for p, point in enumerate(points) if point[i] == sign], walls))
    homogeneous = np.array(points, np.float64)
    inputs, error = chart.homogeneous_image(homogeneous)
    return SpaceChart(
        facets=[tuple(Fraction(v) for v in row) for row in rows],
        incidence=np.array(held).T,
        cells=cells,
        charts=[chart],
        points=homogeneous,
        error=np.zeros(len(points)),
        inputs=inputs,
        inputs_error=error,
        stretch=1.0,
    )
