"""How far it is from a point to where the network bends or decides otherwise: nearest facets first, with a proof."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from numbers import Integral
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels.bounds import UNIT
from linear_regions.kernels.halfspaces import scale_rows

from .budget import one_blas_thread
from .domain import Domain
from .errors import BudgetExceeded, invalid
from .local import Cell, Surroundings, signs_key
from .metric import lengths
from .neighborhood import surroundings
from .network import Network
from .network.cast import is_one_of, read_only

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest point of a boundary.

    Attributes
    ----------
    distance : float
        To `point`, as floats have it; infinite if there is no such boundary, or none that floats find.
    lower : float
        Proven: the boundary is nowhere nearer.
    point : (d,) ndarray of float64
        On the boundary, rounded, in the coordinates of the domain.
    n_cells : int
        How many cells were looked at.
    neuron : int
        Whose hyperplane it lies on, numbered through all layers with units; -1 for a decision boundary.
    label : int
        For a decision boundary the other class, else -1.
    """

    distance: float
    lower: float
    point: Floats
    n_cells: int
    neuron: int
    label: int

    def __repr__(self) -> str:
        """The distance, and what was done."""
        return f"Nearest(distance {self.distance:.9g}, proven to be at least {self.lower:.9g}, {self.n_cells:,} cells)"


def nearest_boundary(
    network: Network, point: object, *, to: Literal["activation", "linear", "decision"] = "linear",
    domain: Domain | None = None, max_cells: int = 10_000,
) -> Nearest:  # fmt: skip
    """The Euclidean distance from a point to the nearest boundary, with a proof that none is nearer.

    Parameters
    ----------
    network : Network
    point : array_like, (d,)
        As in `explore`.
    to : {"activation", "linear", "decision"}
        The boundary where some neuron switches; where the network's affine map changes (B_N of Hanin & Rolnick 2019);
        or where another output catches up with the largest.
    domain : Box, Polytope, Space or Slice, optional
        Where the boundary is looked for; by default all of the input space.
    max_cells : int

    Returns
    -------
    Nearest

    Raises
    ------
    InvalidInput
        If an argument does not fit, or the point is not inside the domain.
    BudgetExceeded
        If more than `max_cells` cells would have to be looked at.

    Notes
    -----
    Cells are taken in the order of their distances, as in Jordan, Lewis & Dimakis, Provable certificates for
    adversarial examples: fitting a ball in the union of polytopes, NeurIPS 2019. A facet's hyperplane is a first bound,
    found in closed form; only what comes up as the nearest is measured, by least distance programming, whose
    multipliers prove a lower bound. Whether the map changes across a facet is exact.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1], [0]])
    >>> found = lr.nearest_boundary(network, [0.25, 0.5])
    >>> round(found.distance, 12), found.neuron
    (0.176776695297, 2)
    """
    if not is_one_of(to, "activation", "linear", "decision"):
        raise invalid("to", 'be "activation", "linear" or "decision"', repr(to))
    if not (isinstance(max_cells, Integral) and max_cells >= 1):
        raise invalid("max_cells", "be at least 1, a whole number", max_cells)
    if to == "decision" and isinstance(network, Network) and network.n_outputs < 2:
        raise invalid("network", "have at least two outputs for a decision boundary", network.n_outputs)
    with one_blas_thread(), np.errstate(all="ignore"):  # what is not finite proves nothing
        return _Search(surroundings(network, point, domain), to, max_cells).run()


class _Piece(NamedTuple):
    """A facet of a cell, or where an output catches up with the largest one, as a row that is negative beyond."""

    cell: Cell
    facet: int  # -1 for an output
    label: int  # -1 for a facet
    row: Floats  # (1, d + 1)
    error: Floats  # (1, 2)


class _Search:
    """Facets of cells, and pieces of the decision boundary, in the order of lower bounds of their distances."""

    def __init__(self, around: Surroundings, to: str, max_cells: int) -> None:
        self.around = around
        self.to = to
        self.max_cells = max_cells
        self.heap: list[tuple[float, int, _Piece, Floats | None]] = []  # a way to the piece once it is measured
        self.order = count()
        self.seen: set[int] = set()
        self.label = -1
        self.missed = np.inf

    def run(self) -> Nearest:
        cell = self.around.first_cell()
        if self.to == "decision":
            rows, _ = self.around.outputs(cell.words)
            self.label = int(np.argmax(rows[:, :-1] @ self.around.point + rows[:, -1]))
        self.enter(cell, 0.0)
        while self.heap:
            bound, _, piece, step = heappop(self.heap)
            if step is None:
                apart, step = self.around.reach(*self.beyond(piece))
                self.push(max(bound, apart), piece, step)
            elif not np.isfinite(step).all():
                self.missed = min(self.missed, bound)  # empty, as far as floats tell, but proven only to be so far away
            elif (found := self.arrive(piece, bound, step)) is not None:
                return found
        return Nearest(np.inf, self.missed, read_only(np.full(len(self.around.t), np.nan)), len(self.seen), -1, -1)

    def enter(self, cell: Cell, bound: float) -> None:
        """Put the pieces of a cell on the heap, with the distances of their hyperplanes."""
        if len(self.seen) == self.max_cells:
            raise BudgetExceeded(
                f"max_cells must be larger to find the nearest boundary, got {self.max_cells:,}: there is none within "
                f"{bound:.6g}",
                [],
            )
        self.seen.add(cell.key)
        for i in np.flatnonzero(cell.is_facet & (cell.label >= 0)).tolist():
            self.start(_Piece(cell, i, -1, cell.rows[i : i + 1], cell.error[i : i + 1]), bound)
        if self.to == "decision":
            rows, error = self.ahead(cell)
            for k in range(len(rows)):
                if k != self.label:
                    self.start(_Piece(cell, -1, k, -rows[k : k + 1], error[k : k + 1]), bound)

    def ahead(self, cell: Cell) -> tuple[Floats, Floats]:
        """By how much each output is above the one that is largest at the start, as rows on a cell."""
        rows, error = self.around.outputs(cell.words)
        own, own_error = rows[self.label], error[self.label]
        size = np.abs(rows) + np.abs(own)
        rounding = UNIT * np.column_stack([size[:, :-1].max(axis=1), size[:, -1]])
        rows, error = np.ascontiguousarray(rows - own), error + own_error + rounding
        scale_rows(rows, error)
        return rows, error

    def start(self, piece: _Piece, bound: float) -> None:
        """Put a piece on the heap with the distance of its hyperplane, a lower bound."""
        g, long = self.around.gradients(piece.row, piece.error)
        height, off = self.around.heights(piece.row, piece.error)
        (size,), (size_error,) = lengths(g)
        length = float((size + size_error + long[0]) * (1 + 1e-12))
        apart = float(height[0] - off[0])
        if apart > 0:
            bound = max(bound, apart / length * (1 - 1e-15) if length > 0 else np.inf)
        self.push(bound, piece, None)

    def push(self, bound: float, piece: _Piece, step: Floats | None) -> None:
        heappush(self.heap, (bound, next(self.order), piece, step))

    def beyond(self, piece: _Piece) -> tuple[Floats, Floats]:
        """The closed cell with the piece's row turned round: the nearest point of it lies on the piece."""
        cell = piece.cell
        return np.concatenate([cell.rows, -piece.row]), np.concatenate([cell.error, piece.error])

    def arrive(self, piece: _Piece, bound: float, step: Floats) -> Nearest | None:
        """The nearest of all pieces: done, or through it into the next cell."""
        cell, i = piece.cell, piece.facet
        if i < 0:
            return self.found(bound, step, -1, piece.label)
        words = self.around.signs_across(cell, i)
        if self.to == "activation" or (self.to == "linear" and not self.around.same_map(cell.words, words)):
            return self.found(bound, step, int(self.around.program.label_neuron[cell.label[i]]), -1)
        if signs_key(words) not in self.seen:
            self.enter(self.around.across(cell, i, words), bound)
        return None

    def found(self, bound: float, step: Floats, neuron: int, label: int) -> Nearest:
        """The answer; lengths of steps in orthonormal coordinates are those of the inputs."""
        point = self.around.along(step)
        distance = max(float(lengths(step[None])[0][0]), bound)
        return Nearest(distance, min(bound, self.missed), read_only(point), len(self.seen), neuron, label)
