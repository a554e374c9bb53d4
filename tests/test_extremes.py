"""Numbers at the ends of the range of float64, units whose values nearly vanish, curves that bend within a cell."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from convert import to_network
from known_nets import he_net
from linear_regions.network import Activation, Affine, Network, Unit

NEARLY_CONCURRENT = (
    "-0x1.6000000000001p-2", "-0x1.37fffffffffffp-1", "0x1.effffffffffffp-1", "-0x1.4000000000001p-1", "0x1p-4",
    "-0x1p-5",
)  # fmt: skip


@pytest.mark.parametrize("d", [1, 2])
def test_a_unit_that_vanishes_in_float64_alone(d: int) -> None:
    """Slope 1/3 and intercept 2^-60 - 1/3: the value 2^-60 at the breakpoint 1 is lost in rounding."""
    small, slope = Fraction(1, 2**60), Fraction(1, 3)
    unit = Unit((1.0,), (slope, Fraction(1)), (small - slope, small - 1))
    layers = [
        Affine.from_arrays(np.eye(1, d), [0.0]),
        Activation.from_units([unit]),
        Affine.from_arrays([[1.0]], [0.0]),
        Activation.from_units([Unit.relu()]),
    ]
    regions = lr.enumerate_regions(Network.chain(layers), lr.Box([0.5] * d, [1.5] * d))
    assert sorted(map(tuple, regions.patterns.tolist())) == [(0, 0), (0, 1), (1, 1)]
    regions.check(exact=True)


@pytest.mark.parametrize("domain", [lr.Box([-1, -1], [1, 1]), lr.Box([-1], [1])], ids=repr)
def test_slices_along_the_first_axes_of_a_larger_space(domain: lr.Box) -> None:
    network = lr.Network.from_arrays([np.ones((2, 3)), np.ones((1, 2))], [None, None])
    regions = lr.enumerate_regions(network, lr.Slice(np.zeros(3), np.eye(3, domain.dim), domain))
    regions.check(exact=True)
    assert len(regions) == 2


@pytest.mark.parametrize("weights", [[[[1.0, 0.0]], [[1.0]]], [[[1.0, 2.0]]]])
def test_a_line_that_nothing_crosses(weights: list[Any]) -> None:
    network = lr.Network.from_arrays(weights, [[0.5], [0.0]][: len(weights)])
    regions = lr.enumerate_regions(network, lr.Line([0, 0], [0, 1]))
    regions.check()
    assert (len(regions), regions.volumes.tolist(), regions.boundary_volume()) == (1, [np.inf], 0)
    assert regions.find([[3.0]]).tolist() == [0]


def test_a_breakpoint_is_placed_on_its_own_piece_of_a_polyline() -> None:
    """Its row has zeros near other pieces too, and float64 has lost its place."""
    network = lr.Network.from_arrays([[[1.0], [1.0]], [[2.0**58, -(2.0**58) - 256]], [[1.0]]], [[0, 0], [2], [0]])
    regions = lr.enumerate_regions(network, lr.Polyline([[3.0], [1.0], [-2.0], [3.0], [1.0], [2.0]]))
    regions.check(exact=True)
    inner = [regions.exact_vertices(cell)[1][0] for cell in range(len(regions) - 1)]
    assert inner == [Fraction(511, 384), Fraction(4, 3), Fraction(12, 5), Fraction(1537, 640)]


def test_a_breakpoint_of_a_line_without_a_finite_bound() -> None:
    weights = [[[1.0], [1.0]], [[2.0**12, -(2.0**12) - 2.0**-38]], [[1.0]]]
    regions = lr.enumerate_regions(
        lr.Network.from_arrays(weights, [[1.0, 1 + 2.0**-20], [1.0], [0.0]]), lr.Line([0.0], [1.0])
    )
    regions.check()
    assert len(regions) == 4
    assert np.isfinite(regions.vertex_errors).all()


@pytest.mark.parametrize("power", [-900, -945, -960, 900])
@pytest.mark.parametrize("d", [1, 2])
def test_a_layer_of_tiny_or_huge_numbers(power: int, d: int) -> None:
    """The same cells as without the factor: the bounds hold although squares leave the range of float64."""
    weight = np.array([1.375, 2.4375, -3.875, 2.5, -0.25, 0.125])[:, None] * np.array([1.0, 0.75])[:d]
    bias = np.array([float.fromhex(b) for b in NEARLY_CONCURRENT])
    box = lr.Box([-1] * d, [1] * d)
    plain = lr.enumerate_regions(lr.Network.from_arrays([weight, np.ones((1, 6))], [bias, None]), box)
    factor = 2.0**power
    network = lr.Network.from_arrays([weight * factor, np.ones((1, 6))], [bias * factor, None])
    regions = lr.enumerate_regions(network, box)
    regions.check()
    assert regions.patterns.tolist() == plain.patterns.tolist()
    assert regions.exact_volumes() == plain.exact_volumes()


def test_a_box_whose_areas_overflow() -> None:
    network = lr.Network.from_arrays([[[1, 2], [2, -1.0]], [[1, 1.0]]], [[0, 0.5], [0]])
    regions = lr.enumerate_regions(network, lr.Box([-1e155] * 2, [1e155] * 2))
    regions.check()
    assert len(regions) == 4
    assert sum(regions.exact_volumes()) == Fraction(2e155) ** 2


def test_budgets_of_lines_and_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    step = lr.Network.from_arrays([[[1]], [[1]]], [[0], [0]])
    with pytest.raises(lr.BudgetExceeded, match="max_regions=1 regions"):
        lr.count_regions(step, lr.Line([0.0], [1.0]), max_regions=1)  # the breakpoint is the line's own point t = 0
    monkeypatch.setattr("linear_regions.plane.STEP_BYTES", 1 << 18)  # so that there are parts to send
    network, square = to_network(he_net(2, 80, 80)), lr.Box([-1, -1], [1, 1])
    count = lr.count_regions(network, square)
    with ProcessPoolExecutor(2) as executor:
        assert lr.count_regions(network, square, executor=executor, max_regions=count) == count
        with pytest.raises(lr.BudgetExceeded, match=f"max_regions={count - 1:,}"):
            lr.count_regions(network, square, executor=executor, max_regions=count - 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        *((lambda n=n: lr.count_regions(STEP, LINE, n_jobs=n), "n_jobs must be a positive") for n in (None, [1], 1j)),
        *((lambda n=n: lr.count_regions(STEP, LINE, max_regions=n), "max_regions must be") for n in ("2", [1])),
        (lambda: lr.count_regions(STEP, LINE, executor="a"), "executor must be a concurrent.futures.Executor, got str"),
        (lambda: lr.Slice.through([[1.7e308, 0], [-1.7e308, 0], [0, 1]]), "points must differ by numbers in the range"),
        (lambda: lr.Slice.through(np.eye(3), margin="a"), "margin must be a number"),
        (lambda: lr.Segment([-1.7e308, 1], [1.7e308, 0]), "end must differ"),
        (lambda: lr.Polyline([[-1.7e308, 1], [1.7e308, 0]]), "points must differ"),
        (lambda: lr.Polytope([[1e-300, 0], [-1e-300, 0], [0, 1], [0, -1]], [1e300, 1e300, 1, 1]), "range of float64"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(lr.InvalidInput, match=message):
        call()


STEP, LINE = lr.Network.from_arrays([[[1]], [[1]]], [[0], [0]]), lr.Line([0.0], [1.0])
