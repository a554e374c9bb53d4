"""What an estimator returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import NormalDist

import torch

from linear_regions.errors import invalid
from linear_regions.network.cast import real

_ALIKE = 2.0**-40  # of the mean, by which samples may differ that only rounding tells apart


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number that was estimated, and all that is needed to repeat it.

    Attributes
    ----------
    value : float
    standard_error : float
        Of the value, from the sample; NaN where it is not known, as for what is computed without chance. Where all n
        samples are equal, but for rounding, others may have gone unseen: a share of 3 / n of all does with a chance of
        5 % (the rule of three). So the error is 3 / n of the mean then; where all are zero, of what one that is not
        would be, and if nothing tells what that is, NaN. It is zero only where samples cannot differ.
    n : int
        Number of samples: points, lines, or whatever the estimator draws.
    method : str
    seed : int or None
        Of the generator; None where nothing is drawn.
    device, dtype : str
    per_item : torch.Tensor or None
        What the value is made of, on the CPU: see the estimator.
    """

    value: float
    standard_error: float
    n: int
    method: str
    seed: int | None
    device: str
    dtype: str
    per_item: torch.Tensor | None = field(default=None, repr=False)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """A confidence interval by the normal distribution; NaN where no standard error is known."""
        if not 0 < real(level) < 1:
            raise invalid("level", "lie between 0 and 1", repr(level))
        reach = NormalDist().inv_cdf((1 + level) / 2) * self.standard_error
        return self.value - reach, self.value + reach

    def __str__(self) -> str:
        """The value and how it was found."""
        error = "" if math.isnan(self.standard_error) else f" ± {self.standard_error:.2g}"
        return f"{self.value:.6g}{error} ({self.method}, n = {self.n:,}, {self.dtype} on {self.device})"


def mean_estimate(
    values: torch.Tensor,
    scale: Fraction,
    method: str,
    seed: int | None,
    device: object,
    dtype: torch.dtype,
    *,
    unit: float = math.nan,
) -> Estimate:
    """The mean of independent values, times a number.

    The unit is what a sample comes to that is not zero, NaN if that is not known: where all are zero that is taken for
    the mean in the rule of three, see `Estimate`. It is zero where samples cannot differ.
    """
    own = values.to("cpu", torch.float64)
    largest = float(own.abs().max())
    size = math.ldexp(1.0, math.frexp(largest)[1] - 1) if math.isfinite(largest) else 1.0  # squares have no limits then
    n, mean = len(own), float((own / size).mean())
    spread = float((own / size).std(correction=1)) if n > 1 else math.nan
    missed = 3 * (abs(mean) or unit / size) / n if unit else 0.0
    error = missed if spread <= _ALIKE * abs(mean) else spread / math.sqrt(n)
    factor = scale * Fraction(size)
    return Estimate(times(factor, mean), times(factor, error), n, method, seed, str(device), name_of(dtype), own)


def times(scale: Fraction, value: float) -> float:
    """A product with a positive number, infinite beyond the range of floats."""
    if not math.isfinite(value):
        return value
    try:
        return float(scale * Fraction(value))
    except OverflowError:
        return math.copysign(math.inf, value)


def name_of(dtype: torch.dtype) -> str:
    """As "float64"."""
    return str(dtype).removeprefix("torch.")
