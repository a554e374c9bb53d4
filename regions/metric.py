"""Lengths with proven bounds: of vectors, from a point to a set given by inequalities, and of balls in such sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear, nnls

from linear_regions.kernels import polyhedra
from linear_regions.kernels.bounds import SLACK, TINY, UNIT
from linear_regions.kernels.halfspaces import work_for

from .norms import norms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NEAR = 1e-9  # within which a point that floats found satisfies inequalities
_FAR = 1e12  # in units of the largest violation: farther hyperplanes are taken to be so far away


def lengths(vectors: Floats) -> tuple[Floats, Floats]:
    """(m,) lengths of vectors (m, d) of any size, and bounds of their errors."""
    length = norms(vectors)
    return length, np.where(length > 0, (vectors.shape[1] + 8) * UNIT * length * SLACK + TINY, 0.0)


def nearest(gradient: Floats, long: Floats, height: Floats, bound: Floats) -> tuple[float, Floats]:
    """A proven lower bound of the distance to where no row is negative, and the way to the nearest point there.

    Rows are given by their gradients (m, d), of sizes about one and known up to vectors of length `long` (m,), and
    their values here (m,), known up to `bound` (m,). The way is infinite where floats find no such point.

    Least distance programming (Lawson & Hanson, Solving Least Squares Problems, chapter 23): multipliers y >= 0 make
    one inequality of all, whose hyperplane is no farther away than the set. The distance is infinite if that is empty.
    """
    m, d = gradient.shape
    unit = float(-height.min(initial=0.0))
    if unit == 0:
        return 0.0, np.zeros(d)
    with np.errstate(all="ignore"):  # numbers that are not finite prove nothing
        matrix = np.vstack([gradient.T, -np.clip(height / unit, -_FAR, _FAR)])
        if not np.isfinite(matrix).all():
            return 0.0, np.full(d, np.inf)
        y = _multipliers(matrix)
        r = matrix @ y
        step = -r[:-1] / (r[-1] - 1.0) * unit if r[-1] != 1.0 else np.full(d, np.inf)
        size, size_error = lengths(gradient)
        (far,), _ = lengths(step[None])
        if not (height + gradient @ step >= -_NEAR * (np.abs(height) + size * far)).all():
            step = np.full(d, np.inf)  # no point of the set
        (length,), (error,) = lengths((y @ gradient)[None])
        length += error + y @ (long + 4 * m * UNIT * (size + size_error)) * SLACK + TINY
        below = -(y @ height) - (y @ (bound + 4 * m * UNIT * np.abs(height))) * SLACK - TINY
        lower = float(below / length) * (1 - 1e-15) if np.isfinite(below) else 0.0
    return lower if lower > 0 else 0.0, step


def _multipliers(matrix: Floats) -> Floats:
    """For which y >= 0 matrix @ y is nearest to the last unit vector; another method where the first one fails."""
    goal = np.append(np.zeros(len(matrix) - 1), 1.0)
    y: Floats
    try:
        y, _ = nnls(matrix, goal, maxiter=30 * matrix.shape[1])
        slope = matrix.T @ (goal - matrix @ y)  # nowhere positive, and zero where y is not
        size = np.abs(matrix).max(axis=0) + 1.0
        fails = (slope > _NEAR * size).any() or (np.abs(slope) * (y > 0) > _NEAR * size).any()
    except RuntimeError:  # too many iterations
        fails = True
    if fails:
        y = np.maximum(lsq_linear(matrix, goal, (0, np.inf), method="bvls").x, 0.0)
    return y


def largest_balls(
    offset: Ints, rows: Floats, error: Floats, norm: Floats, norm_error: Floats, points: Floats, reach: Floats
) -> tuple[Floats, Floats]:
    """The centres (k, d) of largest balls in polyhedra, and proven bounds (k, 2) of their radii.

    As `kernels.polyhedra.centres` has them: rows offset[p] <= i < offset[p + 1] with their errors, the lengths of their
    normals in units of the radius and bounds of the errors of these, a point inside each, and bounds of the coordinates
    and of the radius, or none.
    """
    k, d = points.shape
    goal, centers, radii = np.zeros((1, d + 2)), np.empty((k, d)), np.empty((k, 2))
    goal[0, d] = -1.0
    work = work_for(int(np.diff(offset).max(initial=0)), d + 1)
    with np.errstate(all="ignore"):
        polyhedra.centres(
            offset, rows, error, norm, norm_error, points, reach, work, np.empty((1, d + 1)), goal, np.zeros((1, 2)),
            centers, radii,
        )  # fmt: skip
    return centers, radii
