"""Networks with known answers, and what a test case is: layers ``(W, b, units)`` as in `naive` on an exact domain.

Nothing here imports the library. Every domain can be written in float64 without rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

import naive
from naive import RELU, Layer

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Domain:
    """A segment ``((low,), (high,))`` or a convex counter-clockwise polygon in t; the input is t or its embedding."""

    vertices: tuple[tuple[Fraction, ...], ...]
    origin: Array | None = None
    basis: Array | None = None

    @property
    def dimension(self) -> int:
        return len(self.vertices[0])

    @property
    def lower(self) -> Array:
        return np.array([float(min(column)) for column in zip(*self.vertices, strict=True)])

    @property
    def upper(self) -> Array:
        return np.array([float(max(column)) for column in zip(*self.vertices, strict=True)])

    @property
    def is_box(self) -> bool:
        return set(self.vertices) == set(_corners(self.lower.tolist(), self.upper.tolist()))

    @property
    def halfspaces(self) -> tuple[Array, Array]:
        """``(A, b)`` with the polygon = {t : A t <= b}, one row per side; raises where float64 would round them."""
        sides = list(zip(self.vertices, self.vertices[1:] + self.vertices[:1], strict=True))
        rows = [(q[1] - p[1], p[0] - q[0]) for p, q in sides]
        shifts = [r[0] * p[0] + r[1] * p[1] for r, (p, _) in zip(rows, sides, strict=True)]
        exact = [*rows, shifts]
        if any(Fraction(float(v)) != v for row in exact for v in row):
            raise ValueError("the sides of the polygon are not float64 numbers")
        return np.array(rows, dtype=float), np.array(shifts, dtype=float)

    def embed(self, t: Sequence[Fraction]) -> tuple[Fraction, ...]:
        """The network's input at t, exactly."""
        if self.basis is None or self.origin is None:
            return tuple(t)
        return tuple(
            Fraction(shift) + sum((Fraction(v) * s for v, s in zip(row, t, strict=True)), Fraction(0))
            for shift, row in zip(self.origin.tolist(), self.basis.tolist(), strict=True)
        )


@dataclass(frozen=True)
class Case:
    """A network, a domain, and what they are."""

    layers: list[Layer]
    domain: Domain
    description: str

    @property
    def weights(self) -> list[Array]:
        return [weight for weight, _, _ in self.layers]

    @property
    def biases(self) -> list[Array]:
        return [bias for _, bias, _ in self.layers]

    @property
    def is_plain_relu(self) -> bool:
        """ReLU after every layer but the last, none after that: what three arrays describe."""
        *hidden, (_, _, last) = self.layers
        return last is None and all(units is not None and all(u == RELU for u in units) for _, _, units in hidden)

    def enumerate(self) -> naive.Complex:
        """The exact cells."""
        domain = self.domain
        origin = None if domain.origin is None else domain.origin.tolist()
        basis = None if domain.basis is None else domain.basis.tolist()
        if domain.dimension == 2:
            return naive.enumerate_2d(self.layers, domain.vertices, origin, basis)
        (low,), (high,) = domain.vertices
        return naive.enumerate_1d(self.layers, low, high, origin, None if basis is None else [row[0] for row in basis])


def _corners(low: Sequence[Any], high: Sequence[Any]) -> tuple[tuple[Fraction, ...], ...]:
    if len(low) == 1:
        return (Fraction(low[0]),), (Fraction(high[0]),)
    (a, b), (c, d) = map(Fraction, low), map(Fraction, high)
    return (a, b), (c, b), (c, d), (a, d)


def box(low: Sequence[float], high: Sequence[float]) -> Domain:
    """A box of dimension 1 or 2."""
    return Domain(_corners(low, high))


def cube(dimension: int) -> Domain:
    """``[-1, 1]^d``."""
    return box([-1.0] * dimension, [1.0] * dimension)


def relu_net(weights: Sequence[Any], biases: Sequence[Any]) -> list[Layer]:
    """ReLU between affine maps, as float64 arrays."""
    matrices = [np.atleast_2d(np.asarray(w, dtype=float)) for w in weights]
    units = [[RELU] * len(w) for w in matrices[:-1]]
    shifts = [np.atleast_1d(np.asarray(b, dtype=float)) for b in biases]
    return list(zip(matrices, shifts, [*units, None], strict=True))


def he_net(d: int, *widths: int, seed: int = 0) -> list[Layer]:
    """``he(d; widths)``: He-normal weights, biases N(0, 0.01), all weights drawn before all biases."""
    rng = np.random.default_rng(seed)
    sizes = [d, *widths, 1]
    weights = [rng.normal(size=(n, k)) * (2 / k) ** 0.5 for k, n in pairwise(sizes)]
    return relu_net(weights, [rng.normal(size=n) * 0.1 for n in sizes[1:]])


def torch_net(*sizes: int, seed: int = 0) -> list[Layer]:
    """``torch.nn.Linear`` defaults, drawn in float32 in constructor order, then float64: sizes 2, 16, 16, 1."""
    import torch

    torch.manual_seed(seed)
    linear = [torch.nn.Linear(k, n, dtype=torch.float32).double() for k, n in pairwise(sizes)]
    return relu_net([m.weight.detach().numpy() for m in linear], [m.bias.detach().numpy() for m in linear])


def arrangement(lines: Sequence[Sequence[float]]) -> list[Layer]:
    """One hidden layer whose hyperplanes are ``a . x + c = 0`` for rows ``(*a, c)``, summed."""
    rows = np.asarray(lines, dtype=float)
    return relu_net([rows[:, :-1], np.ones((1, len(rows)))], [rows[:, -1], [0.0]])


def telgarsky(times: int, inputs: int = 1) -> list[Layer]:
    """The tent ``2 relu(x) - 4 relu(x - 1/2)`` of the first input, iterated: 2^times equal cells on [0, 1]."""
    first = np.zeros((2, inputs))
    first[:, 0] = 1.0
    deeper = [[[2.0, -4.0]] * 2] * (times - 1)
    return relu_net([first, *deeper, [[2.0, -4.0]]], [[0.0, -0.5]] * times + [[0.0]])


def zhang(direction: Sequence[float], knots: Sequence[float], jumps: Sequence[float]) -> list[Layer]:
    """``sum_j jumps[j] relu(direction . x - knots[j])``: n+1 slabs, the k-th with slope ``sum(jumps[:k])``."""
    return relu_net([[direction] * len(knots), [jumps]], [[-knot for knot in knots], [0.0]])


def degenerate_cases() -> list[tuple[Case, int]]:
    """Small nets on ``[-1, 1]^2`` (Telgarsky: unit cube) that break other tools, with their exact numbers of cells."""
    off = relu_net([[[1, 1], [1, -1]], [[1, 2], [0, 0], [-3, 1]], [[1, 1, 1]]], [[-4, -4], [0, 0, 0], [0]])
    named: list[tuple[str, list[Layer], int]] = [
        ("x=1/4, y=1/4, x=y", arrangement([[1, 0, -0.25], [0, 1, -0.25], [1, -1, 0]]), 6),
        ("3x=1, 7y=1, 3x=7y", arrangement([[3, 0, -1], [0, 7, -1], [3, -7, 0]]), 6),
        ("side, corner and one line", arrangement([[1, 0, -1], [1, 1, -2], [1, 0.5, 0.1]]), 2),
        ("dead layer, then identically zero", off, 1),
        ("all neurons zero", arrangement([[0, 0, 0], [0, 0, 1], [0, 0, -1]]), 1),
        ("one line, four ways", arrangement([[1, 2, 0.5], [1, 2, 0.5], [-1, -2, -0.5], [0.1, 0.2, 0.05]]), 2),
        ("central, four lines", arrangement([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, -1, 0]]), 8),
    ]
    cases = [(Case(layers, cube(2), name), count) for name, layers, count in named]
    cases += [(Case(telgarsky(k), box([0], [1]), f"Telgarsky {k} on a segment"), 2**k) for k in (1, 5)]
    cases += [(Case(telgarsky(6, inputs=2), box([0, 0], [1, 1]), "Telgarsky 6 on a square"), 64)]
    return cases
