"""Whole rows of pre-activations: their proven signs, activations, and how the error bounds pass to the next layer."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ._jit import loop
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
    SIGMA2,
    SIGMAI,
    SLACK,
    SW,
    TINY,
    UNIT,
    WEIGHT,
    ZN,
    G,
)
from .mesh import Cut
from .signs import none_positive, set_zeros, unit_value, vanishes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


class Signed(Protocol):
    """What a `Mesh` and a `Chain` have in common."""

    @property
    def positive(self) -> Words:
        """(V, words) packed positive signs."""

    @property
    def negative(self) -> Words:
        """(V, words) packed negative signs."""

    @property
    def z(self) -> Floats:
        """(V, n) rows."""

    @property
    def vertex(self) -> Floats:
        """(V, VERTEX_COLUMNS) error bounds."""


@loop
def classify(mesh: Signed, n: int, neuron: Ints, threshold: Floats, plain: bool, open_v: Ints, open_k: Ints) -> int:
    """Pack the proven signs of z[v, neuron[k]] - threshold[k] for the first n vertices.

    Lists the others and returns their number.

    If the number exceeds the room of `open_v`, only the first are listed: enlarge and call again.
    """
    positive = mesh.positive
    negative = mesh.negative
    m = neuron.shape[0]
    count = 0
    for v in range(n):
        e = mesh.vertex[v, ERR]
        row = mesh.z[v]
        for w in range(positive.shape[1]):
            k0 = 64 * w
            k1 = min(m, k0 + 64)
            above = np.uint64(0)
            below = np.uint64(0)
            if plain:
                for k in range(k0, k1):
                    above |= np.uint64(row[k] > e) << np.uint64(k - k0)
                    below |= np.uint64(row[k] < -e) << np.uint64(k - k0)
            else:
                for k in range(k0, k1):
                    value = row[neuron[k]] - threshold[k] * mesh.vertex[v, WEIGHT]
                    above |= np.uint64(value > e) << np.uint64(k - k0)
                    below |= np.uint64(value < -e) << np.uint64(k - k0)
            positive[v, w] = above
            negative[v, w] = below
            full = ~np.uint64(0)
            if k1 - k0 < 64:
                full = (np.uint64(1) << np.uint64(k1 - k0)) - np.uint64(1)
            unproven = full & ~(above | below)
            if unproven:
                for k in range(k0, k1):
                    if (unproven >> np.uint64(k - k0)) & np.uint64(1):
                        if e == 0.0 and row[neuron[k]] == threshold[k] * mesh.vertex[v, WEIGHT]:
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
            set_zeros(mesh.positive, mesh.negative, mesh.z, mesh.vertex, cut.neuron, cut.threshold, open_v[q])


@loop
def activate(mesh: Signed, cut: Cut, n: int, lipschitz: float, norms: Floats, columns: Ints, out: Floats) -> None:
    """Activations of the first n rows, with G and NH for the product that follows.

    Only those in `columns` are written, (n, len(columns) + 1); the others must be zero at all of these vertices. The
    last column is what the bias is multiplied by.
    """
    last = columns.shape[0]
    for v in range(n):
        total = 1.0
        mesh.vertex[v, NEXT_GRAIN] = np.nan
        out[v, last] = mesh.vertex[v, WEIGHT]
        if cut.is_relu:
            for q in range(last):
                i = columns[q]
                h = 0.0
                if (mesh.positive[v, i >> 6] >> np.uint64(i & 63)) & np.uint64(1):
                    h = mesh.z[v, i]
                out[v, q] = h
                total += h * h
        else:
            for q in range(last):
                i = columns[q]
                h = unit_value(mesh.positive, mesh.negative, mesh.z, mesh.vertex, cut, v, i)
                out[v, q] = h
                size = 2.0 * lipschitz * abs(mesh.z[v, i]) + abs(h)  # bounds |slope z| + |intercept|
                total += size * size
        if (
            none_positive(mesh.positive, v)
            if cut.is_relu
            else vanishes(mesh.positive, mesh.negative, mesh.vertex, cut, v)
        ):
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


@loop
def advance_edges(edge: Floats, n_edges: int, lipschitz: float, norms: Floats) -> None:
    """The same for the displacements of edges."""
    for e in range(n_edges):
        s = edge[e, SIGMA2] * lipschitz * SLACK
        edge[e, SIGMA2] = norms[SW] * s
        edge[e, SIGMAI] = norms[RW] * s
