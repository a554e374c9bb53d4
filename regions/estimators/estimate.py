"""What an estimator returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import torch

from linear_regions.errors import invalid
from linear_regions.network.cast import real


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number that was estimated, and all that is needed to repeat it.

    Attributes
    ----------
    value : float
    standard_error : float
        Of the value, from the sample; NaN where it is not known, as for what is computed without chance.
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
    values: torch.Tensor, scale: float, method: str, seed: int | None, device: object, dtype: torch.dtype
) -> Estimate:
    """The mean of independent values, times a number."""
    own = values.to("cpu", torch.float64)
    n = len(own)
    error = scale * float(own.std(correction=1)) / math.sqrt(n) if n > 1 else math.nan
    return Estimate(scale * float(own.mean()), error, n, method, seed, str(device), name_of(dtype), own)


def name_of(dtype: torch.dtype) -> str:
    """As "float64"."""
    return str(dtype).removeprefix("torch.")
