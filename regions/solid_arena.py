"""The memory of a block of polytopes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import bounds, incidence, off
from linear_regions.kernels import solid as kernels

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_ARRAYS: dict[str, tuple[str, type]] = {
    "start": ("cell", np.int64),
    "slot_start": ("cell", np.int64),
    "root": ("cell", np.int32),
    "pattern": ("cell", np.uint64),
    "corner": ("corner", np.int32),
    "mask": ("corner", np.uint64),
    "facet": ("slot", np.int32),
    "positive": ("vertex", np.uint64),
    "negative": ("vertex", np.uint64),
    "z": ("vertex", np.float64),
    "z_next": ("vertex", np.float64),
    "h": ("vertex", np.float64),
    "x": ("vertex", np.float64),
    "owner": ("vertex", np.int32),
    "vertex": ("vertex", np.float64),
    "off": ("vertex", np.float64),
    "ends": ("vertex", np.int32),
}


@dataclass(frozen=True)
class Used:
    """How much of a complex's arrays is in use."""

    vertex: int
    corner: int
    cell: int
    slot: int

    @classmethod
    def of(cls, state: Ints) -> Used:
        """What a kernel has left in its state."""
        v, k, c, s = (int(state[i]) for i in (kernels.N_VERTICES, kernels.N_CORNERS, kernels.N_CELLS, kernels.N_SLOTS))
        return cls(v, k, c, s)

    def plus(self, more: int) -> Used:
        """So many more of each."""
        return Used(self.vertex + more, self.corner + more, self.cell + more, self.slot + more)


NOTHING = Used(0, 0, 0, 0)


@dataclass(frozen=True)
class Widths:
    """Entries per vertex, corner or cell of the arrays whose width changes."""

    dim: int
    x: int
    mask: int
    z: int
    z_next: int
    words: int

    @cached_property
    def _tails(self) -> dict[str, tuple[int, ...]]:
        return {
            "mask": (self.mask,), "z": (self.z,), "z_next": (self.z_next,), "x": (self.x,), "ends": (2,),
            "off": (self.dim, off.OFF_COLUMNS), "vertex": (bounds.VERTEX_COLUMNS,),
            "positive": (self.words,), "negative": (self.words,), "pattern": (self.words,),
        }  # fmt: skip

    def of(self, name: str) -> tuple[int, ...]:
        """Shape of an array after its first axis."""
        return self._tails.get(name, ())


_CELLS = "start", "slot_start", "root", "pattern", "corner", "mask", "facet"  # written anew in every step


_ENDS = "start", "slot_start"  # one entry more than there are cells


class SolidArena:
    """Buffers for one block, enlarged when needed and reused by the next block."""

    def __init__(self) -> None:
        self._flat: dict[str, NDArray[Any]] = {name: np.empty(0, dtype) for name, (_, dtype) in _ARRAYS.items()}
        self._spare: dict[str, NDArray[Any]] = {name: np.empty(0, _ARRAYS[name][1]) for name in _CELLS}
        self._entries = np.empty(0, np.int32)
        self._table = self._entries  # of edges, by which vertices are found; its size is a power of two
        self._room = {"vertex": 0, "corner": 0, "cell": 0, "slot": 0}
        self._views: tuple[Widths, kernels.Solid, kernels.Solid] | None = None  # as last asked for, while they hold

    def __getstate__(self) -> dict[str, Any]:
        """Leave the views behind: they are of these buffers, and copies would not be."""
        return self.__dict__ | {"_views": None}

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._entries.nbytes + sum(a.nbytes for a in (*self._flat.values(), *self._spare.values()))

    def array(self, name: str, tail: tuple[int, ...], used: int = 0) -> NDArray[Any]:
        """A buffer as (room, *tail); the first `used` rows keep their data."""
        return self._shaped(self._flat, name, tail, used)

    def _shaped(self, held: dict[str, NDArray[Any]], name: str, tail: tuple[int, ...], used: int) -> NDArray[Any]:
        room, entries = self._room[_ARRAYS[name][0]], prod(tail)
        flat = held[name]
        if room * entries > len(flat):
            self._views = None
            held[name] = np.empty(max(room * entries, 3 * len(flat) // 2), flat.dtype)
            kept = flat[: (used + (name in _ENDS)) * entries]
            held[name][: len(kept)] = kept
        return held[name][: room * entries].reshape(room, *tail)

    def reserve(self, wanted: Used, used: Used, written: Used, widths: Widths) -> None:
        """Make room; what is in use keeps its data, and so do the cells that have been written to the other arrays."""
        for kind in self._room:
            if getattr(wanted, kind) > self._room[kind]:
                self._room[kind] = max(getattr(wanted, kind), 3 * self._room[kind] // 2)
                self._views = None
        self.index(used, widths)
        self._view(widths, used, written)

    def index(self, used: Used, widths: Widths, least: int = 0) -> None:
        """Enter the vertices in the table of edges, which is made as large as they need, and at least so large."""
        size = max(least, 1 << (4 * used.vertex + 256).bit_length())
        if size > len(self._entries):
            self._entries = np.empty(size, np.int32)
        if size != len(self._table):
            self._table = self._entries[:size]
            self._views = None
        incidence.fill_table(self.array("ends", widths.of("ends"), used.vertex), used.vertex, self._table)

    def mesh(self, widths: Widths) -> kernels.Solid:
        """The arrays; there has to be room for rows of these widths."""
        return self._view(widths)[0]

    def second(self, widths: Widths) -> kernels.Solid:
        """The same with the other arrays for the cells."""
        return self._view(widths)[1]

    def _view(
        self, widths: Widths, used: Used = NOTHING, written: Used = NOTHING
    ) -> tuple[kernels.Solid, kernels.Solid]:
        """The arrays, and the same with the other ones for the cells; what is in use and written keeps its data."""
        if self._views is None or self._views[0] != widths:
            arrays = {
                name: self.array(name, widths.of(name), getattr(used, kind))
                for name, (kind, _) in _ARRAYS.items()
                if name != "h"
            }
            spare = {
                name: self._shaped(self._spare, name, widths.of(name), getattr(written, _ARRAYS[name][0]))
                for name in _CELLS
            }
            mesh = kernels.Solid(**arrays, table=self._table)
            self._views = widths, mesh, mesh._replace(**spare)
        return self._views[1:]

    def widen(self, used: Used, written: Used, widths: Widths) -> Widths:
        """One word more for the facets of a cell."""
        self._views = None
        for held, n in ((self._flat, used.corner), (self._spare, written.corner)):
            old = self._shaped(held, "mask", widths.of("mask"), n)
            held["mask"] = one_word_more(old).ravel()
        return replace(widths, mask=widths.mask + 1)

    def swap(self) -> None:
        """The other arrays of the cells take their place."""
        self._views = None
        for name in _CELLS:
            self._flat[name], self._spare[name] = self._spare[name], self._flat[name]

    def swap_rows(self) -> None:
        """The next layer's rows become the rows."""
        self._views = None
        self._flat["z"], self._flat["z_next"] = self._flat["z_next"], self._flat["z"]


def one_word_more(mask: Words) -> Words:
    """Masks with an empty word after the others."""
    return np.concatenate([mask, np.zeros((len(mask), 1), np.uint64)], axis=1)
