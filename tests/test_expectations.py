"""Random networks against their expectations (within four standard errors), and identities of every network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

import linear_regions as lr
from convert import enumerated, to_network
from known_nets import he_net, relu_net
from naive import RELU, Layer

Floats = NDArray[np.float64]

SQUARE = lr.Box([-1, -1], [1, 1])


def within_four_standard_errors(samples: Sequence[float] | Floats, expected: float) -> bool:
    values = np.asarray(samples, dtype=float)
    return abs(values.mean() - expected) <= 4 * values.std(ddof=1) / len(values) ** 0.5


def gaussian_net(rng: np.random.Generator, sizes: Sequence[int], gain: float = 2.0, bias: float = 0.0) -> list[Layer]:
    """Weights of variance gain / fan-in, biases of deviation `bias`, ReLU between."""
    shapes = [(n, k) for k, n in pairwise(sizes)]
    return relu_net(
        [rng.normal(size=(n, k)) * (gain / k) ** 0.5 for n, k in shapes], [rng.normal(size=n) * bias for n, _ in shapes]
    )


def draws(count: int, seed: int) -> Iterator[np.random.Generator]:
    return (np.random.default_rng([seed, k]) for k in range(count))


def survival(widths: Sequence[int]) -> list[float]:
    """c_l = prod over earlier layers of 1 - (1 + n) 2^-n."""
    return [math.prod(1 - (1 + n) * 2.0**-n for n in widths[:level]) for level in range(len(widths))]


def test_first_layer_crossings_of_a_segment_follow_the_arccos_law() -> None:
    rng = np.random.default_rng(1)
    start, end, scale, bias, n = rng.normal(size=5), rng.normal(size=5), 0.7, 0.4, 3000
    layers = relu_net([rng.normal(size=(n, 5)) * scale, np.ones((1, n))], [rng.normal(size=n) * bias, [0.0]])
    r = enumerated(layers, lr.Segment(start, end))
    p, q = (np.append(scale * x, bias) for x in (start, end))
    chance = math.acos(p @ q / (np.linalg.norm(p) * np.linalg.norm(q))) / math.pi
    assert abs(len(r) - 1 - n * chance) <= 4 * (n * chance * (1 - chance)) ** 0.5


@pytest.mark.parametrize("closed", [False, True])
def test_next_layer_crossings_follow_the_arccos_law_on_every_piece(closed: bool) -> None:
    """Earlier layers given, next weights N(0, s^2) and biases N(0, sigma^2), along a polyline in three dimensions."""
    rng = np.random.default_rng(2)
    curve = lr.Polyline(rng.normal(size=(5, 3)), closed=closed)
    scale, bias, n = 0.5, 0.3, 2000
    *given, _ = gaussian_net(rng, [3, 12, 10, 1], bias=0.3)
    head = [
        (rng.normal(size=(n, 10)) * scale, rng.normal(size=n) * bias, [RELU] * n),
        (np.ones((1, n)), np.zeros(1), None),
    ]
    before = enumerated([*given, (np.eye(10), np.zeros(10), None)], curve)
    pieces = np.unique(np.concatenate([before.vertex_coordinates[:, 0], np.arange(float(curve.volume) + 1)]))
    features = to_network([*given, (np.eye(10), np.zeros(10), None)])(curve.embed(pieces[:, None]))
    points = np.column_stack([scale * features, np.full(len(features), bias)])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    expected = np.arccos(np.minimum(np.sum(points[1:] * points[:-1], axis=1), 1.0)).sum() / math.pi
    crossings = enumerated([*given, *head], curve).boundary_volume(by="neuron")[-n:]
    assert within_four_standard_errors(crossings, expected)
    if closed:
        assert not (crossings % 2).any()


def test_zero_bias_boundary_volume_on_the_square() -> None:
    """c_l Gamma(d / 2) / (sqrt(pi) Gamma((d - 1) / 2)) int dx / |x| per neuron of layer l."""
    lengths = []
    for rng in draws(500, seed=3):
        lengths.append(enumerated(gaussian_net(rng, [2, 3, 3, 3, 1]), SQUARE).boundary_volume(by="layer"))
    expected = [3 * c * 8 * math.log(1 + 2**0.5) / math.pi for c in survival([3, 3, 3])]
    np.testing.assert_allclose(expected, [6.733, 3.367, 1.683], atol=5e-4)
    for samples, value in zip(np.transpose(lengths), expected, strict=True):
        assert within_four_standard_errors(samples, value)


def test_regions_on_a_line_with_first_layer_biases_only() -> None:
    """E = 1 + sum_l n_l c_l on any whole line."""
    widths = [4, 6, 3, 5]
    counts = []
    for rng in draws(500, seed=4):
        layers = gaussian_net(rng, [3, *widths, 1])
        layers[0][1][:] = rng.normal(size=widths[0]) * 0.5
        counts.append(len(enumerated(layers, lr.Line([0.2, -0.4, 1.0], [1.0, 0.5, -2.0]))))
    assert within_four_standard_errors(counts, 1 + sum(n * c for n, c in zip(widths, survival(widths), strict=True)))


def test_he_weights_keep_the_mean_squared_gradient_at_two() -> None:
    means = []
    for rng in draws(400, seed=5):
        r = enumerated(gaussian_net(rng, [2, 7, 5, 6, 1], bias=0.2), SQUARE)
        means.append(r.volumes @ np.sum(r.affine_maps[0][:, 0] ** 2, axis=1) / 4)
    assert within_four_standard_errors(means, 2.0)


def test_length_of_the_image_of_a_segment() -> None:
    """Each layer multiplies it by the mean norm of the active rows' slopes: a chi variable, binomially many."""
    sizes, gain = [4, 6, 5, 7], 2.2
    ratios = []
    start, end = np.array([0.5, -1.0, 2.0, 0.0]), np.array([1.0, 1.0, 1.0, -1.0])
    for rng in draws(500, seed=6):
        weights = [rng.normal(size=(n, k)) * (gain / k) ** 0.5 for k, n in pairwise(sizes)]
        layers = [(w, rng.normal(size=len(w)) * 0.3, [RELU] * len(w)) for w in weights]  # ends in units
        r = enumerated(layers, lr.Segment(start, end))
        ratios.append(r.volumes @ np.linalg.norm(r.affine_maps[0][:, :, 0], axis=1) / np.linalg.norm(end - start))
    factors = [
        (gain / k) ** 0.5
        * sum(
            math.comb(n, a) * 2.0**-n * math.sqrt(2) * math.gamma((a + 1) / 2) / math.gamma(a / 2)
            for a in range(1, n + 1)
        )
        for k, n in pairwise(sizes)
    ]
    assert within_four_standard_errors(ratios, math.prod(factors))


# Identities of any net


def level_length(layers: list[Layer], level: float) -> float:
    """Length of {output = level} in the square: the boundary of one more unit."""
    *hidden, (weight, bias, _) = layers
    extended = [*hidden, (weight, bias - level, [RELU]), (np.ones((1, 1)), np.zeros(1), None)]
    return float(enumerated(extended, SQUARE).boundary_volume(by="neuron")[-1])


@pytest.mark.parametrize("seed", range(3))
def test_coarea(seed: int) -> None:
    """The lengths of the level sets add up to the integral of the gradient's norm.

    Between values at vertices the length is linear in the level, so that the midpoints integrate it exactly.
    """
    layers = gaussian_net(np.random.default_rng(seed), [2, 5, 4, 1], bias=0.3)
    r = enumerated(layers, SQUARE)
    gradient = r.volumes @ np.linalg.norm(r.affine_maps[0][:, 0], axis=1)
    values = np.unique(to_network(layers)(r.vertex_coordinates)[:, 0])
    total = sum(
        (high - low) * level_length(layers, (low + high) / 2) for low, high in pairwise(values) if high - low > 1e-13
    )
    assert total == pytest.approx(gradient, rel=1e-10)


def chords(rng: np.random.Generator, count: int) -> Iterator[tuple[Floats, Floats]]:
    """Ends of isotropic uniform random lines in [-1, 1]^2."""
    while count:
        angle, shift = rng.uniform(0, math.pi), rng.uniform(-math.sqrt(2), math.sqrt(2))
        normal, along = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
        ends = np.sort([(s - shift * n) / a for n, a in zip(normal, along, strict=True) for s in (-1.0, 1.0)])
        middle = shift * normal + along * (ends[1] + ends[2]) / 2
        if np.max(np.abs(middle)) < 1:  # else the line misses the square
            count -= 1
            yield shift * normal + ends[1] * along, shift * normal + ends[2] * along


def test_crofton() -> None:
    """Crossings per unit length of random lines = boundary length / area times 2 / pi."""
    layers = he_net(2, 16, 16, seed=1)
    density = enumerated(layers, SQUARE).boundary_volume() / 4
    network = to_network(layers)
    excess = [
        len(lr.enumerate_regions(network, lr.Segment(p, q))) - 1 - 2 / math.pi * density * np.linalg.norm(q - p)
        for p, q in chords(np.random.default_rng(7), 1500)
    ]
    assert within_four_standard_errors(excess, 0.0)


def distances(r: lr.Regions, points: Floats) -> Floats:
    """Distance of each point to the nearest interior edge."""
    ends = r.vertex_coordinates[r.geometry.ends[r.geometry.interior]]
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    offset = points[:, None] - start
    share = np.clip(np.sum(offset * along, axis=2) / np.sum(along**2, axis=1), 0, 1)
    nearest: Floats = np.linalg.norm(offset - share[:, :, None] * along, axis=2).min(axis=1)
    return nearest


def test_tube() -> None:
    """vol{distance < e} = 2 e times the boundary length, up to a term of order e^2 that is far below the noise."""
    r = enumerated(he_net(2, 8, 8, seed=2), SQUARE)
    points, radius = np.random.default_rng(8).uniform(-1, 1, (20_000, 2)), 1e-3
    assert within_four_standard_errors(distances(r, points) < radius, 2 * radius * r.boundary_volume() / 4)


def test_unique_patterns_among_uniform_samples() -> None:
    """E = sum_c 1 - (1 - p_c)^n."""
    layers = he_net(2, 12, 12, seed=3)
    r, network, n = enumerated(layers, SQUARE), to_network(layers), 150
    rng = np.random.default_rng(9)
    found = []
    for _ in range(300):
        rows = network.preactivations(rng.uniform(-1, 1, (n, 2)))
        found.append(len(np.unique(np.concatenate(rows, axis=1) > 0, axis=0)))
    assert within_four_standard_errors(found, float(np.sum(1 - (1 - r.volumes / 4) ** n)))


def sampled_transitions(layers: Sequence[Layer], curve: lr.Polyline, samples: int) -> int:
    t = np.linspace(0, float(curve.volume), samples + 1)[:, None]
    patterns = np.concatenate(to_network(layers).preactivations(curve.embed(t)), axis=1) > 0
    return int(np.count_nonzero((patterns[1:] != patterns[:-1]).any(axis=1)))


def test_sampled_transitions_grow_towards_the_exact_number_on_a_closed_curve() -> None:
    layers = he_net(3, 20, 20, seed=4)
    curve = lr.Polyline(np.random.default_rng(4).normal(size=(6, 3)), closed=True)
    r = enumerated(layers, curve)
    by_neuron = r.boundary_volume(by="neuron")
    assert by_neuron.sum() == len(r) - 1
    assert not (by_neuron % 2).any()  # every neuron returns to its first sign
    counts = [sampled_transitions(layers, curve, 6 * 2**k) for k in range(2, 16)]
    assert all(a <= b for a, b in pairwise([*counts, len(r) - 1]))
    assert counts[-1] >= len(r) - 3


def test_a_centred_loop_crosses_each_neuron_of_a_bias_free_layer_twice() -> None:
    corners = [[2.0, 0.1], [0.3, 1.0], [-2.0, -0.1], [-0.3, -1.0]]
    rng = np.random.default_rng(10)
    layers = relu_net([rng.normal(size=(40, 2)), np.ones((1, 40))], [np.zeros(40), [0.0]])
    assert enumerated(layers, lr.Polyline(corners, closed=True)).boundary_volume(by="neuron").tolist() == [2.0] * 40
