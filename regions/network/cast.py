"""What callers pass, made float64 without changing a single number: the boundary of the network room."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields
from fractions import Fraction
from math import inf, isfinite, nan
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
FlagArray = NDArray[np.bool_]
AnyArray = TypeVar("AnyArray", bound=NDArray[Any])

# Every integer up to this size is a float64; beyond it only some are.
LARGEST_EXACT_INTEGER = 2**53

# Samples that may be asked for: more take days, and are a slip.
MOST_SAMPLES = 2**31


def exact_array(value: object, name: str) -> FloatArray:
    """Copy an array of real numbers to C-contiguous float64, refusing whatever float64 would round.

    Parameters
    ----------
    value : array_like or torch.Tensor
        Floats of any width up to 64 bits (wider ones if they fit), or integers up to 2**53 in size. Tensors may lie on
        any device and need no gradient handling.
    name : str
        How the caller calls it, for messages.

    Returns
    -------
    ndarray of float64
        A fresh array: never a view of `value`.

    Raises
    ------
    InvalidInput
        If it is no rectangular array of finite real numbers, or a number is not exactly a float64.
    """
    raw = _to_numpy(value, name)
    if raw.dtype.kind not in "fiu":
        raise invalid(name, "be an array of real numbers (a float or integer dtype)", f"dtype {raw.dtype}")
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf and is refused below
        array = np.array(raw, dtype=np.float64, order="C")
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise invalid(name, "be finite", f"{array[index]} at index {index}")
    _refuse_rounding(raw, array, name)
    return array


def _refuse_rounding(raw: NDArray[Any], array: FloatArray, name: str) -> None:
    """Raise if the float64 `array` differs from the float or integer array it was made from."""
    if raw.dtype.itemsize < 8 or raw.dtype == np.float64 or raw.size == 0:
        return
    if raw.dtype.kind == "f":
        if not (array.astype(raw.dtype) == raw).all():
            raise invalid(name, "hold numbers that are exactly float64", f"a {raw.dtype} number that is not")
        return
    for extreme in (int(raw.min()), int(raw.max())):
        _refuse_large_integer(extreme, name)


def _refuse_large_integer(value: int, name: str) -> None:
    if abs(value) > LARGEST_EXACT_INTEGER:
        raise invalid(name, "hold integers of size at most 2**53 (those are exactly float64)", value)


def _to_numpy(value: object, name: str) -> NDArray[Any]:
    torch = sys.modules.get("torch")  # a tensor can only come from a torch that is already imported
    if torch is not None and isinstance(value, torch.Tensor):
        return _tensor_to_numpy(value, name)
    if np.ma.is_masked(value):
        raise invalid(name, "have no masked entries", "a masked array")
    try:
        raw = np.asarray(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise invalid(name, "be a rectangular array of numbers", f"{_describe(value)} ({error})") from error
    if raw.dtype.kind == "f" and not hasattr(value, "dtype"):
        # numpy rounds a large Python integer in silence when it stands in a list beside a float
        for leaf in np.array(value, dtype=object).ravel().tolist():
            if isinstance(leaf, int):
                _refuse_large_integer(leaf, name)
    return raw


def _tensor_to_numpy(tensor: Any, name: str) -> NDArray[Any]:
    torch = sys.modules["torch"]
    if tensor.is_meta:
        raise invalid(name, "hold numbers", "a tensor on the meta device")
    plain = tensor.detach().resolve_neg().resolve_conj()  # numpy has no views that negate or conjugate
    if tensor.is_quantized or tensor.layout is not torch.strided or type(plain) is not torch.Tensor:
        raise invalid(
            name, "be a plain dense tensor", f"{type(plain).__name__} of dtype {tensor.dtype}, layout {tensor.layout}"
        )
    try:
        # numpy has no bfloat16; every float type of torch embeds in float64
        return np.asarray(plain.to("cpu", torch.float64 if plain.is_floating_point() else plain.dtype).numpy())
    except (RuntimeError, TypeError) as error:
        raise invalid(name, "be convertible to numpy", f"dtype {tensor.dtype} ({error})") from error


def _describe(value: object) -> str:
    return type(value).__name__


def as_list(value: object, name: str, content: str) -> list[Any]:
    """List the items of a sequence; `content` says in messages what it should hold."""
    if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable):
        raise invalid(name, f"be a sequence of {content}", _describe(value))
    try:
        return list(value)
    except TypeError as error:  # 0-d arrays and tensors claim to be iterable
        raise invalid(name, f"be a sequence of {content}", _describe(value)) from error


def exact_rational(value: object, name: str) -> Fraction:
    """Take a float, an integer or a Fraction exactly, refusing what lies beyond the range of float64."""
    if isinstance(value, np.floating | np.integer):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise invalid(name, "be a float, an integer or a Fraction", _describe(value))
    try:
        rational = Fraction(value)
        float(rational)
    except (ValueError, OverflowError):
        raise invalid(name, "be finite and within the range of float64", value) from None
    return rational


def exact_float(value: object, name: str) -> float:
    """Find the float64 equal to `value`, refusing when there is none. Negative zero becomes zero."""
    rational = exact_rational(value, name)
    number = float(rational)
    if Fraction(number) != rational:
        raise invalid(name, "be exactly a float64", value)
    return number + 0.0


def is_one_of(value: object, *names: str) -> bool:
    """Whether a value is one of some names; arrays, which answer == with arrays, are none."""
    return isinstance(value, str) and value in names


def is_whole(value: object, least: int, most: float = inf) -> TypeGuard[int]:
    """Whether a value is an integer in a range, of Python or numpy; a bool is none."""
    return not isinstance(value, bool) and isinstance(value, Integral) and least <= int(value) <= most


def real(value: object) -> float:
    """The float nearest to a finite real number; NaN, which no comparison holds for, if it is none or out of range."""
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else nan
    except OverflowError:
        return nan
    return number if isfinite(number) else nan


def flag(value: object, name: str) -> bool:
    """Take True or False."""
    if not isinstance(value, bool | np.bool_):
        raise invalid(name, "be True or False", _describe(value))
    return bool(value)


def read_only(array: AnyArray) -> AnyArray:
    """Lock an array against writing and return it."""
    array.setflags(write=False)
    return array


def lock(holder: DataclassInstance) -> None:
    """Lock all arrays of a dataclass."""
    for field in fields(holder):
        read_only(getattr(holder, field.name))
