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


_LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), _LANES)


def _spread(builder: ir.IRBuilder, vector: ir.VectorType, value: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES))


def _comparison(operator: str) -> Any:
    @intrinsic
    def compare(typing_context: Any, row: Any, v: Any, k: Any, limit: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            (stride, size) = builder.extract_value(array.strides, 0), builder.extract_value(array.strides, 1)
            offset = builder.add(builder.mul(arguments[1], stride), builder.mul(arguments[2], size))
            octets = builder.bitcast(array.data, ir.IntType(8).as_pointer())
            place = builder.gep(octets, [offset])
            values = builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=8)
            limits = _spread(builder, _VECTOR, arguments[3])
            bits = builder.bitcast(builder.fcmp_ordered(operator, values, limits), ir.IntType(_LANES))
            return builder.zext(bits, ir.IntType(64))

        return types.uint64(row, types.int64, types.int64, types.float64), generate

    return compare


@intrinsic
def _compiled_eight_near(typing_context: Any, words: Any, q: Any, own: Any, least: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.IntType(64), _LANES)
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(builder.bitcast(array.data, ir.IntType(64).as_pointer()), [arguments[1]])
        values = builder.load(builder.bitcast(place, vector.as_pointer()), align=8)
        shared = builder.and_(values, _spread(builder, vector, arguments[2]))
        name = f"llvm.ctpop.v{_LANES}i64"
        ones = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(vector, [vector]), name)
        enough = builder.icmp_signed(">=", builder.call(ones, [shared]), _spread(builder, vector, arguments[3]))
        return builder.zext(builder.bitcast(enough, ir.IntType(_LANES)), ir.IntType(64))

    return types.uint64(words, types.int64, types.uint64, types.int64), generate


def _place(context: Any, builder: ir.IRBuilder, kind: Any, array: Any, row: Any, k: Any) -> Any:
    """Where eight numbers of a row begin."""
    own = context.make_array(kind)(context, builder, array)
    (stride, size) = builder.extract_value(own.strides, 0), builder.extract_value(own.strides, 1)
    offset = builder.add(builder.mul(row, stride), builder.mul(k, size))
    octets = builder.gep(builder.bitcast(own.data, ir.IntType(8).as_pointer()), [offset])
    return builder.bitcast(octets, _VECTOR.as_pointer())


@intrinsic
def _compiled_add_eight(typing_context: Any, to: Any, r: Any, factor: Any, source: Any, i: Any, k: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], arguments[5])
        other = _place(context, builder, signature.args[3], arguments[3], arguments[4], arguments[5])
        own, added = (builder.load(one, align=8) for one in (place, other))
        product = builder.fmul(added, _spread(builder, _VECTOR, arguments[2]))
        builder.store(builder.fadd(own, product), place, align=8)
        return context.get_dummy_value()

    return types.void(to, types.int64, types.float64, source, types.int64, types.int64), generate


@intrinsic
def _compiled_add_eight_squares(typing_context: Any, to: Any, r: Any, source: Any, i: Any, k: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1], arguments[4])
        other = _place(context, builder, signature.args[2], arguments[2], arguments[3], arguments[4])
        own, added = (builder.load(one, align=8) for one in (place, other))
        builder.store(builder.fadd(own, builder.fmul(added, added)), place, align=8)
        return context.get_dummy_value()

    return types.void(to, types.int64, source, types.int64, types.int64), generate


def _plain_add_eight(to: Any, r: int, factor: float, source: Any, i: int, k: int) -> None:
    to[r, k : k + _LANES] += factor * source[i, k : k + _LANES]


def _plain_add_eight_squares(to: Any, r: int, source: Any, i: int, k: int) -> None:
    to[r, k : k + _LANES] += source[i, k : k + _LANES] ** 2


def _plain_eight_near(words: Any, q: int, own: np.uint64, least: int) -> np.uint64:
    return np.uint64(sum(1 << r for r in range(_LANES) if int(words[q + r] & own).bit_count() >= least))


def _plain_above(row: Any, v: int, k: int, limit: float) -> np.uint64:
    return np.uint64(sum(1 << q for q in range(_LANES) if row[v, k + q] > limit))


def _plain_below(row: Any, v: int, k: int, limit: float) -> np.uint64:
    return np.uint64(sum(1 << q for q in range(_LANES) if row[v, k + q] < limit))


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

eight_above: Callable[[Any, int, int, float], np.uint64] = _plain_above if config.DISABLE_JIT else _comparison(">")
"""Which of row[v, k], ..., row[v, k + 7] exceed a limit, as bits; NaN does not."""

eight_below: Callable[[Any, int, int, float], np.uint64] = _plain_below if config.DISABLE_JIT else _comparison("<")
"""Which of row[v, k], ..., row[v, k + 7] are less than a limit, as bits; NaN is not."""

eight_near: Callable[[Any, int, np.uint64, int], np.uint64] = (
    _plain_eight_near if config.DISABLE_JIT else _compiled_eight_near
)
"""Which of words[q], ..., words[q + 7] have at least some number of ones in common with a word, as bits."""

add_eight: Callable[[Any, int, float, Any, int, int], None] = (
    _plain_add_eight if config.DISABLE_JIT else _compiled_add_eight
)
"""Add factor times source[i, k], ..., source[i, k + 7] to to[r, k], ..., to[r, k + 7]."""

add_eight_squares: Callable[[Any, int, Any, int, int], None] = (
    _plain_add_eight_squares if config.DISABLE_JIT else _compiled_add_eight_squares
)
"""Add the squares of source[i, k], ..., source[i, k + 7] to to[r, k], ..., to[r, k + 7]."""
