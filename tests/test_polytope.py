"""Polytopes: corners, facets and volumes against brute force and closed forms, and counts of regions on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

import linear_regions as lr
from convert import to_network
from families import FAMILIES, Plan
from known_nets import arrangement, he_net
from linear_regions.domain.chart import exact
from linear_regions.domain.faces import counter_clockwise, volume_of
from linear_regions.domain.polygon import polygon
from linear_regions.domain.polyhedron import polyhedron
from naive import Row, integers
from naive_polytopes import Cell, enumerate_polytope, polytope

Array = np.ndarray
Rng = np.random.Generator
Case = tuple[Array, Array]


def cube(d: int) -> Case:
    return np.concatenate([np.eye(d), -np.eye(d)]), np.ones(2 * d)


def simplex(d: int) -> Case:
    return np.concatenate([-np.eye(d), np.ones((1, d))]), np.array([0.0] * d + [1.0])


def cross(d: int) -> Case:
    return np.array(list(product([-1.0, 1.0], repeat=d))), np.ones(2**d)


def cyclic_dual(d: int, m: int) -> Case:
    """The polar of points on the moment curve: the most corners that m facets can have."""
    t = np.arange(m) - (m - 1) / 2
    points = np.stack([t**k for k in range(1, d + 1)], axis=1)
    return m * points - points.sum(axis=0), np.full(m, float(m))


def pyramid(d: int) -> Case:
    """Over a cube: at its top there are twice as many facets as a corner needs, less two."""
    base, _ = cube(d - 1)
    rows = np.column_stack([base, np.ones(2 * d - 2)])
    return np.concatenate([rows, [[0.0] * (d - 1) + [-1.0]]]), np.array([1.0] * (2 * d - 2) + [0.0])


def touching(d: int) -> Case:
    """A cube, and inequalities that touch it only at a corner, at an edge, at a facet of a facet."""
    rows, bound = cube(d)
    flush = np.tril(np.ones((d, d)))[1:]
    return np.concatenate([flush, rows]), np.concatenate([np.arange(2.0, d + 1), bound])


def cut_cube(rng: Rng, d: int) -> Case:
    """Corners cut off through the neighbouring corners, or less, or more, or not at all."""
    signs = rng.choice([-1.0, 1.0], (4, d))
    rows, bound = cube(d)
    return np.concatenate([rows, signs]), np.concatenate([bound, d - rng.choice([0.0, 1.0, 2.0, 2.5], 4)])


def small(rng: Rng, d: int) -> Case:
    """Small integers: much is parallel, redundant, or meets in one point."""
    rows = np.concatenate([rng.integers(-1, 2, (rng.integers(2, 6), d)), *(s * np.eye(d) for s in (1, -1))])
    return rows.astype(float), np.concatenate([rng.integers(1, 4, len(rows) - 2 * d), np.full(2 * d, 2)]).astype(float)


def normal(rng: Rng, d: int) -> Case:
    rows = rng.normal(size=(d + 1 + rng.integers(1, 7 if d < 5 else 5), d))
    rows[0] = -rows[1:].sum(axis=0)  # then it is bounded
    return rows, np.abs(rng.normal(size=len(rows))) + 0.01


def disturbed(rng: Rng, case: Case) -> Case:
    """The same set: shuffled, with repeated and scaled rows, and rows that say nothing."""
    rows, bound = case
    again = rng.integers(len(rows), size=4)
    factor = rng.choice([1.0, 2.0, 0.125], 4)
    rows = np.concatenate([rows, rows[again] * factor[:, None], np.zeros((2, rows.shape[1]))])
    bound = np.concatenate([bound, bound[again] * factor, [0.0, 3.0]])
    order = rng.permutation(len(rows))
    return rows[order], bound[order]


def inequalities(case: Case) -> list[list[float]]:
    """As the twin takes them, row . (t, 1) >= 0; without those that say nothing."""
    return [[*(-row).tolist(), end] for row, end in zip(*case, strict=True) if row.any()]


def check(case: Case) -> lr.Polytope:
    """A polytope whose corners, facets and volume are those of the twin."""
    found = lr.Polytope(*case)
    rows: tuple[Row, ...] = tuple(integers([row])[0][0] for row in inequalities(case))
    rows = tuple(tuple(v // math.gcd(*row) for v in row) for row in rows)
    facets, corners = polytope(rows)
    assert found.corners == sorted(tuple(Fraction(v, p[-1]) for v in p[:-1]) for p in corners)
    own = [(*exact(-row), Fraction(end)) for row, end in zip(case[0], case[1].tolist(), strict=True) if row.any()]
    first = [own[rows.index(facet)] for facet in facets]
    assert found.corners_and_facets[1] == [tuple(-v for v in row) for row in first]
    assert found.volume == Cell((), facets, corners, (), 1).volume
    return found


NAMED = {
    **{f"cube {d}": cube(d) for d in (3, 4, 5)},
    **{f"simplex {d}": simplex(d) for d in (3, 4, 5)},
    **{f"cross {d}": cross(d) for d in (3, 4)},
    **{f"cyclic dual {d} {m}": cyclic_dual(d, m) for d, m in ((3, 8), (4, 9), (5, 8))},
    **{f"pyramid {d}": pyramid(d) for d in (3, 4, 5)},
    **{f"touching {d}": touching(d) for d in (3, 4, 5)},
}


@pytest.mark.parametrize("case", NAMED.values(), ids=NAMED)
def test_known_polytopes_against_brute_force(case: Case) -> None:
    found = check(case)
    again = lr.Polytope(*disturbed(np.random.default_rng(len(case[0])), case))
    assert again.corners == found.corners
    assert again.volume == found.volume
    assert len(again.corners_and_facets[1]) == len(found.corners_and_facets[1])


@pytest.mark.parametrize("make", [cut_cube, small, normal])
@pytest.mark.parametrize(("d", "n"), [(3, 40), (4, 20), (5, 8)])
def test_random_polytopes_against_brute_force(make: Callable[[Rng, int], Case], d: int, n: int) -> None:
    for seed in range(n):
        rng = np.random.default_rng([d, seed])
        case = make(rng, d)
        check(disturbed(rng, case) if seed % 2 and d < 5 else case)


@pytest.mark.parametrize("d", range(2, 8))
def test_volumes_in_closed_form(d: int) -> None:
    assert lr.Polytope(*cube(d)).volume == 2**d
    assert lr.Polytope(*simplex(d)).volume == Fraction(1, math.factorial(d))
    assert lr.Polytope(*cross(d)).volume == Fraction(2**d, math.factorial(d))
    assert lr.Polytope(*pyramid(d)).volume == Fraction(2 ** (d - 1), d)


def cut_by_sum(d: int, end: float) -> Case:
    """The cube where the sum of the coordinates is at most so large."""
    rows, bound = cube(d)
    return np.concatenate([rows, np.ones((1, d))]), np.append(bound, end)


@pytest.mark.parametrize(("d", "end"), [(2, 0.5), *((d, 0.5) for d in range(6, 13)), (7, -1.25), (7, 1.0), (8, 0.0)])
def test_volumes_of_cut_cubes(d: int, end: float) -> None:
    """The distribution of a sum of uniform variables (Irwin, Hall); where end - d is even, corners are cut through."""
    s = (Fraction(end) + d) / 2
    terms = ((-1) ** k * math.comb(d, k) * (s - k) ** d for k in range(d + 1) if k < s)
    polytope = lr.Polytope(*cut_by_sum(d, end))
    assert polytope.volume == 2**d * sum(terms, Fraction(0)) / math.factorial(d)


@pytest.mark.parametrize("make", [cut_cube, small, normal, lambda rng, d: touching(d), lambda rng, d: pyramid(d)])
@pytest.mark.parametrize("d", [3, 4, 6])
def test_both_sums_for_the_volume(make: Callable[[Rng, int], Case], d: int) -> None:
    """Corners of the halves of a polytope lie on as many facets as they need, or on more."""
    rng = np.random.default_rng(d)
    for _ in range(3):
        rows, bound = make(rng, d)
        whole = lr.Polytope(rows, bound)
        way = rng.integers(1, 4, d) * rng.choice([-1.0, 1.0], d)
        end = float(sum(way * whole.inside))
        halves = [lr.Polytope([*rows, sign * way], [*bound, sign * end]) for sign in (1, -1)]
        assert sum(half.volume for half in halves) == whole.volume


def test_polygons_with_many_sides() -> None:
    """Tangents of a circle at multiples of an angle: the area is n tan(pi / n), up to the rounding of the rows."""
    n = 2000
    angle = 2 * np.pi * np.arange(n) / n
    rows = np.column_stack([np.cos(angle), np.sin(angle)])
    order = np.random.default_rng(0).permutation(n)
    found = lr.Polytope(rows[order], np.ones(n))
    assert len(found.corners) == len(found.facets) == n
    assert float(found.volume) == pytest.approx(n * math.tan(math.pi / n), rel=1e-14)
    assert [facet[0] for facet in found.facets] == [*rows[n // 2 + 1 :, 0], *rows[: n // 2 + 1, 0]]
    for end, what in ((-1.0, "flat"), (-1.5, "empty")):
        with pytest.raises(lr.InvalidInput, match=f"got an? {what} set"):
            lr.Polytope([*rows[::4], [-1, 0]], [*np.ones(n // 4), end])


def test_polygons_agree_with_the_double_description() -> None:
    for seed in range(1500):
        rng = np.random.default_rng(seed)
        rows = rng.integers(-2, 3, (rng.integers(1, 9), 2)).astype(float)
        bound = rng.integers(-1, 3, len(rows)).astype(float)
        planes = [(*exact(row), -end) for row, end in zip(rows, exact(bound), strict=True)]
        found = []
        for function in (polygon, lambda planes: counter_clockwise(*polyhedron(planes))):
            try:
                found.append(function(planes))
            except lr.InvalidInput as error:
                found.append(str(error).partition("along")[0])
        assert found[0] == found[1]


def test_volumes_that_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linear_regions.domain.faces.MOST_BITS", 1000)
    monkeypatch.setattr("linear_regions.domain.faces.MOST_FACES", 10)
    simple, other = lr.Polytope(*cut_by_sum(7, 0.5)), lr.Polytope(*cross(6))
    network = to_network(he_net(7, 3))
    regions = lr.enumerate_regions(network, simple)
    assert "volume not found so far" in regions.summary()
    for large, rule in ((simple, "take at most 1,000 bits, got 204 corners"), (other, "at most 10 faces")):
        with pytest.raises(lr.InvalidInput, match=rule):
            _ = large.volume
    with pytest.raises(lr.InvalidInput, match="take at most 1,000 bits"):
        _ = regions.domain_volume
    assert regions.interior_points.shape == (len(regions), 7)
    assert "volume not found so far" in regions.summary()
    monkeypatch.undo()
    assert f"volume {regions.domain_volume:.6g}" in regions.summary()


@pytest.mark.parametrize(("d", "m"), [(4, 12), (6, 14), (6, 20)])
def test_corners_of_cyclic_duals(d: int, m: int) -> None:
    """McMullen's upper bound, which cyclic polytopes attain: for even d their facets are C(m - k, k) m / (m - k)."""
    k = d // 2
    assert len(lr.Polytope(*cyclic_dual(d, m)).corners) == math.comb(m - k, k) * m // (m - k)


def test_facets_are_the_inequalities_in_their_order_the_first_of_equal_ones() -> None:
    rows, bound = cube(3)
    found = lr.Polytope([[0, 0, 0], *(8 * rows), [1, 1, 1], *rows], [0, *(8 * bound), 3, *bound])
    assert found.corners_and_facets[1] == [(*exact(8 * row), Fraction(-8)) for row in rows]
    assert repr(found) == "Polytope(3-D, 14 inequalities, 6 facets)"
    chart = found.solid_chart()
    assert chart.facets == found.corners_and_facets[1]
    assert chart.incidence.tolist() == [
        [sum(a * x for a, x in zip(row, [*corner, 1], strict=True)) == 0 for row in chart.facets]
        for corner in chart.corners
    ]


def test_polygons_are_counter_clockwise() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        case = [small, normal][seed % 2](rng, 2)
        corners, sides = lr.Polytope(*disturbed(rng, case)).corners_and_facets
        assert corners[0] == min(corners)
        after, last = [*corners[1:], corners[0]], [*corners[2:], *corners[:2]]
        for p, q, r, (a1, a2, c) in zip(corners, after, last, sides, strict=True):
            assert (q[0] - p[0]) * (r[1] - q[1]) > (q[1] - p[1]) * (r[0] - q[0])
            assert a1 * p[0] + a2 * p[1] + c == a1 * q[0] + a2 * q[1] + c == 0 > a1 * r[0] + a2 * r[1] + c
        shoelace = sum((p[0] * q[1] - p[1] * q[0] for p, q in zip(corners, after, strict=True)), Fraction(0)) / 2
        assert lr.Polytope(*case).volume == shoelace


@pytest.mark.parametrize("d", [2, 3, 4])
def test_boxes_have_the_corners_and_facets_of_the_polytope(d: int) -> None:
    rng = np.random.default_rng(d)
    lower = rng.normal(size=d)
    box = lr.Box(lower, lower + rng.integers(1, 5, d))
    rows = np.stack([-np.eye(d), np.eye(d)], axis=1).reshape(2 * d, d)
    found = lr.Polytope(rows, np.stack([-box.lower, box.upper], axis=1).ravel())
    assert box.corners_and_facets == found.corners_and_facets
    assert box.corners == found.corners
    assert box.volume == found.volume == volume_of(*box.corners_and_facets)
    if d == 2:
        assert counter_clockwise(*box.corners_and_facets) == box.corners_and_facets


SLAB = [[1, 0, 0], [-1, 0, 0]]
INSIDE, BOUNDED = r"Polytope\(A, b\) must have interior points, got ", r"Polytope\(A, b\) must be bounded, got "


@pytest.mark.parametrize(
    ("A", "b", "message"),
    [
        ([[0, 0, 0]], [-1], INSIDE + "an inequality 0 <= b that never holds"),
        ([*cube(3)[0], [0, 0, 0]], [1] * 6 + [-1], INSIDE + "an inequality 0 <= b that never holds"),
        ([[0, 0, 0]], [0], BOUNDED + "an unbounded set, which holds a whole line"),
        ([[1, 2, 3]], [1], BOUNDED + "an unbounded set, which holds a whole line"),
        (SLAB, [1, 1], BOUNDED + "an unbounded set, which holds a whole line"),
        (SLAB, [1, -1], BOUNDED + "an unbounded set, which holds a whole line"),
        (SLAB, [0, -1], INSIDE + "an empty set"),
        ([*SLAB, [0, 1, 0], [0, -1, 0]], [1] * 4, BOUNDED + r".* line along \[-?0, -?0, -?1\]"),
        ([*SLAB, [0, 1, 0]], [0, -1, 0], INSIDE + "an empty set"),
        ([*SLAB, [0, -1, 0], [0, 0, -1]], [0, -1, 0, 0], INSIDE + "an empty set"),
        (-np.eye(3), [0] * 3, BOUNDED + "an unbounded set, which holds a whole ray along"),
        ([*-np.eye(3), [1, 1, 0]], [0, 0, 0, 1], BOUNDED + r".* ray along \[0, 0, 1\]"),
        ([*-np.eye(3), [1, 1, 0]], [0, 0, 0, 0], BOUNDED + r".* ray along \[0, 0, 1\]"),
        ([*-np.eye(3), [1, 1, 1]], [0, 0, 0, -1], INSIDE + "an empty set"),
        ([*-np.eye(3), [1, 1, 1]], [0, 0, 0, 0], INSIDE + "a flat set"),
        ([*cube(4)[0], [1, 1, 0, 0]], [1] * 8 + [-2], INSIDE + "a flat set"),
        ([*cube(4)[0], [1, 1, 1, 1], [-1, -1, -1, -1]], [1] * 8 + [0.5, -0.5], INSIDE + "a flat set"),
        ([*cube(4)[0], [1, 1, 1, 1]], [1] * 8 + [np.nextafter(-4.0, -5.0)], INSIDE + "an empty set"),
        ([[1, 0], [-1, 0]], [0, -1], INSIDE + "an empty set"),
        ([[1, 0], [-1, 0], [0, 1]], [1, 1, 1], BOUNDED + r".* ray along \[-?0, -1\]"),
        (1e-300 * cube(3)[0], [1e300] * 6, "have corners within the range of float64, got corners beyond it"),
        ([[1], [-1]], [1, 1], r"A must have shape \(m, d\) with d >= 2 \(an interval is a Box or a Segment\)"),
        ([1, 1], [1, 1], r"A must have shape \(m, d\)"),
        (cube(3)[0], [1] * 5, r"b must have shape \(6,\), a number per row of A"),
    ],
)
def test_what_is_refused(A: list[list[float]], b: list[float], message: str) -> None:
    with pytest.raises(lr.InvalidInput, match=message):
        lr.Polytope(A, b)


def test_a_thin_polytope_is_one() -> None:
    rows, bound = cube(4)
    sliver = lr.Polytope([*rows, [1, 1, 1, 1]], [*bound, np.nextafter(-4.0, 0.0)])
    assert len(sliver.corners) == 5
    assert sliver.volume == Fraction(1, 2**51) ** 4 / 24


def test_corners_on_the_way_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(lr.InvalidInput, match="at most 65,536 corners at every step of finding them, got more"):
        _ = lr.Polytope(*cube(18)).corners
    monkeypatch.setattr("linear_regions.domain.polyhedron.MOST_RAYS", 64)
    assert lr.Polytope(*cube(6)).volume == 64
    with pytest.raises(lr.InvalidInput, match="at most 64 corners"):
        _ = lr.Polytope(*cube(7)).corners


def test_polytopes_are_written_as_their_inequalities() -> None:
    for domain in (lr.Polytope(*cross(3)), lr.Slice([0.0] * 4, np.eye(4)[:, :3], lr.Polytope(*cross(3)))):
        again = type(domain).from_dict(domain.to_dict())
        assert again.volume == domain.volume == Fraction(4, 3)
        assert again.solid_chart().corners == domain.solid_chart().corners


def test_engines_say_which_domains_they_take() -> None:
    solid, flat = lr.Polytope(*cube(3)), lr.Polytope(*cube(2))
    with pytest.raises(lr.InvalidInput, match="domain must be two-dimensional, got Polytope"):
        solid.plane_chart()
    for plane in (flat, lr.Box([0], [1]), lr.Slice([0.0, 0.0], np.eye(2), flat)):
        with pytest.raises(lr.InvalidInput, match="a Polytope, or a Slice with one, of three dimensions or more"):
            plane.solid_chart()


def random_polytope(rng: Rng, d: int) -> Case:
    named = [simplex, pyramid, touching, lambda d: cyclic_dual(d, d + 3), cross]
    kind = int(rng.integers(8 if d < 5 else 7))  # the corners of a cross-polytope in 5-D take the twin long
    if kind < 3:
        return [cut_cube, small, normal][kind](rng, d)
    rows, bound = named[kind - 3](d)
    shift = rng.integers(-4, 5, d) / 8
    return rows, bound + rows @ shift  # no rounding: these are small dyadic numbers


@pytest.mark.parametrize("first", range(0, 48, 12))
def test_counts_on_polytopes_against_the_twin(first: int) -> None:
    """Families of networks take turns; a third of the polytopes lie in slices."""
    for seed in range(first, first + 12):
        rng = np.random.default_rng([7, seed])
        d = int(rng.choice([3, 3, 4, 5]))
        depth = int(rng.integers(1, 3))
        widths = tuple(int(n) for n in rng.integers(1, {3: 8, 4: 6, 5: 5}[d] // depth + 2, depth))
        inputs = d + 2 if seed % 3 == 2 else d
        layers = FAMILIES[seed % len(FAMILIES)](rng, Plan(inputs, d, widths))
        case = random_polytope(rng, d)
        own, embedding = lr.Polytope(*disturbed(rng, case)), ()
        if inputs > d:
            origin, basis = rng.integers(-1, 2, inputs).astype(float), rng.integers(-2, 3, (inputs, d)).astype(float)
            basis[:d] = np.eye(d)
            embedding = (origin.tolist(), basis.tolist())
        domain = lr.Slice(*embedding, own) if embedding else own
        network, twin = to_network(layers), enumerate_polytope(layers, inequalities(case), *embedding)
        result = lr.count_regions(network, domain, full_output=True)
        kinked = [a.n_hyperplanes > 0 for a in network.activations]
        assert result.per_layer[kinked].tolist() == list(twin.per_layer), seed
        assert result.count == len(twin), seed
        assert result.certificate.certified


@pytest.mark.parametrize(("widths", "d"), [((10, 10, 10), 3), ((8, 8), 4), ((8, 6), 5), ((7,), 6)])
def test_a_box_and_the_polytope_that_it_is(widths: tuple[int, ...], d: int) -> None:
    network = to_network(he_net(d, *widths))
    box = lr.count_regions(network, lr.Box([-1] * d, [1] * d), full_output=True)
    for case in (cube(d), disturbed(np.random.default_rng(d), cube(d)), touching(d)):
        found = lr.count_regions(network, lr.Polytope(*case), full_output=True)
        assert found.per_layer.tolist() == box.per_layer.tolist()
        assert found.count == box.count


@pytest.mark.parametrize("d", [3, 4, 5, 6])
def test_coordinate_hyperplanes_cut_a_cross_polytope_into_orthants(d: int) -> None:
    """They run through its corners; and with their bisectors, t_i = t_j, they make d! chambers of each orthant."""
    axes = np.column_stack([np.eye(d), np.zeros(d)])
    assert lr.count_regions(to_network(arrangement(axes.tolist())), lr.Polytope(*cross(d))) == 2**d
    if d < 5:
        pairs = [np.eye(d + 1)[i] + s * np.eye(d + 1)[j] for i in range(d) for j in range(i) for s in (1, -1)]
        every = arrangement([*axes.tolist(), *(p.tolist() for p in pairs)])
        assert lr.count_regions(to_network(every), lr.Polytope(*cross(d))) == 2**d * math.factorial(d)


def test_facets_beyond_one_word_of_bits() -> None:
    """Planes about a sphere: 90 facets."""
    normals = np.random.default_rng(0).normal(size=(90, 3))
    normals = np.round(normals / np.linalg.norm(normals, axis=1, keepdims=True) * 64) / 64
    ball = lr.Polytope(normals, np.full(90, 1.0))
    assert len(ball.corners_and_facets[1]) > 64
    rows = np.column_stack([np.eye(3), np.zeros(3)])
    assert lr.count_regions(to_network(arrangement(rows.tolist())), ball) == 8


@pytest.mark.parametrize("d", [2, 3])
def test_corners_whose_squares_are_beyond_float64(d: int) -> None:
    rows, bound = cube(d)
    rows[0] *= 1e-200
    rows[1, 0] = 1e-201
    bound[0] = 3.0
    far = lr.Polytope(rows, bound)
    network = to_network(arrangement(np.column_stack([np.eye(d), np.zeros(d)]).tolist()))
    assert lr.count_regions(network, far) == 2**d
    assert lr.count_regions(network, lr.Slice(np.zeros(d), 3 * np.eye(d), far)) == 2**d


def test_more_dimensions_than_corners_are_found_in() -> None:
    """A simplex and a cross of ten dimensions with redundant inequalities: bounds, facets, and what is refused."""
    d = 10
    A = np.vstack([-np.eye(d), np.ones((1, d)), np.eye(d), 2 * np.ones((1, d))])
    b = np.concatenate([np.zeros(d), [1.0], np.full(d, 2.0), [2.0]])
    simplex = lr.Polytope(A, b)
    assert len(simplex.facets) == d + 1
    assert (simplex.reach >= 1).all() and (simplex.reach < 1 + 1e-12).all()
    assert len(simplex.corners) == d + 1
    network = lr.Network.from_arrays([np.eye(d)[:3], np.ones((1, 3))], [[-0.25] * 3, [0]])
    assert lr.count_regions(network, simplex) == 8  # of the octants about (1/4, 1/4, 1/4) all meet the simplex
    with pytest.raises(lr.InvalidInput, match="must have interior points"):
        lr.Polytope(A, np.concatenate([b[:-1], [-1.0]]))
    with pytest.raises(lr.InvalidInput, match="must be bounded"):
        lr.Polytope(A[:d], b[:d])
