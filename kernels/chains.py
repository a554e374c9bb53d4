"""Random walks in polytopes, coordinate by coordinate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._jit import loop

Floats = NDArray[np.float64]


@loop
def sweep(columns: Floats, slack: Floats, x: Floats, draws: Floats, precision: float, squares: Floats) -> None:
    """Move walkers through all coordinates in turn, as often as there are draws.

    Walker w stands at x[w], where row k, with coefficients columns[:, k], has the value slack[w, k]; these stay
    positive. The walk is in balance with the density exp(-precision |x|^2): a coordinate becomes uniform where that is
    at least a random share of what it is (Neal, Slice sampling, Annals of Statistics 31, 2003). Two draws from (0, 1)
    make a step, draws is (sweeps, walkers, d, 2); what |x|^2 is after each sweep is put in squares (sweeps, walkers).
    """
    d, m = columns.shape
    for w in range(x.shape[0]):
        for s in range(draws.shape[0]):
            for i in range(d):
                low, high = -np.inf, np.inf
                if precision > 0.0:
                    reach = math.sqrt(x[w, i] * x[w, i] - math.log(1.0 - draws[s, w, i, 1]) / precision)
                    low, high = -reach - x[w, i], reach - x[w, i]
                for k in range(m):
                    rate = columns[i, k]
                    if rate > 0.0:
                        low = max(low, -slack[w, k] / rate)
                    elif rate < 0.0:
                        high = min(high, -slack[w, k] / rate)
                step = low + draws[s, w, i, 0] * (high - low)
                x[w, i] += step
                for k in range(m):
                    slack[w, k] += step * columns[i, k]
            total = 0.0
            for i in range(d):
                total += x[w, i] * x[w, i]
            squares[s, w] = total
