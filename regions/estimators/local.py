"""How many neurons switch close to given points."""

from __future__ import annotations

from fractions import Fraction

import torch

from linear_regions.errors import invalid
from linear_regions.network.cast import real

from .estimate import Estimate, mean_estimate
from .forward import prepared
from .points import chosen_generator, count_of, data_of
from .settings import own_settings


@own_settings()
def local_complexity(
    model: object,
    points: object,
    radius: float,
    *,
    n_directions: int = 10,
    generator: torch.Generator | None = None,
    device: object = None,
    dtype: torch.dtype | None = None,
) -> Estimate:
    """The mean number of neurons that switch between the corners of a small cross-polytope about each point.

    As in Humayun, Balestriero & Baraniuk, Deep networks always grok and here is why (ICML 2024), section 3. In the
    first layer these are the neurons whose hyperplane meets the cross-polytope; deeper ones may switch to and fro
    between corners.

    Parameters
    ----------
    model : Network or torch.nn.Module
    points : array_like, (M, n_inputs)
    radius : float
        From the points to the corners.
    n_directions : int
        Orthonormal ones, drawn for each point anew; there are two corners along each. At most n_inputs.
    generator : torch.Generator, optional
        By default one with seed 0.
    device, dtype
        By default those of a module, or the CPU and float64.

    Returns
    -------
    Estimate
        `per_item` has the number of each point.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[-1, 0], [0]])
    >>> lr.estimators.local_complexity(network, [[0.0, 0.0]], 0.1, n_directions=2).value
    1.0
    """
    network, own = prepared(model, device, dtype), chosen_generator(generator)
    data = data_of(network, points)
    m, n_inputs = count_of(n_directions, "n_directions"), network.network.n_inputs
    if m > n_inputs:
        raise invalid("n_directions", f"be at most the number of inputs, {n_inputs}", m)
    if not 0 < real(radius) < 2.0**1023:
        raise invalid("radius", "be a positive number", radius)
    counts = []
    for x in torch.split(data, network.rows(2 * m * n_inputs)):
        drawn = torch.randn((len(x), n_inputs, m), generator=own, dtype=torch.float64, device=own.device)
        ways = float(radius) * torch.linalg.qr(drawn).Q.mT.to(network.device, network.dtype)
        corners = torch.cat([x[:, None] + ways, x[:, None] - ways], dim=1).flatten(0, 1)
        total = torch.zeros(len(x), dtype=torch.float64)
        for z, units in network.stages(corners):
            if units is not None:
                code = units.code(z).to(torch.int8).reshape(len(x), 2 * m, -1)
                total += (code.amax(dim=1) - code.amin(dim=1)).sum(dim=1).cpu()
        counts.append(total)
    return mean_estimate(
        torch.cat(counts),
        Fraction(1),
        f"local complexity, radius {float(radius):g}",
        own.initial_seed(),
        network.device,
        network.dtype,
        unit=float(network.switches),
    )
