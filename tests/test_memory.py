"""Memory that does not suffice is an error of the library, which says what was found by then and what to do."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import linear_regions as lr
from convert import to_network
from known_nets import he_net
from linear_regions.errors import enough_memory

ADVICE = "take a smaller domain, stop sooner with max_regions, or keep no regions"


def failing(*args: Any, **options: Any) -> Any:
    raise MemoryError("Unable to allocate 8.00 GiB")


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("place", "domain", "method"),
    [
        ("engine.Engine._finish", lr.Box([-1] * 2, [1] * 2), "vertices"),
        ("engine.Engine._finish", lr.Box([-1] * 3, [1] * 3), "vertices"),
        ("engine.Engine._finish", lr.Space(3), "vertices"),
        ("engine.Engine._finish", lr.Box([-1] * 3, [1] * 3), "lp"),
        ("enumerate.cells_of", lr.Segment([-1] * 3, [1] * 3), "vertices"),
    ],
)
def test_the_regions_found_by_then_are_kept(
    monkeypatch: pytest.MonkeyPatch, place: str, domain: lr.Domain, method: Any, n_jobs: int
) -> None:
    network = to_network(he_net(domain.n_inputs, 8, 6))
    right = lr.count_regions(network, domain, method=method, full_output=True).per_layer.tolist()
    monkeypatch.setattr(f"linear_regions.{place}", failing)
    for function in (lr.enumerate_regions, lr.count_regions):
        with pytest.raises(lr.OutOfMemory, match=f"^out of memory: Unable to allocate 8.00 GiB; .*{ADVICE}") as caught:
            function(network, domain, method=method, n_jobs=n_jobs)
        assert len(caught.value.per_layer) == 2
        assert all(0 < found <= n for found, n in zip(caught.value.per_layer, right, strict=True))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.per_layer) == (str(caught.value), caught.value.per_layer)


CALLS: dict[str, tuple[str, Callable[[lr.Network, Path], Any]]] = {
    "explore": ("neighborhood.surroundings", lambda net, _: lr.explore(net, [0.0, 0.0])),
    "nearest": ("nearest.surroundings", lambda net, _: lr.nearest_boundary(net, [0.0, 0.0])),
    "curve": ("curves.compile_network", lambda net, _: lr.curve_regions(net, lr.Ellipse([0, 0], [1, 0], [0, 1]))),
    "network": ("network.files.read_arrays", lambda _, file: lr.load_network(file)),
    "regions": ("store.read_arrays", lambda _, file: lr.load_regions(file)),
}


@pytest.mark.parametrize("name", CALLS)
def test_other_calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    place, call = CALLS[name]
    network = to_network(he_net(2, 4))
    network.save(tmp_path / "network.npz")
    monkeypatch.setattr(f"linear_regions.{place}", failing)
    with pytest.raises(lr.OutOfMemory, match="^out of memory: Unable to allocate 8.00 GiB; take"):
        call(network, tmp_path / "network.npz")


def test_without_a_message() -> None:
    with pytest.raises(lr.OutOfMemory, match="^out of memory; take"), enough_memory():
        raise MemoryError


LIMITED = """
import resource
import numpy as np
import linear_regions as lr
random = np.random.default_rng(0)
network = lr.Network.from_arrays([random.normal(size=(400, 3)), np.ones((1, 400))], [random.normal(size=400) / 9, [0]])
lr.count_regions(lr.Network.from_arrays([np.eye(3), [[1] * 3]], [[0] * 3, [0]]), lr.Box([-1] * 3, [1] * 3))
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + (1 << 26), -1))
try:
    lr.enumerate_regions(network, lr.Box([-1] * 3, [1] * 3))
except lr.LinearRegionsError as error:
    print(type(error).__name__, isinstance(error, MemoryError))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited as Linux does it")
def test_a_limit_of_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True)
    assert done.stdout == "OutOfMemory True\n"
