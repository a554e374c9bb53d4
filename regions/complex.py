"""The result of an enumeration: cells and everything that is measured on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import nan
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from .cells import MOST_DIMENSIONS, Cells, Floats, Ints
from .errors import MissingExtra, invalid
from .halfspace_complex import HalfspaceComplex
from .measures import boundary, checks, counts, distance, estimates, jacobian, location, maps
from .measures.patterns import PatternTable, piece_table
from .network.cast import read_only

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class Regions(Cells):
    """The linear regions of a network on a domain: convex cells, one for each full-dimensional activation pattern.

    Made by `enumerate_regions`. Coordinates are slice coordinates t, the input being ``domain.embed(t)``. What costs
    more than a look is computed at first use and kept; all arrays are read-only. The combinatorics are exact; numbers
    are float64, those with an error bound say so.

    Attributes
    ----------
    network : Network
    domain : Domain
    packed_patterns : tuple of (N, words) ndarray of uint64
        Per affine step of the network, bit k says on which side of its k-th breakpoint the cell lies; see `patterns`.
    per_layer : (L,) ndarray of int64
        Number of cells after each layer with units.
    certificate : Certificate
        What proved the result.
    program, settlers, geometry
        The compiled network, its exact arithmetic, and the cells as flat arrays; for use inside the library.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, -2]]], [[0, 0, -1], [0.5]])
    >>> regions = lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1]))
    >>> len(regions), regions.dim
    (5, 2)
    >>> sum(regions.exact_volumes())
    Fraction(4, 1)
    >>> regions.boundary_volume(by="neuron").tolist()[:2]
    [2.0, 2.0]
    >>> regions.find([[0.5, 0.25], [0.0, 5.0]]).tolist()[1]
    -1
    """

    def __repr__(self) -> str:
        """Show the number of cells and what proved it."""
        layers = "/".join(map(str, self.per_layer.tolist()))
        c = self.certificate
        state = f"certified: {c.signs:,} signs, {c.exact_signs:,} in rationals"
        return f"Regions({len(self)} cells in {self.dim}-D, layers {layers or 'none'}, {state})"

    def summary(self) -> str:
        """Several lines about the result, for people."""
        size = {1: "length", 2: "area"}.get(self.dim, "volume")
        if isinstance(self.coarse, HalfspaceComplex):
            edges, boundary = "constraints", f"{len(self.coarse.constraint_labels):,}, facets and others"
        else:
            edges = {1: "breakpoints", 2: "boundary length", 3: "boundary area"}.get(self.dim, "boundary")
            boundary = f"{self.boundary_volume():,.6g}"
        lines = [
            f"{len(self):,} cells (full-dimensional activation regions, R2)",
            f"network     {self.network!r}",
            f"domain      {self.domain!r}, {size} {self._shown_volume}",
            f"per layer   {', '.join(f'{n:,}' for n in self.per_layer.tolist()) or 'no units'}",
            f"{edges:<11} {boundary}",
            str(self.certificate),
        ]
        return "\n".join(lines)

    @property
    def _shown_volume(self) -> str:
        """The domain's volume, for people."""
        if not self.domain.bounded:
            return "infinite"
        if not self.domain.is_measured:
            return "not found so far (see domain_volume)"
        if self.domain_volume in (0, np.inf):  # beyond the range of float64
            volume = self.domain.volume or Fraction(0)
            return f"{Decimal(volume.numerator) / volume.denominator:.6g}"
        return f"{self.domain_volume:.6g}"

    # Boundary

    @overload
    def boundary_volume(self, codim: int = 1, by: None = None) -> float: ...

    @overload
    def boundary_volume(self, codim: int = 1, *, by: Literal["layer", "neuron"]) -> Floats: ...

    @overload
    def boundary_volume(self, codim: int, by: Literal["layer", "neuron"]) -> Floats: ...

    def boundary_volume(self, codim: int = 1, by: Literal["layer", "neuron"] | None = None) -> float | Floats:
        """Volume of the boundary between cells inside the open domain, in slice units; every facet counts once.

        Parameters
        ----------
        codim : int
            k: total volume of the (d - k)-dimensional faces: facets for 1, down to the number of vertices for d.
        by : {None, "layer", "neuron"}
            Split the sum for codim 1 by layer with units, or by neuron: a facet belongs to the neuron that made it, the
            earliest one where several vanish.

        Returns
        -------
        float, or (L,) or (n_neurons,) ndarray of float64

        Raises
        ------
        InvalidInput
            If `codim` is not from 1 to the dimension, or `by` is unknown or given for smaller faces than facets, which
            belong to several neurons.

        Notes
        -----
        This is the activation boundary: it counts facets across which the output's gradient does not change. Numbers of
        vertices and breakpoints are exact; volumes are within `boundary_volume_error`, and infinite beyond float64.
        """
        return boundary.boundary_volume(self, codim, by)

    def boundary_volume_error(self, codim: int = 1) -> float:
        """A proven bound of the error of `boundary_volume`, and of the sum of errors of its parts; 0 for counts."""
        return boundary.boundary_volume_error(self, codim)

    def mean_jacobian_norm(self, output: Literal["logits", "softmax"] = "softmax", *, tolerance: float = 1e-7) -> float:
        """The mean, over the domain, of the Frobenius norm of the Jacobian by the inputs (Novak et al. 2018).

        Parameters
        ----------
        output : {"logits", "softmax"}
            Of what the network gives, which is constant on each cell; or of class probabilities, which are smooth on
            each cell and are integrated there.
        tolerance : float
            Of the integral, relative to its value. Rounding adds to it, see `mean_jacobian_norm_error`.

        Raises
        ------
        InvalidInput
            If the domain is unbounded, the output or the tolerance is out of range, a softmax has less than two
            classes or is to be taken on a polyline, which has no single slice coordinate chart.
        BudgetExceeded
            If cells must be cut into more than eight million parts for that tolerance.

        Notes
        -----
        What `estimators.jacobian_norm` estimates. Cells are cut where probabilities change, however steep outputs are,
        until bounds of what quadrature leaves prove the tolerance. Some ten microseconds a cell where outputs change
        little; more where three or more classes meet, in three dimensions tenths of a second for each such cell.

        Examples
        --------
        >>> import linear_regions as lr
        >>> network = lr.Network.from_arrays([[[3, 0], [0, 4]]], [[0, 0]])
        >>> lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1])).mean_jacobian_norm("logits")
        5.0
        """
        return self._jacobian_norm(output, tolerance).value

    def mean_jacobian_norm_error(
        self, output: Literal["logits", "softmax"] = "softmax", *, tolerance: float = 1e-7
    ) -> float:
        """A proven bound of the error of `mean_jacobian_norm`, whose parameters it has: of quadrature and rounding."""
        return self._jacobian_norm(output, tolerance).error

    def _jacobian_norm(self, output: Literal["logits", "softmax"], tolerance: float) -> jacobian.Mean:
        known, key = self._jacobian_norms, jacobian.checked(output, tolerance)
        if key not in known:
            known[key] = jacobian.mean_jacobian_norm(self, *key)
        return known[key]

    @cached_property
    def _jacobian_norms(self) -> dict[tuple[str, float], jacobian.Mean]:
        return {}

    # Patterns and maps

    @cached_property
    def patterns(self) -> NDArray[np.int8] | NDArray[np.int16]:
        """(N, n_neurons) piece of every neuron with a unit: the number of breakpoints below z on the cell.

        Layer after layer. A pre-activation that equals a breakpoint on the whole cell counts as below it.
        `packed_patterns` is smaller by a factor of eight or more.
        """
        return read_only(piece_table(self.program, self.packed_patterns))

    @cached_property
    def pattern_table(self) -> PatternTable:
        """Finds a cell by its pattern."""
        return PatternTable(self.packed_patterns, len(self))

    @cached_property
    def affine_maps(self) -> maps.AffineMaps:
        """The network on each cell, ``A[i] @ t + b[i]`` in slice coordinates: A (N, n_out, d) and b (N, n_out).

        Float64 with the usual rounding. Costs a matrix product per layer over all cells, and memory for the result.

        Raises
        ------
        InvalidInput
            On a polyline, which has no single slice coordinate chart.
        """
        return maps.affine_maps(self)

    def ambient_map(self, cell: int) -> maps.AffineMaps:
        """The network on one cell in input coordinates: A (n_out, n_inputs), b (n_out,), in float64."""
        return maps.ambient_map(self, self._cell(cell))

    def exact_map(self, cell: int) -> maps.ExactMap:
        """The network on one cell in slice coordinates as rational numbers: A a list of rows, b a list.

        Raises
        ------
        InvalidInput
            On a polyline.
        """
        return maps.exact_map(self, self._cell(cell))

    def count(self, definition: str = "R2") -> int:
        """Number of regions by a definition of Stargalla, Hertrich & Reichman 2025 (arXiv 2505.16716), proven.

        Parameters
        ----------
        definition : {"R2", "R6"}
            "R2": full-dimensional activation regions, the cells. "R6": distinct affine maps t -> output on the domain.

        Raises
        ------
        InvalidInput
            If the definition is another, or for "R6" on a polyline.

        Notes
        -----
        R6 compares all maps modulo primes until they are proven different or proven equal; a prime costs what
        `affine_maps` costs.
        """
        return counts.count(self, definition)

    # Points

    def find(self, points: object) -> Ints:
        """Which cell holds each point.

        Parameters
        ----------
        points : array_like, (M, d)
            Slice coordinates, taken exactly; (M,) will do on a line.

        Returns
        -------
        (M,) ndarray of int64
            The cell; -1 outside the domain. A point on the boundary of cells goes to the one of lowest index.

        Raises
        ------
        InvalidInput
            If the shape does not fit or a number is not finite.

        Notes
        -----
        Exact: floats answer where error bounds prove the answer, rational arithmetic where they do not. A few
        microseconds and one evaluation of the network per point; a few milliseconds for a point on a boundary, that of
        the domain included.
        """
        return location.find(self, points)

    def distance(self, points: object, to: str = "activation") -> Floats:
        """Distance of points to the nearest facet inside the domain, in slice units.

        Parameters
        ----------
        points : array_like, (M, d)
            Slice coordinates of points in the domain; (M,) will do on a line.
        to : {"activation"}
            Every facet between cells counts, whether or not the output's gradient changes there.

        Returns
        -------
        (M,) ndarray of float64
            inf if there is no facet. In one and two dimensions off by at most the largest of `vertex_errors` and a few
            units in the last place of the coordinates; from three on usually, without a proven bound.

        Raises
        ------
        InvalidInput
            If the shape does not fit, or a point lies outside the domain.
        """
        return distance.distance(self, points, to)

    # The whole

    def check(self, *, exact: bool = False) -> None:
        """Verify the invariants of a cell complex.

        Volumes add up to the domain's; the alternating sum of the numbers of faces is 1; interior facets have two cells
        and outer ones one; patterns are unique; the cells of a facet differ at its neuron, and in others only where
        those vanish on it; cells close up, and polygons are convex; the map of every cell agrees with the network at
        its corners, so the output is continuous; cells per layer do not decrease.

        Parameters
        ----------
        exact : bool
            Also decide in rational arithmetic (milliseconds per cell) what has a bound of its error: every vertex is
            placed again by the hyperplanes that meet there, has to lie in the closed cells of its patterns, and is held
            against its bound, even one of 0, as are volumes, which add up exactly, and facets. Without corners these
            are the points inside cells and, if they have been asked for, the largest balls.

        Raises
        ------
        InvariantViolated
            With the figures.
        """
        checks.check(self, exact=exact)

    def to_networkx(self) -> Any:
        """The cells as a networkx.Graph: nodes with ``volume``, edges with ``neuron``, ``layer``, ``measure``.

        Volumes and measures are NaN without corners.

        Raises
        ------
        MissingExtra
            If networkx is not installed.
        """
        try:
            import networkx
        except ModuleNotFoundError as error:
            raise MissingExtra("Regions.to_networkx needs networkx: pip install networkx") from error
        graph = networkx.Graph()
        volumes = [nan] * len(self) if isinstance(self.coarse, HalfspaceComplex) else self.volumes.tolist()
        graph.add_nodes_from((i, {"volume": v}) for i, v in enumerate(volumes))
        f = self.facets
        columns = (f.cells.tolist(), f.neuron.tolist(), f.layer.tolist(), f.measure.tolist())
        graph.add_edges_from((i, j, {"neuron": n, "layer": k, "measure": m}) for (i, j), n, k, m in zip(*columns))
        return graph

    def with_corners(self) -> Regions:
        """The same regions with their corners, if linear programs have found them: for volumes, faces, distances.

        Raises
        ------
        InvalidInput
            If there are fewer than three or more than ten dimensions, or some regions are not bounded.

        Notes
        -----
        Corners are found cell by cell by the double description method, in integers, and are exact before they are
        rounded. Ten milliseconds a cell in seven dimensions, far more in ten.
        """
        if not isinstance(self.coarse, HalfspaceComplex):
            return self
        if not 3 <= self.dim <= MOST_DIMENSIONS or not self.domain.bounded:
            rule = f"be bounded and have from 3 to {MOST_DIMENSIONS} dimensions for its cells to have corners"
            raise invalid("domain", rule, repr(self.domain))
        return replace(self, coarse=self.coarse.solid())

    def estimated_volumes(self, n_points: int = 100_000, *, seed: int = 0) -> estimates.VolumeEstimates:
        """Volumes of all cells from uniform random points, with standard errors: for cells without corners.

        Parameters
        ----------
        n_points : int
            In the domain, or in a box about a `Polytope`.
        seed : int
            Of the points.

        Raises
        ------
        InvalidInput
            If the domain is not bounded.

        Notes
        -----
        An estimate, not a proof; which cell holds a point is exact. Some microseconds a point.

        Examples
        --------
        >>> import linear_regions as lr
        >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
        >>> regions = lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1]), method="lp")
        >>> found = regions.estimated_volumes(10_000)
        >>> bool((abs(found.volume - 1) < 4 * found.standard_error).all())
        True
        """
        return estimates.estimated_volumes(self, n_points, seed)

    def save(self, path: str | PathLike[str]) -> None:
        """Write network, domain and cells to a .npz file of plain arrays; `load_regions` reads it back.

        Raises
        ------
        InvalidInput
            If the suffix is another or the file cannot be written.
        """
        from .store import save_regions

        save_regions(self, path)

    def plot(self, ax: Axes | None = None, *, color: object = "cell", mark: object = None, edges: bool = True) -> Axes:
        """Draw the cells in the plane, or the network's outputs with the breakpoints on a line.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default a new figure of pyplot.
        color : {"cell", "area", "layer", "output"} or (N,) array_like
            What the colours of the cells show: nothing but the cells themselves, the logarithm of the area, the layer
            of each edge (cells stay white), the first output at the mean of the corners, or the given numbers. On a
            line the breakpoints are coloured by layer in any case, and "area" and numbers are refused.
        mark : (M, d) array_like, optional
            Points to mark, in slice coordinates.
        edges : bool
            Whether to draw the edges between cells, or the breakpoints.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        InvalidInput
            If `color` is unknown or has the wrong length, or `mark` the wrong shape; or if the cells are of three
            dimensions or more, or unbounded in the plane.

        Notes
        -----
        Takes about ten microseconds a cell.
        """
        from .plot import plot_regions

        return plot_regions(self, ax, color=color, mark=mark, edges=edges)
