"""The network: affine maps and piecewise-linear units over the numbers that were given, nothing rounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from linear_regions.errors import MissingExtra, invalid

from .affine import Affine
from .arrays import ActivationSpec, read_activations, read_affines
from .cast import FloatArray, as_list, exact_array
from .units import Activation

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Stage:
    """One operation of a network and the stages that feed it; index -1 is the input of the network."""

    op: Affine | Activation
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """An affine map and the units applied to its values, or None where no units follow."""

    affine: Affine
    activation: Activation | None


@dataclass(frozen=True)
class Network:
    """A feed-forward network of affine maps and piecewise-linear units, immutable and exact.

    The weights are the numbers that were given: float16, bfloat16 and float32 embed in float64, and nothing is folded
    or rounded. Build it with `from_arrays`, `from_torch` or `load_network`; networks compare by content and pickle.

    Attributes
    ----------
    stages : tuple of Stage
        In topological order. Chains only so far: stage i is fed by stage i - 1, and units always follow an affine map.

    Raises
    ------
    InvalidInput
        If the stages are no such chain, or their widths do not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, -2]]], [[0, 0, -1], [0.5]])
    >>> network
    Network(2-3-1, relu, 3 neurons)
    >>> network([[1, 2], [-1, 3]])
    array([[-0.5],
           [ 1.5]])
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        """Check that the stages are a chain."""
        stages = tuple(as_list(self.stages, "stages", "Stage"))
        if not stages:
            raise invalid("stages", "hold at least one stage", "none")
        width = None
        for i, stage in enumerate(stages):
            if not isinstance(stage, Stage):
                raise invalid(f"stages[{i}]", "be a Stage", type(stage).__name__)
            if type(stage.inputs) is not tuple or {*map(type, stage.inputs)} != {int} or stage.inputs != (i - 1,):
                raise invalid(f"stages[{i}].inputs", f"be ({i - 1},), since only chains are supported", stage.inputs)
            width = _width_after(stage.op, width, f"stages[{i}].op")
            if isinstance(stage.op, Activation) and (i == 0 or isinstance(stages[i - 1].op, Activation)):
                raise invalid(f"stages[{i}].op", "follow an Affine (see Network.chain)", repr(stage.op))
        object.__setattr__(self, "stages", stages)

    @classmethod
    def from_arrays(
        cls, weights: Iterable[object], biases: Iterable[object], activation: ActivationSpec = "relu"
    ) -> Network:
        """Build a network from weight matrices and bias vectors; the last layer is affine.

        Parameters
        ----------
        weights : sequence of array_like
            ``weights[l]`` has shape (n_l, n_{l-1}). Arrays, nested lists or torch tensors; floats of any width, or
            integers up to 2**53 in size. They are copied. A single matrix makes an affine map without hidden layer.
            scikit-learn's ``coefs_`` and Keras's and Flax's kernels are (n_{l-1}, n_l): pass the ``.T`` of each.
            Square ones fit either way, so that nothing betrays a transpose forgotten there.
        biases : sequence of array_like
            ``biases[l]`` has shape (n_l,); None stands for zeros.
        activation : str, Unit, or sequence
            The units of the hidden layers: one for all of them, or a sequence with an entry per hidden layer, each
            a name, a `Unit`, or a sequence with a name or `Unit` per neuron. Names: ``"relu"``, ``"leaky_relu"``
            (slope 0.01, the float64), ``"relu6"``, ``"hardtanh"`` (-1 to 1), ``"hardsigmoid"``, ``"identity"``.

        Returns
        -------
        Network

        Raises
        ------
        InvalidInput
            If shapes do not fit (the message says so where transposed weights do), a number is not finite or not
            exactly a float64, or a name is unknown.

        Notes
        -----
        Exact. Costs one copy of the arrays.

        Examples
        --------
        >>> import linear_regions as lr
        >>> lr.Network.from_arrays([[[2.0]], [[1.0]], [[3.0]]], [None, None, [1]], ["hardtanh", "relu"])
        Network(1-1-1-1, hardtanh(-1, 1)/relu, 2 neurons)
        """
        affines = read_affines(weights, biases)
        activations = read_activations(activation, [affine.n_outputs for affine in affines[:-1]])
        hidden = [op for pair in zip(affines, activations, strict=False) for op in pair]
        return cls.chain([*hidden, affines[-1]])

    @classmethod
    def from_torch(cls, module: torch.nn.Module, input_shape: Sequence[int] | None = None) -> Network:
        """Read a PyTorch model: Linear or (nested) Sequential of supported modules.

        Supported: Linear, Identity, Dropout (in eval mode, or with p = 0), Flatten, ReLU, LeakyReLU, PReLU, ReLU6,
        Hardtanh, Hardsigmoid.

        Parameters
        ----------
        module : torch.nn.Module
            It is only read. Parameters of any float type, on any device, are taken exactly; they must have one type,
            as torch itself asks for.
        input_shape : sequence of int, optional
            Shape of one input without the batch axis, such as (1, 28, 28); the network then takes inputs flattened in
            C order. Needed where shapes matter before the first Linear, or where there is no Linear; by default the
            input is flat, as wide as the first Linear.

        Returns
        -------
        Network

        Raises
        ------
        UnsupportedModule
            If the model holds anything else, or something that may change what its modules compute: a forward or call
            of a subclass or instance, hooks of a module or of all modules, parametrizations. The message gives the
            dotted path.
        InvalidInput
            If shapes do not fit, a parameter is not a finite dense real tensor with data, the types of parameters
            differ, or a Dropout or BatchNorm is in training mode.
        MissingExtra
            If torch is not installed.

        Notes
        -----
        Exact: the network is that of real arithmetic over the stored parameters and over the Python numbers as the
        module takes them when it runs, by the type of its parameters: ``min_val`` and ``max_val`` are rounded to that
        type, ``negative_slope`` to it or, in a module of fewer than 32 bits, to float32. So ``LeakyReLU(0.01)`` in a
        float32 model has the slope float32(0.01). A model without parameters is taken as in float64, and the slope 1/6
        of Hardsigmoid is exactly 1/6 in all of them.

        Examples
        --------
        >>> import linear_regions as lr
        >>> from torch import nn
        >>> lr.Network.from_torch(nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10)))
        Network(784-16-10, relu, 16 neurons)
        """
        try:
            from .torch_reader import read_module
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingExtra("Network.from_torch needs PyTorch: pip install linear-regions[torch]") from error
        return cls.chain(read_module(module, input_shape))

    @classmethod
    def chain(cls, ops: Iterable[Affine | Activation]) -> Network:
        """Connect operations one after the other; their widths must fit.

        Units that follow units, or open the chain, get an exact identity map before them.

        Raises
        ------
        InvalidInput
            If there is none, one is neither affine map nor units, or widths do not fit.
        """
        stages: list[Stage] = []
        width = None
        for i, op in enumerate(as_list(ops, "ops", "Affine and Activation")):
            width = _width_after(op, width, f"ops[{i}]")
            if isinstance(op, Activation) and not (stages and isinstance(stages[-1].op, Affine)):
                stages.append(Stage(Affine(np.eye(op.n_neurons), np.zeros(op.n_neurons)), (len(stages) - 1,)))
            stages.append(Stage(op, (len(stages) - 1,)))
        return cls(tuple(stages))

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The chain as affine maps, each with the units that follow it (None if another affine map or nothing does)."""
        ops = [stage.op for stage in self.stages]
        following = [*ops[1:], None]
        return tuple(
            Layer(op, after if isinstance(after, Activation) else None)
            for op, after in zip(ops, following, strict=True)
            if isinstance(op, Affine)
        )

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation stages, in order."""
        return tuple(layer.activation for layer in self.layers if layer.activation is not None)

    @property
    def n_inputs(self) -> int:
        """Dimension of the input."""
        return self.layers[0].affine.n_inputs

    @property
    def n_outputs(self) -> int:
        """Dimension of the output."""
        return self.layers[-1].affine.n_outputs

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of neurons of each activation stage."""
        return tuple(activation.n_neurons for activation in self.activations)

    @property
    def n_neurons(self) -> int:
        """Number of neurons with a unit: the sum of `widths`."""
        return sum(self.widths)

    def __call__(self, x: object) -> FloatArray:
        """Evaluate in float64.

        Parameters
        ----------
        x : array_like, (..., n_inputs)
            Finite real numbers.

        Returns
        -------
        (..., n_outputs) ndarray of float64
            With the usual rounding: this is the one place where numbers are approximate.

        Raises
        ------
        InvalidInput
            If the last axis is not `n_inputs` long or a number is not finite.
        """
        return self._run(x)[1]

    def preactivations(self, x: object) -> list[FloatArray]:
        """Evaluate in float64 what enters the units.

        Parameters
        ----------
        x : array_like, (..., n_inputs)

        Returns
        -------
        list of (..., n_l) ndarray of float64
            One array per activation stage, as in `widths`.

        Raises
        ------
        InvalidInput
            As for evaluation.
        """
        return self._run(x)[0]

    def _run(self, x: object) -> tuple[list[FloatArray], FloatArray]:
        values = exact_array(x, "x")
        if values.ndim == 0 or values.shape[-1] != self.n_inputs:
            raise invalid("x", f"have shape (..., {self.n_inputs})", values.shape)
        entering = []
        for layer in self.layers:
            values = layer.affine(values)
            if layer.activation is not None:
                entering.append(values)
                values = layer.activation(values)
        return entering, values

    def save(self, path: str | PathLike[str]) -> None:
        """Write the network to a .npz file of plain arrays, exactly; `load_network` reads it back equal.

        Parameters
        ----------
        path : path_like
            Must end in ``.npz``; an existing file is replaced. The same network always gives the same bytes.

        Raises
        ------
        InvalidInput
            If the suffix is another or the file cannot be written.
        """
        from .files import save_network

        save_network(self, path)

    def __getstate__(self) -> dict[str, Any]:
        """Leave what others keep with the network behind."""
        return {"stages": self.stages}

    def __repr__(self) -> str:
        """Show the widths, the units and the number of neurons."""
        sizes = [self.n_inputs, *(layer.affine.n_outputs for layer in self.layers)]
        kinds = list(dict.fromkeys(str(activation) for activation in self.activations))
        units = "/".join(kinds) if len(kinds) <= 3 else f"{len(kinds)} kinds of layer"
        return f"Network({'-'.join(map(str, sizes))}, {units or 'affine'}, {self.n_neurons} neurons)"


def _width_after(op: object, width: int | None, name: str) -> int:
    """Number of values that an operation gives, if it takes as many as there are."""
    if not isinstance(op, Affine | Activation):
        raise invalid(name, "be an Affine or an Activation", type(op).__name__)
    taken, given = (op.n_inputs, op.n_outputs) if isinstance(op, Affine) else (op.n_neurons, op.n_neurons)
    if width not in (None, taken):
        raise invalid(name, f"take {width} values, as many as come before it", repr(op))
    return given
