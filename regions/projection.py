"""Nearest points of sets given by inequalities, with proven bounds of how far away they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from linear_regions.kernels.bounds import SLACK, UNIT

Floats = NDArray[np.float64]

_NEAR = 1e-9  # within which a point that floats found satisfies inequalities


def nearest(gradient: Floats, long: Floats, height: Floats, bound: Floats) -> tuple[float, Floats]:
    """A proven lower bound of the distance to where no row is negative, and the way to the nearest point there.

    Rows are given by their gradients (m, d), known up to vectors of length `long` (m,), and their values here (m,),
    known up to `bound` (m,). The way is infinite where floats find no such point.

    Least distance programming (Lawson & Hanson, Solving Least Squares Problems, chapter 23): multipliers y >= 0 make
    one inequality of all, whose hyperplane is no farther away than the set. The distance is infinite if that is empty.
    """
    m, d = gradient.shape
    if (height >= 0).all():
        return 0.0, np.zeros(d)
    unit = float(np.abs(height).max())
    y, _ = nnls(np.vstack([gradient.T, -height / unit]), np.append(np.zeros(d), 1.0), maxiter=30 * m)
    r = np.append(y @ gradient, -(y @ height) / unit - 1.0)
    step = -r[:-1] / r[-1] * unit if r[-1] else np.full(d, np.inf)
    size = np.linalg.norm(gradient, axis=1)
    with np.errstate(all="ignore"):
        if not (height + gradient @ step >= -_NEAR * (np.abs(height) + size * np.linalg.norm(step))).all():
            step = np.full(d, np.inf)  # no point of the set
    below = -(y @ height) - (y @ (bound + 4 * m * UNIT * np.abs(height))) * SLACK
    length = np.linalg.norm(y @ gradient) * (1 + 1e-12) + y @ (long + 4 * m * UNIT * size) * SLACK
    return (max(0.0, float(below / length) * (1 - 1e-15)) if length > 0 else 0.0), step
