"""Affine maps over exact float64 numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from linear_regions.errors import invalid

from .cast import FloatArray, exact_array, read_only


@dataclass(frozen=True, eq=False)
class Affine:
    """The map ``x -> weight @ x + bias``. It owns its arrays and locks them; `from_arrays` copies them first.

    Attributes
    ----------
    weight : (n_out, n_in) ndarray of float64, C-contiguous, read-only
    bias : (n_out,) ndarray of float64, read-only

    Raises
    ------
    InvalidInput
        If the arrays are not such, or a number is not finite.
    """

    weight: FloatArray
    bias: FloatArray

    def __post_init__(self) -> None:
        """Check and lock the arrays."""
        for name, array, axes in (("weight", self.weight, 2), ("bias", self.bias, 1)):
            if type(array) is not np.ndarray or array.dtype != np.float64 or not array.flags.c_contiguous:
                raise invalid(name, "be a C-contiguous float64 array (see Affine.from_arrays)", type(array).__name__)
            if array.ndim != axes or array.size == 0:
                raise invalid(name, f"have {axes} axes and no empty one", f"shape {array.shape}")
            if not np.isfinite(array).all():
                raise invalid(name, "be finite", "other numbers")
        if len(self.bias) != len(self.weight):
            raise invalid("bias", f"have shape ({len(self.weight)},)", self.bias.shape)
        read_only(self.weight)
        read_only(self.bias)

    @classmethod
    def from_arrays(
        cls,
        weight: object,
        bias: object = None,
        *,
        names: tuple[str, str] = ("weight", "bias"),
        after: Affine | None = None,
    ) -> Affine:
        """Copy a matrix and a vector exactly.

        Parameters
        ----------
        weight : array_like, (n_out, n_in)
        bias : array_like, (n_out,), or None for zeros
        names : (str, str)
            What messages call the two.
        after : Affine, optional
            The map whose values this one takes.

        Raises
        ------
        InvalidInput
            If a shape does not fit or a number is not finite and exactly a float64.
        """
        if not (after is None or isinstance(after, Affine)):
            raise invalid("after", "be an Affine", type(after).__name__)
        matrix = exact_array(weight, names[0])
        rule = f"have shape (n_out, {'n_in' if after is None else after.n_outputs})"
        if matrix.ndim != 2:
            raise invalid(names[0], rule, matrix.shape)
        if 0 in matrix.shape:
            raise invalid(names[0], "have at least one row and one column", f"shape {matrix.shape}")
        vector = None if bias is None else exact_array(bias, names[1])
        wide_enough = after is None or matrix.shape[1] == after.n_outputs
        if wide_enough and (vector is None or vector.shape == (len(matrix),)):
            return cls(matrix, np.zeros(len(matrix)) if vector is None else vector)
        if _fits_transposed(matrix, vector, after):
            advice = "pass the .T of every weight kept as (inputs, outputs), as scikit-learn and Keras do"
            raise invalid(names[0], rule, f"{matrix.shape}, which fits transposed: {advice}")
        if wide_enough and vector is not None:
            raise invalid(names[1], f"have shape ({len(matrix)},)", vector.shape)
        raise invalid(names[0], rule, matrix.shape)

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


def _fits_transposed(matrix: FloatArray, bias: FloatArray | None, after: Affine | None) -> bool:
    """Whether a weight would fit its bias and the map before it, if it were transposed, or both of them."""
    n_in, n_out = matrix.shape
    return (after is None or n_in in after.weight.shape) and (bias is None or bias.shape == (n_out,))
