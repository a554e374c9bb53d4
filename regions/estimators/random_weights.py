"""Expectations over random weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Literal

import torch
from torch import Tensor

from linear_regions.domain import Domain
from linear_regions.errors import invalid

from .estimate import Estimate, mean_estimate
from .points import chosen_generator, count_of, embedded_at, uniform, volume_of

_CHUNK_BYTES = 1 << 26


def expected_boundary_volume(
    widths: Sequence[int],
    domain: Domain,
    *,
    bias_std: float,
    n: int = 10_000,
    neurons: Literal["all", "good"] = "all",
    generator: torch.Generator | None = None,
    device: object = "cpu",
    dtype: torch.dtype = torch.float64,
) -> Estimate:
    """The expected (d - 1)-volume of the boundary of ReLU networks with random weights.

    By Theorem 3 of Hanin & Rolnick 2019, for k = 1.
    Weights are normal with variance 2 / fan-in (He's initialisation), biases normal. A network and a uniform point are
    drawn together; each contributes sum |grad z| p(z), with p the density of a neuron's own bias at its pre-activation
    without bias. Unbiased.

    Parameters
    ----------
    widths : sequence of int
        Inputs, then the neurons of each hidden layer. What comes after them has no part in it.
    domain : Box, Polytope, or Slice with one
    bias_std : float
        Standard deviation of the biases; not zero, as the density would be none.
    n : int
        Number of networks.
    neurons : {"all", "good"}
        The boundary where any neuron switches, or where this reaches the output: where in each later layer some neuron
        is on.
    generator : torch.Generator, optional
        By default one with seed 0.
    device, dtype

    Returns
    -------
    Estimate
        In units of the domain's coordinates; `per_item` has what each network contributes.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> box = lr.Box([-1, -1], [1, 1])
    >>> found = lr.estimators.expected_boundary_volume([2, 8], box, bias_std=1.0, n=2000)
    >>> 11 < found.value < 12, found.standard_error < 0.2
    (True, True)
    """
    own = chosen_generator(generator)
    sizes = [count_of(width, f"widths[{i}]") for i, width in enumerate(widths)]
    if len(sizes) < 2:
        raise invalid("widths", "have two entries or more: the inputs and a hidden layer", list(sizes))
    if not (isinstance(bias_std, Real) and 0 < bias_std < math.inf):
        raise invalid("bias_std", "be a positive number", bias_std)
    if neurons not in ("all", "good"):
        raise invalid("neurons", 'be "all" or "good"', repr(neurons))
    if not isinstance(domain, Domain) or domain.n_inputs != sizes[0]:
        raise invalid("domain", f"be a domain in {sizes[0]} dimensions, as the inputs are", repr(domain))
    count_of(n, "n", 2)
    place = torch.device(str(device))
    entries = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False)) + 4 * max(sizes) * domain.dim
    rows, values = max(1, _CHUNK_BYTES // (8 * entries)), []
    with torch.inference_mode():
        for first in range(0, n, rows):
            t = uniform(domain, min(rows, n - first), own)
            x, basis = embedded_at(domain, t, place, dtype)
            values.append(_densities(sizes, x, basis, float(bias_std), neurons == "good", own))
    return mean_estimate(
        torch.cat(values), volume_of(domain), f"Theorem 3, {neurons} neurons", own.initial_seed(), place, dtype
    )


def _densities(
    sizes: list[int], x: Tensor, basis: Tensor, bias_std: float, good: bool, generator: torch.Generator
) -> Tensor:
    """(B,) sums over the neurons of networks, one for each point."""

    def normal(*shape: int) -> Tensor:
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device)
        return drawn.to(x.device, x.dtype)

    b = len(x)
    h, gradient = x[:, :, None], basis.expand(b, -1, -1)
    sums, lit = [], []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        weight = normal(b, n_out, n_in) * math.sqrt(2 / n_in)
        z, gradient = weight @ h, weight @ gradient
        density = torch.exp(-((z[:, :, 0] / bias_std) ** 2) / 2) / (bias_std * math.sqrt(2 * math.pi))
        sums.append((torch.linalg.vector_norm(gradient, dim=2) * density).sum(dim=1))
        z = z + bias_std * normal(b, n_out, 1)
        on = z > 0
        lit.append(on.any(dim=1)[:, 0])
        h, gradient = z.clamp(min=0), gradient * on
    total = torch.zeros_like(sums[0])
    reaches = torch.ones_like(lit[0])
    for own, some in zip(reversed(sums), reversed(lit), strict=True):
        total += own * reaches if good else own
        reaches = reaches & some
    return total
