"""Networks along curves: against a walk in floats, sampling, known answers, and cases that are decided by no float."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.errors import InvalidInput
from linear_regions.network import Activation, Affine, Unit

CIRCLE = lr.Ellipse([0, 0], [1, 0], [0, 1])
SPHERE = lr.Ellipse([0, 0, 0], [1, 0, 0], [0, 1, 0])


def random_net(
    rng: np.random.Generator, widths: tuple[int, ...], units: list[str | Unit], bias: float = 0.3
) -> lr.Network:
    weights = [rng.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in pairwise(widths)]
    return lr.Network.from_arrays(weights, [bias * rng.normal(size=m) for m in widths[1:]], units)


def walk(network: lr.Network, ellipse: lr.Ellipse) -> list[tuple[float, int]]:
    """Angles and neurons of all switches, arc by arc in floats; an independent way to what the ring finds."""
    arcs = [(0.0, 2 * np.pi, np.column_stack([ellipse.center, ellipse.a, ellipse.b]))]
    found, base = [], 0
    for layer in network.layers:
        following = []
        for low, high, rows in arcs:
            z = layer.affine.weight @ rows
            z[:, 0] += layer.affine.bias
            if layer.activation is None:
                continue
            a = layer.activation
            cuts = []
            for neuron, threshold in zip(a.hyperplane_neuron.tolist(), a.hyperplane_threshold.tolist(), strict=True):
                alpha, beta, gamma = z[neuron]
                radius = math.hypot(beta, gamma)
                if abs(threshold - alpha) < radius:
                    turn = math.acos((threshold - alpha) / radius)
                    for angle in (math.atan2(gamma, beta) + turn, math.atan2(gamma, beta) - turn):
                        if low < angle % (2 * np.pi) < high:
                            cuts.append((angle % (2 * np.pi), neuron + base))
            found += cuts
            ends = [low, *sorted(angle for angle, _ in cuts), high]
            for start, stop in pairwise(ends):
                middle = (start + stop) / 2
                values = z @ [1, np.cos(middle), np.sin(middle)]
                h = np.empty_like(z)
                for i, value in enumerate(values):
                    unit = a.units[a.kind[i]]
                    piece = int(np.searchsorted([float(t) for t in unit.breakpoints], value))
                    h[i] = float(unit.slopes[piece]) * z[i]
                    h[i, 0] += float(unit.intercepts[piece])
                following.append((start, stop, h))
        arcs = following
        base += 0 if layer.activation is None else layer.activation.n_neurons
    return sorted(found)


@pytest.mark.parametrize("seed", range(40))
def test_switches_are_those_of_a_walk_in_floats(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 5))
    widths = (int(rng.integers(2, 9)), *rng.integers(1, 13, depth).tolist(), 2)
    kinds: list[str | Unit] = ["relu", Unit.leaky_relu(0.25), Unit.hardtanh(-0.5, 0.75), Unit.relu6()]
    units = [kinds[k] for k in rng.integers(0, 4, depth)]
    network = random_net(rng, widths, units, bias=float(rng.choice([0.1, 0.5])))
    ellipse = lr.Ellipse(rng.normal(size=widths[0]) * rng.choice([0.0, 0.5]), *rng.normal(size=(2, widths[0])))
    found = lr.curve_regions(network, ellipse)
    expected = walk(network, ellipse)
    angles = found.breakpoints[found.switches[:, 0]]
    assert found.transitions == len(expected)
    assert found.transitions % 2 == 0
    np.testing.assert_allclose(np.sort(angles), [angle for angle, _ in expected], atol=1e-9)
    assert sorted(found.switches[:, 1].tolist()) == sorted(neuron for _, neuron in expected)
    assert (np.diff(found.breakpoints) > 0).all()
    assert found.breakpoint_errors.max(initial=0.0) < 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_pieces_are_the_cells_of_the_plane_that_the_curve_goes_through(seed: int) -> None:
    rng = np.random.default_rng([1, seed])
    network, ellipse = random_net(rng, (5, 9, 7, 1), ["relu", "relu"]), lr.Ellipse.random(5, rng)
    found = lr.curve_regions(network, ellipse)
    plane = lr.enumerate_regions(network, lr.Slice(ellipse.center, ellipse.basis, lr.Box([-2, -2], [2, 2])))
    middle = (found.starts + found.ends) / 2
    cells = plane.find(np.column_stack([np.cos(middle), np.sin(middle)]))
    np.testing.assert_array_equal(plane.patterns[cells], found.patterns)
    angle = np.linspace(0, 2 * np.pi, 20_001)
    through = np.unique(plane.find(np.column_stack([np.cos(angle), np.sin(angle)])))
    assert set(through.tolist()) <= set(cells.tolist())


@pytest.mark.parametrize("seed", range(8))
def test_networks_without_biases(seed: int) -> None:
    """Where all neurons of a layer switch off, those behind them vanish there, and on all the arc after it."""
    rng = np.random.default_rng([2, seed])
    network, ellipse = random_net(rng, (3, 4, 3, 5, 2), ["relu"] * 3, bias=0.0), lr.Ellipse.random(3, rng)
    found = lr.curve_regions(network, ellipse)
    k = 2**16
    x = ellipse.embed(2 * np.pi * np.arange(k)[:, None] / k)
    code = np.concatenate([z > 0 for z in network.preactivations(x)], axis=1)
    assert found.transitions == (code != np.roll(code, 1, axis=0)).sum()
    np.testing.assert_array_equal(np.unique(found.patterns, axis=0), np.unique(code, axis=0))


def test_samples_miss_switches_and_find_more_when_refined() -> None:
    rng = np.random.default_rng(5)
    network, ellipse = random_net(rng, (10, 60, 60, 1), ["relu", "relu"]), lr.Ellipse.random(10, rng)
    exact = lr.curve_regions(network, ellipse).transitions
    counts = []
    for k in (2**4, 2**8, 2**12, 2**16):
        x = ellipse.embed(2 * np.pi * np.arange(k)[:, None] / k)
        code = np.concatenate([z > 0 for z in network.preactivations(x)], axis=1)
        counts.append(int((code != np.roll(code, 1, axis=0)).sum()))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] <= exact
    assert counts[-1] > 0.99 * exact


@pytest.mark.parametrize("n_inputs", [2, 7, 100])
def test_centred_ellipses_cross_every_neuron_of_a_first_layer_without_biases_twice(n_inputs: int) -> None:
    rng = np.random.default_rng(n_inputs)
    network = random_net(rng, (n_inputs, 15, 10, 3), ["relu", "relu"], bias=0.0)
    found = lr.curve_regions(network, lr.Ellipse.random(n_inputs, rng))
    assert (found.transitions_by("neuron")[:15] == 2).all()
    assert found.transitions_by("layer").tolist() == [30, found.transitions - 30]


def test_expected_switches_on_a_circle() -> None:
    """2 n / sqrt(1 + sigma_b^2 / (s^2 r^2)) for weights N(0, s^2) and biases N(0, sigma_b^2)."""
    rng, s, sigma, r, n = np.random.default_rng(6), 0.7, 0.9, 1.5, 40
    counts = []
    for _ in range(60):
        weights, biases = [s * rng.normal(size=(n, 3)), np.ones((1, n))], [sigma * rng.normal(size=n), np.zeros(1)]
        circle = lr.Ellipse([0, 0, 0], [r, 0, 0], [0, 0, r])
        counts.append(lr.curve_regions(lr.Network.from_arrays(weights, biases), circle).transitions)
    expected = 2 * n / math.sqrt(1 + sigma**2 / (s**2 * r**2))
    assert abs(np.mean(counts) - expected) < 4 * np.std(counts) / math.sqrt(len(counts))


def of_lines(rows: list[list[float]]) -> lr.Network:
    """One neuron for each line a x + b y + c = 0."""
    table = np.array(rows, dtype=float)
    return lr.Network.from_arrays([table[:, :2], np.ones((1, len(table)))], [table[:, 2], [0.0]])


def test_vertices_on_the_circle_and_tangents() -> None:
    """(3, 4) lies on the circle exactly: two neurons switch at once there, and the tangent does not switch."""
    circle = lr.Ellipse([0, 0], [5, 0], [0, 5])
    found = lr.curve_regions(of_lines([[1, 0, -3], [0, 1, -4], [3, 4, -25]]), circle)
    assert found.transitions_by("neuron").tolist() == [2, 2, 0]
    assert found.breakpoints.tolist() == pytest.approx(
        [math.atan2(4, 3), math.atan2(4, -3), math.atan2(-4, 3) + 2 * np.pi]
    )
    assert found.certificate.exact_signs > 0
    assert len(found) == 3
    tangents = lr.curve_regions(of_lines([[3, 4, -25], [-4, 3, -25], [5, 12, 65], [0, 1, 5], [1, 0, 5]]), circle)
    assert (tangents.transitions, len(tangents), tangents.breakpoints.tolist()) == (0, 1, [])
    assert (tangents.starts.tolist(), tangents.ends.tolist()) == ([0.0], [2 * np.pi])


def test_a_hair_apart() -> None:
    """Lines that touch the circle, or miss it or cut it by one unit in the last place."""
    circle = lr.Ellipse([0, 0], [5, 0], [0, 5])
    for end, crossings in ((np.nextafter(25, 26), 0), (25.0, 0), (np.nextafter(25, 24), 2)):
        assert lr.curve_regions(of_lines([[3, 4, -end], [-3, 4, -end]]), circle).transitions == 2 * crossings
    many = [[3, 4, -25 + k * 2.0**-48] for k in range(-3, 4)]
    found = lr.curve_regions(of_lines(many), circle)
    assert found.transitions_by("neuron").tolist() == [0, 0, 0, 0, 2, 2, 2]
    middle = found.switches[:, 1].tolist()
    assert middle == [6, 5, 4, 4, 5, 6] or sorted(middle) == [4, 4, 5, 5, 6, 6]
    opened = [middle.index(n) for n in (6, 5, 4)]
    assert [middle[(opened[0] + i) % 6] for i in range(6)] in ([6, 5, 4, 4, 5, 6], [6, 6, 5, 4, 4, 5])


def test_crowds_at_one_point() -> None:
    """Lines through (1, 0), copies among them, and a second layer that breaks there as well."""
    lines = [[1, k, -1] for k in range(-3, 4)] + [[1, 2, -1], [-2, 6, 2], [0, 1, 0]]
    network = of_lines(lines)
    found = lr.curve_regions(network, CIRCLE)
    expected = [2] * len(lines)
    expected[3] = 0  # x = 1 is a tangent
    assert found.transitions_by("neuron").tolist() == expected
    crowd = int(np.argmin(np.minimum(found.breakpoints, 2 * np.pi - found.breakpoints)))
    assert np.count_nonzero(found.switches[:, 0] == crowd) == len(lines) - 1
    deep = lr.Network.from_arrays(
        [[[1.0, 0], [0, 1]], [[1.0, 1.0], [1.0, -1.0]], [[1.0, 1.0]]], [[0.0, 0.0], [-1.0, -1.0], [0.0]]
    )
    assert lr.curve_regions(deep, CIRCLE).transitions_by("neuron").tolist() == [2, 2, 2, 0]


def test_several_pieces_at_once() -> None:
    """Where a ReLU6 jumps over its middle piece nothing does: it passes it; steep ones count both breakpoints."""
    ramp = Activation.from_units([Unit.relu6()])
    network = lr.Network.chain([Affine.from_arrays([[60.0, 0.0]], [0.0]), ramp, Affine.from_arrays([[1.0]], [0.0])])
    found = lr.curve_regions(network, CIRCLE)
    assert found.transitions == 4
    assert found.switches[:, 2:].tolist() == [[2, 1], [1, 0], [0, 1], [1, 2]]


def test_straight_curves() -> None:
    rng = np.random.default_rng(7)
    network = random_net(rng, (4, 10, 8, 2), ["relu", "relu"])
    points = rng.normal(size=(4, 4))
    for curve in (lr.Segment(points[0], points[1]), lr.Line(points[0], points[1]), lr.Polyline(points)):
        found, regions = lr.curve_regions(network, curve), lr.enumerate_regions(network, curve)
        assert len(found) == len(regions) == len(found.breakpoints) + 1
        assert found.transitions == np.abs(np.diff(regions.patterns, axis=0)).sum()
        np.testing.assert_array_equal(found.patterns, regions.patterns)
        assert not found.closed
    closed = lr.curve_regions(network, lr.Polyline(points, closed=True))
    assert closed.closed and closed.transitions % 2 == 0
    assert len(closed) == len(closed.breakpoints)
    assert closed.ends[-1] == closed.starts[0] + 4
    np.testing.assert_array_equal(closed.ends[:-1], closed.starts[1:])


def test_closed_polylines_that_begin_on_a_boundary() -> None:
    network = of_lines([[1, 0, 0]])
    found = lr.curve_regions(network, lr.Polyline([[0, 0], [1, 1], [-1, 1]], closed=True))
    assert found.breakpoints.tolist() == [0.0, 1.5]
    assert found.transitions == 2
    inside = lr.curve_regions(network, lr.Polyline([[1, 0], [2, 1], [2, 2]], closed=True))
    assert (len(inside), inside.transitions, inside.starts.tolist(), inside.ends.tolist()) == (1, 0, [0.0], [3.0])


def test_translations_of_an_image() -> None:
    rng = np.random.default_rng(8)
    image = rng.uniform(size=(5, 7))
    curve = lr.Polyline.translations(image)
    assert curve.points.shape == (7, 35)
    np.testing.assert_array_equal(curve.points[2], np.roll(image, 2, axis=1).ravel())
    network = random_net(rng, (35, 12, 8, 3), ["relu", "relu"])
    assert lr.curve_regions(network, curve).transitions % 2 == 0
    with pytest.raises(InvalidInput, match="at least three different translations"):
        lr.Polyline.translations(np.ones((5, 7)))
    for axis in (2, (0, 1), None, 0.0):
        with pytest.raises(InvalidInput, match=r"axis must be an axis of an image of shape \(5, 7\), got"):
            lr.Polyline.translations(image, axis=axis)  # type: ignore[arg-type]


def test_translations_of_a_periodic_image_go_round_once() -> None:
    rng = np.random.default_rng(8)
    row = rng.uniform(size=(5, 4))
    image = np.tile(row, 3)
    curve = lr.Polyline.translations(image)
    assert curve.points.shape == (4, 60)
    assert [np.roll(image, j, axis=1).ravel().tolist() for j in range(4)] == curve.points.tolist()
    assert len(lr.Polyline.translations([0, 1, 2, 0, 1, 2]).points) == 3
    twice = lr.Polyline([np.roll(image, j, axis=1).ravel() for j in range(8)], closed=True)
    network = random_net(rng, (60, 12, 3), ["relu"])
    assert 2 * lr.curve_regions(network, curve).transitions == lr.curve_regions(network, twice).transitions > 0
    for few in ([0, 1, 0, 1, 0, 1], [1, 1, 1, 1]):
        with pytest.raises(InvalidInput, match=f"at least three different translations, got {len(set(few))}"):
            lr.Polyline.translations(few)


def test_what_random_ellipses_are_made_of() -> None:
    for rng in (0, None, np.random.RandomState(0)):
        with pytest.raises(InvalidInput, match=r"rng must be a numpy.random.Generator, as .*, got"):
            lr.Ellipse.random(5, rng)  # type: ignore[arg-type]
    for n in (1, 2.5, "3"):
        with pytest.raises(InvalidInput, match="n_inputs must be a whole number, at least 2 and at most"):
            lr.Ellipse.random(n, np.random.default_rng(0))  # type: ignore[arg-type]


def ramp(row: list[float], bias: float) -> lr.Network:
    """Hardtanh of one affine function of the inputs."""
    first, last = Affine.from_arrays([row], [bias]), Affine.from_arrays([[1.0]], [0.0])
    return lr.Network.chain([first, Activation.from_units([Unit.hardtanh()]), last])


@pytest.mark.parametrize("size", [1.0, 2.5, 1e5, 1e8, 1e14, 1e16, 1e20, 1e100])
def test_lengths_of_images_of_tiny_arcs(size: float) -> None:
    """From -1 to 1 and back, on arcs however short; large circles, and steep rows on one of radius one."""
    found = lr.curve_regions(ramp([1.0, 0.0], 0.0), lr.Ellipse([0, 0], [size, 0], [0, size])).image_lengths
    np.testing.assert_allclose(found, [4 * size, 4], rtol=1e-13)
    for row in ([1.0, 0.0], [0.0, -1.0], [0.6, 0.8]):
        length = 2 * min(2.0, 2 * size * math.hypot(*row))
        found = lr.curve_regions(ramp([size * v for v in row], 0.0), CIRCLE).image_lengths
        np.testing.assert_allclose(found[1], length, rtol=1e-13)


@pytest.mark.parametrize("power", [2, 4, 20, 30, 50])
def test_lengths_of_images_where_a_neuron_is_all_but_touched(power: int) -> None:
    """Hardtanh of s (y - 1) + 1 is not constant for y from 1 - 2 / s to 1, where y is slowest."""
    size = 2.0**power
    found = lr.curve_regions(ramp([0.0, size], 1 - size), CIRCLE).image_lengths
    np.testing.assert_allclose(found[1], 4.0, rtol=1e-12)


@pytest.mark.parametrize("outputs", [1, 3])
def test_lengths_of_images(outputs: int) -> None:
    rng = np.random.default_rng([9, outputs])
    network = random_net(rng, (4, 8, 6, outputs), ["relu", Unit.leaky_relu(0.5)])
    points = rng.normal(size=(3, 4))
    curves = lr.Ellipse.random(4, rng), lr.Segment(points[0], points[1]), lr.Polyline(points, closed=True)
    for curve, period in zip(curves, (2 * np.pi, 1.0, 3.0), strict=True):
        found = lr.curve_regions(network, curve).image_lengths
        x = curve.embed(np.linspace(0, period, 400_001)[:, None])
        sampled = [np.linalg.norm(np.diff(z, axis=0), axis=1).sum() for z in (*network.preactivations(x), network(x))]
        assert (np.array(sampled) <= found * (1 + 1e-12)).all()
        np.testing.assert_allclose(found, sampled, rtol=2e-5)
    with pytest.raises(InvalidInput, match="be bounded for its image to have a length"):
        _ = lr.curve_regions(network, lr.Line(points[0], points[1])).image_lengths


def test_jumps_of_the_jacobian() -> None:
    """Across a neuron of one hidden layer: |w_j| |u_j|."""
    rng = np.random.default_rng(10)
    network = random_net(rng, (6, 20, 3), ["relu"])
    first, last = (layer.affine.weight for layer in network.layers)
    for curve in (lr.Ellipse.random(6, rng), lr.Segment(*rng.normal(size=(2, 6)) * 3)):
        found = lr.curve_regions(network, curve)
        expected = np.linalg.norm(first, axis=1) * np.linalg.norm(last, axis=0)
        assert (found.switches[:, 0] == np.arange(len(found.breakpoints))).all()
        np.testing.assert_allclose(found.jacobian_jumps, expected[found.switches[:, 1]])
    deep = random_net(rng, (4, 6, 6, 2), ["relu", "relu"])
    around = lr.curve_regions(deep, lr.Ellipse.random(4, rng))
    middle = (around.starts + around.ends) / 2
    ends = zip(around.curve.embed(middle[:, None]), around.curve.embed(middle[:, None] + 1e-9), strict=True)
    maps = [lr.enumerate_regions(deep, lr.Segment(*pair)).ambient_map(0).A for pair in ends]
    expected = [np.linalg.norm(maps[i] - maps[i - 1]) for i in range(len(maps))]
    np.testing.assert_allclose(around.jacobian_jumps, expected)


def test_ellipses_through_points() -> None:
    rng = np.random.default_rng(11)
    points = rng.normal(size=(3, 6))
    ellipse = lr.Ellipse.through(points)
    np.testing.assert_allclose(ellipse.embed(np.pi / 3 * np.array([[1], [3], [5]])), points, atol=1e-14)
    u, v = rng.normal(size=(2, 6))
    circle = lr.Ellipse.great_circle(u, v)
    x = circle.embed(np.linspace(0, 6, 50)[:, None])
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), np.linalg.norm(u))
    assert np.linalg.matrix_rank(np.vstack([x, v]), tol=1e-9) == 2


def test_networks_without_units() -> None:
    affine = lr.Network.from_arrays([[[1.0, 2.0], [0.0, 3.0]]], [[1.0, 0.0]])
    found = lr.curve_regions(affine, CIRCLE)
    assert (len(found), found.transitions, found.jacobian_jumps.shape) == (1, 0, (0,))
    assert found.image_lengths[0] == pytest.approx(lr.curve_regions(affine, CIRCLE).image_lengths[0])
    dead = lr.Network.from_arrays([[[0.0, 0.0]], [[1.0]]], [[-1.0], [0.0]])
    assert lr.curve_regions(dead, CIRCLE).image_lengths.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lr.Ellipse([0, 0], [1, 0], [2, 0]), "b must be linearly independent of a"),
        (lambda: lr.Ellipse([0, 0], [1, 0, 0], [0, 1]), r"a must have shape \(2,\), as center has"),
        (lambda: lr.Ellipse([0, np.nan], [1, 0], [0, 1]), "center"),
        (lambda: lr.Ellipse([0, 0], [1.7e308, 0], [0, 1]), "a and b"),
        (lambda: lr.Ellipse.through([[0, 0], [1, 1]]), r"points must have shape \(3, n_0\)"),
        (lambda: lr.Ellipse.through([[0, 0], [1, 1], [2, 2]]), "linearly independent"),
        (lambda: lr.Ellipse.great_circle([0, 0], [1, 1]), "start must differ from zero"),
        (lambda: lr.Ellipse.great_circle([1, 0], [2, 0]), "toward must be linearly independent"),
        (
            lambda: lr.curve_regions(of_lines([[1, 0, 0]]), lr.Ellipse([0] * 3, [1, 0, 0], [0, 1, 0])),
            "curve must lie in 2 dimensions",
        ),
        (lambda: lr.curve_regions(of_lines([[1, 0, 0]]), lr.Box([0, 0], [1, 1])), "curve must be a Segment"),
        (lambda: lr.curve_regions("network", CIRCLE), "network must be a Network"),
        (lambda: lr.enumerate_regions(of_lines([[1, 0, 0]]), CIRCLE), "take curve_regions for an ellipse"),
    ],
)
def test_bad_input(make: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("k", [2, 3])
def test_breakpoints_that_floats_do_not_part_keep_their_order(k: int) -> None:
    """Copies of a neuron, biases a hair apart: pieces are in order, and lengths those of both halves."""
    weight = np.array([0.25, -2.25])
    network = lr.Network.from_arrays([[weight] * k, [[1.0] * k]], [2.0**-60 * np.arange(1, k + 1), [0.0]])
    found = lr.curve_regions(network, lr.Ellipse([0, 0], [1, 0], [0, 1]))
    assert found.transitions == 2 * k
    assert (np.diff(found.starts) >= 0).all()
    assert (found.ends >= found.starts).all()
    assert (0 <= found.breakpoints).all()
    assert (found.breakpoints < 2 * np.pi).all()
    length = np.linalg.norm(weight)
    np.testing.assert_allclose(found.image_lengths, [4 * length * np.sqrt(k), 2 * k * length], rtol=1e-12)


def test_a_closed_polyline_of_one_piece_has_a_pattern() -> None:
    network = lr.Network.from_arrays([[[1.0, 0.0]], [[1.0]]], [[-10.0], [0.0]])
    found = lr.curve_regions(network, lr.Polyline([[0, 0], [1, 0], [1, 1]], closed=True))
    assert (len(found), found.patterns.tolist(), found.transitions) == (1, [[0]], 0)


@pytest.mark.parametrize("scale", [1e-200, 1e-50, 1e200])
def test_lengths_and_jumps_at_any_scale(scale: float) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(5, 3)), rng.normal(size=(2, 5))]
    network = lr.Network.from_arrays(weights, [np.zeros(5), np.zeros(2)])
    large = lr.Network.from_arrays([scale * weights[0], weights[1]], [np.zeros(5), np.zeros(2)])
    a, b = rng.normal(size=(2, 3))
    for one, other in (
        (lr.Ellipse(0 * a, a, b), lr.Ellipse(0 * a, scale * a, scale * b)),
        (lr.Segment(a, b), lr.Segment(scale * a, scale * b)),
    ):
        exact, scaled = lr.curve_regions(network, one), lr.curve_regions(network, other)
        assert scaled.transitions == exact.transitions
        np.testing.assert_allclose(scaled.image_lengths / scale, exact.image_lengths, rtol=1e-12)
        steep = lr.curve_regions(large, one)
        np.testing.assert_allclose(steep.jacobian_jumps / scale, exact.jacobian_jumps, rtol=1e-12)


def test_breakpoints_of_an_ellipse_far_away_are_placed_again() -> None:
    rng = np.random.default_rng(1)
    network = lr.Network.from_arrays([rng.normal(size=(6, 2)), rng.normal(size=(1, 6))], [np.zeros(6), [0.0]])
    far = np.array([2.0**46, 2.0**46])
    moved = lr.Network.from_arrays([network.layers[0].affine.weight.round(3), [[1.0] * 6]], [np.zeros(6), [0.0]])
    shift = -moved.layers[0].affine.weight @ far
    away = lr.Network.from_arrays([moved.layers[0].affine.weight, [[1.0] * 6]], [shift, [0.0]])
    found = lr.curve_regions(away, lr.Ellipse(far, [1, 0], [0, 1]))
    assert found.transitions % 2 == 0
    assert (found.breakpoint_errors < 1e-3).all()
