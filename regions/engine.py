"""What the engines of two and of more dimensions have in common: blocks of cells, and what they come to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial, reduce
from operator import add
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .budget import Budget, Workers, as_bytes, from_bytes
from .cuts import make_cuts
from .geometry import PlaneComplex
from .pool import Pool, Sized
from .program import Program
from .settle import Settler
from .sharpen import sharpened_block
from .solid_complex import SolidComplex
from .sums import Sums, pieces, sums_of

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


class Wanted(Enum):
    """What is wanted of the cells."""

    NUMBER = 0
    PATTERNS = 1
    SUMS = 2
    CELLS = 3


class Steps(Protocol):
    """What the engines know of their blocks."""

    pattern: Words

    @property
    def n_cells(self) -> int:
        """Number of cells."""

    @property
    def is_between(self) -> bool:
        """Whether it is not in the middle of a step."""


B = TypeVar("B", bound=Steps)  # blocks
A = TypeVar("A", bound=Sized)  # arenas
T = TypeVar("T")  # how a part was taken from its block
C = TypeVar("C")  # finished cells


@dataclass
class Tally(Generic[C]):
    """What a block came to."""

    per_step: Ints
    signs: int = 0
    double_signs: int = 0
    exact_signs: int = 0
    patterns: list[Words] = field(default_factory=list)  # of runs of cells, one after the other
    sums: Sums | None = None
    cells: C | None = None
    whole: Ints | None = None  # the region that each cell is a part of, if walls have cut regions into parts

    def add(self, other: Tally[C]) -> None:
        """Add what a part came to, but for its cells."""
        self.per_step += other.per_step
        self.signs += other.signs
        self.double_signs += other.double_signs
        self.exact_signs += other.exact_signs
        self.patterns += other.patterns
        if other.sums is not None:
            self.sums = other.sums if self.sums is None else self.sums + other.sums


class Engine(ABC, Generic[B, A, T, C]):
    """Enumerates the cells of a program over one convex domain.

    Parameters
    ----------
    program : Program
    settler : Settler
    wanted : Wanted
    budget : Budget
    """

    arenas: Pool[A]

    def __init__(self, program: Program, settler: Settler, *, wanted: Wanted, budget: Budget) -> None:
        self.program = program
        self.settler = settler
        self.wanted = wanted
        self.budget = budget
        self.cuts = make_cuts(program)
        self.norms = [*(step.norms for step in program.steps[1:]), np.empty(0)]  # of the map after each step

    @abstractmethod
    def advance(self, block: B, number: int, tally: Tally[C]) -> B:
        """Take a block through a step, or a part of it."""

    @abstractmethod
    def ranges(self, block: B) -> list[tuple[int, int]]:
        """The runs of cells that a block is divided into; one run if it is small."""

    @abstractmethod
    def divider(self, block: B) -> Callable[[int, int, A], B]:
        """Takes the cells first <= i < last of a block into an arena."""

    @abstractmethod
    def tie(self, part: B) -> T:
        """How a part was taken from its block."""

    @abstractmethod
    def finished(self, block: B) -> C:
        """The cells of a block that has gone through all steps."""

    @abstractmethod
    def joined(self, block: B, ties: list[T], cells: list[C]) -> C:
        """The cells of the parts of a block."""

    @abstractmethod
    def complex(self, cells: C) -> PlaneComplex | SolidComplex:
        """Finished cells as a complex."""

    def run(self, block: B, number: int, workers: Workers | None = None) -> Tally[C]:
        """Take a block through the steps from `number` on, divided where it is large."""
        tally: Tally[C] = Tally(np.zeros(len(self.program.steps), np.int64))
        with np.errstate(all="ignore"):  # NaN and infinity are never proven signs
            while number < len(self.program.steps):
                self.budget.check()
                block = self.advance(block, number, tally)
                if block.is_between:
                    tally.per_step[number] = block.n_cells
                    self.budget.spend(number, block.n_cells)
                    number += 1
                if number < len(self.program.steps):
                    ranges = self.ranges(block)
                    if len(ranges) > 1:
                        self.run_parts(block, ranges, number, workers, tally)
                        return tally
            self._finish(block, tally)
        return tally

    def _finish(self, block: B, tally: Tally[C]) -> None:
        if self.wanted in (Wanted.PATTERNS, Wanted.CELLS):
            tally.patterns = [block.pattern]
        if self.wanted is Wanted.CELLS:
            tally.cells = self.finished(block)
        if self.wanted is Wanted.SUMS:
            cells = self.complex(self.finished(block))
            sharp = sharpened_block(cells, self.settler, lambda cell: self.program.words(block.pattern[cell]))
            tally.sums = reduce(add, (self._sums(piece) for piece in pieces(sharp)))

    def _sums(self, cells: PlaneComplex | SolidComplex) -> Sums:
        self.budget.check()
        return sums_of(cells, len(self.program.label_step))

    def run_parts(
        self, block: B, ranges: list[tuple[int, int]], number: int, workers: Workers | None, tally: Tally[C]
    ) -> None:
        """Take the parts of a block through the remaining steps, and gather what they come to."""
        take = self.divider(block)
        if workers is not None and workers.remote:
            # other processes get a copy of their part and a part of the program's state
            ties, tasks = [], []
            for first, last in ranges:
                part = take(first, last, self.arenas.make())
                ties.append(self.tie(part))
                tasks.append(as_bytes(part))
            tallies = [from_bytes(own) for own in workers.map(partial(_run_copy, as_bytes(self), number), tasks)]
        else:

            def task(cells: tuple[int, int]) -> tuple[T, Tally[C]]:
                arena = self.arenas.take()
                try:
                    part = take(*cells, arena)
                    return self.tie(part), self.run(part, number)
                finally:
                    self.arenas.give(arena)

            done = [task(cells) for cells in ranges] if workers is None else workers.map(task, ranges)
            ties, tallies = [tie for tie, _ in done], [own for _, own in done]
        for own in tallies:
            tally.add(own)
        if workers is not None and workers.remote:
            self.budget.correct(tally.per_step)  # each process has counted its own part
        if self.wanted is Wanted.CELLS:
            tally.cells = self.joined(block, ties, [own.cells for own in tallies if own.cells is not None])


def _run_copy(engine: bytes, number: int, part: bytes) -> bytes:
    """Take a part through its steps in a process of its own."""
    return as_bytes(from_bytes(engine).run(from_bytes(part), number))


def put_together(program: Program, tally: Tally[C]) -> Tally[C]:
    """Count cells with one pattern as one region, in the order of the first of each."""
    run = np.concatenate(tally.patterns)
    run = np.column_stack([run, np.zeros(len(run), np.uint64)])  # rows of no entries cannot be sorted
    per_step = np.empty_like(tally.per_step)
    for number, end in enumerate(program.word_offsets[1:]):
        per_step[number] = len(np.unique(run[:, [*range(end), -1]], axis=0))
    _, first, whole = np.unique(run, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return replace(tally, per_step=per_step, patterns=[run[np.sort(first), :-1]], whole=order[whole.ravel()])
