"""Sizes of cells: of all of them by those that sampled points lie in, and of one of them by random walks."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError
from scipy.special import erfc

from linear_regions import lp
from linear_regions.domain import Domain
from linear_regions.errors import invalid
from linear_regions.kernels import chains
from linear_regions.kernels.bounds import UNIT
from linear_regions.local import Surroundings
from linear_regions.neighborhood import surroundings

from .estimate import Estimate, mean_estimate
from .forward import network_of
from .points import chosen_generator, count_of, fitting, uniform, volume_of
from .settings import own_settings

Floats = NDArray[np.float64]

_WITH_CORNERS = 6  # dimensions in which corners are found
_WALKERS = 100
_BURN_IN = 16  # sweeps through all coordinates before the walkers are listened to
_POINTS_OF_A_CELL = 200  # in each phase, where cells are many
_ROUNDINGS = 8  # at most, each by the covariance of walkers
_SKEW = 25.0  # ratio of variances from which a cell is to be rounded again
_NEWTON_STEPS = 100
_NEAR = 1e-3  # length of a step at which the centre is near enough
_OUTSIDE = 1e-6  # share of the last normal distribution that may lie outside


@own_settings()
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
        Of two dimensions or more.
    n : int
        Number of points.
    generator : torch.Generator, optional
        By default one with seed 0.
    dtype : torch.dtype, optional
        No matter: cells are found exactly, and volumes in float64: by Qhull in up to six dimensions, beyond by short
        random walks, each by itself, for which the mean of 1 / volume is right.

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
    logarithms = []
    for t in uniform(domain, n, own).cpu().numpy():
        around = surroundings(network, t, domain)
        logarithms.append(_log_volume(_body(around, "domain"), own))
    total, found = volume_of(domain), np.array(logarithms)
    switches = any(own.activation is not None and own.activation.n_hyperplanes for own in network.layers)
    with np.errstate(over="ignore"):
        shares, inverse = (torch.as_tensor(np.exp(own - found)) for own in (_log(total), 0.0))
    unit = math.nan if switches else 0.0
    estimate = mean_estimate(
        shares, Fraction(1), "cells of points", own.initial_seed(), "cpu", torch.float64, unit=unit
    )
    return replace(estimate, per_item=inverse)


def _log(value: Fraction) -> float:
    return math.log(value.numerator) - math.log(value.denominator)


@own_settings()
def cell_volume(
    model: object, point: object, *, domain: Domain | None = None, n: int = 20_000,
    generator: torch.Generator | None = None,
) -> Estimate:  # fmt: skip
    """The volume of the cell of a point, by random walks, in any number of dimensions.

    Coordinates are chosen in which the cell is round, however thin it is. In these, walks sample from the uniform
    distribution on the cell and from normal ones that are ever narrower, down to one that lies inside and has a known
    integral (Cousins & Vempala, Mathematical Programming Computation 8, 2016). A cell of ten dimensions takes some
    hundredths of a second, of fifty some seconds.

    Parameters
    ----------
    model : Network or torch.nn.Module
    point : array_like, (d,)
        As in `explore`.
    domain : Box, Polytope or Slice, optional
        By default all of the input space; the cell has to be bounded.
    n : int
        Points of each distribution, of all walkers together.
    generator : torch.Generator, optional
        By default one with seed 0.

    Returns
    -------
    Estimate
        In units of the domain's coordinates. The standard error is by independent walkers, by how much their later
        points differ from earlier ones more than by chance, and by rounding. `per_item` has the factors, whose product
        is the integral of the narrowest normal distribution over the volume.

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
    body = _body(around, "point")
    factors, logarithm, relative = _Walk(body, own).volume(n)
    with np.errstate(over="ignore"):
        value = float(np.exp(logarithm))
    error = value * math.hypot(relative, body.error)
    per_item = torch.as_tensor(factors)
    return Estimate(value, error, n * len(factors), "walks", own.initial_seed(), "cpu", "float64", per_item)


class _Body(NamedTuple):
    """A polytope in coordinates in which it is round: normals (m, d) y + heights (m,) >= 0.

    Its volume is that in these coordinates, times e^logarithm, up to a relative error by rounding.
    """

    normals: Floats
    heights: Floats
    logarithm: float
    error: float

    def transformed(self, matrix: Floats) -> _Body:
        """In coordinates y of which matrix @ y are those here."""
        more = float(np.linalg.slogdet(matrix)[1])
        return self._replace(normals=self.normals @ matrix, logarithm=self.logarithm + more)


def _body(around: Surroundings, name: str) -> _Body:
    """The cell of the given point."""
    with np.errstate(all="ignore"):
        cell = around.first_cell()
    rows, error = cell.rows[cell.is_facet], cell.error[cell.is_facet]
    exponents = np.frexp(np.abs(rows[:, :-1]).max(axis=1, initial=0.0))[1][:, None]
    rows, error = np.ldexp(rows, -exponents), np.ldexp(error, -exponents)
    if not around.frame.chart.facets and not _is_bounded(rows):
        raise invalid(name, "lie in a bounded cell", "one that is not bounded")
    body = _about(cell.point, rows, error)
    if body is None:  # it is next to a side, perhaps
        body = _about(lp.largest_ball(-rows[:, :-1], rows[:, -1]).center, rows, error)
    if body is None:
        raise invalid(name, "lie in or have cells that floats lie well inside of", "one that is too thin")
    return body


def _about(point: Floats, rows: Floats, error: Floats) -> _Body | None:
    """What is on the positive side of rows, which are off by `error`, from a point in it on."""
    far = np.abs(point)
    heights = rows[:, :-1] @ point + rows[:, -1]
    size = np.abs(rows[:, :-1]) @ far + np.abs(rows[:, -1])
    doubt = error[:, 0] * far.sum() + error[:, 1] + (len(far) + 4) * UNIT * size
    return _centred(rows[:, :-1], heights, doubt) if (heights > 0).all() else None


def _is_bounded(rows: Floats) -> bool:
    d = rows.shape[1] - 1
    if not len(rows):
        return False
    goals = np.concatenate([np.eye(d), -np.eye(d)])
    sides, ends = np.repeat(-rows[None, :, :-1], 2 * d, axis=0), np.repeat(rows[None, :, -1], 2 * d, axis=0)
    return bool((np.asarray(lp.minimize(goals, sides, ends).status) == lp.Status.OPTIMAL).all())


def _centred(normals: Floats, heights: Floats, doubt: Floats) -> _Body | None:
    """About the analytic centre, with the Hessian of its barrier as the metric: the unit ball lies inside.

    Newton's method in coordinates that it makes anew in each step, so that no scale of the polytope matters (Boyd &
    Vandenberghe, Convex optimization, section 8.5.3). Heights off by `doubt` move sides by what is, as a share of the
    heights, the error of each of d lengths. None if floats do not get to the centre.
    """
    apart = np.where(normals == 0, np.iinfo(np.int32).min, np.frexp(normals)[1] - np.frexp(heights)[1][:, None])
    exponents = apart.max(axis=0)
    normals, doubt = np.ldexp(normals, -exponents) / heights[:, None], doubt / heights
    heights = np.ones(len(normals))
    d, logarithm, step = normals.shape[1], -math.log(2) * float(exponents.sum()), math.inf
    for _ in range(_NEWTON_STEPS):
        pull = normals / heights[:, None]
        hessian = pull.T @ pull
        if not (np.isfinite(hessian).all() and (heights > 0).all()):
            return None
        values, ways = np.linalg.eigh(hessian)
        values = np.maximum(values, UNIT**2 * values[-1])  # the rest of the way is for the next step
        matrix = ways / np.sqrt(values)
        logarithm -= float(np.log(values).sum()) / 2
        normals, pull = normals @ matrix, pull @ matrix
        if step < _NEAR:
            return _Body(normals, heights, logarithm, d * float((doubt / heights).max()))
        way = pull.sum(axis=0)
        step = float(np.linalg.norm(way))
        heights = heights * (1 + pull @ (way / (1 + step)))
    return None


def _log_volume(body: _Body, generator: torch.Generator) -> float:
    """By corners where these are few, or by short walks, so that the mean of one over the volume is right."""
    if body.normals.shape[1] <= _WITH_CORNERS:
        sides = np.column_stack([-body.normals, -body.heights])
        try:
            corners = HalfspaceIntersection(sides, np.zeros(body.normals.shape[1])).intersections
            return math.log(ConvexHull(corners).volume) + body.logarithm
        except QhullError:
            pass
    return _Walk(body, generator).volume(_POINTS_OF_A_CELL)[1]


class _Walk:
    """Independent random walks in a polytope, made round by the covariance of where they are."""

    def __init__(self, body: _Body, generator: torch.Generator) -> None:
        self._generator = generator
        d = body.normals.shape[1]
        self.body, self._x = body, np.zeros((_WALKERS, d))
        for _ in range(_ROUNDINGS):
            seen = []
            for _ in range(_BURN_IN):
                self._sweeps(1, 0.0)
                seen.append(self._x.copy())
            values, ways = np.linalg.eigh(np.cov(np.concatenate(seen).T).reshape(d, d))
            if values[-1] <= _SKEW * values[0]:
                break
            self.body = self.body.transformed(ways * np.sqrt(values))
            self._x = self._x @ ways / np.sqrt(values)
        self._nearest = self.body.heights / np.linalg.norm(self.body.normals, axis=1)

    def _sweeps(self, count: int, precision: float) -> Floats:
        """(count, walkers) squared distances from the centre after each."""
        shape, place = (count, *self._x.shape, 2), self._generator.device
        draws = torch.rand(shape, generator=self._generator, dtype=torch.float64, device=place).cpu().numpy()
        slack, squares = self.body.heights + self._x @ self.body.normals.T, np.empty(shape[:2])
        chains.sweep(np.ascontiguousarray(self.body.normals.T), slack, self._x, draws, precision, squares)
        return squares

    def volume(self, n: int) -> tuple[Floats, float, float]:
        """Factors of one over the volume, the logarithm of that, and its error.

        From the uniform distribution on to normal ones that are ever narrower, until one lies inside of the polytope:
        each factor is the mean of the ratio of two densities over points of the wider one (Cousins & Vempala, A
        practical volume algorithm, Mathematical Programming Computation 8, 2016, downhill). The error is that of the
        mean over walkers, and by how much the second half of their points differs from the first.
        """
        d, precision = self._x.shape[1], 0.0
        last = self._narrowest()
        size = max(2, 2 * -(-n // (2 * _WALKERS)))
        factors, halves = [], np.zeros((2, _WALKERS))
        while precision < last:
            pilot = self._sweeps(_BURN_IN, precision)[_BURN_IN // 2 :]
            more = min(last - precision, _step(pilot))
            weights = np.exp(-more * self._sweeps(size, precision))
            factors.append(float(weights.mean()))
            halves += weights.reshape(2, -1, _WALKERS).mean(axis=1) / factors[-1]
            precision += more
        logarithm = d / 2 * math.log(math.pi / last) - float(np.log(factors).sum()) + self.body.logarithm
        drift = halves[1] - halves[0]
        spread, drift_spread = (own.std(ddof=1) / math.sqrt(_WALKERS) for own in (halves.mean(axis=0), drift))
        beyond = max(0.0, abs(float(drift.mean())) - 2 * float(drift_spread))
        return np.array(factors), logarithm, math.hypot(float(spread), beyond)

    def _narrowest(self) -> float:
        """Precision of a normal distribution that has next to nothing outside of the polytope."""

        def outside(root: float) -> float:
            return float(erfc(self._nearest * root).sum()) / 2 - _OUTSIDE

        near = float(self._nearest.min())
        return float(brentq(outside, 1e-3 / near, 30 / near)) ** 2


def _step(squares: Floats) -> float:
    """By how much to raise the precision for the weights to vary as much as they are large."""

    def varied(power: float) -> float:
        weights = np.exp(-(2.0**power) * (squares - squares.min()))
        return float(weights.var() / weights.mean() ** 2) - 1.0

    scale = -math.log2(float(squares.std()))
    return 2.0 ** float(brentq(varied, scale - 8, scale + 12)) if varied(scale + 12) > 0 else math.inf
