"""Vertices whose error bound came out large, placed again to a hundred bits, or from rational arithmetic.

Bounds grow with depth, and where hyperplanes cross at a tiny angle float64 does lose a vertex. The cells do not depend
on coordinates, but volumes, lengths and distances do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from .geometry import Geometry, LineComplex, PlaneComplex
from .settle import Settler
from .solid_complex import SolidComplex
from .space_complex import SpaceComplex

if TYPE_CHECKING:
    from .cells import Cells

_Complex = TypeVar("_Complex", bound=PlaneComplex | SolidComplex)
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

LIMIT = 2.0**-20  # of the size of the domain
SMALL = 2.0**-40
MOST = 4096  # at up to a few milliseconds each
BLOCK_LIMIT = 2.0**-12  # where cells are only summed up, which a few with large bounds would spoil


def sharpened(regions: Cells, g: Geometry) -> Geometry:
    """The complex of some regions with the vertices of the largest errors placed again.

    Those whose error bound exceeds 2^-20 of the domain's extent, at most 4096 of them, the worst first.
    """
    if isinstance(g, LineComplex):
        return _chain(regions, g)
    if isinstance(g, SpaceComplex):
        worst = _worst(g.parts.x, np.where(g.at_infinity, 0.0, g.parts.error))
        return replace(g, parts=_placed(g.parts, *worst, regions.settlers[0], lambda c: regions.words(int(g.whole[c]))))
    return _placed(g, *_worst(g.x, g.error), regions.settlers[0], regions.words)


def sharpened_block(cells: _Complex, settler: Settler, words: Callable[[int], list[Words]]) -> _Complex:
    """The cells of a block, with the signs of each: those vertices placed again that would spoil sums over all cells.

    Those whose error bound exceeds 2^-12 of the block's extent, at most 4096 of them, the worst first.
    """
    return _placed(cells, *_worst(cells.x, cells.error, BLOCK_LIMIT), settler, words)


def _placed(
    cells: _Complex, worst: NDArray[np.int64], enough: float, settler: Settler, words: Callable[[int], list[Words]]
) -> _Complex:
    """Cells with some vertices placed again."""
    if not len(worst):
        return cells
    error, x = cells.error.copy(), cells.x.copy()
    places = np.empty(len(x), np.int64)  # a corner at each vertex, in the flat arrays
    places[cells.cell_vertices[::-1]] = np.arange(len(cells.cell_vertices))[::-1]
    for v in worst.tolist():
        own = int(np.searchsorted(cells.cell_offsets, places[v], side="right")) - 1
        labels = cells.corner_labels(own)[places[v] - int(cells.cell_offsets[own])]
        x[v], error[v] = settler.near_vertex(labels, words(own), enough)
    return replace(cells, x=x, error=error)


def _chain(regions: Cells, g: LineComplex) -> LineComplex:
    worst, enough = _worst(g.vertex_coordinates, g.error)
    t, error = g.t.copy(), g.error.copy()
    for v in worst.tolist():
        if error[v] and not g.at_infinity[v]:
            words = regions.words(min(v, len(regions) - 1))
            near, error[v] = regions.settlers[int(g.piece[v])].near_vertex((int(g.label[v]),), words, enough)
            t[v] = near[0]
    return _ascending(replace(g, t=t, error=error) if len(worst) else g)


def _ascending(g: LineComplex) -> LineComplex:
    """The chain with no breakpoint before another one that it comes after, as their rounded places may be."""
    t = np.maximum.accumulate(g.t)
    moved = np.flatnonzero(t != g.t)
    if not len(moved):
        return g
    error = g.error.copy()
    with np.errstate(all="ignore"):
        error[moved] = np.nextafter(error[moved] + np.nextafter(t[moved] - g.t[moved], np.inf), np.inf)
    return replace(g, t=t, error=error)


def _worst(x: Floats, error: Floats, limit: float = LIMIT) -> tuple[NDArray[np.int64], float]:
    """Vertices with large errors, and what is a small one."""
    finite = np.isfinite(x).all(axis=1)
    with np.errstate(over="ignore"):
        extent = float(np.ptp(x[finite], axis=0).max()) if finite.any() else 0.0
    doubt = np.where(np.isnan(error), np.inf, error)
    worst = np.argsort(-doubt, kind="stable")[:MOST]
    return np.sort(worst[doubt[worst] > limit * extent]), SMALL * extent
