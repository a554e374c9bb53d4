"""A trained demonstration network: 784-64-64-64-10, ReLU, MNIST, at initialisation and after 1 and 20 epochs.

The set-up is that of Hanin & Rolnick (2019), "Complexity of linear regions in deep networks". What was trained, on what
and with which result stands in ``mnist_784_64_64_64_10.json``, written with the arrays by ``scripts/train_demo.py``.
The images are from MNIST (Y. LeCun, C. Cortes, C. J. C. Burges) and carry its licence, CC BY-SA 3.0.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import invalid

__all__ = ["DEMO_EPOCHS", "DemoCase", "load_demo"]

DEMO_EPOCHS = (0, 1, 20)
_NAME = "mnist_784_64_64_64_10"


@dataclass(frozen=True, eq=False)
class DemoCase:
    """The demonstration network at one moment of its training, with images to look at it. All arrays are read-only.

    Attributes
    ----------
    epoch : int
        Epochs of training done: 0, 1 or 20.
    weights : tuple of (n_l, n_{l-1}) float32 arrays
        Four weight matrices, with (n_0, ..., n_4) = (784, 64, 64, 64, 10).
    biases : tuple of (n_l,) float32 arrays
        The four biases; a ReLU follows every layer but the last.
    images_012 : (3, 784) float64
        The first training examples of the digits 0, 1 and 2, for a plane through them as in Figure 8 of the paper.
    examples : (100, 784) float64
        The first ten training examples of each digit, in the order of the digits.
    example_labels : (100,) int64
        The digits on them.
    accuracy : float
        Share of the test images classified correctly at this epoch.
    record : dict
        How the network was made: data, seed, versions, hyper-parameters, accuracies and losses at the stored epochs,
        checksums, licences.

    Notes
    -----
    Images are scaled as they were in training: pixel / 256, every coordinate is a multiple of 2**-8 in [0, 1), exact.
    """

    epoch: int
    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    images_012: NDArray[np.float64]
    examples: NDArray[np.float64]
    example_labels: NDArray[np.int64]
    accuracy: float
    record: dict[str, Any]


def load_demo(epoch: int = 20) -> DemoCase:
    """Load the demonstration network as it was after `epoch` epochs of training.

    Parameters
    ----------
    epoch : {0, 1, 20}
        0 is the network at initialisation.

    Returns
    -------
    DemoCase
        Arrays ready for ``Network.from_arrays(case.weights, case.biases)``. A call reads the file anew (milliseconds).

    Raises
    ------
    InvalidInput
        If `epoch` is not one of those stored.

    Examples
    --------
    >>> from linear_regions.data import load_demo
    >>> case = load_demo(20)
    >>> [weight.shape for weight in case.weights]
    [(64, 784), (64, 64), (64, 64), (10, 64)]
    >>> case.images_012.shape
    (3, 784)
    """
    if epoch not in DEMO_EPOCHS:
        raise invalid("epoch", f"be one of {DEMO_EPOCHS}", epoch)
    folder = files(__package__)
    record = json.loads(folder.joinpath(f"{_NAME}.json").read_text(encoding="utf-8"))
    with np.load(io.BytesIO(folder.joinpath(f"{_NAME}.npz").read_bytes()), allow_pickle=False) as stored:
        n_layers = len(record["widths"]) - 1
        weights = tuple(stored[f"epoch{epoch}_weight{layer}"] for layer in range(n_layers))
        biases = tuple(stored[f"epoch{epoch}_bias{layer}"] for layer in range(n_layers))
        examples = stored["examples"] / 256.0
        labels = stored["example_labels"].astype(np.int64)
    images_012 = examples[[int(np.argmax(labels == digit)) for digit in range(3)]]
    for array in (*weights, *biases, images_012, examples, labels):
        array.setflags(write=False)
    accuracy = record["epochs"][str(epoch)]["test_accuracy"]
    return DemoCase(epoch, weights, biases, images_012, examples, labels, accuracy, record)
