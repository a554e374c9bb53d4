"""Networks from arrays: what is taken, what is refused, evaluation, immutability."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from linear_regions import errors
from linear_regions.errors import InvalidInput
from linear_regions.network import Activation, Affine, Network, Stage, Unit


def random_network(*sizes, activation="relu", seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((n, m)) for m, n in pairwise(sizes)]
    return Network.from_arrays(weights, [rng.standard_normal(n) for n in sizes[1:]], activation)


def exact_outputs(network, x):
    """Evaluate in rationals, straight from the definition."""
    h = [Fraction(v) for v in x]
    for layer in network.layers:
        rows = layer.affine.weight.tolist()
        h = [sum(Fraction(w) * v for w, v in zip(row, h, strict=True)) for row in rows]
        h = [v + Fraction(b) for v, b in zip(h, layer.affine.bias.tolist(), strict=True)]
        if layer.activation is not None:
            h = [layer.activation.units[k](v) for k, v in zip(layer.activation.kind, h, strict=True)]
    return h


def test_sizes_and_repr():
    network = random_network(784, 64, 64, 64, 10)
    assert repr(network) == "Network(784-64-64-64-10, relu, 192 neurons)"
    assert (network.n_inputs, network.n_outputs, network.n_neurons) == (784, 10, 192)
    assert network.widths == (64, 64, 64)
    assert [stage.inputs for stage in network.stages] == [(i,) for i in range(-1, 6)]
    assert [layer.activation is None for layer in network.layers] == [False, False, False, True]
    assert all(layer.activation.is_relu for layer in network.layers[:-1])


def test_no_hidden_layer():
    network = Network.from_arrays([[[1.0, 2.0]]], [None])
    assert repr(network) == "Network(2-1, affine, 0 neurons)"
    assert network.widths == ()
    assert network.preactivations([1, 1]) == []
    assert network([1, 1]).tolist() == [3.0]
    assert Network.from_arrays([[[1.0, 2.0]]], [None], []) == network


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "relu6", "hardtanh", "hardsigmoid", "identity"])
def test_evaluation_against_rationals(activation):
    network = random_network(3, 7, 5, 2, activation=activation)
    points = np.random.default_rng(1).uniform(-3, 3, (20, 3))
    exact = np.array([[float(v) for v in exact_outputs(network, x)] for x in points.tolist()])
    np.testing.assert_allclose(network(points), exact, rtol=1e-12, atol=1e-12)


def test_batches_and_preactivations():
    network = random_network(3, 7, 5, 2)
    points = np.random.default_rng(1).uniform(-1, 1, (4, 6, 3))
    assert network(points).shape == (4, 6, 2)
    assert network(points[0, 0]).shape == (2,)
    assert network(np.zeros((0, 3))).shape == (0, 2)
    np.testing.assert_allclose(network(points)[1, 2], network(points[1, 2]), rtol=1e-13)
    first, second = network.preactivations(points)
    assert (first.shape, second.shape) == ((4, 6, 7), (4, 6, 5))
    affines = [layer.affine for layer in network.layers]
    np.testing.assert_allclose(first, points @ affines[0].weight.T + affines[0].bias)
    np.testing.assert_allclose(network(points), np.maximum(second, 0) @ affines[2].weight.T + affines[2].bias)


@pytest.mark.parametrize("x", [[1, 2], 1.0, [[1, 2, 3, 4]], [[np.nan, 0, 0]], "abc", None, [[1j, 0, 0]]])
def test_points_are_checked(x):
    with pytest.raises(InvalidInput, match=r"^x must"):
        random_network(3, 4, 1)(x)


def test_entries_of_activation():
    tanh, relu, leaky = Unit.hardtanh(), Unit.relu(), Unit.leaky_relu(0.25)
    weights, biases = [np.ones((2, 1)), np.ones((3, 2)), np.ones((1, 3))], [None] * 3
    mixed = Network.from_arrays(weights, biases, ["hardtanh", [relu, "leaky_relu", leaky]])
    assert mixed.activations[0] == Activation.uniform(tanh, 2)
    assert mixed.activations[1].units == (relu, Unit.leaky_relu(0.01), leaky)
    assert repr(mixed) == "Network(1-2-3-1, hardtanh(-1, 1)/relu/leaky_relu(0.01)/leaky_relu(0.25), 5 neurons)"
    assert Network.from_arrays(weights, biases, tanh) == Network.from_arrays(weights, biases, [tanh, "hardtanh"])
    assert Network.from_arrays(weights, biases, ("relu", ("relu",) * 3)) == Network.from_arrays(weights, biases)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("tanh", "^activation must be a Unit or one of 'relu', 'leaky_relu', .*, got 'tanh'$"),
        (None, "^activation must be a sequence of names or units"),
        (3, "^activation must be"),
        (["relu"], "^activation must have 2 entries, one per hidden layer, got 1$"),
        (["relu", "relu", "relu"], "^activation must have 2 entries"),
        (["relu", "gelu"], r"^activation\[1\] must be a Unit or one of"),
        (["relu", None], r"^activation\[1\] must be a sequence"),
        (["relu", [Unit.relu()]], r"^activation\[1\] must have 3 entries, one per neuron, got 1$"),
        (["relu", ["relu", "relu", 1]], r"^activation\[1\]\[2\] must be a Unit"),
        ({"relu": 1}, "^activation must be a sequence"),
    ],
)
def test_bad_activations(activation, message):
    with pytest.raises(InvalidInput, match=message):
        Network.from_arrays([np.ones((2, 1)), np.ones((3, 2)), np.ones((1, 3))], [None] * 3, activation)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble, np.int8, np.uint64, int])
def test_number_types_are_kept_exactly(dtype):
    weight = np.array([[1, 3], [5, 7]]).astype(dtype)
    if weight.dtype.kind == "f":
        weight = weight / weight.dtype.type(8)
    network = Network.from_arrays([weight], [weight[0]])
    assert network.layers[0].affine.weight.dtype == np.float64
    assert (network.layers[0].affine.weight == weight).all()


def test_float32_is_promoted_not_reread():
    weight = np.array([[0.1]], dtype=np.float32)
    assert Network.from_arrays([weight], [[0]]).layers[0].affine.weight[0, 0] == float(weight[0, 0]) != 0.1


def test_inputs_are_copied_and_results_locked():
    weight, bias = np.ones((2, 2)), np.ones(2)
    network = Network.from_arrays([weight], [bias])
    weight[:], bias[:] = 5, 5
    affine = network.layers[0].affine
    assert (affine.weight == 1).all()
    assert (affine.bias == 1).all()
    for array in (affine.weight, affine.bias):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2
    with pytest.raises(AttributeError):
        network.stages = ()
    fortran = Network.from_arrays([np.asfortranarray(np.arange(6.0).reshape(2, 3))], [None]).layers[0].affine
    assert fortran.weight.flags.c_contiguous
    assert fortran.weight.tolist() == [[0, 1, 2], [3, 4, 5]]


BIG = 2**53 + 1


@pytest.mark.parametrize(
    ("weights", "biases", "message"),
    [
        ([], [], "^weights must hold at least one matrix"),
        (None, [], "^weights must be a sequence of matrices"),
        ([[[1]]], None, "^biases must be a sequence of vectors"),
        (np.float64(1), [], "^weights must be a sequence"),
        ("relu", [], "^weights must be a sequence"),
        ([[[1]]], [], "^biases must hold 1 vectors, one per weight matrix, got 0$"),
        ([[[1]]], [[1], [1]], "^biases must hold 1 vectors"),
        (np.ones((2, 2)), [None, None], r"^weights\[0\] must have shape \(n_out, n_in\), got \(2,\)$"),
        ([np.ones((3, 2)), np.ones((4, 2))], [None] * 2, r"^weights\[1\] must have shape \(n_out, 3\), got \(4, 2\)$"),
        ([np.ones((3, 2))], [np.ones(4)], r"^biases\[0\] must have shape \(3,\), got \(4,\)$"),
        ([np.ones((3, 2))], [np.ones((3, 1))], r"^biases\[0\] must have shape \(3,\)"),
        ([np.ones((0, 2))], [None], r"^weights\[0\] must have at least one row and one column"),
        ([np.ones((3, 0))], [None], r"^weights\[0\] must have at least one row"),
        ([[[]]], [None], r"^weights\[0\] must have at least one row"),
        ([[[1, np.nan]]], [None], r"^weights\[0\] must be finite, got nan at index \(0, 1\)$"),
        ([[[1]]], [[-np.inf]], r"^biases\[0\] must be finite, got -inf at index \(0,\)$"),
        ([[[1j]]], [None], r"^weights\[0\] must be an array of real numbers .* got dtype complex128$"),
        ([[[Fraction(1, 3)]]], [None], r"^weights\[0\] must be .* got dtype object$"),
        ([[["1"]]], [None], r"^weights\[0\] must be .* got dtype <U1$"),
        ([[[True]]], [None], r"^weights\[0\] must be .* got dtype bool$"),
        ([np.array([[0]], dtype="m8[s]")], [None], r"^weights\[0\] must be an array of real"),
        ([[[1, 2], [3]]], [None], r"^weights\[0\] must be a rectangular array of numbers"),
        ([None], [None], r"^weights\[0\] must be an array of real"),
        ([np.array([[BIG]])], [None], r"^weights\[0\] must hold integers of size at most 2\*\*53"),
        ([[[-BIG]]], [None], r"^weights\[0\] must hold integers"),
        ([[[BIG, 0.5]]], [None], r"^weights\[0\] must hold integers"),
        ([[[10**30]]], [None], r"^weights\[0\] must be .* got dtype object"),
        ([np.array([[np.iinfo(np.int64).min]])], [None], r"^weights\[0\] must hold integers"),
        ([np.array([[2**64 - 1]], dtype=np.uint64)], [None], r"^weights\[0\] must hold integers"),
        ([np.ma.masked_array([[1.0]], [[True]])], [None], r"^weights\[0\] must have no masked entries"),
    ],
)
def test_bad_arrays(weights, biases, message):
    with pytest.raises(InvalidInput, match=message):
        Network.from_arrays(weights, biases)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="long double is float64 here")
def test_long_doubles_that_float64_cannot_hold():
    for value in (np.longdouble(1) / 3, np.longdouble("1e4000")):
        with pytest.raises(InvalidInput):
            Network.from_arrays([np.array([[value]])], [None])


def test_largest_exact_integers_and_generators():
    network = Network.from_arrays((m for m in [[[2**53, -(2**53)]]]), iter([[0.5]]))
    assert network.layers[0].affine.weight.tolist() == [[2.0**53, -(2.0**53)]]


def test_stacked_matrices():
    network = Network.from_arrays(np.ones((3, 2, 2)), np.zeros((3, 2)))
    assert network.widths == (2, 2)


def test_networks_compare_copy_and_pickle():
    network = random_network(3, 4, 2, activation=[["relu", "relu6", "hardtanh", "hardsigmoid"]])
    _ = network.layers, network.activations[0].slope
    for twin in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        assert twin == network
        assert not twin.layers[0].affine.weight.flags.writeable
        assert not twin.activations[0].kind.flags.writeable
    assert network != random_network(3, 4, 2, seed=1)
    assert network != random_network(3, 4, 2)
    assert network != 1
    assert network.layers[0].affine != "affine"
    assert repr(network.layers[0].affine) == "Affine(3 -> 4)"


def test_chain_puts_identities_between_units():
    double, relu, tanh = Affine.from_arrays([[2.0]], [1]), Activation.uniform(Unit.relu(), 1), Unit.hardtanh()
    network = Network.chain([relu, double, double, relu, Activation.uniform(tanh, 1)])
    assert [layer.activation for layer in network.layers] == [relu, None, relu, Activation.uniform(tanh, 1)]
    assert network.layers[0].affine.weight.tolist() == [[1.0]]
    assert network([[-1], [0.25]]).tolist() == [[1.0], [1.0]]
    assert network.widths == (1, 1, 1)


RELU = Activation.uniform(Unit.relu(), 2)
SQUARE = Affine.from_arrays(np.eye(2), [5, 0])
TALL = Affine.from_arrays(np.ones((5, 2)))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        # the last map takes the input, past a unit that is always off: one region, where the chain has others
        (
            [Stage(SQUARE, (-1,)), Stage(RELU, (0,)), Stage(SQUARE, (-1,))],
            r"^stages\[2\].inputs must be \(1,\), .*chains",
        ),
        ([Stage(SQUARE, (0,))], r"^stages\[0\].inputs must be \(-1,\)"),
        ([Stage(SQUARE, [-1])], r"^stages\[0\].inputs must be \(-1,\)"),
        ([Stage(SQUARE, (-1,)), Stage(RELU, (False,))], r"^stages\[1\].inputs must be \(0,\)"),
        ([Stage(SQUARE, (-1,)), Stage(SQUARE, (0, -1))], r"^stages\[1\].inputs must be \(0,\), .* got \(0, -1\)"),
        ([Stage(SQUARE, (np.zeros(2),))], r"^stages\[0\].inputs must be \(-1,\)"),
        ([Stage(RELU, (-1,))], r"^stages\[0\].op must follow an Affine"),
        ([Stage(SQUARE, (-1,)), Stage(RELU, (0,)), Stage(RELU, (1,))], r"^stages\[2\].op must follow an Affine"),
        ([Stage(TALL, (-1,)), Stage(RELU, (0,))], r"^stages\[1\].op must take 5 values, .* got Activation\(relu, 2"),
        ([Stage(TALL, (-1,)), Stage(TALL, (0,))], r"^stages\[1\].op must take 5 values, .* got Affine\(2 -> 5\)"),
        ([Stage("relu", (-1,))], r"^stages\[0\].op must be an Affine or an Activation, got str"),
        ([SQUARE], r"^stages\[0\] must be a Stage, got Affine"),
        ([], "^stages must hold at least one stage"),
        (None, "^stages must be a sequence of Stage"),
    ],
)
def test_stages_that_are_no_chain(stages, message):
    with pytest.raises(InvalidInput, match=message):
        Network(stages)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ([SQUARE, Affine.from_arrays(np.ones((1, 5)))], r"^ops\[1\] must take 2 values, .* got Affine\(5 -> 1\)"),
        ([SQUARE, RELU, Activation.uniform(Unit.relu(), 3)], r"^ops\[2\] must take 2 values"),
        ([SQUARE, "relu"], r"^ops\[1\] must be an Affine or an Activation"),
        ([], "^stages must hold at least one"),
        (SQUARE, "^ops must be a sequence"),
    ],
)
def test_chains_that_do_not_fit(ops, message):
    with pytest.raises(InvalidInput, match=message):
        Network.chain(ops)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Affine([[1.0]], np.zeros(1)), "^weight must be a C-contiguous float64 array"),
        (lambda: Affine(np.eye(2)[:, :1], np.zeros(2)), "^weight must be a C-contiguous float64 array"),
        (lambda: Affine(np.eye(2), np.zeros(2, np.float32)), "^bias must be a C-contiguous float64 array"),
        (lambda: Affine(np.ones(2), np.zeros(2)), "^weight must have 2 axes"),
        (lambda: Affine(np.ones((0, 2)), np.zeros(0)), "^weight must have 2 axes and no empty one"),
        (lambda: Affine(np.eye(2), np.zeros(3)), r"^bias must have shape \(2,\), got \(3,\)"),
        (lambda: Affine(np.full((1, 1), np.nan), np.zeros(1)), "^weight must be finite"),
        (lambda: Activation([Unit.relu()], np.zeros(1, np.int64)), "^units must be a tuple of Unit"),
        (lambda: Activation((Unit.relu(),), [0]), "^kind must be an int64 array"),
        (lambda: Activation((Unit.relu(),), np.zeros(0, np.int64)), "^kind must be an int64 array"),
        (lambda: Activation((Unit.relu(),), np.array([0, 1])), "^kind must index the 1 units, got 0 to 1"),
    ],
)
def test_operations_hold_what_they_say(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    ("shapes", "biases", "named"),
    [
        ([(2, 16), (16, 1)], [16, 1], 0),  # as scikit-learn's coefs_ and intercepts_
        ([(2, 16), (16, 1)], [None, None], 1),
        ([(2, 2), (2, 5), (5, 1)], [2, 5, 1], 1),  # a square layer passes
        ([(2, 2), (2, 5), (5, 1)], [None] * 3, 1),
        ([(3, 2), (3, 4)], [3, 4], 1),
    ],
)
def test_transposed_weights_are_named(shapes, biases, named):
    weights = [np.ones(shape) for shape in shapes]
    vectors = [None if n is None else np.ones(n) for n in biases]
    with pytest.raises(
        InvalidInput, match=rf"^weights\[{named}\] must have shape \(n_out, .*fits transposed: pass the \.T"
    ):
        Network.from_arrays(weights, vectors)
    Network.from_arrays([w.T for w in weights] if shapes[0] != (3, 2) else [weights[0], weights[1].T], vectors)


def test_error_family():
    assert issubclass(errors.InvalidInput, ValueError)
    assert issubclass(errors.UnsupportedModule, ValueError)
    assert issubclass(errors.BudgetExceeded, RuntimeError)
    assert issubclass(errors.InvariantViolated, RuntimeError)
    assert issubclass(errors.MissingExtra, ImportError)
    assert issubclass(errors.OutOfMemory, MemoryError)
    for name in set(errors.__all__) - {"invalid", "enough_memory"}:
        assert issubclass(getattr(errors, name), errors.LinearRegionsError)


def test_import_leaves_torch_alone():
    code = (
        "import sys, linear_regions.network as n; n.Network.from_arrays([[[1]]], [[0]]); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
