"""How many activation patterns there are, from those that a sample shows."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from linear_regions.domain import Domain
from linear_regions.errors import invalid
from linear_regions.network.cast import is_one_of

from .estimate import Estimate, name_of
from .forward import TorchNetwork, prepared
from .points import chosen_generator, count_of, fitting, sampled
from .settings import own_settings

_BITS = 62


@own_settings()
def unique_patterns(
    model: object,
    domain: Domain,
    *,
    n: int = 100_000,
    method: Literal["observed", "chao1", "good-turing"] = "chao1",
    generator: torch.Generator | None = None,
    device: object = None,
    dtype: torch.dtype | None = None,
) -> Estimate:
    """The number of activation patterns on a domain, from uniform points.

    Parameters
    ----------
    model : Network or torch.nn.Module
    domain : Box, Polytope, or Slice with one
    n : int
        Number of points.
    method : {"observed", "chao1", "good-turing"}
        The number of different patterns that were seen, or an estimate of how many there are, from how many were seen
        once and twice (Chao, Scandinavian Journal of Statistics 11, 1984), or by the share of the domain that belongs
        to patterns that were seen (Good, Biometrika 40, 1953). All of them are too small where many cells are tiny.
    generator : torch.Generator, optional
        By default one with seed 0.
    device, dtype
        By default those of a module, or the CPU and float64.

    Returns
    -------
    Estimate
        `per_item` has how often each pattern was seen, the most frequent first. Only "chao1" has a standard error, and
        it only where some patterns were seen once and some twice.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
    >>> lr.estimators.unique_patterns(network, lr.Box([-1, -1], [1, 1]), n=1000).value
    4.0
    """
    if not is_one_of(method, "observed", "chao1", "good-turing"):
        raise invalid("method", 'be "observed", "chao1" or "good-turing"', repr(method))
    network, own = prepared(model, device, dtype), chosen_generator(generator)
    fitting(network.network, domain)
    count_of(n, "n")
    points = sampled(network, domain, n, network.rows(network.network.n_inputs), own)
    words = torch.cat([_packed(network, x) for x in points])
    _, counts = torch.unique(words, dim=0, return_counts=True)
    counts = counts.sort(descending=True).values.cpu()
    value, error = _total(counts, n, method)
    place, kind = str(network.device), name_of(network.dtype)
    return Estimate(value, error, n, f"patterns, {method}", own.initial_seed(), place, kind, counts)


def _packed(network: TorchNetwork, x: Tensor) -> Tensor:
    """(B, words) int64: whether each breakpoint lies below, as bits."""
    above = [z > t for z, units in network.stages(x) if units is not None for t in units.thresholds]
    if not above:
        return torch.zeros((len(x), 1), dtype=torch.int64, device=x.device)
    bits = torch.cat(above, dim=1)
    powers = 2 ** torch.arange(_BITS, device=x.device)
    return torch.stack([(part * powers[: part.shape[1]]).sum(dim=1) for part in torch.split(bits, _BITS, dim=1)], dim=1)


def _total(counts: Tensor, n: int, method: str) -> tuple[float, float]:
    seen, once, twice = len(counts), int((counts == 1).sum()), int((counts == 2).sum())
    if method == "observed":
        return float(seen), math.nan
    if method == "good-turing":
        return seen / (1 - once / n) if once < n else math.inf, math.nan
    if not once or not twice:
        return seen + once * (once - 1) / 2, math.nan
    ratio = once / twice
    return seen + once**2 / (2 * twice), math.sqrt(twice * (ratio**2 / 2 + ratio**3 + ratio**4 / 4))
