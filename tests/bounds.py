"""Every number that the library gives with a bound of its error, against the exact value; see `bound_cases`.

A check yields what is wrong as ``kind: details``. Nothing is compared with a tolerance: lengths, which are algebraic,
are enclosed by balls of 300 bits.
"""

from __future__ import annotations

import math
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import flint
import numpy as np
from flint import arb, arb_mat

import linear_regions as lr
from bound_cases import Cell, Exact, Facet, Problem, bound_case, homogeneous, values_at
from naive import forward

BITS = 300
SECONDS = 100  # of processor time for one problem, with what is compiled
Found = Iterator[str]

# Exact and enclosed numbers


def rational(value: Fraction) -> flint.fmpq:
    """The same number as the other library has it."""
    return flint.fmpq(value.numerator, value.denominator)


def ball(value: Fraction) -> arb:
    """An enclosure."""
    return arb(rational(value))


def squared(p: Sequence[Fraction], q: Sequence[Fraction]) -> Fraction:
    """The square of the distance of two points."""
    return sum(((a - b) ** 2 for a, b in zip(p, q, strict=True)), Fraction(0))


def is_off(exact: Sequence[Fraction], near: Iterable[float], bound: float) -> bool:
    """Whether a point of floats is farther from the exact one than its bound says; NaN is no bound."""
    place = list(near)
    if bound == math.inf:
        return False
    if not all(map(math.isfinite, [bound, *place])):
        return True
    return squared(exact, list(map(Fraction, place))) > Fraction(bound) ** 2


def is_beyond(exact: arb, near: float, bound: float) -> bool:
    """Whether a float is proven to be farther from an enclosed number than its bound says."""
    if bound == math.inf:
        return False
    if not math.isfinite(near):
        return bool(exact.is_finite())
    return math.isnan(bound) or bool(abs(exact - arb(near)) > arb(bound))


def size(simplices: Iterable[Sequence[Exact]]) -> arb:
    """Total volume of simplices in their own dimension."""
    total = arb(0)
    for origin, *others in simplices:
        rays = [[rational(a - b) for a, b in zip(p, origin, strict=True)] for p in others]
        if rays:
            matrix = flint.fmpq_mat(rays)
            total += arb((matrix * matrix.transpose()).det()).sqrt() / math.factorial(len(rays))
        else:
            total += 1
    return total


def squared_to_hull(point: Exact, corners: Sequence[Exact]) -> Fraction:
    """The square of the distance of a point from the nearest segment between two of some points."""
    best = min(squared(point, p) for p in corners)
    for p, q in combinations(corners, 2):
        step = [b - a for a, b in zip(p, q, strict=True)]
        long = sum((s * s for s in step), Fraction(0))
        along = sum((s * (v - a) for s, v, a in zip(step, point, p, strict=True)), Fraction(0))
        if 0 < along < long:
            best = min(best, squared(point, [a + s * along / long for a, s in zip(p, step, strict=True)]))
    return best


def squared_to_cell(point: Exact, cell: Cell) -> Fraction:
    """An upper bound of the square of the distance of a point from a bounded cell; exact in up to three dimensions."""
    if cell.holds(point):
        return Fraction(0)
    best = squared_to_hull(point, cell.corners)
    for row in cell.rows:
        foot, apart = _foot(point, row)
        if apart < best and cell.holds(foot):
            best = apart
    return best


def _foot(point: Exact, row: Sequence[int]) -> tuple[Exact, Fraction]:
    """The nearest point on a hyperplane, and the square of its distance."""
    long, (value,), weight = sum(a * a for a in row[:-1]), values_at((tuple(row),), point), homogeneous(point)[-1]
    step = Fraction(value, long * weight)
    return tuple(v - a * step for v, a in zip(point, row, strict=False)), step * step * long


# Cells of both


def paired(problem: Problem, patterns: list[list[int]]) -> list[Cell] | None:
    """The exact cell of each cell: by its pattern, on curves in order."""
    cells = problem.twin.cells
    if problem.domain.dim == 1:
        return cells if [list(c.pattern) for c in cells] == patterns else None
    own = {cell.pattern: cell for cell in cells}
    keys = list(map(tuple, patterns))
    return [own[key] for key in keys] if set(keys) == set(own) and len(keys) == len(own) else None


def check_counts(problem: Problem, r: lr.Regions) -> Found:
    """Cells after each layer, which cells are bounded, facets."""
    kinked = [a.n_hyperplanes > 0 for a in problem.network.activations]
    per_layer, twin = tuple(r.per_layer[kinked].tolist()), problem.twin
    if per_layer != twin.per_layer:
        yield f"counts: per layer {per_layer}, right {twin.per_layer}"
    counted = lr.count_regions(problem.network, problem.domain)
    if counted != len(twin.cells):
        yield f"counts: count_regions {counted}, right {len(twin.cells)}"


def check_cells(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """What is bounded, and facets."""
    if r.bounded.tolist() != [c.bounded for c in cells]:
        yield f"bounded: {r.bounded.tolist()}"
    if r.dim > 1 and len(r.facets.neuron) != len(problem.twin.facets):
        yield f"counts: {len(r.facets.neuron)} facets, right {len(problem.twin.facets)}"


def check_vertices(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Exact vertices are right, and floats within their bounds."""
    for i, cell in enumerate(cells):
        if not cell.bounded:
            continue
        exact = r.exact_vertices(i)
        if sorted(exact) != sorted(cell.corners):
            yield f"exact_vertices: cell {i}, {_shown(exact)}, right {_shown(cell.corners)}"
            exact = sorted(cell.corners) if r.dim == 1 else []
        own = r.cell_vertices[slice(*r.cell_vertex_offsets[i : i + 2])]
        for p, x, e in zip(exact, r.vertex_coordinates[own].tolist(), r.vertex_errors[own].tolist(), strict=False):
            if is_off(p, x, e):
                yield f"vertex_errors: cell {i}, {_shown([p])} at {x} within {e}"
    if r.dim == 1:
        yield from _check_chain(r.vertex_coordinates[1:-1, 0], r.vertex_errors[1:-1], cells)


def _check_chain(places: Any, errors: Any, cells: list[Cell]) -> Found:
    """Breakpoints of unbounded chains too."""
    exact = [Fraction(-cell.rows[0][-1], cell.rows[0][0]) for cell in cells[1:]]
    for t, place, error in zip(exact, places.tolist(), errors.tolist(), strict=True):
        if is_off([t], [place], error):
            yield f"breakpoint_errors: {_shown([(t,)])} at {place} within {error}"


def check_volumes(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Volumes within their bounds, and exactly."""
    for i, (cell, near, error) in enumerate(zip(cells, r.volumes.tolist(), r.volume_errors.tolist(), strict=True)):
        if cell.bounded:
            if is_off([cell.volume], [near], error):
                yield f"volume_errors: cell {i}, {float(cell.volume)!r} as {near!r} within {error!r}"
            if math.isinf(near) and problem.domain.volume is None:
                continue
            if (exact := r.exact_volumes([i])[0]) != cell.volume:
                yield f"exact_volumes: cell {i}, off by {float(exact - cell.volume)!r}"
        elif near != math.inf:
            yield f"volumes: cell {i} is unbounded, got {near!r}"


def neuron_sizes(facets: Iterable[Facet]) -> dict[int, arb]:
    """The sizes of the facets of each neuron."""
    sizes: dict[int, arb] = {}
    for facet in facets:
        sizes[facet.neuron] = sizes.get(facet.neuron, arb(0)) + size(facet.simplices)
    return sizes


def check_boundary(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Sizes of facets: each of them, in all and by neuron."""
    if r.dim == 1:
        return
    number = {id(cell): i for i, cell in enumerate(cells)}
    order = [number[id(cell)] for cell in problem.twin.cells]
    right = {tuple(sorted(order[i] for i in facet.cells)): facet for facet in problem.twin.facets}
    errors = r.geometry.facet_errors[r.geometry.interior]
    for pair, near, error in zip(r.facets.cells.tolist(), r.facets.measure.tolist(), errors.tolist(), strict=True):
        facet = right[tuple(pair)]
        if facet.simplices and is_beyond(size(facet.simplices), near, error):
            yield f"facet: between cells {pair}, {size(facet.simplices).str(20)} as {near!r} within {error!r}"
    if not all(facet.simplices for facet in problem.twin.facets):
        return
    sizes = neuron_sizes(problem.twin.facets)
    yield from _check_sums("boundary_volume_error", r.boundary_volume(), r.boundary_volume(by="neuron"),
                           r.boundary_volume_error(), sizes)  # fmt: skip
    if r.domain.volume is not None:
        sums = lr.sum_regions(r.network, r.domain)
        yield from _check_sums("sum_regions boundary", sums.boundary_volume(), sums.boundary_volume(by="neuron"),
                               sums.boundary_volume_error, sizes)  # fmt: skip
        yield from _check_faces(problem, r)


def _check_faces(problem: Problem, r: lr.Regions) -> Found:
    """Smaller faces inside the domain."""
    for codim in range(2, r.dim + 1):
        right = sum((size(own) for own in problem.twin.inner_faces(codim)), arb(0))
        if is_beyond(right, r.boundary_volume(codim), r.boundary_volume_error(codim)):
            yield f"faces: codimension {codim}, {right.str(20)} as {r.boundary_volume(codim)!r}"


def check_maps(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Exact maps, how many there are, and where unbounded cells lead to."""
    if "polyline" in problem.kind or problem.kind == "segment":
        return
    for i, cell in enumerate(cells[:4]):
        rows, denominator = cell.output
        right = [[Fraction(v, denominator) for v in row] for row in rows]
        if [[*a, b] for a, b in zip(*r.exact_map(i), strict=True)] != right:
            yield f"exact_map: cell {i}"
        for ray in [] if cell.bounded else r.recession_cone(i):
            if any(sum(a * v for a, v in zip(row, ray, strict=False)) < 0 for row in cell.rows):
                yield f"recession_cone: cell {i}, {ray}"
    if r.count("R6") != (right_count := len({cell.output for cell in cells})):
        yield f"counts: {r.count('R6')} maps, right {right_count}"


def _check_sums(kind: str, total: float, parts: Any, bound: float, sizes: dict[int, arb]) -> Found:
    whole = sum(sizes.values(), arb(0))
    if is_beyond(whole, total, bound):
        yield f"{kind}: {whole.str(20)} as {total!r} within {bound!r}"
    if not np.isfinite(parts).all():
        return
    off = sum((abs(sizes.get(k, arb(0)) - arb(v)) for k, v in enumerate(parts.tolist())), arb(0))
    if off > arb(bound):
        yield f"{kind}: by neuron, off by {off.str(5)} in all, bound {bound!r}"


def check_sums(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Volumes summed up."""
    if r.domain.volume is None:
        return
    sums = lr.sum_regions(r.network, r.domain)
    exact = sum((cell.volume for cell in cells), Fraction(0))
    if sums.count != len(cells):
        yield f"counts: sum_regions {sums.count}, right {len(cells)}"
    if is_off([exact], [sums.volume], sums.volume_error):
        yield f"sum_regions volume: {float(exact)!r} as {sums.volume!r} within {sums.volume_error!r}"


def some_points(problem: Problem, r: lr.Regions, seed: int = 0) -> Any:
    """Vertices, floats next to them, points between them."""
    rng = np.random.default_rng(seed)
    x = r.vertex_coordinates[np.isfinite(r.vertex_coordinates).all(axis=1)]
    if not len(x):
        x = np.zeros((1, r.dim))
    own = x[rng.integers(len(x), size=4)]
    beside = np.nextafter(own, rng.choice([-np.inf, np.inf], own.shape))
    between = own[:2] / 2 + x[rng.integers(len(x), size=2)] / 2
    mixed = rng.dirichlet(np.ones(len(x)), 4) @ x
    points = np.concatenate([own, beside, between, mixed, rng.normal(size=(2, r.dim))])
    return points[np.isfinite(points).all(axis=1)]


def right_cells(problem: Problem, cells: list[Cell], points: Any) -> list[int]:
    """The lowest cell that holds each point, -1 outside the domain."""
    exact = [tuple(map(Fraction, p)) for p in points.tolist()]
    return [next((i for i, cell in enumerate(cells) if cell.holds(p)), -1) for p in exact]


def check_find(problem: Problem, r: lr.Regions, cells: list[Cell], points: Any = None) -> Found:
    """The right cells of points."""
    points = some_points(problem, r) if points is None else points
    right = right_cells(problem, cells, points)
    for p, own, other in zip(points.tolist(), r.find(points).tolist(), right, strict=True):
        if own != other:
            yield f"find: {p} in cell {own}, right {other}"


def check_distance(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Distances on lines and in the plane within the errors of vertices and a few roundings of coordinates."""
    if r.dim > 2 or not all(cell.bounded for cell in cells):
        return
    points = some_points(problem, r, 1)
    points = points[[i >= 0 for i in right_cells(problem, cells, points)]][:4]
    coordinates = np.abs(np.concatenate([r.vertex_coordinates, points])).max(initial=0.0)
    bound = Fraction(float(r.vertex_errors.max())) + 16 * Fraction(float(coordinates)) / 2**53
    for p, near in zip(points.tolist(), r.distance(points).tolist(), strict=True):
        square = _to_boundary(problem, tuple(map(Fraction, p)), cells)
        if square is None:
            if near != math.inf:
                yield f"distance: {p} at {near!r} from no facet"
        elif not math.isfinite(near) or abs(ball(square).sqrt() - arb(near)) > ball(bound):
            yield f"distance: {p} at {ball(square).sqrt().str(17)} as {near!r} within {float(bound)!r}"


def _to_boundary(problem: Problem, point: Exact, cells: list[Cell]) -> Fraction | None:
    """The square of the distance to the nearest facet."""
    if problem.domain.dim == 1:
        inner = [cell.corners[0] for cell in cells[1:]]
        return min((squared(point, p) for p in inner), default=None)
    facets = [{p for part in facet.simplices for p in part} for facet in problem.twin.facets]
    return min((squared_to_hull(point, list(own)) for own in facets), default=None)


# Balls and points


def check_balls(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Balls lie in their cells, and no larger ones do than the upper bounds say."""
    if r.dim == 1:
        return
    balls = r.largest_balls
    for i, cell in enumerate(cells):
        centre, radius, upper = balls.centers[i].tolist(), float(balls.radii[i]), float(balls.upper[i])
        yield from (f"{what}, cell {i}" for what in check_ball(cell, centre, radius, upper))


def check_ball(cell: Cell, centre: list[float] | None, radius: float, upper: float) -> Found:
    """A largest ball of a cell, or its radius alone."""
    if math.isnan(radius) or math.isnan(upper) or not 0 <= radius <= upper:
        yield f"ball radius: {radius!r} with upper bound {upper!r}"
        return
    if cell.bounded and radius == math.inf:
        yield "ball radius: infinite in a bounded cell"
        return
    exact = None if centre is None or not np.isfinite(centre).all() else tuple(map(Fraction, centre))
    if exact is not None and math.isfinite(radius) and radius and room(cell, exact) < Fraction(radius) ** 2:
        yield f"ball radius: {radius!r} at {centre}, room for {float(ball(room(cell, exact)).sqrt())!r}"
    if cell.bounded and math.isfinite(upper):
        centres = centres_of(cell)
        if centres and (best := max(room(cell, c) for c in centres)) > Fraction(upper) ** 2:
            yield f"ball upper: {upper!r}, there is one of {float(ball(best).sqrt())!r}"
        if centre is None and centres and cell.corners and _no_larger(cell, centres) < Fraction(radius) ** 2:
            yield f"ball radius: {radius!r}, largest {float(ball(_no_larger(cell, centres)).sqrt())!r}"


def _no_larger(cell: Cell, centres: list[Exact]) -> Fraction:
    """Above the square of the largest radius: that of the best centre, which is within 2^-200 of the best."""
    best = max(room(cell, c) for c in centres)
    return best * (1 + Fraction(1, 2**100)) if len(centres) > 1 else Fraction(2) ** 10000


def room(cell: Cell, centre: Exact) -> Fraction:
    """The square of the largest radius of a ball about a point in a cell; 0 outside."""
    heights, weight = values_at(cell.rows, centre), homogeneous(centre)[-1]
    if min(heights) < 0:
        return Fraction(0)
    squares = (sum(a * a for a in row[:-1]) for row in cell.rows)
    least = min(flint.fmpq(h * h, square) for h, square in zip(heights, squares, strict=True))
    return Fraction(int(least.p), int(least.q) * weight * weight)


@flint.ctx.workprec(16 * BITS)
def centres_of(cell: Cell) -> list[Exact]:
    """The mean of the corners, and those at one distance from d + 1 facets, almost: of a largest ball too."""
    d = len(cell.rows[0]) - 1
    mean = tuple(sum(column, Fraction(0)) / len(cell.corners) for column in zip(*cell.corners, strict=True))
    if math.comb(len(cell.rows), d + 1) > 40:
        return [mean]
    unit = [[arb(a) / arb(sum(b * b for b in row[:-1])).sqrt() for a in row] for row in cell.rows]
    found = [mean]
    for own in combinations(unit, d + 1):
        try:
            place = arb_mat([[*row[:-1], arb(-1)] for row in own]).solve(arb_mat([[-row[-1]] for row in own]))
        except ZeroDivisionError:
            continue
        found.append(tuple(_middle(place[i, 0]) for i in range(d)))
    return found


def _middle(value: arb) -> Fraction:
    """A rational number in an enclosure."""
    mantissa, exponent = value.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def check_centroids(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Centres of mass, which have no bounds, are at least near the boxes about their cells."""
    finite = np.isfinite(r.vertex_coordinates).all(axis=1)
    slack = 1e-6 * np.abs(r.vertex_coordinates[finite]).max(initial=0.0) + r.vertex_errors[finite].max(initial=0.0)
    for i, (cell, p) in enumerate(zip(cells, r.centroids.tolist(), strict=True)):
        if cell.bounded and math.isfinite(r.volumes[i]):
            columns = [*zip(*cell.corners, strict=True)]
            if not all(min(own) - slack <= v <= max(own) + slack for own, v in zip(columns, p, strict=True)):
                yield f"centroids: cell {i}, {p} is far outside, volume {float(cell.volume)!r}"


def check_inside(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Points inside lie inside, unless there seems to be no float there."""
    if r.dim == 1:
        return
    for i, (cell, p) in enumerate(zip(cells, r.interior_points.tolist(), strict=True)):
        exact = tuple(map(Fraction, p)) if np.isfinite(p).all() else None
        if exact is not None and cell.holds(exact, inside=True):
            continue
        if cell.bounded and (other := float_inside(cell)) is not None:
            yield f"interior_points: cell {i}, {p} is not inside, {other} is"


def float_inside(cell: Cell) -> list[float] | None:
    """A float inside a bounded cell next to the mean of its corners, if there is one."""
    means = [sum(column, Fraction(0)) / len(cell.corners) for column in zip(*cell.corners, strict=True)]
    if any(abs(m) >= 2**1023 or 0 < abs(m) < Fraction(1, 2**1060) for m in means):
        return None  # where floats end, and where they are so rare that those inside may be missed
    around = [[m, math.nextafter(m, -math.inf), math.nextafter(m, math.inf)] for m in map(float, means)]
    some = (list(p) for p in product(*around))
    return next((p for p in some if cell.holds(tuple(map(Fraction, p)), inside=True)), None)


# Other ways to the same


def check_programs(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """The engine of linear programs."""
    if r.dim == 1:
        return
    q = lr.enumerate_regions(problem.network, problem.domain, method="lp")
    own = paired(problem, q.patterns.tolist())
    if own is None:
        yield f"counts: by linear programs {len(q)} cells, right {len(cells)}"
        return
    found = [*check_cells(problem, q, own), *check_balls(problem, q, own), *check_inside(problem, q, own)]
    found += check_find(problem, q, own, some_points(problem, r)[:6])
    if 3 <= q.dim and problem.domain.volume is not None:
        solid = q.with_corners()
        found += [*check_vertices(problem, solid, own), *check_volumes(problem, solid, own)]
    yield from (f"lp {what}" for what in found)


def check_neighborhood(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Cells around a point: all of them, radii, distances; and the nearest boundary."""
    if problem.kind not in ("box", "polytope") or r.dim == 1:
        return
    points = [p for p in some_points(problem, r, 2).tolist() if right_cells(problem, cells, np.array([p])) != [-1]]
    if not points:
        return
    point, exact = points[-1], tuple(map(Fraction, points[-1]))
    near = lr.explore(problem.network, point, domain=problem.domain)
    own = paired(problem, near.patterns.tolist())
    if own is None or not near.complete:
        yield f"explore: {len(near)} cells from {point}, right {len(cells)}"
        return
    for cell, (low, high), (apart, _) in zip(own, near.inradii.tolist(), near.distances.tolist(), strict=True):
        yield from (f"explore {what}" for what in check_ball(cell, None, low, high))
        if (square := squared_to_cell(exact, cell)) < Fraction(apart) ** 2:
            yield f"explore distance: {apart!r} from {point}, right {ball(square).sqrt().str(17)}"
    yield from _check_nearest(problem, point, exact, cells)


def _check_nearest(problem: Problem, point: list[float], exact: Exact, cells: list[Cell]) -> Found:
    square = min((_to_facet(exact, facet, cells) for facet in problem.twin.facets), default=None)
    if square is None:
        return
    found = lr.nearest_boundary(problem.network, point, to="activation", domain=problem.domain)
    if math.isinf(found.lower) or square < Fraction(found.lower) ** 2:
        yield f"nearest lower: {found.lower!r} from {point}, right {ball(square).sqrt().str(17)}"


def _to_facet(point: Exact, facet: Facet, cells: list[Cell]) -> Fraction:
    """Above the square of the distance to a facet; exact in up to three dimensions."""
    best = squared_to_hull(point, list({p for part in facet.simplices for p in part}))
    first, second = (cells[i] for i in facet.cells)
    for row in first.rows:
        foot, apart = _foot(point, row)
        if apart < best and first.holds(foot) and second.holds(foot):
            best = apart
    return best


def check_check(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """Right results pass their own checks."""
    for exact in (False, True):
        try:
            r.check(exact=exact)
        except lr.LinearRegionsError as error:
            yield f"check(exact={exact}): {error}"


def check_curve(problem: Problem, r: lr.Regions, cells: list[Cell]) -> Found:
    """The same as pieces of a curve."""
    if problem.kind not in ("segment", "line", "polyline", "closed polyline"):
        return
    pieces = lr.curve_regions(problem.network, problem.domain)
    own = cells if len(pieces) == len(cells) and len(pieces) > len(pieces.breakpoints) else _closed(cells)
    found = [*_check_chain(pieces.breakpoints, pieces.breakpoint_errors, own), *_check_itself(pieces)]
    yield from (f"curve {what}" for what in found)


def _check_itself(pieces: lr.CurveRegions) -> Found:
    try:
        pieces.check()
    except lr.LinearRegionsError as error:
        yield f"check: {error}"


def _closed(cells: list[Cell]) -> list[Cell]:
    """The cells of a closed curve, and before them the last one unless it leads on to the first."""
    return cells if cells[0].pattern == cells[-1].pattern else [cells[-1], *cells]


CHECKS: tuple[Callable[[Problem, lr.Regions, list[Cell]], Found], ...] = (
    check_cells,
    check_vertices,
    check_volumes,
    check_boundary,
    check_maps,
    check_sums,
    check_find,
    check_distance,
    check_balls,
    check_centroids,
    check_inside,
    check_check,
    check_curve,
)
IN_TURN: tuple[Callable[[Problem, lr.Regions, list[Cell]], Found], ...] = (check_programs, check_neighborhood)


# Ellipses


def check_ellipse(problem: Problem) -> Found:
    """Where neurons switch on an ellipse, to hundreds of digits."""
    pieces = lr.curve_regions(problem.network, problem.domain)
    yield from (f"ellipse {what}" for what in _check_itself(pieces))
    angles, patterns = switches(problem)
    if len(pieces) != len(patterns):
        yield f"ellipse: {len(pieces)} pieces, right {len(patterns)}"
        return
    turns = [
        k for k in range(len(patterns)) if [*patterns[k:], *patterns[:k]] == list(map(tuple, pieces.patterns.tolist()))
    ]
    if not turns:
        yield "ellipse: pieces in another order"
        return
    found = [
        [
            (exact, near, error)
            for exact, near, error in zip([*angles[k:], *angles[:k]], pieces.breakpoints.tolist(),
                                          pieces.breakpoint_errors.tolist(), strict=True)
            if _is_beyond_angle(exact, near, error)
        ]
        for k in turns
    ]  # fmt: skip
    for exact, near, error in min(found, key=len):
        yield f"ellipse breakpoint: {exact.str(20)} as {near!r} within {error!r}"


def _is_beyond_angle(exact: arb, near: float, error: float) -> bool:
    turn = 2 * arb.pi()
    return all(is_beyond(exact + k * turn, near, error) for k in (-1, 0, 1))


@flint.ctx.workprec(16 * BITS)
def switches(problem: Problem) -> tuple[list[arb], list[tuple[int, ...]]]:
    """The angles where the pattern changes, ascending in [0, 2 pi), and the pattern after each; one without any."""
    turn = 2 * arb.pi()
    found = sorted((a for facet in problem.twin.facets for a in _crossings(facet)), key=lambda a: a.mid())
    angles = [a for a, b in zip(found, [arb(-1), *found], strict=False) if a - b > arb(2) ** (-12 * BITS)]
    if not angles:
        return [], [_pattern(problem, arb(1))]
    ends = [*angles[1:], angles[0] + turn]
    patterns = [_pattern(problem, (a + b) / 2) for a, b in zip(angles, ends, strict=True)]
    changes = [k for k in range(len(angles)) if patterns[k] != patterns[k - 1]]
    return [angles[k] for k in changes], [patterns[k] for k in changes] or patterns[:1]


def _pattern(problem: Problem, angle: arb) -> tuple[int, ...]:
    assert problem.origin is not None and problem.basis is not None
    t = _middle(angle.cos()), _middle(angle.sin())
    rows = zip(problem.basis.tolist(), problem.origin.tolist(), strict=True)
    return forward(problem.layers, [Fraction(o) + Fraction(a) * t[0] + Fraction(b) * t[1] for (a, b), o in rows])[0]


def _crossings(facet: Facet) -> Iterator[arb]:
    """Angles where an edge may meet the unit circle."""
    ((p, q),) = facet.simplices
    step = [b - a for a, b in zip(p, q, strict=True)]
    a, b = sum(s * s for s in step), sum(s * v for s, v in zip(step, p, strict=True))
    c = squared(p, (Fraction(0), Fraction(0))) - 1
    square = b * b - a * c
    if square < 0:
        return
    for sign in (-1, 1):
        place = (-ball(Fraction(b)) + sign * ball(square).sqrt()) / ball(Fraction(a))
        if not (place < 0 or place > 1):
            x, y = (ball(v) + place * ball(s) for v, s in zip(p, step, strict=True))
            angle = arb.pi() - arb.atan2(y, -x) if x.mid() < 0 else arb.atan2(y, x)  # no cut at pi
            yield angle + 2 * arb.pi() if angle.mid() < 0 else angle


# All of one case


def violations(problem: Problem, turn: int) -> Iterator[str]:
    """What is wrong about one problem; of the slow checks one, by `turn`."""
    flint.ctx.prec = BITS
    if problem.kind == "ellipse":
        yield from check_ellipse(problem)
        return
    r = lr.enumerate_regions(problem.network, problem.domain)
    yield from check_counts(problem, r)
    cells = paired(problem, r.patterns.tolist())
    if cells is None:
        yield f"counts: {len(r)} cells, right {len(problem.twin.cells)}"
        return
    for check in (*CHECKS, IN_TURN[turn % len(IN_TURN)]):
        try:
            yield from check(problem, r, cells)
        except (TimeoutError, AssertionError) as error:
            yield f"{check.__name__}: {type(error).__name__}: {error}"
        except Exception as error:
            yield f"{check.__name__} raises {type(error).__name__}: {error}"


def _shown(points: Iterable[Sequence[Fraction]]) -> str:
    return str([tuple(float(v) for v in p) for p in points])


def _late(signum: int, frame: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s of processor time")


def bound_report(seeds: Iterable[int]) -> str:
    """What is wrong, one violation a line; empty if nothing is."""
    lines = []
    signal.signal(signal.SIGPROF, _late)
    for seed in seeds:
        problem = bound_case(seed)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            with warnings.catch_warnings(action="error"):
                found = list(violations(problem, seed))
        except Exception as error:  # name the seed, and go on
            found = [f"raises {type(error).__name__}: {error}"]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        lines += [f"bound {seed} {problem.kind} {problem.domain.dim}-D: {what}" for what in found]
    return "\n".join(lines)


def totals(lines: Iterable[str]) -> str:
    """How many lines there are of each kind, and the first seed of each."""
    kinds: dict[str, list[str]] = {}
    for line in lines:
        place, what, *_ = line.split(": ")
        _, seed, *domain = place.split()
        kinds.setdefault(f"{what} ({' '.join(domain[-1:])})", []).append(seed)
    return "\n".join(f"{len(own):6} {kind}, first in {own[0]}" for kind, own in sorted(kinds.items()))
