"""Vertices whose error bound came out large, placed again from rational arithmetic.

Bounds grow with depth, and where hyperplanes cross at a tiny angle float64 does lose a vertex. The cells do not depend
on coordinates, but volumes, lengths and distances do.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .geometry import UNIT, Geometry, LineComplex, PlaneComplex, SolidComplex
from .measures.exactly import exact_breakpoint, exact_place

if TYPE_CHECKING:
    from .cells import Cells

LIMIT = 2.0**-20  # of the size of the domain
MOST = 4096  # at a few milliseconds each


def sharpened(regions: Cells) -> Geometry:
    """The complex of some regions with the vertices of the largest errors rounded from exact ones.

    Those whose error bound exceeds 2^-20 of the domain's extent, at most 4096 of them, the worst first.
    """
    g = regions.coarse
    finite = g.vertex_coordinates[np.isfinite(g.vertex_coordinates).all(axis=1)]
    extent = float(np.ptp(finite, axis=0).max()) if len(finite) else 0.0
    worst = np.argsort(-g.error, kind="stable")[:MOST]
    worst = np.sort(worst[g.error[worst] > LIMIT * extent])
    if not len(worst):
        return g
    error = g.error.copy()
    if isinstance(g, LineComplex):
        t = g.t.copy()
        for v in worst.tolist():
            place = exact_breakpoint(regions, v, g)
            if isinstance(place, Fraction):
                near, error[v] = _rounded([place])
                t[v] = near[0]
        return replace(g, t=t, error=error)
    x = g.x.copy()
    for v, at in zip(worst.tolist(), _corners(g)[worst].tolist()):
        cell = int(np.searchsorted(g.cell_offsets, at, side="right")) - 1
        x[v], error[v] = _rounded(exact_place(regions, cell, at - int(g.cell_offsets[cell])))
    return replace(g, x=x, error=error)


def _corners(g: PlaneComplex | SolidComplex) -> NDArray[np.int64]:
    """(V,) position of a corner at each vertex in the flat arrays."""
    corners = np.empty(len(g.x), np.int64)
    corners[g.cell_vertices[::-1]] = np.arange(len(g.cell_vertices))[::-1]
    return corners


def _rounded(point: list[Fraction]) -> tuple[NDArray[np.float64], float]:
    """The nearest floats and a bound of their distance."""
    near = np.array([float(v) for v in point])
    if all(Fraction(v) == p for v, p in zip(near.tolist(), point)):
        return near, 0.0
    return near, float(np.abs(near).sum()) * UNIT * 1.001 + 2.0**-1000
