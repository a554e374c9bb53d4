"""The invariants that every cell complex obeys, each a function that says what is wrong, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from linear_regions.bits import has_bits, hashed, unpacked
from linear_regions.domain import Polyline
from linear_regions.errors import InvariantViolated
from linear_regions.geometry import LineComplex, PlaneComplex
from linear_regions.halfspace_complex import HalfspaceComplex
from linear_regions.network.cast import flag
from linear_regions.solid_complex import SolidComplex
from linear_regions.space_complex import SpaceComplex

from .location import float_pattern
from .patterns import stacked
from .residuals import map_failures, side_failures, volume_failures, zero_failures
from .verified import bound_failures

if TYPE_CHECKING:
    from linear_regions.complex import Regions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK = 1 << 13


def check(regions: Regions, *, exact: bool) -> None:
    """Raise if an invariant fails; see `Regions.check`."""
    exact = flag(exact, "exact")
    if isinstance(regions.coarse, HalfspaceComplex):
        _raise([*_numbers(regions)])
        with np.errstate(all="ignore"):
            _raise([*_patterns(regions), *_layers(regions), *_sides(regions, regions.coarse)])
        if exact:
            _raise([*bound_failures(regions)])
        return
    g = regions.geometry
    parts = g.parts if isinstance(g, SpaceComplex) else g
    if isinstance(parts, SolidComplex) and (failure := parts.incidence_failure()):
        _raise([failure])
    if isinstance(g, SpaceComplex):
        _raise([*_parts(g)])
    _raise([*_counts(regions), *_incidence(regions)])  # what follows relies on sound indices
    with np.errstate(all="ignore"):  # numbers beyond float64 show nothing
        _raise([*_patterns(regions), *_layers(regions), *_changes(regions, exact)])
        _raise([*volume_failures(regions), *side_failures(regions), *map_failures(regions)])
    if exact:
        _raise([*bound_failures(regions)])


def _raise(failures: list[str]) -> None:
    if failures:
        raise InvariantViolated("; ".join(failures))


def _counts(regions: Regions) -> Iterator[str]:
    """Cells per layer, and Euler's formula."""
    yield from _numbers(regions)
    yield from _euler(regions)


def _numbers(regions: Regions) -> Iterator[str]:
    """Cells per layer, and patterns."""
    layers = regions.per_layer
    if (np.diff(layers, prepend=1) < 0).any() or (len(layers) and layers[-1] != len(regions)):
        yield f"per_layer must not decrease and end in {len(regions)}, got {layers.tolist()}"
    if any(len(p) != len(regions) for p in regions.packed_patterns):
        yield f"{len(regions)} cells must have a pattern, got {[len(p) for p in regions.packed_patterns]}"


def _euler(regions: Regions) -> Iterator[str]:
    """Euler's formula."""
    g = regions.geometry
    if not isinstance(g, LineComplex):
        faces = g.f_vector
        expected = (-1) ** g.dim if isinstance(g, SpaceComplex) else 1
        if (euler := sum((-1) ** k * n for k, n in enumerate(faces))) != expected:
            yield f"the alternating sum of the numbers of faces {faces} must be {expected}, got {euler}"


def _incidence(regions: Regions) -> Iterator[str]:
    """Interior facets have two cells, outer ones one; cycles close."""
    g = regions.geometry
    cells = g.facet_cells
    wrong = np.flatnonzero((cells >= 0).sum(axis=1) != np.where(g.interior, 2, 1))
    if len(wrong):
        f = int(wrong[0])
        yield f"facet {f} with label {g.label[f]} must have {1 + g.interior[f]} cells, got {cells[f].tolist()}"
    if isinstance(g, PlaneComplex):
        if len(np.unique(g.half_edges)) != len(g.half_edges):
            yield "a half-edge must belong to one cell"
        if (np.diff(g.cell_offsets) < 3).any():
            yield f"cells must have at least 3 sides, got {np.diff(g.cell_offsets).min()}"
        end = g.ends.ravel()[g.half_edges ^ 1]
        open_ = np.flatnonzero(end != g.cell_vertices[g.next_corner])
        if len(open_):
            yield f"the sides of every cell must form a cycle, {len(open_)} do not meet the next one"


def _parts(g: SpaceComplex) -> Iterator[str]:
    """Facets of the parts of cells have two of them but at infinity; those of a hyperplane tell its cells apart."""
    sides, label = g.parts.facet_cells, g.parts.label
    wrong = np.flatnonzero((sides >= 0).all(axis=1) != (label != -1))
    if len(wrong):
        yield f"facets of parts must have two cells but at infinity, {len(wrong)} do not"
        return
    own = np.flatnonzero(label >= 0)
    bit = np.empty(int(g.bit_labels.max(initial=-1)) + 1, np.int64)
    bit[g.bit_labels[g.bit_labels >= 0]] = np.flatnonzero(g.bit_labels >= 0)
    place = bit[label[own]]
    first, second = g.patterns[g.whole[sides[own]], place[:, None] // 64].T
    if same := np.count_nonzero(((first ^ second) >> (place % 64).astype(np.uint64)) & np.uint64(1) == 0):
        yield f"the parts on both sides of a hyperplane must differ in its sign, {same} pairs do not"


def _sides(regions: Regions, g: HalfspaceComplex) -> Iterator[str]:
    """Inner facets are those of both of their cells, and link all cells; points inside have their cell's pattern."""
    inner = g.facet_cells[g.interior]
    sides = np.count_nonzero(g.is_facet & (g.constraint_labels >= 0))
    if 2 * len(inner) != sides:
        yield f"inner facets must belong to two cells, {len(inner)} facets have {sides} sides"
    links = coo_array((np.ones(len(inner)), inner.T), shape=(len(regions), len(regions)))
    if (parts := connected_components(links, directed=False)[0]) != 1:
        yield f"facets must link all cells, they form {parts} parts"
    for number, (step, words) in enumerate(zip(regions.program.steps, regions.packed_patterns, strict=True)):
        own = np.flatnonzero(regions.program.label_step[g.label[g.interior]] == number)
        k, pair = g.label[g.interior][own] - step.label0, inner[own]
        if same := np.count_nonzero(has_bits(words, pair[:, 0], k) == has_bits(words, pair[:, 1], k)):
            yield f"the cells of a facet must differ at its neuron, {same} pairs in step {number} do not"
    some = np.flatnonzero(np.isfinite(g.inside).all(axis=1))
    found, proven = float_pattern(regions, g.inside[some])
    own_words = stacked(regions.packed_patterns, len(regions))[some]
    wrong = np.count_nonzero(proven & (stacked(found, len(some)) != own_words).any(axis=1))
    if wrong:
        yield f"points inside cells must have their patterns, {wrong} do not"


def _layers(regions: Regions) -> Iterator[str]:
    """Cells after each layer are the different beginnings of patterns."""
    key = np.zeros((len(regions), 2), np.uint64)  # two hashes, lest a chance makes different ones the same
    found = []
    for step, words in zip(regions.program.steps, regions.packed_patterns, strict=True):
        key = np.column_stack([hashed(np.column_stack([key, words]), seed) for seed in (0, 1)])
        if step.has_units:
            found.append(len(np.unique(key, axis=0)))
    if found != regions.per_layer.tolist() and not isinstance(regions.domain, Polyline):
        yield f"per_layer must count the beginnings of patterns, {found}, got {regions.per_layer.tolist()}"


def _patterns(regions: Regions) -> Iterator[str]:
    """Patterns are unique; the two cells of a facet differ at its hyperplane."""
    words = stacked(regions.packed_patterns, len(regions))
    keys = hashed(words, 0)
    order = np.argsort(keys, kind="stable")
    twins = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    same = twins[(words[order[twins]] == words[order[twins + 1]]).all(axis=1)]
    if len(same) and not isinstance(regions.domain, Polyline):  # a curve may come back to a region
        yield f"patterns must be unique, cells {order[same[0]]} and {order[same[0] + 1]} share one"


def _changes(regions: Regions, exact: bool) -> Iterator[str]:
    """The two cells of a facet differ at its hyperplane, and elsewhere only in hyperplanes that hold the facet too."""
    g, program = regions.geometry, regions.program
    interior = np.flatnonzero(g.interior)
    for number, (step, words) in enumerate(zip(program.steps, regions.packed_patterns, strict=True)):
        m = step.activation.n_hyperplanes
        for first in range(0, len(interior) if m else 0, _CHUNK):
            facets = interior[first : first + _CHUNK]
            label = g.label[facets]
            cells = g.facet_cells[facets]
            rows, planes = np.nonzero(unpacked(words[cells[:, 0]] ^ words[cells[:, 1]], m))
            other = planes + step.label0
            own = other == label[rows]
            if missing := np.count_nonzero(program.label_step[label] == number) - np.count_nonzero(own):
                yield f"the cells of a facet must differ at its neuron, {missing} pairs in step {number} do not"
            if not own.all():
                yield from zero_failures(regions, number, facets[rows[~own]], other[~own], exact)
