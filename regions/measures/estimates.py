"""Volumes from random points, where corners are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linear_regions.domain import Box, Polytope, Slice
from linear_regions.errors import invalid
from linear_regions.network.cast import MOST_SAMPLES, is_whole, read_only

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]

_CHUNK = 1 << 14


class VolumeEstimates(NamedTuple):
    """Volumes of cells estimated from uniform random points; nothing about them is proven.

    Attributes
    ----------
    volume : (N,) ndarray of float64
    standard_error : (N,) ndarray of float64
        Binomial, with one more point counted inside and one outside, so that it is never zero.
    n_points : int
    """

    volume: Floats
    standard_error: Floats
    n_points: int


def estimated_volumes(regions: Regions, n_points: int, seed: int) -> VolumeEstimates:
    """See `Regions.estimated_volumes`."""
    if not is_whole(n_points, 1, MOST_SAMPLES):
        raise invalid("n_points", "be a whole number, at least 1 and at most 2**31", n_points)
    if not is_whole(seed, 0):
        raise invalid("seed", "be a whole number, not negative", seed)
    domain = regions.domain.domain if isinstance(regions.domain, Slice) else regions.domain
    if not isinstance(domain, Box | Polytope):
        raise invalid("domain", "be a Box or a Polytope, or a Slice with one, for volumes to be finite", domain)
    low, high = domain.box_about
    random, hits = np.random.default_rng(seed), np.zeros(len(regions), np.int64)
    for first in range(0, n_points, _CHUNK):
        points = 2 * random.uniform(low / 2, high / 2, (min(_CHUNK, n_points - first), regions.dim))
        cells = regions.find(points)
        hits += np.bincount(cells[cells >= 0], minlength=len(regions))
    sides, shift = np.frexp(high / 2 - low / 2)
    share = (hits + 1) / (n_points + 2)
    parts = np.prod(sides) * np.stack([hits / n_points, np.sqrt(share * (1 - share) / n_points)])
    with np.errstate(over="ignore"):  # a volume beyond the range of floats
        volume, error = np.ldexp(parts, int(shift.sum()) + regions.dim)
    return VolumeEstimates(read_only(volume), read_only(error), int(n_points))
