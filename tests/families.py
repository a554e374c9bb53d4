"""Seeded random networks of many families, ordinary and degenerate; `random_case` is deterministic in its seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from known_nets import Array, Case, Domain, box, cube, relu_net
from naive import ABS, HARDSIGMOID, HARDTANH, IDENTITY, RELU, RELU6, Layer, Number, Pieces, leaky_relu, pieces

Rng = np.random.Generator


@dataclass(frozen=True)
class Plan:
    """What a family is given: input dimension, slice dimension, widths of the hidden layers."""

    inputs: int
    dimension: int
    widths: tuple[int, ...]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Weight shapes, the output layer's included."""
        sizes = [self.inputs, *self.widths, 1 + (sum(self.widths) % 3)]
        return [(n, k) for k, n in pairwise(sizes)]


def _he(rng: Rng, plan: Plan, bias: float = 0.1) -> list[Layer]:
    weights = [rng.normal(size=(n, k)) * (2 / k) ** 0.5 for n, k in plan.shapes]
    return relu_net(weights, [rng.normal(size=n) * bias for n, _ in plan.shapes])


def he_normal(rng: Rng, plan: Plan) -> list[Layer]:
    """He-normal weights, normal biases of deviation 0.1 or 1."""
    return _he(rng, plan, rng.choice([0.1, 1.0]))


def torch_uniform(rng: Rng, plan: Plan) -> list[Layer]:
    """The default of torch.nn.Linear: everything uniform within ``1 / sqrt(fan_in)``."""
    draws = [(rng.uniform(-1, 1, (n, k)) / k**0.5, rng.uniform(-1, 1, n) / k**0.5) for n, k in plan.shapes]
    return relu_net([w for w, _ in draws], [b for _, b in draws])


def integers(rng: Rng, plan: Plan) -> list[Layer]:
    """Integer weights in {-2, ..., 2}, integer or half-integer biases: many hyperplanes through one point."""
    step = rng.choice([1.0, 0.5])
    weights = [rng.integers(-2, 3, (n, k)) for n, k in plan.shapes]
    return relu_net(weights, [rng.integers(-2, 3, n) * step for n, _ in plan.shapes])


def zero_bias(rng: Rng, plan: Plan) -> list[Layer]:
    """Gaussian weights, no biases: without a slice every cell is a cone with its tip at the origin."""
    widths = [(3, 3, 3), (6, 6), (8, 8)][rng.integers(3)]
    shapes = Plan(plan.inputs, plan.dimension, widths).shapes
    return relu_net([rng.normal(size=shape) for shape in shapes], [np.zeros(n) for n, _ in shapes])


def tiny_bias(rng: Rng, plan: Plan) -> list[Layer]:
    """He-normal weights, biases of deviation 1e-4 to 0.1: vertices crowd near the origin."""
    return _he(rng, plan, 10 ** rng.uniform(-4, -1))


def copies(rng: Rng, plan: Plan) -> list[Layer]:
    """Duplicated, negated and scaled neurons."""
    layers = _he(rng, plan)
    for weight, bias, _ in layers[:-1]:
        for target in range(1, len(weight)):
            if rng.random() < 0.5:
                source, factor = rng.integers(target), rng.choice([1.0, -1.0, 2.0, -0.25, 3.0, 0.1])
                weight[target], bias[target] = weight[source] * factor, bias[source] * factor
    return layers


def dead(rng: Rng, plan: Plan) -> list[Layer]:
    """Zero rows with zero, positive or negative bias, and sometimes a layer that is off on most of the domain."""
    layers = _he(rng, plan) if rng.random() < 0.5 else integers(rng, plan)
    for weight, bias, _ in layers[:-1]:
        for neuron in range(len(weight)):
            if rng.random() < 0.3:
                weight[neuron], bias[neuron] = 0.0, rng.choice([0.0, 1.0, -1.0])
    if rng.random() < 0.5:
        layers[rng.integers(len(layers))][1][:] -= rng.choice([1.0, 4.0, 100.0])
    if rng.random() < 0.3:
        layers[-1][1][:] = 0.0
        layers[-2][1][:] = -50.0
    return layers


UNITS: dict[str, Pieces] = {
    "relu": RELU,
    "leaky 0.01": leaky_relu(0.01),
    "leaky 0.5": leaky_relu(0.5),
    "leaky -0.5": leaky_relu(-0.5),
    "abs": ABS,
    "hardtanh": HARDTANH,
    "relu6": RELU6,
    "hardsigmoid": HARDSIGMOID,
    "identity": IDENTITY,
}


_LEAST = Pieces(  # breakpoints that products make vanish
    (Fraction(5e-324), Fraction(1e-323)), (Fraction(2), Fraction(1), Fraction(-1)),
    (Fraction(0), Fraction(5e-324), Fraction(5e-324) + 2 * Fraction(1e-323)),
)  # fmt: skip


def units(rng: Rng, plan: Plan) -> list[Layer]:
    """Units other than ReLU: one kind per network, per layer or per neuron; weights large enough to reach the ends."""
    gain = rng.choice([1.0, 4.0])
    kinds, mixing = list(UNITS.values()), rng.integers(3)
    result: list[Layer] = []
    base = integers(rng, plan) if rng.random() < 0.3 else _he(rng, plan, 1.0)
    one = kinds[rng.integers(1, len(kinds) - 1)]
    for weight, bias, old in base:
        if mixing == 1:
            one = kinds[rng.integers(len(kinds))]
        chosen = [kinds[rng.integers(len(kinds))] if mixing == 2 else one for _ in bias]
        result.append((weight * gain, bias, None if old is None else chosen))
    return result


def concurrent(rng: Rng, plan: Plan) -> list[Layer]:
    """First-layer hyperplanes through one dyadic point, some of them off by one unit in the last place."""
    layers = _he(rng, plan)
    weight, bias, _ = layers[0]
    weight[:] = rng.integers(-8, 9, weight.shape) / 4.0
    point = rng.integers(-6, 7, weight.shape[1]) / 8.0
    bias[:] = -(weight @ point)
    for neuron in range(len(bias)):
        if rng.random() < 0.4:
            bias[neuron] = np.nextafter(bias[neuron], rng.choice([-np.inf, np.inf]))
    return layers


def near_copies(rng: Rng, plan: Plan) -> list[Layer]:
    """Duplicated neurons of any layer with one weight or bias off by one unit in the last place."""
    layers = _he(rng, plan)
    for weight, bias, _ in layers[:-1]:
        for target in range(1, len(weight)):
            if rng.random() < 0.6:
                source, sign = rng.integers(target), rng.choice([1.0, -1.0])
                weight[target], bias[target] = weight[source] * sign, bias[source] * sign
                entry = weight[target] if rng.random() < 0.5 else bias[target : target + 1]
                column = rng.integers(len(entry))
                entry[column] = np.nextafter(entry[column], rng.choice([-np.inf, np.inf]))
    return layers


def scales(rng: Rng, plan: Plan) -> list[Layer]:
    """Neurons scaled by 1e-30 to 1e30, undone in the next layer (to rounding) or not."""
    layers = _he(rng, plan)
    for (weight, bias, _), (after, _, _) in pairwise(layers):
        factor = 10.0 ** rng.uniform(-30, 30, len(bias))
        weight *= factor[:, None]
        bias *= factor
        if rng.random() < 0.8:
            after /= factor
    return layers


def affine_chain(rng: Rng, plan: Plan) -> list[Layer]:
    """Affine maps that follow each other without a unit, and sometimes a unit after the last one."""
    layers = integers(rng, plan) if rng.random() < 0.4 else _he(rng, plan)
    result: list[Layer] = []
    for weight, bias, chosen in layers:
        result.append((weight, bias, chosen))
        if rng.random() < 0.5:
            n = len(bias)
            result[-1] = (weight, bias, None)
            result.append((rng.integers(-2, 3, (n, n)).astype(float), rng.normal(size=n) * 0.1, chosen))
    if rng.random() < 0.5:
        weight, bias, _ = result[-1]
        result[-1] = (weight, bias, [RELU] * len(bias))
    return result


FAMILIES: tuple[Callable[[Rng, Plan], list[Layer]], ...] = (
    he_normal,
    torch_uniform,
    integers,
    zero_bias,
    tiny_bias,
    copies,
    dead,
    units,
    concurrent,
    near_copies,
    scales,
    affine_chain,
)


DYADIC = tuple(k / 4 for k in range(-8, 9))
ODD = (0.001, -0.001, 0.1, -0.1, 1 / 3, 0.7, 1e-9, float(np.float32(0.01)))
TINY = (5e-324, -5e-324, 1e-323, 1e-310, -1e-300, 2.0**-1000)
SLOPES: tuple[Number, ...] = (
    0,
    0,
    0,
    1,
    1,
    1,
    -1,
    2,
    0.5,
    0.1,
    0.01,
    -3,
    Fraction(1, 6),
    2.0**-300,
    1e-9,
    5e-324,
    2.0**40,
)


def random_unit(rng: Rng, most: int) -> Pieces:
    """A unit of up to `most` breakpoints: ordinary ones, no short binary numbers, tiny ones, neighbouring floats."""
    pools = [DYADIC, ODD, TINY] if rng.random() < 0.7 else [DYADIC]
    knots = {float(rng.choice(pools[rng.integers(len(pools))])) for _ in range(rng.integers(1, most + 1))}
    if len(knots) < most and rng.random() < 0.3:
        knots.add(float(np.nextafter(max(knots), np.inf)))
    taus = sorted(knots)
    slopes = [Fraction(0)]
    for _ in range(len(taus) + 1):  # each breakpoint is a kink
        others = [Fraction(s) for s in SLOPES if Fraction(s) != slopes[-1]]
        slopes.append(others[rng.integers(len(others))])
    slopes = slopes[1:] if rng.random() < 0.5 else slopes[:-1]
    intercepts = [Fraction(float(rng.choice([0.0, 0.0, *DYADIC, 0.1])))]
    for tau, (before, after) in zip(taus, pairwise(slopes), strict=True):
        intercepts.append(intercepts[-1] + (before - after) * Fraction(tau))
    return pieces(taus, slopes, intercepts)


def _numbers(rng: Rng, shape: int | tuple[int, ...]) -> Array:
    """Quarters, small integers or normal numbers."""
    style = rng.integers(3)
    if style == 0:
        return rng.integers(-8, 9, shape) / 4
    return rng.integers(-2, 3, shape).astype(float) if style == 1 else rng.normal(size=shape)


def edge_units(rng: Rng, plan: Plan) -> list[Layer]:
    """Units that bend anywhere after weights of few bits or many; biases zero, of few bits or of none of these."""
    most = {1: 5, 2: 3}.get(plan.dimension, 2)
    one = random_unit(rng, most)
    result: list[Layer] = []
    for k, shape in enumerate(plan.shapes):
        n = shape[0]
        bias = [np.zeros(n), _numbers(rng, n), rng.choice(np.array(ODD), n)][rng.integers(3)]
        own = [one if rng.random() < 0.3 else random_unit(rng, most) for _ in range(n)]
        result.append((_numbers(rng, shape), bias, own if k < len(plan.widths) or rng.random() < 0.2 else None))
    return result


def edge_defects(rng: Rng, plan: Plan) -> list[Layer]:
    """The same with copied, nearly copied and dead neurons."""
    layers = edge_units(rng, plan)
    for weight, bias, _ in layers:
        for target in range(len(weight)):
            draw = rng.random()
            if draw < 0.15:
                weight[target], bias[target] = 0.0, rng.choice([0.0, 0.1, -0.25])
            elif draw < 0.45 and target:
                weight[target], bias[target] = weight[target - 1], bias[target - 1]
                if rng.random() < 0.5:
                    bias[target] = np.nextafter(bias[target], np.inf)
    return layers


def jumps(rng: Rng, plan: Plan) -> list[Layer]:
    """Scales that jump by up to 2^+-300 from layer to layer or from row to row, undone in the next layer or not."""
    layers = edge_units(rng, plan) if rng.random() < 0.6 else _he(rng, plan)
    for (weight, bias, _), (after, _, _) in pairwise(layers):
        whole = rng.random() < 0.5
        factor = 2.0 ** rng.integers(-300, 301, 1 if whole else len(bias)) * np.ones(len(bias))
        weight *= factor[:, None]
        bias *= factor
        if rng.random() < 0.6:
            after /= factor
    return layers


def huge(rng: Rng, plan: Plan) -> list[Layer]:
    """Weights and biases up to 1e150: products of them leave the range of float64."""
    layers = edge_units(rng, plan) if rng.random() < 0.7 else _he(rng, plan)
    for weight, bias, _ in layers:
        factor = 10.0 ** rng.choice([0, 10, 100, 149])
        weight *= factor
        if rng.random() < 0.7:
            bias *= factor
    return layers


EDGES: tuple[Callable[[Rng, Plan], list[Layer]], ...] = (edge_units, edge_defects, jumps, huge)
"""Families for the bounds of errors; not among `FAMILIES`, whose cases are known by their seeds."""


def random_case(seed: int) -> Case:
    """The case of a seed: families take turns; dimension, widths, precision and domain are drawn."""
    rng = np.random.default_rng(seed)
    family = FAMILIES[seed % len(FAMILIES)]
    dimension = int(rng.choice([1, 2, 2]))
    sliced = rng.random() < 0.25
    plan = Plan(int(rng.integers(3, 7)) if sliced else dimension, dimension, _widths(rng, dimension))
    layers = family(rng, plan)
    precision = "float64"
    if rng.random() < 0.3 and family is not scales:  # float32 cannot hold a ratio of 1e60
        precision = "float32"
        layers = [(w.astype(np.float32), b.astype(np.float32), u) for w, b, u in layers]
    domain = cube(dimension) if family is zero_bias and rng.random() < 0.7 else _domain(rng, dimension)
    if sliced:
        domain = _slice(rng, domain, plan.inputs)
    shape = "x".join(str(len(b)) for _, b, _ in layers)
    return Case(layers, domain, f"seed {seed}: {family.__name__} {plan.inputs}-{shape} {precision} d={dimension}")


def mixed_scales(seed: int) -> Case:
    """Narrow nets in the plane whose neurons are scaled by powers of two, undone in the next layer or not.

    Every other one has up to twelve layers of ReLU, |z| or leaky ReLU and scales of 2^-300 to 2^300. The others have up
    to four layers with a unit of any kind, drawn for each neuron, and scales of 2^-60 to 2^60; some of the
    breakpoints are the least floats there are.
    """
    rng = np.random.default_rng(seed)
    deep = seed % 2 == 0
    widths = tuple(int(n) for n in rng.integers(2, 5, rng.integers(2, 13 if deep else 5)))
    layers = _he(rng, Plan(2, 2, widths), 0.3)
    if deep:
        one = [RELU, ABS, leaky_relu(0.01)][rng.integers(3)]
        layers = [(weight, bias, units and [one] * len(bias)) for weight, bias, units in layers]
    else:
        kinds = [*UNITS.values(), _LEAST]
        layers = [
            (weight, bias * rng.integers(2), units and [kinds[k] for k in rng.integers(len(kinds), size=len(bias))])
            for weight, bias, units in layers
        ]
    for (weight, bias, _), (after, _, _) in pairwise(layers):
        factor = 2.0 ** rng.integers(-300 if deep else -60, 301 if deep else 61, len(bias))
        weight *= factor[:, None]
        bias *= factor
        if rng.random() < 0.3:
            after /= factor
    return Case(layers, cube(2), f"mixed scales {seed}: 2-{'x'.join(map(str, widths))}-{len(layers[-1][1])}")


def _widths(rng: Rng, dimension: int) -> tuple[int, ...]:
    """One to six widths between 1 and 24, few enough neurons for the twin."""
    depth = int(rng.integers(1, 7))
    budget = 72 if dimension == 1 else 64
    top = min(24, math.ceil(budget / depth))
    return tuple(int(n) for n in rng.integers(max(1, top // 3), top + 1, depth))


def _domain(rng: Rng, dimension: int) -> Domain:
    """``[-1, 1]^d``, ``[0, 1]^d``, a dyadic box, or in the plane a polygon with dyadic corners."""
    kind = rng.integers(5 if dimension == 2 else 3)
    if kind == 0:
        return cube(dimension)
    if kind == 1:
        return box([0.0] * dimension, [1.0] * dimension)
    if kind == 2:
        low = rng.integers(-16, 8, dimension) / 8
        return box(low.tolist(), (low + rng.integers(1, 17, dimension) / 8).tolist())
    return Domain(_hull([(int(x), int(y)) for x, y in rng.integers(-16, 17, (3 if kind == 3 else 9, 2))]))


def _hull(points: Sequence[tuple[int, int]]) -> tuple[tuple[Fraction, ...], ...]:
    """Corners of the convex hull of integer points, in eighths, counter-clockwise; a square if they are collinear."""

    def half(ordered: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        chain: list[tuple[int, int]] = []
        for x, y in ordered:
            while len(chain) > 1:
                (a, b), (c, d) = chain[-2:]
                if (c - a) * (y - b) > (d - b) * (x - a):
                    break
                chain.pop()
            chain.append((x, y))
        return chain[:-1]

    ordered = sorted(set(points))
    corners = half(ordered) + half(ordered[::-1])
    if len(corners) < 3:
        return cube(2).vertices
    return tuple((Fraction(x, 8), Fraction(y, 8)) for x, y in corners)


def _slice(rng: Rng, domain: Domain, inputs: int) -> Domain:
    """A random plane or line in the input space: normal, or with small integer coordinates through a lattice point."""
    shape = (inputs, domain.dimension)
    if rng.random() < 0.5:
        return Domain(domain.vertices, rng.normal(size=inputs) * 0.3, rng.normal(size=shape) * inputs**-0.5)
    basis = rng.integers(-2, 3, shape).astype(float)
    basis[: domain.dimension] = np.eye(domain.dimension)
    return Domain(domain.vertices, rng.integers(-1, 2, inputs).astype(float), basis)
