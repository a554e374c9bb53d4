"""Enumeration over one-dimensional domains: drives the chain kernels layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import bounds, line, rows
from linear_regions.kernels import chain as chains
from linear_regions.kernels.mesh import Cut
from linear_regions.kernels.unrounded import row_grains

from .bits import unpacked
from .budget import Budget
from .cuts import classified, make_cuts
from .domain.chart import INNER_CORNER, LOWER_END, UPPER_END, LineChart
from .fine import FineProduct
from .plane import start_values
from .pool import Buffers, Pool
from .program import Program, Step
from .settle import Settler

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


@dataclass
class Stretch:
    """Consecutive breakpoints that are refined together; `chain.z` holds the rows of the step to come."""

    chain: chains.Chain
    segment: Ints  # (V,) which settler knows the interval after each vertex
    patterns: list[Words]  # one (V, words) array per finished step, by left vertex


@dataclass
class Refined:
    """Signs decided, and by what."""

    signs: int = 0
    double_signs: int = 0
    exact_signs: int = 0


def empty_chain(n: int, width: int) -> chains.Chain:
    """A chain of n vertices with rows of the given width and no signs yet."""
    return chains.Chain(
        positive=np.empty((n, 0), np.uint64),
        negative=np.empty((n, 0), np.uint64),
        z=np.empty((n, width)),
        z_next=np.empty((n, 0)),
        vertex=np.zeros((n, bounds.VERTEX_COLUMNS)),
        t=np.empty(n),
        label=np.empty(n, np.int32),
        linked=np.zeros(n, np.bool_),
    )


def start_stretch(program: Program, charts: list[LineChart]) -> Stretch:
    """The chains of several charts, one after the other."""
    steps = program.steps
    t = np.concatenate([c.t for c in charts])
    chain = empty_chain(len(t), len(steps[0].bias) if steps else 0)
    chain.t[:] = t
    chain.label[:] = np.concatenate([c.label for c in charts])
    chain.linked[:] = chain.label != UPPER_END
    chain.vertex[:, bounds.WEIGHT] = np.concatenate([c.weight for c in charts])
    if steps:
        x = np.concatenate([c.inputs for c in charts])
        error = np.concatenate([c.inputs_error for c in charts])
        start_values(chain, program, x, error, np.zeros(len(x)))
        if program.fine[0] is None:
            start_grain(chain.vertex, steps[0], x, error)
    segment: Ints = np.cumsum(chain.linked) - chain.linked
    return Stretch(chain, segment, [])


BUFFERS = Pool(Buffers, 1 << 26)


class Line:
    """Enumerates the cells of a program along chains of segments and rays.

    Parameters
    ----------
    program : Program
    settlers : list of Settler
        One for each segment.
    budget : Budget
    buffers : Buffers
        Hold what the stretches are made of, so these are lost with the next use of the buffers.
    """

    def __init__(self, program: Program, settlers: list[Settler], budget: Budget, buffers: Buffers) -> None:
        self.program = program
        self.settlers = settlers
        self.budget = budget
        self.buffers = buffers
        self.cuts = make_cuts(program)

    def run(self, stretch: Stretch) -> tuple[Stretch, Refined]:
        """Take a stretch through all steps."""
        outcome = Refined()
        for number in range(len(self.program.steps)):
            with np.errstate(all="ignore"):  # NaN and infinity are never proven signs
                stretch = self.advance(stretch, number, outcome)
            # corners are not counted: they cut a cell only where a hyperplane passes through them
            self.budget.spend(
                number, int(np.count_nonzero(stretch.chain.linked & (stretch.chain.label > INNER_CORNER)))
            )
        return stretch, outcome

    def advance(self, stretch: Stretch, number: int, outcome: Refined) -> Stretch:
        """Refine a stretch by one step's hyperplanes and evaluate the next step's rows."""
        step = self.program.steps[number]
        following = self.program.steps[number + 1] if number + 1 < len(self.program.steps) else None
        cut = self.cuts[number]
        n, words = len(stretch.chain.t), self.program.word_count(number)
        array = self.buffers.array
        chain = stretch.chain._replace(
            positive=array("positive", (n, words), np.uint64), negative=array("negative", (n, words), np.uint64)
        )
        self.classify(chain, cut, stretch, step, outcome)
        crossings = self.crossings(chain, cut, stretch, outcome)
        offset = np.empty(n, np.int64)
        same = np.zeros(len(crossings.plane), np.bool_)
        self.order(chain, cut, crossings, stretch, same, outcome)
        total = chains.number_groups(crossings, same, offset)
        fine = self.program.fine[number + 1]
        new = self.new_chain(number, total, 0 if fine is not None else len(cut.bias))
        if following is not None and fine is None:
            h = self.activated(chain, cut, step, following.norms)
            new.z_next[offset] = np.matmul(h, following.matrix, out=array("values", (n, len(cut.bias))))
        largest = int(np.diff(offset, append=total).max(initial=1))
        root = np.empty(total, np.int64)
        pattern = np.zeros((total, words), np.uint64)
        line.refine(
            chain,
            new,
            cut,
            crossings,
            offset,
            np.empty(4 * largest + 64, np.int64),
            np.empty(largest + 2),
            np.empty(largest + 2),
            np.empty(0) if following is None else following.norms,
            root,
            pattern,
        )
        if fine is not None:
            new = self.multiply(fine, chain, new, cut, number, crossings, offset)
        elif following is not None:
            line.find_grain(new)
            rows.advance(new.vertex, total, step.is_relu, step.activation.lipschitz, following.norms)
        patterns = [p[root] for p in stretch.patterns] + [pattern]
        return Stretch(new._replace(z=new.z_next, z_next=np.empty((total, 0))), stretch.segment[root], patterns)

    def activated(self, chain: chains.Chain, cut: Cut, step: Step, norms: Floats) -> Floats:
        """Activations at all vertices, and what the bias is multiplied by."""
        n, n_neurons = len(chain.t), len(cut.start) - 1
        h = self.buffers.array("h", (n, n_neurons + 1))
        mixed, on = np.arange(n_neurons, dtype=np.uint64), np.empty(0, np.int64)
        rows.activate(chain, cut, n, step.activation.lipschitz, norms, mixed, on, h)
        return h

    def multiply(
        self, fine: FineProduct, chain: chains.Chain, new: chains.Chain, cut: Cut, number: int,
        crossings: chains.Crossings, offset: Ints,
    ) -> chains.Chain:  # fmt: skip
        """The next step's rows at all vertices of a refined chain."""
        array, step, total, words = self.buffers.array, self.program.steps[number], len(new.t), chain.positive.shape[1]
        here = new._replace(
            z=array("here", (total, chain.z.shape[1])),
            positive=array("positive_here", (total, words), np.uint64),
            negative=array("negative_here", (total, words), np.uint64),
        )
        line.place_rows(chain, here, cut, crossings, offset)
        h = self.activated(here, cut, step, fine.norms)
        z_next = array("z" + str(number % 2), (total, len(cut.bias)))
        fine(h, np.arange(h.shape[1]), z_next)
        rows.advance(new.vertex, total, step.is_relu, step.activation.lipschitz, fine.norms)
        return new._replace(z_next=z_next)

    def new_chain(self, number: int, n: int, width: int) -> chains.Chain:
        """Room for n vertices and their rows of the step after this one; the old chain's memory is left alone."""
        side = str(number % 2)
        vertex = self.buffers.array("vertex" + side, (n, bounds.VERTEX_COLUMNS))
        vertex[:] = 0.0
        z_next = self.buffers.array("z" + side, (n, width))
        return empty_chain(n, 0)._replace(vertex=vertex, z_next=z_next)

    def classify(self, chain: chains.Chain, cut: Cut, stretch: Stretch, step: Step, outcome: Refined) -> None:
        """Prove the signs of all rows."""
        n = len(chain.t)
        _, _, open_v, open_k = classified(chain, cut, n, step.plain)
        outcome.signs += n * len(cut.neuron)
        if not len(open_v):
            return
        signs = np.empty(len(open_v), np.int64)
        starts = np.flatnonzero(np.diff(open_v, prepend=-1))
        for first, last in zip(starts, [*starts[1:], len(open_v)], strict=True):
            v = int(open_v[first])
            cell = v if chain.linked[v] else v - 1
            labels = (cut.label0 + open_k[first:last]).tolist()
            signs[first:last] = self.settled(chain, stretch, cell, int(chain.label[v]), labels, outcome)
        rows.put_signs(chain, cut, open_v, open_k, signs)

    def settled(
        self, chain: chains.Chain, stretch: Stretch, cell: int, at: int, labels: list[int], outcome: Refined
    ) -> list[int]:
        """Certain signs of hyperplanes at the breakpoint `at` of a cell."""
        words = [p[cell] for p in stretch.patterns]
        signs, n_exact = self.settlers[int(stretch.segment[cell])].signs((at,), labels, words)
        outcome.double_signs += len(labels)
        outcome.exact_signs += n_exact
        return signs

    def crossings(self, chain: chains.Chain, cut: Cut, stretch: Stretch, outcome: Refined) -> chains.Crossings:
        """All crossings, sorted by key within each interval."""
        offset = np.empty(len(chain.t) + 1, np.int64)
        count = chains.count_crossings(chain, offset)
        crossings = chains.Crossings(
            offset=offset,
            plane=np.empty(count, np.int64),
            key=np.empty(count),
            delta=np.empty(count),
            apart=np.empty(count, np.bool_),
            lowest=np.empty(count),
            group=np.empty(count, np.int64),
        )
        chains.find_crossings(chain, cut, crossings)
        outcome.signs += int(np.sum(np.maximum(np.diff(offset) - 1, 0)))
        return crossings

    def order(
        self,
        chain: chains.Chain,
        cut: Cut,
        c: chains.Crossings,
        stretch: Stretch,
        same: NDArray[np.bool_],
        outcome: Refined,
    ) -> None:
        """Order the crossings whose enclosures overlap, exactly, and mark those at one point."""
        unproven = np.flatnonzero(~c.apart)
        if not len(unproven):
            return
        runs = np.split(unproven, np.flatnonzero(np.diff(unproven) > 1) + 1)
        for run in runs:
            first, last = int(run[0]) - 1, int(run[-1]) + 1
            cell = int(np.searchsorted(c.offset, first, side="right")) - 1

            def compare(p: int, q: int, cell: int = cell) -> int:
                """Negative if crossing p comes first: hyperplane q still has its left sign there."""
                (sign,) = self.settled(
                    chain, stretch, cell, cut.label0 + int(c.plane[p]), [cut.label0 + int(c.plane[q])], outcome
                )
                k = int(c.plane[q])
                rises = bool(chain.negative[cell, k >> 6] >> np.uint64(k & 63) & np.uint64(1))
                return sign if rises else -sign

            order = sorted(range(first, last), key=cmp_to_key(compare))
            ties = [False] + [compare(p, q) == 0 for p, q in zip(order[:-1], order[1:], strict=True)]
            for array in (c.plane, c.key, c.delta):
                array[first:last] = array[order]
            raised = np.maximum.accumulate(c.key[first:last])
            c.delta[first:last] += (raised - c.key[first:last]) * bounds.SLACK
            c.key[first:last] = raised
            same[first:last] = ties


@np.errstate(all="ignore")  # what is not finite has no grain
def start_grain(vertex: Floats, step: Step, x: Floats, error: Floats) -> None:
    """Find the first rows that float64 holds without rounding."""
    norms = step.norms
    size = norms[bounds.RB] * np.sqrt(1 + np.sum(x * x, axis=1)) * bounds.SLACK
    coarse = min(norms[bounds.GRAIN_W], 0.0)
    fine = np.empty(len(x))
    row_grains(x, np.log2(size) - 54 - coarse, fine)
    fine += coarse
    exact = (error == 0) & (fine > -900) & (size < 2.0 ** (53 + fine))
    vertex[exact, bounds.GRAIN] = fine[exact]
    for column in (bounds.ETA2, bounds.ETAI, bounds.S2, bounds.SI, bounds.ERR):
        vertex[exact, column] = 0.0


@dataclass(frozen=True)
class LineCells:
    """The cells of several curves, one after the other; corners inside a cell are left out."""

    offset: Ints  # (curves + 1,) cells
    t: Floats  # (cells + curves,) vertices
    error: Floats
    label: NDArray[np.int32]
    segment: Ints
    patterns: list[Words]  # (cells, words) for each step
    per_step: Ints  # (curves, steps)


def cells_of(program: Program, stretch: Stretch) -> LineCells:
    """The cells of curves that have gone through all steps: maximal intervals with one pattern."""
    chain = stretch.chain
    starts = np.flatnonzero(chain.label == LOWER_END)
    label = chain.label.copy()
    first = np.zeros(len(label), np.bool_)
    first[starts] = True
    inner = chain.linked & ~first  # vertices with an interval on either side
    changed = first.copy()  # whether a cell starts at the vertex
    per_step = np.ones((len(starts), len(stretch.patterns)), np.int64)
    for number, (step, words) in enumerate(zip(program.steps, stretch.patterns, strict=True)):
        flips = np.zeros_like(words)
        np.bitwise_xor(words[1:], words[:-1], out=flips[1:])
        new = flips.any(axis=1) & inner & ~changed
        for corner in np.flatnonzero(new & (label < 0)):  # a corner that a hyperplane happens to pass through
            label[corner] = step.label0 + int(unpacked(flips[corner], step.activation.n_hyperplanes).argmax())
        changed |= new
        per_step[:, number] = np.add.reduceat(changed, starts, dtype=np.int64)
    vertices = changed | ~chain.linked
    known = np.isfinite(chain.t) & (chain.vertex[:, bounds.DX] < np.inf)
    error = np.where(known | (chain.vertex[:, bounds.WEIGHT] == 0.0), chain.vertex[:, bounds.DX], np.inf)
    return LineCells(
        offset=np.append(np.cumsum(changed)[starts] - 1, np.count_nonzero(changed)),
        t=chain.t[vertices],
        error=error[vertices],
        label=label[vertices],
        segment=stretch.segment[vertices],
        patterns=[np.ascontiguousarray(p[changed]) for p in stretch.patterns],
        per_step=per_step,
    )
