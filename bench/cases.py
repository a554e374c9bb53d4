"""What is measured: seeded networks and domains, built when asked for, with their numbers of cells."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import linear_regions as lr
from linear_regions.data import load_demo

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from known_nets import he_net, torch_net
from real_nets import DATA, HCAS, acas_boxes, acas_problem, problem, read

Problem = tuple[lr.Network, Any]


@dataclass(frozen=True)
class Case:
    """A named problem: `build()` gives the network and the domain (for lines: the list of domains).

    It needs a library, or "data": files that are not part of the repository.
    """

    name: str
    dimension: int
    width: int
    depth: int
    cells: int
    make: Callable[[], Problem]
    needs: str = "numpy"

    @property
    def group(self) -> str:
        return f"dimension {self.dimension}, width {self.width}, depth {self.depth}"

    @property
    def is_here(self) -> bool:
        """Whether what it needs is."""
        return DATA.is_dir() if self.needs == "data" else find_spec(self.needs) is not None

    def build(self) -> Problem:
        return self.make()

    def __str__(self) -> str:
        return self.name


def relu_network(layers: Sequence[Any]) -> lr.Network:
    return lr.Network.from_arrays([weight for weight, _, _ in layers], [bias for _, bias, _ in layers])


def square(center: float = 0.0, half: float = 1.0) -> lr.Box:
    return lr.Box([center - half] * 2, [center + half] * 2)


@cache
def demo_network(epoch: int) -> lr.Network:
    case = load_demo(epoch)
    return lr.Network.from_arrays(case.weights, case.biases)


@cache
def _bias_free(widths: tuple[int, ...]) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in zip(widths, widths[1:], strict=False)]


def bias_free(*widths: int) -> lr.Network:
    """He's initialisation without biases, as Novak et al. (2018) have it; a new network at each call."""
    return lr.Network.from_arrays(_bias_free(widths), [np.zeros(m) for m in widths[1:]])


def demo_lines(epoch: int) -> list[lr.Line]:
    """The lines through the origin and each stored example."""
    return [lr.Line(np.zeros(image.size), image) for image in load_demo(epoch).examples]


def zigzags(width: int, depth: int, seed: int = 0) -> lr.Network:
    """Compositions of random zigzags of [0, 1], one per hidden layer, after x -> (x + 1) / 2.

    Each zigzag goes up and down `width` times between heights near 0 and 1, so pieces multiply by nearly `width` per
    layer. The pieces of He-normal nets only add up: on a segment they have about one per neuron.
    """
    random = np.random.default_rng(seed)
    weights, biases = [], []
    row, shift = np.array([[0.5]]), np.array([0.5])  # of the affine map that leads to the next layer
    for _ in range(depth):
        knots = np.arange(width) / width
        knots[1:] += random.uniform(-0.25, 0.25, width - 1) / width
        weights.append(np.repeat(row, width, axis=0))
        biases.append(shift - knots)
        low = random.uniform(0, 0.05, width + 1)
        heights = np.where(np.arange(width + 1) % 2, 1 - low, low)
        slopes = np.diff(heights) / np.diff(knots, append=1.0)
        row, shift = np.diff(slopes, prepend=0.0)[None], heights[:1]
    return lr.Network.from_arrays([*weights, row], [*biases, shift])


def _demo_plane(epoch: int) -> Problem:
    return demo_network(epoch), lr.Slice.through(load_demo(epoch).images_012)


def _he(*widths: int) -> Case:
    name = f"he(2; {', '.join(map(str, widths))})"
    cells = {(128,) * 3: 62_946, (256,) * 2: 114_697, (128,) * 6: 218_482}[widths]
    return Case(name, 2, widths[0], len(widths), cells, lambda: (relu_network(he_net(2, *widths)), square()))


def _torch(*widths: int, cells: int) -> Case:
    name = "-".join(map(str, (2, *widths, 1)))
    return Case(
        name, 2, widths[0], len(widths), cells, lambda: (relu_network(torch_net(2, *widths, 1)), square()), "torch"
    )


def _solid(dimension: int, *widths: int, cells: int) -> Case:
    name = f"he({dimension}; {', '.join(map(str, widths))})"
    box = lr.Box([-1.0] * dimension, [1.0] * dimension)
    return Case(name, dimension, widths[0], len(widths), cells, lambda: (relu_network(he_net(dimension, *widths)), box))


def _ten() -> Problem:
    return relu_network(torch_net(10, 16, 1)), lr.Box([-1.0] * 10, [1.0] * 10)


def _acas(cells: int) -> Problem:
    (box,) = [b for b in acas_boxes(DATA)[:10] if b["our_lp_per_layer"].endswith(f" {cells}")]
    return acas_problem(DATA, box)


SMALL = _torch(32, 32, 32, cells=1180)
SIX_LAYERS = _he(*[128] * 6)
PLANE = [
    _torch(64, 64, 64, cells=6668),
    Case("MNIST 784-64-64-64-10, plane, epoch 0", 2, 64, 3, 8190, lambda: _demo_plane(0)),
    Case("MNIST 784-64-64-64-10, plane, epoch 20", 2, 64, 3, 9387, lambda: _demo_plane(20)),
    _he(*[128] * 3),
    _he(*[256] * 2),
    SIX_LAYERS,
]
DEEP = Case(
    "he(2; 64 twenty times), box of side 1/16", 2, 64, 20, 1597,
    lambda: (relu_network(he_net(2, *[64] * 20)), square(0.25, 1 / 32)),
)  # fmt: skip
ZIGZAGS = Case(
    "four zigzags of width 32, segment", 1, 32, 4, 911_595, lambda: (zigzags(32, 4), lr.Segment([-1.0], [1.0]))
)
LINES = Case("MNIST 784-64-64-64-10, 100 lines, epoch 20", 1, 64, 3, 19_139, lambda: (demo_network(20), demo_lines(20)))
SOLID = [
    _solid(3, 24, 24, 24, cells=34_170),
    _solid(3, 48, 48, 48, cells=465_793),
    _solid(4, 12, 12, 8, cells=35_419),
    _solid(5, 10, 10, cells=20_726),
]
SIX_DIMENSIONS = _solid(6, 16, 16, cells=981_579)
REAL = [
    Case("HCAS, collision avoidance, 3-25-25-25-25-25-5", 3, 25, 5, 111_254, lambda: problem(read(DATA, HCAS)), "data"),
    Case("ACAS Xu 5-50 six times-5, property box", 5, 50, 6, 2357, lambda: _acas(2357), "data"),
]
LP = [
    Case("10-16-1, PyTorch's initialisation", 10, 16, 1, 37_032, _ten, "torch"),
    SOLID[3],
    Case("ecoli, 7-5-5-4", 7, 5, 2, 313, lambda: problem(read(DATA, "tabular/ecoli")), "data"),
    Case("7-5-5-5-5-10, trained on MNIST", 7, 5, 4, 4721, lambda: problem(read(DATA, "tabular/mnist-5-5")), "data"),
]
CASES = {case.name: case for case in [SMALL, *PLANE, DEEP, *SOLID, SIX_DIMENSIONS, *REAL, ZIGZAGS, LINES]}
