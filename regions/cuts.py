"""What the kernels need of a layer, and which values of it concern a block of cells.

Where a block is small, most of a layer's hyperplanes have one sign on all of it. The values of those that are
negative are not needed there, and in the last layer neither are those of the positive ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import rows
from linear_regions.kernels.mesh import GIVEN, NEGATIVE, POSITIVE, Cut, Scratch, Signed

from .bits import unpacked
from .program import Program, Step

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def make_cut(step: Step, following: Step | None) -> Cut:
    """What the kernels need of a step and of the one after it."""
    a = step.activation
    n = a.n_neurons
    return Cut(
        neuron=np.array(a.hyperplane_neuron),
        column=np.array(a.hyperplane_neuron),
        threshold=step.threshold,
        start=np.searchsorted(a.hyperplane_neuron, np.arange(n + 1)).astype(np.int64),
        piece=np.array(a.piece_offset),
        slope=np.array(a.slope),
        intercept=step.intercept,
        bend=step.bend,
        flat=np.array(a.flat),
        zero=np.array(a.zero),
        zero_at=np.array(a.zero_at),
        is_relu=step.is_relu,
        weight_t=np.zeros((n, 0)) if following is None else following.weight_t,
        bias=np.zeros(0) if following is None else following.bias,
        label0=step.label0,
    )


def make_cuts(program: Program) -> list[Cut]:
    """What the kernels need of every step."""
    following = [*program.steps[1:], None]
    return [make_cut(step, after) for step, after in zip(program.steps, following, strict=False)]


def narrowed(cut: Cut, width: int, above: Flags, below: Flags) -> tuple[Cut, Ints]:
    """The columns of z, of `width`, that are needed on a block, and the cut with its rows as narrow as that.

    The hyperplanes `above` are positive on the whole block, those `below` negative. For the cells' sides only those are
    needed that are neither; for the displacements in the next layer, all that have a slope. No columns and the same cut
    if those are too many for the copy to be worth it.
    """
    is_last = not len(cut.bias)
    if not (cut.is_relu or is_last):
        return cut, np.empty(0, np.int64)
    needed = np.flatnonzero(~(above | below) if is_last else ~below)
    columns = cut.column[needed] if cut.is_relu else np.unique(cut.column[needed])
    if 2 * len(columns) > width:
        return cut, np.empty(0, np.int64)
    column = np.zeros_like(cut.column)
    column[needed] = np.searchsorted(columns, cut.column[needed])
    return cut._replace(column=column), columns


class Classified(NamedTuple):
    """What the values at some vertices prove of the signs of a step's hyperplanes."""

    above: Flags  # (m,) positive at all of the vertices
    below: Flags  # (m,) negative at all of them
    open_v: Ints  # vertex and hyperplane of each sign that is not proven
    open_k: Ints


def classified(mesh: Signed, cut: Cut, n: int, plain: bool) -> Classified:
    """Enter the signs of the first n vertices that their values prove; `plain` as `Step.plain`."""
    words, m = mesh.positive.shape[1], len(cut.neuron)
    always, never = np.empty(words, np.uint64), np.empty(words, np.uint64)
    room = 256
    while True:
        open_v, open_k = np.empty(room, np.int64), np.empty(room, np.int64)
        count = rows.classify(mesh, cut, n, plain, always, never, open_v, open_k)
        if count <= room:
            return Classified(unpacked(always, m), unpacked(never, m), open_v[:count], open_k[:count])
        room = count


def enter_answers(scratch: Scratch, planes: list[int], signs: list[int]) -> None:
    """Put the certain signs of hyperplanes where a kernel that asked for them looks."""
    scratch.answers[:] = 0
    for k, sign in zip(planes, signs, strict=True):
        bit = np.uint64(1 << (k & 63))
        scratch.answers[GIVEN, k >> 6] |= bit
        if sign:
            scratch.answers[POSITIVE if sign > 0 else NEGATIVE, k >> 6] |= bit


def make_scratch(cut: Cut, words: int) -> Scratch:
    """What a splitting kernel needs besides the complex."""
    m = len(cut.neuron)
    return Scratch(
        answers=np.zeros((GIVEN + 1, words), np.uint64),
        asked=np.empty(m, np.int64),
        unit=np.empty(m, np.int64),
        change=np.empty(m),
    )


def product_columns(step: Step, above: Flags, below: Flags) -> tuple[Ints, Ints]:
    """Neurons that count in the product at some vertices: those to be activated, and those that are their own values.

    ReLUs that are negative at all of the vertices do not count.
    """
    if not step.is_relu:
        return np.arange(step.activation.n_neurons), np.empty(0, np.int64)
    return np.flatnonzero(~(above | below)), np.flatnonzero(above)


def by_vertex(open_v: Ints, cell: NDArray[np.int32]) -> list[tuple[int, int]]:
    """Ranges of the signs to be settled of one vertex each; by cell, as neighbours share their maps' first layers."""
    starts = np.flatnonzero(np.diff(open_v, prepend=-1)).tolist()
    ranges = list(zip(starts, [*starts[1:], len(open_v)], strict=True))
    return sorted(ranges, key=lambda r: int(cell[open_v[r[0]]]))
