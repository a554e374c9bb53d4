"""Products of activations and a step's weights that are rounded twice, not once for every term.

In a deep network the bounds of the errors grow by the spectral norm of every layer to come, while the values do not. So
what the first layers round decides how many signs floats leave open in the last ones. There each product is made of
three: weights and activations are split into a coarse part of few bits and the rest, as in Ozaki, Ogita, Oishi and Rump
(2012), Error-free transformations of matrix multiplication. The product of the coarse parts has no rounding, in any
order of summation; those with a rest are small, and so is what they round.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels.bounds import BN, GAMMA, GRAIN_W, RBF, SLACK, SW, UNIT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DIGITS = 53


class FineProduct:
    """Multiplies rows by a step's weights and adds its bias.

    Parameters
    ----------
    matrix : (n_in + 1, n_out) ndarray of float64
        Weights, transposed, and the bias.
    norms : ndarray
        The step's table of norms, see `kernels.bounds`.

    Attributes
    ----------
    norms : ndarray
        The same table with the rounding of this product: what the sum of coarse parts and rests loses is in proportion
        to each value, and the rests lose what a product in floats does, times 2^-bits.
    """

    def __init__(self, matrix: Floats, norms: Floats) -> None:
        self._matrix = matrix
        self._bits = (_DIGITS - len(matrix).bit_length()) // 2
        # by Cauchy and Schwarz a row of rests is at most `rest` as long as its own row; both rests count
        rest = len(matrix) ** 0.5 * 2.0**-self._bits
        small = 2 * rest * (norms[GAMMA] + 2 * UNIT)
        self.norms = norms.copy()
        self.norms[GAMMA] = (2 * UNIT + small) * SLACK
        self.norms[RBF] = (norms[SW] + norms[BN] + norms[RBF] * small / self.norms[GAMMA]) * SLACK
        self.norms[GRAIN_W] = np.nan  # not even where floats would not round

    @cached_property
    def _parts(self) -> tuple[Floats, Floats]:
        coarse = _coarse(self._matrix, self._bits, axis=0)
        return coarse, self._matrix - coarse

    def __call__(self, h: Floats, rows: Ints, out: Floats) -> None:
        """Put h @ matrix[rows] into `out`; in h the last column is what the bias is multiplied by."""
        coarse, rest = (part[rows] for part in self._parts)
        high = _coarse(h, self._bits, axis=1)
        np.matmul(h, rest, out=out)
        out += np.matmul(h - high, coarse)
        out += np.matmul(high, coarse)


def _coarse(values: Floats, bits: int, axis: int) -> Floats:
    """The nearest multiples of 2^-bits times a power of two that is larger than all values along an axis."""
    exponent = np.frexp(np.abs(values).max(axis=axis, keepdims=True))[1]
    unit = np.ldexp(1.0, exponent - bits)
    return np.asarray(np.rint(values * (1.0 / unit)) * unit)  # not finite where a power of two is not
