"""From the twin's terms to the library's, and the comparison of the two on one case."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

import linear_regions as lr
from known_nets import Case, Domain, cube, relu_net
from linear_regions.network import Activation, Affine, Network, Unit
from naive import Cell, Layer, Pieces


def to_unit(pieces: Pieces) -> Unit:
    return Unit(tuple(float(tau) for tau in pieces.breakpoints), tuple(pieces.slopes), tuple(pieces.intercepts))


def to_network(layers: Sequence[Layer]) -> Network:
    ops: list[Affine | Activation] = []
    for weight, bias, units in layers:
        ops.append(Affine.from_arrays(weight, bias))
        if units is not None:
            ops.append(Activation.from_units([to_unit(unit) for unit in units]))
    return Network.chain(ops)


def to_domain(domain: Domain) -> lr.Box | lr.Polytope | lr.Slice:
    inner = lr.Box(domain.lower, domain.upper) if domain.is_box else lr.Polytope(*domain.halfspaces)
    return inner if domain.origin is None else lr.Slice(domain.origin, domain.basis, inner)


def regions_of(case: Case, **options: Any) -> lr.Regions:
    return lr.enumerate_regions(to_network(case.layers), to_domain(case.domain), **options)


def enumerated(layers: Sequence[Layer], domain: Any, **options: Any) -> lr.Regions:
    """Regions of the twin's layers on a domain of the library or of the twin."""
    chosen = to_domain(domain) if isinstance(domain, Domain) else domain
    return lr.enumerate_regions(to_network(layers), chosen, **options)


def pattern_sizes(regions: lr.Regions) -> dict[tuple[int, ...], Fraction]:
    """The exact volume of the cell of each pattern: cells with one pattern would be one convex set."""
    patterns = [tuple(pattern) for pattern in regions.patterns.tolist()]
    assert len(set(patterns)) == len(patterns)
    return dict(zip(patterns, regions.exact_volumes(), strict=True))


def differences(case: Case) -> list[str]:
    """What engine and twin disagree about: numbers, patterns, exact sizes, corners (within their error bounds)."""
    twin, regions = case.enumerate(), regions_of(case)
    found = []
    if len(regions) != len(twin):
        found.append(f"{len(regions)} cells, twin {len(twin)}")
    kinked = [activation.n_hyperplanes > 0 for activation in regions.network.activations]
    per_layer = regions.per_layer[kinked].tolist()  # the twin leaves layers of identities out
    if per_layer != list(twin.per_layer):
        found.append(f"per layer {per_layer}, twin {list(twin.per_layer)}")
    if not regions.certificate.certified or regions.certificate.undecided:
        found.append(f"not certified: {regions.certificate}")
    expected = {cell.pattern: cell for cell in twin.cells}
    patterns = [tuple(pattern) for pattern in regions.patterns.tolist()]
    if set(patterns) != set(expected):
        found.append(f"patterns: {set(patterns) - set(expected)} only here, {set(expected) - set(patterns)} only there")
        return found
    for index, pattern in enumerate(patterns):
        found += [f"cell {index}: {message}" for message in _corner_differences(regions, index, expected[pattern])]
    if len(regions) <= 100:  # the corners decide the sizes: a second look, where it is cheap
        sizes = zip(regions.exact_volumes(), [expected[pattern].size for pattern in patterns], strict=True)
        found += [
            f"cell {index}: size {size}, twin {other}" for index, (size, other) in enumerate(sizes) if size != other
        ]
    return found


def _corner_differences(regions: lr.Regions, index: int, cell: Cell) -> list[str]:
    exact = regions.exact_vertices(index)
    start = exact.index(cell.vertices[0]) if cell.vertices[0] in exact else 0  # cycles may begin anywhere
    if (*exact[start:], *exact[:start]) != cell.vertices:
        return [f"corners {exact}, twin {cell.vertices}"]
    own = regions.cell_vertices[slice(*regions.cell_vertex_offsets[index : index + 2])]
    corners = zip(exact, regions.vertex_coordinates[own].tolist(), regions.vertex_errors[own].tolist(), strict=True)
    return [f"corner {p} off by {d}, bound {e}" for p, x, e in corners if (d := _distance(p, x)) > e * (1 + 1e-12)]


def _distance(exact: Sequence[Fraction], computed: Sequence[float]) -> float:
    return math.hypot(*(float(p - Fraction(x)) for p, x in zip(exact, computed, strict=True)))


def report(cases: Iterable[Case]) -> str:
    """What differs, one case a line; empty if nothing does."""
    lines = []
    for case in cases:
        try:
            found = differences(case)
        except Exception as error:  # name the seed, and go on
            found = [f"{type(error).__name__}: {error}"]
        if found:
            lines.append(f"{case.description}: {'; '.join(found[:3])}")
    return "\n".join(lines)


def zero_bias_case(seed: int) -> Case:
    """A Gaussian net without biases on [-1, 1]^2: every cell is a cone with its tip at the origin."""
    rng = np.random.default_rng([17, seed])
    widths = [(3, 3, 3), (6, 6), (8, 8)][seed % 3]
    shapes = [(n, k) for k, n in zip((2, *widths), (*widths, 1), strict=True)]
    layers = relu_net([rng.normal(size=shape) for shape in shapes], [np.zeros(n) for n, _ in shapes])
    return Case(layers, cube(2), f"zero biases {seed}: {widths}")
