"""PyTorch models: what is read agrees with what torch computes; whatever could differ is refused."""

from __future__ import annotations

import builtins
import copy
import sys
from fractions import Fraction

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.errors import InvalidInput, MissingExtra, UnsupportedModule
from linear_regions.network import Network, Unit

torch = pytest.importorskip("torch")
nn = torch.nn
prune = pytest.importorskip("torch.nn.utils.prune")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def agrees(network, model, shape, n=50):
    """Compare on random points, both in float64."""
    x = 3 * torch.randn(n, *shape, dtype=torch.float64)
    with torch.no_grad():
        expected = copy.deepcopy(model).double().eval()(x).flatten(1).numpy()
    np.testing.assert_allclose(network(x.flatten(1)), expected, rtol=1e-9, atol=1e-9)


ACTIVATIONS = [
    nn.ReLU(),
    nn.ReLU(inplace=True),
    nn.LeakyReLU(),
    nn.LeakyReLU(0.3),
    nn.PReLU(),
    nn.PReLU(8, init=-0.5),
    nn.ReLU6(),
    nn.Hardtanh(),
    nn.Hardtanh(-0.3, 2.0),
    nn.Hardsigmoid(),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation(activation):
    model = nn.Sequential(nn.Linear(3, 8), activation, nn.Linear(8, 2)).double()
    network = Network.from_torch(model)
    assert network.widths == (8,)
    agrees(network, model, (3,))


def test_nested_containers_and_modules_without_effect():
    block = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.0))
    model = nn.Sequential(
        nn.Flatten(), nn.Sequential(nn.Linear(6, 4), nn.Identity(), nn.ReLU()), block, nn.Linear(4, 3)
    )
    network = Network.from_torch(model)
    assert repr(network) == "Network(6-4-4-3, relu, 8 neurons)"
    agrees(network, model, (6,))
    assert Network.from_torch(model, input_shape=(1, 2, 3)) == network


def test_a_module_used_twice_is_read_twice():
    linear, relu = nn.Linear(3, 3), nn.ReLU()
    model = nn.Sequential(linear, relu, linear, relu)
    network = Network.from_torch(model)
    assert network.widths == (3, 3)
    agrees(network, model, (3,))


def test_bare_linear_with_and_without_bias():
    for model in (nn.Linear(3, 2), nn.Linear(3, 2, bias=False)):
        agrees(Network.from_torch(model), model, (3,))


def test_units_in_a_row_at_the_start_and_at_the_end():
    model = nn.Sequential(nn.ReLU(), nn.Linear(3, 4), nn.Linear(4, 5), nn.ReLU(), nn.Hardtanh(), nn.PReLU(5))
    network = Network.from_torch(model)
    assert network.widths == (3, 5, 5, 5)
    assert [layer.activation is None for layer in network.layers] == [False, True, False, False, False]
    agrees(network, model, (3,))
    alone = Network.from_torch(nn.ReLU(), input_shape=(2, 2))
    assert repr(alone) == "Network(4-4, relu, 4 neurons)"


def test_prelu_slopes_follow_the_channels():
    model = nn.Sequential(nn.PReLU(3), nn.Flatten(), nn.Linear(12, 2))
    with torch.no_grad():
        model[0].weight[:] = torch.tensor([0.5, -1.0, 0.5])
    network = Network.from_torch(model, input_shape=(3, 2, 2))
    assert network.activations[0].units == (Unit.leaky_relu(0.5), Unit.leaky_relu(-1))
    assert network.activations[0].kind.tolist() == [0] * 4 + [1] * 4 + [0] * 4
    agrees(network, model, (3, 2, 2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_parameters_are_exact(dtype):
    model = nn.Linear(5, 4).to(dtype)
    network = Network.from_torch(model)
    assert (network.layers[0].affine.weight == model.weight.detach().double().numpy()).all()
    assert model.weight.dtype == dtype
    assert Network.from_arrays([model.weight], [model.bias]) == network


def test_regions_of_a_float32_model_whose_slope_is_rounded():
    model = nn.Sequential(nn.Linear(1, 1), nn.LeakyReLU(0.01), nn.Linear(1, 1), nn.ReLU())
    with torch.no_grad():
        for layer, bias in ((model[0], 0.0), (model[2], 0.01)):
            layer.weight.fill_(1.0)
            layer.bias.fill_(bias)
    # in float32 the second neuron vanishes exactly at -1, the end of the interval
    for own, n_regions in ((model, 2), (copy.deepcopy(model).double(), 3)):
        assert lr.count_regions(Network.from_torch(own), lr.Segment([-1], [1])) == n_regions


HALVES = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32, torch.float64])
@pytest.mark.parametrize("number", [0.01, 0.1, 0.3, -0.7, 1 + 2**-8 + 2**-30, 1e-30])
def test_python_numbers_are_those_that_run(dtype, number):
    values = -torch.linspace(0.5, 3, 2001, dtype=torch.float64).to(dtype)
    leaky = Network.from_torch(nn.Sequential(nn.LeakyReLU(number), nn.Linear(1, 1).to(dtype))).activations[0].units[0]
    expected = values.double() * float(leaky.slopes[0])
    assert torch.equal(nn.LeakyReLU(number)(values), expected.to(dtype))
    assert leaky.slopes[0] == Fraction(torch.tensor(number, dtype=torch.promote_types(dtype, torch.float32)).item())
    low = min(number, -number)
    clamp = Network.from_torch(nn.Sequential(nn.Hardtanh(low, 2.0), nn.Linear(1, 1).to(dtype))).activations[0].units[0]
    lowest = nn.Hardtanh(low, 2.0)(torch.tensor([-100.0], dtype=dtype)).item()
    assert clamp.breakpoints[0] == lowest
    assert clamp(-100) == Fraction(lowest)


def test_models_without_parameters_are_taken_in_float64():
    network = Network.from_torch(nn.Sequential(nn.LeakyReLU(0.01), nn.Hardtanh(-0.1, 0.1)), (1,))
    assert network.activations[0].units == (Unit.leaky_relu(0.01),)
    assert network.activations[1].units == (Unit.hardtanh(-0.1, 0.1),)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2).double()),
            r"^model\.2\.weight must have dtype torch\.float32, as the parameters before it, got torch\.float64",
        ),
        (nn.Sequential(nn.Linear(2, 2), nn.PReLU().half()), r"^model\.1\.weight must have dtype torch\.float32"),
        (
            nn.Sequential(nn.Linear(2, 2), nn.Hardtanh(-1e300, 1)),
            r"^model\.1: Hardtanh: min_val must be finite in torch\.f",
        ),
        (
            nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(1e300)),
            r"^model\.1: LeakyReLU: slope must be finite in torch\.f",
        ),
        (
            nn.Sequential(nn.Linear(2, 2), nn.Hardtanh(0.1, 0.1 + 1e-12)),
            r"^model\.1: Hardtanh: max_val must be larger than min_val = 0\.1000000014.* in torch\.float32",
        ),
    ],
)
def test_types_and_numbers_that_torch_would_not_run(model, message):
    with pytest.raises(InvalidInput, match=message):
        Network.from_torch(model)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.0), nn.ReLU())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    network = Network.from_torch(model)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        model[0].weight.zero_()
    assert network.layers[0].affine.weight.any()


def test_subclasses_that_change_nothing_are_read():
    class Tall(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(2, 3), nn.ReLU())

    class OwnInit(nn.Linear):
        def reset_parameters(self):
            nn.init.normal_(self.weight)
            nn.init.zeros_(self.bias)

    model = nn.Sequential(Tall(), OwnInit(3, 1))
    agrees(Network.from_torch(model), model, (2,))


class Doubling(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Skipping(nn.Sequential):
    def __iter__(self):
        return iter(list(self._modules.values())[1:])


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        return x + self.linear(x)


def patched_linear():
    linear = nn.Linear(2, 2)
    linear.forward = lambda x: x
    return linear


class OwnCall(nn.Linear):
    def _call_impl(self, *args, **kwargs):
        return 2 * super()._call_impl(*args, **kwargs)


class OwnNumbers(nn.LeakyReLU):
    def __getattribute__(self, name):
        return 0.5 if name == "negative_slope" else super().__getattribute__(name)


def with_own(name):
    linear = nn.Linear(2, 2)
    setattr(linear, name, lambda x: x)
    return linear


def pruned_linear():
    linear = nn.Linear(2, 2)
    prune.l1_unstructured(linear, "weight", 1)
    return linear


def hooked_linear():
    linear = nn.Linear(2, 2)
    linear.register_forward_hook(lambda module, args, output: output + 1)
    return linear


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Tanh(), r"^model\.0\.act: Tanh is not supported; supported are Sequential, Linear, .*Hardsigmoid"),
        (nn.Conv2d(1, 1, 1), r"^model\.0\.act: Conv2d is not supported.*Network\.from_arrays"),
        (Residual(), r"^model\.0\.act: Residual is not supported"),
        (nn.Dropout2d().eval(), r"Dropout2d is not supported"),
        (nn.BatchNorm1d(2).eval(), r"^model\.0\.act: BatchNorm1d is not supported, since folding"),
        (Doubling(2, 2), r"Doubling changes what Linear computes"),
        (Skipping(nn.ReLU(), nn.ReLU()), r"Skipping changes what Sequential computes"),
        (patched_linear(), r"Linear changes what Linear computes"),
        (OwnCall(2, 2), r"OwnCall changes what Linear computes"),
        (OwnNumbers(), r"OwnNumbers changes what LeakyReLU computes"),
        (with_own("_call_impl"), r"Linear changes what Linear computes"),
        (with_own("_wrapped_call_impl"), r"Linear changes what Linear computes"),
        (with_own("_slow_forward"), r"Linear changes what Linear computes"),
        (with_own("_compiled_call_impl"), r"Linear changes what Linear computes"),
        (pruned_linear(), r"Linear has forward hooks"),
        (hooked_linear(), r"Linear has forward hooks"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), r"Linear has parametrizations"),
        (nn.ModuleList([nn.Linear(2, 2)]), r"ModuleList is not supported"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_could_compute_something_else_is_refused(module, message):
    inner = nn.Sequential()
    inner.add_module("act", module)
    with pytest.raises(UnsupportedModule, match=message):
        Network.from_torch(nn.Sequential(inner, nn.Linear(2, 2)))


def test_container_hooks_and_computed_weights():
    model = nn.Sequential(nn.Linear(2, 2))
    handle = model.register_forward_pre_hook(lambda module, args: None)
    with pytest.raises(UnsupportedModule, match=r"^model: Sequential has forward hooks"):
        Network.from_torch(model)
    handle.remove()
    Network.from_torch(model)
    del model[0]._parameters["weight"]
    model[0].weight = torch.ones(2, 2)
    with pytest.raises(UnsupportedModule, match=r"^model\.0\.weight is computed"):
        Network.from_torch(model)


@pytest.mark.parametrize("kind", ["forward_hook", "forward_pre_hook"])
def test_hooks_of_all_modules(kind):
    model = nn.Linear(2, 2)
    handle = getattr(torch.nn.modules.module, f"register_module_{kind}")(lambda module, *args: None)
    try:
        with pytest.raises(UnsupportedModule, match=r"^torch has forward hooks of all modules"):
            Network.from_torch(model)
    finally:
        handle.remove()
    Network.from_torch(model)


def test_a_patched_torch(monkeypatch):
    model = nn.Sequential(nn.Linear(2, 2))
    for holder, name in ((nn.Module, "_call_impl"), (nn.Linear, "forward"), (nn.Sequential, "forward")):
        with monkeypatch.context() as patch:
            patch.setattr(holder, name, lambda self, x: x)
            with pytest.raises(UnsupportedModule, match="changes what"):
                Network.from_torch(model)
    Network.from_torch(model)


def test_compiled_modules_compute_the_same():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    network = Network.from_torch(model)
    model.compile(backend="eager")
    assert Network.from_torch(model) == network


def broken(value, dtype=torch.float32):
    linear = nn.Linear(2, 2)
    linear.weight = nn.Parameter(torch.full((2, 2), value, dtype=dtype))
    return linear


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (
            nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)),
            None,
            r"^model\.1: Dropout\(p=0\.5\) is in training mode.*eval",
        ),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)), None, r"^model\.0: BatchNorm1d is in training mode.*eval"),
        (nn.Linear(2, 2, device="meta"), None, r"^model\.weight must hold numbers, got a tensor on the meta device"),
        (nn.LazyLinear(2), (3,), r"^model: LazyLinear has no parameters yet"),
        (broken(float("nan")), None, r"^model\.weight must be finite"),
        (broken(1.0, torch.complex64), None, r"^model\.weight must be an array of real numbers"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3)), None, r"^model\.1\.weight must have shape \(n_out, 3\)"),
        (nn.Linear(4, 2), (2, 2), r"^model: Linear must have flat inputs, got shape \(2, 2\); put a Flatten"),
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), (5,), r"^model\.1\.weight must have shape \(n_out, 5\)"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(4, 2)), None, r"^model\.0: Flatten must leave the batch axis"),
        (nn.Sequential(nn.Flatten(2), nn.Linear(4, 2)), None, r"^model\.0: Flatten\(2, -1\) does not fit"),
        (nn.Sequential(nn.Linear(2, 3), nn.PReLU(2)), None, r"^model\.1\.weight must hold 1 or 3 slopes, got 2"),
        (
            nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(float("nan"))),
            None,
            r"^model\.1: LeakyReLU: slope must be finite",
        ),
        (nn.ReLU(), None, r"^input_shape must be given"),
        (nn.Sequential(), (3,), r"^module must hold at least one Linear"),
        (nn.Linear(4, 2), (0, 4), r"^input_shape must be a sequence of positive integers"),
        (nn.Linear(4, 2), 4, r"^input_shape must be a sequence of positive integers, got int"),
        (nn.Linear(4, 2), (), r"^input_shape must be"),
        (np.ones((2, 2)), None, r"^module must be a torch\.nn\.Module, got ndarray"),
    ],
)
def test_bad_models(model, shape, message):
    with pytest.raises(InvalidInput, match=message):
        Network.from_torch(model, input_shape=shape)


def test_modes_that_make_no_difference_are_read():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Flatten(-1), nn.Flatten(0, 0)).eval()
    agrees(Network.from_torch(model), model, (2,))


@pytest.mark.filterwarnings("ignore:.*quantize")  # deprecated there, but such tensors exist
def test_odd_tensors_as_arrays():
    for tensor, message in (
        (torch.eye(2).to_sparse(), "plain dense tensor"),
        (torch.quantize_per_tensor(torch.eye(2), 0.1, 0, torch.qint8), "plain dense tensor"),
        (torch.tensor([[2**53 + 1, 0]]), "integers of size at most"),
        (torch.tensor([[True]]), "real numbers"),
    ):
        with pytest.raises(InvalidInput, match=message):
            Network.from_arrays([tensor], [None])
    assert Network.from_arrays([torch.eye(2).T], [torch.zeros(2, dtype=torch.int32)]).n_outputs == 2


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_views_that_negate_or_conjugate_hold_plain_numbers(dtype):
    weight = torch.tensor([[1 + 2j, 3 - 0.5j]], dtype=dtype).conj()
    assert weight.imag.is_neg()
    assert Network.from_arrays([weight.imag], [None]).layers[0].affine.weight.tolist() == [[-2.0, 0.5]]
    model = nn.Linear(2, 1, dtype=weight.imag.dtype)
    model.weight = nn.Parameter(weight.imag)
    assert Network.from_torch(model).layers[0].affine.weight.tolist() == [[-2.0, 0.5]]
    with pytest.raises(InvalidInput, match=r"^weights\[0\] must be an array of real numbers .* got dtype complex"):
        Network.from_arrays([weight], [None])


def test_torch_missing(monkeypatch):
    real = builtins.__import__

    def without_torch(name, *args, **kwargs):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "linear_regions.network.torch_reader", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(MissingExtra, match=r"linear-regions\[torch\]"):
        Network.from_torch(object())


@pytest.mark.parametrize("dims", [("a", -1), (None, -1), (1, 2.5), (1, "x"), (torch.ones(2), -1), (2, 1)])
def test_dimensions_that_a_flatten_cannot_have(dims: tuple[object, object]) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(*dims), torch.nn.Linear(2, 1))  # type: ignore[arg-type]
    with pytest.raises(lr.InvalidInput, match=r"model.0: Flatten\(.*\) does not fit inputs of shape \(2,\)"):
        lr.Network.from_torch(model, input_shape=(2,))
