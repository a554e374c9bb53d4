"""Networks that others trained, from a folder that is not part of the repository."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import linear_regions as lr
from convert import to_network
from naive import RELU, Layer

DATA = Path(os.environ.get("LINEAR_REGIONS_DATA", Path(__file__).parents[2] / "shared" / "data"))
HCAS = "hcas/HCAS_rect_v6_pra0_tau00_25HU_3000"

Arrays = dict[str, NDArray[Any]]


def read(folder: Path, name: str) -> Arrays:
    with np.load(folder / "nets" / f"{name}.npz", allow_pickle=False) as stored:
        return dict(stored)


def layers_of(net: Arrays) -> list[Layer]:
    """The file's weights exactly; two affine maps may follow each other."""
    return [
        (net[f"W{i}"], net[f"b{i}"], [RELU] * len(net[f"b{i}"]) if relu else None) for i, relu in enumerate(net["relu"])
    ]


def problem(net: Arrays) -> tuple[lr.Network, lr.Box]:
    return to_network(layers_of(net)), lr.Box(net["lo"], net["hi"])


def acas_boxes(folder: Path) -> list[dict[str, str]]:
    with open(folder / "reference" / "acasxu_nnv.csv", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def acas_problem(folder: Path, box: dict[str, str]) -> tuple[lr.Network, lr.Box]:
    net = read(folder, f"acasxu/ACASXU_run2a_{box['net']}_batch_2000")
    ends = [[float(box[f"{name}_{end}"]) for name in ("rho", "theta", "psi", "vown", "vint")] for end in ("lo", "hi")]
    lower, upper = ((np.array(end) - net["means"][:5]) / net["ranges"][:5] for end in ends)
    return to_network(layers_of(net)), lr.Box(lower, upper)
