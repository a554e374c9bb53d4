"""Memory that is used again: asking the system for fresh pages takes longer than most kernels need to fill them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Sized(Protocol):
    """Whatever holds memory."""

    @property
    def size(self) -> int:
        """Bytes held."""


T = TypeVar("T", bound=Sized)


class Pool(Generic[T]):
    """Holders of memory to be used again, by later blocks and later calls.

    Parameters
    ----------
    make : callable
        Makes a new one.
    kept_bytes : int
        What may be kept from one call to the next.
    """

    def __init__(self, make: Callable[[], T], kept_bytes: int) -> None:
        self.make = make
        self._kept_bytes = kept_bytes
        self._free: list[T] = []
        self._lock = Lock()

    def take(self) -> T:
        """A holder with whatever it has."""
        with self._lock:
            return self._free.pop() if self._free else self.make()

    def give(self, holder: T) -> None:
        """Hand one back."""
        with self._lock:
            self._free.append(holder)

    def trim(self) -> None:
        """Let go of what is too large to be kept between calls."""
        with self._lock:
            room = self._kept_bytes
            kept = []
            for holder in sorted(self._free, key=lambda h: h.size):
                room -= holder.size
                if room >= 0:
                    kept.append(holder)
            self._free = kept[::-1]  # the next call starts with a small block

    @contextmanager
    def lent(self) -> Iterator[T]:
        """One for the time of a call."""
        holder = self.take()
        try:
            yield holder
        finally:
            self.give(holder)
            self.trim()


class Buffers:
    """Named arrays; what one held is lost when it is asked for again."""

    def __init__(self) -> None:
        self._bytes: dict[str, NDArray[np.uint8]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """An array with anything in it."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        held = self._bytes.get(name)
        if held is None or len(held) < size:
            room = size if held is None else max(size, 3 * len(held) // 2)
            self._bytes[name] = held = np.empty(room, np.uint8)
        return held[:size].view(dtype).reshape(shape)

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(len(held) for held in self._bytes.values())
