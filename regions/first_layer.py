"""The pre-activations of a network's first layer as coordinates, where it has fewer neurons than there are inputs."""

from __future__ import annotations

from fractions import Fraction

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels.bounds import TINY, UNIT

from .domain.chart import AffineChart, exact
from .metric import lengths
from .network import Affine, Network
from .program import frobenius
from .rational_lp import Point

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PRIME = 2**61 - 1


class FirstLayer:
    """The pre-activations of the first layer as coordinates, times powers of two that make their gradients about one.

    Attributes
    ----------
    exponent : (n,) ndarray of int64
        Coordinate i is 2^-exponent[i] times pre-activation i.
    weight, bias, gradient
        Of the coordinates, by inputs and, (n, d), by the domain's coordinates; rounded.
    size : float
        A bound of the norm of the gradients, and of what their rounding is proportional to.
    """

    @np.errstate(all="ignore")  # what is not finite is no coordinate
    def __init__(self, first: Affine, chart: AffineChart) -> None:
        self._affine = first
        rows = _exponents(first.weight)
        weight = np.ldexp(first.weight, -rows[:, None])
        self._basis = None if chart.is_identity else chart.floats[1]
        gradient = weight if self._basis is None else weight @ self._basis
        more = _exponents(gradient)
        self.exponent = np.clip(rows + more, -1000, 1000)
        spread = lengths(weight)[0] * (1.0 if self._basis is None else frobenius(self._basis))
        self.size = frobenius(np.ldexp(spread, -more)[None])
        self.weight = np.ldexp(first.weight, -self.exponent[:, None])
        self.bias = np.ldexp(first.bias, -self.exponent)
        self.gradient = np.ldexp(gradient, (rows - self.exponent)[:, None])

    @property
    def is_independent(self) -> bool:
        """Whether there are fewer neurons than coordinates of the domain, with linearly independent gradients.

        Singular values are off by what the matrix is, by Weyl's inequality, and by backward errors, whose constants are
        taken large (Higham, section 9.13); where these do not tell, there is a proof modulo a prime, or none.
        """
        n, d = self.gradient.shape
        finite = all(np.isfinite(own).all() for own in (self.weight, self.bias, self.gradient))
        if n >= d or not finite or not np.isfinite(self.size):
            return False
        values = np.linalg.svd(self.gradient, compute_uv=False)
        if values[-1] > 64 * (n + d) * n * UNIT * self.size + TINY:
            return True
        weight = _modular(self._affine.weight)
        rows = weight if self._basis is None else weight * _modular(self._basis)
        return bool(rows.rank() == n)


def _exponents(rows: Floats) -> Ints:
    """(n,) powers of two that bring the largest entries of rows to between a half and one."""
    exponents: Ints = np.frexp(np.abs(rows).max(axis=1))[1].astype(np.int64)
    return exponents


def without_first(network: Network, exponent: Ints) -> Network:
    """The network as a function of the coordinates of its first layer; kept with it."""
    kept = network.__dict__.setdefault("_without_first", {})
    own = kept.get(exponent.tobytes())
    if own is None:
        rest = [op for layer in network.layers for op in (layer.affine, layer.activation) if op is not None]
        first = Affine.from_arrays(np.diag(np.ldexp(1.0, exponent)), np.zeros(len(exponent)))
        own = kept[exponent.tobytes()] = Network.chain([first, *rest[1:]])
    assert isinstance(own, Network)
    return own


def _modular(values: Floats) -> flint.nmod_mat:
    """Floats as the rational numbers that they are, modulo a prime; exponents of two are units there."""
    n, m = values.shape
    mantissa, exponent = np.frexp(values)
    whole = (mantissa * 2.0**53).astype(np.int64)
    power = exponent.astype(np.int64) - 53
    powers = {int(e): pow(2, int(e), _PRIME) for e in np.unique(power)}
    entries = [
        w % _PRIME * powers[e] % _PRIME for w, e in zip(whole.ravel().tolist(), power.ravel().tolist(), strict=True)
    ]
    return flint.nmod_mat(n, m, entries, _PRIME)


def image(first: Affine, chart: AffineChart, t: Point) -> Point:
    """The exact pre-activations of the first layer at a point t."""
    x = t if chart.is_identity else [o + _dot(row, t) for o, row in zip(chart.origin, chart.basis, strict=True)]
    return [Fraction(b) + _dot(exact(row), x) for row, b in zip(first.weight, first.bias.tolist(), strict=True)]


def _dot(row: Point, x: Point) -> Fraction:
    return sum((a * v for a, v in zip(row, x, strict=True) if a and v), start=Fraction(0))
