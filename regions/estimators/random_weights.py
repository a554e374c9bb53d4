"""Expectations over random weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from linear_regions.domain import Domain
from linear_regions.errors import invalid
from linear_regions.network.cast import as_list, is_one_of, real

from .estimate import Estimate, mean_estimate
from .forward import device_of, norms
from .points import chosen_generator, count_of, embedded_exactly, held, resolved, uniform, volume_of
from .settings import own_settings

_CHUNK_BYTES = 1 << 26


@own_settings()
def expected_boundary_volume(
    widths: Sequence[int],
    domain: Domain,
    *,
    bias_std: float,
    codim: int = 1,
    n: int = 10_000,
    neurons: Literal["all", "good"] = "all",
    generator: torch.Generator | None = None,
    device: object = "cpu",
    dtype: torch.dtype = torch.float64,
) -> Estimate:
    """The expected (d - k)-volume of where k neurons of a ReLU network with random weights switch at once.

    By Theorem 3 of Hanin & Rolnick 2019, over sets of k neurons. Weights are normal with variance 2 / fan-in (He's
    initialisation), biases normal. A network, a uniform point and neurons S are drawn together; the pre-activations of
    S are put to zero. Each contributes sqrt(det J J^T) p(z), with J the gradients of S and p the density of their own
    biases at their pre-activations without bias. Unbiased.

    Parameters
    ----------
    widths : sequence of int
        Inputs, then the neurons of each hidden layer. What comes after them has no part in it.
    domain : Box, Polytope, or Slice with one
    bias_std : float
        Standard deviation of the biases; not zero, as the density would be none.
    codim : int
        k, from 1 for the boundary between cells to d for the number of vertices.
    n : int
        Number of networks.
    neurons : {"all", "good"}
        Where any neurons switch, or where this reaches the output: where in each later layer some neuron is on.
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

    Notes
    -----
    The exact counterpart for one network is `Regions.boundary_volume(codim)`. For "all", k - 1 neurons are drawn and
    all choices of one more in the same or a later layer are summed up; for "good" k are drawn.

    Examples
    --------
    >>> import linear_regions as lr
    >>> box = lr.Box([-1, -1], [1, 1])
    >>> found = lr.estimators.expected_boundary_volume([2, 8], box, bias_std=1.0, n=2000)
    >>> 11 < found.value < 12, found.standard_error < 0.2
    (True, True)
    """
    own = chosen_generator(generator)
    sizes = [count_of(width, f"widths[{i}]") for i, width in enumerate(as_list(widths, "widths", "numbers of neurons"))]
    if len(sizes) < 2:
        raise invalid("widths", "have two entries or more: the inputs and a hidden layer", list(sizes))
    if not 0 < real(bias_std) < 2.0**1023:
        raise invalid("bias_std", "be a positive number", bias_std)
    if not is_one_of(neurons, "all", "good"):
        raise invalid("neurons", 'be "all" or "good"', repr(neurons))
    within = f"be a domain in {sizes[0]} dimensions, as the inputs are"
    if not isinstance(domain, Domain):
        raise invalid("domain", within, repr(domain))
    if domain.n_inputs != sizes[0]:
        raise invalid("domain", within, repr(domain))
    if not count_of(codim, "codim") <= min(domain.dim, sum(sizes[1:])):
        raise invalid("codim", "be at most the dimension of the domain and the number of neurons", codim)
    count_of(n, "n", 2)
    if not any(dtype is own for own in (torch.float32, torch.float64)):
        raise invalid("dtype", "be torch.float32 or torch.float64", repr(dtype))
    place = device_of(device)
    resolved(domain, dtype)
    rows, values = max(1, _CHUNK_BYTES // (64 * max(sizes) * (domain.dim + 1))), []
    share, exponent = math.frexp(float(bias_std))  # biases are the unit of what follows
    height = int(np.frexp(np.abs(domain.basis).max())[1])
    basis = torch.as_tensor(np.ldexp(domain.basis, -height) / share).to(place, dtype)
    for first in range(0, n, rows):
        t = uniform(domain, min(rows, n - first), own)
        x = held(embedded_exactly(domain, t) / float(bias_std), place, dtype, "domain over bias_std")
        values.append(_densities(sizes, x, basis, int(codim), neurons == "good", own))
    scale = volume_of(domain) * Fraction(2) ** ((height - exponent) * int(codim))
    return mean_estimate(torch.cat(values), scale, f"Theorem 3, {neurons} neurons", own.initial_seed(), place, dtype)


def _densities(
    sizes: list[int], x: Tensor, basis: Tensor, codim: int, good: bool, generator: torch.Generator
) -> Tensor:
    """(B,) what each of B networks contributes, one for each point; biases have the standard deviation one."""

    def normal(*shape: int) -> Tensor:
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device)
        return drawn.to(x.device, x.dtype)

    b, total = len(x), torch.zeros(len(x), dtype=x.dtype, device=x.device)
    clamped = _Clamped(b, sum(sizes[1:]), codim - (not good), basis, generator)
    columns, first = torch.cat([x[:, :, None], basis.expand(b, -1, -1)], dim=2), 0  # values and gradients
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        # of the weights only their products with these columns matter, which are normal as if in a basis of their span
        triangle = torch.linalg.qr(columns, mode="r").R * math.sqrt(2 / n_in)
        z, gradient = (normal(b, n_out, triangle.shape[1]) @ triangle).split([1, basis.shape[1]], dim=2)
        density = torch.exp(-(z[:, :, 0] ** 2) / 2) / math.sqrt(2 * math.pi)
        chosen = clamped.meet(first, gradient, density)
        if not good:
            total += clamped.with_one_more(first, chosen, gradient, density)
        z = z + normal(b, n_out, 1)
        on = (z > 0) & ~chosen[:, :, None]
        clamped.reach &= on.any(dim=1)[:, 0] | (clamped.neurons >= first).all(dim=1)
        columns, first = torch.cat([z, gradient], dim=2) * on, first + n_out
    return clamped.volume() * clamped.density * clamped.reach * clamped.choices if good else total


class _Clamped:
    """Different neurons that are drawn for each of B networks, and put on their breakpoints.

    Attributes
    ----------
    neurons : (B, s) Tensor
        Their numbers through all layers.
    gradients : (B, s, d) Tensor
        Zero before their layer is met.
    density : (B,) Tensor
        Of the biases that put those on their breakpoints that were met.
    reach : (B,) Tensor
        Whether some neuron is on in each layer after the first that one of them is in.
    choices : int
        How many sets of s neurons there are.
    """

    def __init__(self, b: int, n_neurons: int, size: int, basis: Tensor, generator: torch.Generator) -> None:
        keys = torch.rand((b, n_neurons), generator=generator, dtype=torch.float32, device=generator.device)
        self.neurons = keys.topk(size, dim=1).indices.to(basis.device)
        self.gradients = basis.new_zeros((b, size, basis.shape[1]))
        self.density = basis.new_ones(b)
        self.reach = torch.ones(b, dtype=torch.bool, device=basis.device)
        self.choices = math.comb(n_neurons, size)

    def meet(self, first: int, gradient: Tensor, density: Tensor) -> Tensor:
        """Take the gradients (B, n, d) and densities of those in a layer; returns which of its neurons these are."""
        n = density.shape[1]
        here = (self.neurons >= first) & (self.neurons < first + n)
        index = (self.neurons - first).clamp(0, n - 1)
        own = gradient.gather(1, index[:, :, None].expand(-1, -1, gradient.shape[2]))
        self.gradients = torch.where(here[:, :, None], own, self.gradients)
        self.density = self.density * torch.where(here, density.gather(1, index), 1.0).prod(dim=1)
        chosen: Tensor = torch.zeros_like(density).scatter_add_(1, index, here.to(density.dtype)) > 0
        return chosen

    def volume(self) -> Tensor:
        """(B,) of the parallelepipeds that their gradients span."""
        sides = torch.linalg.qr(self.gradients.mT, mode="r").R.diagonal(dim1=-2, dim2=-1)
        volume: Tensor = sides.abs().prod(dim=-1)
        return volume

    def with_one_more(self, first: int, chosen: Tensor, gradient: Tensor, density: Tensor) -> Tensor:
        """(B,) sums over the other neurons of a layer, each together with these if none of them is in a later layer.

        A set with c neurons in its last layer comes up for c choices of its last neuron.
        """
        last = 1 + (self.neurons >= first).sum(dim=1)
        if self.neurons.shape[1]:
            span = torch.linalg.qr(self.gradients.mT).Q
            gradient = gradient - gradient @ span @ span.mT
        sums = (norms(gradient) * density * ~chosen).sum(dim=1)
        met = (self.neurons < first + density.shape[1]).all(dim=1)
        total: Tensor = self.choices * self.volume() * self.density * met * sums / last
        return total
