"""The volume of the boundary between cells."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from linear_regions.domain import Box, Domain, Segment
from linear_regions.enumerate import enumerate_regions
from linear_regions.errors import invalid
from linear_regions.network.cast import is_one_of, real

from .distance import least_distances
from .estimate import Estimate, mean_estimate
from .forward import TorchNetwork, prepared, sampling
from .points import base_of, chosen_generator, count_of, embedded, fitting, sampled, uniform, volume_of

BANDWIDTH = 0.03  # of the kernel, in standard deviations of a neuron's pre-activation


def boundary_volume(
    model: object,
    domain: Domain,
    *,
    n: int = 10_000,
    method: Literal["crofton", "coarea", "tube"] = "crofton",
    width: float | None = None,
    generator: torch.Generator | None = None,
    device: object = None,
    dtype: torch.dtype | None = None,
) -> Estimate:
    """The (d - 1)-volume of the boundary between cells in a domain, where each neuron's counts by itself.

    Its exact counterpart is `Regions.boundary_volume` where no two neurons switch at the same hyperplane.

    Parameters
    ----------
    model : Network or torch.nn.Module
    domain : Box, Polytope, or Slice with one
    n : int
        Number of lines, or of points.
    method : {"crofton", "coarea", "tube"}
        "crofton": uniform random lines, on which the boundary is counted exactly; unbiased. "coarea": the mean over
        uniform points of sum |grad z| K(z - t), with a Gaussian kernel K; its bias falls with the width. "tube": the
        share of points nearer to the boundary than the width; its bias is of the order of the width. Standard errors do
        not include biases. Lines and kernels count a hyperplane at which two neurons switch twice, the tube once.
    width : float, optional
        Of "coarea", in standard deviations of each neuron's pre-activation over a sample, by default 0.03; of "tube", a
        length, by default 1/1000 of the domain's diameter.
    generator : torch.Generator, optional
        By default one with seed 0.
    device, dtype
        By default those of a module, or the CPU and float64. Lines are followed on the CPU, in exact arithmetic where
        floats prove nothing.

    Returns
    -------
    Estimate
        In units of the domain's coordinates; `per_item` has what each line or point contributes.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Notes
    -----
    Lines: Santaló, Integral geometry and geometric probability, section 14.7 (Cauchy and Crofton). Kernels: the coarea
    formula. See Hanin & Rolnick 2019, section 3.2, for the tube.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
    >>> found = lr.estimators.boundary_volume(network, lr.Box([-1, -1], [1, 1]), n=4000)
    >>> abs(found.value - 4) < 4 * found.standard_error
    True
    """
    if not is_one_of(method, "crofton", "coarea", "tube"):
        raise invalid("method", 'be "crofton", "coarea" or "tube"', repr(method))
    if width is not None and not real(width) > 0:
        raise invalid("width", "be a positive number", width)
    network, own = prepared(model, device, dtype), chosen_generator(generator)
    fitting(network.network, domain)
    count_of(n, "n", 2)
    if domain.dim < 2:
        raise invalid("domain", "have two dimensions or more (take curve_regions on a curve)", domain.dim)
    if method == "crofton":
        values, scale = _on_lines(network, domain, n, own)
    else:
        basis = network.tensor(domain.basis)
        values, scale = (_in_kernel if method == "coarea" else _in_tube)(network, domain, basis, n, width, own)
    return mean_estimate(values, scale, f"boundary, {method}", own.initial_seed(), network.device, network.dtype)


def _on_lines(network: TorchNetwork, domain: Domain, n: int, generator: torch.Generator) -> tuple[Tensor, float]:
    """How often the boundary is crossed on lines that meet a ball about the domain."""
    low, high = base_of(domain).box_about
    d, center, radius = domain.dim, (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    draw = torch.randn((2, n, d), generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy()
    share = torch.rand(n, generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy()
    along = draw[0] / np.linalg.norm(draw[0], axis=1)[:, None]
    across = draw[1] - np.sum(draw[1] * along, axis=1)[:, None] * along
    across *= (radius * share ** (1 / (d - 1)) / np.linalg.norm(across, axis=1))[:, None]
    start, stop = _chords(domain, center + across, along)
    counts = np.zeros(n)
    met = np.flatnonzero(start < stop)
    ends = [domain.embed((center + across + s[:, None] * along)[met]) for s in (start, stop)]
    pairs = [(i, a, b) for i, a, b in zip(met.tolist(), *ends, strict=True) if not np.array_equal(a, b)]
    if pairs:
        segments = [Segment(a, b) for _, a, b in pairs]
        for (i, _, _), regions in zip(pairs, enumerate_regions(network.network, segments), strict=True):
            patterns = regions.patterns.astype(np.int64)
            counts[i] = np.abs(np.diff(patterns, axis=0)).sum()
    ball = math.pi ** ((d - 1) / 2) / math.gamma((d + 1) / 2) * radius ** (d - 1)
    mean_cosine = math.gamma(d / 2) / (math.sqrt(math.pi) * math.gamma((d + 1) / 2))
    return torch.as_tensor(counts), ball / mean_cosine


def _chords(domain: Domain, points: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where lines enter and leave the domain; the end is not larger than the start where they miss it."""
    base = base_of(domain)
    d = domain.dim
    rows, ends = (
        (np.vstack([np.eye(d), -np.eye(d)]), np.concatenate([base.upper, -base.lower]))
        if isinstance(base, Box)
        else (np.array(base.A), np.array(base.b))
    )
    height, rate = ends - points @ rows.T, along @ rows.T
    with np.errstate(all="ignore"):
        place = height / rate
        stop = np.where(rate > 0, place, np.inf).min(axis=1)
        start = np.where(rate < 0, place, -np.inf).max(axis=1)
        misses = ((rate == 0) & (height < 0)).any(axis=1)
    return np.where(misses, np.inf, start), stop


def _in_kernel(
    network: TorchNetwork, domain: Domain, basis: Tensor, n: int, width: float | None, generator: torch.Generator
) -> tuple[Tensor, float]:
    """Sums of |grad z| K(z - t) at uniform points; the kernels' widths are set by a first sample."""
    share = BANDWIDTH if width is None else float(width)
    values = []
    with sampling():
        pilot = embedded(network, domain, uniform(domain, 1000, generator))
        widths = [share * z.std(dim=0) for z, units in network.stages(pilot) if units is not None]
        for x in sampled(network, domain, n, network.rows_of_gradients(basis), generator):
            total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
            stages = (own for own in network.gradients(x, basis) if own[2] is not None)
            for (z, gradient, units), h in zip(stages, widths, strict=True):
                assert units is not None
                size = torch.linalg.vector_norm(gradient, dim=2)
                for threshold in units.thresholds:
                    kernel = torch.exp(-(((z - threshold) / h) ** 2) / 2) / (h * math.sqrt(2 * math.pi))
                    total += torch.where((size > 0) & (h > 0), size * kernel, 0.0).sum(dim=1)
            values.append(total)
    return torch.cat(values), volume_of(domain)


def _in_tube(
    network: TorchNetwork, domain: Domain, basis: Tensor, n: int, width: float | None, generator: torch.Generator
) -> tuple[Tensor, float]:
    """Whether uniform points are nearer to the boundary than a width."""
    low, high = base_of(domain).box_about
    reach = 1e-3 * float(np.linalg.norm(high - low)) if width is None else float(width)
    with sampling():
        points = sampled(network, domain, n, network.rows_of_gradients(basis), generator)
        near = torch.cat([least_distances(network, x, basis) < reach for x in points])
    return near.to(torch.float64), volume_of(domain) / (2 * reach)
