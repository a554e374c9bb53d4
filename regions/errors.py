"""The errors of the library, one family.

A message names the argument, the rule and what was received: ``weights[1] must have shape (k, 16), got (8, 12)``.
"""

from __future__ import annotations

__all__ = [
    "BudgetExceeded",
    "InvalidInput",
    "InvariantViolated",
    "LinearRegionsError",
    "MissingExtra",
    "UnsupportedModule",
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


class BudgetExceeded(LinearRegionsError, RuntimeError):
    """A limit set by the caller (for example on the number of regions) was reached before the work was done.

    Attributes
    ----------
    per_layer : list of int
        Regions found by then after each layer that was reached: at least so many there are.
    """

    def __init__(self, message: str, per_layer: list[int]) -> None:
        super().__init__(message, per_layer)
        self.per_layer = per_layer

    def __str__(self) -> str:
        """The message."""
        return str(self.args[0])


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
