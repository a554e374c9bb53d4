"""Networks as torch tensors: pre-activations, codes and gradients of many points, on any device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from linear_regions.errors import invalid
from linear_regions.network import Activation, Network, Unit

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

    Parameters
    ----------
    network : Network
    device : torch.device
    dtype : torch.dtype
    """

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.network, self.device, self.dtype = network, device, dtype
        self.layers = [
            Layer(
                self.tensor(layer.affine.weight),
                self.tensor(layer.affine.bias),
                None if layer.activation is None else self._units(layer.activation),
            )
            for layer in network.layers
        ]

    def tensor(self, values: object) -> Tensor:
        """Numbers here, rounded to the dtype."""
        return torch.as_tensor(np.array(values)).to(self.device, self.dtype)

    def _units(self, activation: Activation) -> Units:
        kinds = activation.units
        most = max(len(u.breakpoints) for u in kinds)
        table = [np.full((most + extra, len(kinds)), fill) for extra, fill in ((0, np.inf), (1, 0.0), (1, 0.0))]
        for i, unit in enumerate(kinds):
            for own, values in zip(table, _parts(unit), strict=True):
                own[: len(values), i] = np.array([float(v) for v in values])
        thresholds, slopes, intercepts = (self.tensor(own[:, activation.kind]) for own in table)
        return Units(thresholds, slopes, intercepts, activation.is_relu)

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
        if weight.shape[0] >= weight.shape[1]:
            return self.tensor(np.eye(weight.shape[1]))
        return self.tensor(np.linalg.qr(weight.T)[0])

    def jacobians(self, x: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, n_out) and their Jacobians along a basis (n_inputs, m), (B, n_out, m), by a backward pass."""
        slopes = []
        for z, units in self.stages(x):
            slopes.append(None if units is None else units.slope(z))
            out = z if units is None else units.apply_(z.clone())
        matrix = torch.eye(out.shape[1], dtype=self.dtype, device=self.device)[None]
        weights = [self.layers[0].weight @ basis, *(layer.weight for layer in self.layers[1:])]
        for weight, slope in zip(reversed(weights), reversed(slopes), strict=True):
            matrix = (matrix if slope is None else matrix * slope[:, None, :]) @ weight
        return out, matrix.expand(len(x), -1, -1)

    def rows(self, entries: int = 0) -> int:
        """How many points to take at a time, if each needs so many entries besides its pre-activations."""
        widest = max(layer.weight.shape[i] for layer in self.layers for i in (0, 1))
        room = _CHUNK_BYTES.get(self.device.type, _CHUNK_BYTES_ELSEWHERE)
        return max(1, room // (self.dtype.itemsize * (widest + entries)))

    def rows_of_gradients(self, basis: Tensor) -> int:
        """Likewise, if it needs the gradients of a layer along a basis (n_inputs, m)."""
        return self.rows(2 * basis.shape[1] * max(self.network.widths, default=1))


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


@contextmanager
def sampling() -> Iterator[None]:
    """Without gradients, and on GPUs with all bits of float32 in matrix products."""
    with torch.no_grad():
        if not torch.cuda.is_available():
            yield
            return
        products = torch.backends.cuda.matmul
        name, value = ("fp32_precision", "ieee") if hasattr(products, "fp32_precision") else ("allow_tf32", False)
        before = getattr(products, name)
        setattr(products, name, value)
        try:
            yield
        finally:
            setattr(products, name, before)
