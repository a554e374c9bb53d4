"""Sizes of cells: of all of them by those that sampled points lie in, and of one of them by a random walk."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

from linear_regions import lp
from linear_regions.domain import Domain
from linear_regions.errors import invalid
from linear_regions.local import Cell
from linear_regions.neighborhood import surroundings

from .estimate import Estimate, mean_estimate
from .forward import network_of
from .points import chosen_generator, count_of, fitting, uniform, volume_of

Floats = NDArray[np.float64]

_BURN_IN = 16  # steps in each ball before the walkers are listened to, per dimension
_THIN = 2  # steps between points that are counted, per dimension
_WALKERS = 100


def region_count(
    model: object, domain: Domain, *, n: int = 200, generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> Estimate:  # fmt: skip
    """The number of regions, from the volumes of the cells in which uniform points lie.

    A large cell is found more often than a small one, in proportion to its volume: so the mean of 1 / volume is the
    number of regions over the domain's volume. Unbiased, but with a heavy tail: most of the sum is in cells that are
    seldom found, and the stated error is too small until these are.

    Parameters
    ----------
    model : Network or torch.nn.Module
    domain : Box, Polytope, or Slice with one
        Of two dimensions or more; beyond six, cells have many corners.
    n : int
        Number of points.
    generator : torch.Generator, optional
        By default one with seed 0.
    dtype : torch.dtype, optional
        No matter: cells are found exactly, and volumes by Qhull in float64.

    Returns
    -------
    Estimate
        `per_item` has 1 / volume of each point's cell.

    Raises
    ------
    InvalidInput
        If an argument does not fit.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
    >>> round(lr.estimators.region_count(network, lr.Box([-1, -1], [1, 1]), n=20).value, 9)
    4.0
    """
    network, own = network_of(model), chosen_generator(generator)
    fitting(network, domain)
    count_of(n, "n", 2)
    if domain.dim < 2:
        raise invalid("domain", "have two dimensions or more", domain.dim)
    inverse = []
    for t in uniform(domain, n, own).cpu().numpy():
        around = surroundings(network, t, domain)
        with np.errstate(all="ignore"):
            inverse.append(1 / _volume(around.first_cell()))
    values = torch.as_tensor(np.array(inverse))
    return mean_estimate(values, volume_of(domain), "cells of points", own.initial_seed(), "cpu", torch.float64)


def _volume(cell: Cell) -> float:
    """By its corners, in float64."""
    rows = cell.rows[cell.is_facet]
    sides = np.column_stack([-rows[:, :-1], -rows[:, -1]])
    try:
        return float(ConvexHull(HalfspaceIntersection(sides, cell.point).intersections).volume)
    except QhullError as error:
        raise invalid("domain", "have cells that Qhull can handle: not so small or flat", "one it fails on") from error


def cell_volume(
    model: object, point: object, *, domain: Domain | None = None, n: int = 20_000,
    generator: torch.Generator | None = None,
) -> Estimate:  # fmt: skip
    """The volume of the cell of a point, by hit-and-run walks between balls, in any number of dimensions.

    From a ball in the cell the volume grows by a factor below two from ball to ball, until the cell is left; each
    factor is one over the share of a walk's points that lie in the smaller ball (Lovász & Vempala, SIAM Journal on
    Computing 35, 2006, in a simple form).

    Parameters
    ----------
    model : Network or torch.nn.Module
    point : array_like, (d,)
        As in `explore`.
    domain : Box, Polytope or Slice, optional
        By default all of the input space; the cell has to be bounded.
    n : int
        Points in each ball, of all walkers together.
    generator : torch.Generator, optional
        By default one with seed 0.

    Returns
    -------
    Estimate
        In units of the domain's coordinates. The standard error is by independent walkers. `per_item` has the factors.

    Raises
    ------
    InvalidInput
        If an argument does not fit, or the cell is not bounded.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
    >>> found = lr.estimators.cell_volume(network, [0.5, 0.25], domain=lr.Box([-1, -1], [1, 1]), n=4000)
    >>> abs(found.value - 1) < 0.1
    True
    """
    own = chosen_generator(generator)
    count_of(n, "n", 100)
    around = surroundings(network_of(model), point, domain)
    if around.reduced:
        raise invalid("model", "have as many neurons in its first layer as inputs for cells to be bounded", "fewer")
    with np.errstate(all="ignore"):
        cell = around.first_cell()
    rows = cell.rows[cell.is_facet]
    size = np.linalg.norm(rows[:, :-1], axis=1)
    rows = rows / size[:, None]
    if not len(rows):
        raise invalid("point", "lie in a bounded cell", "one without facets")
    radius = float((rows[:, :-1] @ cell.point + rows[:, -1]).min())
    farthest = _reach(rows, cell.point)
    if not math.isfinite(farthest):
        raise invalid("point", "lie in a bounded cell", "one that is not bounded")
    d = len(cell.point)
    steps = max(0, math.ceil(d * math.log2(farthest / radius)))
    radii = radius * 2.0 ** (np.arange(steps + 1) / d)
    walkers = _Walkers(rows, cell.point, own)
    shares = [walkers.share(small, large, n) for small, large in zip(radii[:-1], radii[1:], strict=True)]
    factors = np.array([1 / share for share, _ in shares])
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1) * radius**d
    value = float(ball * factors.prod())
    error = value * math.sqrt(sum((e / s) ** 2 for s, e in shares))
    per_item = torch.as_tensor(factors)
    return Estimate(value, error, n * steps, "hit-and-run", own.initial_seed(), "cpu", "float64", per_item)


def _reach(rows: Floats, center: Floats) -> float:
    """A bound of how far a polytope reaches from a point inside; infinite if it is not bounded."""
    d = len(center)
    goals = np.concatenate([np.eye(d), -np.eye(d)])
    sides, ends = np.repeat(-rows[None, :, :-1], 2 * d, axis=0), np.repeat(rows[None, :, -1], 2 * d, axis=0)
    found = lp.minimize(goals, sides, ends)
    if not (np.asarray(found.status) == lp.Status.OPTIMAL).all():
        return math.inf
    low, high = found.value[:d] - found.error[:d], -(found.value[d:] - found.error[d:])
    return float(np.linalg.norm(np.maximum(high - center, center - low)))


class _Walkers:
    """Independent random walks in a polytope, in balls about a point inside: from ball to ball they go on."""

    def __init__(self, rows: Floats, center: Floats, generator: torch.Generator) -> None:
        self.normals, self.heights = rows[:, :-1], rows[:, :-1] @ center + rows[:, -1]
        self.generator, self.x = generator, np.zeros((_WALKERS, len(center)))

    def share(self, small: float, large: float, n: int) -> tuple[float, float]:
        """The share of the polytope in a large ball that lies in a smaller one, and its standard error by walkers."""
        d = self.x.shape[1]
        for _ in range(_BURN_IN * d):
            self.step(large)
        each = -(-n // _WALKERS)
        inside = np.zeros(_WALKERS)
        for _ in range(each):
            for _ in range(_THIN * d):
                self.step(large)
            inside += np.sum(self.x * self.x, axis=1) <= small * small
        shares = inside / each
        return float(shares.mean()), float(shares.std(ddof=1) / math.sqrt(_WALKERS))

    def step(self, radius: float) -> None:
        """To a uniform point of the chord in a random direction."""
        place = self.generator.device
        drawn = torch.randn(self.x.shape, generator=self.generator, dtype=torch.float64, device=place).cpu().numpy()
        chosen = torch.rand(len(self.x), generator=self.generator, dtype=torch.float64, device=place).cpu().numpy()
        ways = drawn / np.linalg.norm(drawn, axis=1)[:, None]
        slack, rate = self.heights + self.x @ self.normals.T, ways @ self.normals.T
        with np.errstate(all="ignore"):
            ends = -slack / rate
        along = np.sum(self.x * ways, axis=1)
        root = np.sqrt(np.maximum(along * along + radius * radius - np.sum(self.x * self.x, axis=1), 0.0))
        high = np.minimum(root - along, np.where(rate < 0, ends, np.inf).min(axis=1))
        low = np.maximum(-root - along, np.where(rate > 0, ends, -np.inf).max(axis=1))
        self.x += (low + chosen * (high - low))[:, None] * ways
