"""Polytopes in three and more dimensions as flat arrays, and their faces of every dimension."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import faces as kernels
from linear_regions.kernels.finished import Cells, sort_corners
from linear_regions.kernels.sizes import measure
from linear_regions.kernels.walk import triangulate, whole_cells

from .bits import hashed, unpacked
from .errors import InvariantViolated
from .network.cast import lock, read_only
from .solid_parts import Finished
from .solid_room import Largest, wedge_table

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Index = NDArray[np.int32]
Words = NDArray[np.uint64]

_FIRST_FACES = 64  # room for the faces of one cell


@dataclass(frozen=True, eq=False)
class Faces:
    """All faces of one dimension, each once, in the order of the first cell that has them.

    Attributes
    ----------
    dim : int
    cell : (F,) ndarray of int32
        The first cell that has each.
    last : (F,) ndarray of int32
        The last one; the same if there is no other.
    corners : (F, words) ndarray of uint64
        Which corners of the first cell are its vertices.
    offsets : (F + 1,) ndarray of int64
    vertices : (sum,) ndarray of int64
        The vertices of face i are ``vertices[offsets[i]:offsets[i + 1]]``, in order; those of a polygon go round it.
    inner : (F,) ndarray of bool
        Whether it lies inside the domain but for its own boundary.
    """

    dim: int
    cell: Index
    last: Index
    corners: Words
    offsets: Ints
    vertices: Ints
    inner: Flags

    def __len__(self) -> int:
        """Number of faces."""
        return len(self.cell)


class Sized(ABC):
    """What has volumes, and facets with volumes, in its own dimension: each with a proven bound of its error."""

    @property
    @abstractmethod
    def sizes(self) -> Floats:
        """(N, 2) volumes of the cells and bounds of their errors; infinite without error for unbounded cells."""

    @property
    @abstractmethod
    def facet_sizes(self) -> Floats:
        """(F, 2) the same of the facets."""

    @property
    def volumes(self) -> Floats:
        """(N,) volumes of the cells."""
        return self.sizes[:, 0]

    @property
    def volume_errors(self) -> Floats:
        """(N,) bounds of their errors."""
        return self.sizes[:, 1]

    @property
    def facet_measures(self) -> Floats:
        """(F,) (d - 1)-volumes of the facets."""
        return self.facet_sizes[:, 0]

    @property
    def facet_errors(self) -> Floats:
        """(F,) bounds of their errors."""
        return self.facet_sizes[:, 1]


@dataclass(frozen=True, eq=False)
class SolidComplex(Sized):
    """A conforming complex of convex polytopes.

    Attributes
    ----------
    x : (V, d) ndarray of float64
        Vertices.
    error : (V,) ndarray of float64
        Bounds of their Euclidean distance from the exact vertices.
    cell_offsets : (N + 1,) ndarray of int64
    corners : (K,) ndarray of int32
        The vertices of cell c are ``corners[cell_offsets[c]:cell_offsets[c + 1]]``, in order.
    masks : (K, words) ndarray of uint64
        The facets of its cell that each corner lies on, as bits.
    cell_facet_offsets : (N + 1,) ndarray of int64
    facet_labels : (S,) ndarray of int32
        Hyperplane of each facet of each cell, or -1 - i on facet i of the domain.
    """

    x: Floats
    error: Floats
    cell_offsets: Ints
    corners: Index
    masks: Words
    cell_facet_offsets: Ints
    facet_labels: Index

    def __post_init__(self) -> None:
        """Lock the arrays."""
        lock(self)

    @classmethod
    def of(cls, whole: Finished) -> SolidComplex:
        """The cells that an enumeration came to."""
        most = int(np.diff(whole.cells.start).max())
        sort_corners(whole.cells, np.empty(most, np.int64), np.empty((most, whole.cells.mask.shape[1]), np.uint64))
        cells, vertices = whole.cells, whole.vertices
        return cls(vertices.x, vertices.error, cells.start, cells.corner, cells.mask, cells.slot_start, cells.facet)

    def run(self, first: int, last: int) -> SolidComplex:
        """The cells first <= c < last, with all vertices."""
        corners = slice(*self.cell_offsets[[first, last]])
        slots = slice(*self.cell_facet_offsets[[first, last]])
        return SolidComplex(
            self.x,
            self.error,
            self.cell_offsets[first : last + 1] - corners.start,
            self.corners[corners],
            self.masks[corners],
            self.cell_facet_offsets[first : last + 1] - slots.start,
            self.facet_labels[slots],
        )

    @property
    def dim(self) -> int:
        """Dimension of the cells."""
        return int(self.x.shape[1])

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.cell_offsets) - 1

    @property
    def cells(self) -> Cells:
        """What kernels take."""
        return Cells(self.cell_offsets, self.corners, self.masks, self.cell_facet_offsets, self.facet_labels)

    @property
    def vertex_coordinates(self) -> Floats:
        """(V, d)."""
        return self.x

    @cached_property
    def cell_vertices(self) -> Ints:
        """(K,) the vertices of each cell, in order."""
        return read_only(self.corners.astype(np.int64))

    def incidence_failure(self) -> str:
        """What makes corners and masks useless for the kernels, which rely on them; empty if nothing does."""
        starts = np.zeros(len(self.corners), np.bool_)
        starts[self.cell_offsets[:-1]] = True
        if not ((np.diff(self.corners) > 0) | starts[1:]).all():
            return "the corners of each cell must ascend, others do not"
        used = np.bitwise_or.reduceat(self.masks, self.cell_offsets[:-1], axis=0)
        n = np.diff(self.cell_facet_offsets)
        slots = n[:, None] - 64 * np.arange(used.shape[1])
        every = ~np.uint64(0) >> np.clip(64 - slots, 0, 63).astype(np.uint64)
        if n.max() > 64 * used.shape[1] or (used != np.where(slots > 0, every, np.uint64(0))).any():
            return "the masks of each cell must name all of its facets and no other"
        return ""

    # Faces

    def faces(self, k: int) -> Faces:
        """All faces of dimension k, 0 < k < d."""
        return self._facets[0] if k == self.dim - 1 else self._listed(k, np.empty((2, 0), np.int32))[0]

    def faces_of_cells(self, k: int) -> tuple[Faces, Ints, Ints]:
        """All faces of dimension k, 0 < k < d; and pairs of a face and a cell that has it, as two arrays."""
        if k == self.dim - 1:
            return (
                self._facets[0],
                self.cell_facets,
                np.repeat(np.arange(self.n_cells), np.diff(self.cell_facet_offsets)),
            )
        faces, total = self._listed(k, np.empty((2, 0), np.int32))
        pairs = np.empty((2, total), np.int32)
        self._listed(k, pairs)
        return faces, pairs[0].astype(np.int64), pairs[1].astype(np.int64)

    @cached_property
    def _facets(self) -> tuple[Faces, Index]:
        pairs = np.full((2, len(self.facet_labels)), -1, np.int32)
        faces, total = self._listed(self.dim - 1, pairs)
        if total != len(self.facet_labels):
            raise InvariantViolated(f"cells must have {len(self.facet_labels)} facets in all, got {total}")
        return faces, pairs[0]

    def _listed(self, k: int, pairs: Index) -> tuple[Faces, int]:
        """The faces of dimension k, and the number of pairs with cells; these are filled in if there is room."""
        walk = self._largest.walk()
        key = hashed(np.arange(len(self.x), dtype=np.uint64)[:, None], 0)
        room = self._largest.faces(_FIRST_FACES)
        table = self._largest.table(4 * self.n_cells + 256)
        state = np.zeros(3, np.int64)
        while status := kernels.enter_faces(self.cells, self.dim, k, walk, key, room, table, pairs[0], pairs[1], state):
            if status == kernels.NEED_FOUND:
                room = self._largest.faces(2 * len(room.found))
            else:
                table = self._largest.larger_table(table, int(state[1]))
        n = int(state[1])
        corners = table.face[:n].copy()
        offsets = np.concatenate([[0], np.cumsum(np.bitwise_count(corners).sum(axis=1, dtype=np.int64))])
        if k == 1 and (np.diff(offsets) != 2).any():
            raise InvariantViolated("edges must have two vertices, others do not")
        vertices = np.empty(offsets[-1], np.int64)
        kernels.vertices_of_faces(self.cells, table.cell[:n], corners, offsets, vertices)
        outer = np.empty(n, np.bool_)
        kernels.lie_outside(self.domain_facets, offsets, vertices, outer)
        if k == 2:
            link = np.empty((64 * corners.shape[1], 2), np.int64)
            kernels.go_round(self.cells, self.dim, walk, table.cell[:n], corners, offsets, vertices, link)
        faces = Faces(k, table.cell[:n].copy(), table.last[:n].copy(), corners, offsets, vertices, ~outer)
        return faces, int(state[2])

    @property
    def reaching(self) -> Flags:
        """(V,) the vertices on facet 0 of the domain."""
        on: Flags = self.domain_facets[:, 0] & np.uint64(1) != 0
        return on

    @cached_property
    def domain_facets(self) -> Words:
        """(V, words) facets of the domain that each vertex lies on."""
        n = max(1, -int(self.facet_labels.min(initial=0)))
        held = np.zeros((len(self.x), -(-n // 64)), np.uint64)
        kernels.domain_facets(self.cells, held)
        return held

    @cached_property
    def f_vector(self) -> tuple[int, ...]:
        """Number of faces of each dimension, from vertices to cells."""
        return (len(self.x), *(len(self.faces(k)) for k in range(1, self.dim)), self.n_cells)

    @property
    def n_interior_vertices(self) -> int:
        """Number of vertices off the domain's boundary."""
        return int(np.count_nonzero(~self.domain_facets.any(axis=1)))

    # Facets

    @cached_property
    def cell_facets(self) -> Ints:
        """(S,) the facet that each facet of each cell is."""
        return read_only(self._facets[1].astype(np.int64))

    @cached_property
    def label(self) -> Index:
        """(F,) hyperplane of each facet, or -1 - i on facet i of the domain."""
        facets, of = self._facets
        label = np.empty(len(facets), np.int32)
        label[of[::-1]] = self.facet_labels[::-1]
        return read_only(label)

    @cached_property
    def interior(self) -> Flags:
        """(F,) whether a facet lies inside the domain."""
        return read_only(self.label >= 0)

    @property
    def facet_offsets(self) -> Ints:
        """(F + 1,) where the vertices of each facet begin."""
        return self._facets[0].offsets

    @property
    def facet_vertices(self) -> Ints:
        """The vertices of the facets, one facet after the other."""
        return self._facets[0].vertices

    @cached_property
    def facet_cells(self) -> Ints:
        """(F, 2) the cells on both sides, -1 outside the domain."""
        facets = self._facets[0]
        other = np.where(facets.last == facets.cell, -1, facets.last)
        return read_only(np.column_stack([facets.cell, other]).astype(np.int64))

    @cached_property
    def facet_sizes(self) -> Floats:
        """See `Sized`."""
        return self.measured(self._facets[0])

    # Volumes

    def measured(self, faces: Faces) -> Floats:
        """(F, 2) volumes of faces in their own dimension, and bounds of their errors."""
        return self._measured(faces.dim, faces.cell, faces.corners, 0)[0]

    def _measured(self, k: int, cell: Index, corners: Words, width: int) -> tuple[Floats, Floats]:
        """Volumes with error bounds of faces of dimension k given by corners of cells; their centroids for width d."""
        sizes, centroids = np.empty((len(cell), 2)), np.empty((len(cell), width))
        walk, own, table = self._largest.walk(), self._largest.sorted(), wedge_table(self.dim)
        n, done = _FIRST_FACES, np.zeros(1, np.int64)
        while not measure(
            self.cells, self.x, self.error, walk, own, self._largest.cones(n, width), table, k, cell, corners, sizes,
            centroids, done,
        ):  # fmt: skip
            n *= 2
        return read_only(sizes), read_only(centroids)

    @cached_property
    def sizes(self) -> Floats:
        """See `Sized`."""
        return self._measured(self.dim, np.arange(self.n_cells, dtype=np.int32), self._whole_cells, 0)[0]

    @cached_property
    def _whole_cells(self) -> Words:
        """(N, words) the corners of each cell, as those of a face."""
        corners = np.empty((self.n_cells, self._largest.words), np.uint64)
        whole_cells(self.cells, corners)
        return corners

    @property
    def bounded(self) -> Flags:
        """(N,) all true."""
        return np.ones(self.n_cells, np.bool_)

    @cached_property
    def centroids(self) -> Floats:
        """(N, d) centres of mass."""
        return self._measured(self.dim, np.arange(self.n_cells, dtype=np.int32), self._whole_cells, self.dim)[1]

    def simplices(self, cell: int) -> Ints:
        """(n, d + 1) vertices of simplices that make up a cell."""
        return self.triangulated(self.dim, np.array([cell], np.int32), self._whole_cells[cell : cell + 1])[0]

    def triangulated(self, k: int, cell: Index, corners: Words) -> tuple[Ints, Ints]:
        """(n, k + 1) vertices of simplices that make up faces of dimension k, and the face (n,) that each is of.

        The faces are given by corners of cells.
        """
        room, owner, count = np.empty((0, k + 1), np.int64), np.empty(0, np.int64), 64
        while len(room) < count:
            room, owner = np.empty((count, k + 1), np.int64), np.empty(count, np.int64)
            count = triangulate(self.cells, self.dim, self._largest.walk(), k, cell, corners, room, owner)
        return room[:count], owner[:count]

    def corner_labels(self, cell: int) -> list[tuple[int, ...]]:
        """The labels of the facets that meet in each corner of a cell."""
        labels = self.facet_labels[self.cell_facet_offsets[cell] : self.cell_facet_offsets[cell + 1]]
        on = unpacked(self.masks[self.cell_offsets[cell] : self.cell_offsets[cell + 1]], len(labels))
        return [tuple(labels[row].tolist()) for row in on]

    @cached_property
    def _largest(self) -> Largest:
        """What room the kernels need."""
        corners, facets = (int(np.diff(offsets).max()) for offsets in (self.cell_offsets, self.cell_facet_offsets))
        return Largest(self.dim, corners, facets, self.masks.shape[1])
