"""The engine of linear programs: counts, patterns and neighbours as by corners; what is beyond six dimensions."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from math import comb, inf, nextafter
from pathlib import Path

import numpy as np
import pytest

import linear_regions as lr
from convert import enumerated, regions_of, to_domain, to_network
from families import random_case
from halfspaces import differences, patterns_of, report
from known_nets import degenerate_cases, he_net, relu_net, torch_net
from linear_regions.network import Activation, Affine, Unit
from linear_regions.rational_lp import shortest, slack
from linear_regions.rows import bounds_of, positive_between
from solids import cube

LAWS = {
    (2, 16, 16, 1): 127,
    (2, 32, 32, 32, 1): 1180,
    (3, 16, 16, 16, 1): 1373,
    (4, 12, 12, 1): 1226,
    (5, 10, 10, 1): 1935,
}


def gaussian(d: int, *widths: int, seed: int = 0, bias: float = 1.0) -> lr.Network:
    rng = np.random.default_rng(seed)
    sizes = [d, *widths, 1]
    weights = [rng.normal(size=(n, k)) for k, n in zip(sizes[:-1], sizes[1:], strict=True)]
    return lr.Network.from_arrays(weights, [rng.normal(size=n) * bias for n in sizes[1:]])


@pytest.mark.parametrize("sizes", LAWS)
def test_seeded_nets(sizes: tuple[int, ...]) -> None:
    network, domain = to_network(torch_net(*sizes)), cube(sizes[0])
    assert lr.count_regions(network, domain, method="lp") == LAWS[sizes]
    assert not differences(network, domain)


def test_ten_dimensions() -> None:
    network = to_network(torch_net(10, 16, 1))
    counted = lr.count_regions(network, cube(10), full_output=True)
    assert counted.count == 37_032
    assert counted.certificate.exact_signs <= 10
    assert lr.count_regions(network, cube(10), n_jobs=2) == 37_032


def test_far_corners_of_an_arrangement() -> None:
    assert not differences(to_network(torch_net(3, 20, 1)), cube(3, 1000.0))
    assert lr.count_regions(to_network(torch_net(3, 20, 1)), cube(3, 1000.0), method="lp") == 1350


@pytest.mark.parametrize(("case", "count"), degenerate_cases(), ids=lambda v: getattr(v, "description", ""))
def test_degenerate_nets(case: object, count: int) -> None:
    domain = to_domain(case.domain)  # type: ignore[attr-defined]
    if domain.dim == 1:
        pytest.skip("on a line")
    network = to_network(case.layers)  # type: ignore[attr-defined]
    assert lr.count_regions(network, domain, method="lp") == count
    assert not differences(network, domain)


@pytest.mark.parametrize("kind", ["random", "zero-bias", "solid", "space"])
def test_random_nets_as_by_corners(kind: str) -> None:
    assert not report(kind, range(12))


@pytest.mark.parametrize("seed", [0, 1, 5, 7, 11, 23, 26])
def test_mixed_scales_as_by_corners(seed: int) -> None:
    """Cells thinner than floats in the frame of the domain, rows beyond their range, breakpoints that vanish."""
    assert not report("mixed", [seed])


def test_few_signs_of_mixed_scales_are_left_to_rational_arithmetic() -> None:
    case = random_case(130)
    found = lr.count_regions(to_network(case.layers), to_domain(case.domain), method="lp", full_output=True)
    assert found.count == 799
    assert found.certificate.exact_signs < 0.2 * found.certificate.signs


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["random", "zero-bias", "solid", "space"])
def test_many_random_nets_as_by_corners(kind: str) -> None:
    assert not report(kind, range(120, 142))


@pytest.mark.parametrize(("d", "n"), [(7, 10), (8, 11), (9, 11), (10, 12)])
def test_zaslavsky(d: int, n: int) -> None:
    """Generic hyperplanes in all of R^d: cells, bounded cells, and facets (Zaslavsky 1975, Buck 1943)."""
    r = lr.enumerate_regions(gaussian(d, n, seed=d), lr.Space(d))
    r.check()
    assert len(r) == sum(comb(n, i) for i in range(d + 1))
    assert r.bounded.sum() == comb(n - 1, d)
    assert len(r.facets.neuron) == n * sum(comb(n - 1, i) for i in range(d))
    assert r.certificate.exact_signs == 0


def test_central_arrangements() -> None:
    for d, n in ((3, 6), (7, 9)):
        network = gaussian(d, n, seed=n, bias=0.0)
        expected = 2 * sum(comb(n - 1, i) for i in range(d))
        assert lr.count_regions(network, lr.Space(d), method="lp") == expected
        assert lr.count_regions(network, cube(d), method="lp") == expected


def test_deep_nets_in_seven_dimensions() -> None:
    r = lr.enumerate_regions(to_network(torch_net(7, 8, 6, 1)), cube(7))
    r.check()
    assert len(r) == 1518
    assert r.certificate.certified
    small = lr.enumerate_regions(to_network(torch_net(7, 4, 3, 1)), cube(7))
    solid = small.with_corners()
    assert patterns_of(solid) == patterns_of(small)
    assert solid.volumes.sum() == pytest.approx(2.0**7, rel=1e-12)
    assert len(solid.facets.cells) == len(small.facets.cells)
    assert small.count("R6") == solid.count("R6")
    assert sum((-1) ** k * n for k, n in enumerate(solid.f_vector)) == 1


def test_corners_are_those_of_the_other_engine() -> None:
    network, domain = to_network(he_net(3, 4, 3)), cube(3)
    by_corners = lr.enumerate_regions(network, domain)
    solid = lr.enumerate_regions(network, domain, method="lp").with_corners()
    number = {pattern: i for i, pattern in enumerate(patterns_of(by_corners))}
    order = [number[pattern] for pattern in patterns_of(solid)]
    assert solid.f_vector == by_corners.f_vector
    assert solid.exact_volumes() == [by_corners.exact_volumes()[i] for i in order]
    assert solid.with_corners() is solid


def test_estimated_volumes() -> None:
    """Within five standard errors of the exact ones, for nearly all cells; on a polytope too."""
    network = to_network(he_net(3, 6, 5))
    for domain in (cube(3), lr.Polytope([*(-np.eye(3)), [1, 1, 1]], [0, 0, 0, 2])):
        exact = lr.enumerate_regions(network, domain)
        found = exact.estimated_volumes(40_000, seed=1)
        z = (found.volume - exact.volumes) / found.standard_error
        assert np.abs(z).max() < 5
        assert found.volume.sum() == pytest.approx(exact.domain_volume, rel=0.05)
    r = lr.enumerate_regions(to_network(torch_net(7, 4, 3, 1)), cube(7))
    found = r.estimated_volumes(20_000)
    assert np.abs((found.volume - r.with_corners().volumes) / found.standard_error).max() < 5
    assert (found.volume == r.estimated_volumes(20_000).volume).all()
    with pytest.raises(lr.InvalidInput, match="for volumes to be finite"):
        lr.enumerate_regions(network, lr.Space(3), method="lp").estimated_volumes(10)
    with pytest.raises(lr.InvalidInput, match="n_points must be a whole number, at least 1"):
        r.estimated_volumes(0)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("power", [-20, -50, -54, -60, -200])
def test_points_of_cells_thinner_than_rounding(d: int, power: int) -> None:
    """Between planes a hair apart about one that holds floats: a float inside, however the cells were found."""
    width = 2.0**power
    for row in ([1.0] * d, [1.0, *[-2.0] * (d - 1)], [0.375, *[1.0] * (d - 1)]):
        weights = [np.array([row, row]), np.ones((1, 2))]
        r = enumerated(relu_net(weights, [[width, -width], [0.0]]), cube(d))
        assert len(r) == 3
        inside = [sum((Fraction(a) * Fraction(v) for a, v in zip(row, point)), start=Fraction(0))
                  for point in r.interior_points.tolist()]  # fmt: skip
        assert sorted((value > -width) + (value > width) for value in inside) == [0, 1, 2]
        assert (r.find(r.interior_points) == np.arange(3)).all()


@pytest.mark.parametrize("seed", range(0, 48, 3))
def test_points_are_inside_wherever_a_float_is(seed: int) -> None:
    """A point is outside its cell only if that is so thin that hardly a float lies inside."""
    r = regions_of(random_case(seed))
    if r.dim == 1:
        return
    cell = r.halfspaces
    for i in range(0, len(r), max(1, len(r) // 40)):
        rows = cell.settler.constraints(cell.labels(i), cell.words(i))
        point = [Fraction(v) for v in r.interior_points[i].tolist()]
        if not all(slack(row, point) > 0 for row in rows):
            assert r.exact_volumes([i])[0] < Fraction(1, 2**48)


def test_shortest_floats_between_numbers() -> None:
    half, third = Fraction(1, 2), Fraction(1, 3)
    assert shortest(-third, half) == shortest(None, third) == shortest(None, None) == 0
    assert (shortest(third, 1), shortest(third, 5), shortest(third, half)) == (half, 4, Fraction(3, 8))
    assert shortest(-half, -third) == Fraction(-3, 8)
    assert (shortest(half, None), shortest(None, -half)) == (1, -1)
    step = Fraction(1, 2**53)
    assert shortest(half, half + step) is None
    assert shortest(half, half + 2 * step) == half + step
    assert shortest(Fraction(0), Fraction(1, 2**1074)) is None
    assert shortest(Fraction(0), Fraction(2, 2**1074)) == Fraction(1, 2**1074)


def test_points_are_inside_and_found() -> None:
    r = lr.enumerate_regions(to_network(torch_net(7, 8, 6, 1)), cube(7))
    assert (r.find(r.interior_points) == np.arange(len(r))).all()
    cell = r.halfspaces
    for i in range(0, len(r), 97):
        rows = cell.settler.constraints(cell.labels(i), cell.words(i))
        assert all(slack(row, [Fraction(v) for v in r.interior_points[i].tolist()]) > 0 for row in rows)
    assert r.find([[2.0] * 7]).tolist() == [-1]
    assert r.find([[1.0] + [0.25] * 6])[0] >= 0  # on the domain's boundary


def test_largest_balls() -> None:
    """A ball of the radius lies in the cell, by exact slacks; and the radius is that of the other engine's cells."""
    network, domain = to_network(he_net(3, 7, 4)), lr.Box([-1, 0, 2], [1, 8, 3])
    r, other = (lr.enumerate_regions(network, domain, method=method) for method in ("lp", "vertices"))
    number = {pattern: i for i, pattern in enumerate(patterns_of(other))}
    order = [number[pattern] for pattern in patterns_of(r)]
    np.testing.assert_allclose(r.largest_balls.radii, other.largest_balls.radii[order], rtol=1e-9)
    balls = r.largest_balls
    for i in range(len(r)):
        rows = r.halfspaces.settler.constraints(r.halfspaces.labels(i), r.halfspaces.words(i))
        center = [Fraction(v) for v in balls.centers[i].tolist()]
        for row in rows:
            square = sum(a * a for a in row[:-1])
            assert slack(row, center) ** 2 >= Fraction(float(balls.radii[i])) ** 2 * square
    assert (balls.upper - balls.radii <= 1e-9 * balls.upper).all()


def test_slabs_thinner_than_floats() -> None:
    """No float lies between the hyperplanes x = 1 and x = 1 + 2^-80, where a cell is."""
    weights = [[[1, 0, 0], [2.0**-40, 0, 0], [0, 1, 0]], [[1, 1, 1]]]
    biases = [[-1, -(2.0**-40) * (1 + 2.0**-52), 0], [0]]
    shifted = [[-1.0, -(2.0**-40) - 2.0**-120, 0.0], [0.0]]
    for b in (biases, shifted):
        network, domain = lr.Network.from_arrays(weights, b), lr.Box([0, -1, -1], [2, 1, 1])
        assert not differences(network, domain, check=False)


def test_order_and_bytes_are_independent_of_workers() -> None:
    network, domain = to_network(torch_net(8, 12, 6, 1)), cube(8)
    one = lr.enumerate_regions(network, domain)
    with ProcessPoolExecutor(2) as pool:
        others = [lr.enumerate_regions(network, domain, n_jobs=2), lr.enumerate_regions(network, domain, executor=pool)]
    for other in others:
        assert patterns_of(one) == patterns_of(other)
        assert one.interior_points.tobytes() == other.interior_points.tobytes()
        assert (one.facets.cells == other.facets.cells).all()
        assert one.certificate == other.certificate


def test_results_are_stored(tmp_path: Path) -> None:
    r = lr.enumerate_regions(to_network(torch_net(7, 6, 4, 1)), cube(7))
    r.save(tmp_path / "seven.npz")
    again = lr.load_regions(tmp_path / "seven.npz")
    again.check()
    assert patterns_of(again) == patterns_of(r)
    assert (again.facets.cells == r.facets.cells).all()
    assert (again.largest_balls.radii == r.largest_balls.radii).all()


def test_slices_and_polytopes() -> None:
    rng = np.random.default_rng(3)
    network = to_network(he_net(9, 8, 5))
    basis = rng.normal(size=(9, 4))
    assert not differences(network, lr.Slice(rng.normal(size=9), basis, lr.Box([-1] * 4, [1, 2, 1, 1])))
    assert not differences(network, lr.Slice(rng.normal(size=9), basis[:, :3], lr.Space(3)))
    simplex = lr.Polytope(np.vstack([-np.eye(4), np.ones((1, 4))]), [0, 0, 0, 0, 3])
    assert not differences(to_network(he_net(4, 7, 5)), simplex)
    assert not differences(to_network(he_net(2, 9, 7)), lr.Polytope([[1, 1], [-1, 0], [0, -1]], [1, 0, 0]))


@pytest.mark.parametrize("tiny", [5e-324, 2.0**-1040, 1e-300])
def test_numbers_at_the_end_of_floats(tiny: float) -> None:
    """Lines that miss a corner of the box by less than products of floats can tell."""
    weights = [[0.5, 0.75], [-1.0, -0.75], [-0.5, -1.75], [-0.5, -0.25], [1.75, 0.25]]
    layers = relu_net(
        [weights, [[1.0] * 5, [-1.0, 1, -1, 1, 1]], [[1, 1]]], [[tiny, 0, tiny, tiny, -tiny], [0, tiny], [0]]
    )
    network = to_network(layers)
    for domain in (lr.Box([0, 0], [1, 1]), lr.Box([-1, -1], [1, 1]), lr.Space(2)):
        assert not differences(network, domain, check=False)
    assert not report("random", [140])


@pytest.mark.parametrize(("low", "high"), [(5e-324, 1e-323), (1e-323, 1.5e-323), (5e-324, 1e-300), (1e-300, 2e-300)])
def test_breakpoints_that_products_make_vanish(low: float, high: float) -> None:
    """Of the last neuron's line a cell as thin as the breakpoints holds a part: errors times multipliers are not 0."""
    one, two = Fraction(low), Fraction(high)
    least = Unit((one, two), (2, 1, -1), (0, one, one + 2 * two))
    network = lr.Network.chain(
        [
            Affine.from_arrays([[-0.86, -0.37], [-0.98, -1.0], [0.14, 0.5]], [0.0] * 3),
            Activation.from_units([Unit.identity(), Unit((0,), (-1, 1), (0, 0)), least]),
            Affine.from_arrays([[-0.7, 0.0, 0.5]], [0.0]),
            Activation.uniform(Unit.relu(), 1),
            Affine.from_arrays([[1.0]], [0.0]),
        ]
    )
    assert lr.count_regions(network, cube(2), method="lp") == 11
    assert not differences(network, cube(2))


@pytest.mark.parametrize("unit", ["relu6", "hardtanh", "hardsigmoid"])
def test_parallel_hyperplanes_in_all_of_space(unit: str) -> None:
    """Generic pairs of parallel hyperplanes: a cell for each flat, k neurons with one of two each (Zaslavsky 1975)."""
    rng = np.random.default_rng(3)
    for d, n in ((2, 5), (3, 4), (4, 5)):
        weights = [rng.normal(size=(n, d)), rng.normal(size=(1, n))]
        network = lr.Network.from_arrays(weights, [rng.normal(size=n), [0.0]], unit)
        r = lr.enumerate_regions(network, lr.Space(d), method="lp")
        assert len(r) == sum(2**k * comb(n, k) for k in range(d + 1))
        assert r.certificate.exact_signs == 0


def test_units_with_several_breakpoints() -> None:
    for activation in ("hardtanh", "leaky_relu", "hardsigmoid", "relu6"):
        rng = np.random.default_rng(1)
        weights = [rng.normal(size=(5, 3)) * 2, rng.normal(size=(4, 5)) * 2, rng.normal(size=(1, 4))]
        network = lr.Network.from_arrays(weights, [rng.normal(size=n) for n in (5, 4, 1)], activation)
        assert not differences(network, cube(3))


def test_thin_boxes() -> None:
    low = np.array([1.0, -1.0, 0.0])
    thin = lr.Box(low, [nextafter(1.0, inf), 1.0, 1e-300])
    assert not differences(to_network(he_net(3, 6, 4)), thin, check=False)


def test_budget_and_what_is_refused() -> None:
    network = to_network(he_net(7, 30, 10))
    with pytest.raises(lr.BudgetExceeded) as caught:
        lr.count_regions(network, cube(7), max_regions=500)
    assert max(caught.value.per_layer) > 500
    with pytest.raises(lr.InvalidInput, match='method must be "auto", "vertices" or "lp"'):
        lr.count_regions(network, cube(7), method="LP")  # type: ignore[call-overload]
    with pytest.raises(lr.InvalidInput, match="two dimensions or more"):
        lr.count_regions(to_network(he_net(1, 3)), lr.Box([0], [1]), method="lp")
    r = lr.enumerate_regions(to_network(torch_net(7, 4, 1)), cube(7))
    for name in ("volumes", "f_vector", "vertex_coordinates", "centroids"):
        with pytest.raises(lr.InvalidInput, match="with_corners"):
            getattr(r, name)
    with pytest.raises(lr.InvalidInput, match="from 3 to 10 dimensions"):
        lr.enumerate_regions(to_network(torch_net(7, 4, 1)), lr.Space(7)).with_corners()
    assert "constraints" in r.summary()
    assert "7-D" in repr(r)


def test_dead_layers_and_identities() -> None:
    weights = [np.zeros((3, 7)), np.ones((2, 3)), np.ones((1, 2))]
    assert lr.count_regions(to_network(relu_net(weights, [[-1.0] * 3, [0.0] * 2, [0.0]])), cube(7)) == 1
    assert lr.count_regions(lr.Network.from_arrays([np.eye(7)], [np.zeros(7)]), cube(7)) == 1
    r = lr.enumerate_regions(lr.Network.from_arrays([np.eye(7)], [np.zeros(7)]), lr.Space(7))
    assert (len(r), r.bounded.tolist(), r.largest_balls.upper.tolist()) == (1, [False], [inf])


def test_what_bounds_of_the_coordinates_imply() -> None:
    """Rows that are positive between the bounds are so for all coefficients within the errors."""
    rng = np.random.default_rng(3)
    n_implied = 0
    for _ in range(40):
        d = int(rng.integers(1, 6))
        ends = np.sort(rng.normal(size=(2, d)), axis=0)
        sides = np.concatenate([np.eye(d), -np.eye(d)]) * 2.0 ** rng.integers(-9, 9, (2 * d, 1))
        sides = np.column_stack([sides, -np.concatenate([ends[0], -ends[1]]) * np.abs(sides).max(axis=1)])
        given = rng.random(2 * d) < 0.9
        low, high = bounds_of(sides[given], np.zeros((given.sum(), 2)))
        assert (low <= np.where(given[:d], ends[0], -np.inf)).all()
        assert (high >= np.where(given[d:], ends[1], np.inf)).all()
        np.testing.assert_allclose(low[given[:d]], ends[0][given[:d]], rtol=1e-14)
        rows = rng.normal(size=(30, d + 1)) * (rng.random((30, d + 1)) < 0.7)
        rows[:, -1] += 2.0
        error = np.abs(rng.normal(size=(30, 2))) * rng.choice([0.0, 1e-3, 0.3], (30, 1))
        implied = positive_between(rows, error, low, high)
        n_implied += implied.sum()
        for i in range(30):
            least = Fraction(float(rows[i, -1])) - Fraction(float(error[i, 1]))
            endless = False
            for j in range(d):
                e = Fraction(float(error[i, 0]))
                a = (Fraction(float(rows[i, j])) - e, Fraction(float(rows[i, j])) + e)
                endless |= bool((a[1] > 0 and not given[j]) or (a[0] < 0 and not given[d + j]))
                pairs = [(s, Fraction(float(x))) for s in a for x in ends[:, j]]
                least += min(s * x for s, x in pairs)
            right = not endless and least > 0
            assert right or not implied[i]
            if (
                right
                and least > Fraction(1, 10**9)
                and error[i, 0] < abs(rows[i, :-1][rows[i, :-1] != 0]).min(initial=1)
            ):
                assert implied[i]
    assert n_implied > 100
