"""Numbers with bounds against exact ones on small random problems; and that `check(exact=True)` sees every false one.

`scripts/sweep.py --bounds` compares as many problems as one likes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import linear_regions as lr
from bound_cases import bound_case
from bounds import bound_report
from convert import to_network
from families import Plan, edge_units, he_normal
from known_nets import he_net
from solids import cube


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_problems(first: int) -> None:
    assert not bound_report(range(first, first + 20))


def test_a_line_with_breakpoints_close_together_and_far_away() -> None:
    assert not bound_report([204653])


def test_centroids_of_thin_and_of_unbounded_cells() -> None:
    """Cells on R^2 that floats give no volume, and all of R."""
    problem = bound_case(77)
    r = lr.enumerate_regions(problem.network, problem.domain)
    assert not r.volumes[r.bounded].all()
    assert np.isfinite(r.centroids[r.bounded]).all()
    whole = lr.enumerate_regions(lr.Network.from_arrays([[[0]], [[1]]], [[1], [0]]), lr.Space(1))
    assert whole.centroids.tolist() == [[np.inf]]


def network(inputs: int) -> lr.Network:
    return to_network(he_normal(np.random.default_rng(0), Plan(inputs, min(inputs, 3), (4, 3))))


CURVES = {
    "units": lambda: (to_network(edge_units(np.random.default_rng(3), Plan(1, 1, (4, 3)))), lr.Box([-2], [2])),
    "box": lambda: (network(1), lr.Box([-2], [2])),
    "segment": lambda: (network(2), lr.Segment([-3, -2], [4, 3])),
    "line": lambda: (network(2), lr.Line([0.5, 0.1], [1, 0.7])),
    "polyline": lambda: (network(2), lr.Polyline([[-3, -1], [3, 2], [0, 3]], closed=True)),
}
BODIES = {
    "plane": lambda: (to_network(he_net(2, 5, 3)), lr.Box([-2, -2], [2, 2])),
    "triangle": lambda: (to_network(he_net(2, 5, 3)), lr.Polytope([[-1, 0], [0, -1], [1, 1.1]], [1, 1, 1])),
    "solid": lambda: (to_network(he_net(3, 4, 2)), cube(3, 2.0)),
    "slice": lambda: (to_network(he_net(4, 4, 2)), lr.Slice([0.1] * 4, np.eye(4)[:, :3] + 0.25, cube(3, 2.0))),
    "space": lambda: (to_network(he_net(2, 5, 3)), lr.Space(2)),
    "corners": lambda: (to_network(he_net(3, 4, 2)), cube(3, 2.0)),
}  # fmt: skip


def regions_of(kind: str) -> lr.Regions:
    make = {**CURVES, **BODIES}[kind]
    regions = lr.enumerate_regions(*make(), method="lp" if kind == "corners" else "auto").with_corners()
    regions.check(exact=True)
    return regions


def mutated(regions: lr.Regions, geometry: Any) -> lr.Regions:
    """The same regions with another geometry, which nothing makes sharper."""
    other = replace(regions)
    vars(other)["geometry"] = geometry
    return other


def some(items: Any) -> list[Any]:
    """At most five of them, evenly spaced."""
    own = list(items)
    return own[:: -(-len(own) // 5)]


def refuses(regions: lr.Regions) -> None:
    with pytest.raises(lr.InvariantViolated):
        regions.check(exact=True)


def with_parts(geometry: Any, **changes: Any) -> Any:
    """Other vertices or errors; of the parts of cells where these have parts."""
    if hasattr(geometry, "parts"):
        return replace(geometry, parts=replace(geometry.parts, **changes))
    return replace(geometry, **changes)


def vertex_offs(regions: lr.Regions) -> dict[int, tuple[np.ndarray[Any, Any], float]]:
    """For the row of each vertex in the geometry's arrays its coordinates, and how far they are off, rounded down."""
    g = regions.geometry
    rows = g._vertices if hasattr(g, "_vertices") else np.arange(len(regions.vertex_coordinates))
    found = {}
    for cell in np.flatnonzero(regions.bounded).tolist():
        own = regions.cell_vertices[slice(*regions.cell_vertex_offsets[cell : cell + 2])].tolist()
        for v, exact in zip(own, regions.exact_vertices(cell), strict=True):
            x = regions.vertex_coordinates[v]
            square = sum((p - Fraction(q)) ** 2 for p, q in zip(exact, x.tolist(), strict=True))
            found[int(rows[v])] = x, float(square) ** 0.5 * (1 - 1e-9)
    return found


def arrays(regions: lr.Regions) -> tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The name of the geometry's array of coordinates, these, and the errors."""
    g = getattr(regions.geometry, "parts", regions.geometry)
    return ("t", g.t, g.error) if regions.dim == 1 else ("x", g.x, g.error)


@pytest.mark.parametrize("kind", [*CURVES, *BODIES])
def test_false_vertices_are_seen(kind: str) -> None:
    """Each vertex moved by more than its error, or with a bound below its error, even 0."""
    regions = regions_of(kind)
    name, places, errors = arrays(regions)
    inexact = [(v, off) for v, (_, off) in vertex_offs(regions).items() if off > 0]
    assert len(inexact) > 1
    for v, off in some(inexact):
        for false in (0.0, off):
            changed = errors.copy()
            changed[v] = false
            refuses(mutated(regions, with_parts(regions.geometry, error=changed)))
        moved = places.copy()
        moved[v] += 3 * errors[v]
        refuses(mutated(regions, with_parts(regions.geometry, **{name: moved})))


def test_exact_vertices_moved_to_the_next_float_are_seen() -> None:
    regions = lr.enumerate_regions(lr.Network.from_arrays([[[1], [2]], [[1, 1]]], [[0.25, 1], [0]]), lr.Box([-1], [1]))
    assert not regions.vertex_errors.any()
    t = regions.geometry.t.copy()
    for v in range(len(t)):
        moved = t.copy()
        moved[v] = np.nextafter(t[v], 0.0)
        refuses(mutated(regions, replace(regions.geometry, t=moved)))


def set_volumes(g: Any, volumes: Any, errors: Any) -> None:
    """Put these in the place of what the geometry would compute."""
    if hasattr(type(g), "_sizes"):
        vars(g)["_sizes"] = volumes, errors
    else:
        vars(g)["sizes"] = np.column_stack([volumes, errors])


@pytest.mark.parametrize("kind", [*CURVES, *BODIES])
def test_false_volumes_are_seen(kind: str) -> None:
    regions = regions_of(kind)
    bounded = np.flatnonzero(regions.bounded)
    exact = regions.exact_volumes(bounded.tolist())
    volumes, errors = regions.volumes, regions.volume_errors
    count = 0
    for cell, right in some(zip(bounded.tolist(), exact, strict=True)):
        off = float(abs(right - Fraction(float(volumes[cell])))) * (1 - 1e-9)
        false = [(volumes[cell] + 3 * errors[cell], errors[cell])] * bool(errors[cell])
        for size, bound in [*false, *[(volumes[cell], off)] * bool(off)]:
            count += 1
            g = with_parts(regions.geometry)
            sizes, bounds = volumes.copy(), errors.copy()
            sizes[cell], bounds[cell] = size, bound
            set_volumes(g, sizes, bounds)
            refuses(mutated(regions, g))
    assert count > 0


@pytest.mark.parametrize("kind", list(BODIES))
def test_false_sizes_of_facets_are_seen(kind: str) -> None:
    regions = regions_of(kind)
    g = regions.geometry
    measures, errors = g.facet_measures, g.facet_errors
    own = np.flatnonzero(np.isfinite(measures) & (errors > 0))
    for facet in some(own.tolist()):
        g = with_parts(regions.geometry)
        sizes = measures.copy()
        sizes[facet] += 3 * errors[facet]
        if hasattr(type(g), "facet_sizes"):
            vars(g)["facet_sizes"] = np.column_stack([sizes, errors])
        else:
            vars(g).update(facet_measures=sizes, facet_errors=errors)
        refuses(mutated(regions, g))


@pytest.mark.parametrize("kind", list(CURVES))
def test_false_labels_of_breakpoints_are_seen(kind: str) -> None:
    regions = regions_of(kind)
    g = regions.geometry
    inner = np.flatnonzero(g.interior)
    for v in inner.tolist():
        label = g.label.copy()
        label[v] = next(k for k in np.roll(g.label[inner], 1) if k != label[v])
        refuses(mutated(regions, replace(g, label=label)))


@pytest.mark.parametrize("kind", ["plane", "solid", "corners"])
def test_false_labels_of_facets_are_seen(kind: str) -> None:
    regions = regions_of(kind)
    g = regions.geometry
    name = "label" if regions.dim == 2 else "facet_labels"
    inner = np.flatnonzero(getattr(g, name) >= 0)
    for k in some(inner.tolist()):
        label = getattr(g, name).copy()
        label[k] = next(other for other in np.roll(label[inner], k) if other != label[k])
        refuses(mutated(regions, replace(g, **{name: label})))


@pytest.mark.parametrize("kind", [*CURVES, *BODIES])
def test_false_patterns_are_seen(kind: str) -> None:
    regions = regions_of(kind)
    for cell in some(range(len(regions))):
        packed = [p.copy() for p in regions.packed_patterns]
        packed[0][cell, 0] ^= np.uint64(1)
        refuses(replace(regions, packed_patterns=tuple(packed)))


def with_balls(method: Any) -> lr.Regions:
    regions = lr.enumerate_regions(to_network(he_net(3, 4, 2)), cube(3, 2.0), method=method)
    assert len(regions.largest_balls.radii)
    regions.check(exact=True)
    return regions


@pytest.mark.parametrize("method", ["lp", "vertices"])
@pytest.mark.parametrize("change", ["radii", "upper", "centers", "infinite"])
def test_false_balls_are_seen(change: str, method: str) -> None:
    regions = with_balls(method)
    for cell in some(range(len(regions))):
        balls = {name: own.copy() for name, own in regions.largest_balls._asdict().items()}
        gap = balls["upper"][cell] - balls["radii"][cell]
        if change == "centers":
            balls["centers"][cell, 0] += 2 * gap + 1e-9
        elif change == "infinite":
            balls["radii"][cell] = balls["upper"][cell] = np.inf
        else:
            balls[change][cell] += 2 * gap + 1e-12 if change == "radii" else -2 * gap - 1e-12
        halfspaces = replace(regions.halfspaces)
        vars(halfspaces)["balls"] = type(regions.largest_balls)(**balls)
        other = replace(regions, coarse=halfspaces if method == "lp" else regions.coarse)
        vars(other)["halfspaces"] = halfspaces
        refuses(other)


def test_points_outside_are_seen() -> None:
    regions = with_balls("lp")
    for cell, other in some(enumerate(np.roll(np.arange(len(regions)), 1).tolist())):
        inside = regions.interior_points.copy()
        inside[cell] = inside[other]
        refuses(replace(regions, coarse=replace(regions.coarse, inside=inside)))


ON_CURVES: dict[str, Callable[[], tuple[lr.Network, Any]]] = {
    **{kind: CURVES[kind] for kind in ("segment", "line", "polyline")},
    "ellipse": lambda: (network(2), lr.Ellipse([0.1, 0.2], [2, 0.5], [-0.25, 1])),
}


@pytest.mark.parametrize("kind", list(ON_CURVES))
def test_false_breakpoints_of_curves_are_seen(kind: str) -> None:
    pieces = lr.curve_regions(*ON_CURVES[kind]())
    pieces.check()
    assert len(pieces) > 2
    for k in np.flatnonzero(pieces.breakpoint_errors > 0).tolist():
        errors = pieces.breakpoint_errors.copy()
        errors[k] = 0.0 if kind == "ellipse" else errors[k]
        places = pieces.breakpoints.copy()
        places[k] += 3 * pieces.breakpoint_errors[k]
        starts, ends = pieces.starts.copy(), pieces.ends.copy()
        starts[starts == pieces.breakpoints[k]] = places[k]
        ends[ends == pieces.breakpoints[k]] = places[k]
        for changes in (
            {"breakpoints": places, "starts": starts, "ends": ends},
            {"breakpoints": places},
            {"starts": pieces.starts + 0.01},
        ):
            with pytest.raises(lr.InvariantViolated):
                replace(pieces, **changes).check()
        if kind == "ellipse":  # its breakpoints are irrational
            with pytest.raises(lr.InvariantViolated):
                replace(pieces, breakpoint_errors=errors).check()


@pytest.mark.parametrize("kind", list(ON_CURVES))
def test_false_cells_of_curves_are_seen(kind: str) -> None:
    pieces = lr.curve_regions(*ON_CURVES[kind]())
    cells = np.roll(pieces._cell, 1)
    with pytest.raises(lr.InvariantViolated):
        replace(pieces, _cell=cells).check()
