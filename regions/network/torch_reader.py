"""PyTorch models as chains of affine maps and units. The one module of the network room that imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite, prod
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.batchnorm import _BatchNorm

from linear_regions.errors import InvalidInput, UnsupportedModule, invalid

from .affine import Affine
from .cast import as_list, exact_array, exact_float, flag, is_whole, real
from .units import Activation, Unit

Shape = tuple[int, ...]
Op = Affine | Activation | None
Reader = Callable[[Any, str, Shape, torch.dtype], tuple[Op, Shape]]

# What runs when a module is called, and what it reads its children and numbers by.
_RUNNING = (
    "__call__", "_wrapped_call_impl", "_call_impl", "_slow_forward", "forward",
    "__iter__", "__getattr__", "__getattribute__",
)  # fmt: skip
_TORCH_FILES = str(Path(torch.__file__).parent)


def read_module(module: nn.Module, input_shape: Sequence[int] | None) -> list[Affine | Activation]:
    """List the operations of a model in order; see `Network.from_torch` for what is taken and what is refused."""
    if not isinstance(module, nn.Module):
        raise invalid("module", "be a torch.nn.Module", type(module).__name__)
    if torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks:
        raise UnsupportedModule("torch has forward hooks of all modules, which may change values; remove them")
    leaves = list(_leaves(module, "model"))
    dtype = _type_of_parameters(leaves)
    shape = _first_shape(leaves) if input_shape is None else _read_shape(input_shape)
    ops: list[Affine | Activation] = []
    for leaf, path in leaves:
        op, shape = _READERS[_supported_base(leaf, path)](leaf, path, shape, dtype)
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
        if flag(module.training, f"{path}.training"):
            raise InvalidInput(f"{path}: {kind.__name__} is in training mode; call .eval(), then {fold}")
        raise UnsupportedModule(
            f"{path}: {kind.__name__} is not supported, since folding it into a Linear rounds; {fold}"
        )
    if base is None:
        raise UnsupportedModule(f"{path}: {kind.__name__} is not supported; {_advice()}")
    if not _runs_as(module, base):
        raise UnsupportedModule(f"{path}: {kind.__name__} changes what {base.__name__} computes; {_advice()}")
    if hasattr(module, "parametrizations"):
        raise UnsupportedModule(f"{path}: {base.__name__} has parametrizations; remove them, keeping their result")
    if isinstance(module, nn.modules.lazy.LazyModuleMixin) and module.has_uninitialized_params():
        raise InvalidInput(f"{path}: {kind.__name__} has no parameters yet; run the model once first")
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnsupportedModule(f"{path}: {kind.__name__} has forward hooks, which may change its values; remove them")
    return base


def _runs_as(module: nn.Module, base: type[nn.Module]) -> bool:
    """Whether a call of the module runs what torch wrote for `base`."""
    kind, own = type(module), vars(module)
    for name in _RUNNING:
        code = getattr(getattr(base, name, None), "__code__", None)
        changed = name in own or getattr(kind, name, None) is not getattr(base, name, None)
        if changed or (code is not None and not code.co_filename.startswith(_TORCH_FILES)):
            return False
    compiled = module._compiled_call_impl
    return compiled is None or getattr(compiled, "_torchdynamo_orig_callable", None) == module._call_impl


def _type_of_parameters(leaves: list[tuple[nn.Module, str]]) -> torch.dtype:
    """The one type of all parameters, which is that of the values in the modules; float64 if there are none."""
    found = None
    for leaf, path in leaves:
        for name in ("weight", "bias"):
            value = leaf._parameters.get(name)
            if value is None:
                continue
            if not isinstance(value, torch.Tensor):
                raise invalid(f"{path}.{name}", "be a tensor", type(value).__name__)
            if not value.is_floating_point():
                raise invalid(f"{path}.{name}", "be an array of real numbers of a floating dtype", value.dtype)
            if found is None:
                found = value.dtype
            if value.dtype != found:
                raise invalid(f"{path}.{name}", f"have dtype {found}, as the parameters before it", value.dtype)
    return torch.float64 if found is None else found


def _as_run(value: object, name: str, dtype: torch.dtype) -> float:
    """A Python number as a module takes it that runs in that type."""
    number = float(torch.tensor(exact_float(value, name), dtype=torch.float64, device="cpu").to(dtype))
    if not isfinite(number):
        raise invalid(name, f"be finite in {dtype}", value)
    return number


def _advice() -> str:
    names = ", ".join(parent.__name__ for parent in _READERS)
    return f"supported are Sequential, {names}; for other networks use Network.from_arrays"


def _first_shape(leaves: list[tuple[nn.Module, str]]) -> Shape:
    for leaf, path in leaves:
        if isinstance(leaf, nn.Linear):
            if not is_whole(leaf.in_features, 0):
                raise invalid(f"{path}.in_features", "be a whole number", repr(leaf.in_features))
            return (leaf.in_features,)
    raise InvalidInput("input_shape must be given for a module without a Linear, got None")


def _read_shape(input_shape: object) -> Shape:
    sizes = as_list(input_shape, "input_shape", "positive integers")
    if not sizes or not all(is_whole(n, 1) for n in sizes):
        raise invalid("input_shape", "be a sequence of positive integers", repr(input_shape))
    return tuple(map(int, sizes))


def _parameter(module: nn.Module, name: str, path: str) -> Any:
    """Get a parameter of the module, which must be what forward reads too."""
    value = getattr(module, name)
    if value is not module._parameters.get(name):
        raise UnsupportedModule(f"{path}.{name} is computed, not a parameter of its own; pass the resulting module")
    return value


def _read_linear(module: nn.Linear, path: str, shape: Shape, dtype: torch.dtype) -> tuple[Op, Shape]:
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


def _read_flatten(module: nn.Flatten, path: str, shape: Shape, dtype: torch.dtype) -> tuple[Op, Shape]:
    sizes = (-1, *shape)  # with the batch axis
    dims = module.start_dim, module.end_dim
    fit = all(is_whole(dim, -len(sizes), len(sizes) - 1) for dim in dims)
    start, end = (int(dim) % len(sizes) for dim in dims) if fit else (1, 0)
    if start > end:
        raise InvalidInput(f"{path}: Flatten({dims[0]}, {dims[1]}) does not fit inputs of shape {shape}")
    if start == 0 and end > 0:
        raise InvalidInput(f"{path}: Flatten must leave the batch axis alone (start_dim=1), got start_dim={start}")
    merged = (*sizes[:start], prod(sizes[start : end + 1]), *sizes[end + 1 :])
    return None, merged[1:]


def _read_nothing(module: nn.Module, path: str, shape: Shape, dtype: torch.dtype) -> tuple[Op, Shape]:
    return None, shape


def _read_dropout(module: nn.Dropout, path: str, shape: Shape, dtype: torch.dtype) -> tuple[Op, Shape]:
    if flag(module.training, f"{path}.training") and real(module.p) != 0:
        raise InvalidInput(f"{path}: Dropout(p={module.p}) is in training mode; call .eval() on the model first")
    return None, shape


def _read_prelu(module: nn.PReLU, path: str, shape: Shape, dtype: torch.dtype) -> tuple[Op, Shape]:
    slopes = exact_array(_parameter(module, "weight", path), f"{path}.weight").ravel()
    if len(slopes) not in (1, shape[0]):
        raise invalid(f"{path}.weight", f"hold 1 or {shape[0]} slopes", len(slopes))
    units = [Unit.leaky_relu(float(slope)) for slope in slopes]
    repeats = prod(shape) // len(slopes)  # the slopes belong to the first axis after the batch axis
    return Activation.from_units(unit for unit in units for _ in range(repeats)), shape


def _leaky_relu(module: nn.LeakyReLU, dtype: torch.dtype) -> Unit:
    # in types of fewer than 32 bits torch multiplies in float32
    return Unit.leaky_relu(_as_run(module.negative_slope, "slope", torch.promote_types(dtype, torch.float32)))


def _hardtanh(module: nn.Hardtanh, dtype: torch.dtype) -> Unit:
    low, high = (_as_run(getattr(module, name), name, dtype) for name in ("min_val", "max_val"))
    if low >= high:
        raise invalid("max_val", f"be larger than min_val = {low} in {dtype}", high)
    return Unit.hardtanh(low, high)


def _elementwise(make: Callable[[Any, torch.dtype], Unit]) -> Reader:
    """Make the reader for a module that applies one unit everywhere."""

    def read(module: nn.Module, path: str, shape: Shape, dtype: torch.dtype) -> tuple[Op, Shape]:
        try:
            unit = make(module, dtype)
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {type(module).__name__}: {error}") from None
        return Activation.uniform(unit, prod(shape)), shape

    return read


_READERS: dict[type[nn.Module], Reader] = {
    nn.Linear: _read_linear,
    nn.Identity: _read_nothing,
    nn.Dropout: _read_dropout,
    nn.Flatten: _read_flatten,
    nn.ReLU: _elementwise(lambda module, dtype: Unit.relu()),
    nn.LeakyReLU: _elementwise(_leaky_relu),
    nn.PReLU: _read_prelu,
    nn.ReLU6: _elementwise(_hardtanh),
    nn.Hardtanh: _elementwise(_hardtanh),
    nn.Hardsigmoid: _elementwise(lambda module, dtype: Unit.hardsigmoid()),
}
