"""Whole rows of pre-activations: their proven signs, activations, and how the error bounds pass to the next layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._jit import loop, scalar
from .bounds import (
    BN,
    ERR,
    ETA2,
    ETAI,
    GAMMA,
    GRAIN,
    GRAIN_W,
    NEXT_GRAIN,
    NH,
    RB,
    RBF,
    RW,
    S2,
    SI,
    SLACK,
    SW,
    TINY,
    UNIT,
    WEIGHT,
    ZN,
    G,
)
from .combine import rectify, squares, take
from .instructions import count_bits, eight_above, eight_below
from .mesh import Cut, Signed
from .signs import set_zeros, unit_value, vanishes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


@scalar
def plain_word(z: Floats, v: int, w: int, error: float) -> tuple[np.uint64, np.uint64]:
    """The signs of the values z[v, 64 w], ... that exceed the error."""
    above = np.uint64(0)
    below = np.uint64(0)
    k = 64 * w
    k1 = min(z.shape[1], k + 64)
    while k + 8 <= k1:
        above |= eight_above(z, v, k, error) << np.uint64(k & 63)
        below |= eight_below(z, v, k, -error) << np.uint64(k & 63)
        k += 8
    while k < k1:
        above |= np.uint64(z[v, k] > error) << np.uint64(k & 63)
        below |= np.uint64(z[v, k] < -error) << np.uint64(k & 63)
        k += 1
    return above, below


@scalar
def word(z: Floats, v: int, w: int, error: float, weight: float, cut: Cut) -> tuple[np.uint64, np.uint64]:
    """The signs of the hyperplanes of word w whose values exceed the error."""
    above = np.uint64(0)
    below = np.uint64(0)
    for k in range(64 * w, min(cut.neuron.shape[0], 64 * w + 64)):
        value = z[v, cut.neuron[k]] - cut.threshold[k] * weight
        above |= np.uint64(value > error) << np.uint64(k & 63)
        below |= np.uint64(value < -error) << np.uint64(k & 63)
    return above, below


@loop
def classify(
    mesh: Signed, cut: Cut, n: int, plain: bool, always: Words, never: Words, open_v: Ints, open_k: Ints
) -> int:
    """Pack the proven signs of z[v, neuron[k]] - threshold[k] for the first n vertices.

    Lists the others and returns their number. If it exceeds the room of `open_v`, only the first are listed: enlarge
    and call again. `plain` says that hyperplane k is z[k] = 0. `always` and `never`, (words,), become the bits of the
    hyperplanes whose values prove them positive, or negative, at all of the vertices.
    """
    m = cut.neuron.shape[0]
    always[:] = ~np.uint64(0)
    never[:] = ~np.uint64(0)
    count = 0
    for v in range(n):
        e = mesh.vertex[v, ERR]
        weight = mesh.vertex[v, WEIGHT]
        for w in range(mesh.positive.shape[1]):
            above, below = plain_word(mesh.z, v, w, e) if plain else word(mesh.z, v, w, e, weight, cut)
            mesh.positive[v, w] = above
            mesh.negative[v, w] = below
            always[w] &= above
            never[w] &= below
            if count_bits(above | below) == min(64, m - 64 * w):
                continue
            for k in range(64 * w, min(m, 64 * w + 64)):
                if ((above | below) >> np.uint64(k & 63)) & np.uint64(1):
                    continue
                if e == 0.0 and mesh.z[v, cut.neuron[k]] == cut.threshold[k] * weight:
                    continue  # an exact zero, proven
                if count < open_v.shape[0]:
                    open_v[count] = v
                    open_k[count] = k
                count += 1
    return count


@loop
def put_signs(mesh: Signed, cut: Cut, open_v: Ints, open_k: Ints, signs: Ints) -> None:
    """Enter signs that were settled elsewhere."""
    for q in range(open_v.shape[0]):
        v = open_v[q]
        w = open_k[q] >> 6
        bit = np.uint64(1) << np.uint64(open_k[q] & 63)
        if signs[q] > 0:
            mesh.positive[v, w] |= bit
        elif signs[q] < 0:
            mesh.negative[v, w] |= bit

    for q in range(open_v.shape[0]):
        if signs[q] == 0:
            set_zeros(mesh.positive, mesh.negative, mesh.z, mesh.vertex, cut.column, cut.threshold, open_v[q])


@scalar
def narrow(z: Floats, n: int, columns: Ints, out: Floats) -> None:
    """Keep some columns of the first n rows, which are ascending; `out` may begin where z begins."""
    for v in range(n):
        take(z, v, columns, 0, out, v)


@loop
def activate(
    mesh: Signed, cut: Cut, n: int, lipschitz: float, norms: Floats, mixed: Words, on: Ints, out: Floats
) -> None:
    """Activations of the first n rows, with G and NH for the product that follows.

    A layer of ReLUs has a column for each neuron in `mixed`, then one for each in `on`, which are positive everywhere;
    the others must be negative everywhere. Other layers have a column for each neuron. The last column is what the
    bias is multiplied by.
    """
    last = out.shape[1] - 1
    for v in range(n):
        mesh.vertex[v, NEXT_GRAIN] = np.nan
        out[v, last] = mesh.vertex[v, WEIGHT]
        if cut.is_relu:
            rectify(mesh.z, mesh.positive, v, mixed, out)
            take(mesh.z, v, on, mixed.shape[0], out, v)
            total = 1.0 + squares(out, v, last)
        else:
            total = 1.0
            for i in range(last):
                h = unit_value(mesh.positive, mesh.negative, mesh.z, mesh.vertex, cut, v, i)
                out[v, i] = h
                size = 2.0 * lipschitz * abs(mesh.z[v, i]) + abs(h)  # bounds |slope z| + |intercept|
                total += size * size
        if vanishes(mesh.positive, mesh.negative, mesh.vertex, cut, v):
            mesh.vertex[v, NH] = 1.0
            mesh.vertex[v, G] = 0.0
            if mesh.vertex[v, GRAIN] <= 0.0:
                mesh.vertex[v, NEXT_GRAIN] = norms[GRAIN_W]
        else:
            nh = np.sqrt(total) * SLACK
            mesh.vertex[v, NH] = nh
            mesh.vertex[v, G] = norms[GAMMA] * nh
            grain = norms[GRAIN_W] + min(mesh.vertex[v, GRAIN], 0.0)
            if (
                cut.is_relu and grain > -900.0 and norms[RB] * nh < 2.0 ** (53.0 + grain)
            ):  # every partial sum is a float; false for NaN
                mesh.vertex[v, G] = 0.0
                mesh.vertex[v, NEXT_GRAIN] = grain


@loop
def advance(vertex: Floats, n_vertices: int, is_relu: bool, lipschitz: float, norms: Floats) -> None:
    """Error bounds of z become those of the next layer's z."""
    for v in range(n_vertices):
        b = vertex[v]
        rounding = 0.0
        if not is_relu:
            rounding = 8.0 * UNIT * b[NH]
        eh = lipschitz * b[ETA2] + rounding
        sh = lipschitz * b[S2]
        g = b[G]
        underflow = TINY if g > 0.0 else 0.0
        b[ETA2] = (norms[SW] * eh + norms[RBF] * g) * SLACK + underflow
        b[ETAI] = (norms[RW] * eh + norms[RB] * g) * SLACK + underflow
        b[S2] = norms[SW] * sh * SLACK
        b[SI] = norms[RW] * sh * SLACK
        b[ERR] = (b[ETAI] + b[SI]) * SLACK
        if g == 0.0:  # the row is the bias, exactly
            b[ERR] = 0.0
        b[GRAIN] = b[NEXT_GRAIN]
        b[ZN] = (norms[SW] * b[NH] + norms[BN]) * SLACK + b[ETA2]
