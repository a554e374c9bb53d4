"""Times, memory and the yardstick. As a script: prints the peak memory of one case in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

import linear_regions as lr

BLAS = ThreadpoolController()  # finding the libraries takes milliseconds
ROWS = 4096  # a product over fewer rows at a time stays in the cache, which is the fastest way


@dataclass(frozen=True)
class Times:
    """Seconds of repeated runs."""

    seconds: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return median(self.seconds)


def timed(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def in_turn(repeats: int, *runs: Callable[[], object]) -> list[Times]:
    """Times of several functions, run by turns so that a busy moment of the machine strikes all of them."""
    rounds = [[timed(run) for run in runs] for _ in range(repeats)]
    return [Times(tuple(column)) for column in zip(*rounds, strict=True)]


def parts(network: lr.Network) -> list[lr.Network]:
    """The network's first hidden layer, the first two, and so on, but not all of them."""
    affines = [layer.affine for layer in network.layers]
    return [
        lr.Network.from_arrays([a.weight for a in affines[: n + 1]], [a.bias for a in affines[: n + 1]])
        for n in range(1, len(affines) - 1)
    ]


def products(network: lr.Network, domain: Any) -> Callable[[], None]:
    """The yardstick: the matrix products between hidden layers at the vertices of the cells that reach each layer.

    Any method that evaluates every pre-activation at every vertex does these. The first layer, evaluated at the corners
    of the domain, and the output are left out.
    """
    random = np.random.default_rng(0)
    jobs = []
    for part, layer in zip(parts(network), network.layers[1:-1], strict=True):
        n_vertices = len(lr.enumerate_regions(part, domain).vertex_coordinates)
        rows = random.normal(size=(min(ROWS, n_vertices), layer.affine.n_inputs))
        jobs.append((n_vertices, rows, np.ascontiguousarray(layer.affine.weight.T)))
    out = [np.empty((len(rows), weight_t.shape[1])) for _, rows, weight_t in jobs]

    def run() -> None:
        with BLAS.limit(limits=1, user_api="blas"):
            for (n_vertices, rows, weight_t), result in zip(jobs, out, strict=True):
                for first in range(0, n_vertices, ROWS):
                    n = min(ROWS, n_vertices - first)
                    np.matmul(rows[:n], weight_t, out=result[:n])

    return run


def first_product(network: lr.Network, lines: Sequence[lr.Line]) -> Callable[[], None]:
    """The first layer at both ends of the lines."""
    ends = np.array([end for line in lines for end in (line.origin, line.basis[:, 0])])
    weight_t = np.ascontiguousarray(network.layers[0].affine.weight.T)

    def run() -> None:
        with BLAS.limit(limits=1, user_api="blas"):
            np.matmul(ends, weight_t)

    return run


def sign_shares(certificate: lr.Certificate) -> dict[str, float]:
    """Which part of the signs needed more than float64, and more than double-double."""
    signs = max(certificate.signs, 1)
    return {
        "beyond_float64": certificate.double_signs / signs,
        "in_rationals": certificate.exact_signs / signs,
    }


def peak_megabytes(name: str, verb: str) -> float:
    """Resident memory that one call adds to a process with loaded kernels; nan where /proc does not tell."""
    command = [sys.executable, str(Path(__file__)), name, verb]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _resident(entry: str) -> float:
    # of this process image alone; getrusage's maximum also holds the parent's size from before the exec
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith(entry))
    return int(line.split()[1]) / 1024


def _main(name: str, verb: str) -> None:
    from cases import CASES, relu_network
    from known_nets import he_net

    call = {"enumerate": lr.enumerate_regions, "count": lr.count_regions, "sum": lr.sum_regions}[verb]
    d = CASES[name].dimension
    call(relu_network(he_net(d, 4, 4)), lr.Box([-1.0] * d, [1.0] * d))
    network, domain = CASES[name].build()
    before = _resident("VmRSS")
    result = call(network, domain)
    print(_resident("VmHWM") - before)
    del result


if __name__ == "__main__":
    _main(*sys.argv[1:])
