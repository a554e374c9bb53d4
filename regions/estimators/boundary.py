"""The volume of the boundary between cells."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from linear_regions.domain import Box, Domain, Segment
from linear_regions.enumerate import enumerate_regions
from linear_regions.errors import invalid
from linear_regions.network.cast import is_one_of, real

from .distance import least_distances
from .estimate import Estimate, mean_estimate
from .forward import Floats, TorchNetwork, norms, prepared
from .points import base_of, box_of, chosen_generator, count_of, embedded, fitting, sampled, uniform, volume_of
from .settings import own_settings

BANDWIDTH = 0.03  # of the kernel, in standard deviations of a neuron's pre-activation


@own_settings()
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
        "crofton": uniform random lines through the box about the domain, on which the boundary is counted exactly;
        unbiased. A hyperplane across a cube of d dimensions is met by one in d of them. "coarea": the mean over
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
        In units of the domain's coordinates; `per_item` has what each line or point contributes, over the volume of the
        domain and a constant.

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
        found = _on_lines(network, domain, n, own)
    else:
        basis = network.tensor(domain.basis)
        found = (_in_kernel if method == "coarea" else _in_tube)(network, domain, basis, n, width, own)
    unit = found.unit if network.switches else 0.0
    return mean_estimate(
        found.values,
        found.scale,
        f"boundary, {method}",
        own.initial_seed(),
        network.device,
        network.dtype,
        unit=unit,
    )


class Sample(NamedTuple):
    """What each line or point contributes, what the mean of that is to be multiplied by, and what a crossing counts.

    The last is NaN where that is not known.
    """

    values: Tensor
    scale: Fraction
    unit: float


def _on_lines(network: TorchNetwork, domain: Domain, n: int, generator: torch.Generator) -> Sample:
    """How often the boundary is crossed on lines that meet the box about the domain.

    Of parallel ones as many enter the box through a facet as its shadow along them is large, anywhere in it alike; the
    shadow of the box, over its volume, is what each line stands for.
    """
    low, high = base_of(domain).box_about
    d = domain.dim
    draw = torch.randn((n, d), generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy()
    place = torch.rand((n, d + 1), generator=generator, dtype=torch.float64, device=generator.device).cpu().numpy()
    along = draw / np.linalg.norm(draw, axis=1)[:, None]
    shadows = np.abs(along) / (high - low)
    shadow = shadows.sum(axis=1)
    facet = (np.cumsum(shadows, axis=1) < (place[:, -1] * shadow)[:, None]).sum(axis=1).clip(max=d - 1)
    enters = (np.arange(n), facet)
    place[enters] = along[enters] < 0
    points = low * (1 - place[:, :-1]) + high * place[:, :-1]
    start, stop = _chords(domain, points, along)
    counts = np.zeros(n)
    met = np.flatnonzero(start < stop)
    ends = [domain.embed(points[met] + s[met, None] * along[met]) for s in (start, stop)]
    pairs = [(i, a, b) for i, a, b in zip(met.tolist(), *ends, strict=True) if not np.array_equal(a, b)]
    if not pairs:
        raise invalid("domain", "fill more of the box about it, for lines to meet it", repr(domain))
    segments = [Segment(a, b) for _, a, b in pairs]
    for (i, _, _), regions in zip(pairs, enumerate_regions(network.network, segments), strict=True):
        counts[i] = np.abs(np.diff(regions.patterns.astype(np.int64), axis=0)).sum()
    mean_cosine = math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)
    scale = Box(low, high).volume / Fraction(mean_cosine)
    return Sample(torch.as_tensor(counts * shadow), scale, float(shadow.mean()))


def _chords(domain: Domain, points: Floats, along: Floats) -> tuple[Floats, Floats]:
    """Where lines enter and leave the domain; the end is not larger than the start where they miss it."""
    base = base_of(domain)
    with np.errstate(all="ignore"):
        if isinstance(base, Box):
            ends = np.where(along > 0, base.upper - points, base.lower - points) / along
            return np.zeros(len(points)), np.where(along == 0, np.inf, ends).min(axis=1)
        height, rate = base.b - points @ base.A.T, along @ base.A.T
        place = height / rate
        stop = np.where(rate > 0, place, np.inf).min(axis=1)
        start = np.where(rate < 0, place, -np.inf).max(axis=1)
        misses = ((rate == 0) & (height < 0)).any(axis=1)
    return np.where(misses, np.inf, start), stop


def _in_kernel(
    network: TorchNetwork, domain: Domain, basis: Tensor, n: int, width: float | None, generator: torch.Generator
) -> Sample:
    """Sums of |grad z| K(z - t) at uniform points; the kernels' widths are set by a first sample."""
    share = BANDWIDTH if width is None else float(width)
    values = []
    pilot = embedded(network, domain, uniform(domain, 1000, generator))
    widths = [share * _spread(z) for z, units in network.stages(pilot) if units is not None]
    for x in sampled(network, domain, n, network.rows_of_gradients(basis), generator):
        total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        stages = (own for own in network.gradients(x, basis) if own[2] is not None)
        for (z, gradient, units), h in zip(stages, widths, strict=True):
            assert units is not None
            flat = h == 0
            narrow = torch.where(flat, 0.0, 1 / h)
            peak = norms(gradient) * (narrow / math.sqrt(2 * math.pi))
            for threshold in units.thresholds:
                place = (z - torch.where(flat, 0.0, threshold)) * narrow
                total += (peak * torch.exp(place * place * -0.5)).sum(dim=1)
        values.append(total)
    return Sample(torch.cat(values), volume_of(domain), math.nan)


def _spread(z: Tensor) -> Tensor:
    """Standard deviations of columns, also where squares leave the range of the dtype."""
    size = z.abs().amax(dim=0).clamp_(min=torch.finfo(z.dtype).tiny)
    spread: Tensor = size * (z / size).std(dim=0)
    return spread


def _in_tube(
    network: TorchNetwork, domain: Domain, basis: Tensor, n: int, width: float | None, generator: torch.Generator
) -> Sample:
    """Whether uniform points are nearer to the boundary than a width."""
    reach = 1e-3 * math.hypot(*box_of(domain)[1]) if width is None else float(width)
    points = sampled(network, domain, n, network.rows_of_gradients(basis), generator)
    near = torch.cat([least_distances(network, x, basis) < reach for x in points])
    return Sample(near.to(torch.float64), volume_of(domain) / (2 * Fraction(reach)), 1.0)
