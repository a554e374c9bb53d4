"""Hostile arguments for everything public: the calls that work, what is put in place of their arguments, what may come.

A call may do its work, raise an error of the library, or find that a result does not fit into memory; the command line
may also exit with a status. Anything else is a fault.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import random
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import cvxpy as cp
import matplotlib.pyplot as plt
import numpy as np
import torch

import linear_regions as lr
from linear_regions import reference
from linear_regions.cli import main
from linear_regions.network import Activation, Affine, Stage, Unit

# Of what is public, the parts that engines and files use and that take no arguments of a caller.
INNER = {"from_dict", "to_dict", "halfspaces", "chart", "line_chart", "plane_chart", "solid_chart", "halfspace_chart"}
INNER |= {"check_inside", "box_about", "plane", "words"}

# What a method takes, by the name of the parameter.
_TAKEN: dict[str, Callable[[Any, Path], object]] = {
    "ax": lambda own, folder: None,
    "by": lambda own, folder: "layer",
    "cell": lambda own, folder: 0,
    "codim": lambda own, folder: 1,
    "color": lambda own, folder: "cell",
    "definition": lambda own, folder: "R2",
    "edges": lambda own, folder: True,
    "exact": lambda own, folder: True,
    "indices": lambda own, folder: [0],
    "level": lambda own, folder: 0.95,
    "mark": lambda own, folder: None,
    "n_points": lambda own, folder: 100,
    "output": lambda own, folder: "logits",
    "path": lambda own, folder: folder / "written.npz",
    "points": lambda own, folder: np.full((2, own.dim), 0.25),
    "seed": lambda own, folder: 0,
    "t": lambda own, folder: np.full((2, own.dim), 0.25),
    "to": lambda own, folder: "activation",
    "tolerance": lambda own, folder: 1e-3,
    "x": lambda own, folder: np.full((2, own.n_inputs), 0.25),
    "z": lambda own, folder: 0.5,
}

_FUNCTIONS = {"estimator", "truth"}


@dataclass(frozen=True)
class Call:
    """Something public, with arguments that it takes."""

    name: str
    function: Callable[..., object]
    arguments: dict[str, object]

    def __call__(self, changes: dict[str, object]) -> object:
        return self.function(**{**self.arguments, **changes})


class TookTooLong(BaseException):
    """The time for a call is over."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `TookTooLong` in the middle of what takes longer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def calls(folder: Path) -> list[Call]:
    """Every call; files are written to the folder."""
    network = lr.Network.from_arrays(
        [[[1, 0.5], [-1, 2], [0.25, -1]], [[1, -1, 2], [0.5, 1, 1]]], [[0.1, 0, 0.5], None], "relu"
    )
    spatial = lr.Network.from_arrays([np.eye(3), [[1, 1, 1]]], [[0.25, 0, -0.5], None])
    square, cube = lr.Box([-1, -1], [1, 1]), lr.Box([-1] * 3, [1] * 3)
    triangle = lr.Polytope([[-1, 0], [0, -1], [1, 1]], [1, 1, 1])
    ellipse = lr.Ellipse([0, 0], [0.5, 0], [0, 0.75])
    segment = lr.Segment([-1, -1], [1, 0.5])
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    regions = lr.enumerate_regions(network, square)
    network.save(folder / "network.npz")
    regions.save(folder / "regions.npz")
    points = np.array([[0.25, 0.5], [-0.5, 0.75]])
    generator = torch.Generator().manual_seed(0)
    rows, bounds = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [1.0, 1.0, 0.5]
    t = cp.Variable(2)
    disc = lr.ConvexSet(t, [cp.norm(t) <= 1])
    limits: dict[str, object] = {"max_regions": 1000, "n_jobs": 1, "executor": None, "progress": False}
    sampled: dict[str, object] = {"n": 50, "generator": generator, "dtype": None}
    placed: dict[str, object] = {**sampled, "device": None}
    e = lr.estimators
    functions: list[tuple[Callable[..., object], dict[str, object]]] = [
        (lr.Network, {"stages": network.stages}),
        (lr.Network.chain, {"ops": [stage.op for stage in network.stages]}),
        (lr.Network.from_arrays, {"weights": rows_of(network), "biases": [[0, 1, 2], None], "activation": "relu"}),
        (lr.Network.from_torch, {"module": module, "input_shape": (2,)}),
        (network, {"x": points}),
        (Unit.relu6(), {"z": 0.5}),
        (Unit, {"breakpoints": (0.0,), "slopes": (0, 1), "intercepts": (0, 0)}),
        (Unit.leaky_relu, {"slope": 0.1}),
        (Unit.hardtanh, {"low": -1, "high": 1}),
        (Affine, {"weight": np.eye(2), "bias": np.zeros(2)}),
        (Affine.from_arrays, {"weight": np.eye(2), "bias": [0, 1], "after": None}),
        (Activation, {"units": (Unit.relu(),), "kind": np.zeros(2, np.int64)}),
        (Activation.uniform, {"unit": Unit.relu(), "n": 2}),
        (Activation.from_units, {"units": [Unit.relu(), Unit.relu6()]}),
        (lr.load_network, {"path": folder / "network.npz"}),
        (lr.load_regions, {"path": folder / "regions.npz"}),
        (lr.Box, {"lower": [-1, -1], "upper": [1, 2]}),
        (lr.Polytope, {"A": rows, "b": bounds}),
        (lr.Space, {"dim": 2}),
        (lr.Segment, {"start": [0, 0], "end": [1, 2]}),
        (lr.Line, {"point": [0, 0], "direction": [1, 2]}),
        (lr.Polyline, {"points": points, "closed": False}),
        (lr.Polyline.translations, {"image": [[0, 1, 2], [3, 4, 5]], "axis": -1}),
        (lr.Ellipse, {"center": [0, 0], "a": [1, 0], "b": [0, 1]}),
        (lr.Ellipse.great_circle, {"start": [1, 0], "toward": [0, 2]}),
        (lr.Ellipse.through, {"points": [[1, 0], [0, 2], [3, 3]]}),
        (lr.Ellipse.random, {"n_inputs": 3, "rng": np.random.default_rng(0)}),
        (lr.Slice, {"origin": [0, 0, 1], "basis": [[1, 0], [0, 1], [1, 1]], "domain": square}),
        (lr.Slice.through, {"points": [[1, 0], [0, 2], [3, 3]], "margin": 0.2, "shape": "square"}),
        (lr.ConvexSet, {"variable": t, "constraints": [cp.norm(t) <= 1], "solver": "CLARABEL", "tolerance": 1e-6}),
        (lr.enumerate_regions, {"network": network, "domain": square, "method": "auto", **limits}),
        (lr.count_regions, {"network": network, "domain": triangle, "full_output": True, "method": "auto", **limits}),
        (lr.count_regions, {"network": network, "domain": disc, "full_output": True, "max_regions": 100}),
        (lr.sum_regions, {"network": network, "domain": square, **limits}),
        (lr.curve_regions, {"network": network, "curve": ellipse}),
        (lr.explore, {"network": network, "point": [0.25, 0.5], "domain": square, "radius": None, "max_cells": 20,
                      "time_limit": 10, "progress": False}),
        (lr.explore, {"network": network, "point": [0.25, 0.5], "domain": None, "radius": 0.5, "max_cells": 20,
                      "progress": True}),
        (lr.nearest_boundary, {"network": network, "point": [0.25, 0.5], "to": "decision", "domain": square,
                               "max_cells": 20, "time_limit": 10, "progress": False}),
        (lr.validate, {"estimator": e.transitions, "network": network, "domain": ellipse, "truth": None,
                       "sizes": (20, 30), "seeds": 2, "dtypes": ("float64",), "level": 0.95}),
        (lr.validate, {"estimator": e.jacobian_norm, "network": network, "domain": square, "truth": 1.0,
                       "sizes": (20,), "seeds": 2, "output": "logits"}),
        (e.boundary_volume, {"model": network, "domain": square, "method": "crofton", **placed}),
        (e.boundary_volume, {"model": module, "domain": square, "method": "tube", "width": 0.1, **placed}),
        (e.cell_volume, {"model": network, "point": [0.25, 0.5], "domain": square, "n": 100, "generator": generator}),
        (e.distance_to_boundary, {"model": network, "points": points, "n_candidates": 2, "generator": generator,
                                  "device": None, "dtype": None}),
        (e.expected_boundary_volume, {"widths": [2, 3, 1], "domain": square, "bias_std": 0.1, "codim": 1,
                                      "neurons": "good", **placed, "device": "cpu", "dtype": torch.float64}),
        (e.jacobian_norm, {"model": network, "points": square, "output": "softmax", **placed}),
        (e.local_complexity, {"model": network, "points": points, "radius": 0.1, "n_directions": 2,
                              "generator": generator, "device": None, "dtype": None}),
        (e.mean_distance, {"model": network, "points": square, "n_candidates": 2, **placed}),
        (e.region_count, {"model": network, "domain": square, **sampled}),
        (e.trajectory_length, {"model": network, "curve": ellipse, "k": 50, "device": None, "dtype": None}),
        (e.transitions, {"model": network, "curve": segment, "k": 50, "device": None, "dtype": None}),
        (e.unique_patterns, {"model": network, "domain": square, "method": "chao1", **placed}),
        (lr.lp.feasible, {"A": rows, "b": bounds}),
        (lr.lp.largest_ball, {"A": rows, "b": bounds}),
        (lr.lp.minimize, {"c": [1.0, 1.0], "A": rows, "b": bounds}),
        (lr.lp.project, {"A": rows, "b": bounds, "point": [3.0, 3.0]}),
        (lr.lp.redundant, {"A": rows, "b": bounds}),
        (reference.score, {"estimator": e.transitions, "quantity": "transitions",
        "cases": [reference.load_reference()[0].name],
                           "n": 20, "seeds": 2}),
        (reference.load_reference, {}),
    ]  # fmt: skip
    owners: list[object] = [
        *(square, triangle, lr.Space(2), ellipse, segment, lr.Line([0, 0], [1, 2]), disc, network),
        *(lr.Polyline(points), lr.Slice([0, 0], [[1, 0], [0, 1]], square)),
        *(regions, lr.enumerate_regions(spatial, cube), lr.enumerate_regions(network, segment)),
        *(lr.enumerate_regions(network, lr.Space(2)), lr.enumerate_regions(network, square, method="lp")),
        *(lr.sum_regions(network, square), lr.count_regions(network, square, full_output=True), regions.certificate),
        *(lr.curve_regions(network, curve) for curve in (ellipse, segment)),
        *(lr.explore(network, [0.25, 0.5], domain=square), lr.nearest_boundary(network, [0.25, 0.5])),
        lr.validate(e.transitions, network, ellipse, sizes=(20,), seeds=2),
        *(Unit.relu6(), e.transitions(network, ellipse, k=20)),
    ]
    listed = [
        Call(getattr(function, "__qualname__", f"{type(function).__name__}.__call__"), function, taken)
        for function, taken in functions
    ]
    listed += [call for own in owners for call in methods(own, folder)]
    for path, read in ((folder / "network.npz", _read_network), (folder / "regions.npz", _read_regions)):
        with np.load(path) as stored:
            listed.append(Call(read.__name__, partial(_altered, folder / "altered.npz", read), dict(stored)))
    model, figure = folder / "network.npz", folder / "figure.svg"
    for name, array in (("point", np.ones(2)), ("scalar", np.ones(())), ("cube", np.ones((2, 2, 2))), ("none", "a")):
        np.save(folder / f"{name}.npy", array)
    lines = [
        ["count", model, "--box", "-1", "1", "--max-regions", "100", "--jobs", "1", "--json"],
        ["plot", model, "--plane", "0,0", "1,0", "0,1", "--margin", "0.2", "--output", figure, "--color", "layer"],
        ["count", model, "--segment", "0,0", folder / "point.npy", "--no-progress"],
        ["reference", "list"],
        ["reference", "check", "--case", "tent-10"],
        ["reference", "run", "linear_regions.estimators:trajectory_length", "image_length", "--n", "20",
         "--seeds", "2", "--case", "tent-10", "--option", "dtype=null", "--option", "device=cpu", "--json"],
    ]  # fmt: skip
    numbered = [{str(i): word for i, word in enumerate(words)} for words in lines]
    return [*listed, *(Call("main", _command, words) for words in numbered)]


def _altered(path: Path, read: Callable[[Path], object], **arrays: Any) -> object:
    path.unlink(missing_ok=True)
    with contextlib.suppress(Exception):  # what numpy cannot write is no file
        if max(np.size(array) for array in arrays.values()) < 10**6:
            np.savez(path, **arrays)
    return read(path)


def _read_network(path: Path) -> object:
    return lr.load_network(path)


def _read_regions(path: Path) -> object:
    regions = lr.load_regions(path)
    regions.check()
    return regions.summary()


def rows_of(network: lr.Network) -> list[list[list[float]]]:
    return [layer.affine.weight.tolist() for layer in network.layers]


def methods(own: object, folder: Path) -> Iterator[Call]:
    """The public methods of an object, and each property as one."""
    for name in dir(type(own)):
        found = inspect.getattr_static(type(own), name)
        if name.startswith("_") or name in INNER or isinstance(found, classmethod | staticmethod):
            continue
        label = f"{type(own).__name__}.{name}"
        if inspect.isfunction(found):
            names = list(inspect.signature(found).parameters)[1:]
            taken = {parameter: _TAKEN[parameter](own, folder) for parameter in names}
            if isinstance(own, lr.Validation) and name == "save":
                taken = {"path": folder / "written.json"}
            yield Call(label, getattr(own, name), taken)
        else:
            yield Call(label, lambda own=own, name=name: getattr(own, name), {})


def _command(**words: object) -> object:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return main([str(word) for word in words.values()])


_SCALARS: tuple[Callable[[], object], ...] = (
    *(lambda value=value: value for value in (
        None, True, False, 0, 1, -1, 2, 3, 2**53 + 1, 10**12, 10**30, -(10**30), 10**400, 0.0, -0.0, 0.5, 1e-320,
        1e308, -1e308,
        float("nan"), float("inf"), float("-inf"), 1j, Fraction(1, 3), Decimal("0.1"), "", "abc", "1", "nan",
        "cpu", b"x",
        "\0", "a" * 5000, (), ..., int, np.float32, torch.float32, torch.int64, "float16", "cuda:7", "meta",
    )),
    lambda: [], lambda: {}, set, lambda: {1, 2}, lambda: {"a": 1}, object, lambda: len, lambda: (lambda x: x),
    lambda: range(3), lambda: iter([1, 2]), lambda: (i for i in range(2)), lambda: slice(1), lambda: Path("none"),
    lambda: bytearray(b"ab"), lambda: memoryview(b"ab"), lambda: NotImplemented, lambda: ValueError("x"),
    lambda: np.float32(0.5), lambda: np.int64(3), lambda: np.bool_(True), lambda: np.float64("nan"),
    lambda: np.longdouble(1) / 3, lambda: np.complex128(1), lambda: np.str_("a"), lambda: np.datetime64("2020-01-01"),
    lambda: np.array(1.0), lambda: np.zeros(0), lambda: np.zeros((0, 2)), lambda: np.zeros((2, 0)),
    lambda: np.zeros((1, 1, 1, 2)), lambda: np.array(["a", "b"]), lambda: np.array([None, 1], object),
    lambda: np.array([Fraction(1, 3)] * 2), lambda: np.array([1 + 1j, 2]), lambda: np.zeros(2, "f8,f8"),
    lambda: np.ma.masked_array([1.0, 2.0], [True, False]), lambda: np.array([2**63], np.uint64),
    lambda: np.ones(2, bool),
    lambda: np.array(["2020-01-01"], "M8[D]"), lambda: np.matrix([[1.0, 2.0]]), lambda: np.full(2, 1e308),
    lambda: np.broadcast_to(np.float64(1), (10**6, 10**6)), lambda: [[1, 2], [3]], lambda: [None],
    lambda: [float("nan")],
    lambda: [[1, 2], [3, 4]], lambda: ["relu", "relu"], lambda: [[[1.0]]], lambda: [[]], lambda: [object()],
    lambda: torch.ones(2), lambda: torch.ones(2, 2, requires_grad=True), lambda: torch.ones(2, dtype=torch.bfloat16),
    lambda: torch.ones(2, 2).to_sparse(), lambda: torch.ones(2, device="meta"), lambda: torch.tensor(3),
    lambda: torch.ones(2, dtype=torch.complex64), lambda: torch.device("meta"), lambda: torch.Generator(),
    lambda: torch.nn.ReLU(), lambda: torch.nn.Linear(3, 1), lambda: torch.nn.Conv2d(1, 1, 1),
    lambda: torch.nn.Sequential(),
    lambda: np.random.default_rng(0), lambda: np.random.RandomState(0), lambda: random.Random(0),
    lambda: cp.Variable(3),
    lambda: lr.Box([0], [1]), lambda: lr.Box([0] * 3, [1] * 3), lambda: lr.Box([-1e308] * 2, [1e308] * 2),
    lambda: lr.Box([0, 0], [5e-324, 5e-324]), lambda: lr.Space(1), lambda: lr.Space(2), lambda: lr.Space(50),
    lambda: lr.Segment([0, 0], [1e308, 1]), lambda: lr.Segment([0], [1]), lambda: lr.Line([0, 0], [1e-320, 0]),
    lambda: lr.Polyline([[0, 0], [1, 1], [1e-300, 1e300]]), lambda: lr.Ellipse([0, 0], [1e200, 0], [0, 1e-200]),
    lambda: lr.Slice([0, 0], [[1], [1]], lr.Box([0], [1])), lambda: lr.Slice([0, 0], [[1, 0], [0, 1]], lr.Space(2)),
    lambda: lr.Polytope([[-1, 0], [0, -1], [1, 1]], [0, 0, 1e-300]), lambda: [lr.Box([0, 0], [1, 1])], lambda: lr.Box,
    lambda: lr.Network.from_arrays([[[1.0]]], [None]), lambda: lr.Network.from_arrays([np.zeros((3, 2))] , [None]),
    lambda: lr.Network.from_arrays([np.full((2, 2), 1e200)] * 3, [None] * 3),
    lambda: lr.Network.from_arrays([np.full((2, 2), 1e-200)] * 3, [[5e-324, 0]] * 3, "hardtanh"),
    lambda: lr.Network.from_arrays([np.eye(2), np.ones((1, 2))], [None] * 2, "identity"),
    lambda: Unit.relu(), lambda: Unit((), (1,), (2,)), lambda: Stage(Affine.from_arrays([[1.0]]), (-1,)),
)  # fmt: skip


def hostile(rng: random.Random, valid: object) -> object:
    """Something in place of a valid argument: anything at all, or the argument spoilt."""
    if rng.random() < 0.4:
        if isinstance(valid, torch.nn.Module):
            return _spoilt_module(rng)
        with contextlib.suppress(TypeError, ValueError, IndexError, OverflowError, RuntimeError):
            with np.errstate(all="ignore"):
                return _spoilt(rng, np.array(valid, dtype=np.float64))
    return rng.choice(_SCALARS)()


def _spoilt(rng: random.Random, array: np.ndarray[Any, Any]) -> object:
    """An array of about the right kind."""
    if array.size:
        place = tuple(rng.randrange(n) for n in array.shape)
        changed = array.copy()
        changed[place] = rng.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 1e160, 5e-324, -0.0, 0.0, 1e-160, 2.0**60])
    choices: tuple[Callable[[], object], ...] = (
        lambda: changed, lambda: changed.tolist(), lambda: array.T, lambda: array[None], lambda: array[:-1],
        lambda: array[0],
        lambda: array[..., :-1], lambda: array * 1e300, lambda: array * 1e-300, lambda: array * 0, lambda: -array,
        lambda: array.astype(np.float16), lambda: array.astype(np.longdouble), lambda: array.astype(complex),
        lambda: array.astype(object), lambda: array.astype(str), lambda: array.astype(">f4"),
        lambda: array.astype(bool),
        lambda: torch.tensor(array), lambda: torch.tensor(array, dtype=torch.float16),
        lambda: torch.tensor(array).to_sparse(),
        lambda: np.repeat(array, 2, axis=-1)[..., ::2], lambda: np.asfortranarray(array), lambda: array.astype(np.int8),
        lambda: np.concatenate([array, array]), lambda: np.repeat(array, 3, axis=-1), lambda: np.nextafter(array, 9),
        lambda: np.frombuffer(array.tobytes(), np.float64).reshape(array.shape), lambda: array.tolist(),
        lambda: [Fraction(v) for v in array.ravel()], lambda: array + np.random.default_rng(rng.randrange(99)).normal(),
    )  # fmt: skip
    return rng.choice(choices)()


def _spoilt_module(rng: random.Random) -> torch.nn.Module:
    """A model of which one module has an attribute or a parameter that is none."""
    nn = torch.nn
    kinds: tuple[Callable[[], torch.nn.Module], ...] = (
        lambda: nn.Linear(3, 3), nn.Identity, nn.Dropout, nn.Flatten, nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.ReLU6,
        nn.Hardtanh, nn.Hardsigmoid, lambda: nn.BatchNorm1d(3), lambda: nn.Sequential(nn.Linear(3, 3)),
    )  # fmt: skip
    module = rng.choice(kinds)().train(rng.random() < 0.5)
    places = [(vars(module), name) for name in vars(module) if not name.startswith("_")]
    places += [(own, name) for own in (module._parameters, module._modules) for name in own]
    holder, name = rng.choice(places)
    holder[name] = rng.choice(_SCALARS)()
    modules = [nn.Linear(2, 3), module, nn.Linear(3, 1)]
    return nn.Sequential(*(modules if rng.random() < 0.8 else rng.sample(modules, 3)))


def _spoilt_words(rng: random.Random, call: Call) -> dict[str, object]:
    words = ["", "nan", "inf", "1e999", "-1", "0", "10" * 30, "é", "a\0b", "--jobs", "--space", "--segment", "0,0",
             ",", "x.npy",
             "/", "none.npz", "--margin", "plot", "demo", "--output", "1e-320", "--progress", "-h", "--max-regions",
             "[", "-2,1", "1e400", "\u0663", "1_0", "0x10", " ", "nan,nan", "1,inf", "--option", "n=3", "=", "=1", "k=",
             "dtype=float16", "device=cuda:9", "device=[", "dtype=" + "[" * 10**5, "device=" + "1" * 5000,
             "device=1e999", "device=NaN", "generator={}", "model=1", "estimator=1", "quantity=1", "scalar.npy",
             "cube.npy", "none.npy", "point.npy", ".npy", "regions.npz", "linear_regions:nothing", "linear_regions:lp",
             ":", "os:", "os:getpid", "math:sqrt", "linear_regions.estimators:transitions", "regions", "transitions",
             "tent-10", "--", "--json", "--case", "--n", "--seeds", "--line", "--plane", "--no-progress"]  # fmt: skip
    return {
        key: rng.choice(words)
        for key in rng.sample(sorted(call.arguments), rng.randint(1, min(3, len(call.arguments))))
    }


def changes_of(rng: random.Random, call: Call) -> dict[str, object]:
    """Arguments to replace: mostly one, sometimes several."""
    if call.name == "main":
        return _spoilt_words(rng, call)
    names = rng.sample(sorted(call.arguments), min(len(call.arguments), rng.choice([1, 1, 1, 2, 3])))
    changes = {name: hostile(rng, call.arguments[name]) for name in names}
    # what a function of the caller's raises is the caller's
    return {name: value for name, value in changes.items() if not (name in _FUNCTIONS and callable(value))}


def failure(call: Call, changes: dict[str, object], seconds: float) -> BaseException | None:
    """What a call ends with that it must not; what it gave is used as well."""
    try:
        with limited(seconds), warnings.catch_warnings(), np.errstate(all="ignore"), _quiet():
            warnings.simplefilter("ignore")
            use(call(changes))
    except (lr.LinearRegionsError, MemoryError):
        return None
    except SystemExit as done:
        return None if call.name == "main" and done.code in (0, 1, 2) else done
    except (Exception, TookTooLong) as error:
        return error
    finally:
        plt.close("all")
    return None


def _quiet() -> contextlib.AbstractContextManager[object]:
    """Show no progress."""
    return contextlib.redirect_stderr(io.StringIO())


def use(result: object) -> None:
    """Ask a result for what it is."""
    repr(result)
    if isinstance(result, lr.Regions | lr.CurveRegions):
        _use_regions(result)
    if isinstance(result, lr.Network) and result.n_inputs <= 3 and result.n_neurons < 20:
        lr.count_regions(result, lr.Box([-1] * result.n_inputs, [1] * result.n_inputs))
    if isinstance(result, lr.domain.Domain):
        _ = result.volume
        if result.n_inputs <= 3:
            rows = [[1, -2, 3][: result.n_inputs], [0.5, 1, -1][: result.n_inputs]]
            network = lr.Network.from_arrays([rows, [[1, 1]]], [[0.1, 0], None])
            ring = isinstance(result, lr.Ellipse)
            use(lr.curve_regions(network, result) if ring else lr.enumerate_regions(network, result))
            _ = None if ring else lr.sum_regions(network, result)


def _use_regions(regions: lr.Regions | lr.CurveRegions) -> None:
    """Ask for all there is; and invariants hold whatever the network and the domain are."""
    try:
        regions.check()
    except lr.InvariantViolated as error:
        raise AssertionError("of regions that were just found") from error
    for call in methods(regions, Path()):
        if call.name.rpartition(".")[2] not in {"estimated_volumes", "plot", "save"}:  # slow, or a file
            with contextlib.suppress(lr.LinearRegionsError):
                call({})


def shown(call: Call, changes: dict[str, object]) -> str:
    """A call as text."""
    return f"{call.name}({', '.join(f'{name}={_text(value):.200}' for name, value in changes.items())})"


def _text(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # of a module with odd attributes
        return f"<{type(value).__name__}, {error}>"


def fuzz(
    seed: int, numbers: Iterable[int], seconds: float, start: Callable[[str], None] = lambda text: None
) -> Iterator[str]:
    """Make calls, some of each kind in turn; yields those that end as they must not."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):  # for names of files without a folder
        listed = [call for call in calls(Path(name)) if call.arguments]
        for number in numbers:
            rng = random.Random(f"{seed} {number}")
            (call,) = rng.choices(listed, [len(call.arguments) for call in listed])
            changes = changes_of(rng, call)
            text = f"seed {seed}, number {number}: {shown(call, changes)}"
            start(text)
            if found := failure(call, changes, seconds):
                yield f"{text}\n{found!r:.500}{_place(found)}"


def _place(error: BaseException) -> str:
    """Where it was raised, in the library and at the end."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "linear_regions" in code.co_filename or trace.tb_next is None:
            frames.append(f"\n    {code.co_filename.rpartition('linear_regions/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return "".join(frames[-5:])
