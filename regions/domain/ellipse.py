"""Ellipses in the input space of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.network.cast import MOST_SAMPLES, exact_array, is_whole
from linear_regions.norms import exponents, norms

from .chart import AffineChart, LineChart, full_rank
from .curves import Curve, check_range
from .flat import vector

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, init=False)
class Ellipse(Curve):
    """The ellipse x = center + a cos t + b sin t, 0 <= t < 2 pi, for `curve_regions`.

    Parameters
    ----------
    center, a, b : array_like, (n_0,)
        Finite floats, taken exactly; a and b are linearly independent.

    Raises
    ------
    InvalidInput
        If shapes differ, a number is not finite, or a and b are linearly dependent (decided exactly; the curve is then
        a segment, there and back).

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[0.0], [0.0]])
    >>> lr.curve_regions(network, lr.Ellipse([0, 0], [2, 0], [0, 1])).transitions
    2
    """

    center: Floats
    a: Floats
    b: Floats
    closed = True
    kind: ClassVar[str] = "ellipse"

    def __init__(self, center: object, a: object, b: object) -> None:
        middle, first, second = (vector(v, name) for v, name in ((center, "center"), (a, "a"), (b, "b")))
        for name, own in (("a", first), ("b", second)):
            if own.shape != middle.shape:
                raise invalid(name, f"have shape {middle.shape}, as center has", own.shape)
        if not full_rank(np.column_stack([first, second])):
            raise invalid("b", "be linearly independent of a (else take a Segment)", "a multiple of it")
        check_range(np.stack([middle + first, middle - first, middle + second, middle - second]), "a and b")
        object.__setattr__(self, "center", middle)
        object.__setattr__(self, "a", first)
        object.__setattr__(self, "b", second)

    @classmethod
    def random(cls, n_inputs: int, rng: np.random.Generator) -> Ellipse:
        """Around zero, the entries of a and b standard normal: inputs of mean square norm n_inputs.

        As in Novak et al. 2018, section 3.3.

        Parameters
        ----------
        n_inputs : int
            Two or more.
        rng : numpy.random.Generator

        Raises
        ------
        InvalidInput
            If an argument is another.
        """
        if not is_whole(n_inputs, 2, MOST_SAMPLES):
            raise invalid("n_inputs", "be a whole number, at least 2 and at most 2**31", repr(n_inputs))
        if not isinstance(rng, np.random.Generator):
            raise invalid("rng", "be a numpy.random.Generator, as numpy.random.default_rng(0) is", repr(rng))
        a, b = rng.normal(size=(2, n_inputs))
        return cls(np.zeros(n_inputs), a, b)

    @classmethod
    def through(cls, points: object) -> Ellipse:
        """Through three points, at t = pi / 3, pi and 5 pi / 3, up to rounding (Novak et al. 2018).

        It is the affine image of the circle about an equilateral triangle.

        Parameters
        ----------
        points : array_like, (3, n_0)
            Not on one line.
        """
        p = exact_array(points, "points")
        if p.ndim != 2 or len(p) != 3:
            raise invalid("points", "have shape (3, n_0)", p.shape)
        angle = np.pi / 3 * np.array([1, 3, 5])
        return cls(p.mean(axis=0), 2 / 3 * np.cos(angle) @ p, 2 / 3 * np.sin(angle) @ p)

    @classmethod
    def great_circle(cls, start: object, toward: object) -> Ellipse:
        """Around zero from one point towards another, on the sphere of the first, up to rounding.

        Parameters
        ----------
        start, toward : array_like, (n_0,)
            Linearly independent.
        """
        u, v = vector(start, "start"), vector(toward, "toward")
        if v.shape != u.shape:
            raise invalid("toward", f"have shape {u.shape}, as start has", v.shape)
        radius = norms(u)
        if not radius > 0:
            raise invalid("start", "differ from zero", "zeros")
        unit, v = u / radius, np.ldexp(v, -int(exponents(v)))
        for _ in range(2):
            v = v - (v @ unit) * unit
        length = norms(v)
        if not length > 0:
            raise invalid("toward", "be linearly independent of start", "a multiple of it")
        return cls(np.zeros(len(u)), u, radius * (v / length))

    @property
    def n_inputs(self) -> int:
        """Dimension of the points."""
        return len(self.center)

    @property
    def volume(self) -> Fraction | None:
        """None: 2 pi, which is not rational."""
        return None

    @property
    def origin(self) -> Floats:
        """The centre."""
        return self.center

    @property
    def basis(self) -> Floats:
        """(n_0, 2) a and b: of the plane of the ellipse."""
        return np.column_stack([self.a, self.b])

    @property
    def plane(self) -> AffineChart:
        """Its plane, in which it is the unit circle; for use inside the library."""
        return AffineChart((self.center, self.basis))

    def embed(self, t: object) -> Floats:
        """Map angles (M,) or (M, 1) to inputs (M, n_0), in float64."""
        angle = exact_array(t, "t")
        angle = angle[:, None] if angle.ndim == 1 else angle
        if angle.ndim != 2 or angle.shape[1] != 1:
            raise invalid("t", "have shape (M, 1)", angle.shape)
        result: Floats = np.column_stack([np.cos(angle), np.sin(angle)]) @ np.stack([self.a, self.b])
        result += self.center
        return result

    def line_chart(self) -> LineChart:
        """See `Domain`."""
        raise invalid("domain", "consist of straight pieces (take curve_regions for an ellipse)", repr(self))

    def to_dict(self) -> dict[str, Any]:
        """See `Domain`."""
        return {"kind": self.kind, "center": self.center, "a": self.a, "b": self.b}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ellipse:
        """See `Domain`."""
        return cls(data["center"], data["a"], data["b"])

    def __repr__(self) -> str:
        """Show the dimension."""
        return f"Ellipse(in {self.n_inputs}-D)"
