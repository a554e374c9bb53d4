"""The errors of the library, one family.

A message names the argument, the rule and what was received: ``weights[1] must have shape (k, 16), got (8, 12)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = [
    "BudgetExceeded",
    "InvalidInput",
    "InvariantViolated",
    "LinearRegionsError",
    "MissingExtra",
    "OutOfMemory",
    "UnsupportedModule",
    "enough_memory",
    "invalid",
]


class LinearRegionsError(Exception):
    """Base of every error that this library raises on purpose."""


class InvalidInput(LinearRegionsError, ValueError):
    """An argument or a file breaks a rule.

    Raised at the boundary, before any work is done: wrong shapes, NaN or infinite numbers, numbers that float64 cannot
    hold exactly, unknown names, unreadable files.
    """


class UnsupportedModule(LinearRegionsError, ValueError):
    """A model holds an operation that cannot be read as affine maps and piecewise-linear units.

    The message names the operation and where in the model it stands.
    """


class _Stopped(LinearRegionsError):
    """The work was stopped before it was done."""

    def __init__(self, message: str, per_layer: list[int]) -> None:
        super().__init__(message, per_layer)
        self.per_layer = per_layer

    def __str__(self) -> str:
        """The message."""
        return str(self.args[0])


class BudgetExceeded(_Stopped, RuntimeError):
    """A limit set by the caller (for example on the number of regions) was reached before the work was done.

    Attributes
    ----------
    per_layer : list of int
        Regions found by then after each layer that was reached: at least so many there are.
    """


class OutOfMemory(_Stopped, MemoryError):
    """The system gave no more memory before the work was done.

    Attributes
    ----------
    per_layer : list of int
        As of `BudgetExceeded`, as far as is known; empty where no regions are enumerated.
    """


class InvariantViolated(LinearRegionsError, RuntimeError):
    """A result fails one of the invariants that every cell complex obeys.

    It means a defect in the library or a damaged result file, never a property of the network.
    """


class MissingExtra(LinearRegionsError, ImportError):
    """An optional dependency is needed for this call and is not installed; the message says how to install it."""


def invalid(name: str, rule: str, received: object) -> InvalidInput:
    """Build the error for an argument that breaks a rule.

    Parameters
    ----------
    name : str
        The argument, as the caller wrote it: ``"weights[1]"``.
    rule : str
        What must hold, continuing "must": ``"have shape (k, 16)"``.
    received : object
        What came instead.

    Returns
    -------
    InvalidInput
        To be raised by the caller.

    Examples
    --------
    >>> from linear_regions.errors import invalid
    >>> str(invalid("weights[1]", "have shape (k, 16)", (8, 12)))
    'weights[1] must have shape (k, 16), got (8, 12)'
    """
    return InvalidInput(f"{name} must {rule}, got {received}")


@contextmanager
def enough_memory(per_layer: Callable[[], list[int]] = list) -> Iterator[None]:
    """Say what to do where memory does not suffice; for a block, or as a decorator for a function.

    Parameters
    ----------
    per_layer : callable
        Gives the regions found so far after each layer.

    Raises
    ------
    OutOfMemory
        In the place of MemoryError.
    """
    try:
        yield
    except OutOfMemory:
        raise
    except MemoryError as error:
        known = per_layer()
        found = f"; regions found so far after each layer: {known}" if known else ""
        advice = "take a smaller domain, stop sooner with max_regions, or keep no regions (count_regions, sum_regions)"
        raise OutOfMemory(f"out of memory: {error}".removesuffix(": ") + f"{found}; {advice}", known) from None
