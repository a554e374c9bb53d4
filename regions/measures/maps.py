"""The affine map of the network on each cell: all of them in float64, one of them exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.bits import hashed
from linear_regions.domain import Polyline
from linear_regions.errors import invalid
from linear_regions.exact import cell_pieces
from linear_regions.network import Activation, Affine, Network
from linear_regions.network.cast import read_only
from linear_regions.program import Program

if TYPE_CHECKING:
    from linear_regions.cells import Cells
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK_BYTES = 1 << 24


class AffineMaps(NamedTuple):
    """The maps t -> A[c] @ t + b[c] of the cells, A (N, n_out, d) and b (N, n_out); or one map, A (n_out, n) and b."""

    A: Floats
    b: Floats


class ExactMap(NamedTuple):
    """One affine map t -> A t + b in rational numbers, A a list of n_out rows of d numbers, b of n_out numbers."""

    A: list[list[Fraction]]
    b: list[Fraction]


@dataclass(frozen=True)
class Arithmetic:
    """The numbers of a chart and a network, all in float64, and what is done after each operation (rounding aside)."""

    columns: Floats  # (d + 1, n_0) basis vectors, then the origin
    weights: list[Floats]  # (n_in, n_out) of each step, then of the output map if there is one
    biases: list[Floats]
    slopes: list[Floats]  # (pieces,) of each step, neuron after neuron
    intercepts: list[Floats]
    reduce: Callable[[Floats], Floats]


def output_affine(regions: Cells) -> Affine | None:
    """The map after the last units, None if the network ends in units."""
    last = regions.network.layers[-1]
    return last.affine if last.activation is None else None


def one_chart(regions: Regions) -> None:
    """Refuse a domain on which slice coordinates are not one affine chart."""
    if isinstance(regions.domain, Polyline) and len(regions.settlers) > 1:
        raise invalid(
            "domain",
            "have one affine chart for maps in slice coordinates (ambient_map has those in input coordinates)",
            repr(regions.domain),
        )


def float_arithmetic(regions: Cells) -> Arithmetic:
    """The network as it is."""
    affines = [step.affine for step in regions.program.steps]
    last = output_affine(regions)
    if last is not None:
        affines.append(last)
    activations = [step.activation for step in regions.program.steps]
    domain = regions.domain
    return Arithmetic(
        columns=np.concatenate([domain.basis.T, domain.origin[None]]),
        weights=[np.ascontiguousarray(a.weight.T) for a in affines],
        biases=[a.bias for a in affines],
        slopes=[a.slope for a in activations],
        intercepts=[a.intercept for a in activations],
        reduce=lambda values: values,
    )


def walk(
    program: Program, packed: Sequence[NDArray[np.uint64]], cells: Ints, numbers: Arithmetic
) -> Iterator[tuple[Ints, Floats]]:
    """Pairs of some of the cells and their maps, (cells, d + 1, n_out): columns of A, then b.

    Cells are taken in an order in which equal beginnings of patterns follow each other, and what they share is computed
    once.
    """
    for stage, own, columns in walk_stages(program, packed, cells, numbers):
        if stage == len(program.steps):
            yield own, columns


def walk_stages(
    program: Program, packed: Sequence[NDArray[np.uint64]], cells: Ints, numbers: Arithmetic
) -> Iterator[tuple[int, Ints, Floats]]:
    """As `walk`, with the maps into each step's units before the output's, numbered by the steps."""
    keys = [hashed(p[cells], 0) for p in packed if p.shape[1]]
    cells = cells[np.lexsort(keys[::-1])] if keys else cells
    width = max(w.shape[1] for w in [*numbers.weights, numbers.columns])
    rows = max(16, _CHUNK_BYTES // (8 * width * len(numbers.columns)))
    for first in range(0, len(cells), rows):
        own = cells[first : first + rows]
        for stage, (start, columns) in enumerate(_stages(program, [p[own] for p in packed], len(own), numbers)):
            yield stage, own, np.repeat(columns, np.diff(start, append=len(own)), axis=0)


def _stages(
    program: Program, packed: list[NDArray[np.uint64]], count: int, numbers: Arithmetic
) -> Iterator[tuple[Ints, Floats]]:
    """Maps of `count` cells, (runs, d + 1, n), and where the runs of cells begin that share them."""
    h = numbers.columns[None]
    changed = np.arange(count) == 0
    start = np.zeros(1, np.int64)
    for number, (step, words) in enumerate(zip(program.steps, packed, strict=True)):
        z = _affine(h, numbers.weights[number], numbers.biases[number], numbers.reduce)
        yield start, z
        changed[1:] |= (words[1:] != words[:-1]).any(axis=1)
        following = np.flatnonzero(changed)
        z = z[np.searchsorted(start, following, side="right") - 1]
        start = following
        h = _units(z, step.activation, words[start], numbers, number)
    if len(numbers.weights) > len(program.steps):
        h = _affine(h, numbers.weights[-1], numbers.biases[-1], numbers.reduce)
    yield start, h


def _affine(h: Floats, weight: Floats, bias: Floats, reduce: Callable[[Floats], Floats]) -> Floats:
    z: Floats = (h.reshape(-1, h.shape[2]) @ weight).reshape(*h.shape[:2], -1)
    z[:, -1] += bias
    return reduce(z)


def _units(z: Floats, activation: Activation, words: NDArray[np.uint64], numbers: Arithmetic, number: int) -> Floats:
    if not activation.n_hyperplanes and (numbers.slopes[number] == 1).all() and not numbers.intercepts[number].any():
        return z
    piece = activation.piece_offset[:-1] + cell_pieces(activation, words)
    h = z * numbers.slopes[number][piece][:, None, :]
    h[:, -1] += numbers.intercepts[number][piece]
    return numbers.reduce(h)


def gradients(
    network: Network,
    program: Program,
    packed: Sequence[NDArray[np.uint64]],
    cells: Ints,
    of: Callable[[Floats], Floats] = np.asarray,
) -> Iterator[Floats]:
    """The matrices (cells, n_out, n_inputs) of the network's maps of inputs, for runs of some of the cells.

    All factors are taken through `of` first.
    """
    last = network.layers[-1]
    start = of(last.affine.weight) if last.activation is None else np.eye(network.n_outputs)
    widest = max(network.n_inputs, *(w.affine.weight.shape[0] for w in network.layers))
    rows = max(1, _CHUNK_BYTES // (8 * widest * network.n_outputs))
    for first in range(0, len(cells), rows):
        own = cells[first : first + rows]
        matrix = np.repeat(start[None], len(own), axis=0)
        for step, words in zip(reversed(program.steps), reversed(packed), strict=True):
            a = step.activation
            matrix = matrix * of(a.slope)[a.piece_offset[:-1] + cell_pieces(a, words[own])][:, None, :]
            matrix = matrix @ of(step.affine.weight)
        yield matrix


def affine_maps(regions: Regions) -> AffineMaps:
    """All maps; see `Regions.affine_maps`."""
    one_chart(regions)
    d, n_out = regions.dim, regions.network.n_outputs
    maps = np.empty((len(regions), d + 1, n_out))
    for own, columns in walk(
        regions.program, regions.packed_patterns, np.arange(len(regions)), float_arithmetic(regions)
    ):
        maps[own] = columns
    return AffineMaps(read_only(np.ascontiguousarray(maps[:, :d].swapaxes(1, 2))), read_only(maps[:, d].copy()))


def ambient_map(regions: Regions, cell: int) -> AffineMaps:
    """One map in input coordinates; see `Regions.ambient_map`."""
    n = regions.network.n_inputs
    columns = np.concatenate([np.eye(n), np.zeros((1, n))])
    numbers = float_arithmetic(regions)
    identity = Arithmetic(columns, numbers.weights, numbers.biases, numbers.slopes, numbers.intercepts, numbers.reduce)
    words = [p[cell : cell + 1] for p in regions.packed_patterns]
    *_, (_, (maps,)) = _stages(regions.program, words, 1, identity)
    return AffineMaps(read_only(np.ascontiguousarray(maps[:n].T)), read_only(maps[n].copy()))


def exact_map(regions: Regions, cell: int) -> ExactMap:
    """One map in rational numbers; see `Regions.exact_map`."""
    one_chart(regions)
    rows, denominator = regions.settlers[0].exact.output(output_affine(regions), regions.words(cell))
    values = [[Fraction(int(v), int(denominator)) for v in row] for row in rows.tolist()]
    return ExactMap([row[:-1] for row in values], [row[-1] for row in values])
