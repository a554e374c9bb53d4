"""Means of the norm of the Jacobian over a domain: a sum over the cells, or integrals of smooth functions on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from linear_regions.errors import invalid
from linear_regions.geometry import LineComplex, PlaneComplex
from linear_regions.measures.maps import gradients
from linear_regions.network.cast import is_one_of
from linear_regions.solid_complex import SolidComplex

if TYPE_CHECKING:
    from linear_regions.cells import Cells
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Function = Callable[[Ints, Floats], Floats]

_CHUNK_BYTES = 1 << 25
_POINTS = 6, 4  # along each direction of a simplex, of a rule and of one that it is compared with
_TOLERANCE = 1e-8  # of the integral
_MOST_SIMPLICES = 1 << 17  # that are halved at a time
_MOST_ROUNDS = 100


def mean_jacobian_norm(regions: Regions, output: Literal["logits", "softmax"]) -> float:
    """See `Regions.mean_jacobian_norm`."""
    if not is_one_of(output, "logits", "softmax"):
        raise invalid("output", 'be "logits" or "softmax"', repr(output))
    if not np.isfinite(regions.volumes).all():
        raise invalid("domain", "be bounded, for a mean over it", repr(regions.domain))
    if output == "logits":
        return float(_over_cells(regions, _norm) @ regions.volumes / regions.volumes.sum())
    if regions.network.n_outputs < 2:
        raise invalid("network", "have two outputs or more for a softmax", regions.network.n_outputs)
    cell, simplices = _simplices(regions)
    triangles, maps = _over_cells(regions, _triangles), regions.affine_maps

    def logits(own: Ints, t: Floats) -> Floats:
        return t @ maps.A[own].swapaxes(1, 2) + maps.b[own][:, None]

    def norms(own: Ints, t: Floats) -> Floats:
        z = logits(own, t)
        p = np.exp(z - z.max(axis=2, keepdims=True))
        p /= p.sum(axis=2, keepdims=True)
        most = z.argmax(axis=2)[..., None]
        # row i is p_i (J_i - sum p_j J_j), the same less the row of the likeliest class, so that nothing cancels
        matrix = triangles[own][:, None] - np.take_along_axis(triangles[own][:, None], most[..., None], axis=2)
        softmax = p[..., None] * (matrix - (p[:, :, None] @ matrix))
        return np.asarray(np.sqrt(np.sum(softmax * softmax, axis=(2, 3))))

    rows = max(1, _CHUNK_BYTES // (8 * regions.network.n_outputs**2 * _POINTS[0] ** regions.dim))
    return _integral(norms, logits, cell, simplices, rows) / float(regions.volumes.sum())


def _norm(matrices: Floats) -> Floats:
    return np.asarray(np.sqrt(np.sum(matrices * matrices, axis=(1, 2))))


def _triangles(matrices: Floats) -> Floats:
    """Their rows in a basis of what they span, of the same lengths and angles."""
    return np.asarray(np.linalg.qr(matrices.swapaxes(1, 2), mode="r")).swapaxes(1, 2)


def _over_cells(regions: Cells, measure: Callable[[Floats], Floats]) -> Floats:
    """A measure of the matrix of the network's map of inputs, on each cell."""
    runs = gradients(regions.network, regions.program, regions.packed_patterns, np.arange(len(regions)))
    return np.concatenate([measure(matrices) for matrices in runs])


def _simplices(regions: Regions) -> tuple[Ints, Floats]:
    """Simplices (S, d + 1, d) that make up the cells, and the cell of each."""
    geometry = regions.geometry
    if isinstance(geometry, LineComplex):
        return np.arange(len(regions)), np.stack([geometry.t[:-1], geometry.t[1:]], axis=1)[:, :, None]
    if isinstance(geometry, PlaneComplex):
        offsets = geometry.cell_offsets
        number = np.diff(offsets) - 2
        cell = np.repeat(np.arange(len(regions)), number)
        place = np.arange(len(cell)) - np.repeat(np.cumsum(number) - number, number) + 1
        corner = offsets[cell][:, None] + np.stack([np.zeros_like(place), place, place + 1], axis=1)
        return cell, geometry.x[geometry.cell_vertices[corner]]
    assert isinstance(geometry, SolidComplex)
    parts = [geometry.simplices(c) for c in range(len(regions))]
    return np.repeat(np.arange(len(parts)), [len(p) for p in parts]), geometry.x[np.concatenate(parts)]


@cache
def _rule(d: int, n: int) -> tuple[Floats, Floats]:
    """Barycentric coordinates (Q, d + 1) and weights (Q,) of a rule for simplices.

    Gauss-Legendre with n points a direction, collapsed.
    """
    x, w = np.polynomial.legendre.leggauss(n)
    x, w = (x + 1) / 2, w / 2
    places, weights = np.zeros((1, 0)), np.ones(1)
    rest = np.ones(1)
    for k in range(d, 0, -1):  # a share of what is left, less likely to be large the more is still to be divided
        share = np.tile(x, len(rest))
        weights = np.repeat(weights, len(x)) * np.tile(w, len(rest)) * k * (1 - share) ** (k - 1)
        rest, places = np.repeat(rest, len(x)), np.repeat(places, len(x), axis=0)
        places, rest = np.column_stack([places, rest * share]), rest * (1 - share)
    return np.column_stack([places, rest]), weights


def _integral(integrand: Function, logits: Function, cell: Ints, simplices: Floats, rows: int) -> float:
    """Halve simplices until two rules agree on them, the worst ones where they become too many.

    The integrand is a function of logits: each simplex is halved where these change most along an edge.
    """
    d = simplices.shape[2]
    volume = np.abs(np.linalg.det(simplices[:, 1:] - simplices[:, :1])) / np.prod(np.arange(1, d + 1))
    whole, done = float(volume.sum()), 0.0
    for rounds in range(_MOST_ROUNDS):
        value, other = (_means(integrand, cell, simplices, rows, n) * volume for n in _POINTS)
        error = np.abs(value - other)
        worst = np.argsort(-error, kind="stable")[:_MOST_SIMPLICES]
        worst = worst[(error > _TOLERANCE * (done + value.sum()) * volume / whole)[worst]]
        if not len(worst) or rounds == _MOST_ROUNDS - 1:
            break
        done += float(value.sum() - value[worst].sum())
        simplices = _halved(simplices[worst], logits(cell[worst], simplices[worst]))
        cell, volume = np.tile(cell[worst], 2), np.tile(volume[worst] / 2, 2)
    return done + float(value.sum())


def _means(integrand: Function, cell: Ints, simplices: Floats, rows: int, n: int) -> Floats:
    """The mean of a function on each simplex, by a rule."""
    places, weights = _rule(simplices.shape[2], n)
    cuts = [slice(first, first + rows) for first in range(0, len(cell), rows)]
    return np.concatenate([integrand(cell[own], places @ simplices[own]) @ weights for own in cuts])


def _halved(simplices: Floats, logits: Floats) -> Floats:
    """Halves of simplices: the first ones, then the second ones."""
    s, k, d = simplices.shape
    a, b = np.triu_indices(k, 1)
    changes = np.ptp(logits[:, a] - logits[:, b], axis=2)
    most, here = changes.argmax(axis=1), np.arange(s)
    middle = (simplices[here, a[most]] + simplices[here, b[most]]) / 2
    halves = np.stack([simplices, simplices])
    halves[0, here, a[most]] = middle
    halves[1, here, b[most]] = middle
    return halves.reshape(2 * s, k, d)
