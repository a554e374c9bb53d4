"""A network made ready for the kernels: scaled rows, norms with proofs, hyperplanes numbered through all layers.

Scaling neuron i by 2^-e changes its weights, bias, breakpoints and intercepts, and the next layer's column by 2^e:
the same network in real arithmetic, and the same floats, since only exponents change. Where an entry would leave the
range of normal numbers its row is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels import bounds
from linear_regions.kernels.unrounded import row_grains

from .bits import word_count
from .fine import FineProduct
from .network import Activation, Affine, Network, Unit
from .norms import exponents

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SQUARINGS = 5
_OPEN_SHARE = 2.0**-24
_LARGEST_SHIFT = 400


def frobenius(matrix: Floats) -> float:
    """A bound of the 2-norm of all entries, whatever their scale."""
    shift = _scale(matrix)
    scaled = np.ldexp(matrix, -shift)
    return float(np.ldexp(np.sqrt(np.sum(scaled * scaled)) * (1 + 1e-9), shift))


def _scale(matrix: Floats) -> int:
    """The power of two that brings the largest entry to between a half and one; 0 where there is none."""
    return int(exponents(matrix.ravel()))


def _symmetric_norm(matrix: Floats, squarings: int) -> float:
    """Bound the spectral norm of a symmetric matrix: |M|_2^2 <= |fl(M M)|_2 + gamma_n |M|_F^2, in the end Frobenius.

    The matrix is of a scale where squares neither vanish nor overflow.
    """
    size = float(np.sqrt(np.vdot(matrix, matrix)) * (1 + 1e-9))
    if squarings == 0 or size == 0.0 or not np.isfinite(size):
        return size
    shift = 2.0 ** np.ceil(np.log2(size))
    scaled = matrix / shift
    error = 2 * (len(matrix) + 2) * 2.0**-53
    return float(np.sqrt(_symmetric_norm(scaled @ scaled, squarings - 1) + error) * shift * (1 + 1e-9))


def spectral_bound(matrix: Floats) -> float:
    """A proven bound of the spectral norm, too large by m^(1/128) at most, m the smaller side; O(m^2 max(m, n))."""
    shift = _scale(matrix)
    scaled = np.ldexp(matrix, -shift)
    size = frobenius(scaled)
    if size == 0.0 or not np.isfinite(size):
        return size
    wide = scaled if matrix.shape[0] <= matrix.shape[1] else scaled.T
    gram = wide @ wide.T
    gram = (gram + gram.T) / 2
    error = 2 * (wide.shape[1] + 4) * 2.0**-53 * size * size
    bound = min(size, float(np.sqrt(_symmetric_norm(gram, _SQUARINGS) + error)) * (1 + 1e-9))
    return float(np.ldexp(bound, shift))


def _norms(weight: Floats, bias: Floats) -> Floats:
    """RW, RB, SW, RBF, GAMMA, BN, GRAIN_W of kernels.bounds."""
    both = np.column_stack([weight, bias])
    shift = _scale(both)
    rows = np.ldexp(both, -shift) ** 2
    n = weight.shape[1] + 4
    unit = 2.0**-53
    sizes = [
        np.sqrt(rows[:, :-1].sum(axis=1).max(initial=0.0)),
        np.sqrt(rows.sum(axis=1).max(initial=0.0)),
        np.sqrt(rows.sum()),
    ]
    row, row_bias, total = (float(np.ldexp(size * (1 + 1e-9), shift)) for size in sizes)
    grain = np.empty(len(weight))
    row_grains(both, np.full(len(weight), -np.inf), grain)
    gamma = n * unit / (1 - n * unit) * (1 + 1e-9)
    return np.array([row, row_bias, spectral_bound(weight), total, gamma, frobenius(bias), grain.min(initial=0.0)])


@dataclass(frozen=True)
class Step:
    """One affine map with the units after it, scaled; `exponent[i]` is the power of two taken out of neuron i."""

    affine: Affine
    activation: Activation
    is_relu: bool
    has_units: bool  # False: an affine map that another one follows directly
    exponent: Ints
    label0: int
    matrix: Floats  # (n_in + 1, n_out), scaled: the weights, transposed, and the bias
    norms: Floats
    threshold: Floats  # (m,) scaled
    intercept: Floats  # (pieces,) scaled
    intercept_low: Floats
    bend: Floats  # (m,) change of slope at each hyperplane
    plain: bool  # hyperplane k is z[k] = 0

    @cached_property
    def rounding(self) -> tuple[Floats, Floats]:
        """(pieces,) bounds of the errors of the slopes and of the scaled intercepts, zero where they are exact."""
        a = self.activation
        exact = [pair for kind in a.kind.tolist() for pair in zip(a.units[kind].slopes, a.units[kind].intercepts)]
        slopes = [gap_of(Fraction(s), v) for (s, _), v in zip(exact, a.slope.tolist(), strict=True)]
        units = [Fraction(2) ** e for e in np.repeat(self.exponent, np.diff(a.piece_offset)).tolist()]
        scaled = zip(exact, self.intercept.tolist(), units, strict=True)
        return np.array(slopes), np.array([gap_of(Fraction(i) / unit, v) for (_, i), v, unit in scaled])

    @cached_property
    def follows(self) -> NDArray[np.bool_]:
        """(m,) whether a hyperplane is another, higher threshold of the neuron of the one before."""
        return np.asarray(np.diff(self.activation.hyperplane_neuron, prepend=-1) == 0)

    @property
    def weight_t(self) -> Floats:
        """(n_in, n_out), scaled."""
        weight_t: Floats = self.matrix[:-1]
        return weight_t

    @property
    def bias(self) -> Floats:
        """(n_out,), scaled."""
        bias: Floats = self.matrix[-1]
        return bias


@dataclass(frozen=True)
class Program:
    """The chain of steps a network's cells are made by; the output map is not part of it unless units follow."""

    steps: tuple[Step, ...]
    n_hyperplanes: int

    @cached_property
    def fine(self) -> list[FineProduct | None]:
        """(steps + 1,) how each step's rows are multiplied out if not in floats; None for the last.

        The bounds of what a product rounds grow by the norms of the steps to come, relative to values that go on as
        those of random directions do. A product is fine where this is expected to exceed the share of signs that may
        stay open.
        """
        result: list[FineProduct | None] = [None]
        growth = 1.0
        with np.errstate(all="ignore"):  # norms may be zero or infinite
            for step in reversed(self.steps):
                norms, n = step.norms, len(step.matrix)
                rounding = norms[bounds.GAMMA] * np.sqrt(n) * growth
                result.append(FineProduct(step.matrix, norms) if rounding > _OPEN_SHARE else None)
                growth *= max(1.0, float(norms[bounds.SW] * np.sqrt(2 * n) / norms[bounds.RBF]))
        return result[::-1]

    @cached_property
    def word_offsets(self) -> list[int]:
        """(steps + 1,) where each step's words of packed signs start when they stand side by side."""
        return list(accumulate((word_count(s.activation.n_hyperplanes) for s in self.steps), initial=0))

    @cached_property
    def bit_labels(self) -> Ints:
        """(64 words,) the hyperplane label of each bit of the words of all steps side by side, -1 if it has none."""
        labels = np.full(64 * self.word_offsets[-1], -1, np.int64)
        for number, step in enumerate(self.steps):
            first, m = 64 * self.word_offsets[number], step.activation.n_hyperplanes
            labels[first : first + m] = step.label0 + np.arange(m)
        return labels

    @cached_property
    def label_bits(self) -> Ints:
        """(n_hyperplanes,) the bit of each hyperplane label, the other way round."""
        bits = np.empty(self.n_hyperplanes, np.int64)
        bits[self.bit_labels[self.bit_labels >= 0]] = np.flatnonzero(self.bit_labels >= 0)
        return bits

    def word_count(self, number: int) -> int:
        """Words of packed signs of a step."""
        return self.word_offsets[number + 1] - self.word_offsets[number]

    def words(self, packed: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
        """Packed signs (..., words) of the first steps, side by side, as one array per step."""
        return [packed[..., a:b] for a, b in pairwise(self.word_offsets) if b <= packed.shape[-1]]

    def joined_words(self, runs: list[NDArray[np.uint64]]) -> tuple[NDArray[np.uint64], ...]:
        """Packed signs of all steps of runs of cells, one array per step."""
        return tuple(self.words(np.concatenate(runs)))

    @cached_property
    def label_step(self) -> Ints:
        """(n_hyperplanes,) the step of each hyperplane label."""
        return np.repeat(np.arange(len(self.steps)), [s.activation.n_hyperplanes for s in self.steps])

    @cached_property
    def label_neuron(self) -> Ints:
        """(n_hyperplanes,) neuron of each hyperplane label, numbered through all layers that have units."""
        parts, base = [], 0
        for s in self.steps:
            if s.activation.n_hyperplanes:
                parts.append(s.activation.hyperplane_neuron + base)
            base += s.activation.n_neurons if s.has_units else 0
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    @property
    def n_neurons(self) -> int:
        """Number of neurons of all layers that have units."""
        return sum(step.activation.n_neurons for step in self.steps if step.has_units)


def gap_of(exact: Fraction, rounded: float) -> float:
    """A bound of the error of a float."""
    if not np.isfinite(rounded):
        return np.inf
    gap = abs(exact - Fraction(rounded))
    return float(gap) * (1 + 1e-9) + 5e-324 if gap else 0.0


def _scaled(matrix: Floats, rows: Ints, columns: Ints | None) -> tuple[Floats, NDArray[np.bool_]]:
    """The matrix times 2^(columns - rows), and which rows came through exactly."""
    shift = -rows[:, None] if columns is None else columns[None, :] - rows[:, None]
    scaled = np.ldexp(matrix, shift)
    exact = np.all((np.ldexp(scaled, -shift) == matrix) & np.isfinite(scaled), axis=1)
    return scaled, exact


def _exponents(affine: Affine) -> Ints:
    """Powers of two that bring each row, as it was given, to a norm near one."""
    rows = np.column_stack([affine.weight, affine.bias])
    largest = np.abs(rows).max(axis=1, keepdims=True)
    safe = np.where(largest > 0, largest, 1.0)
    shrunk = np.ldexp(rows, -np.frexp(safe)[1])  # entries below one, so that squares stay finite
    norm = np.sqrt(np.sum(shrunk * shrunk, axis=1))
    exponent = np.frexp(safe[:, 0])[1] + np.frexp(norm)[1]
    # clipped: the next layer's columns take the power back and must stay normal numbers too
    usable = (largest[:, 0] > 0) & np.isfinite(norm)
    return np.clip(np.where(usable, exponent, 0), -_LARGEST_SHIFT, _LARGEST_SHIFT).astype(np.int64)


def _step(affine: Affine, units: Activation | None, label0: int, before: Ints | None, scale: bool) -> tuple[Step, bool]:
    n = affine.weight.shape[0]
    activation = Activation.uniform(Unit.identity(), n) if units is None else units
    exponent = _exponents(affine) if scale else np.zeros(n, np.int64)
    weight, weight_exact = _scaled(affine.weight, exponent, before)
    bias, bias_exact = _scaled(affine.bias[:, None], exponent, None)
    neuron = activation.hyperplane_neuron
    threshold, threshold_exact = _scaled(activation.hyperplane_threshold[:, None], exponent[neuron], None)
    owner = np.repeat(np.arange(n), np.diff(activation.piece_offset))
    intercept, intercept_exact = _scaled(activation.intercept[:, None], exponent[owner], None)
    low, _ = _scaled(activation.intercept_low[:, None], exponent[owner], None)
    exact = bool(weight_exact.all() and bias_exact.all() and threshold_exact.all() and intercept_exact.all())
    threshold = np.ascontiguousarray(threshold[:, 0])
    norms = _norms(weight, bias[:, 0])
    step = Step(
        affine=affine,
        activation=activation,
        is_relu=activation.is_relu,
        has_units=units is not None,
        exponent=exponent,
        label0=label0,
        matrix=np.ascontiguousarray(np.column_stack([weight, bias]).T),
        norms=norms,
        threshold=threshold,
        intercept=np.ascontiguousarray(intercept[:, 0]),
        intercept_low=np.ascontiguousarray(low[:, 0]),
        bend=activation.slope[1:][_inner(activation)] - activation.slope[:-1][_inner(activation)],
        plain=len(neuron) == n and not threshold.any() and bool(np.array_equal(neuron, np.arange(n))),
    )
    return step, exact


def _inner(activation: Activation) -> NDArray[np.bool_]:
    """Which of the steps from one piece to the next in the table stay within a neuron."""
    within = np.ones(len(activation.slope) - 1, np.bool_)
    within[activation.piece_offset[1:-1] - 1] = False
    return within


def _build(network: Network, scale: bool) -> tuple[Program, bool]:
    layers = network.layers
    steps: list[Step] = []
    label0 = 0
    before: Ints | None = None
    exact = True
    for number, layer in enumerate(layers):
        if layer.activation is None and number == len(layers) - 1:
            break
        step, step_exact = _step(layer.affine, layer.activation, label0, before, scale)
        exact &= step_exact
        steps.append(step)
        label0 += step.activation.n_hyperplanes
        before = step.exponent
    return Program(tuple(steps), label0), exact


def compile_network(network: Network) -> Program:
    """The scaled program, or the unscaled one where scaling would not be exact; kept with the network."""
    kept = network.__dict__.get("_program")
    if isinstance(kept, Program):
        return kept
    with np.errstate(all="ignore"):  # what overflows or vanishes makes bounds infinite or the scaling inexact
        program, exact = _build(network, scale=True)
        if not exact:
            program, _ = _build(network, scale=False)
    network.__dict__["_program"] = program
    return program
