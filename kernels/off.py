"""How far the vertices of a polytope lie from the planes of the faces that they belong to.

The error model is that of `bounds`. There an edge carries how far its points lie from its exact line; here a vertex
carries, for each k below d, how far it lies at most from the planes of the k-faces with it. For a vertex on an edge
these are the larger ones of the edge's ends, as distance is convex. On the faces that the vertex's own hyperplane
cuts out of larger ones, it lies as far off as on those, and along the edge until the hyperplane's value vanishes. So
no distance compounds from vertex to vertex, only from dimension to dimension.
"""

from __future__ import annotations

import numpy as np

from ._jit import scalar
from .bounds import (
    DX,
    ERR,
    ETA2,
    ETAI,
    GRAIN,
    LEAST,
    NEXT_GRAIN,
    REACH_TINY,
    RW,
    S2,
    SI,
    SLACK,
    SW,
    TINY,
    UNIT,
    WEIGHT,
    XR,
    ZN,
)  # fmt: skip
from .mesh import Floats

# columns of the table
OFF2 = 0  # in values, 2-norm
OFFI = 1  # in values, largest entry
OFFX = 2  # in coordinates
OFF_COLUMNS = 3


@scalar
def new_bounds(vertex: Floats, off: Floats, v: int, a: int, b: int, square: float, fourth: float, length: float,
               za: float, span: float, size: float) -> None:  # fmt: skip
    """Error bounds of the vertex v on the edge (a, b), see above."""
    t = vertex
    eta = max(t[a, ETAI], t[b, ETAI])
    eta_2 = max(t[a, ETA2], t[b, ETA2])
    s_i = max(t[a, SI], t[b, SI])
    s_2 = max(t[a, S2], t[b, S2])
    zn = max(t[a, ZN], t[b, ZN])
    rounding = 4.0 * UNIT * zn
    residual = eta + 8.0 * UNIT * abs(za) + rounding
    rise = abs(span) * (1.0 - 4.0 * UNIT) - 2.0 * (eta + s_i)
    # the fourth root bounds the largest entry, more closely than the 2-norm does
    reach_2 = (np.sqrt(square) + 2.0 * (eta_2 + s_2)) * SLACK + REACH_TINY
    reach_i = (np.sqrt(np.sqrt(fourth)) + 2.0 * (eta + s_i)) * SLACK + REACH_TINY
    reach_x = (length + 2.0 * max(t[a, DX], t[b, DX])) * SLACK
    d = off.shape[1]
    far_2 = 0.0
    far_i = 0.0
    far_x = 0.0
    for step in range(d):
        k = d - 1 - step
        part = np.inf
        if rise > 0.0:
            part = (residual + far_i) / rise * SLACK
        # k-faces within the hyperplane, from the faces of one dimension more that it cuts; and k-faces with the edge
        now_2 = far_2 + part * reach_2
        now_i = far_i + part * reach_i
        now_x = far_x + part * reach_x
        far_2 = max(off[a, k, OFF2], off[b, k, OFF2])
        far_i = max(off[a, k, OFFI], off[b, k, OFFI])
        far_x = max(off[a, k, OFFX], off[b, k, OFFX])
        if k > 0:
            now_2 = max(now_2, far_2)
            now_i = max(now_i, far_i)
            now_x = max(now_x, far_x)
        elif rise > 0.0:
            # or along the line through the displaced ends
            part = min(1.0, (residual + s_i) / rise * SLACK)
            now_2 = min(now_2, s_2 + part * reach_2)
            now_i = min(now_i, s_i + part * reach_i)
            now_x = min(now_x, far_x + part * reach_x)
        else:
            now_2 = min(now_2, s_2 + reach_2)
            now_i = min(now_i, s_i + reach_i)
            now_x = min(now_x, far_x + reach_x)
        off[v, k, OFF2] = now_2 * SLACK
        off[v, k, OFFI] = now_i * SLACK
        off[v, k, OFFX] = now_x * SLACK
    xr = max(t[a, XR], t[b, XR]) + 8.0 * UNIT * size + LEAST
    t[v, ETA2] = eta_2 + rounding
    t[v, ETAI] = eta + rounding
    t[v, S2] = off[v, 0, OFF2]
    t[v, SI] = off[v, 0, OFFI]
    t[v, ERR] = (eta + rounding + t[v, SI]) * SLACK + TINY
    t[v, ZN] = zn
    t[v, DX] = (off[v, 0, OFFX] + xr) * SLACK
    t[v, XR] = xr
    t[v, WEIGHT] = 1.0
    t[v, GRAIN] = np.nan
    t[v, NEXT_GRAIN] = np.nan


@scalar
def lie_on_new_faces(off: Floats, v: int) -> None:
    """A vertex through which a hyperplane goes lies on faces that it did not: it is as far from them as from itself."""
    for k in range(1, off.shape[1]):
        for c in range(off.shape[2]):
            off[v, k, c] = max(off[v, k, c], off[v, 0, c])


@scalar
def advance_off(off: Floats, n_vertices: int, lipschitz: float, norms: Floats) -> None:
    """Distances from the planes of faces, passed on to the next layer's rows."""
    for v in range(n_vertices):
        for k in range(off.shape[1]):
            s = off[v, k, OFF2] * lipschitz * SLACK
            off[v, k, OFF2] = norms[SW] * s * SLACK
            off[v, k, OFFI] = norms[RW] * s * SLACK
