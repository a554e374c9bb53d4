"""Networks on boxes of three to five dimensions, and the comparison of engine and twin on one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

import linear_regions as lr
from convert import to_network
from families import FAMILIES, Plan
from naive import Layer
from naive_polytopes import Complex, enumerate_polytope

FAR = Fraction(2) ** 400


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
    for codim in range(1, r.dim if len(r) <= 40 else 1):  # where it is cheap for the twin
        ours, other, bound = r.boundary_volume(codim), twin.boundary_volume(codim), r.boundary_volume_error(codim)
        if abs(ours - other) > bound + 1e-14 * other:
            found.append(f"boundary of codimension {codim} {ours}, twin {other}, bound {bound}")
    for own, pattern in enumerate(patterns[:100]):
        volume, error = Fraction(float(r.volumes[own])), Fraction(float(r.volume_errors[own]))
        if abs(volume - cells[pattern].volume) > error:
            found.append(
                f"volume of {pattern} {float(volume)}, twin {float(cells[pattern].volume)}, bound {float(error)}"
            )
    if len(r) <= 30 and r.exact_volumes() != [cells[pattern].volume for pattern in patterns]:
        found.append("exact volumes")
    return found


class Space(NamedTuple):
    """A network on all of R^d, or of a slice."""

    layers: list[Layer]
    dimension: int
    origin: list[float] | None = None
    basis: list[list[float]] | None = None

    @property
    def domain(self) -> lr.Space | lr.Slice:
        space = lr.Space(self.dimension)
        return space if self.basis is None else lr.Slice(self.origin, self.basis, space)

    def twin(self) -> Complex:
        """On a box beyond all vertices: its inner faces are those of the whole space."""
        d = self.dimension
        rows = [[sign * int(i == k) for k in range(d)] + [FAR] for i in range(d) for sign in (1, -1)]
        return enumerate_polytope(self.layers, rows, self.origin, self.basis)


def random_space(seed: int) -> Space:
    """Families take turns; two to four dimensions, one to three narrow layers, the input space or a slice of it."""
    rng = np.random.default_rng([7, seed])
    d = int(rng.choice([2, 2, 3, 3, 4]))
    depth = int(rng.integers(1, 4))
    widths = tuple(int(n) for n in rng.integers(1, {2: 9, 3: 7, 4: 5}[d] // depth + 3, depth))
    inputs = d + int(rng.integers(0, 3))
    layers = FAMILIES[seed % len(FAMILIES)](rng, Plan(inputs, d, widths))
    if inputs == d:
        return Space(layers, d)
    basis = np.vstack([np.eye(d), rng.integers(-2, 3, (inputs - d, d))])
    return Space(layers, d, rng.integers(-1, 2, inputs).astype(float).tolist(), basis.tolist())


def space_differences(space: Space) -> list[str]:
    """What engine and twin disagree about, as `differences`."""
    twin, r = space.twin(), lr.enumerate_regions(to_network(space.layers), space.domain)
    r.check()
    cells = {cell.pattern: cell for cell in twin.cells}
    bounded = {
        pattern: all(abs(x) < FAR * p[-1] for p in cell.points for x in p[:-1]) for pattern, cell in cells.items()
    }
    patterns = [tuple(pattern) for pattern in r.patterns.tolist()]
    counted = lr.count_regions(r.network, space.domain, full_output=True)
    pairs = {
        "cells": (counts(r, twin), counts(twin, twin)),
        "counted": (counted.per_layer.tolist(), r.per_layer.tolist()),
        "faces": (r.f_vector[:-1], tuple(sum(map(twin.is_inner, faces)) for faces in twin.faces)),
        "bounded": (dict(zip(patterns, r.bounded.tolist(), strict=True)), bounded),
        "certified": (r.certificate.certified and r.certificate == counted.certificate, True),
    }
    found = [f"{name} {ours}, twin {other}" for name, (ours, other) in pairs.items() if ours != other]
    for own in [] if found else np.flatnonzero(r.bounded)[:10].tolist():
        volume, error = Fraction(float(r.volumes[own])), Fraction(float(r.volume_errors[own]))
        if abs(volume - cells[patterns[own]].volume) > error or r.exact_volumes([own]) != [cells[patterns[own]].volume]:
            found.append(f"volume {float(volume)}, twin {float(cells[patterns[own]].volume)}, bound {float(error)}")
    return found


def solid_report(seeds: Iterable[int]) -> str:
    """What differs, one network a line; empty if nothing does."""
    return _report("solid", lambda seed: differences(random_solid(seed)), seeds)


def space_report(seeds: Iterable[int]) -> str:
    """The same for all of R^d."""
    return _report("space", lambda seed: space_differences(random_space(seed)), seeds)


def _report(name: str, compare: Callable[[int], list[str]], seeds: Iterable[int]) -> str:
    lines = []
    for seed in seeds:
        try:
            found = compare(seed)
        except Exception as error:  # name the seed, and go on
            found = [f"{type(error).__name__}: {error}"]
        if found:
            lines.append(f"{name} {seed}: {'; '.join(found[:3])}")
    return "\n".join(lines)
