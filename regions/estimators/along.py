"""What is counted and measured at evenly spaced points of a curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from linear_regions.domain.curves import Curve

from .estimate import Estimate, name_of
from .forward import Ints, TorchNetwork, norms, prepared, unscaled
from .points import along, count_of, fitting
from .settings import own_settings


@own_settings()
def transitions(
    model: object, curve: Curve, *, k: int = 2**20, device: object = None, dtype: torch.dtype | None = None
) -> Estimate:
    """Breakpoints of units that are passed between k samples of a curve (Novak et al. 2018, section 3.2).

    Never more than there are, as `curve_regions` counts them, but for rounding: in float32 neurons flicker where
    samples are dense.

    Parameters
    ----------
    model : Network or torch.nn.Module
        A module is read by `Network.from_torch`, and left as it is.
    curve : Segment, Polyline or Ellipse
    k : int
        Evenly spaced in the curve's parameter; a closed curve is gone round.
    device, dtype
        By default those of a module, or the CPU and float64.

    Returns
    -------
    Estimate
        `per_item` has the transitions of each layer with units.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
    >>> lr.estimators.transitions(network, lr.Ellipse([0.1, 0.1], [1, 0], [0, 1]), k=1000).value
    4.0
    """
    network = _checked(model, curve, k, device, dtype)
    counts = torch.zeros(len(network.network.widths), dtype=torch.int64)
    for codes in _runs(network, curve, k, _codes):
        counts += torch.tensor([_changes(code) for code in codes], dtype=torch.int64)
    return _result(float(counts.sum()), k, "transitions between samples", network, counts)


def _codes(network: TorchNetwork, x: Tensor) -> list[Tensor]:
    return [units.code(z) for z, units in network.stages(x) if units is not None]


def _changes(code: Tensor) -> int:
    if code.dtype == torch.bool:
        return int(torch.count_nonzero(code[1:] ^ code[:-1]))
    return int(code.diff(dim=0).abs().sum(dtype=torch.int64))


def _runs(
    network: TorchNetwork, curve: Curve, k: int, images: Callable[[TorchNetwork, Tensor], list[Tensor]]
) -> Iterator[list[Tensor]]:
    """What becomes of runs of samples; each begins with the one before it, and the last closes a closed curve."""
    first: list[Tensor] = []
    last: list[Tensor] = []
    for x in along(network, curve, k):
        own = images(network, x)
        yield [torch.cat(pair) for pair in zip(last, own, strict=True)] if last else own
        first = first or [z[:1].clone() for z in own]
        last = [z[-1:].clone() for z in own]
    if curve.closed:
        yield [torch.cat(pair) for pair in zip(last, first, strict=True)]


@own_settings()
def trajectory_length(
    model: object, curve: Curve, *, k: int = 2**16, device: object = None, dtype: torch.dtype | None = None
) -> Estimate:
    """The length of the image of a curve, from k samples (Raghu et al. 2017, section 2.1).

    Never more than the length, as `CurveRegions.image_lengths` has it, but for rounding; its error falls with 1 / k.

    Parameters
    ----------
    model, curve, k, device, dtype
        As in `transitions`.

    Returns
    -------
    Estimate
        Of the output's length; `per_item` has what enters each layer's units, then the output.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[3, 0], [0, 4]]], [[0, 0]])
    >>> round(lr.estimators.trajectory_length(network, lr.Segment([0, 0], [1, 1])).value, 9)
    5.0
    """
    network = _checked(model, curve, k, device, dtype)
    total = torch.zeros(len(network.network.widths) + 1, dtype=torch.float64)
    scales = [_Scale(network, own) for own in _exponents(network)]
    for images in _runs(network, curve, k, _images):
        total += torch.stack([scale.length(z) for z, scale in zip(images, scales, strict=True)])
    return _result(float(total[-1]), k, "length between samples", network, total)


def _images(network: TorchNetwork, x: Tensor) -> list[Tensor]:
    entering = []
    for z, units in network.stages(x):
        out = z.clone()
        if units is not None:
            entering.append(out)
            out = units.apply_(out.clone())
    return [*entering, out]


def _exponents(network: TorchNetwork) -> list[Ints]:
    """Those of `_images`."""
    own = zip(network.exponents, network.layers, strict=False)
    return [*(exponent for exponent, layer in own if layer.units is not None), network.exponents[-1]]


class _Scale:
    """Lengths of curves whose coordinates are in units of powers of two."""

    def __init__(self, network: TorchNetwork, exponents: Ints) -> None:
        self._largest = int(exponents.max())
        apart = exponents - self._largest
        self._factors = network.tensor(np.ldexp(1.0, apart)) if apart.any() else None

    def length(self, z: Tensor) -> Tensor:
        steps = z.diff(dim=0)
        if self._factors is not None:
            steps *= self._factors
        return unscaled(norms(steps).sum(dtype=torch.float64), self._largest)


def _checked(model: object, curve: Curve, k: object, device: object, dtype: torch.dtype | None) -> TorchNetwork:
    network = prepared(model, device, dtype)
    fitting(network.network, curve, "curve")
    count_of(k, "k", 2)
    return network


def _result(value: float, k: int, method: str, network: TorchNetwork, per_item: Tensor) -> Estimate:
    return Estimate(value, math.nan, k, method, None, str(network.device), name_of(network.dtype), per_item)
