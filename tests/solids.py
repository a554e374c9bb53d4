"""Networks on boxes of three to five dimensions, and the comparison of engine and twin on one of them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

import linear_regions as lr
from convert import to_network
from families import FAMILIES, Plan
from naive import Layer
from naive_polytopes import Complex, enumerate_polytope


class Solid(NamedTuple):
    """A network on a box, perhaps of a slice."""

    layers: list[Layer]
    lower: list[float]
    upper: list[float]
    origin: list[float] | None = None
    basis: list[list[float]] | None = None

    @property
    def domain(self) -> lr.Box | lr.Slice:
        box = lr.Box(self.lower, self.upper)
        return box if self.basis is None else lr.Slice(self.origin, self.basis, box)

    def twin(self) -> Complex:
        d = len(self.lower)
        rows = [[sign * int(i == k) for k in range(d)] for i in range(d) for sign in (1, -1)]
        ends = [e for low, high in zip(self.lower, self.upper, strict=True) for e in (-Fraction(low), Fraction(high))]
        return enumerate_polytope(
            self.layers, [[*row, e] for row, e in zip(rows, ends, strict=True)], self.origin, self.basis
        )


def cube(dimension: int, radius: float = 1.0) -> lr.Box:
    return lr.Box([-radius] * dimension, [radius] * dimension)


def random_solid(seed: int) -> Solid:
    """Families take turns; three to five dimensions, one to three narrow layers, a box or a slice."""
    rng = np.random.default_rng([3, seed])
    d = int(rng.choice([3, 3, 4, 5]))
    depth = int(rng.integers(1, 4))
    top = {3: 10, 4: 7, 5: 5}[d]
    widths = tuple(int(n) for n in rng.integers(1, top // depth + 3, depth))
    inputs = d + int(rng.integers(1, 4)) if rng.random() < 0.25 else d
    layers = FAMILIES[seed % len(FAMILIES)](rng, Plan(inputs, d, widths))
    lower = rng.integers(-16, 8, d) / 8 if rng.random() < 0.4 else np.full(d, rng.choice([-1.0, 0.0]))
    upper = lower + rng.integers(1, 17, d) / 8 if rng.random() < 0.4 else np.ones(d)
    upper = np.maximum(upper, lower + 0.125)
    if inputs == d:
        return Solid(layers, lower.tolist(), upper.tolist())
    origin, basis = rng.normal(size=inputs) * 0.3, rng.normal(size=(inputs, d)) * inputs**-0.5
    if rng.random() < 0.5:
        origin, basis = rng.integers(-1, 2, inputs).astype(float), rng.integers(-2, 3, (inputs, d)).astype(float)
        basis[:d] = np.eye(d)
    return Solid(layers, lower.tolist(), upper.tolist(), origin.tolist(), basis.tolist())


def counts(own: lr.Regions | Complex, twin: Complex) -> tuple[list[int], list[tuple[int, ...]]]:
    """Cells after each layer of units with breakpoints, and all patterns, of engine or twin."""
    if isinstance(own, Complex):
        return list(twin.per_layer), sorted(cell.pattern for cell in twin.cells)
    kinked = [activation.n_hyperplanes > 0 for activation in own.network.activations]
    return own.per_layer[kinked].tolist(), sorted(map(tuple, own.patterns.tolist()))


def differences(solid: Solid) -> list[str]:
    """What engine and twin disagree about: counts, patterns, faces of all dimensions, numbers beyond their bounds."""
    twin, r = solid.twin(), lr.enumerate_regions(to_network(solid.layers), solid.domain)
    r.check()
    cells = {cell.pattern: cell for cell in twin.cells}
    patterns = [tuple(pattern) for pattern in r.patterns.tolist()]
    counted = lr.count_regions(r.network, solid.domain, full_output=True)
    pairs = {
        "cells": (counts(r, twin), counts(twin, twin)),
        "counted": (counted.per_layer.tolist(), r.per_layer.tolist()),
        "faces": (r.f_vector, twin.f_vector),
        "vertices inside": (r.boundary_volume(r.dim), twin.boundary_volume(r.dim)),
        "facets inside": (len(r.facets.neuron), sum(map(twin.is_inner, twin.faces[r.dim - 1]))),
        "certified": (r.certificate.certified and r.certificate == counted.certificate, True),
    }
    found = [f"{name} {ours}, twin {other}" for name, (ours, other) in pairs.items() if ours != other]
    if found:
        return found
    for codim in range(1, r.dim):
        ours, other, bound = r.boundary_volume(codim), twin.boundary_volume(codim), r.boundary_volume_error(codim)
        if abs(ours - other) > bound + 1e-14 * other:
            found.append(f"boundary of codimension {codim} {ours}, twin {other}, bound {bound}")
    for own, pattern in enumerate(patterns):
        volume, error = Fraction(float(r.volumes[own])), Fraction(float(r.volume_errors[own]))
        if abs(volume - cells[pattern].volume) > error:
            found.append(
                f"volume of {pattern} {float(volume)}, twin {float(cells[pattern].volume)}, bound {float(error)}"
            )
    if len(r) <= 30 and r.exact_volumes() != [cells[pattern].volume for pattern in patterns]:
        found.append("exact volumes")
    return found


def solid_report(seeds: Iterable[int]) -> str:
    """What differs, one network a line; empty if nothing does."""
    lines = []
    for seed in seeds:
        try:
            found = differences(random_solid(seed))
        except Exception as error:  # name the seed, and go on
            found = [f"{type(error).__name__}: {error}"]
        if found:
            lines.append(f"solid {seed}: {'; '.join(found[:3])}")
    return "\n".join(lines)
