"""Distances from points to the nearest places where neurons switch."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from .estimate import Estimate, mean_estimate
from .forward import TorchNetwork, norms, prepared
from .points import chosen_generator, count_of, data_of, inputs_of
from .settings import own_settings

_PRIOR = 4.0  # how many derivatives a layer's mean counts for, in the estimates of its gradients' norms


@own_settings()
def distance_to_boundary(
    model: object,
    points: object,
    *,
    n_candidates: int | None = None,
    generator: torch.Generator | None = None,
    device: object = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """The distance from each point to the nearest place where a neuron switches (Hanin & Rolnick 2019, section 3.3).

    The least |z - t| / |grad z| over all neurons and their breakpoints t: in exact arithmetic the distance to the
    boundary of the cell, as the cell is convex. `nearest_boundary` has it with a proof, and also that to where the map
    changes.

    Parameters
    ----------
    model : Network or torch.nn.Module
    points : array_like, (M, n_inputs)
    n_candidates : int, optional
        How many neurons to compare at each point, those that seem to be the nearest; by default all of them. What is
        found is then never less than the distance, but for rounding, and seldom more: with four candidates at about
        one point in a hundred.
    generator : torch.Generator, optional
        For the direction that candidates are chosen by; by default one with seed 0.
    device, dtype
        By default those of a module, or the CPU and float64.

    Returns
    -------
    (M,) torch.Tensor
        On the device; infinite where nothing switches, as where no unit has a breakpoint, and NaN where values leave
        the range of the dtype.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Notes
    -----
    All neurons cost a forward pass with as many columns as the first layer has neurons, or as there are inputs if these
    are fewer; four candidates five or so, however wide it is. To choose them, norms of gradients are estimated from
    derivatives along one random direction, which are normal with these norms as standard deviations, and from their
    mean over each layer, as if the norms were in proportion to those of the neurons' weights.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[3, 4]], [[1]]], [[-5], [0]])
    >>> lr.distance_to_boundary(network, [[0.0, 0.0], [3.0, 4.0]]).tolist()
    [1.0, 4.0]
    """
    network, own = prepared(model, device, dtype), chosen_generator(generator)
    data = data_of(network, points)
    rows, distances = _distances(network, n_candidates, own)
    return torch.cat([distances(x) for x in torch.split(data, rows)])


@own_settings()
def mean_distance(
    model: object,
    points: object,
    *,
    n: int = 10_000,
    n_candidates: int | None = None,
    generator: torch.Generator | None = None,
    device: object = None,
    dtype: torch.dtype | None = None,
) -> Estimate:
    """The mean distance to the nearest place where a neuron switches (Hanin & Rolnick 2019, Figure 6).

    Parameters
    ----------
    model : Network or torch.nn.Module
    points : Box, Polytope, Slice or array_like, (M, n_inputs)
        A domain, in which n uniform points are drawn, or data, at all of which it is taken.
    n : int
    n_candidates, generator, device, dtype
        As in `distance_to_boundary`; the generator draws the points as well.

    Returns
    -------
    Estimate
        In the input space; `per_item` has the distances (n,).

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0]], [[1]]], [[0], [0]])
    >>> found = lr.estimators.mean_distance(network, lr.Box([-1, -1], [1, 1]), n=1000)
    >>> abs(found.value - 0.5) < 4 * found.standard_error
    True
    """
    network, own = prepared(model, device, dtype), chosen_generator(generator)
    rows, distances = _distances(network, n_candidates, own)
    inputs, seed = inputs_of(network, points, n, rows, own)
    found = torch.cat([distances(x) for x in inputs])
    return mean_estimate(found, Fraction(1), "distance to the boundary", seed, network.device, network.dtype)


def _distances(
    network: TorchNetwork, n_candidates: int | None, generator: torch.Generator
) -> tuple[int, Callable[[Tensor], Tensor]]:
    """How many points to take at a time, and what gives their distances."""
    basis = network.row_space()
    if n_candidates is None:
        return network.rows_of_gradients(basis), lambda x: least_distances(network, x, basis)
    most = min(count_of(n_candidates, "n_candidates"), sum(network.network.widths))
    drawn = torch.randn(basis.shape[1], generator=generator, dtype=torch.float64, device=generator.device)
    search = _Search(network, basis, drawn.to(network.device, network.dtype))
    return network.rows(4 * sum(network.network.widths)), lambda x: search.distances(x, most)


def least_distances(network: TorchNetwork, x: Tensor, basis: Tensor) -> Tensor:
    """(B,) least distances along the directions of an orthonormal basis (n_inputs, m)."""
    least = torch.full((len(x),), math.inf, dtype=x.dtype, device=x.device)
    for z, gradient, units in network.gradients(x, basis):
        if units is not None:
            least = torch.minimum(least, _least(_apart(z, units.thresholds), norms(gradient)))
    return least


def _least(apart: Tensor, size: Tensor) -> Tensor:
    """(B,) the least of some distances: infinite where nothing depends on inputs, NaN where values have overflown."""
    least: Tensor = (apart / size).masked_fill_(size == 0, math.inf).amin(dim=1)
    return least


def _apart(z: Tensor, thresholds: Tensor) -> Tensor:
    """How far pre-activations are from the nearest breakpoint of their units."""
    if not len(thresholds):
        return torch.full_like(z, math.inf)
    apart = (z - thresholds[0]).abs_()
    for threshold in thresholds[1:]:
        apart = torch.minimum(apart, (z - threshold).abs_())
    return apart


class _Search:
    """Looks for the nearest switch among the neurons that seem to be near.

    Parameters
    ----------
    network : TorchNetwork
    basis : Tensor
        (n_inputs, m) orthonormal, of what holds all gradients.
    direction : Tensor
        (m,) along which to differentiate.
    """

    def __init__(self, network: TorchNetwork, basis: Tensor, direction: Tensor) -> None:
        self._network = network
        self._first = network.layers[0].weight @ basis
        self._rate = self._first @ direction
        self._starts = np.cumsum([0] + [0 if own.units is None else len(own.bias) for own in network.layers]).tolist()
        squares = [own.weight.square().sum(dim=1) for own in network.layers]
        self._shares = [_PRIOR * own / own.mean() for own in squares]

    def distances(self, x: Tensor, most: int) -> Tensor:
        """(B,) the least distance among the `most` neurons that seem to be nearest to each point."""
        if not most:
            return torch.full((len(x),), math.inf, dtype=x.dtype, device=x.device)
        apart, ratio = x.new_empty((2, len(x), self._starts[-1]))
        slopes = self._forward(x, apart, ratio)
        neuron = ratio.nan_to_num_(math.inf).topk(most, dim=1, largest=False, sorted=False).indices
        return _least(apart.gather(1, neuron), self._norms(slopes, neuron))

    def _forward(self, x: Tensor, apart: Tensor, ratio: Tensor) -> list[Tensor | None]:
        """The slopes of each layer's units (B, n).

        Fills in how far pre-activations are from breakpoints, (B, N), and the squares of that over estimates of the
        squares of their gradients' norms.
        """
        slopes: list[Tensor | None] = []
        z, rate = torch.addmm(self._network.layers[0].bias, x, self._network.layers[0].weight.T), self._rate[None]
        for number, (layer, share) in enumerate(zip(self._network.layers, self._shares, strict=True)):
            if number:
                z, rate = torch.addmm(layer.bias, z, layer.weight.T), rate @ layer.weight.T
            if layer.units is None:
                slopes.append(None)
                continue
            own, square, slope = slice(*self._starts[number : number + 2]), rate * rate, layer.units.slope(z)
            apart[:, own] = _apart(z, layer.units.thresholds)
            size = torch.addcmul(square, square.mean(dim=1, keepdim=True), share)
            torch.div(apart[:, own].square(), size, out=ratio[:, own])
            slopes.append(slope)
            z, rate = layer.units.apply_(z), rate * slope
        return slopes

    def _norms(self, slopes: list[Tensor | None], neuron: Tensor) -> Tensor:
        """Norms of the gradients of some neurons at each point, (B, most), by a backward pass from each."""
        most, layers = neuron.shape[1], self._network.layers
        order = neuron.flatten().argsort(descending=True)  # from the last layer on
        point, neuron = order // most, neuron.flatten()[order]
        ends = torch.searchsorted(-neuron, -torch.tensor(self._starts, device=neuron.device), right=True).tolist()
        gradient = layers[-1].weight.new_empty((0, len(layers[-1].bias)))
        for number in range(len(layers) - 1, -1, -1):
            weight, after = self._first if number == 0 else layers[number].weight, gradient
            start, stop = ends[number + 1], ends[number]  # the neurons of this layer
            gradient = after.new_empty((stop, weight.shape[1]))
            torch.mm(after, weight, out=gradient[:start])
            gradient[start:] = weight[neuron[start:stop] - self._starts[number]]
            slope = slopes[number - 1] if number else None
            if slope is not None:
                gradient *= slope[point[:stop]]
        size = torch.empty(len(order), dtype=gradient.dtype, device=gradient.device)
        size[order] = norms(gradient)
        return size.view(-1, most)
