"""Norms of the Jacobian of a network, over a domain or a sample of data."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from linear_regions.errors import invalid
from linear_regions.network import Network
from linear_regions.network.cast import is_one_of

from .estimate import Estimate, mean_estimate
from .forward import TorchNetwork, norms, prepared, unscaled
from .points import chosen_generator, inputs_of
from .settings import own_settings


@own_settings()
def jacobian_norm(
    model: object,
    points: object,
    *,
    n: int = 10_000,
    output: Literal["logits", "softmax"] = "softmax",
    generator: torch.Generator | None = None,
    device: object = None,
    dtype: torch.dtype | None = None,
) -> Estimate:
    """The mean Frobenius norm of the Jacobian by the inputs (Novak et al. 2018, section 3.1).

    Parameters
    ----------
    model : Network or torch.nn.Module
    points : Box, Polytope, Slice or array_like, (M, n_inputs)
        A domain, in which n uniform points are drawn, or data, at all of which it is taken.
    n : int
    output : {"softmax", "logits"}
        Of the class probabilities, or of what the network gives.
    generator : torch.Generator, optional
        By default one with seed 0.
    device, dtype
        By default those of a module, or the CPU and float64.

    Returns
    -------
    Estimate
        `per_item` has the norms (n,).

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[3, 0], [0, 4]]], [[0, 0]])
    >>> lr.estimators.jacobian_norm(network, lr.Box([-1, -1], [1, 1]), n=100, output="logits").value
    5.0
    """
    if not is_one_of(output, "softmax", "logits"):
        raise invalid("output", 'be "softmax" or "logits"', repr(output))
    network, own = prepared(model, device, dtype), chosen_generator(generator)
    if output == "softmax" and network.network.n_outputs < 2:
        raise invalid("model", "have two outputs or more for a softmax", network.network.n_outputs)
    basis = network.row_space()
    rows = network.rows(2 * network.network.n_outputs * max(network.network.widths, default=basis.shape[1]))
    inputs, seed = inputs_of(network, points, n, rows, own)
    found = torch.cat([_norms(network, x, basis, output) for x in inputs])
    largest = _lipschitz(network.network) if network.switches or output == "softmax" else 0.0
    return mean_estimate(found, Fraction(1), f"Jacobian of {output}", seed, network.device, network.dtype, unit=largest)


def _norms(network: TorchNetwork, x: Tensor, basis: Tensor, output: str) -> Tensor:
    """(B,) in float64 on the CPU."""
    out, matrix = network.jacobians(x, basis)
    exponent = int(network.exponents[-1].max())
    if output == "softmax":
        most = math.frexp(torch.finfo(network.dtype).max)[1] - 2
        steep = math.ldexp(1.0, max(-most, min(exponent, most)))
        p = torch.softmax((out - out.amax(dim=1, keepdim=True)) * steep, dim=1)
        matrix = p[:, :, None] * (matrix - (p[:, None, :] @ matrix))
    return unscaled(norms(matrix.flatten(1)), exponent)


def _lipschitz(network: Network) -> float:
    """A bound of the norms; rounded, and infinite beyond the range of floats."""
    bound = 1.0
    for layer in network.layers:
        bound *= float(np.linalg.norm(layer.affine.weight))
        bound *= 1.0 if layer.activation is None else layer.activation.lipschitz
    return bound
