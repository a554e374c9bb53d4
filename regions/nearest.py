"""How far it is from a point to where the network bends or decides otherwise: nearest facets first, with a proof."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .budget import Deadline, OutOfTime, one_blas_thread
from .domain import Domain
from .errors import BudgetExceeded, enough_memory, invalid
from .local import Cell, Surroundings, signs_key
from .metric import lengths
from .neighborhood import surroundings
from .network import Network
from .network.cast import flag, is_one_of, is_whole, read_only

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
        For a decision boundary the other class, else -1. A network with one output has two classes: 1 where it is
        positive, and 0.
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


@enough_memory()
def nearest_boundary(
    network: Network, point: object, *, to: Literal["activation", "linear", "decision"] = "linear",
    domain: Domain | None = None, max_cells: int = 10_000, time_limit: float | None = None, progress: bool = False,
) -> Nearest:  # fmt: skip
    """The Euclidean distance from a point to the nearest boundary, with a proof that none is nearer.

    Parameters
    ----------
    network : Network
    point : array_like, (d,)
        As in `explore`.
    to : {"activation", "linear", "decision"}
        The boundary where some neuron switches; where the network's affine map changes (B_N of Hanin & Rolnick 2019);
        or where another output catches up with the largest, of a single output: where it is zero. Which output is the
        largest at the point is exact; where several are, the class is the first of them, and the distance zero.
    domain : Box, Polytope, Space or Slice, optional
        Where the boundary is looked for; by default all of the input space.
    max_cells : int
    time_limit : float, optional
        In seconds, as in `explore`.
    progress : bool
        Whether to show on stderr how many cells were looked at.

    Returns
    -------
    Nearest

    Raises
    ------
    InvalidInput
        If an argument does not fit, or the point is not inside the domain.
    BudgetExceeded
        If more than `max_cells` cells would have to be looked at, or more time is needed than `time_limit`; the message
        says how near there is no boundary.

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
    if not is_whole(max_cells, 1):
        raise invalid("max_cells", "be at least 1, a whole number", max_cells)
    from tqdm import tqdm

    deadline, shown = Deadline(time_limit), flag(progress, "progress")
    with one_blas_thread(), np.errstate(all="ignore"):  # what is not finite proves nothing
        around = surroundings(network, point, domain)
        around.deadline = deadline
        with tqdm(desc="cells", unit="cell", leave=False) if shown else nullcontext() as bar:
            search = _Search(around, to, max_cells, bar)
            try:
                return search.run()
            except OutOfTime as error:
                raise BudgetExceeded(f"{error}: there is no boundary within {search.bound:.6g}", []) from None


class _Piece(NamedTuple):
    """A facet of a cell, or where an output catches up with the largest one, as a row that is negative beyond."""

    cell: Cell
    facet: int  # -1 for an output
    label: int  # -1 for a facet
    row: Floats  # (1, d + 1)
    error: Floats  # (1, 2)


class _Search:
    """Facets of cells, and pieces of the decision boundary, in the order of lower bounds of their distances."""

    def __init__(self, around: Surroundings, to: str, max_cells: int, bar: Any) -> None:
        self.around = around
        self.to = to
        self.max_cells = max_cells
        self.bar = bar
        self.bound = 0.0  # there is nothing nearer
        self.heap: list[tuple[float, int, _Piece, Floats | None]] = []  # a way to the piece once it is measured
        self.order = count()
        self.seen: set[int] = set()
        self.label = -1
        self.missed = np.inf

    def run(self) -> Nearest:
        cell = self.around.first_cell()
        if self.to == "decision":
            self.label, *ties = self.around.largest_at_start(cell.words)
            if ties:
                return Nearest(0.0, 0.0, read_only(self.around.t.copy()), 1, -1, ties[0])
        self.enter(cell, 0.0)
        while self.heap:
            self.around.deadline.check()
            bound, _, piece, step = heappop(self.heap)
            self.bound = min(bound, self.missed)
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
                f"stopped at max_cells={self.max_cells:,} cells: there is no boundary within {self.bound:.6g}; "
                f"raise max_cells to look farther",
                [],
            )
        self.seen.add(cell.key)
        if self.bar is not None:
            self.bar.update()
        for i in np.flatnonzero(cell.is_facet & (cell.label >= 0)).tolist():
            self.start(_Piece(cell, i, -1, cell.rows[i : i + 1], cell.error[i : i + 1]), bound)
        if self.to == "decision":
            rows, error = self.around.ahead(cell.words, self.label)
            for k in range(len(rows)):
                if k != self.label:
                    self.start(_Piece(cell, -1, k, -rows[k : k + 1], error[k : k + 1]), bound)

    def start(self, piece: _Piece, bound: float) -> None:
        """Put a piece on the heap with the distance of its hyperplane, a lower bound."""
        g, long = self.around.gradients(piece.row, piece.error)
        height, off = self.around.heights(piece.row, piece.error)
        (size,), (size_error,) = lengths(g)
        length = float((size + size_error + long[0]) * (1 + 1e-12))
        apart = float(height[0] - off[0])
        if apart > 0 and length >= 0:  # not NaN
            bound = max(bound, apart / length * (1 - 1e-15) if length else np.inf)
        self.push(bound, piece, None)

    def push(self, bound: float, piece: _Piece, step: Floats | None) -> None:
        heappush(self.heap, (bound, next(self.order), piece, step))

    def beyond(self, piece: _Piece) -> tuple[Floats, Floats]:
        """The closed cell with the piece's row turned round: the nearest point of it lies on the piece."""
        cell = piece.cell
        return np.concatenate([cell.rows, -piece.row]), np.concatenate([cell.error, piece.error])

    def arrive(self, piece: _Piece, bound: float, step: Floats) -> Nearest | None:
        """The nearest of all pieces: done, or through it into the next cell; None too if floats have made it up."""
        cell, i = piece.cell, piece.facet
        if i < 0:
            is_there = self.around.catches_up(cell, piece.row, piece.error, piece.label, self.label)
            return self.found(bound, step, -1, piece.label) if is_there else None
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
