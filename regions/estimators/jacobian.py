"""Norms of the Jacobian of a network, over a domain or a sample of data."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from linear_regions.errors import invalid
from linear_regions.network.cast import is_one_of

from .estimate import Estimate, mean_estimate
from .forward import TorchNetwork, prepared, sampling
from .points import chosen_generator, inputs_of


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
    with sampling():
        inputs, seed = inputs_of(network, points, n, rows, own)
        norms = torch.cat([_norms(network, x, basis, output) for x in inputs])
    return mean_estimate(norms, 1.0, f"Jacobian of {output}", seed, network.device, network.dtype)


def _norms(network: TorchNetwork, x: Tensor, basis: Tensor, output: str) -> Tensor:
    out, matrix = network.jacobians(x, basis)
    if output == "softmax":
        p = torch.softmax(out, dim=1)
        matrix = p[:, :, None] * (matrix - (p[:, None, :] @ matrix))
    norms: Tensor = torch.linalg.matrix_norm(matrix)
    return norms
