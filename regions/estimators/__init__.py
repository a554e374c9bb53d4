"""Estimators of network complexity by sampling, in torch: what is done where nothing can be enumerated.

Each returns an `Estimate`, with a standard error where one is known, and has an exact counterpart in this library,
against which its tests measure it. They run on any device, in any floating dtype, in pieces that fit in memory, with
TF32 off.
"""

from __future__ import annotations

from importlib.util import find_spec

from linear_regions.errors import MissingExtra

if find_spec("torch") is None:
    raise MissingExtra("linear_regions.estimators needs PyTorch: pip install 'linear-regions[torch]'")

from .along import trajectory_length, transitions
from .boundary import boundary_volume
from .cells import cell_volume, region_count
from .distance import distance_to_boundary, mean_distance
from .estimate import Estimate
from .jacobian import jacobian_norm
from .local import local_complexity
from .patterns import unique_patterns
from .random_weights import expected_boundary_volume

__all__ = [
    "Estimate",
    "boundary_volume",
    "cell_volume",
    "distance_to_boundary",
    "expected_boundary_volume",
    "jacobian_norm",
    "local_complexity",
    "mean_distance",
    "region_count",
    "trajectory_length",
    "transitions",
    "unique_patterns",
]
