"""Figures: every kind is drawn, on the axes given, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from convert import enumerated
from known_nets import he_net

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

from matplotlib.figure import Figure  # noqa: E402

SQUARE = lr.Box([-1, -1], [1, 1])


@pytest.mark.parametrize("color", ["cell", "area", "layer", "output", "array"])
def test_plane(color: str) -> None:
    regions = enumerated(he_net(2, 10, 10), SQUARE)
    ax = Figure().add_subplot()
    values: Any = np.arange(len(regions)) if color == "array" else color
    assert regions.plot(ax, color=values, mark=[[0, 0], [0.5, 0.5]]) is ax
    drawn = sum(len(c.get_paths()) for c in ax.collections)
    cells = 0 if color == "layer" else len(regions)
    assert drawn == cells + len(regions.facets.cells) + 1  # and the markers' path
    (low, high), (left, right) = ax.get_ylim(), ax.get_xlim()
    assert low <= -1 < 1 <= high and left <= -1 < 1 <= right
    ax.figure.canvas.draw()


@pytest.mark.parametrize("domain", [lr.Segment([-1, -1], [1, 1]), lr.Line([0, 0], [1, 1]), lr.Polyline(np.eye(2))])
def test_line(domain: Any) -> None:
    regions = enumerated(he_net(2, 10, 10), domain)
    ax = regions.plot(Figure().add_subplot(), mark=[[0.5]])
    ax.figure.canvas.draw()
    assert len(ax.lines) == 1 + len(np.unique(regions.facets.layer)) + 1


def test_a_new_figure_only_without_axes() -> None:
    from matplotlib import pyplot

    pyplot.close("all")
    regions = enumerated(he_net(2, 4), SQUARE)
    regions.plot(Figure().add_subplot())
    assert not pyplot.get_fignums()
    pyplot.close(regions.plot(edges=False).figure)


def test_what_is_refused() -> None:
    regions = enumerated(he_net(2, 4), SQUARE)
    with pytest.raises(lr.InvalidInput, match="color must be one of 'cell', 'area', 'layer', 'output', or an array"):
        regions.plot(color="blue")
    with pytest.raises(lr.InvalidInput, match=r"color must have shape \(\d+,\), a number per cell, got \(3,\)"):
        regions.plot(color=[1, 2, 3])
    with pytest.raises(lr.InvalidInput, match=r"mark must have shape \(M, 2\)"):
        regions.plot(mark=[0, 1])
