"""Cells given by inequalities: which of these are facets, which cells meet in them, largest balls, and what is bounded.

Nothing is known of corners. The rows of inequalities are made from the patterns when they are asked for, for a block
of cells at a time, and linear programs answer; what floats do not prove is decided in rational arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property, partial
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import polyhedra
from linear_regions.kernels.bounds import SLACK, TINY, UNIT
from linear_regions.kernels.halfspaces import Work, work_for

from .bits import word_count
from .domain.chart import rounded
from .domain.polyhedron import extreme_rays
from .errors import InvariantViolated, invalid
from .exact import Row
from .geometry import LineComplex, PlaneComplex
from .measures.patterns import PatternTable
from .metric import largest_balls, lengths
from .network.cast import read_only
from .norms import norms
from .rational_lp import Point, as_floats, floats_inside, inside_or_interior, least, violated
from .rows import Frame, Rows, frame_of, settle_doubtful, signs_behind
from .settle import Settler
from .solid_complex import SolidComplex
from .space_complex import SpaceComplex

if TYPE_CHECKING:
    from .cells import Cells

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_BLOCK_BYTES = 1 << 24


class Balls(NamedTuple):
    """A largest ball in each cell.

    Attributes
    ----------
    centers : (N, d) ndarray of float64
    radii : (N,) ndarray of float64
        Proven: a ball of this radius about the centre lies in the cell. Infinite if there are balls of any size.
    upper : (N,) ndarray of float64
        Proven: no ball in the cell is larger.
    """

    centers: Floats
    radii: Floats
    upper: Floats


@dataclass(frozen=True)
class Block:
    """Some cells as polyhedra for the kernels."""

    cells: slice
    offset: Ints
    rows: Floats
    error: Floats
    point: Floats


@dataclass(frozen=True, eq=False)
class HalfspaceComplex:
    """A complex of polyhedra known by their inequalities.

    Attributes
    ----------
    inside : (N, d) ndarray of float64
        A point inside each, NaN where no float is known to be inside.
    constraint_offsets : (N + 1,) ndarray of int64
    constraint_labels : (constraint_offsets[-1],) ndarray of int32
        The hyperplanes that cut out each cell, or -1 - i for facet i of the domain; some are redundant.
    patterns : tuple of (N, words) ndarray of uint64
    settler : Settler
        Of the network on the domain.
    frame : Frame
    """

    inside: Floats
    constraint_offsets: Ints
    constraint_labels: Index
    patterns: tuple[Words, ...]
    settler: Settler
    frame: Frame

    def __post_init__(self) -> None:
        """Lock the arrays."""
        for array in (self.inside, self.constraint_offsets, self.constraint_labels):
            read_only(array)

    @property
    def dim(self) -> int:
        """Dimension of the cells."""
        return self.frame.dim

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.inside)

    def words(self, cell: int) -> list[Words]:
        """The signs of one cell."""
        return [p[cell] for p in self.patterns]

    def labels(self, cell: int) -> list[int]:
        """The constraints of one cell."""
        own: list[int] = self.constraint_labels[slice(*self.constraint_offsets[cell : cell + 2])].tolist()
        return own

    @cached_property
    def interior_points(self) -> Floats:
        """(N, d) a point inside each cell; the nearest float to one where no float is found inside."""
        points = self.inside.copy()
        for cell in np.flatnonzero(np.isnan(points).any(axis=1)).tolist():
            rows = self.settler.constraints(self.labels(cell), self.words(cell))
            exact = self.exact_point(cell, rows)
            found = floats_inside(rows, exact)
            points[cell] = as_floats(exact) if found is None else found
        return read_only(points)

    def proven(self) -> HalfspaceComplex:
        """The same, with points left out that error bounds do not prove to lie inside their cells."""
        points = self.inside.copy()
        for b in self._blocks(points):
            owner = np.repeat(np.arange(len(b.point)), np.diff(b.offset))
            with np.errstate(all="ignore"):  # what is not finite is not proven
                terms = b.rows[:, :-1] * b.point[owner]
                size = np.abs(terms).sum(axis=1) + np.abs(b.rows[:, -1])
                off = b.error[:, 0] * np.abs(b.point).sum(axis=1)[owner] + b.error[:, 1] + (self.dim + 2) * UNIT * size
                fails = ~(terms.sum(axis=1) + b.rows[:, -1] > off * SLACK + TINY)
            points[b.cells][np.bincount(owner, fails, len(b.point)) > 0] = np.nan
        return replace(self, inside=points)

    # Facets

    @cached_property
    def is_facet(self) -> Flags:
        """(constraint_offsets[-1],) whether a constraint is a facet; exact."""
        answer, nothing = np.empty(len(self.constraint_labels), np.uint8), np.empty((0, self.dim))
        held = np.empty((len(answer), self.dim), np.int64)
        for b in self._blocks(self.interior_points):
            own = slice(*self.constraint_offsets[[b.cells.start, b.cells.stop]])
            polyhedra.facets(
                b.offset, b.rows, b.error, b.point, self.frame.reach, _work(b, self.dim, 0), answer[own], nothing,
                held[own],
            )  # fmt: skip
        unknown = np.flatnonzero(answer == polyhedra.UNKNOWN)
        owner = np.searchsorted(self.constraint_offsets, unknown, side="right") - 1
        for cell in np.unique(owner).tolist():
            first = int(self.constraint_offsets[cell])
            rows = self.settler.constraints(self.labels(cell), self.words(cell))
            start = cache(partial(self.exact_point, cell, rows))
            for i in unknown[owner == cell].tolist():
                answer[i] = violated(rows, i - first, held[i].tolist(), start) is not None
        return read_only(answer == polyhedra.YES)

    def exact_point(self, cell: int, rows: Sequence[Row]) -> Point:
        """A point inside a cell, given its exact constraints."""
        return inside_or_interior(rows, self.frame.exact(np.ldexp(self.inside[cell], -self.frame.shift)), self.dim)

    @cached_property
    def _facets(self) -> tuple[Ints, Index]:
        """The two cells of each facet, -1 outside the domain, and its label; each once, by its lower cell."""
        own = np.flatnonzero(self.is_facet)
        cell = np.repeat(np.arange(self.n_cells), np.diff(self.constraint_offsets))[own]
        label = self.constraint_labels[own]
        other = np.full(len(own), -1)
        inner = np.flatnonzero(label >= 0)
        other[inner] = self._across(cell[inner], label[inner])
        first = (other < 0) | (cell < other)
        return read_only(np.column_stack([cell, other])[first]), read_only(label[first])

    @cached_property
    def _table(self) -> PatternTable:
        return PatternTable(self.patterns, self.n_cells)

    def _across(self, cell: Ints, label: Index) -> Ints:
        """The cells behind facets.

        If there is a cell with the same signs but for the hyperplane of the facet, it is the one behind it: in the
        first other place where the cell behind had another sign, the row would vanish on the facet, so be the same
        multiple of the facet's row on both, and leave nothing for that cell. Else other rows vanish on the facet.
        """
        program = self.settler.program
        flipped = [p[cell].copy() for p in self.patterns]
        number = program.label_step[label]
        for step, words in enumerate(flipped):
            own = np.flatnonzero(number == step)
            k = label[own] - program.steps[step].label0
            words[own, k >> 6] ^= np.uint64(1) << (k & 63).astype(np.uint64)
        other = self._table.find(flipped, len(cell))
        for i in np.flatnonzero(other < 0).tolist():
            (other[i],) = self._table.find(self._behind(int(cell[i]), int(label[i])), 1).tolist()
        if (other < 0).any():
            raise InvariantViolated(f"cell {int(cell[other < 0][0])} must have a neighbour behind each inner facet")
        return other

    def _behind(self, cell: int, label: int) -> list[Words]:
        return [w[None] for w in signs_behind(self.settler, self.words(cell), label)]

    @property
    def facet_cells(self) -> Ints:
        """(F, 2) the cells of each facet, the second -1 outside the domain."""
        return self._facets[0]

    @property
    def label(self) -> Index:
        """(F,) hyperplane of each facet, or -1 - i on facet i of the domain."""
        return self._facets[1]

    @property
    def interior(self) -> Flags:
        """(F,) whether a facet lies inside the domain."""
        return np.asarray(self.label >= 0)

    # Balls and ends

    @cached_property
    def balls(self) -> Balls:
        """A largest ball in each cell."""
        centers, radii = np.empty((self.n_cells, self.dim)), np.empty((self.n_cells, 2))
        least, reach = int(self.frame.shift.min()), self.frame.reach
        if len(reach):
            reach = np.append(reach, np.ldexp(self.frame.chart.reach.min(), -least))
        unit = np.ldexp(1.0, least - self.frame.shift)  # radii are in units of 2^least
        for b in self._blocks(self.interior_points):
            with np.errstate(all="ignore"):  # lengths that are not finite prove nothing
                norm, norm_error = lengths(b.rows[:, :-1] * unit)
                norm_error += b.error[:, 0] * norms(unit) * SLACK + TINY
            centers[b.cells], radii[b.cells] = largest_balls(
                b.offset, b.rows, b.error, norm, norm_error, b.point, reach
            )
        with np.errstate(over="ignore"):
            low, high = np.ldexp(radii, least).T
        smallest = np.nextafter(0.0, 1.0)  # what radii and coordinates lose below the normal numbers
        low = np.maximum(low - (self.dim + 1) * smallest, 0.0)
        return Balls(read_only(self.frame.t(centers)), read_only(low), read_only(high + smallest))

    @cached_property
    def bounded(self) -> Flags:
        """(N,) whether a cell is bounded; exact."""
        answer = np.full(self.n_cells, polyhedra.YES, np.uint8)
        if not len(self.frame.reach):
            d = self.dim
            goal, error = np.zeros((2, d + 2)), np.zeros((2, 2))
            goal[1, d] = -1.0
            for b in self._blocks(self.inside):
                lifted, work = np.empty((1, d + 1)), _work(b, d + 1, 2 * d + 1)
                polyhedra.ends(b.offset, b.rows, b.error, b.point, work, lifted, goal, error, answer[b.cells])
            for cell in np.flatnonzero(answer == polyhedra.UNKNOWN).tolist():
                answer[cell] = self._is_bounded(cell)
        return read_only(answer == polyhedra.YES)

    def _is_bounded(self, cell: int) -> bool:
        """Whether the sum of all slacks has a greatest value, and the normals span the space."""
        rows = self.settler.constraints(self.labels(cell), self.words(cell))
        if not rows or flint.fmpz_mat([list(row[:-1]) for row in rows]).rank() < self.dim:
            return False
        total = [-sum(column) for column in zip(*rows, strict=True)]
        return least(rows, total, self.exact_point(cell, rows)).direction is None

    def recession_cone(self, cell: int) -> list[tuple[Fraction, ...]]:
        """Directions that span the recession cone of a cell: its extreme rays, and lines both ways if it holds some."""
        rows = [row[:-1] for row in self.settler.constraints(self.labels(cell), self.words(cell)) if any(row[:-1])]
        kernel, nullity = flint.fmpz_mat([list(row) for row in rows] or [[0] * self.dim]).nullspace()
        columns = zip(*kernel.tolist(), strict=True)
        lines = [tuple(map(int, own)) for own, _ in zip(columns, range(nullity), strict=False)]
        both = [*lines, *(tuple(-v for v in line) for line in lines)]
        found = [*(ray for ray, _ in extreme_rays([*rows, *both])), *both]
        return [tuple(Fraction(v, gcd(*ray)) for v in ray) for ray in found]

    def solid(self) -> SolidComplex:
        """The cells with their corners, in three dimensions or more; all of them have to be bounded.

        By the double description method, cell by cell. A corner is known by its exact coordinates.
        """
        number: dict[Row, int] = {}
        own, masks, starts, slots, labels = [], [], [0], [0], []
        for cell in range(self.n_cells):
            first, last = self.constraint_offsets[cell : cell + 2]
            label = self.constraint_labels[first:last][self.is_facet[first:last]]
            rays = extreme_rays(self.settler.constraints(label.tolist(), self.words(cell)))
            corners = sorted((number.setdefault(ray, len(number)), mask) for ray, mask in rays)
            own += [v for v, _ in corners]
            masks += [mask for _, mask in corners]
            starts.append(len(own))
            labels.append(label)
            slots.append(slots[-1] + len(label))
        words = word_count(int(np.diff(slots).max()))
        octets = b"".join(mask.to_bytes(8 * words, "little") for mask in masks)
        points = [tuple(Fraction(v, ray[-1]) for v in ray[:-1]) for ray in number]
        return SolidComplex(
            *rounded(points),
            np.array(starts),
            np.array(own, np.int32),
            np.frombuffer(octets, "<u8").reshape(-1, words).astype(np.uint64),
            np.array(slots),
            np.concatenate(labels).astype(np.int32),
        )

    def _blocks(self, points: Floats) -> Iterator[Block]:
        """The cells as polyhedra, so many at a time that their rows fit in memory."""
        rows = Rows(self.settler.program.steps, self.frame)
        width = max([len(step.bias) for step in rows.steps], default=1) + 64
        count = max(1, _BLOCK_BYTES // (8 * width * (self.dim + 1)))
        for first in range(0, self.n_cells, count):
            own = slice(first, min(first + count, self.n_cells))
            offset = self.constraint_offsets[own.start : own.stop + 1]
            labels = self.constraint_labels[offset[0] : offset[-1]]
            offset = offset - offset[0]
            block = rows.constraints([p[own] for p in self.patterns], offset, labels)
            cell = np.repeat(np.arange(own.start, own.stop), np.diff(offset))
            settle_doubtful(*block, self.frame.shift, partial(self._exact_row, cell, labels))
            yield Block(own, offset, *block, np.ldexp(points[own], -self.frame.shift))

    def _exact_row(self, cell: Ints, labels: Index, i: int) -> Row:
        """Constraint i of those of some cells."""
        (row,) = self.settler.constraints([int(labels[i])], self.words(int(cell[i])))
        return row


def _work(block: Block, d: int, more: int) -> Work:
    """Memory for linear programs of d dimensions, with more constraints than the block's."""
    return work_for(int(np.diff(block.offset).max()) + more, d)


def halfspaces_of(regions: Cells) -> HalfspaceComplex:
    """The inequalities of cells that are known by their corners."""
    g = regions.geometry
    if isinstance(g, LineComplex):
        raise invalid("regions", "be of two dimensions or more for this", "regions on a line")
    if isinstance(g, SpaceComplex):  # not by its parts, whose facets may lie in walls between them
        cell, labels, points = g.facet_cells.ravel(), np.repeat(g.label, 2), np.full((g.n_cells, g.dim), np.nan)
    else:
        labels = g.label[g.cell_facets] if isinstance(g, PlaneComplex) else g.facet_labels
        offsets = g.cell_offsets if isinstance(g, PlaneComplex) else g.cell_facet_offsets
        cell, points = np.repeat(np.arange(g.n_cells), np.diff(offsets)), g.centroids
    pairs = np.unique(np.column_stack([cell, labels]), axis=0)  # sides may consist of several edges
    offsets = np.searchsorted(pairs[:, 0], np.arange(g.n_cells + 1))
    labels = pairs[:, 1].astype(np.int32)
    frame = frame_of(regions.program, regions.domain.halfspace_chart())
    return HalfspaceComplex(points, offsets, labels, regions.packed_patterns, regions.settlers[0], frame).proven()
