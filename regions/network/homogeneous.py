"""Networks made homogeneous: the input has one coordinate more, w, by which all constants are multiplied.

At w = 1 it is the network, and positive multiples of an input have multiples of its values, so that the whole input
space, its points at infinity included, is seen on any surface around the origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .affine import Affine
from .network import Network
from .units import Activation, Unit

_ZERO = Fraction(0)


class _Part(NamedTuple):
    """A neuron of the homogeneous network: a unit of z - shift w, or of w alone."""

    neuron: int  # that it is a part of
    unit: Unit
    shift: float = 0.0
    constant: bool = False


def homogenized(network: Network) -> Network:
    """The homogeneous network of inputs (x, w, w), without its output map if no units follow that.

    The hyperplanes of a step are those of the network, in the same order. A unit with breakpoints tau_k and slopes s_k
    is a linear map and a sum of kinks: s_0 z + c_0 w + sum_k (s_k - s_{k-1}) max(z - tau_k w, 0). No number is rounded:
    neurons hold z - tau_k w, units the slopes, and w is passed on twice, to be multiplied by biases and by breakpoints.
    """
    ops: list[Affine | Activation] = []
    source = np.arange(network.n_inputs)  # the neuron that each input of the layer is a part of
    for number, layer in enumerate(network.layers):
        if layer.activation is None and number == len(network.layers) - 1:
            break
        activation = layer.activation or Activation.uniform(Unit.identity(), layer.affine.n_outputs)
        units = [activation.units[kind] for kind in activation.kind.tolist()]
        parts = [part for neuron, unit in enumerate(units) for part in _parts(neuron, unit)]
        weight = np.zeros((len(parts) + 2, len(source) + 2))
        for row, part in zip(weight, parts, strict=False):
            if part.constant:
                row[-2] = 1.0
            else:
                row[:-2], row[-2:] = (
                    layer.affine.weight[part.neuron, source],
                    (layer.affine.bias[part.neuron], -part.shift),
                )
        weight[-2, -2] = weight[-1, -1] = 1.0
        ops.append(Affine(weight, np.zeros(len(weight))))
        ops.append(Activation.from_units([*(part.unit for part in parts), Unit.identity(), Unit.identity()]))
        source = np.array([part.neuron for part in parts], np.int64)
    size = network.n_inputs + 2
    return Network.chain(ops or [Affine(np.eye(size), np.zeros(size))])


def _parts(neuron: int, unit: Unit) -> Iterator[_Part]:
    """What the unit of a neuron is the sum of."""
    if unit.breakpoints in ((), (0.0,)) and not any(unit.intercepts):
        yield _Part(neuron, unit)
        return
    for tau, below, above in zip(unit.breakpoints, unit.slopes[:-1], unit.slopes[1:], strict=True):
        yield _Part(neuron, Unit((0.0,), (_ZERO, above - below), (_ZERO, _ZERO)), tau)
    if unit.slopes[0]:
        yield _Part(neuron, Unit((), (unit.slopes[0],), (_ZERO,)))
    if unit.intercepts[0]:
        yield _Part(neuron, Unit((), (unit.intercepts[0],), (_ZERO,)), constant=True)
