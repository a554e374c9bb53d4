"""Counts of regions by definition (Stargalla, Hertrich & Reichman 2025, arXiv 2505.16716)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, isqrt, lcm, log2
from typing import TYPE_CHECKING

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import is_one_of

from .maps import Arithmetic, one_chart, output_affine, walk

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def count(regions: Regions, definition: str) -> int:
    """Number of regions; see `Regions.count`."""
    if not is_one_of(definition, "R2", "R6"):
        raise invalid("definition", 'be "R2" or "R6" so far', repr(definition))
    return len(regions) if definition == "R2" else distinct_maps(regions)


def distinct_maps(regions: Regions) -> int:
    """Number of distinct affine maps, proven.

    The maps are computed modulo primes small enough for float64 matrix products to be exact. Maps that differ modulo a
    prime differ. The entries of all maps are integers over one denominator D and below H in size, so maps that agree
    modulo primes whose product exceeds 2 D H are equal. Cells whose map is known to differ from all others are put
    aside on the way: in most networks few are left after the first prime.
    """
    one_chart(regions)
    network = _ModularNetwork(regions)
    doubt, group, alone, product = np.arange(len(regions)), np.zeros(len(regions), np.int64), 0, 1
    for prime in network.primes():
        residues = np.empty((len(doubt), (regions.dim + 1) * regions.network.n_outputs), np.int64)
        for own, columns in walk(regions.program, regions.packed_patterns, doubt, network.modulo(prime)):
            residues[np.searchsorted(doubt, own)] = columns.reshape(len(own), -1) % prime
        for k in range(residues.shape[1]):
            key = group * prime + residues[:, k]
            _, group, sizes = np.unique(key, return_inverse=True, return_counts=True)
            twins = sizes[group] > 1
            alone += int(np.count_nonzero(~twins))
            doubt, group, residues = doubt[twins], group[twins], residues[twins]
        product *= prime
        if not len(doubt) or product.bit_length() > network.bits:
            break
    return alone + len(np.unique(group))


class _ModularNetwork:
    """The exact numbers of a chart and a network, modulo any prime, and how many bits the maps' entries need."""

    def __init__(self, regions: Regions) -> None:
        chart = regions.chart.charts[0]
        self._columns = [*(list(c) for c in zip(*chart.basis, strict=True)), chart.origin]
        affines = [step.affine for step in regions.program.steps]
        last = output_affine(regions)
        self._affines = affines if last is None else [*affines, last]
        activations = [step.activation for step in regions.program.steps]
        self._slopes = [[f for k in a.kind.tolist() for f in a.units[k].slopes] for a in activations]
        self._intercepts = [[f for k in a.kind.tolist() for f in a.units[k].intercepts] for a in activations]
        rational = [*self._columns, *self._slopes, *self._intercepts]
        self._denominator = lcm(*(f.denominator for values in rational for f in values))
        self.bits = self._needed_bits()

    def _needed_bits(self) -> int:
        """An upper bound of log2(4 D H), from row sums layer by layer."""
        fine = sum(log2(lcm(*(f.denominator for f in column))) for column in self._columns)
        size = max(_log_size(column) for column in self._columns)
        for number, affine in enumerate(self._affines):
            numbers = np.column_stack([affine.weight, affine.bias])
            fine += _binary_places(numbers)
            size += log2(numbers.shape[1]) + max(0.0, log2(max(float(np.abs(numbers).max()), 2.0**-1074)))
            if number < len(self._slopes):
                rational = [*self._slopes[number], *self._intercepts[number]]
                fine += log2(lcm(*(f.denominator for f in rational)))
                size = max(size, 0.0) + _log_size(rational) + 1
        return ceil((fine + size) * (1 + 1e-9)) + 4

    def primes(self) -> Iterator[int]:
        """Primes p, descending, with sums of products of residues below 2^52."""
        terms = 2 + max(a.n_inputs for a in self._affines)
        for p in range(isqrt(2**52 // terms) - 1, 1, -1):
            if flint.fmpz(p).is_prime() and p % 2 and self._denominator % p:
                yield p

    def modulo(self, prime: int) -> Arithmetic:
        """The numbers modulo a prime that divides no denominator."""

        def residues(values: list[Fraction]) -> Floats:
            return np.array([f.numerator * pow(f.denominator, -1, prime) % prime for f in values], np.float64)

        def reduce(values: Floats) -> Floats:
            values -= np.rint(values * (1 / prime)) * prime  # exact; leaves at most about prime / 2 in size
            return values

        return Arithmetic(
            columns=np.stack([residues(column) for column in self._columns]),
            weights=[np.ascontiguousarray(_dyadic_residues(a.weight, prime).T) for a in self._affines],
            biases=[_dyadic_residues(a.bias, prime) for a in self._affines],
            slopes=[residues(values) for values in self._slopes],
            intercepts=[residues(values) for values in self._intercepts],
            reduce=reduce,
        )


def _log_size(values: list[Fraction]) -> float:
    """An upper bound, at least 0, of log2 of the largest value in size."""
    return max(max(f.numerator.bit_length() - f.denominator.bit_length() + 1, 0) for f in values)


def _integers(values: Floats) -> tuple[Ints, Ints]:
    """Integers m, odd or zero, and exponents e with values = m 2^e."""
    mantissa, exponent = np.frexp(values)
    whole = (mantissa * 2.0**53).astype(np.int64)
    trailing = np.where(whole == 0, 0, np.frexp((whole & -whole).astype(np.float64))[1] - 1)
    return whole >> trailing, np.where(whole == 0, 0, exponent.astype(np.int64) - 53 + trailing)


def _binary_places(values: Floats) -> int:
    """The smallest k >= 0 with all values integers over 2^k."""
    return max(0, -int(_integers(values)[1].min()))


def _dyadic_residues(values: Floats, prime: int) -> Floats:
    """Floats, as the rational numbers they are, modulo an odd prime."""
    whole, exponent = _integers(values)
    exponents, place = np.unique(exponent, return_inverse=True)
    powers = np.array([pow(2, e, prime) for e in exponents.tolist()], np.int64)
    return (whole % prime * powers[place].reshape(values.shape) % prime).astype(np.float64)
