"""Result files: what is written comes back, and damaged or foreign files are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from convert import enumerated
from known_nets import he_net, relu_net

SQUARE = lr.Box([-1, -1], [1, 1])


@pytest.mark.parametrize(
    "domain",
    [
        SQUARE,
        lr.Polytope([[-1, 0], [0, -1], [1, 1]], [1, 1, 1]),
        lr.Slice([0.5, 0], [[1, 1], [0, 2]], SQUARE),
        lr.Box([-1] * 3, [1] * 3),
        lr.Polytope([[-1, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 1]], [1, 1, 1, 1]),
        lr.Space(3),
        lr.Slice([0.5, 0], [[1, 1], [0, 2]], lr.Space(2)),
        lr.Segment([-1, -1], [1, 0.5]),
        lr.Line([0, 0], [1, 2]),
        lr.Polyline([[0, 0], [1, 0], [1, 1]], closed=True),
    ],
    ids=repr,
)
def test_save_and_load(domain: Any, tmp_path: Path) -> None:
    regions = enumerated(he_net(domain.n_inputs, 6, 6), domain)
    regions.save(tmp_path / "cells.npz")
    again = lr.load_regions(tmp_path / "cells.npz")
    assert repr(again) == repr(regions)
    assert again.summary() == regions.summary()
    assert again.network == regions.network
    assert np.array_equal(again.patterns, regions.patterns)
    assert np.array_equal(again.vertex_coordinates, regions.vertex_coordinates)
    assert again.exact_vertices(1) == regions.exact_vertices(1)
    again.check()
    regions.save(tmp_path / "again.npz")
    assert (tmp_path / "cells.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    every_array_is_needed(tmp_path / "cells.npz")


def every_array_is_needed(path: Path) -> None:
    with np.load(path) as stored:
        arrays = dict(stored)
    for change in [*arrays, "pattern9", "cells_other", "domain_other", "network_W9", "note"]:
        changed = {key: value for key, value in arrays.items() if key != change}
        np.savez(path, **(changed if change in arrays else {**arrays, change: np.zeros(1)}))
        with pytest.raises(lr.InvalidInput, match="cells.npz"):
            lr.load_regions(path)


def test_results_of_linear_programs_need_every_array(tmp_path: Path) -> None:
    enumerated(he_net(3, 4), lr.Box([-1] * 3, [1] * 3), method="lp").save(tmp_path / "cells.npz")
    assert len(lr.load_regions(tmp_path / "cells.npz")) > 1
    every_array_is_needed(tmp_path / "cells.npz")


def test_what_a_result_file_holds_is_no_larger_than_it(tmp_path: Path) -> None:
    enumerated(he_net(2, 4), SQUARE).save(tmp_path / "cells.npz")
    with np.load(tmp_path / "cells.npz") as stored:
        arrays = {**stored, "cells_x": np.zeros((10**6, 2))}
    np.savez_compressed(tmp_path / "bomb.npz", **arrays)
    with pytest.raises(lr.InvalidInput, match="its arrays must not exceed [0-9]{4,5} bytes together, got 16[0-9]{6}"):
        lr.load_regions(tmp_path / "bomb.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells_half_edges": np.array([10**6] * 16, np.int32)}, "cells_half_edges must lie from 0 to"),
        ({"cells_x": np.zeros((9, 3))}, "must hold finite pairs"),
        ({"cells_error": np.zeros(3)}, "cells_x and cells_error must have the same length"),
        ({"cells_label": np.full(12, 99, np.int32)}, "cells_label must lie from"),
        ({"pattern0": np.zeros((3, 1), np.uint64)}, "pattern0 must hold uint64 of shape"),
        ({"certificate": np.zeros(3)}, "certificate must hold int64"),
        ({"domain_kind": np.array("torus")}, "kind must be one of"),
        ({"linear_regions_result": np.array(7)}, "linear_regions_result must be 2, got 7"),
        ({"per_layer": np.array([object()], object)}, "plain numbers|pickle|object"),
    ],
)
def test_damaged_files(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    enumerated(relu_net([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]]), SQUARE).save(tmp_path / "cells.npz")
    with np.load(tmp_path / "cells.npz") as stored:
        arrays = {**stored, **change}
    np.savez(tmp_path / "damaged.npz", **arrays)
    with pytest.raises(lr.InvalidInput, match=f"damaged.npz' must be a .npz file written by .*({message})"):
        lr.load_regions(tmp_path / "damaged.npz")
    arrays.pop("cells_label")
    with pytest.raises(lr.InvalidInput, match="damaged.npz"):
        np.savez(tmp_path / "damaged.npz", **arrays)
        lr.load_regions(tmp_path / "damaged.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cells_corners": np.full(64, 99, np.int32)}, "cells_corners must lie from 0 to"),
        ({"cells_corners": np.zeros(64, np.int32)}, "the corners of each cell must ascend"),
        ({"cells_masks": np.full((64, 1), 255, np.uint64)}, "the masks of each cell must name"),
        ({"cells_masks": np.zeros((64, 0), np.uint64)}, "the masks of each cell must name"),
        ({"cells_facet_labels": np.full(48, -7, np.int32)}, "cells_facet_labels must lie from -6"),
        ({"cells_cell_offsets": np.zeros(9, np.int64)}, "cells_cell_offsets must run from 0 to 64"),
        ({"cells_cell_facet_offsets": np.zeros(4, np.int64)}, "must have the same length"),
        ({"cells_x": np.zeros((27, 2))}, "cells_x must hold points of 3 coordinates"),
        ({"cells_x": np.full((27, 3), np.nan)}, "cells_x must be finite"),
    ],
)
def test_damaged_files_of_polytopes(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    axes = relu_net([np.eye(3), [[1, 1, 1]]], [[0] * 3, [0]])
    enumerated(axes, lr.Box([-1] * 3, [1] * 3)).save(tmp_path / "cells.npz")
    with np.load(tmp_path / "cells.npz") as stored:
        np.savez(tmp_path / "damaged.npz", **{**stored, **change})
    with pytest.raises(lr.InvalidInput, match=message):
        lr.load_regions(tmp_path / "damaged.npz")


def test_no_file_and_no_archive(tmp_path: Path) -> None:
    with pytest.raises(lr.InvalidInput, match="path must name an existing file"):
        lr.load_regions(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(lr.InvalidInput, match="text.npz"):
        lr.load_regions(tmp_path / "text.npz")
