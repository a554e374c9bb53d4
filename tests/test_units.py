"""Piecewise-linear units: exactness, continuity, and the flat arrays that kernels read."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linear_regions.errors import InvalidInput
from linear_regions.network import Activation, Unit

THIRD = Fraction(1, 3)
FAMILIES = [
    (Unit.identity(), lambda z: z),
    (Unit.relu(), lambda z: max(z, 0)),
    (Unit.leaky_relu(0.01), lambda z: z if z > 0 else Fraction(0.01) * z),
    (Unit.leaky_relu(-2), lambda z: z if z > 0 else -2 * z),
    (Unit.relu6(), lambda z: min(max(z, 0), 6)),
    (Unit.hardtanh(), lambda z: min(max(z, -1), 1)),
    (Unit.hardtanh(-0.25, 3), lambda z: min(max(z, Fraction(-1, 4)), 3)),
    (Unit.hardsigmoid(), lambda z: min(max(z + 3, 0), 6) / Fraction(6)),
]


@pytest.mark.parametrize(("unit", "function"), FAMILIES, ids=[str(unit) for unit, _ in FAMILIES])
def test_units_are_their_definitions_exactly(unit, function):
    for z in [Fraction(n, 7) for n in range(-60, 61)] + [Fraction(n, 4) for n in range(-30, 31)]:
        assert unit(z) == function(z)


def test_a_breakpoint_belongs_to_the_lower_piece():
    unit = Unit.hardtanh(-1, 1)
    assert [unit.piece(z) for z in (-2, -1, Fraction(-1) + Fraction(1, 10**30), 0, 1, 1.5)] == [0, 0, 1, 1, 1, 2]


def test_names():
    assert [str(unit) for unit, _ in FAMILIES] == [
        "identity",
        "relu",
        "leaky_relu(0.01)",
        "leaky_relu(-2)",
        "relu6",
        "hardtanh(-1, 1)",
        "hardtanh(-0.25, 3)",
        "hardsigmoid",
    ]
    assert str(Unit((0.0,), (-1, 1), (0, 0))) == "leaky_relu(-1)"
    assert str(Unit((), (2,), (0,))) == "unit of 1 pieces"


def test_equal_neighbours_are_merged():
    assert Unit.leaky_relu(1) == Unit.identity()
    assert Unit((-1.0, 0.0, 2.0), (0, 0, 1, 1), (0, 0, 0, 0)) == Unit.relu()
    assert hash(Unit.leaky_relu(0)) == hash(Unit.relu())
    assert str(Unit((-0.0,), (0, 1), (0, 0)).breakpoints) == "(0.0,)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0.0,), (0, 1), (0, 1)), "a unit must be continuous, got a jump of 1.0 at breakpoints"),
        (((0.1,), (0, 1), (0, Fraction(-1, 10))), "continuous"),  # 0.1 is not 1/10
        ((0.0, (0, 1), (0, 0)), "breakpoints must be a sequence of numbers, got float"),
        (((0.0,), (1,), (0,)), "slopes must hold 2 numbers"),
        (((0.0,), (0, 1), (0,)), "intercepts must hold 2 numbers"),
        (((1.0, 1.0), (0, 1, 0), (0, 0, 1)), "breakpoints must increase strictly"),
        (((np.nan,), (0, 1), (0, 0)), "breakpoints\\[0\\] must be finite"),
        (((THIRD,), (0, 1), (0, -THIRD)), "breakpoints\\[0\\] must be exactly a float64"),
        (((2**53 + 1,), (0, 1), (0, -(2**53) - 1)), "exactly a float64"),
        (((0.0,), (0, np.inf), (0, 0)), "slopes\\[1\\] must be finite"),
        (((0.0,), (0, 10**400), (0, 0)), "slopes\\[1\\] must be finite and within the range"),
        (((0.0,), ("0", 1), (0, 0)), "slopes\\[0\\] must be a float, an integer or a Fraction"),
        (((0.0,), (True, 1), (0, 0)), "slopes\\[0\\] must be a float"),
    ],
)
def test_what_is_no_unit_is_refused(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        Unit(*arguments)


def test_hardtanh_bounds_and_leaky_slopes_are_checked():
    for low, high in [(1, 1), (2, 1), (np.nan, 1), (-np.inf, 1)]:
        with pytest.raises(InvalidInput):
            Unit.hardtanh(low, high)
    with pytest.raises(InvalidInput, match="slope must be finite"):
        Unit.leaky_relu(float("nan"))


def test_numpy_numbers_are_exact():
    assert Unit.leaky_relu(np.float32(0.1)).slopes[0] == Fraction(float(np.float32(0.1)))


@st.composite
def units(draw):
    floats = st.floats(-100, 100, allow_nan=False)
    taus = sorted(draw(st.sets(st.integers(-50, 50).map(lambda n: n / 8), max_size=4)))
    slopes = [draw(st.fractions(-5, 5, max_denominator=50)) for _ in range(len(taus) + 1)]
    intercepts = [Fraction(draw(floats))]
    for tau, below, above in zip(taus, slopes, slopes[1:], strict=False):
        intercepts.append(intercepts[-1] + (below - above) * Fraction(tau))
    return Unit(tuple(taus), tuple(slopes), tuple(intercepts))


@settings(max_examples=40)
@given(st.lists(units(), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_flat_arrays_say_what_the_units_say(kinds, random):
    neurons = [random.choice(kinds) for _ in range(7)]
    activation = Activation.from_units(neurons)
    assert len(set(activation.units)) == len(activation.units)
    assert [activation.units[k] for k in activation.kind] == neurons
    z = np.array([[random.choice([-9.0, 0.125, 50.0, *unit.breakpoints]) for unit in neurons] for _ in range(20)])
    pieces = activation.pieces(z)
    assert pieces.tolist() == [[unit.piece(v) for unit, v in zip(neurons, row, strict=True)] for row in z.tolist()]
    exact = [[float(unit(v)) for unit, v in zip(neurons, row, strict=True)] for row in z.tolist()]
    np.testing.assert_allclose(activation(z), exact, rtol=1e-13, atol=1e-11)
    for i, unit in enumerate(neurons):
        mine = activation.hyperplane_neuron == i
        assert tuple(activation.hyperplane_threshold[mine]) == unit.breakpoints
        own = slice(activation.piece_offset[i], activation.piece_offset[i + 1])
        assert activation.slope[own].tolist() == [float(a) for a in unit.slopes]
        for exact_values, high, low in (
            (unit.slopes, activation.slope[own], activation.slope_low[own]),
            (unit.intercepts, activation.intercept[own], activation.intercept_low[own]),
        ):
            for value, a, b in zip(exact_values, high, low, strict=True):
                assert abs(Fraction(a) + Fraction(b) - value) <= abs(value) * Fraction(1, 2**105)
    largest = max(abs(a) for unit in neurons for a in unit.slopes)
    assert largest <= Fraction(activation.lipschitz) <= largest * (1 + Fraction(1, 2**51))
    assert activation.n_hyperplanes == sum(len(unit.breakpoints) for unit in neurons)


def test_flat_arrays_of_a_mixed_layer():
    activation = Activation.from_units([Unit.relu(), Unit.identity(), Unit.hardsigmoid(), Unit.relu()])
    assert activation.units == (Unit.relu(), Unit.identity(), Unit.hardsigmoid())
    assert activation.kind.tolist() == [0, 1, 2, 0]
    assert activation.hyperplane_neuron.tolist() == [0, 2, 2, 3]
    assert activation.hyperplane_threshold.tolist() == [0.0, -3.0, 3.0, 0.0]
    assert activation.piece_offset.tolist() == [0, 2, 3, 6, 8]
    assert activation.slope.tolist() == [0, 1, 1, 0, 1 / 6, 0, 0, 1]
    assert activation.intercept.tolist() == [0, 0, 0, 0, 0.5, 1, 0, 0]
    assert activation.slope_low[4] == float(Fraction(1, 6) - Fraction(1 / 6)) != 0
    assert activation.lipschitz == 1.0
    assert not activation.is_relu
    assert Activation.uniform(Unit.relu(), 3).is_relu
    for array, dtype in (
        (activation.kind, np.int64),
        (activation.hyperplane_neuron, np.int64),
        (activation.hyperplane_threshold, np.float64),
        (activation.piece_offset, np.int64),
        (activation.slope, np.float64),
        (activation.slope_low, np.float64),
        (activation.intercept, np.float64),
        (activation.intercept_low, np.float64),
    ):
        assert array.dtype == dtype
        assert not array.flags.writeable


def test_layers_without_any_breakpoint():
    activation = Activation.uniform(Unit.identity(), 3)
    assert activation.n_hyperplanes == 0
    assert activation.pieces(np.ones((2, 3))).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert activation(np.arange(3.0)).tolist() == [0.0, 1.0, 2.0]


def test_activations_compare_copy_and_pickle():
    activation = Activation.from_units([Unit.relu(), Unit.leaky_relu(0.5)])
    _ = activation.slope
    for twin in (pickle.loads(pickle.dumps(activation)), copy.deepcopy(activation)):
        assert twin == activation
        assert not twin.kind.flags.writeable
    assert activation != Activation.uniform(Unit.relu(), 2)
    assert activation != "relu"
    assert repr(activation) == "Activation(relu/leaky_relu(0.5), 2 neurons)"
    many = Activation.from_units([Unit.leaky_relu(k) for k in range(2, 7)])
    assert str(many) == "5 kinds of unit"


@pytest.mark.parametrize("z", ["a", None, float("nan"), float("inf"), 10**400, 1j, [1], np.ones(2), True])
def test_what_a_unit_is_no_function_of(z: Any) -> None:
    with pytest.raises(InvalidInput, match="z must be"):
        Unit.relu6()(z)
    with pytest.raises(InvalidInput, match="z must be"):
        Unit.relu6().piece(z)
