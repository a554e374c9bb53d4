"""Room for the kernels that go through the faces of polytopes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb

import numpy as np

from linear_regions.kernels.faces import Room, Table, fill_places
from linear_regions.kernels.finished import Cells
from linear_regions.kernels.sizes import LENGTHS, Cones, Sorted, Wedge
from linear_regions.kernels.walk import Walk

from .network.cast import read_only

_PARTS = 4  # room for so many facets of each face


@dataclass(frozen=True)
class Largest:
    """The largest numbers in any cell of a complex."""

    dim: int
    corners: int
    facets: int
    mask_words: int

    @property
    def words(self) -> int:
        """For the corners of a face as bits."""
        return -(-self.corners // 64)

    def walk(self) -> Walk:
        """For walks through the faces of any cell."""
        return Walk(
            on=np.empty((self.facets, self.words), np.uint64),
            face=np.empty((self.dim + 1, self.words), np.uint64),
            apex=np.empty(self.dim + 1, np.int64),
            todo=np.empty((self.dim + 1, self.mask_words), np.uint64),
        )

    def sorted(self) -> Sorted:
        """For a copy of any cell."""
        return Sorted(
            cell=Cells(
                start=np.zeros(2, np.int64),
                corner=np.empty(self.corners, np.int32),
                mask=np.empty((self.corners, self.mask_words), np.uint64),
                slot_start=np.zeros(2, np.int64),
                facet=np.empty(0, np.int32),
            ),
            mask=np.empty((self.corners, self.mask_words), np.uint64),
            count=np.empty(self.facets, np.int64),
            slot=np.empty(self.facets, np.int64),
            order=np.empty(self.corners, np.int64),
            rank=np.empty(self.corners, np.int64),
        )

    def cones(self, n: int, width: int) -> Cones:
        """For cones over n faces of a cell; `width` is d if centroids are wanted, or 0."""
        d, coordinates, parts = self.dim, comb(self.dim, self.dim // 2), _PARTS * n
        return Cones(
            y=np.empty((self.corners, d)),
            far=np.empty(self.corners),
            grown=np.empty(self.corners),
            face=np.empty((n, self.words), np.uint64),
            place=np.full(_places(n), -1, np.int32),
            entry=np.empty(n, np.int64),
            first=np.empty(n + 1, np.int64),
            part=np.empty(parts, np.int32),
            level=np.empty(d + 2, np.int64),
            w=np.empty((n, coordinates)),
            length=np.empty((n, LENGTHS)),
            mean=np.empty((n, width)),
            own=np.empty((parts, coordinates)),
            norm=np.empty(parts),
            u=np.empty((coordinates, d)),
            unit=np.empty(d, np.int64),
        )

    def faces(self, n: int) -> Room:
        """For n faces of a cell."""
        found, before = np.empty((n, self.words), np.uint64), np.empty((n, self.words), np.uint64)
        return Room(found, before, np.empty(_places(n), np.int32))

    def table(self, n: int) -> Table:
        """For n faces of all cells."""
        places = np.full(_places(n), -1, np.int32)
        hashes, cell, last = np.empty(n, np.uint64), np.empty(n, np.int32), np.empty(n, np.int32)
        return Table(hashes, cell, last, np.empty((n, self.words), np.uint64), places)

    def larger_table(self, table: Table, n: int) -> Table:
        """Twice the room, and the same n faces."""
        larger = self.table(2 * len(table.hash))
        for name in ("hash", "cell", "last", "face"):
            getattr(larger, name)[:n] = getattr(table, name)[:n]
        fill_places(larger, n)
        return larger


def _places(n: int) -> int:
    """Size of a table by hash for n entries: a power of two, at most half full."""
    return 1 << (2 * n - 1).bit_length()


@cache
def wedge_table(d: int) -> Wedge:
    """The coordinates of products of vectors of R^d."""
    sets = [list(combinations(range(d), k)) for k in range(d + 1)]
    shape = d + 1, max(map(len, sets)), d
    axis, source = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    for k in range(1, d + 1):
        for i, axes in enumerate(sets[k]):
            axis[k, i, :k] = axes
            source[k, i, :k] = [sets[k - 1].index(axes[:t] + axes[t + 1 :]) for t in range(k)]
    return Wedge(np.array([len(s) for s in sets]), read_only(axis), read_only(source))
