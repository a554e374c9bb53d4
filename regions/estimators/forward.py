"""Networks as torch tensors: pre-activations, codes and gradients of many points, on any device."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from linear_regions.errors import invalid
from linear_regions.network import Activation, Network, Unit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NONE = -(1 << 20)  # exponent of zero
_CHUNK_BYTES = {"cpu": 1 << 25}
_CHUNK_BYTES_ELSEWHERE = 1 << 28


class Units(NamedTuple):
    """Piecewise-linear units of a layer: piece p of a neuron lies above p of its breakpoints."""

    thresholds: Tensor  # (K, n), infinite where a neuron has fewer
    slopes: Tensor  # (K + 1, n)
    intercepts: Tensor  # (K + 1, n)
    is_relu: bool

    def code(self, z: Tensor) -> Tensor:
        """Which piece each pre-activation lies on, (B, n)."""
        if len(self.thresholds) == 1:
            return z > self.thresholds[0]
        code = torch.zeros(z.shape, dtype=torch.int8, device=z.device)
        for threshold in self.thresholds:
            code += z > threshold
        return code

    def slope(self, z: Tensor) -> Tensor:
        """(B, n) the slope of each neuron's unit."""
        if self.is_relu:
            return (z > 0).to(z.dtype)
        return self.slopes.gather(0, self.code(z).long())

    def apply_(self, z: Tensor) -> Tensor:
        """The values of the units; z may be overwritten."""
        if self.is_relu:
            return z.clamp_(min=0)
        code = self.code(z).long()
        return torch.addcmul(self.intercepts.gather(0, code), self.slopes.gather(0, code), z)


class Layer(NamedTuple):
    """An affine map, and the units after it."""

    weight: Tensor  # (n_out, n_in)
    bias: Tensor
    units: Units | None


class TorchNetwork:
    """A network's numbers on a device.

    Where a layer's weights are far from one, the pre-activations of its neurons and what their units give are held in
    units of powers of two, so that products of large or of small weights stay in the range of the dtype. Nothing else
    changes by that: where neurons switch and distances to it are the same.

    Parameters
    ----------
    network : Network
    device : torch.device
    dtype : torch.dtype

    Attributes
    ----------
    layers : list of Layer
    exponents : list of (n,) ndarray of int64
        Of the powers of two of each layer's pre-activations, then of the outputs.
    switches : bool
        Whether there are breakpoints.
    """

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.network, self.device, self.dtype = network, device, dtype
        self.switches = any(own.activation is not None and own.activation.n_hyperplanes for own in network.layers)
        self.layers: list[Layer] = []
        self.exponents: list[Ints] = []
        entering = np.zeros(network.n_inputs, np.int64)
        with np.errstate(all="ignore"):  # what is too large for the dtype becomes infinite, and never switches
            for layer in network.layers:
                weight, bias = layer.affine.weight, layer.affine.bias
                own = self._exponents(weight, bias, entering)
                units, leaving = None, own
                if layer.activation is not None:
                    units, leaving = self._units(layer.activation, own)
                scaled = np.ldexp(weight, entering - own[:, None])
                self.layers.append(Layer(self.tensor(scaled), self.tensor(np.ldexp(bias, -own)), units))
                self.exponents.append(own)
                entering = leaving
        self.exponents.append(entering)

    def tensor(self, values: object) -> Tensor:
        """Numbers here, rounded to the dtype."""
        return torch.as_tensor(np.array(values)).to(self.device, self.dtype)

    @property
    def _usual(self) -> int:
        """Exponents up to this size are let be."""
        return int(math.log2(torch.finfo(self.dtype).max)) // 8

    def _exponents(self, weight: Floats, bias: Floats, entering: Ints) -> Ints:
        """(n,) of pre-activations: of the largest weights, or of a bias that is too large for these."""
        size = np.where(weight == 0, _NONE, np.frexp(weight)[1] + entering).max(axis=1)
        height = np.where(bias == 0, _NONE, np.frexp(bias)[1])
        own = np.maximum(size, np.where(size == _NONE, height, height - 6 * self._usual))
        return np.where((own == _NONE) | (np.abs(own) <= self._usual), 0, own)

    def _units(self, activation: Activation, entering: Ints) -> tuple[Units, Ints]:
        """The units of a layer, and the exponents of what they give."""
        kinds, kind = activation.units, activation.kind
        most = max(len(u.breakpoints) for u in kinds)
        table = [np.full((most + extra, len(kinds)), fill) for extra, fill in ((0, np.inf), (1, 0.0), (1, 0.0))]
        for i, unit in enumerate(kinds):
            for own, values in zip(table, _parts(unit), strict=True):
                own[: len(values), i] = np.array([float(v) for v in values])
        thresholds, slopes, intercepts = (own[:, kind] for own in table)
        leaving = entering
        if not activation.is_relu:
            leaving = entering + np.frexp(np.abs(slopes).max(axis=0))[1]
            bounds = np.array([_largest(unit) for unit in kinds])[kind]
            leaving = np.where(np.isfinite(bounds), np.minimum(leaving, np.frexp(bounds)[1]), leaving)
            leaving = np.where(np.abs(leaving) <= self._usual, 0, leaving)
        parts = (np.ldexp(thresholds, -entering), np.ldexp(slopes, entering - leaving), np.ldexp(intercepts, -leaving))
        held = [self.tensor(own) for own in parts]
        return Units(held[0], held[1], held[2], activation.is_relu), leaving

    def stages(self, x: Tensor) -> Iterator[tuple[Tensor, Units | None]]:
        """What each layer's affine map gives, with its units. It is overwritten when the next one is asked for."""
        h = x
        for layer in self.layers:
            z = torch.addmm(layer.bias, h, layer.weight.T)
            yield z, layer.units
            h = z if layer.units is None else layer.units.apply_(z)

    def gradients(self, x: Tensor, basis: Tensor) -> Iterator[tuple[Tensor, Tensor, Units | None]]:
        """Each layer's pre-activations (B, n), and their gradients (B, n, m) along a basis (n_inputs, m)."""
        h, gradient = x, basis[None]
        for layer in self.layers:
            z = torch.addmm(layer.bias, h, layer.weight.T)
            gradient = layer.weight @ gradient
            yield z, gradient.expand(len(z), -1, -1), layer.units
            if layer.units is not None:
                gradient = gradient * layer.units.slope(z)[:, :, None]
                z = layer.units.apply_(z.clone())
            h = z

    def row_space(self) -> Tensor:
        """(n_inputs, m) an orthonormal basis of what holds all gradients: the first layer's rows, if they are fewer."""
        weight = self.network.layers[0].affine.weight
        weight = np.ldexp(weight, -np.frexp(np.abs(weight).max(axis=1, keepdims=True))[1])
        if weight.shape[0] >= weight.shape[1]:
            return self.tensor(np.eye(weight.shape[1]))
        return self.tensor(np.linalg.qr(weight.T)[0])

    def jacobians(self, x: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, n_out) and their Jacobians along a basis (n_inputs, m), (B, n_out, m), by a backward pass.

        Both in units of the largest of the powers of two of the outputs.
        """
        slopes = []
        for z, units in self.stages(x):
            slopes.append(None if units is None else units.slope(z))
            out = z if units is None else units.apply_(z.clone())
        factors = self.tensor(np.ldexp(1.0, self.exponents[-1] - self.exponents[-1].max()))
        matrix = torch.diag(factors)[None]
        weights = [self.layers[0].weight @ basis, *(layer.weight for layer in self.layers[1:])]
        for weight, slope in zip(reversed(weights), reversed(slopes), strict=True):
            matrix = (matrix if slope is None else matrix * slope[:, None, :]) @ weight
        return out * factors, matrix.expand(len(x), -1, -1)

    def rows(self, entries: int = 0) -> int:
        """How many points to take at a time, if each needs so many entries besides its pre-activations."""
        widest = max(layer.weight.shape[i] for layer in self.layers for i in (0, 1))
        room = _CHUNK_BYTES.get(self.device.type, _CHUNK_BYTES_ELSEWHERE)
        return max(1, room // (self.dtype.itemsize * (widest + entries)))

    def rows_of_gradients(self, basis: Tensor) -> int:
        """Likewise, if it needs the gradients of a layer along a basis (n_inputs, m)."""
        return self.rows(2 * basis.shape[1] * max(self.network.widths, default=1))


def norms(vectors: Tensor) -> Tensor:
    """Lengths along the last axis, also where squares leave the range of the dtype; NaN where numbers have left it."""
    size: Tensor = torch.linalg.vector_norm(vectors, dim=-1)
    limits = torch.finfo(size.dtype)
    least = math.sqrt(limits.tiny) / limits.eps
    if size.numel() and not (size.amin() > least and size.amax() < math.inf):
        doubtful = ~((size > least) & (size < math.inf))
        own = vectors[doubtful]
        largest = own.abs().amax(dim=-1, keepdim=True).clamp_(min=limits.tiny)
        size[doubtful] = largest[:, 0] * torch.linalg.vector_norm(own / largest, dim=-1)
    return size


def unscaled(values: Tensor, exponent: int) -> Tensor:
    """Numbers in units of a power of two, on the CPU in float64, as they are; infinite beyond its range."""
    with np.errstate(over="ignore", under="ignore"):
        return torch.as_tensor(np.ldexp(values.to("cpu", torch.float64).numpy(), exponent))


def _largest(unit: Unit) -> float:
    """The largest size of a unit's values, infinite if there is none."""
    if not unit.breakpoints or unit.slopes[0] or unit.slopes[-1]:
        return math.inf
    return max(abs(float(unit(t))) for t in unit.breakpoints)


def _parts(unit: Unit) -> tuple[Sequence[Fraction | float], ...]:
    return unit.breakpoints, unit.slopes, unit.intercepts


def network_of(model: object) -> Network:
    """A network, or what a torch module is as one."""
    if isinstance(model, Network):
        return model
    if not isinstance(model, nn.Module):
        raise invalid("model", "be a Network or a torch module", type(model).__name__)
    return Network.from_torch(model)


def prepared(model: object, device: object, dtype: torch.dtype | None) -> TorchNetwork:
    """A network or a torch module on a device: by default where the module is, and in its dtype."""
    network, some = network_of(model), torch.empty(0, dtype=torch.float64)
    if isinstance(model, nn.Module):
        some = next(model.parameters(), some)
    chosen: object = some.dtype if dtype is None else dtype
    if not (isinstance(chosen, torch.dtype) and chosen.is_floating_point):
        raise invalid("dtype", "be a floating torch dtype", chosen)
    return TorchNetwork(network, some.device if device is None else device_of(device), chosen)


def device_of(device: object) -> torch.device:
    """A device on which there can be numbers."""
    try:
        found = torch.device(device) if isinstance(device, torch.device) else torch.device(str(device))
        torch.zeros(1, device=found).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise invalid("device", 'be one that torch has here, as "cpu"', repr(str(device))) from error
    return found
