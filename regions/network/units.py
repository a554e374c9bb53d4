"""Piecewise-linear scalar functions, exactly, and the layers of neurons that apply them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import inf, nextafter
from typing import Any

import numpy as np

from linear_regions.errors import invalid

from .cast import FlagArray, FloatArray, IntArray, as_list, exact_float, exact_rational, is_whole, read_only


@dataclass(frozen=True)
class Unit:
    """A continuous piecewise-linear function of one number, held exactly.

    On piece ``p``, where ``p`` is the number of breakpoints strictly below ``z``, the value is
    ``slopes[p] * z + intercepts[p]``. A breakpoint itself belongs to the lower piece.

    Parameters
    ----------
    breakpoints : tuple of float
        Strictly increasing; each exactly a float64.
    slopes, intercepts : tuple of Fraction
        One more than there are breakpoints. Floats and integers are taken as the exact numbers they are. Neighbouring
        pieces that are equal are merged, so that every breakpoint that remains is a kink.

    Raises
    ------
    InvalidInput
        If the lengths do not fit, a number is not finite, a breakpoint is not a float64, the breakpoints do not
        increase, or the function jumps (decided exactly).

    Examples
    --------
    >>> from linear_regions.network import Unit
    >>> absolute = Unit(breakpoints=(0.0,), slopes=(-1, 1), intercepts=(0, 0))
    >>> absolute(-2)
    Fraction(2, 1)
    >>> Unit.hardsigmoid()(1)
    Fraction(2, 3)
    >>> Unit.leaky_relu(1) == Unit.identity()
    True
    """

    breakpoints: tuple[float, ...]
    slopes: tuple[Fraction, ...]
    intercepts: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        """Check, make exact, merge equal pieces."""
        given = [as_list(getattr(self, name), name, "numbers") for name in ("breakpoints", "slopes", "intercepts")]
        taus = [exact_float(t, f"breakpoints[{i}]") for i, t in enumerate(given[0])]
        pieces = [
            (exact_rational(a, f"slopes[{i}]"), exact_rational(c, f"intercepts[{i}]"))
            for i, (a, c) in enumerate(zip(given[1], given[2], strict=False))
        ]
        for name, values in zip(("slopes", "intercepts"), given[1:], strict=True):
            if len(values) != len(taus) + 1:
                raise invalid(name, f"hold {len(taus) + 1} numbers, one more than breakpoints", len(values))
        if any(low >= high for low, high in pairwise(taus)):
            raise invalid("breakpoints", "increase strictly", tuple(taus))
        for i, (tau, (below, above)) in enumerate(zip(taus, pairwise(pieces), strict=True)):
            gap = (above[0] - below[0]) * Fraction(tau) + above[1] - below[1]
            if gap:
                raise invalid("a unit", "be continuous", f"a jump of {float(gap)} at breakpoints[{i}] = {tau}")
        kinks = [i for i, (below, above) in enumerate(pairwise(pieces)) if below != above]
        kept = [0, *(i + 1 for i in kinks)]
        object.__setattr__(self, "breakpoints", tuple(taus[i] for i in kinks))
        object.__setattr__(self, "slopes", tuple(pieces[i][0] for i in kept))
        object.__setattr__(self, "intercepts", tuple(pieces[i][1] for i in kept))

    def piece(self, z: Fraction | float) -> int:
        """Index of the piece that holds `z`: the number of breakpoints strictly below it."""
        return bisect_left(self.breakpoints, exact_rational(z, "z"))

    def __call__(self, z: Fraction | float) -> Fraction:
        """Evaluate at one finite number, exactly."""
        exact = exact_rational(z, "z")
        piece = bisect_left(self.breakpoints, exact)
        return self.slopes[piece] * exact + self.intercepts[piece]

    def __str__(self) -> str:
        """Name it: the family and its parameters if it is a familiar one."""
        if self == Unit.hardsigmoid():
            return "hardsigmoid"
        if self == Unit.identity():
            return "identity"
        if self == Unit.relu6():
            return "relu6"
        if self == Unit.leaky_relu(self.slopes[0]):
            return f"leaky_relu({float(self.slopes[0]):g})" if self.slopes[0] else "relu"
        if len(self.breakpoints) == 2 and self == Unit.hardtanh(*self.breakpoints):
            return f"hardtanh({self.breakpoints[0]:g}, {self.breakpoints[1]:g})"
        return f"unit of {len(self.slopes)} pieces"

    @classmethod
    def identity(cls) -> Unit:
        """``z``: no breakpoint."""
        return cls((), (Fraction(1),), (Fraction(0),))

    @classmethod
    def relu(cls) -> Unit:
        """``max(z, 0)``."""
        return cls.leaky_relu(0)

    @classmethod
    def leaky_relu(cls, slope: Fraction | float = 0.01) -> Unit:
        """``z`` above zero, ``slope * z`` below; `slope` is taken as the exact number that it is."""
        return cls((0.0,), (exact_rational(slope, "slope"), Fraction(1)), (Fraction(0), Fraction(0)))

    @classmethod
    def relu6(cls) -> Unit:
        """``min(max(z, 0), 6)``."""
        return cls.hardtanh(0, 6)

    @classmethod
    def hardtanh(cls, low: float = -1.0, high: float = 1.0) -> Unit:
        """``min(max(z, low), high)``, with ``low < high``."""
        low, high = exact_float(low, "low"), exact_float(high, "high")
        if low >= high:
            raise invalid("high", f"be larger than low = {low}", high)
        return cls((low, high), (Fraction(0), Fraction(1), Fraction(0)), (Fraction(low), Fraction(0), Fraction(high)))

    @classmethod
    def hardsigmoid(cls) -> Unit:
        """``min(max(z + 3, 0), 6) / 6``, with slope exactly 1/6 (which is not a float64)."""
        zero = Fraction(0)
        return cls((-3.0, 3.0), (zero, Fraction(1, 6), zero), (zero, Fraction(1, 2), Fraction(1)))


UNITS_BY_NAME: dict[str, Callable[[], Unit]] = {
    "relu": Unit.relu,
    "leaky_relu": Unit.leaky_relu,
    "relu6": Unit.relu6,
    "hardtanh": Unit.hardtanh,
    "hardsigmoid": Unit.hardsigmoid,
    "identity": Unit.identity,
}


@dataclass(frozen=True, eq=False)
class Activation:
    """A unit for each of ``n`` neurons. Build it with `uniform` or `from_units`.

    The arrays describe, neuron after neuron, the hyperplanes ``z = threshold`` and the pieces between them. They are
    read-only and computed at first use.

    Attributes
    ----------
    units : tuple of Unit
        The distinct units that occur, in order of appearance.
    kind : (n,) ndarray of int64
        Index into `units` of each neuron.

    Raises
    ------
    InvalidInput
        If they are not such, or there is no neuron.
    """

    units: tuple[Unit, ...]
    kind: IntArray

    def __post_init__(self) -> None:
        """Check and lock the array."""
        if type(self.units) is not tuple or {*map(type, self.units)} != {Unit}:
            raise invalid("units", "be a tuple of Unit", type(self.units).__name__)
        kind = self.kind
        if type(kind) is not np.ndarray or kind.dtype != np.int64 or kind.ndim != 1 or kind.size == 0:
            raise invalid("kind", "be an int64 array of one axis, one number for each neuron", type(kind).__name__)
        if kind.min() < 0 or kind.max() >= len(self.units):
            raise invalid("kind", f"index the {len(self.units)} units", f"{kind.min()} to {kind.max()}")
        read_only(kind)

    @classmethod
    def uniform(cls, unit: Unit, n: int) -> Activation:
        """Apply one unit to `n` neurons."""
        if not is_whole(n, 1, 2**31 - 1):
            raise invalid("n", "be a positive whole number below 2**31", repr(n))
        return cls((unit,), np.zeros(n, dtype=np.int64))

    @classmethod
    def from_units(cls, units: Iterable[Unit]) -> Activation:
        """Apply the given units, one per neuron."""
        given = as_list(units, "units", "Unit")
        if not all(isinstance(unit, Unit) for unit in given):
            raise invalid("units", "be a sequence of Unit", [type(unit).__name__ for unit in given])
        index: dict[Unit, int] = {}
        kind = np.array([index.setdefault(unit, len(index)) for unit in given], dtype=np.int64)
        return cls(tuple(index), kind)

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return len(self.kind)

    @property
    def n_hyperplanes(self) -> int:
        """Number of breakpoints over all neurons."""
        return len(self.hyperplane_neuron)

    @property
    def is_relu(self) -> bool:
        """Whether every neuron is a ReLU."""
        return self.units == (Unit.relu(),)

    @cached_property
    def hyperplane_neuron(self) -> IntArray:
        """(m,) neuron of each hyperplane, nondecreasing."""
        counts = np.array([len(unit.breakpoints) for unit in self.units], dtype=np.int64)
        return read_only(np.repeat(np.arange(self.n_neurons, dtype=np.int64), counts[self.kind]))

    @cached_property
    def hyperplane_threshold(self) -> FloatArray:
        """(m,) breakpoint of each hyperplane, increasing within a neuron; exact."""
        return self._per_neuron([unit.breakpoints for unit in self.units])

    @cached_property
    def piece_offset(self) -> IntArray:
        """(n + 1,) the pieces of neuron i are those from ``piece_offset[i]`` up to ``piece_offset[i + 1]``."""
        counts = np.array([len(unit.slopes) for unit in self.units], dtype=np.int64)
        return read_only(np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts[self.kind])]))

    @cached_property
    def slope(self) -> FloatArray:
        """(n_pieces,) slope of each piece, rounded to nearest."""
        return self._per_neuron([[float(a) for a in unit.slopes] for unit in self.units])

    @cached_property
    def intercept(self) -> FloatArray:
        """(n_pieces,) intercept of each piece, rounded to nearest."""
        return self._per_neuron([[float(c) for c in unit.intercepts] for unit in self.units])

    @cached_property
    def slope_low(self) -> FloatArray:
        """(n_pieces,) exact slope less `slope`, rounded to nearest: the two hold about 106 bits of it."""
        return self._per_neuron([[_remainder(a) for a in unit.slopes] for unit in self.units])

    @cached_property
    def intercept_low(self) -> FloatArray:
        """(n_pieces,) exact intercept less `intercept`, rounded to nearest."""
        return self._per_neuron([[_remainder(c) for c in unit.intercepts] for unit in self.units])

    @cached_property
    def flat(self) -> FlagArray:
        """(n_pieces,) whether the slope is zero, exactly."""
        return self._flags([[a == 0 for a in unit.slopes] for unit in self.units])

    @cached_property
    def zero(self) -> FlagArray:
        """(n_pieces,) whether the piece is zero, exactly."""
        pieces = [zip(unit.slopes, unit.intercepts, strict=True) for unit in self.units]
        return self._flags([[a == 0 and c == 0 for a, c in piece] for piece in pieces])

    @cached_property
    def zero_at(self) -> FlagArray:
        """(m,) whether the unit is zero at the hyperplane's breakpoint, exactly."""
        return self._flags([[unit(t) == 0 for t in unit.breakpoints] for unit in self.units])

    @cached_property
    def lipschitz(self) -> float:
        """The largest slope in size, rounded up: never below the exact one."""
        largest = max(abs(a) for unit in self.units for a in unit.slopes)
        rounded = float(largest)
        return nextafter(rounded, inf) if rounded < largest else rounded

    def pieces(self, z: FloatArray) -> IntArray:
        """Piece index of each pre-activation, (..., n) to (..., n); a value on a breakpoint counts as below it."""
        above = z[..., self.hyperplane_neuron] > self.hyperplane_threshold
        first = np.searchsorted(self.hyperplane_neuron, np.arange(self.n_neurons + 1))
        counted = np.zeros((*z.shape[:-1], self.n_hyperplanes + 1), dtype=np.int64)
        np.cumsum(above, axis=-1, out=counted[..., 1:])
        return counted[..., first[1:]] - counted[..., first[:-1]]

    def __call__(self, z: FloatArray) -> FloatArray:
        """Evaluate in float64, (..., n) to (..., n)."""
        if self.is_relu:
            return np.maximum(z, 0.0)
        index = self.piece_offset[:-1] + self.pieces(z)
        value: FloatArray = self.slope[index] * z + self.intercept[index]
        return value

    def __eq__(self, other: object) -> bool:
        """Compare the unit of every neuron."""
        if not isinstance(other, Activation):
            return NotImplemented
        return self.units == other.units and np.array_equal(self.kind, other.kind)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the derived arrays out, and have the copy locked again."""
        return type(self), (self.units, self.kind)

    def __repr__(self) -> str:
        """Show the units and the number of neurons."""
        return f"Activation({self}, {self.n_neurons} neurons)"

    def __str__(self) -> str:
        """Show the units."""
        return "/".join(map(str, self.units)) if len(self.units) <= 3 else f"{len(self.units)} kinds of unit"

    def _flags(self, tables: Sequence[Sequence[bool]]) -> FlagArray:
        return read_only(self._per_neuron(tables) != 0)

    def _per_neuron(self, tables: Sequence[Sequence[float]]) -> FloatArray:
        """Lay the tables of the units out neuron after neuron."""
        arrays = [np.array(table, dtype=np.float64) for table in tables]
        return read_only(np.concatenate([arrays[kind] for kind in self.kind]))


def _remainder(value: Fraction) -> float:
    """Return what rounding to the nearest float64 leaves."""
    return float(value - Fraction(float(value)))
