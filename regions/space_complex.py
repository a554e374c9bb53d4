"""The cells of all of R^d, put together from the parts that walls through it have cut them into.

The parts are polytopes in homogeneous coordinates; parts with one pattern are one cell, as cells are convex. A face of
the complex is known by the cells that it belongs to: it is what these have in common, since the cells around any point
fill its neighbourhood. So parts of faces that belong to the same cells are parts of one face, whose dimension is the
largest of theirs, and those that belong to one cell alone are parts of walls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels.bounds import LEAST

from .bits import flat_ranges
from .network.cast import read_only
from .norms import norms
from .solid_complex import Sized, SolidComplex

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_UNIT = 2.0**-53


class _Stars(NamedTuple):
    """Sets of cells, each with at least two, in the order of their sizes and then of their cells."""

    offsets: Ints  # (G + 1,)
    cells: Ints  # (sum,) ascending in each
    dim: Ints  # (G,) of the face that they have in common


@dataclass(frozen=True, eq=False)
class SpaceComplex(Sized):
    """A complex of polyhedra that fill R^d.

    Attributes
    ----------
    parts : SolidComplex
        What walls have cut the cells into, in affine coordinates, which are not finite at infinity. The domain's facet
        0 is at infinity, the others are walls.
    directions : (V, d) ndarray of float64
        Of the parts' vertices at infinity; others have zeros.
    whole : (parts,) ndarray of int64
        The cell of each part.
    patterns : (N, words) ndarray of uint64
        Packed signs of each cell, those of all steps side by side.
    bit_labels : (64 words,) ndarray of int64
        The hyperplane of each bit, in their order; -1 where there is none.
    """

    parts: SolidComplex
    directions: Floats
    whole: Ints
    patterns: Words
    bit_labels: Ints

    def __post_init__(self) -> None:
        """Lock the arrays."""
        for array in (self.directions, self.whole, self.patterns, self.bit_labels):
            read_only(array)

    @classmethod
    def of(cls, homogeneous: SolidComplex, whole: Ints, patterns: Words, bit_labels: Ints) -> SpaceComplex:
        """Cells from parts in homogeneous coordinates (u, w), with the cell of each part."""
        u, w = homogeneous.x[:, :-1], homogeneous.x[:, -1:]
        at_infinity = homogeneous.reaching
        with np.errstate(all="ignore"):
            x = np.where(at_infinity[:, None], np.inf, u / w)
            size = norms(x)
            apart = w[:, 0] - homogeneous.error
            moved = homogeneous.error * (1 + size) / apart * (1 + 8 * _UNIT)
            error = moved + (8 + x.shape[1]) * _UNIT * size + LEAST
            error[(w == 1).ravel() & (homogeneous.error == 0)] = 0.0  # x = u
            error = np.where(at_infinity | (apart <= 0) | np.isnan(error), np.inf, error)
        c = homogeneous
        parts = SolidComplex(x, error, c.cell_offsets, c.corners, c.masks, c.cell_facet_offsets, c.facet_labels)
        return cls(parts, np.where(at_infinity[:, None], u, 0.0), whole, patterns, bit_labels)

    @property
    def dim(self) -> int:
        """Dimension of the cells."""
        return self.parts.dim

    @cached_property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.whole.max()) + 1

    @cached_property
    def at_infinity(self) -> Flags:
        """(V,) which vertices of the parts are at infinity."""
        return self.parts.reaching

    @cached_property
    def bounded(self) -> Flags:
        """(N,) whether a cell is bounded."""
        bounded = np.ones(self.n_cells, np.bool_)
        bounded[self.whole[self._far_parts]] = False
        return read_only(bounded)

    @cached_property
    def _far_parts(self) -> Flags:
        """(parts,) whether a part reaches infinity."""
        far: Flags = np.add.reduceat(self.at_infinity[self.parts.corners], self.parts.cell_offsets[:-1]) > 0
        return far

    # Faces

    @cached_property
    def _faces(self) -> tuple[_Stars, list[tuple[Ints, Ints]]]:
        """The faces of fewer than d dimensions; and for each dimension the parts of faces, with the face of each.

        Parts of walls and parts at infinity have face -1.
        """
        d = self.dim
        stars: dict[int, list[tuple[Ints, Ints, Ints]]] = {}  # by size: dimensions, parts, cells
        n_parts = [0] * d
        for k in range(d):
            face, cell, finite = self._pairs(k)
            n_parts[k] = len(finite)
            pairs = np.sort(face * self.n_cells + self.whole[cell])  # np.unique takes ten times as long
            face, cell = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], self.n_cells)
            sizes = np.bincount(face, minlength=len(finite))
            starts = np.cumsum(sizes) - sizes
            for size in np.unique(sizes[finite & (sizes > 1)]).tolist():
                own = np.flatnonzero(finite & (sizes == size))
                rows = cell[starts[own][:, None] + np.arange(size)]
                stars.setdefault(size, []).append((np.full(len(own), k), own, rows))
        offsets, cells, dims = [np.zeros(1, np.int64)], [], []
        faces = [np.full(n, -1, np.int64) for n in n_parts]
        count = end = 0
        for size in sorted(stars):
            dim, part, rows = (np.concatenate(column) for column in zip(*stars[size], strict=True))
            rows, group = np.unique(rows, axis=0, return_inverse=True)
            largest = np.zeros(len(rows), np.int64)
            np.maximum.at(largest, group.ravel(), dim)
            for k in range(d):
                faces[k][part[dim == k]] = count + group.ravel()[dim == k]
            offsets.append(end + size * np.arange(1, len(rows) + 1))
            cells.append(rows.ravel())
            dims.append(largest)
            count, end = count + len(rows), end + rows.size
        none = np.empty(0, np.int64)
        star = _Stars(np.concatenate(offsets), np.concatenate([none, *cells]), np.concatenate([none, *dims]))
        return star, [(faces[k], np.flatnonzero(faces[k] >= 0)) for k in range(d)]

    def _pairs(self, k: int) -> tuple[Ints, Ints, Flags]:
        """Pairs of a part of a face of dimension k and a part of a cell; which of the former are not at infinity."""
        parts = self.parts
        if k == 0:
            owner = np.repeat(np.arange(parts.n_cells), np.diff(parts.cell_offsets))
            return parts.cell_vertices, owner, ~self.at_infinity
        faces, face, cell = parts.faces_of_cells(k)
        near = np.add.reduceat(~self.at_infinity[faces.vertices], faces.offsets[:-1]) > 0
        return face, cell, near

    def _of_dimension(self, k: int) -> Ints:
        """The faces of dimension k."""
        return np.flatnonzero(self._faces[0].dim == k)

    @property
    def f_vector(self) -> tuple[int, ...]:
        """Number of faces of each dimension, from vertices to cells."""
        return (*(len(self._of_dimension(k)) for k in range(self.dim)), self.n_cells)

    @property
    def n_interior_vertices(self) -> int:
        """Number of vertices."""
        return len(self._vertices)

    # Vertices

    @cached_property
    def _vertices(self) -> Ints:
        """(V,) the parts' vertices that are vertices of the complex."""
        star, parts = self._faces
        face, own = parts[0]
        result: Ints = own[star.dim[face[own]] == 0]
        return result

    @cached_property
    def vertex_coordinates(self) -> Floats:
        """(V, d)."""
        return read_only(self.parts.x[self._vertices])

    @cached_property
    def error(self) -> Floats:
        """(V,) bounds of the vertices' Euclidean distances from the exact ones."""
        return read_only(self.parts.error[self._vertices])

    @cached_property
    def _cells_of_vertices(self) -> tuple[Ints, Ints]:
        """Cells with their vertices, as pairs in the order of the cells."""
        star, parts = self._faces
        group = parts[0][0][self._vertices]
        size = np.diff(star.offsets)[group]
        vertex = np.repeat(np.arange(len(group)), size)
        cell = star.cells[flat_ranges(star.offsets[group], size)]
        order = np.lexsort([vertex, cell])
        return cell[order], vertex[order]

    @cached_property
    def cell_offsets(self) -> Ints:
        """(N + 1,)."""
        sizes = np.bincount(self._cells_of_vertices[0], minlength=self.n_cells)
        return read_only(np.concatenate([[0], np.cumsum(sizes)]))

    @cached_property
    def cell_vertices(self) -> Ints:
        """The vertices of each cell, in order."""
        return read_only(self._cells_of_vertices[1])

    # Facets

    @cached_property
    def _facets(self) -> Ints:
        return self._of_dimension(self.dim - 1)

    @cached_property
    def facet_cells(self) -> Ints:
        """(F, 2) the cells on both sides."""
        star = self._faces[0]
        return read_only(star.cells[star.offsets[self._facets][:, None] + np.arange(2)])

    @cached_property
    def facet_parts(self) -> tuple[Ints, Ints]:
        """The parts' facets that are parts of facets of the complex, and which."""
        number = np.full(len(self._faces[0].dim), -1)
        number[self._facets] = np.arange(len(self._facets))
        face, own = self._faces[1][self.dim - 1]
        return own, number[face[own]]

    @cached_property
    def label(self) -> NDArray[np.int32]:
        """(F,) hyperplane of each facet: the first that tells its cells apart. Its parts may lie in walls."""
        first, second = self.patterns[self.facet_cells].swapaxes(0, 1)
        apart = first ^ second
        word = (apart != 0).argmax(axis=1) if apart.shape[1] else np.zeros(0, np.int64)
        bits = apart[np.arange(len(word)), word]
        place = np.bitwise_count((bits & (~bits + np.uint64(1))) - np.uint64(1))
        return read_only(self.bit_labels[64 * word + place].astype(np.int32))

    @property
    def interior(self) -> Flags:
        """(F,) all true."""
        return np.ones(len(self._facets), np.bool_)

    @cached_property
    def facet_sizes(self) -> Floats:
        """See `Sized`."""
        own, facet = self.facet_parts
        far = np.add.reduceat(self.at_infinity[self.parts.facet_vertices], self.parts.facet_offsets[:-1])[own] > 0
        with np.errstate(all="ignore"):
            sizes = self.parts.facet_sizes[own]
        return self._sums(sizes, facet, len(self._facets), far)

    @staticmethod
    def _sums(sizes: Floats, of: Ints, n: int, far: Flags) -> Floats:
        """(n, 2) sums of sizes with error bounds; infinite without error where a part is."""
        total = np.zeros((n, 2))
        np.add.at(total, of[~far], sizes[~far])
        with np.errstate(all="ignore"):
            rounding = (np.bincount(of, minlength=n) + 1) * _UNIT * total[:, 0]
            total[:, 1] = (total[:, 1] + rounding) * (1 + 2.0**-20)
        total[np.isnan(total).any(axis=1)] = np.inf
        total[of[far]] = np.inf, 0.0
        return read_only(total)

    def _corners_of(self, faces: Ints) -> tuple[Ints, Ints]:
        """Offsets and vertices of faces: the vertices that all cells around a face have."""
        star, n = self._faces[0], len(self._vertices) + 1
        around = np.diff(star.offsets)[faces]
        cells = star.cells[flat_ranges(star.offsets[faces], around)]
        sizes = np.diff(self.cell_offsets)[cells]
        vertex = self.cell_vertices[flat_ranges(self.cell_offsets[cells], sizes)]
        face = np.repeat(np.repeat(np.arange(len(faces)), around), sizes)
        pairs, count = np.unique(face * n + vertex, return_counts=True)
        face, vertex = np.divmod(pairs, n)
        own = count == around[face]
        return np.concatenate([[0], np.cumsum(np.bincount(face[own], minlength=len(faces)))]), vertex[own]

    @cached_property
    def _facet_corners(self) -> tuple[Ints, Ints]:
        return self._corners_of(self._facets)

    @cached_property
    def edges(self) -> Ints:
        """(E, 2) the vertices of each bounded edge."""
        offsets, vertices = self._corners_of(self._of_dimension(1))
        first = offsets[:-1][np.diff(offsets) == 2]
        return read_only(vertices[first[:, None] + np.arange(2)])

    @property
    def facet_offsets(self) -> Ints:
        """(F + 1,) where the vertices of each facet begin."""
        return self._facet_corners[0]

    @property
    def facet_vertices(self) -> Ints:
        """The vertices of the facets, one facet after the other."""
        return self._facet_corners[1]

    # Volumes

    @cached_property
    def sizes(self) -> Floats:
        """See `Sized`."""
        with np.errstate(all="ignore"):
            sizes = self.parts.sizes
        return self._sums(sizes, self.whole, self.n_cells, self._far_parts)

    @cached_property
    def centroids(self) -> Floats:
        """(N, d) centres of mass; not finite for unbounded cells."""
        near = ~self._far_parts
        cell, center, volume = self.whole[near], self.parts.centroids[near], self.parts.volumes[near]
        largest = np.zeros(self.n_cells)
        np.maximum.at(largest, cell, volume)
        with np.errstate(all="ignore"):  # parts of cells whose volumes are no floats have equal weights
            share = np.where(np.isfinite(largest[cell]) & (largest[cell] > 0), volume / largest[cell], 1.0)
            total, moment = np.bincount(cell, share, self.n_cells), np.zeros((self.n_cells, self.dim))
            np.add.at(moment, cell, center * (share / total[cell])[:, None])
        return read_only(np.where(self.bounded[:, None], moment, np.inf))

    # Exactly

    @cached_property
    def _parts_of_cells(self) -> tuple[Ints, Ints]:
        order = np.argsort(self.whole, kind="stable")
        return np.concatenate([[0], np.cumsum(np.bincount(self.whole, minlength=self.n_cells))]), order

    def parts_of(self, cell: int) -> Ints:
        """The parts of a cell."""
        offsets, order = self._parts_of_cells
        return order[offsets[cell] : offsets[cell + 1]]

    def corner_labels(self, cell: int) -> list[tuple[int, ...]]:
        """For each vertex of a cell the labels of facets, and of walls, that meet there."""
        places: dict[int, tuple[int, ...]] = {}
        for part in self.parts_of(cell).tolist():
            own = self.parts.cell_vertices[slice(*self.parts.cell_offsets[part : part + 2])]
            places |= dict(zip(own.tolist(), self.parts.corner_labels(part), strict=True))
        vertices = self.cell_vertices[self.cell_offsets[cell] : self.cell_offsets[cell + 1]]
        return [places[v] for v in self._vertices[vertices].tolist()]
