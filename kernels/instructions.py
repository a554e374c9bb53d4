"""Instructions of the processor that numba does not offer by name, and the same in Python for uncompiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic


@intrinsic
def _compiled_fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@intrinsic
def _compiled_lowest_bit(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def _compiled_count_bits(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def _compiled_add(typing_context: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments, flags=("reassoc",))

    return types.float64(types.float64, types.float64), generate


def _plain_fma(a: float, b: float, c: float) -> float:
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def _plain_add(a: float, b: float) -> float:
    return a + b


def _plain_lowest_bit(word: np.uint64) -> int:
    return (int(word) & -int(word)).bit_length() - 1


def _plain_count_bits(word: np.uint64) -> int:
    return int(word).bit_count()


fma: Callable[[float, float, float], float] = _plain_fma if config.DISABLE_JIT else _compiled_fma
"""The float nearest to a * b + c."""

add: Callable[[float, float], float] = _plain_add if config.DISABLE_JIT else _compiled_add
"""a + b, as a part of a sum that may be taken in any order: for error bounds, never for values."""

lowest_bit: Callable[[np.uint64], int] = _plain_lowest_bit if config.DISABLE_JIT else _compiled_lowest_bit
"""Place of the lowest one of a 64-bit word that has one."""

count_bits: Callable[[np.uint64], int] = _plain_count_bits if config.DISABLE_JIT else _compiled_count_bits
"""Number of ones of a 64-bit word."""
