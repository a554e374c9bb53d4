"""Limits, interruption and workers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from .errors import BudgetExceeded, invalid
from .network.cast import real

_T = TypeVar("_T")
_R = TypeVar("_R")

Ints = NDArray[np.int64]


class Budget:
    """Counts cells after each step and stops all workers when there are too many, or when the caller was interrupted.

    Parameters
    ----------
    n_steps : int
    reported : list of int
        The steps that count as layers.
    max_regions : int or None
    parts : int
        How often a region may be counted, since walls cut it into parts.
    """

    def __init__(self, n_steps: int, reported: list[int], max_regions: int | None, parts: int = 1) -> None:
        self.max_regions = max_regions
        self.parts = parts
        self.stopped = False
        self._reported = reported
        self._cells = np.zeros(n_steps, np.int64)
        self._lock = Lock()

    def spend(self, step: int, cells: int) -> None:
        """Add cells found after a step.

        Raises
        ------
        BudgetExceeded
            Once there are more than `max_regions`: refining never lowers the number.
        """
        with self._lock:
            self._cells[step] += cells
            self._check(step)

    def correct(self, cells: Ints) -> None:
        """Put the numbers of cells after each step in the place of what was counted, and test them likewise."""
        with self._lock:
            self._cells[:] = cells
            for step in range(len(cells)):
                self._check(step)

    def _check(self, step: int) -> None:
        if self.max_regions is not None and self._cells[step] > self.parts * self.max_regions:
            self.stopped = True
            known, layer = self.known, sum(i <= step for i in self._reported)
            raise BudgetExceeded(
                f"stopped after layer {layer} of {len(self._reported)}, where there are more than "
                f"max_regions={self.max_regions:,} regions; found so far after each layer: {known}; "
                f"raise max_regions or take a smaller domain",
                known,
            )

    @property
    def known(self) -> list[int]:
        """Regions found so far after each layer that was reached: at least so many there are."""
        return [-(-int(self._cells[i]) // self.parts) for i in self._reported if self._cells[i]]

    def check(self) -> None:
        """Stop this worker if another one, or the caller, has stopped."""
        if self.stopped:
            raise KeyboardInterrupt

    def __getstate__(self) -> dict[str, Any]:
        """Locks stay behind."""
        return {**self.__dict__, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A lock of its own."""
        self.__dict__.update(state, _lock=Lock())


class OutOfTime(BudgetExceeded):
    """A time limit has passed."""


class Deadline:
    """A time limit for one call.

    Parameters
    ----------
    seconds : float or None
        From now on; None: no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds: float = np.inf if seconds is None else real(seconds)
        if not self.seconds > 0:
            raise invalid("time_limit", "be a positive number of seconds", repr(seconds))
        self._end: float = perf_counter() + self.seconds

    def check(self) -> None:
        """Raise OutOfTime once the limit has passed."""
        if perf_counter() > self._end:
            raise OutOfTime(f"time_limit of {self.seconds:g} s has passed", [])


class Workers:
    """Maps tasks over an executor, shows progress, and stops cleanly.

    Parameters
    ----------
    executor : concurrent.futures.Executor or None
        None: in this thread.
    budget : Budget
    progress : bool
        Whether to show a bar on stderr.
    """

    def __init__(self, executor: Executor | None, budget: Budget, *, progress: bool) -> None:
        self._executor = executor
        self._budget = budget
        self._progress = progress

    @property
    def remote(self) -> bool:
        """Whether tasks leave this process and have to be pickled."""
        return self._executor is not None and not isinstance(self._executor, ThreadPoolExecutor)

    def map(self, function: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """Results in the order of the items."""
        bar = _bar(len(items)) if self._progress else None
        try:
            if self._executor is None:
                results = []
                for item in items:
                    results.append(function(item))
                    if bar is not None:
                        bar.update()
                return results
            return self._gather([self._executor.submit(function, item) for item in items], bar)
        finally:
            if bar is not None:
                bar.close()

    def _gather(self, futures: list[Future[_R]], bar: Any) -> list[_R]:
        try:
            for future in as_completed(futures):
                future.result()
                if bar is not None:
                    bar.update()
            return [future.result() for future in futures]
        except BaseException as first:
            self._budget.stopped = True
            for future in futures:
                future.cancel()
            # a worker that was stopped may be heard before the one that stopped it
            raise _cause(futures) or first from None


def as_bytes(value: object) -> bytes:
    """What travels to another process, and back.

    As bytes, and not as objects: executors may hand arrays over as they like, many of them in memory that cannot be
    written to, and what `from_bytes` makes is a task's own.
    """
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def from_bytes(content: bytes) -> Any:
    """What `as_bytes` took, in memory of its own; what could be written to still can."""
    return pickle.loads(content)


def _cause(futures: list[Future[Any]]) -> BaseException | None:
    """The error that stopped the workers, if one of them met it."""
    ended = [f.exception() for f in futures if f.done() and not f.cancelled()]
    return next((e for e in ended if e is not None and not isinstance(e, KeyboardInterrupt)), None)


def _bar(total: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, desc="regions", unit="block", leave=False)


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products in one thread each: blocks are the unit of parallel work, and sums keep their order."""
    with _blas().limit(limits=1, user_api="blas"):
        yield
