"""Means of the norm of the Jacobian over a domain: a sum over the cells, or integrals of smooth functions on them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import factorial
from sys import float_info
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_jacobi

from linear_regions.errors import BudgetExceeded, invalid
from linear_regions.geometry import SLACK, TINY, UNIT, LineComplex, PlaneComplex
from linear_regions.kernels import softmax
from linear_regions.metric import lengths
from linear_regions.network.cast import is_one_of, real
from linear_regions.solid_complex import SolidComplex

from .maps import gradients, one_chart
from .residuals import output_bounds

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RUN = 1 << 10  # simplices of a call, so that it can be interrupted
_MOST_PARTS = 1 << 23  # of all simplices
_ROUGH = 1e-2  # tolerance to begin with


class Mean(NamedTuple):
    """A mean over the domain, and a proven bound of its error."""

    value: float
    error: float


def checked(output: Literal["logits", "softmax"], tolerance: float) -> tuple[Literal["logits", "softmax"], float]:
    """What users pass, if it is what is asked for."""
    if not is_one_of(output, "logits", "softmax"):
        raise invalid("output", 'be "logits" or "softmax"', repr(output))
    if not 0 < real(tolerance) < 1:
        raise invalid("tolerance", "be above 0 and below 1", repr(tolerance))
    return output, real(tolerance)


def mean_jacobian_norm(regions: Regions, output: Literal["logits", "softmax"], tolerance: float) -> Mean:
    """See `Regions.mean_jacobian_norm`."""
    if not float_info.min <= regions.volumes.sum() <= float_info.max:
        rule = "be bounded, with a volume in the range of float64, for a mean over it"
        raise invalid("domain", rule, repr(regions.domain))
    if output == "logits":
        return _of_logits(regions)
    if regions.network.n_outputs < 2:
        raise invalid("network", "have two outputs or more for a softmax", regions.network.n_outputs)
    one_chart(regions)
    return _of_softmax(regions, tolerance)


def _matrices(regions: Regions) -> Iterator[tuple[Floats, Floats]]:
    """The matrices of the network's maps of inputs, for runs of cells, and bounds of the errors of their entries.

    A product of matrices is off by gamma_n times the product of the absolute matrices, n the length of all its sums.
    """
    every = np.arange(len(regions))
    runs = (
        gradients(regions.network, regions.program, regions.packed_patterns, every, of) for of in (np.asarray, np.abs)
    )
    terms = sum(layer.affine.weight.shape[0] + 4 for layer in regions.network.layers)
    for matrices, sizes in zip(*runs, strict=True):
        yield matrices, 2 * terms * UNIT * sizes + TINY


def _of_logits(regions: Regions) -> Mean:
    norms, errors = [], []
    for matrices, bounds in _matrices(regions):
        norm, rounding = lengths(matrices.reshape(len(matrices), -1))
        norms.append(norm)
        errors.append(rounding + lengths(bounds.reshape(len(bounds), -1))[0])
    return _mean(regions.volumes, regions.volume_errors, np.concatenate(norms), np.concatenate(errors))


def _mean(volume: Floats, volume_error: Floats, value: Floats, error: Floats) -> Mean:
    """The mean of values on parts of the domain, from their volumes."""
    whole = float(volume.sum())
    total = float(value @ volume)
    doubt = float(error @ (volume + volume_error) + value @ volume_error)
    spread = (float(volume_error.sum()) / whole + 4 * len(volume) * UNIT) * SLACK
    mean = total / whole
    return Mean(mean, (doubt / whole + mean * spread) * (1 + 2 * spread) * SLACK + TINY)


class _Softmax(NamedTuple):
    """What the norms of the Jacobian of probabilities are functions of."""

    cell: Ints  # (S,) the cell of each simplex
    logits: Floats  # (S, d + 1, n) at its corners
    slip: Floats  # (S,) bounds of their errors
    volume: Floats  # (S,)
    volume_error: Floats  # (S,)
    rows: Floats  # (C, n, r) the matrix on each cell, in a basis of what its rows span, in a unit
    reach: Floats  # (C,) bounds of the distances between rows
    doubt: Floats  # (C,) bounds of the errors of the differences of rows
    unit: Floats  # (C,) powers of two


def _of_softmax(regions: Regions, tolerance: float) -> Mean:
    """Roughly first, for an idea of what error is small enough."""
    own = _softmax(regions)
    aim = float(own.volume / own.volume.sum() * own.unit[own.cell] @ own.reach[own.cell])
    while True:
        mean = _about(own, max(tolerance, _ROUGH), aim, regions)
        lower, upper = mean.value - mean.error, mean.value + mean.error
        if lower > mean.error or upper > aim / 2:  # it is known well enough, or rounding is what is left
            return _about(own, tolerance, max(lower, upper / 64), regions)
        aim = upper


def _about(own: _Softmax, tolerance: float, aim: float, regions: Regions) -> Mean:
    """The mean over the domain, which may be off by the tolerance times the larger one of itself and of `aim`."""
    unit, doubt = own.unit[own.cell], own.doubt[own.cell]
    goal, found = tolerance * aim / 2 / unit, np.empty((len(unit), 3))
    if not on_simplices(own.logits, own.slip, own.rows, own.cell, own.reach, goal, tolerance / 2, found):
        rule = f"be so large that {_MOST_PARTS:,} parts of cells are enough"
        raise BudgetExceeded(f"tolerance must {rule}, got {tolerance}", regions.per_layer.tolist())
    error = found[:, softmax.ERROR] + found[:, softmax.MIXED] * doubt
    return _mean(own.volume, own.volume_error, found[:, softmax.VALUE] * unit, error * unit)


def on_simplices(
    logits: Floats, slip: Floats, rows: Floats, cell: Ints, reach: Floats, goal: Floats, relative: float, result: Floats
) -> bool:
    """As `kernels.softmax.mean_norms`; whether there were not too many parts."""
    d = logits.shape[1] - 1
    nodes, weights = rules(d)
    room = _room(d, logits.shape[2])
    left = _MOST_PARTS
    for first in range(0, len(logits), _RUN):
        run = slice(first, first + _RUN)
        parts = softmax.mean_norms(
            logits[run], slip[run], rows, cell[run], reach, goal[run], relative, nodes, weights,
            float(softmax.MOST_POINTS * 10 ** (d - 1)), left, room, result[run],
        )  # fmt: skip
        if parts == softmax.TOO_MANY:
            return False
        left -= parts
    return True


def _room(d: int, n: int) -> softmax.Room:
    return softmax.Room(
        z=np.empty((softmax.STACK, d + 1, n)), share=np.empty(softmax.STACK), slip=np.empty((softmax.STACK, n)),
        thin=np.empty(softmax.STACK, np.bool_), kept=np.empty(n, np.int64), bound=np.empty(n),
        order=np.empty(d + 1, np.int64), points=np.empty(d, np.int64), at=np.empty(d, np.int64), place=np.empty(d + 1),
        value=np.empty(n), matrix=np.empty((d, d + 1)), weight=np.empty(d + 1), new=np.empty((2, n)),
    )  # fmt: skip


@cache
def rules(d: int) -> tuple[Floats, Floats]:
    """Gauss-Jacobi rules for the weights (k + 1) (1 - s)^k, k < d, on [0, 1], with up to so many points."""
    most = softmax.MOST_POINTS
    nodes, weights = np.zeros((2, d, most + 1, most))
    for k in range(d):
        for m in range(1, most + 1):
            x, w = roots_jacobi(m, k, 0)
            nodes[k, m, :m], weights[k, m, :m] = (x + 1) / 2, w / w.sum()
    return nodes, weights


def _softmax(regions: Regions) -> _Softmax:
    g, network = regions.geometry, regions.network
    cell, corner = _simplices(regions)
    with np.errstate(all="ignore"):  # what is not finite is taken for unknown
        outputs = network(regions.domain.embed(g.vertex_coordinates))
        off = output_bounds(regions, g.vertex_coordinates, g.error)
    rows, reach, doubt, unit = (np.concatenate(column) for column in zip(*map(_scaled, _matrices(regions))))
    slip = np.where(np.isfinite(off), off, np.inf)[corner].max(axis=1)
    volume, volume_error = _volumes(g.vertex_coordinates[corner], g.error[corner])
    return _Softmax(cell, outputs[corner], slip, volume, volume_error, rows, reach, doubt, unit)


def _scaled(run: tuple[Floats, Floats]) -> tuple[Floats, Floats, Floats, Floats]:
    """Differences of rows of matrices from the first ones, in a unit, in a basis of what they span."""
    matrices, bounds = run
    exponent = np.frexp(np.abs(matrices).max(axis=(1, 2), initial=0.0))[1]
    rows = np.ldexp(matrices, -exponent[:, None, None])
    rows = rows - rows[:, :1]
    c, n, r = rows.shape
    rounding = 2 * UNIT * np.sqrt(r) + np.zeros(c)
    if r > n:
        rounding += 32 * n * r * UNIT
        rows = np.ascontiguousarray(np.asarray(np.linalg.qr(rows.swapaxes(1, 2), mode="r")).swapaxes(1, 2))
    reach = 2 * np.sqrt(np.sum(rows * rows, axis=2)).max(axis=1) * SLACK
    off = np.sqrt(np.sum(np.ldexp(bounds, -exponent[:, None, None]) ** 2, axis=2)).max(axis=1)
    return rows, reach, 2 * (off + rounding * (1 + reach)) * SLACK, np.ldexp(1.0, exponent)


def _volumes(simplices: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Volumes of simplices (S, d + 1, d), and bounds of their errors: from those of the corners, and of elimination."""
    d = simplices.shape[2]
    rays = simplices[:, 1:] - simplices[:, :1]
    volume = np.abs(np.linalg.det(rays)) / factorial(d)
    long, moved = np.linalg.norm(rays, axis=2), error[:, 1:] + error[:, :1]
    product = np.prod(long, axis=1)
    grown = np.prod(long * (1 + 4 * UNIT) + moved, axis=1) - product
    return volume, (grown + 16 * d**3 * 2**d * UNIT * product) / factorial(d) * SLACK + TINY


def _simplices(regions: Regions) -> tuple[Ints, Ints]:
    """The cell of each of the simplices that make up the cells, and its corners (S, d + 1), vertices."""
    g = regions.geometry
    if isinstance(g, LineComplex):
        return np.arange(len(regions)), g.cell_vertices.reshape(-1, 2)
    if isinstance(g, PlaneComplex):
        number = np.diff(g.cell_offsets) - 2
        cell = np.repeat(np.arange(len(regions)), number)
        place = np.arange(len(cell)) - np.repeat(np.cumsum(number) - number, number) + 1
        corner = g.cell_offsets[cell][:, None] + np.stack([np.zeros_like(place), place, place + 1], axis=1)
        return cell, g.cell_vertices[corner]
    assert isinstance(g, SolidComplex)
    parts = [g.simplices(c) for c in range(len(regions))]
    return np.repeat(np.arange(len(parts)), [len(p) for p in parts]), np.concatenate(parts)
