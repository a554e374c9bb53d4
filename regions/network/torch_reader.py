"""PyTorch models as chains of affine maps and units. The one module of the network room that imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from linear_regions.errors import InvalidInput, UnsupportedModule, invalid

from .affine import Affine
from .cast import as_list, exact_array
from .units import Activation, Unit

Shape = tuple[int, ...]
Op = Affine | Activation | None
Reader = Callable[[Any, str, Shape], tuple[Op, Shape]]


def read_module(module: nn.Module, input_shape: Sequence[int] | None) -> list[Affine | Activation]:
    """List the operations of a model in order; see `Network.from_torch` for what is taken and what is refused."""
    if not isinstance(module, nn.Module):
        raise invalid("module", "be a torch.nn.Module", type(module).__name__)
    leaves = list(_leaves(module, "model"))
    shape = _first_shape(leaves) if input_shape is None else _read_shape(input_shape)
    ops: list[Affine | Activation] = []
    for leaf, path in leaves:
        op, shape = _READERS[_supported_base(leaf, path)](leaf, path, shape)
        if op is not None:
            ops.append(op)
    if not ops:
        raise invalid("module", "hold at least one Linear or activation module", type(module).__name__)
    return ops


def _leaves(module: nn.Module, path: str) -> Iterator[tuple[nn.Module, str]]:
    """Walk through nested Sequentials and check every module on the way."""
    if _supported_base(module, path) is not nn.Sequential:
        yield module, path
        return
    for name, child in module._modules.items():  # named_children() would skip a module used twice
        yield from _leaves(child, f"{path}.{name}")  # type: ignore[arg-type]


def _supported_base(module: nn.Module, path: str) -> type[nn.Module]:
    """Find the supported class whose forward this module runs; raise if it may compute anything else."""
    kind = type(module)
    base = next((parent for parent in kind.__mro__ if parent is nn.Sequential or parent in _READERS), None)
    if isinstance(module, _BatchNorm):
        fold = "fold it with torch.nn.utils.fusion.fuse_linear_bn_eval(linear, batch_norm) and pass the folded model"
        if module.training:
            raise InvalidInput(f"{path}: {kind.__name__} is in training mode; call .eval(), then {fold}")
        raise UnsupportedModule(
            f"{path}: {kind.__name__} is not supported, since folding it into a Linear rounds; {fold}"
        )
    if base is None:
        raise UnsupportedModule(f"{path}: {kind.__name__} is not supported; {_advice()}")
    same = all(getattr(kind, name, None) is getattr(base, name, None) for name in ("forward", "__call__", "__iter__"))
    if not same or "forward" in vars(module):
        raise UnsupportedModule(f"{path}: {kind.__name__} changes what {base.__name__} computes; {_advice()}")
    if hasattr(module, "parametrizations"):
        raise UnsupportedModule(f"{path}: {base.__name__} has parametrizations; remove them, keeping their result")
    if isinstance(module, nn.modules.lazy.LazyModuleMixin) and module.has_uninitialized_params():
        raise InvalidInput(f"{path}: {kind.__name__} has no parameters yet; run the model once first")
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnsupportedModule(f"{path}: {kind.__name__} has forward hooks, which may change its values; remove them")
    return base


def _advice() -> str:
    names = ", ".join(parent.__name__ for parent in _READERS)
    return f"supported are Sequential, {names}; for other networks use Network.from_arrays"


def _first_shape(leaves: list[tuple[nn.Module, str]]) -> Shape:
    for leaf, _ in leaves:
        if isinstance(leaf, nn.Linear):
            return (leaf.in_features,)
    raise InvalidInput("input_shape must be given for a module without a Linear, got None")


def _read_shape(input_shape: object) -> Shape:
    sizes = as_list(input_shape, "input_shape", "positive integers")
    if not sizes or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sizes):
        raise invalid("input_shape", "be a sequence of positive integers", tuple(sizes))
    return tuple(sizes)


def _parameter(module: nn.Module, name: str, path: str) -> Any:
    """Get a parameter of the module, which must be what forward reads too."""
    value = getattr(module, name)
    if value is not module._parameters.get(name):
        raise UnsupportedModule(f"{path}.{name} is computed, not a parameter of its own; pass the resulting module")
    return value


def _read_linear(module: nn.Linear, path: str, shape: Shape) -> tuple[Op, Shape]:
    if len(shape) != 1:
        raise InvalidInput(f"{path}: Linear must have flat inputs, got shape {shape}; put a Flatten before it")
    affine = Affine.from_arrays(
        _parameter(module, "weight", path),
        _parameter(module, "bias", path),
        names=(f"{path}.weight", f"{path}.bias"),
    )
    if affine.n_inputs != shape[0]:
        raise invalid(f"{path}.weight", f"have shape (n_out, {shape[0]})", affine.weight.shape)
    return affine, (affine.n_outputs,)


def _read_flatten(module: nn.Flatten, path: str, shape: Shape) -> tuple[Op, Shape]:
    sizes = (-1, *shape)  # with the batch axis
    start, end = (dim + len(sizes) if dim < 0 else dim for dim in (module.start_dim, module.end_dim))
    if not 0 <= start <= end < len(sizes):
        raise InvalidInput(
            f"{path}: Flatten({module.start_dim}, {module.end_dim}) does not fit inputs of shape {shape}"
        )
    if start == 0 and end > 0:
        raise InvalidInput(f"{path}: Flatten must leave the batch axis alone (start_dim=1), got start_dim={start}")
    merged = (*sizes[:start], prod(sizes[start : end + 1]), *sizes[end + 1 :])
    return None, merged[1:]


def _read_nothing(module: nn.Module, path: str, shape: Shape) -> tuple[Op, Shape]:
    return None, shape


def _read_dropout(module: nn.Dropout, path: str, shape: Shape) -> tuple[Op, Shape]:
    if module.training and module.p != 0:
        raise InvalidInput(f"{path}: Dropout(p={module.p}) is in training mode; call .eval() on the model first")
    return None, shape


def _read_prelu(module: nn.PReLU, path: str, shape: Shape) -> tuple[Op, Shape]:
    slopes = exact_array(_parameter(module, "weight", path), f"{path}.weight").ravel()
    if len(slopes) not in (1, shape[0]):
        raise invalid(f"{path}.weight", f"hold 1 or {shape[0]} slopes", len(slopes))
    units = [Unit.leaky_relu(float(slope)) for slope in slopes]
    repeats = prod(shape) // len(slopes)  # the slopes belong to the first axis after the batch axis
    return Activation.from_units(unit for unit in units for _ in range(repeats)), shape


def _elementwise(make: Callable[[Any], Unit]) -> Reader:
    """Make the reader for a module that applies one unit everywhere."""

    def read(module: nn.Module, path: str, shape: Shape) -> tuple[Op, Shape]:
        try:
            unit = make(module)
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {type(module).__name__}: {error}") from None
        return Activation.uniform(unit, prod(shape)), shape

    return read


_READERS: dict[type[nn.Module], Reader] = {
    nn.Linear: _read_linear,
    nn.Identity: _read_nothing,
    nn.Dropout: _read_dropout,
    nn.Flatten: _read_flatten,
    nn.ReLU: _elementwise(lambda module: Unit.relu()),
    nn.LeakyReLU: _elementwise(lambda module: Unit.leaky_relu(module.negative_slope)),
    nn.PReLU: _read_prelu,
    nn.ReLU6: _elementwise(lambda module: Unit.hardtanh(module.min_val, module.max_val)),
    nn.Hardtanh: _elementwise(lambda module: Unit.hardtanh(module.min_val, module.max_val)),
    nn.Hardsigmoid: _elementwise(lambda module: Unit.hardsigmoid()),
}
