"""Network files: exact round trips, real models of others, and damage of every kind."""

from __future__ import annotations

import io
import random
import zipfile
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from linear_regions.errors import InvalidInput, LinearRegionsError
from linear_regions.network import Network, Unit, load_network
from linear_regions.network import files as network_files


def network(activation="relu", sizes=(3, 4, 5, 2)):
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((n, m)) for m, n in pairwise(sizes)]
    return Network.from_arrays(weights, [rng.standard_normal(n) for n in sizes[1:]], activation)


ODD = Unit((-0.1, 5e-324), (0, Fraction(1, 3), 2), (0, Fraction(0.1) / 3, Fraction(0.1) / 3 - Fraction(5e-324) * 5 / 3))


@pytest.mark.parametrize(
    "activation",
    ["relu", "hardsigmoid", "identity", ["leaky_relu", ["relu", ODD, "relu6", ODD, Unit.leaky_relu(1e-300)]]],
    ids=["relu", "hardsigmoid", "identity", "mixed"],
)
def test_round_trip(tmp_path, activation):
    original = network(activation)
    original.save(tmp_path / "a.npz")
    assert load_network(tmp_path / "a.npz") == original
    load_network(tmp_path / "a.npz").save(str(tmp_path / "b.NPZ"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.NPZ").read_bytes()
    np.load(tmp_path / "a.npz", allow_pickle=False)["W0"]


def test_round_trip_of_chains(tmp_path):
    ops = [layer.affine for layer in network().layers]
    for chain in ([ops[0]], [ops[0], ops[1]], [ops[0], network().activations[0]]):
        original = Network.chain(chain)
        original.save(tmp_path / "a.npz")
        assert load_network(tmp_path / "a.npz") == original


def test_saving_refuses(tmp_path):
    for path in (tmp_path / "a.npy", tmp_path / "no" / "a.npz", 3):
        with pytest.raises(InvalidInput, match=r"^path must"):
            network().save(path)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InvalidInput, match="can be written"):
        network().save(tmp_path / "folder.npz")
    long = Unit.leaky_relu(Fraction(1, 16**5000))
    with pytest.raises(InvalidInput, match="at most 4096 digits"):
        network(long).save(tmp_path / "a.npz")


def plain(**changes):
    arrays = {"W0": np.ones((3, 2), np.float32), "b0": np.ones(3), "W1": np.ones((1, 3)), "b1": np.zeros(1)}
    return {key: value for key, value in (arrays | changes).items() if value is not None}


def test_plain_files(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **plain(), meta=np.array("x"), lo=np.zeros(2))
    assert load_network(path) == Network.from_arrays([np.ones((3, 2)), np.ones((1, 3))], [np.ones(3), None])
    np.savez(path, **plain(relu=np.array([False, True])))
    assert [layer.activation is None for layer in load_network(path).layers] == [True, False]
    np.savez(path, **plain(W0=np.asfortranarray(np.arange(6.0).reshape(3, 2))))
    assert load_network(path).layers[0].affine.weight.tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"W0": None}, "W0 is missing|W1 is missing"),
        ({"b1": None}, "b1 is missing"),
        ({"W1": None, "b1": None, "W2": np.ones((1, 3))}, "W1 is missing"),
        ({"W1": np.ones((1, 4))}, r"W1 must have shape \(n_out, 3\), got \(1, 4\)"),
        ({"b0": np.ones(4)}, r"b0 must have shape \(3,\), got \(4,\)"),
        (
            {"W0": np.ones((2, 3))},
            r"W0 must have shape \(n_out, n_in\), got \(2, 3\), which fits transposed: pass the \.T",
        ),
        ({"W1": None}, "W1 is missing"),
        ({"b7": np.ones(1)}, "W2 is missing"),
        ({"kind0": np.zeros(3, int)}, "linear_regions_format is missing"),
        ({"unit_slopes": np.array(["0/1", "1/1"])}, "linear_regions_format is missing"),
        ({"W0": np.full((3, 2), np.nan)}, "W0 must be finite"),
        ({"W0": np.ones((3, 2), complex)}, "W0 must hold plain numbers, got dtype complex128"),
        ({"W0": np.full((3, 2), None)}, "W0 must hold plain numbers, got dtype object"),
        ({"W0": np.full((3, 2), "1")}, "W0 must be an array of real numbers"),
        ({"W0": np.zeros((3, 2), "f8,f8")}, "W0 must hold plain numbers"),
        ({"relu": np.array([True])}, r"relu must hold 2 bools, one per layer, got bool of shape \(1,\)"),
        ({"relu": np.array([1, 0])}, "relu must hold 2 bools"),
    ],
)
def test_bad_plain_files(tmp_path, changes, message):
    path = tmp_path / "a.npz"
    np.savez(path, **plain(**changes))
    with pytest.raises(InvalidInput, match=message) as caught:
        load_network(path)
    assert str(path) in str(caught.value)
    assert "W0, b0, W1, b1" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"linear_regions_format": np.array(1)}, "linear_regions_format must be 2, got 1"),
        ({"linear_regions_format": np.array([2])}, r"linear_regions_format must be 2, got \[2\]"),
        ({"linear_regions_format": np.array("2")}, "linear_regions_format must be 2, got 2"),
        (
            {"units_follow": np.array([1, 1, 0])},
            r"units_follow must hold a bool for each layer, got int64 of shape \(3,\)",
        ),
        ({"units_follow": np.array([True, True])}, "(W2|b2) is no part of"),
        ({"units_follow": np.array([True, False, False])}, "kind1 is no part of"),
        ({"units_follow": np.array([True] * 3)}, "kind2 is missing"),
        ({"units_follow": np.array([True, True, False, False])}, "W3 is missing"),
        ({"W2": None, "b2": None}, "W2 is missing"),
        ({"W9": np.eye(2)}, "W9 is no part of"),
        ({"relu": np.array([True, True, False])}, "relu is no part of"),
        ({"note": np.array("mine")}, "note is no part of"),
        (
            {
                "unit_pieces": np.array([2, 1]),
                "unit_slopes": np.array(["0/1", "1/1", "1/1"]),
                "unit_intercepts": np.array(["0/1"] * 3),
            },
            "unit_intercepts is not as it is written",
        ),
        ({"unit_slopes": None}, "unit_slopes is missing"),
        ({"unit_pieces": np.array([3])}, "unit_pieces must match"),
        ({"unit_pieces": np.array([-2, 4])}, "unit_pieces must match"),
        ({"unit_pieces": np.array([2.0])}, "unit_pieces must hold integers"),
        ({"unit_slopes": np.array(["0/1", "1/0"])}, "must be hexadecimal numerator/denominator"),
        ({"unit_slopes": np.array(["0/1", "1e9"])}, "must be hexadecimal"),
        ({"unit_slopes": np.array([0.0, 1.0])}, "must be hexadecimal"),
        ({"unit_slopes": np.array(["0/1", "1/1" + "0" * 5000])}, "texts of at most"),
        ({"unit_intercepts": np.array(["0/1", "1/1"])}, "continuous"),
        ({"unit_breakpoints": np.array(["0"])}, r"breakpoints\[0\] must be a float"),
        ({"kind0": np.zeros(3, int)}, "kind0 must hold 4 integers"),
        ({"kind0": np.full(4, 1)}, "kind0 must index the 1 units"),
        ({"kind0": np.full(4, -1)}, "kind0 must index the 1 units"),
        ({"kind0": np.zeros(4)}, "kind0 must hold 4 integers"),
    ],
)
def test_bad_saved_files(tmp_path, changes, message):
    path = tmp_path / "a.npz"
    network().save(path)
    with np.load(path) as content:
        arrays = {key: value for key, value in (dict(content) | changes).items() if value is not None}
    np.savez(path, **arrays)
    with pytest.raises(InvalidInput, match=message):
        load_network(path)


@pytest.mark.parametrize("activation", ["relu", "hardsigmoid", ["leaky_relu", ["relu", ODD, "relu6", ODD, "identity"]]])
def test_every_array_is_needed(tmp_path, activation):
    path = tmp_path / "a.npz"
    network(activation).save(path)
    with np.load(path) as content:
        arrays = dict(content)
    assert len(arrays) == 14
    for key in arrays:
        np.savez(path, **{other: value for other, value in arrays.items() if other != key})
        with pytest.raises(InvalidInput, match=f"{key} is missing"):
            load_network(path)
    np.savez(path, **arrays)
    load_network(path)


def test_bad_paths(tmp_path):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("W0")
    np.save(tmp_path / "single.npy", np.ones(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    for name, message in (
        ("missing.npz", "name an existing file"),
        ("folder.npz", "name an existing file"),
        ("empty.npz", "zip"),
        ("text.npz", "zip"),
        ("single.npz", "zip"),
        ("a.txt", "end in .npz"),
        ("a", "end in .npz"),
        ("a\0.npz", "name an existing file"),
    ):
        with pytest.raises(InvalidInput, match=message):
            load_network(tmp_path / name)
    for path in (None, 3, ["a.npz"]):
        with pytest.raises(InvalidInput, match=r"^path must be a str or path"):
            load_network(path)


def write_member(path, key, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{key}.npy", content)


def header(shape, dtype="<f8"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(10**6, 10**6), (2**62, 8), (-1, -1), (3,), (10**30,)])
def test_headers_that_lie_allocate_nothing(tmp_path, shape):
    write_member(tmp_path / "a.npz", "W0", header(shape) + bytes(8))
    with pytest.raises(InvalidInput, match=r"W0 must hold \("):
        load_network(tmp_path / "a.npz")


def test_total_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(network_files, "MAX_BYTES", 10_000)
    zeros = io.BytesIO()
    np.save(zeros, np.zeros((1000, 1000)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W0.npy", zeros.getvalue())
    with pytest.raises(InvalidInput, match="its arrays must not exceed 10000 bytes together, got 8000128"):
        load_network(tmp_path / "a.npz")


def test_odd_archives(tmp_path):
    path = tmp_path / "a.npz"
    write_member(path, "W0", b"\x93NUMPY\x03\x00" + bytes(20))
    with pytest.raises(InvalidInput, match="format"):
        load_network(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W0.npy", header((1, 1)) + bytes(8))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("W0.npy", header((1, 1)) + bytes(8))
    with pytest.raises(InvalidInput, match="two arrays of the same name"):
        load_network(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("W0.npy", header((1, 1)) + bytes(8))
    with pytest.raises(InvalidInput, match="stored or deflated"):
        load_network(path)


@pytest.mark.filterwarnings("ignore")
def test_damage_is_always_an_error_of_ours(tmp_path):
    rng = random.Random(0)
    path = tmp_path / "a.npz"
    for compressed in (False, True):
        network("hardtanh", (2, 3, 1)).save(path)
        if compressed:
            with np.load(path) as content:
                np.savez_compressed(path, **dict(content))
        good = path.read_bytes()
        for trial in range(400):
            data = bytearray(good[: rng.randrange(len(good))] if trial % 4 == 0 else good)
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            path.write_bytes(data)
            try:
                load_network(path)
            except LinearRegionsError:
                continue


@pytest.mark.filterwarnings("ignore")
def test_damaged_headers_are_always_an_error_of_ours(tmp_path):
    rng = random.Random(0)
    path = tmp_path / "a.npz"
    good = header((2, 2)) + bytes(32)
    for _ in range(400):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(130)] = rng.choice(b"(){}[]',:<>fiUOV0123456789L\x00\xff")
        write_member(path, "W0", bytes(data))
        with pytest.raises(InvalidInput):  # b0 is missing in any case
            load_network(path)


def test_real_networks_load_exactly(shared_data):
    paths = sorted(shared_data.glob("nets/*/*.npz"))
    assert paths
    for path in paths:
        loaded = load_network(path)
        with np.load(path) as content:
            relu = content["relu"]
            assert len(loaded.layers) == len(relu)
            for i, layer in enumerate(loaded.layers):
                assert (layer.affine.weight == content[f"W{i}"]).all()
                assert (layer.affine.bias == content[f"b{i}"]).all()
                assert (layer.activation is not None) == relu[i]
                assert layer.activation is None or layer.activation.is_relu
            assert loaded.n_neurons == sum(len(content[f"b{i}"]) for i in np.flatnonzero(relu))
            middle = (content["lo"] + content["hi"]) / 2
        assert np.isfinite(loaded(middle)).all()
