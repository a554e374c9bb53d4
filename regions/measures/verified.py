"""Numbers against their bounds, in rational arithmetic: nothing that float64 came to is taken for exact.

Corners are placed again from the rational rows of their labels, whatever their error bounds say, and have to lie in the
closed cells of their patterns; so if the volumes of these hulls add up to that of the domain, they are the cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import factorial, gcd, inf, isfinite, isinf, isnan
from typing import TYPE_CHECKING, NamedTuple

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.bits import packed, unpacked
from linear_regions.domain import Ellipse
from linear_regions.domain.chart import SpaceChart
from linear_regions.exact import ExactCells
from linear_regions.geometry import LineComplex, PlaneComplex
from linear_regions.halfspace_complex import HalfspaceComplex
from linear_regions.rational_lp import least
from linear_regions.solid_complex import SolidComplex
from linear_regions.space_complex import SpaceComplex

from .exactly import exact_volume

if TYPE_CHECKING:
    from linear_regions.cells import Cells
    from linear_regions.curves import CurveRegions

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Row = tuple[int, ...]  # homogeneous coordinates of a point too, the last one not negative

_BITS = 128  # of square roots


class Simplices(NamedTuple):
    """Facets cut into simplices: their vertices (n, d), and the facet (n,) that each is of."""

    vertices: Ints
    owner: Ints


def bound_failures(regions: Cells) -> Iterator[str]:
    """What is farther from its exact value than its bound says, or in the wrong cell."""
    cells = regions.coarse if isinstance(regions.coarse, HalfspaceComplex) else vars(regions).get("halfspaces")
    if cells is not None and "balls" in vars(cells):  # they cost linear programs
        yield from _told("largest balls must be within their bounds", _wrong_balls(cells))
    if isinstance(regions.coarse, HalfspaceComplex):
        yield from _told("points inside must lie inside their cells", _outside(regions.coarse))
        return
    geometry = regions.geometry
    if isinstance(geometry, LineComplex):
        yield from _chain_failures(regions, geometry)
        return
    places: dict[int, Row] = {}
    if misplaced := [*_told("corners must be where the facets of their cells meet", _misplaced(regions, places))]:
        yield from misplaced  # the rest relies on them
        return
    yield from _told("vertices must be within the bounds of their errors", _far_vertices(regions, places))
    yield from _volume_failures(regions)
    yield from _told("volumes of facets must be within the bounds of their errors", _wrong_facets(regions, places))


def _told(rule: str, wrong: Iterable[int]) -> Iterator[str]:
    if count := len(found := list(wrong)):
        yield f"{rule}, {count:,} are not, the first of them number {found[0]}"


def holds(exact: Fraction, near: float, error: float) -> bool:
    """Whether a float is within its bound; an infinite bound holds, NaN is none."""
    if error == inf:
        return not isnan(near)
    return isfinite(near) and isfinite(error) and abs(exact - Fraction(near)) <= Fraction(error)


# Points and cells


def in_closure(exact: ExactCells, words: list[Words], points: Sequence[Row]) -> bool:
    """Whether all points satisfy the inequalities that a pattern stands for, if they may be equalities."""
    columns = flint.fmpz_mat([list(p) for p in points]).transpose()
    for step, own in zip(exact.program.steps, words, strict=True):
        m = step.activation.n_hyperplanes
        if not m:
            continue
        rows = flint.fmpz_mat([list(exact.row(step.label0 + k, words)) for k in range(m)])
        for positive, values in zip(unpacked(own, m).tolist(), (rows * columns).tolist(), strict=True):
            if any(v < 0 if positive else v > 0 for v in values):
                return False
    return True


def pattern_at(exact: ExactCells, point: Row) -> list[Words]:
    """The signs of all hyperplanes at a point, zero as negative."""
    words = list[Words]()
    for step in exact.program.steps:
        labels = range(step.label0, step.label0 + step.activation.n_hyperplanes)
        words.append(packed(np.array([exact.sign(label, point, words) > 0 for label in labels], np.bool_)))
    return words


def _parts(regions: Cells) -> PlaneComplex | SolidComplex:
    g = regions.geometry
    assert not isinstance(g, LineComplex)
    return g.parts if isinstance(g, SpaceComplex) else g


def _misplaced(regions: Cells, places: dict[int, Row]) -> Iterator[int]:
    """Cells with a corner outside, or where another cell has it elsewhere; notes the places of the vertices."""
    g, parts, exact = regions.geometry, _parts(regions), regions.settlers[0].exact
    inward = [] if isinstance(regions.chart, SpaceChart) else [exact.facet(i) for i in range(len(exact.facets))]
    for part in range(parts.n_cells):
        words = regions.words(int(g.whole[part]) if isinstance(g, SpaceComplex) else part)
        own = parts.cell_vertices[slice(*parts.cell_offsets[part : part + 2])].tolist()
        near = [v for v in own if not (isinstance(g, SpaceComplex) and g.at_infinity[v])]
        labels = dict(zip(own, parts.corner_labels(part), strict=True))
        points = [_primitive(exact.vertex(labels[v], words)) for v in near]
        outside = any(sum(a * x for a, x in zip(row, p, strict=True)) > 0 for row in inward for p in points)
        elsewhere = [places.setdefault(v, p) != p for v, p in zip(near, points, strict=True)]
        if outside or any(elsewhere) or not all(p[-1] for p in points) or not in_closure(exact, words, points):
            yield part


def _primitive(point: Sequence[int]) -> Row:
    divisor = gcd(*map(int, point)) or 1
    return tuple(int(x) // divisor for x in point)


def _far_vertices(regions: Cells, places: dict[int, Row]) -> Iterator[int]:
    parts = _parts(regions)
    for v, (*values, weight) in places.items():
        x, error = parts.x[v].tolist(), float(parts.error[v])
        if error == inf:
            continue
        if not all(map(isfinite, [*x, error])) or _squared(values, weight, x) > Fraction(error) ** 2:
            yield v


def _squared(values: Sequence[int], weight: int, x: Sequence[float]) -> Fraction:
    """The square of the distance of a point in homogeneous coordinates from floats."""
    return sum(((Fraction(a, weight) - Fraction(b)) ** 2 for a, b in zip(values, x, strict=True)), start=Fraction(0))


def _volume_failures(regions: Cells) -> Iterator[str]:
    """Volumes within their bounds, and adding up to the domain's."""
    own = np.flatnonzero(regions.bounded).tolist()
    known = [cell for cell in own if regions.domain.volume is not None or isfinite(regions.volumes[cell])]
    volumes = [exact_volume(regions, cell) for cell in known]
    near, errors = regions.volumes.tolist(), regions.volume_errors.tolist()
    wrong = [c for c, v in zip(known, volumes, strict=True) if not holds(v, near[c], errors[c])]
    yield from _told("volumes must be within the bounds of their errors", wrong)
    if regions.domain.volume is not None and (found := sum(volumes, start=Fraction(0))) != regions.domain.volume:
        yield f"volumes must add up to {regions.domain.volume}, got {found}"


# Facets


def _wrong_facets(regions: Cells, places: dict[int, Row]) -> Iterator[int]:
    g = regions.geometry
    assert not isinstance(g, LineComplex)
    simplices = _simplices(g)
    measures, errors = g.facet_measures, g.facet_errors
    corners_of: dict[int, list[list[int]]] = {}
    for facet, own in zip(simplices.owner.tolist(), simplices.vertices.tolist(), strict=True):
        corners_of.setdefault(facet, []).append(own)
    for facet, corners in corners_of.items():
        near, error = float(measures[facet]), float(errors[facet])
        if error == inf or near == inf:
            continue
        if not (isfinite(near) and isfinite(error)):
            yield facet
            continue
        square = _squared_volume([[places[v] for v in p] for p in corners])
        low, high = Fraction(near) - Fraction(error), Fraction(near) + Fraction(error)
        if not max(low, Fraction(0)) ** 2 <= square <= high * abs(high):
            yield facet


def _simplices(g: PlaneComplex | SolidComplex | SpaceComplex) -> Simplices:
    if isinstance(g, PlaneComplex):
        return Simplices(g.ends.astype(np.int64), np.arange(len(g.ends)))
    parts = g.parts if isinstance(g, SpaceComplex) else g
    faces, own, facet = parts.faces(g.dim - 1), np.arange(len(parts.label)), np.arange(len(parts.label))
    if isinstance(g, SpaceComplex):
        own, facet = g.facet_parts
        near = np.isfinite(g.facet_measures)[facet]
        own, facet = own[near], facet[near]
    vertices, owner = parts.triangulated(g.dim - 1, faces.cell[own], faces.corners[own])
    return Simplices(vertices, facet[owner])


def _squared_volume(simplices: Sequence[Sequence[Row]]) -> Fraction:
    """The square of the total volume of simplices in one hyperplane, whose normals are multiples of each other."""
    normals = [_normal(own) for own in simplices]
    first = max(normals, key=lambda own: max(map(abs, own)))
    k = max(range(len(first)), key=lambda i: abs(first[i]))
    if not first[k]:
        return Fraction(0)
    times = sum((abs(own[k]) for own in normals), start=Fraction(0)) / abs(first[k])
    return times**2 * sum((v * v for v in first), start=Fraction(0)) / factorial(len(first) - 1) ** 2


def _normal(simplex: Sequence[Row]) -> list[Fraction]:
    """The minors of the edges from one corner."""
    (*start, weight), *others = simplex
    rays = [[flint.fmpq(x, p[-1]) - flint.fmpq(y, weight) for x, y in zip(p, start, strict=False)] for p in others]
    minors = [flint.fmpq_mat([ray[:k] + ray[k + 1 :] for ray in rays]).det() for k in range(len(start))]
    return [Fraction(int(m.p), int(m.q)) for m in minors]


# Chains


def chain_places(regions: Cells, g: LineComplex) -> list[Fraction | float]:
    """The exact places of the ends and breakpoints of a chain, infinite at the ends of a line."""
    chart = regions.domain.line_chart()
    places: list[Fraction | float] = []
    for number, (t, label, piece) in enumerate(zip(g.t.tolist(), g.label.tolist(), g.piece.tolist(), strict=True)):
        if label < 0:
            end = float(chart.t[0 if number == 0 else -1])
            places.append(end if isinf(end) else Fraction(end))
            continue
        words = regions.words(min(number, len(regions) - 1))
        x, w = regions.settlers[piece].exact.vertex((label,), words)
        if w:
            places.append(Fraction(int(x), int(w)))
        else:  # zero all along the piece that begins here
            places.append(Fraction(round(t)) if isfinite(t) else t)
    return places


def _chain_failures(regions: Cells, g: LineComplex) -> Iterator[str]:
    places = chain_places(regions, g)
    if any(p >= q for p, q in zip(places, places[1:])):
        yield "breakpoints must ascend"
        return
    near = zip(places, g.t.tolist(), g.error.tolist(), strict=True)
    wrong = [i for i, (p, t, e) in enumerate(near) if not (p == t if isinstance(p, float) else holds(p, t, e))]
    yield from _told("breakpoints must be within the bounds of their errors", wrong)
    yield from _told("breakpoints must be where the patterns of cells change", _misplaced_ends(regions, g, places))
    lengths, errors = regions.volumes.tolist(), regions.volume_errors.tolist()
    ends = [*zip(places, places[1:])]
    wrong = [
        c for c, (p, q) in enumerate(ends)
        if isinstance(p, Fraction) and isinstance(q, Fraction) and not holds(q - p, lengths[c], errors[c])
    ]  # fmt: skip
    yield from _told("volumes must be within the bounds of their errors", wrong)


def _misplaced_ends(regions: Cells, g: LineComplex, places: list[Fraction | float]) -> Iterator[int]:
    """Cells of which an end, perhaps at infinity, or a corner of the domain between is not in the closure."""
    chart = regions.domain.line_chart()
    corners = [Fraction(t) for t in chart.t.tolist() if isfinite(t)]
    for cell in range(len(regions)):
        low, high = places[cell], places[cell + 1]
        inside = [p for p in (low, high) if isinstance(p, Fraction)] + [p for p in corners if low < p < high]
        ends = [(p.numerator, p.denominator) for p in inside]
        far = [(sign, 0) for sign, p in ((-1, low), (1, high)) if isinstance(p, float)]
        for point in (*ends, *far):
            exact = regions.settlers[_piece(point, len(regions.settlers))].exact
            if not in_closure(exact, regions.words(cell), [point]):
                yield cell
                break


def _piece(point: Row, n: int) -> int:
    """The piece of a chain that a point lies on, by its parameter."""
    return min(max(point[0] // point[1], 0), n - 1) if n > 1 and point[1] else 0


# Curves


def curve_failures(regions: CurveRegions, cells: Cells, cell: Ints) -> Iterator[str]:
    """What is wrong about the pieces of a curve, each of which lies in one of some cells."""
    n, places = len(regions.breakpoints), regions.breakpoints
    is_round = isinstance(regions.curve, Ellipse)
    first, last = (0.0, 2 * np.pi) if is_round else regions.curve.line_chart().t[[0, -1]]
    starts, ends = np.append(first, places), np.append(places, last)
    if regions.closed and n:
        starts, ends = places, np.append(places[1:], places[0] + last)
    same = np.array_equal(regions.starts, starts) and np.array_equal(regions.ends, ends)
    if not same or (places[1:] < places[:-1]).any():
        yield "pieces must begin and end at breakpoints, which must not descend"
        return
    if is_round:
        words = [[p[i] for p in cells.packed_patterns] for i in cell.tolist()]
        yield from _told("breakpoints must be within the bounds of their errors", _far_angles(regions, cells, words))
        yield from _told("pieces must have the patterns of their middles", _wrong_arcs(regions, cells, words))
        return
    if not np.array_equal(cell, np.arange(len(cells) - len(cell), len(cells))):
        yield "pieces must be cells in their order"
    g = cells.geometry
    assert isinstance(g, LineComplex)
    yield from _chain_failures(cells, g)
    exact = chain_places(cells, g)[:-1][-n:] if n else []
    near = zip(exact, places.tolist(), regions.breakpoint_errors.tolist(), strict=True)
    wrong = [i for i, (p, t, e) in enumerate(near) if not holds(Fraction(p), t, e)]
    yield from _told("breakpoints must be within the bounds of their errors", wrong)


def _far_angles(regions: CurveRegions, cells: Cells, patterns: list[list[Words]]) -> Iterator[int]:
    """Breakpoints with no zero, within their bounds, of the first hyperplane that tells the pieces there apart."""
    exact, program = cells.settlers[0].exact, cells.program
    angles = zip(regions.breakpoints.tolist(), regions.breakpoint_errors.tolist(), strict=True)
    for k, (angle, error) in enumerate(angles):
        words, after = patterns[k - 1], patterns[k]
        number = next((i for i, (p, q) in enumerate(zip(words, after, strict=True)) if (p != q).any()), None)
        if number is None or isnan(error):
            yield k
            continue
        step = program.steps[number]
        place = int(unpacked(words[number] ^ after[number], step.activation.n_hyperplanes).argmax())
        a, b, c = (flint.arb(v) for v in exact.row(step.label0 + place, words))
        middle, half = flint.arb.atan2(b, a), (-c / (a * a + b * b).sqrt()).acos()
        roots = [middle + sign * half + 2 * i * flint.arb.pi() for sign in (-1, 1) for i in (-1, 0, 1)]
        if error < inf and all(abs(root - flint.arb(angle)) > flint.arb(error) for root in roots):
            yield k


def _wrong_arcs(regions: CurveRegions, cells: Cells, patterns: list[list[Words]]) -> Iterator[int]:
    """Pieces, longer than the errors of their ends, whose middle has another pattern."""
    exact, errors = cells.settlers[0].exact, np.append(regions.breakpoint_errors, 0.0)
    for k, (start, stop) in enumerate(zip(regions.starts.tolist(), regions.ends.tolist(), strict=True)):
        if stop - start > 4 * (errors[k] + errors[(k + 1) % len(regions)]):
            middle = flint.arb((start + stop) / 2)
            x, y = (_rational(v) for v in (middle.cos(), middle.sin()))
            u, v = x.denominator, y.denominator
            point = (x.numerator * v, y.numerator * u, u * v)
            if any((p != q).any() for p, q in zip(pattern_at(exact, point), patterns[k], strict=True)):
                yield k


def _rational(value: flint.arb) -> Fraction:
    mantissa, exponent = value.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


# Cells without corners


def _outside(g: HalfspaceComplex) -> Iterator[int]:
    """Cells whose known point is not inside."""
    for cell in np.flatnonzero(np.isfinite(g.inside).all(axis=1)).tolist():
        point = [Fraction(v) for v in g.inside[cell].tolist()]
        if any(_height(row, point) <= 0 for row in _rows(g, cell)):
            yield cell


def _rows(g: HalfspaceComplex, cell: int) -> list[Row]:
    return g.settler.constraints(g.labels(cell), g.words(cell))


def _height(row: Row, point: Sequence[Fraction]) -> Fraction:
    return sum((a * v for a, v in zip(row, point, strict=False)), start=Fraction(row[-1]))


def _wrong_balls(g: HalfspaceComplex) -> Iterator[int]:
    """Cells with a ball that is not inside, or with room for a larger one than the upper bound."""
    for cell, (centre, radius, upper) in enumerate(zip(*(own.tolist() for own in g.balls), strict=True)):
        rows = [row for row in _rows(g, cell) if any(row[:-1])]
        if not 0 <= radius <= upper or not _fits(rows, centre, radius):
            yield cell
        elif radius == inf or upper < inf:
            room = _room(rows, g.exact_point(cell, rows), Fraction(upper) if upper < inf else None)
            if (room is not None) == (radius == inf) or (room is not None and room > Fraction(upper)):
                yield cell


def _fits(rows: list[Row], centre: list[float], radius: float) -> bool:
    """Whether a ball lies in a cell; one of radius 0 or an infinite one is not looked at."""
    if not radius or radius == inf:
        return True
    if not all(map(isfinite, centre)):
        return False
    point, square = [Fraction(v) for v in centre], Fraction(radius) ** 2
    heights = [_height(row, point) for row in rows]
    return all(h >= 0 and h * h >= square * sum(a * a for a in r[:-1]) for h, r in zip(heights, rows, strict=True))


def _room(rows: list[Row], inside: Sequence[Fraction], enough: Fraction | None) -> Fraction | None:
    """The radius of a ball in a cell that is larger than `enough` if there is one, else a largest; None if infinite.

    Normals are taken too long, by 2^-128 at most.
    """
    scaled = [tuple(a << _BITS for a in row) for row in rows]
    lifted = [(*row[:-1], -_root(row[:-1]) - 1, row[-1]) for row in scaled]
    goal = [0] * len(inside) + [-1, 0]
    found = least(lifted, goal, [*inside, Fraction(0)], stop=None if enough is None else -enough)
    return None if found.direction is not None else -found.value


def _root(values: Sequence[int]) -> int:
    return int(flint.fmpz(sum(v * v for v in values)).isqrt())
