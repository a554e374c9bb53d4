"""The unit circle in a plane of a network: which cells it goes through, in their order, decided exactly.

The cells of a thin ring of polygons about the circle are found by the engine in the plane. Which of their vertices lie
inside the circle, and which edges it crosses twice, are signs of rational numbers; what follows from these is
combinatorial. A circle through a vertex is taken to pass just outside it, and what it meets only there is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import flint
import numpy as np
from numpy.typing import NDArray

from linear_regions.kernels.bounds import SLACK, UNIT

from .blocks import Arena, Block, Seam
from .cells import Cells
from .domain.chart import AffineChart, PlaneChart, mapped
from .errors import InvariantViolated
from .geometry import PlaneComplex
from .plane import start_rows
from .program import Program
from .rational_lp import quotient
from .sharpen import BLOCK_LIMIT, MOST

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Index = NDArray[np.int32]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Point = tuple[Fraction, Fraction]

_HALF_WIDTH = 1e-4
_BITS = 40  # of the corners' coordinates
_TURN = 0.3217505543966422  # of the first corner, so that few hyperplanes meet the others


def ring_chart(chart: AffineChart, sectors: int) -> PlaneChart:
    """A ring of trapezoids about the unit circle: its inner corners, then its outer ones, counter-clockwise.

    Its facets are the inner sides, the outer sides, and the sides between trapezoids, each from the corner of its
    number on.
    """
    angle = _TURN + 2 * np.pi * np.arange(sectors) / sectors
    direction = np.column_stack([np.cos(angle), np.sin(angle)]) * 2.0**_BITS
    inner = np.rint((1 - _HALF_WIDTH) * direction).astype(np.int64).tolist()
    outer = np.rint((1 + _HALF_WIDTH) / np.cos(np.pi / sectors) * direction).astype(np.int64).tolist()
    corners: list[tuple[Fraction, ...]] = [(Fraction(x, 1 << _BITS), Fraction(y, 1 << _BITS)) for x, y in inner + outer]
    sides = [*zip(inner, [*inner[1:], inner[0]]), *zip(outer, [*outer[1:], outer[0]]), *zip(inner, outer)]
    return PlaneChart(**mapped(corners, [_side(p, q) for p, q in sides], chart))


def _side(p: Sequence[int], q: Sequence[int]) -> tuple[Fraction, ...]:
    """The row that vanishes at two points, given in units of 2^-_BITS."""
    (a, b), (c, d) = p, q
    return Fraction((d - b) << _BITS), Fraction((a - c) << _BITS), Fraction(b * c - a * d)


def start_ring(program: Program, chart: PlaneChart, arena: Arena) -> Block:
    """The trapezoids of a ring, as the engine in the plane begins with them."""
    k = len(chart.points) // 2
    arena.reserve(2 * k, 3 * k, k)
    width = len(program.steps[0].bias) if program.steps else 0
    mesh = arena.mesh((width, 0, 0))
    here = np.arange(k, dtype=np.int32)
    after = np.roll(here, -1)
    inner, outer, across = here, k + here, 2 * k + here
    mesh.origin[0 : 2 * k : 2], mesh.origin[1 : 2 * k : 2] = after, here
    mesh.origin[2 * k : 4 * k : 2], mesh.origin[2 * k + 1 : 4 * k : 2] = k + here, k + after
    mesh.origin[4 * k : 6 * k : 2], mesh.origin[4 * k + 1 : 6 * k : 2] = here, k + here
    outside = np.concatenate([2 * inner + 1, 2 * outer + 1])
    mesh.after[outside] = mesh.before[outside] = outside
    cycle = [2 * across, 2 * outer, 2 * np.roll(across, -1) + 1, 2 * inner]
    for i, half in enumerate(cycle):
        mesh.after[half], mesh.before[half] = cycle[(i + 1) % 4], cycle[i - 1]
    mesh.label[: 3 * k] = -1 - np.arange(3 * k)
    mesh.edge[: 3 * k] = 0.0
    mesh.first[:k] = cycle[0]
    start_rows(mesh, chart, program)
    nothing = np.empty(0, np.int32)
    seam = Seam(outside.astype(np.int32), nothing, nothing)
    return Block(arena, 2 * k, 3 * k, k, (width, 0, 0), np.empty((k, 0), np.uint64), seam, here)


@dataclass(frozen=True)
class Arcs:
    """The pieces of the circle in cells, counter-clockwise; those of no length are left out.

    Attributes
    ----------
    cell : (n,) ndarray of int64
    angle : (n,) ndarray of float64
        Where each begins, in [0, 2 pi).
    error : (n,) ndarray of float64
        Bounds of the errors of the angles.
    crossing : (n,) ndarray of int64
        Where each begins, as a crossing of the circle and an edge of the ring, see `exact_places`.
    signs, exact_signs : int
        Decisions about vertices and edges, and those of them that were made in rational arithmetic.
    """

    cell: Ints
    angle: Floats
    error: Floats
    crossing: Ints
    signs: int
    exact_signs: int


def circle_arcs(ring: Cells) -> Arcs:
    """The arcs of the unit circle in the cells of a ring about it."""
    assert isinstance(ring.coarse, PlaneComplex)
    g = _closer(ring, ring.coarse)
    side, n_exact = _sides(ring, g)
    first, last = side[g.ends[:, 0]] > 0, side[g.ends[:, 1]] > 0
    once, outside = first != last, first & last & (g.facet_cells >= 0).all(axis=1)
    near = _near(g, outside)
    twice = _crossed_twice(ring, g, near)
    cell, begin, end = _matched(g, side, once, twice)
    angle, error = _angles(g, side, begin)
    touched = _touched(ring, g, side, once)
    at, to = touched[begin >> 1], touched[end >> 1]
    order = _in_order(begin, end)
    order = order[~((at == to) & (at >= 0))[order]]
    order = np.roll(order, -int(np.diff(angle[order], prepend=angle[order[-1]]).argmin()))  # arcs are short
    angle, error = _ascending(angle[order], error[order])
    signs = len(side) + int(np.count_nonzero(outside))
    return Arcs(cell[order], angle, error, begin[order], signs, n_exact + len(near))


def _ascending(angle: Floats, error: Floats) -> tuple[Floats, Floats]:
    """Angles in [0, 2 pi) that do not fall where the exact ones do not, with bounds that allow for it."""
    moved = np.minimum(np.maximum.accumulate(angle), np.nextafter(2 * np.pi, 0))
    return moved, error + np.abs(moved - angle)


def _closer(ring: Cells, g: PlaneComplex) -> PlaneComplex:
    """The ring with vertices placed again.

    Those whose errors leave open on which side of the circle they are; and the ends of edges across the circle if their
    errors exceed 2^-12, at most 4096, the worst first.
    """
    size = np.sum(g.x * g.x, axis=1)
    unproven = ~(np.abs(size - 1.0) > _side_error(size, g.error))
    near = _near(g, (size[g.ends] > 1).all(axis=1) & (g.facet_cells >= 0).all(axis=1))
    unproven[g.ends[near]] = True
    x, error, corner_of = g.x.copy(), g.error.copy(), _places(g.cell_vertices, len(g.x))
    for v in np.flatnonzero(unproven & (error > 4 * UNIT)).tolist():
        place, bound = ring.settlers[0].near_vertex(*_corner(ring, g, int(corner_of[v])), np.inf)
        if bound < error[v]:
            x[v], error[v] = place, bound
    across = np.unique(g.ends[np.diff(size[g.ends] > 1, axis=1)[:, 0]])
    loose = across[~(error[across] <= BLOCK_LIMIT)]
    for v in loose[np.argsort(-error[loose], kind="stable")[:MOST]].tolist():
        x[v], error[v] = ring.settlers[0].near_vertex(*_corner(ring, g, int(corner_of[v])), BLOCK_LIMIT)
    return replace(g, x=x, error=error)


def _side_error(size: Floats, error: Floats) -> Floats:
    """Bounds of the errors of squares of distances from the centre."""
    bound: Floats = (2 * np.sqrt(size) * error + error * error + 8 * UNIT * (1 + size)) * SLACK
    return bound


def _sides(ring: Cells, g: PlaneComplex) -> tuple[NDArray[np.int8], int]:
    """1 for vertices outside the circle, 0 on it, -1 inside; and how many were decided exactly."""
    size = np.sum(g.x * g.x, axis=1)
    height = size - 1.0
    side = np.sign(height).astype(np.int8)
    unproven = np.flatnonzero(~(np.abs(height) > _side_error(size, g.error)))
    corner_of = _places(g.cell_vertices, len(g.x))
    for v in unproven.tolist():
        x, y, w = _exact_vertex(ring, g, int(corner_of[v]))
        value = x * x + y * y - w * w
        side[v] = (value > 0) - (value < 0)
    return side, len(unproven)


@dataclass(frozen=True)
class ExactPlace:
    """A crossing of the circle and an edge: p + s (q - p), with s the smaller or the larger root of an equation."""

    p: Point
    q: Point
    larger: bool

    def at(self, bits: int) -> tuple[flint.arb, flint.arb]:
        """The point, in balls of so many bits."""
        with flint.ctx.workprec(bits):
            p, q = ([_arb(v) for v in own] for own in (self.p, self.q))
            exact = [d - c for c, d in zip(self.p, self.q, strict=True)]
            a = sum((v * v for v in exact), start=Fraction(0))
            b = sum((u * v for u, v in zip(self.p, exact, strict=True)), start=Fraction(0))
            root = _arb(b * b - a * (sum(v * v for v in self.p) - 1)).sqrt()
            s = ((root if self.larger else -root) - _arb(b)) / _arb(a)
            return p[0] + s * (q[0] - p[0]), p[1] + s * (q[1] - p[1])


def _arb(value: Fraction) -> flint.arb:
    return flint.arb(quotient(value))


def exact_places(ring: Cells, crossings: Ints) -> list[ExactPlace]:
    """Crossings with the circle, whose numbers `Arcs` has; some milliseconds each."""
    assert isinstance(ring.coarse, PlaneComplex)
    ends = {edge: (p, q) for edge, p, q in _exact_ends(ring, ring.coarse, np.unique(crossings >> 1))}
    result = []
    for crossing in crossings.tolist():
        p, q = ends[crossing >> 1]
        result.append(ExactPlace(p, q, bool(crossing & 1) or p[0] * p[0] + p[1] * p[1] <= 1))
    return result


def _places(values: Ints | Index, n: int) -> Ints:
    """(n,) where each value stands in an array, the last place of those that stand there several times."""
    place = np.empty(n, np.int64)
    place[values] = np.arange(len(values))
    return place


def _exact_vertex(ring: Cells, g: PlaneComplex, corner: int) -> tuple[int, ...]:
    """The vertex at a place in the cells' cycles, in homogeneous coordinates."""
    return tuple(int(v) for v in ring.settlers[0].exact.vertex(*_corner(ring, g, corner)))


def _corner(ring: Cells, g: PlaneComplex, corner: int) -> tuple[tuple[int, ...], list[Words]]:
    """The labels of the edges that meet at a place in the cells' cycles, and the signs of its cell."""
    cell = int(np.searchsorted(g.cell_offsets, corner, side="right")) - 1
    return g.corner_labels(cell)[corner - int(g.cell_offsets[cell])], ring.words(cell)


def _exact_ends(ring: Cells, g: PlaneComplex, edges: Ints) -> Iterator[tuple[int, Point, Point]]:
    """Edges with a cell on either side, and their exact ends."""
    corner_of = _places(g.half_edges, 2 * len(g.label))
    for edge in edges.tolist():
        corner = int(corner_of[2 * edge])
        p, q = (_exact_vertex(ring, g, i) for i in (corner, int(g.next_corner[corner])))
        yield edge, (Fraction(p[0], p[2]), Fraction(p[1], p[2])), (Fraction(q[0], q[2]), Fraction(q[1], q[2]))


def _touched(ring: Cells, g: PlaneComplex, side: NDArray[np.int8], once: Flags) -> Ints:
    """Edges that leave the disc at one of their ends: the number of that vertex; -1 for all others."""
    result = np.full(len(once), -1)
    on = (side[g.ends] == 0).any(axis=1)
    for edge, p, q in _exact_ends(ring, g, np.flatnonzero(once & on)):
        if p[0] * q[0] + p[1] * q[1] >= 1:  # away from the end on the circle, along its tangent or outwards
            result[edge] = g.ends[edge, 0 if side[g.ends[edge, 0]] == 0 else 1]
    return result


def _near(g: PlaneComplex, outside: Flags) -> Ints:
    """Edges with both ends outside the circle that may meet its inside: seldom any, as edges in the ring are short."""
    p, q = g.x[g.ends[:, 0]], g.x[g.ends[:, 1]]
    e = np.maximum(g.error[g.ends[:, 0]], g.error[g.ends[:, 1]])
    least = np.minimum(np.sum(p * p, axis=1), np.sum(q * q, axis=1)) - np.sum((p - q) ** 2, axis=1) / 4
    return np.flatnonzero(outside & ~(least - 1.0 > 8 * e + 32 * UNIT))


def _crossed_twice(ring: Cells, g: PlaneComplex, near: Ints) -> Flags:
    """Which edges the circle crosses twice, by their exact ends: (1 - s) |p|^2 + s |q|^2 - s (1 - s) |p - q|^2 < 1."""
    result = np.zeros(len(g.label), np.bool_)
    for edge, (a, b), (c, d) in _exact_ends(ring, g, near):
        start, stop, length = a * a + b * b, c * c + d * d, (a - c) ** 2 + (b - d) ** 2
        place = length + start - stop  # twice the square of the length times s, where the edge is nearest to the centre
        result[edge] = 0 < place < 2 * length and start - place * place / (4 * length) < 1
    return result


def _matched(g: PlaneComplex, side: NDArray[np.int8], once: Flags, twice: Flags) -> tuple[Ints, Ints, Ints]:
    """The arcs: the cell of each, and where it begins and ends.

    Crossings are numbered 2 e, and 2 e + 1 for the second of an edge. Counter-clockwise along the boundary of a cell,
    where this leaves the disc an arc begins, which ends where the boundary comes back into it.
    """
    half = g.half_edges.astype(np.int64)
    edge, backward = half >> 1, half & 1
    number = np.where(twice[edge], 2, once[edge].astype(np.int64))
    at = np.repeat(np.arange(len(half)), number)
    second = np.arange(len(at)) - np.repeat(np.cumsum(number) - number, number)
    crossing = 2 * edge[at] + np.where(twice[edge[at]], second ^ backward[at], 0)
    begins = np.where(twice[edge[at]], second == 1, side[g.cell_vertices[at]] <= 0)
    cell = np.repeat(np.arange(g.n_cells), np.diff(g.cell_offsets))[at]
    last = np.append(cell[1:] != cell[:-1], True)
    start = np.searchsorted(cell, cell)
    following = np.where(last, start, np.arange(len(at)) + 1)
    if not (begins != begins[following]).all():
        raise InvariantViolated("the boundary of a cell must enter and leave the disc by turns")
    return cell[begins], crossing[begins], crossing[following[begins]]


def _in_order(begin: Ints, end: Ints) -> Ints:
    """Arcs one after the other: each begins where the one before it ends."""
    arc_at = np.full(int(begin.max()) + 1, -1)
    arc_at[begin] = np.arange(len(begin))
    following = arc_at[end].tolist()
    order = [0]
    while (arc := following[order[-1]]) and len(order) <= len(begin):
        order.append(arc)
    if len(order) != len(begin):
        raise InvariantViolated("the arcs of a circle must follow each other")
    return np.array(order)


def _angles(g: PlaneComplex, side: NDArray[np.int8], crossing: Ints) -> tuple[Floats, Floats]:
    """The angles of crossings and bounds of their errors.

    The exact edge keeps within some distance of the one between rounded ends. So it crosses the circle where the
    rounded one crosses the ring of this width about the circle.
    """
    edge, second = crossing >> 1, (crossing & 1).astype(np.bool_)
    p, q = g.x[g.ends[edge, 0]], g.x[g.ends[edge, 1]]
    width = np.maximum(g.error[g.ends[edge, 0]], g.error[g.ends[edge, 1]]) + 16 * UNIT
    outward = second | (side[g.ends[edge, 0]] <= 0)
    step = q - p
    a, b, c = np.sum(step * step, axis=1), np.sum(p * step, axis=1), np.sum(p * p, axis=1) - 1.0
    place, low, high = (_root(a, b, c - w * (2 + np.abs(w)), outward) for w in (np.zeros(len(a)), -width, width))
    x = p + place[:, None] * step
    error = (np.maximum(np.abs(low - place), np.abs(high - place)) * np.sqrt(a) + width) * 1.1
    angle = np.arctan2(x[:, 1], x[:, 0])
    return np.where(angle < 0, angle + 2 * np.pi, angle), error


def _root(a: Floats, b: Floats, c: Floats, larger: Flags) -> Floats:
    """A root of a s^2 + 2 b s + c in [0, 1]."""
    with np.errstate(all="ignore"):
        root = np.sqrt(np.maximum(b * b - a * c, 0.0))
        away = -(b + np.copysign(root, b))
        large, small = away / a, c / away
        upper = np.where(b > 0, small, large)
        lower = np.where(b > 0, large, small)
        place = np.where(larger, upper, lower)
    return np.asarray(np.clip(np.nan_to_num(place, nan=0.5), 0.0, 1.0))
