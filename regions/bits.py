"""Flags as bits of 64-bit words: bit k & 63 of word k >> 6 is flag k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


def word_count(m: int) -> int:
    """Words for m flags."""
    return (m + 63) // 64


def packed(flags: Flags) -> Words:
    """Flags along the last axis as words, (..., m) to (..., words)."""
    m = flags.shape[-1]
    octets = np.zeros((*flags.shape[:-1], 8 * word_count(m)), np.uint8)
    octets[..., : (m + 7) // 8] = np.packbits(flags, axis=-1, bitorder="little")
    return octets.view("<u8").astype(np.uint64, copy=False)


def unpacked(words: Words, m: int) -> Flags:
    """The first m flags of words, (..., words) to (..., m)."""
    if not m:
        return np.zeros((*words.shape[:-1], 0), np.bool_)
    octets = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little", count=m).view(np.bool_)


def has_bits(words: Words, i: Ints, k: Ints | NDArray[np.int32]) -> Flags:
    """Flag k of the words of row i, for many at a time."""
    own = words[i, k >> 6] >> (k & 63).astype(np.uint64)
    return np.asarray(own & np.uint64(1) != 0)


def put_bit(words: Words, k: int, on: bool) -> None:
    """Set flag k of the words of one row."""
    bit = np.uint64(1 << (k & 63))
    words[k >> 6] = words[k >> 6] | bit if on else words[k >> 6] & ~bit


def hashed(words: Words, seed: int) -> Words:
    """64-bit hashes of rows; equal rows have equal hashes."""
    value = np.full(len(words), 0x9E3779B97F4A7C15 + 2 * seed, np.uint64)
    for column in words.T:
        value = (value ^ column) * np.uint64(0xBF58476D1CE4E5B9)
        value ^= value >> np.uint64(29)
        value *= np.uint64(0x94D049BB133111EB)
        value ^= value >> np.uint64(32)
    return value


def flat_ranges(starts: Ints, lengths: Ints) -> Ints:
    """Concatenation of starts[i] + arange(lengths[i])."""
    ends = np.cumsum(lengths)
    result: Ints = np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)
    return result
