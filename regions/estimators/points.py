"""Points to sample at: uniform in domains, evenly spaced along curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from linear_regions.domain import Box, Domain, Ellipse, Line, Polyline, Polytope, Segment, Slice
from linear_regions.domain.curves import Curve
from linear_regions.errors import invalid
from linear_regions.network import Network
from linear_regions.network.cast import MOST_SAMPLES, exact_array, is_whole

from .estimate import name_of
from .forward import TorchNetwork

Floats = NDArray[np.float64]

_TRIES = 10_000  # rounds of rejection without a point inside


def chosen_generator(generator: torch.Generator | None) -> torch.Generator:
    """The caller's, or one with seed 0."""
    if generator is None:
        return torch.Generator("cpu").manual_seed(0)
    if not isinstance(generator, torch.Generator):
        raise invalid("generator", "be a torch.Generator", type(generator).__name__)
    return generator


def count_of(n: object, name: str, least: int = 1) -> int:
    """A number of samples."""
    if not is_whole(n, least, MOST_SAMPLES):
        raise invalid(name, f"be a whole number of at least {least} and at most 2**31", n)
    return int(n)


def fitting(network: Network, domain: Domain, name: str = "domain") -> None:
    """Refuse a domain of other inputs."""
    if not isinstance(domain, Domain):
        raise invalid(name, "be a domain", type(domain).__name__)
    if domain.n_inputs != network.n_inputs:
        raise invalid(name, f"lie in {network.n_inputs} dimensions, as the inputs do", domain.n_inputs)


def data_of(network: TorchNetwork, points: object) -> Tensor:
    """Given inputs (M, n_inputs), on the network's device and in its dtype."""
    x = exact_array(points, "points")
    if x.ndim != 2 or not len(x) or x.shape[1] != network.network.n_inputs:
        raise invalid("points", f"have shape (M, {network.network.n_inputs})", x.shape)
    return held(torch.as_tensor(np.array(x)), network.device, network.dtype, "points")


def held(x: Tensor, device: torch.device, dtype: torch.dtype, name: str) -> Tensor:
    """Inputs on a device and in a dtype, in whose range they must be."""
    found = x.to(device, dtype)
    if not found.isfinite().all():
        raise invalid(name, f"lie in the range of {name_of(dtype)}", f"numbers up to {float(x.abs().max()):.3g}")
    return found


def base_of(domain: Domain) -> Box | Polytope:
    """The bounded set of coordinates t of a domain."""
    base = domain.domain if isinstance(domain, Slice) else domain
    if not isinstance(base, Box | Polytope):
        raise invalid("domain", "be a Box, a Polytope, or a Slice with one", repr(domain))
    return base


def volume_of(domain: Domain) -> Fraction:
    """Of the set of coordinates t."""
    volume = base_of(domain).volume
    assert volume is not None
    return volume


def box_of(domain: Domain) -> tuple[Floats, Floats]:
    """Where the box about the coordinates t begins, and its sides."""
    low, high = base_of(domain).box_about
    with np.errstate(over="ignore"):
        sides = high - low
    if not np.isfinite(sides).all():
        raise invalid("domain", "be no wider than the largest float64", repr(domain))
    return low, sides


def uniform(domain: Domain, n: int, generator: torch.Generator) -> Tensor:
    """(n, d) independent uniform points t of a domain, float64 on the generator's device; polytopes by rejection."""
    base = base_of(domain)
    start, size = (torch.as_tensor(np.array(v)).to(generator.device) for v in box_of(domain))
    found: list[Tensor] = []
    missing, tries = n, 0
    while missing:
        t = start + size * torch.rand(
            (missing, len(start)), generator=generator, dtype=torch.float64, device=generator.device
        )
        if isinstance(base, Polytope):
            rows, ends = (torch.as_tensor(np.array(v)).to(generator.device) for v in (base.A, base.b))
            t = t[(t @ rows.T <= ends).all(dim=1)]
        found.append(t)
        missing -= len(t)
        tries = 0 if len(t) else tries + 1
        if tries == _TRIES:
            raise invalid("domain", "fill more of the box about it, for points to be drawn", repr(domain))
    return torch.cat(found)


def embedded(network: TorchNetwork, domain: Domain, t: Tensor) -> Tensor:
    """Inputs at coordinates t, on the network's device and in its dtype; mapped in float64."""
    return held(embedded_exactly(domain, t), network.device, network.dtype, "domain")


def sampled(network: TorchNetwork, domain: Domain, n: int, rows: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Inputs at n uniform points of a domain, so many rows at a time."""
    resolved(domain, network.dtype)
    for first in range(0, n, rows):
        yield embedded(network, domain, uniform(domain, min(rows, n - first), generator))


def inputs_of(
    network: TorchNetwork, points: object, n: int, rows: int, generator: torch.Generator
) -> tuple[Iterable[Tensor], int | None]:
    """Inputs so many rows at a time, n drawn in a domain or those that are given; and the seed where they are drawn."""
    if isinstance(points, Domain):
        fitting(network.network, points)
        return sampled(network, points, count_of(n, "n"), rows, generator), generator.initial_seed()
    return torch.split(data_of(network, points), rows), None


def embedded_exactly(domain: Domain, t: Tensor) -> Tensor:
    """Inputs at coordinates t, in float64 where these are."""
    if isinstance(domain, Box | Polytope):
        return t
    origin, basis = (torch.as_tensor(np.array(v)).to(t.device) for v in (domain.origin, domain.basis))
    return origin + t @ basis.T


def resolved(domain: Domain, dtype: torch.dtype) -> None:
    """Refuse a domain whose opposite sides are the same in a dtype."""
    low, high = (torch.as_tensor(np.array(v)) for v in base_of(domain).box_about)
    sides = torch.stack([low, high])[:, None].repeat(1, len(low), 1)
    sides = torch.where(torch.eye(len(low), dtype=torch.bool), sides, low / 2 + high / 2)
    first, second = (held(embedded_exactly(domain, own), own.device, dtype, "domain") for own in sides)
    if (first == second).all(dim=1).any():
        raise invalid("dtype", "tell the sides of the domain apart", name_of(dtype))


def period_of(curve: Curve) -> float:
    """How far its parameter runs from zero."""
    if isinstance(curve, Ellipse):
        return 2 * np.pi
    if isinstance(curve, Line) or not isinstance(curve, Segment | Polyline):
        raise invalid("curve", "be a Segment, a Polyline or an Ellipse", repr(curve))
    return float(curve.volume)


def along(network: TorchNetwork, curve: Curve, k: int) -> Iterator[Tensor]:
    """Evenly spaced points of a curve, k of them, with both ends of an open one, chunk by chunk."""
    period, rows = period_of(curve), network.rows(network.network.n_inputs)
    last = k if curve.closed else k - 1
    for first in range(0, k, rows):
        t = period * np.arange(first, min(first + rows, k)) / last
        yield held(torch.as_tensor(curve.embed(t[:, None])), network.device, network.dtype, "curve")
