"""A new vertex on an edge, and the next layer's row there, in complexes of any dimension."""

from __future__ import annotations

import numpy as np

from ._jit import scalar, section
from .bounds import NH, SLACK, UNIT, G
from .combine import subtract_kinks
from .instructions import lowest_bit
from .mesh import Cut, Rowed, Scratch
from .signs import opposite, vanishes


@scalar
def weight_of_end(za: float, zb: float) -> float:
    """Weight of end b in the point of an edge where a value vanishes that is za and zb at the ends; 0 for NaN."""
    cb = za / (za - zb)
    if not cb >= 0.0:
        return 0.0
    return min(cb, 1.0)


@section
def next_row(mesh: Rowed, cut: Cut, a: int, b: int, v: int, ca: float, cb: float, scratch: Scratch) -> None:
    """Row of the next layer at v: interpolate between the ends, subtract what each unit that bends in between adds.

    A bend at the threshold of hyperplane k contributes bend[k] * max(z - threshold, 0) to its unit.
    """
    row = mesh.z_next
    n_next = row.shape[1]
    if n_next == 0:
        return
    if vanishes(mesh.positive, mesh.negative, mesh.vertex, cut, v):
        for i in range(n_next):
            row[v, i] = cut.bias[i]
        mesh.vertex[v, G] = 0.0
        mesh.vertex[v, NH] = 1.0
        return
    kinks = 0
    total = 0.0
    for w in range(mesh.positive.shape[1]):
        pa = mesh.positive[a, w]
        cross = opposite(mesh.positive, mesh.negative, a, b, w)
        while cross:
            bit = lowest_bit(cross)
            mask = np.uint64(1) << np.uint64(bit)
            cross &= ~mask
            k = w * 64 + bit
            i = cut.column[k]
            if pa & mask:
                c = ca * (mesh.z[a, i] - cut.threshold[k])
            else:
                c = cb * (mesh.z[b, i] - cut.threshold[k])
            if mesh.positive[v, w] & mask:
                c -= mesh.z[v, i] - cut.threshold[k]
            c *= cut.bend[k]
            total += c * c
            scratch.unit[kinks] = cut.neuron[k]
            scratch.change[kinks] = c
            kinks += 1
    subtract_kinks(row, v, a, b, ca, cb, cut.weight_t, scratch.unit, scratch.change, kinks)
    # The partial sums belong to vectors whose entries lie between the interpolated activations and those at v. The
    # interpolated ones of a ReLU are the larger ones, as it is convex.
    size = max(mesh.vertex[a, NH], mesh.vertex[b, NH])
    if not cut.is_relu:
        size += np.sqrt(total) * SLACK
    mesh.vertex[v, G] = max(mesh.vertex[a, G], mesh.vertex[b, G]) + 2.0 * (kinks + 8) * UNIT * size
    mesh.vertex[v, NH] = size
