"""Cells around a point in input spaces of any dimension, without the others: breadth first, or nearest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .budget import Budget, Deadline, OutOfTime, one_blas_thread
from .certificate import Certificate
from .convex import ConvexSet, Meeting
from .domain import Domain, Space
from .errors import enough_memory, invalid
from .local import Cell, Surroundings
from .measures.patterns import piece_table
from .metric import lengths
from .network import Network
from .network.cast import exact_array, flag, is_whole, read_only, real

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """Some cells around a point, in the order in which they were found.

    Attributes
    ----------
    network : Network
    point : (d,) ndarray of float64
        In cell 0.
    complete : bool
        Whether no cell was left out: there are no others, within the radius if there is one.
    depth : (N,) ndarray of int64
        How many facets lie on the shortest way from cell 0.
    facets : tuple of (k,) ndarray of int64
        The neurons of the facets of each cell, numbered through all layers with units; of the domain's facets none.
    neighbors : tuple of (k,) ndarray of int64
        The cell behind each of these facets, -1 if it is not among the cells here.
    interior_points : (N, d) ndarray of float64
        A point inside each cell, rounded; in a `ConvexSet` one of its points.
    certificate : Certificate
        What proved which inequalities are facets.
    """

    network: Network
    point: Floats
    complete: bool
    depth: Ints
    facets: tuple[Ints, ...]
    neighbors: tuple[Ints, ...]
    interior_points: Floats
    certificate: Certificate
    _around: Surroundings
    _cells: tuple[Cell, ...]

    def __len__(self) -> int:
        """Number of cells."""
        return len(self.depth)

    @cached_property
    def patterns(self) -> NDArray[np.int8] | NDArray[np.int16]:
        """(N, n_neurons) piece of every neuron with a unit, as `Regions.patterns`."""
        words = [np.stack(own) for own in zip(*(cell.words for cell in self._cells), strict=True)]
        return read_only(piece_table(self._around.program, words))

    @cached_property
    def adjacency(self) -> Any:
        """(N, N) scipy.sparse.csr_array, symmetric: 1 + the neuron of the facet that two cells share."""
        from scipy.sparse import coo_array

        size = [len(own) for own in self.neighbors]
        cell, other = np.repeat(np.arange(len(self)), size), np.concatenate(self.neighbors)
        neuron = 1 + np.concatenate(self.facets)
        inner = other >= 0
        pairs = (cell[inner], other[inner])
        return coo_array((neuron[inner], pairs), shape=(len(self), len(self))).tocsr()

    @cached_property
    def inradii(self) -> Floats:
        """(N, 2) proven bounds, from below and above, of the radius of a largest ball in each cell."""
        return read_only(np.array([self._around.inradius(cell) for cell in self._cells]).reshape(-1, 2))

    @cached_property
    def distances(self) -> Floats:
        """(N, 2) distances from the point to the closed cells: proven lower bounds, and as floats find them."""
        found = [self._around.reach(*self._around.constraints(cell.words)) for cell in self._cells]
        low, steps = zip(*found, strict=True)
        return read_only(np.column_stack([low, np.maximum(low, lengths(np.stack(steps))[0])]))

    def __repr__(self) -> str:
        """The numbers of cells and facets."""
        n = sum(map(len, self.facets))
        state = "all of them" if self.complete else "there are more"
        return f"Neighborhood({len(self):,} cells, {state}; {n:,} facets; {self.certificate})"


@enough_memory()
def explore(
    network: Network, point: object, *, domain: Domain | ConvexSet | None = None, radius: float | None = None,
    max_cells: int = 1000, time_limit: float | None = None, progress: bool = False,
) -> Neighborhood:  # fmt: skip
    """The cell that holds a point and the cells around it, breadth first through their facets.

    Parameters
    ----------
    network : Network
    point : array_like, (d,)
        Taken exactly, in the coordinates of the domain: an input of the network if there is none. On a boundary between
        cells it is taken to lie next to it: along the axes, or into the domain where it is on the domain's boundary.
    domain : Box, Polytope, Space, Slice or ConvexSet, optional
        Where the cells are looked for; by default all of the input space. In a `ConvexSet` cells are looked for that
        meet its interior; their facets are listed even where these lie outside.
    radius : float, optional
        Only cells that come closer to the point than this. Cells for which floats do not tell are among them.
    max_cells : int
        Stop when there are so many. 1 gives the cell of the point with all its facets.
    time_limit : float, optional
        In seconds: stop when they have passed, with the cells that are there by then. It is looked at between facets.
    progress : bool
        Whether to show on stderr how many cells were found.

    Returns
    -------
    Neighborhood

    Raises
    ------
    InvalidInput
        If an argument does not fit, or the point is not inside the domain.
    BudgetExceeded
        If time has passed before the cell of the point was there.

    Notes
    -----
    Which hyperplanes are facets, and which cells lie behind them, is exact. In a network 784-64-64-64-10 a cell takes
    some milliseconds: it has as many dimensions as the first layer has neurons, if these are fewer than the inputs.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1], [0]])
    >>> near = lr.explore(network, [0.25, 0.25])
    >>> len(near), near.complete, near.facets[0].tolist()
    (7, True, [0, 1, 2])
    >>> lr.explore(network, [0.25, 0.25], max_cells=1).inradii.round(3).tolist()
    [[0.293, 0.293]]
    """
    if not is_whole(max_cells, 1):
        raise invalid("max_cells", "be at least 1, a whole number", max_cells)
    if radius is not None and not real(radius) > 0:
        raise invalid("radius", "be a positive number", radius)
    deadline, shown = Deadline(time_limit), flag(progress, "progress")
    with one_blas_thread(), np.errstate(all="ignore"):  # what is not finite proves nothing
        convex = domain if isinstance(domain, ConvexSet) else None
        around = surroundings(network, point, domain if convex is None else convex.hull)
        around.deadline = deadline
        if convex is not None:
            convex.check_inside(around.t)
        meeting = None if convex is None else Meeting(convex, around)
        if meeting is not None and not meeting(around.signs_at_start()):
            raise invalid("domain", "meet the inside of a cell with its tolerance near the point", repr(domain))
        return _explored(network, around, radius, meeting, max_cells, shown)


@np.errstate(all="ignore")  # what is not finite proves nothing
def cells_meeting(network: Network, convex: ConvexSet, budget: Budget, progress: bool) -> tuple[Ints, Certificate]:
    """How many cells after each step meet a convex set."""
    from tqdm import tqdm

    around = surroundings(network, convex.center, convex.hull)
    meeting = Meeting(convex, around)
    walk = Walk(around, meeting, np.inf, counts_first=meeting(around.signs_at_start()) is True)
    begun: list[set[bytes]] = [set() for _ in around.program.steps]
    signs = 0
    for cell, *_ in tqdm(walk, desc="regions", leave=False, disable=not progress):
        signs += len(cell.rows)
        for step, words in enumerate(accumulate(word.tobytes() for word in cell.words)):
            if words not in begun[step]:
                begun[step].add(words)
                budget.spend(step, 1)
    per_step = np.array([len(own) for own in begun], np.int64)
    return per_step, _certificate(around, signs, meeting)


class Found(NamedTuple):
    """A cell, how many facets lie on the shortest way to it, and the keys of the cells behind its own."""

    cell: Cell
    depth: int
    keys: list[int]


class Walk:
    """Cells, breadth first through their facets: as many as there are places, of those that are admitted.

    Parameters
    ----------
    around : Surroundings
    admits : callable
        Whether the cell with some signs is among those that are looked for. None if that is undecided: such a cell is
        crossed, as others may lie behind it, but not found. The first is not asked about.
    places : float
    counts_first : bool
        Whether the first is among those that are looked for; else it is crossed.
    """

    def __init__(
        self, around: Surroundings, admits: Callable[[list[Words]], bool | None], places: float, *,
        counts_first: bool = True,
    ) -> None:  # fmt: skip
        self.around, self.admits, self.places, self.counts_first = around, admits, places, counts_first
        self.complete = True

    def __iter__(self) -> Iterator[Found]:
        """Go from cell to cell."""
        around, places = self.around, self.places - self.counts_first
        cell = around.first_cell()
        waiting = deque([(cell, 0, self.counts_first)])
        asked = {cell.key}
        while waiting:
            cell, depth, counts = waiting.popleft()
            across = around.keys_across(cell)
            for i, key in across:
                if key in asked or not (self.complete or places):
                    continue
                try:
                    words = around.signs_across(cell, i)
                    admitted = self.admits(words)
                    if admitted and not places:
                        self.complete = False
                        continue
                    asked.add(key)
                    if admitted is not False:
                        waiting.append((around.across(cell, i, words), depth + 1, bool(admitted)))
                        places -= bool(admitted)
                except OutOfTime:
                    self.complete, places = False, 0
            if counts:
                yield Found(cell, depth, [key for _, key in across])


def _explored(
    network: Network, around: Surroundings, radius: float | None, meeting: Meeting | None, max_cells: int,
    progress: bool,
) -> Neighborhood:  # fmt: skip
    from tqdm import tqdm

    def admits(words: list[Words]) -> bool | None:
        near = radius is None or around.apart(words) < radius
        return near and (meeting is None or meeting(words))

    walk = Walk(around, admits, max_cells)
    found = list(tqdm(walk, desc="cells", unit="cell", leave=False) if progress else walk)
    around.deadline = Deadline(None)
    cells = [own.cell for own in found]
    number = {cell.key: i for i, cell in enumerate(cells)}
    inner = [cell.label[cell.is_facet & (cell.label >= 0)] for cell in cells]
    if meeting is None:
        points = around.inputs(np.stack([cell.point for cell in cells]))
    else:
        points = np.stack(meeting.points[: len(cells)])
    return Neighborhood(
        network=network,
        point=around.t,
        complete=walk.complete,
        depth=read_only(np.array([own.depth for own in found])),
        facets=tuple(read_only(around.program.label_neuron[label]) for label in inner),
        neighbors=tuple(read_only(np.array([number.get(key, -1) for key in own.keys], np.int64)) for own in found),
        interior_points=read_only(points),
        certificate=_certificate(around, sum(len(cell.rows) for cell in cells), meeting),
        _around=around,
        _cells=tuple(cells),
    )


def _certificate(around: Surroundings, signs: int, meeting: Meeting | None) -> Certificate:
    exact = around.exact_answers
    return Certificate(signs, exact, exact, *((meeting.verdicts, meeting.undecided) if meeting else ()))


def surroundings(network: object, point: object, domain: object) -> Surroundings:
    """Check what users pass."""
    if not isinstance(network, Network):
        raise invalid("network", "be a Network (see Network.from_torch, Network.from_arrays)", type(network).__name__)
    space = Space(network.n_inputs) if domain is None else domain
    if not isinstance(space, Domain) or space.n_inputs != network.n_inputs:
        rule = f"be a Box, Polytope, Space or Slice in {network.n_inputs} dimensions, as the inputs are"
        raise invalid("domain", rule, repr(domain))
    t = exact_array(point, "point")
    if t.shape != (space.dim,):
        raise invalid("point", f"have shape ({space.dim},)", t.shape)
    around = Surroundings(network, space.halfspace_chart(), t)
    if not around.start_is_inside:
        raise invalid("point", "lie in the domain", "a point outside")
    return around
