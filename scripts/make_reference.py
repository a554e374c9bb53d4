"""Write regions/data/reference.json: networks, domains and their exact answers.

    python scripts/make_reference.py

The networks' numbers are drawn here once and stored, so that the suite does not depend on any random generator.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import linear_regions as lr
from linear_regions.reference import answers_of, problem

PATH = Path(__file__).parents[1] / "regions" / "data" / "reference.json"
VERSION = 1


def random(seed: int, *widths: int, bias: float = 0.1, activation: str = "relu") -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in pairwise(widths)]
    biases = [bias * rng.normal(size=m) for m in widths[1:]]
    return described(weights, biases, activation)


def described(weights: list[Any], biases: list[Any], activation: str = "relu") -> dict[str, Any]:
    def plain(arrays: list[Any]) -> list[Any]:
        return [np.array(a, dtype=float).tolist() for a in arrays]

    return {"weights": plain(weights), "biases": plain(biases), "activation": activation}


def domain(own: lr.Box | lr.Slice | lr.Segment | lr.Ellipse) -> dict[str, Any]:
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in own.to_dict().items()}


def cube(d: int) -> dict[str, Any]:
    return domain(lr.Box([-1.0] * d, [1.0] * d))


def tent(n: int) -> dict[str, Any]:
    """Telgarsky's: x -> 2 relu(x) - 4 relu(x - 1/2), n times."""
    weights = [[[1.0], [1.0]]] + [[[2.0, -4.0], [2.0, -4.0]]] * (n - 1) + [[[2.0, -4.0]]]
    return described(weights, [[0.0, -0.5]] * n + [[0.0]])


def crowd() -> dict[str, Any]:
    """Integer lines through few points, copies, opposite ones, one that is off everywhere."""
    first = [[1, 0], [0, 1], [1, 1], [1, -1], [2, 2], [-1, 0], [0, 0], [1, 2]]
    second = [[1, -1, 1, 0, 1, 1, 1, -2], [1, 1, -1, 1, -1, 1, 1, 1], [0] * 8]
    return described([first, second, [[1, 1, 1]]], [[0, 0, 0, 0, 0, 0, -1, -1], [0, -0.5, 0], [0]])


def cases() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    rng = np.random.default_rng(0)
    origin, basis = 0.1 * rng.normal(size=20), rng.normal(size=(20, 2)) / np.sqrt(20)
    plane = domain(lr.Slice(origin, basis, lr.Box([-1, -1], [1, 1])))
    around = domain(lr.Ellipse.random(10, rng))
    return [
        ("plane", "2-16-16-1, He's initialisation", random(1, 2, 16, 16, 1), cube(2)),
        ("plane-deep", "2-10x6-2, He's initialisation", random(2, 2, *[10] * 6, 2), cube(2)),
        ("plane-no-bias", "2-8-8-2 without biases", random(3, 2, 8, 8, 2, bias=0.0), cube(2)),
        ("plane-hardtanh", "2-12-8-1, HardTanh", random(4, 2, 12, 8, 1, activation="hardtanh"), cube(2)),
        ("plane-crowd", "integer lines through few points, copies, dead neurons", crowd(), cube(2)),
        ("solid", "3-12-8-1, He's initialisation", random(5, 3, 12, 8, 1), cube(3)),
        ("solid-leaky", "3-8-6-2, LeakyReLU", random(6, 3, 8, 6, 2, activation="leaky_relu"), cube(3)),
        ("four", "4-8-6-1, He's initialisation", random(7, 4, 8, 6, 1), cube(4)),
        ("slice", "20-16-16-3 in a plane of its inputs", random(8, 20, 16, 16, 3), plane),
        ("tent-10", "Telgarsky's tent map, ten times", tent(10), domain(lr.Segment([0.0], [1.0]))),
        ("segment", "10-30-30-5 on a segment", random(9, 10, 30, 30, 5), domain(lr.Segment([-1.0] * 10, [1.0] * 10))),
        ("ellipse", "10-20-20-3 on a random ellipse", random(10, 10, 20, 20, 3), around),
        ("ellipse-no-bias", "10-20-20-3 without biases", random(11, 10, 20, 20, 3, bias=0.0), around),
        ("mnist-plane", "784-64-64-64-10 trained on MNIST, in a plane of images", {"demo": 20}, {"through": "plane"}),
        ("mnist-ellipse", "784-64-64-64-10 trained on MNIST, through images", {"demo": 20}, {"through": "ellipse"}),
    ]


def main() -> None:
    made = []
    for name, about, network, where in cases():
        answers = answers_of(*problem(network, where))
        made.append({"name": name, "about": about, "network": network, "domain": where, "answers": answers})
        print(name, {key: answers[key] for key in list(answers)[:2]})
    text = json.dumps({"version": VERSION, "cases": made}, separators=(",", ":"))
    PATH.write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")
    print(f"{PATH.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
