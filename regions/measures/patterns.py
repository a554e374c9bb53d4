"""Activation patterns: unpacked, and looked up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linear_regions.bits import hashed
from linear_regions.errors import InvariantViolated
from linear_regions.exact import cell_pieces
from linear_regions.program import Program

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_CHUNK_BYTES = 1 << 25


def piece_table(program: Program, packed: Sequence[Words]) -> NDArray[np.int8] | NDArray[np.int16]:
    """(N, n_neurons) piece of every neuron with a unit."""
    steps = [(s.activation, p) for s, p in zip(program.steps, packed, strict=True) if s.has_units]
    n_cells = len(packed[0]) if packed else 1
    most = max((len(u.slopes) for a, _ in steps for u in a.units), default=1)
    table = np.zeros((n_cells, sum(a.n_neurons for a, _ in steps)), np.int8 if most <= 127 else np.int16)
    column = 0
    for activation, words in steps:
        own = slice(column, column := column + activation.n_neurons)
        rows = max(1, _CHUNK_BYTES // (8 * activation.n_neurons))
        for first in range(0, n_cells, rows):
            table[first : first + rows, own] = cell_pieces(activation, words[first : first + rows])
    return table


class PatternTable:
    """Finds the cell of a pattern.

    The patterns are hashed with the first seed for which all hashes differ, so a hash names one candidate, which is
    then compared bit by bit.
    """

    def __init__(self, packed: Sequence[Words], n_cells: int) -> None:
        self._words = stacked(packed, n_cells)
        self.seed = 0
        while True:
            keys = hashed(self._words, self.seed)
            self._order = np.argsort(keys, kind="stable")
            self._keys = keys[self._order]
            twins = np.flatnonzero(self._keys[1:] == self._keys[:-1])
            if not len(twins):
                return
            pairs = self._words[self._order[twins]], self._words[self._order[twins + 1]]
            if (pairs[0] == pairs[1]).all(axis=1).any():
                raise InvariantViolated("patterns must be unique, two cells have the same one")
            self.seed += 1

    def find(self, packed: Sequence[Words], count: int) -> Ints:
        """(M,) the cell of each row, -1 where no cell has the pattern."""
        words = stacked(packed, count)
        keys = hashed(words, self.seed)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        cell = self._order[place]
        return np.where((self._words[cell] == words).all(axis=1), cell, -1)


def stacked(packed: Sequence[Words], count: int) -> Words:
    """The words of all steps side by side, (count, total)."""
    return np.concatenate([np.zeros((count, 0), np.uint64), *packed], axis=1)
