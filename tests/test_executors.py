"""Executors of other makers: what they do to the arrays of a task must not matter."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Literal

import numpy as np
import pytest

import linear_regions as lr
from convert import to_network
from known_nets import he_net


class ReadOnly(Executor):
    """Hands everything over as Ray and joblib do: arrays are views of memory that cannot be written to."""

    def __init__(self) -> None:
        self.n_tasks = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Run a task at once."""
        self.n_tasks += 1
        function, args, options = handed_over((function, args, options))
        future: Future[Any] = Future()
        try:
            future.set_result(handed_over(function(*args, **options)))
        except Exception as error:
            future.set_exception(error)
        return future


def handed_over(value: Any) -> Any:
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(value, 5, buffer_callback=buffers.append)
    return pickle.loads(content, buffers=[bytes(buffer) for buffer in buffers])


def test_the_executor_locks_arrays() -> None:
    (array,) = handed_over([np.zeros(3)])
    assert not array.flags.writeable


DOMAINS = {
    "plane": lr.Box([-1] * 2, [1] * 2),
    "solid": lr.Box([-1] * 3, [1] * 3),
    "space": lr.Space(2),
}


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("method", ["vertices", "lp"])
def test_tasks_with_arrays_that_cannot_be_written_to(
    monkeypatch: pytest.MonkeyPatch, domain: str, method: Literal["vertices", "lp"]
) -> None:
    small = {"blocks.BLOCK_BYTES": 1 << 12, "solid.BLOCK_BYTES": 1 << 12, "solid.PART_BYTES": 1 << 12}
    for name, size in {**small, "plane.STEP_BYTES": 1 << 14, "halfspaces.PART": 32}.items():
        monkeypatch.setattr(f"linear_regions.{name}", size)  # so that there are parts to send
    executor = ReadOnly()
    network = to_network(he_net(DOMAINS[domain].n_inputs, *(12, 10)))
    here = lr.enumerate_regions(network, DOMAINS[domain], method=method)
    there = lr.enumerate_regions(network, DOMAINS[domain], method=method, executor=executor)
    assert all(np.array_equal(a, b) for a, b in zip(there.packed_patterns, here.packed_patterns, strict=True))
    assert np.array_equal(there.facets.cells, here.facets.cells)
    assert lr.count_regions(network, DOMAINS[domain], method=method, executor=executor) == len(here)
    if method == "vertices" and domain != "space":
        sums = lr.sum_regions(network, DOMAINS[domain], executor=executor)
        assert abs(sums.boundary_volume() - here.boundary_volume()) <= 2 * here.boundary_volume_error() + 1e-12
    assert executor.n_tasks > 0
