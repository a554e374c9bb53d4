"""Other enumerators on the same networks. Each function returns a call that enumerates and gives the number of cells.

The output map is left out, since it cuts nothing. Both libraries take a square about the origin.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import linear_regions as lr

MANY = 100_000  # cells that take the others so long that one run has to do

Layers = list[tuple[Any, Any]]


def load(name: str) -> Any:
    """The library, or None where it or something that it needs is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def on_plane(network: lr.Network, domain: Any) -> tuple[Layers, float]:
    """The hidden layers in slice coordinates (rounded), and half the side of the square."""
    (weight, bias), *others = [(layer.affine.weight, layer.affine.bias) for layer in network.layers[:-1]]
    box = domain if isinstance(domain, lr.Box) else domain.domain
    half = float(box.upper[0])
    if not (np.all(box.upper == half) and np.all(box.lower == -half)):
        raise ValueError("the other libraries take a square about the origin")
    if isinstance(domain, lr.Slice):
        weight, bias = weight @ domain.basis, weight @ domain.origin + bias
    return [(weight, bias), *others], half


def regioncam(library: Any, network: lr.Network, domain: Any) -> Callable[[], int]:
    """Twan van Laarhoven's regioncam (Rust, float32): cuts edges at zeros of interpolated values, layer by layer."""
    layers, half = on_plane(network, domain)
    arrays = [(np.ascontiguousarray(w.T, dtype=np.float32), b.astype(np.float32)) for w, b in layers]

    def run() -> int:
        cells = library.Regioncam(size=half)
        for weight, bias in arrays:
            cells.linear(weight, bias)
            cells.relu()
        return int(cells.num_faces)

    return run


def affinitree(library: Any, network: lr.Network, domain: Any) -> Callable[[], int]:
    """The decision trees of affinitree (Rust, float64): one linear program per neuron and node."""
    layers, half = on_plane(network, domain)

    def run() -> int:
        architecture = library.Architecture(2)
        for weight, bias in layers:
            architecture.linear(library.AffFunc.from_mats(np.array(weight), np.array(bias)))
            architecture.relu()
        box = library.Polytope.hyperrectangle(2, [(-half, half)] * 2)
        with _silent():
            inside = library.AffTree.from_poly(box, library.AffFunc.identity(2), None)
            tree = library.builder.from_layers(architecture, inside, None)
        return int(tree.num_terminals())

    return run


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Discard what compiled code prints."""
    saved = os.dup(1)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


OTHERS: dict[str, Callable[[Any, lr.Network, Any], Callable[[], int]]] = {
    "regioncam": regioncam,
    "affinitree": affinitree,
}
