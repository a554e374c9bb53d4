"""Affine maps over exact float64 numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linear_regions.errors import invalid

from .cast import FloatArray, exact_array, read_only


@dataclass(frozen=True, eq=False)
class Affine:
    """The map ``x -> weight @ x + bias``. It owns its arrays and locks them.

    Attributes
    ----------
    weight : (n_out, n_in) ndarray of float64, C-contiguous, read-only
    bias : (n_out,) ndarray of float64, read-only
    """

    weight: FloatArray
    bias: FloatArray

    def __post_init__(self) -> None:
        """Lock the arrays."""
        read_only(self.weight)
        read_only(self.bias)

    @classmethod
    def from_arrays(
        cls,
        weight: object,
        bias: object = None,
        *,
        names: tuple[str, str] = ("weight", "bias"),
        n_in: int | None = None,
    ) -> Affine:
        """Copy a matrix and a vector exactly.

        Parameters
        ----------
        weight : array_like, (n_out, n_in)
        bias : array_like, (n_out,), or None for zeros
        names : (str, str)
            What messages call the two.
        n_in : int, optional
            The number of columns that `weight` must have.

        Raises
        ------
        InvalidInput
            If a shape does not fit or a number is not finite and exactly a float64.
        """
        matrix = exact_array(weight, names[0])
        columns = "n_in" if n_in is None else n_in
        if matrix.ndim != 2 or (n_in is not None and matrix.shape[1] != n_in):
            raise invalid(names[0], f"have shape (n_out, {columns})", matrix.shape)
        if 0 in matrix.shape:
            raise invalid(names[0], "have at least one row and one column", f"shape {matrix.shape}")
        vector = np.zeros(len(matrix)) if bias is None else exact_array(bias, names[1])
        if vector.shape != (len(matrix),):
            raise invalid(names[1], f"have shape ({len(matrix)},)", vector.shape)
        return cls(matrix, vector)

    @property
    def n_inputs(self) -> int:
        """Number of columns."""
        return int(self.weight.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number of rows."""
        return int(self.weight.shape[0])

    def __call__(self, x: FloatArray) -> FloatArray:
        """Evaluate in float64, (..., n_in) to (..., n_out)."""
        result: FloatArray = x @ self.weight.T + self.bias
        return result

    def __eq__(self, other: object) -> bool:
        """Compare the numbers."""
        if not isinstance(other, Affine):
            return NotImplemented
        return np.array_equal(self.weight, other.weight) and np.array_equal(self.bias, other.bias)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild through the constructor, which locks the arrays again."""
        return type(self), (self.weight, self.bias)

    def __repr__(self) -> str:
        """Show the shape."""
        return f"Affine({self.n_inputs} -> {self.n_outputs})"
