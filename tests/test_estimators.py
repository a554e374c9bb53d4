"""Estimators against exact answers: unbiased ones within four standard errors, the others with the bias they have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.errors import InvalidInput
from linear_regions.network import Unit

torch = pytest.importorskip("torch")
from linear_regions import estimators as es  # noqa: E402
from linear_regions.estimators.points import uniform  # noqa: E402

UNITS: list[str | Unit] = ["relu", Unit.hardtanh(-0.5, 0.75), Unit.leaky_relu(0.25), Unit.relu6()]


def random_net(seed: int, *widths: int, unit: str | Unit = "relu", bias: float = 0.3) -> lr.Network:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in pairwise(widths)]
    return lr.Network.from_arrays(weights, [bias * rng.normal(size=m) for m in widths[1:]], unit)


def cube(d: int) -> lr.Box:
    return lr.Box([-1.0] * d, [1.0] * d)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", range(20))
def test_unbiased_ones_are_near_the_truth(seed: int) -> None:
    d, unit = 2 + seed % 2, UNITS[seed % 4]
    network = random_net(seed, d, 9, 7, 2, unit=unit)
    regions = lr.enumerate_regions(network, cube(d))
    crofton = es.boundary_volume(network, cube(d), n=1500, generator=generator(seed))
    assert abs(crofton.value - regions.boundary_volume()) < 4 * crofton.standard_error
    norms = np.linalg.norm(regions.affine_maps.A, axis=(1, 2))
    assert regions.mean_jacobian_norm("logits") == pytest.approx(norms @ regions.volumes / regions.volumes.sum())
    softmax = es.jacobian_norm(network, cube(d), n=4000, generator=generator(seed))
    assert abs(softmax.value - regions.mean_jacobian_norm("softmax")) < 4 * softmax.standard_error
    jacobian = es.jacobian_norm(network, cube(d), output="logits", n=4000, generator=generator(seed))
    assert abs(jacobian.value - regions.mean_jacobian_norm("logits")) < 4 * jacobian.standard_error
    assert jacobian.per_item is not None
    distinct = np.unique(jacobian.per_item.numpy().round(9))
    assert all(np.abs(norms - v).min() < 1e-8 for v in distinct.tolist())


@pytest.mark.parametrize("seed", range(6))
def test_biased_ones_come_nearer_as_their_width_falls(seed: int) -> None:
    network = random_net(seed, 2, 9, 7, 2, unit=UNITS[seed % 4])
    truth = lr.enumerate_regions(network, cube(2)).boundary_volume()
    kernel = es.boundary_volume(network, cube(2), n=40_000, method="coarea", width=0.01, generator=generator(seed))
    assert abs(kernel.value - truth) < 4 * kernel.standard_error + 0.02 * truth
    wide, narrow = (
        es.boundary_volume(network, cube(2), n=200_000, method="tube", width=w, generator=generator(seed))
        for w in (0.02, 0.0005)
    )
    rough, half = (
        es.boundary_volume(network, cube(2), n=40_000, method="coarea", width=w, generator=generator(seed))
        for w in (0.4, 0.2)
    )
    assert abs(half.value - truth) < abs(rough.value - truth) + 4 * half.standard_error
    assert wide.value < truth - 4 * wide.standard_error  # overlaps and corners count once
    assert abs(narrow.value - truth) < 4 * narrow.standard_error + 0.03 * truth


def test_lines_through_slices_and_polytopes() -> None:
    network = random_net(3, 4, 10, 6, 2)
    rng = np.random.default_rng(0)
    plane = lr.Slice(rng.normal(size=4) * 0.1, rng.normal(size=(4, 2)), lr.Box([-1, -1], [1, 0.5]))
    for domain in (plane, lr.Slice(plane.origin, plane.basis, lr.Polytope([[-1, 0], [0, -1], [1, 1]], [1, 1, 0.5]))):
        truth = lr.enumerate_regions(network, domain).boundary_volume()
        for method in ("crofton", "coarea"):
            found = es.boundary_volume(network, domain, n=4000, method=method)
            assert abs(found.value - truth) < 4.5 * found.standard_error + 0.02 * truth


@pytest.mark.parametrize("seed", range(12))
def test_distances_are_those_with_a_proof(seed: int) -> None:
    n_inputs = (2, 3, 20)[seed % 3]
    network = random_net(seed, n_inputs, 8, 6, 2, unit=UNITS[seed % 4])
    points = np.random.default_rng(seed).normal(size=(12, n_inputs))
    found = lr.distance_to_boundary(network, points)
    proven = [lr.nearest_boundary(network, p, to="activation") for p in points]
    np.testing.assert_allclose(found.numpy(), [p.distance for p in proven], rtol=1e-9)
    single = lr.distance_to_boundary(network, torch.as_tensor(points), dtype=torch.float32)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), found.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_distances_by_candidates_are_seldom_too_large(seed: int) -> None:
    unit = UNITS[seed % 4]
    layers = random_net(seed, 20, 30, 25, 20, 3, unit=unit).layers
    parts = [op for layer in layers for op in (layer.affine, layer.activation) if op is not None]
    network = lr.Network.chain([lr.network.Affine.from_arrays(2 * np.eye(20), np.ones(20)), *parts])
    points = np.random.default_rng(seed).normal(size=(400, 20))
    exact, some, every = (lr.distance_to_boundary(network, points, n_candidates=n).numpy() for n in (None, 4, 10**6))
    assert (some >= exact * (1 - 1e-9)).all()
    assert np.mean(some > exact * (1 + 1e-9)) <= 0.02
    np.testing.assert_allclose(every, exact, rtol=1e-9)


@pytest.mark.parametrize("n_candidates", [None, 5])
def test_mean_distances(n_candidates: int | None) -> None:
    """Over data and over a domain; across a strip of breakpoints at whole numbers it is a quarter."""
    network = random_net(4, 2, 8, 6, 2)
    points = np.random.default_rng(0).normal(size=(200, 2))
    found = es.mean_distance(network, points, n_candidates=n_candidates)
    assert found.value == pytest.approx(float(lr.distance_to_boundary(network, points).mean()), rel=0.02)
    assert (found.n, found.seed) == (200, None)
    steps = lr.Network.from_arrays([[[1.0, 0.0]] * 5, [[1.0] * 5]], [np.arange(5.0), [0.0]])
    strip = es.mean_distance(steps, lr.Box([-4, 0], [0, 1]), n=4000, n_candidates=n_candidates)
    assert abs(strip.value - 0.25) < 4 * strip.standard_error
    assert strip.standard_error == pytest.approx(0.5 / math.sqrt(12 * 4000), rel=0.05)


def test_where_nothing_switches_distances_are_infinite() -> None:
    affine = lr.Network.from_arrays([[[1, 2], [3, 4]]], [[0, 0]])
    dead = lr.Network.from_arrays([[[0, 0], [0, 0]], [[1, 1]]], [[1, -1], [0]])
    for network in (affine, dead):
        for n in (None, 2):
            assert lr.distance_to_boundary(network, [[0.5, 0.5]], n_candidates=n).tolist() == [math.inf]


@pytest.mark.parametrize("seed", range(8))
def test_transitions_and_lengths_never_exceed_the_exact_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_net(seed, 6, 20, 15, 3, unit=UNITS[seed % 4])
    points = rng.normal(size=(4, 6))
    curves = (
        lr.Ellipse.random(6, rng),
        lr.Segment(points[0], points[1]),
        lr.Polyline(points, closed=True),
        lr.Polyline(points),
    )
    for curve in curves:
        exact = lr.curve_regions(network, curve)
        counts = [es.transitions(network, curve, k=k + (not exact.closed)) for k in (2**6, 2**10, 2**15)]
        assert [c.value for c in counts] == sorted(c.value for c in counts)
        assert counts[-1].value <= exact.transitions
        assert counts[-1].value > 0.98 * exact.transitions
        assert (counts[-1].per_item.numpy() <= exact.transitions_by("layer")).all()
        assert math.isnan(counts[-1].standard_error)
        lengths = [
            es.trajectory_length(network, curve, k=k + (not exact.closed)).per_item.numpy() for k in (2**8, 2**14)
        ]
        assert (lengths[0] <= lengths[1] + 1e-12).all()
        assert (lengths[1] <= exact.image_lengths * (1 + 1e-12)).all()
        np.testing.assert_allclose(lengths[1], exact.image_lengths, rtol=1e-3)


def test_single_precision_flickers() -> None:
    """Where samples are dense, rounded ones leave the curve, and neurons switch to and fro."""
    network, rng = random_net(1, 16, *[64] * 6, 2), np.random.default_rng(2)
    point, way = rng.normal(size=(2, 16))
    curve = lr.Segment(point, point + 0.1 * way)
    exact = lr.curve_regions(network, curve).transitions
    double = es.transitions(network, curve, k=2**19)
    single = es.transitions(network, curve, k=2**19, dtype=torch.float32)
    assert double.value <= exact < single.value
    assert (double.dtype, single.dtype) == ("float64", "float32")


def test_unique_patterns() -> None:
    network = random_net(5, 2, 8, 6, 1)
    regions = lr.enumerate_regions(network, cube(2))
    share = regions.volumes / regions.volumes.sum()
    n, seen = 3000, []
    for seed in range(30):
        found = es.unique_patterns(network, cube(2), n=n, method="observed", generator=generator(seed))
        assert found.value <= len(regions)
        assert int(found.per_item.sum()) == n
        seen.append(found.value)
    expected = float(np.sum(1 - (1 - share) ** n))
    assert abs(np.mean(seen) - expected) < 4 * np.std(seen) / math.sqrt(len(seen))
    chao = es.unique_patterns(network, cube(2), n=n)
    good = es.unique_patterns(network, cube(2), n=n, method="good-turing")
    assert seen[0] <= good.value <= len(regions)
    assert seen[0] < chao.value < len(regions) + 4 * chao.standard_error
    affine = lr.Network.from_arrays([[[1.0, 2.0]]], [[0.0]])
    assert es.unique_patterns(affine, cube(2), n=10).value == 1


def open_at_vertices(regions: lr.Regions) -> tuple[np.ndarray, np.ndarray]:
    """Which neurons are on, and which switch, at each vertex inside the domain."""
    cells = np.repeat(np.arange(len(regions)), np.diff(regions.cell_vertex_offsets))
    inner = np.flatnonzero((np.abs(regions.geometry.x) < 1).all(axis=1))
    around = [regions.patterns[cells[regions.cell_vertices == v]] for v in inner]
    lit = np.array([p.min(axis=0) for p in around]).reshape(-1, regions.patterns.shape[1])
    return lit, np.array([p.max(axis=0) for p in around]).reshape(lit.shape) - lit


def reached(lit: np.ndarray, switch: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """Whether some neuron is on in all layers after the first in which one switches."""
    layers = np.split(np.arange(sum(widths)), np.cumsum(widths)[:-1])
    first = np.stack([switch[:, own].any(axis=1) for own in layers]).argmax(axis=0)
    some = np.stack([lit[:, own].any(axis=1) for own in layers])
    return np.array([some[f + 1 :, i].all() for i, f in enumerate(first)], bool)


@pytest.mark.parametrize("widths", [(2, 3, 2, 2), (2, 6), (3, 4, 3)])
def test_expected_boundary_volumes(widths: tuple[int, ...]) -> None:
    """Theorem 3 against the exact boundaries of many networks; behind a dead layer nothing reaches the output."""
    rng, sigma, d = np.random.default_rng(0), 0.4, widths[0]
    exact: dict[tuple[int, str], list[float]] = {(k, s): [] for k in range(1, d + 1) for s in ("all", "good")}
    for _ in range(250):
        weights = [rng.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in pairwise(widths)]
        biases = [sigma * rng.normal(size=m) for m in widths[1:]]
        network = lr.Network.from_arrays([*weights, rng.normal(size=(1, widths[-1]))], [*biases, [0.0]])
        regions = lr.enumerate_regions(network, cube(d))
        for k in range(1, d + 1):
            exact[k, "all"].append(regions.boundary_volume(k))
        cells, maps = regions.facets.cells, regions.affine_maps.A[:, 0]
        reaches = (maps[cells[:, 0]] != maps[cells[:, 1]]).any(axis=1)
        exact[1, "good"].append(float(regions.facets.measure[reaches].sum()))
        exact[d, "good"].append(float(reached(*open_at_vertices(regions), widths[1:]).sum()))
    for (k, neurons), truth in exact.items():
        if truth:
            found = es.expected_boundary_volume(
                widths, cube(d), bias_std=sigma, codim=k, neurons=neurons, n=40_000, generator=generator(k)
            )
            error = math.hypot(found.standard_error, np.std(truth) / math.sqrt(len(truth)))
            assert abs(found.value - np.mean(truth)) < 4 * error, (k, neurons)
            assert found.standard_error < 0.1 * found.value


@pytest.mark.parametrize("d", [2, 3])
def test_region_counts_from_the_volumes_of_cells(d: int) -> None:
    """The mean of 1 / volume over the cells in which points lie: in expectation the number of cells over the volume."""
    network = random_net(d, d, 5, 4, 1)
    regions = lr.enumerate_regions(network, cube(d))
    found = es.region_count(network, cube(d), n=60, generator=generator(1))
    points = uniform(cube(d), 60, generator(1)).numpy()
    volumes = regions.volumes[regions.find(points)]
    np.testing.assert_allclose(found.per_item.numpy(), 1 / volumes, rtol=1e-9)
    assert found.value == pytest.approx(2**d * np.mean(1 / volumes))
    share = regions.volumes / 2**d
    assert 2**d * np.sum(share / regions.volumes) == pytest.approx(len(regions))


@pytest.mark.parametrize("d", [2, 3, 4])
def test_volumes_of_cells_by_walks(d: int) -> None:
    network, point = random_net(d, d, 7, 5, 1), np.full(d, 0.1)
    regions = lr.enumerate_regions(network, cube(d))
    exact = regions.volumes[regions.find(point[None])[0]]
    found = es.cell_volume(network, point, domain=cube(d), n=1500)
    assert abs(found.value - exact) < 5 * found.standard_error
    assert found.standard_error < 0.3 * exact
    with pytest.raises(InvalidInput, match="lie in a bounded cell"):
        es.cell_volume(lr.Network.from_arrays([np.eye(d), np.ones((1, d))], [np.zeros(d), [0.0]]), point)


def test_local_complexity() -> None:
    """In the first layer: hyperplanes that meet the cross-polytope; none where the radius is below the distance."""
    network, points = random_net(4, 6, 30, 20, 2), np.random.default_rng(1).normal(size=(40, 6))
    apart = lr.distance_to_boundary(network, points).numpy()
    assert es.local_complexity(network, points[apart > 1e-4], 1e-4, n_directions=6).value == 0
    first = random_net(4, 6, 30, 2)
    w, b = first.layers[0].affine.weight, first.layers[0].affine.bias
    found = es.local_complexity(first, points, 0.3, n_directions=6)
    inside = (np.abs(points @ w.T + b) < 0.3 * np.linalg.norm(w, axis=1)).sum(axis=1)
    certain = (np.abs(points @ w.T + b) < 0.3 * np.linalg.norm(w, axis=1) / np.sqrt(6)).sum(axis=1)
    assert (found.per_item.numpy() <= inside).all()  # the cross-polytope lies in the ball
    assert (found.per_item.numpy() >= certain).all()  # and holds a ball
    assert found.value == found.per_item.mean()


def test_softmax() -> None:
    """For a linear map to two classes: sqrt(2) p_1 p_2 |w_1 - w_2|."""
    weight = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 1.0]])
    network = lr.Network.from_arrays([weight], [[0.25, 0.0]])
    points = np.random.default_rng(0).normal(size=(50, 3))
    p = 1 / (1 + np.exp(-(points @ (weight[0] - weight[1]) + 0.25)))
    expected = np.sqrt(2) * p * (1 - p) * np.linalg.norm(weight[0] - weight[1])
    found = es.jacobian_norm(network, points)
    np.testing.assert_allclose(found.per_item.numpy(), expected)
    assert found.value == pytest.approx(expected.mean())
    assert found.seed is None


def test_modules_are_read_and_left_as_they_are() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    ellipse = lr.Ellipse.random(3, np.random.default_rng(0))
    found = es.transitions(module, ellipse, k=4096)
    assert (found.dtype, found.device) == ("float32", "cpu")
    assert found.value == es.transitions(lr.Network.from_torch(module), ellipse, k=4096).value
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())


def test_the_same_seed_gives_the_same_numbers() -> None:
    network = random_net(7, 2, 8, 6, 2)
    for estimator in (es.boundary_volume, es.jacobian_norm, es.unique_patterns):
        first, again, other = (estimator(network, cube(2), n=500, generator=generator(s)) for s in (5, 5, 6))
        assert torch.equal(first.per_item, again.per_item)
        assert not torch.equal(first.per_item, other.per_item)
        assert (first.seed, other.seed, first.n) == (5, 6, 500)


def test_results_print_and_have_intervals() -> None:
    found = es.Estimate(2.0, 0.5, 100, "a method", 0, "cpu", "float64")
    assert str(found) == "2 ± 0.5 (a method, n = 100, float64 on cpu)"
    low, high = found.interval()
    assert (low + high) / 2 == 2
    assert high - 2 == pytest.approx(1.96 * 0.5, rel=1e-3)
    assert found.interval(0.5)[1] < high
    assert "±" not in str(es.Estimate(2.0, math.nan, 100, "a method", None, "cpu", "float64"))


NET = random_net(8, 2, 4, 1)


def test_the_state_of_torch_is_left_alone() -> None:
    """Settings, and what is returned can be used in place and differentiated."""
    torch.set_float32_matmul_precision("medium")
    try:
        found = lr.distance_to_boundary(NET, [[0.1, 0.2]])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert not found.is_inference()
    found.mul_(2)


def every_estimator(model: object, n_inputs: int) -> list[float]:
    """What all of them give in a module's own dtype."""
    box, points = cube(n_inputs), np.random.default_rng(0).normal(size=(5, n_inputs))
    ellipse = lr.Ellipse.random(n_inputs, np.random.default_rng(1))
    found = [es.boundary_volume(model, box, n=40, method=m) for m in ("crofton", "coarea", "tube")]
    found += [es.transitions(model, ellipse, k=4096), es.trajectory_length(model, ellipse, k=500)]
    found += [es.unique_patterns(model, box, n=500), es.jacobian_norm(model, box, n=50)]
    found += [es.mean_distance(model, box, n=50), es.local_complexity(model, points, 0.3, n_directions=2)]
    found += [es.region_count(model, box, n=3), es.cell_volume(model, points[0] / 9, domain=box, n=100)]
    found.append(es.expected_boundary_volume([n_inputs, 5], box, bias_std=1.0, n=50, dtype=torch.float32))
    apart = [lr.distance_to_boundary(model, points, n_candidates=n) for n in (None, 4)]
    assert not any(own.is_inference() or own.requires_grad for own in apart)
    return [v for own in found for v in (own.value, own.standard_error)] + torch.cat(apart).tolist()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def rough_products() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    try:
        yield
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_settings_of_torch_are_no_matter() -> None:
    """What estimators give depends on their arguments alone, and settings are as they were afterwards."""
    torch.manual_seed(0)
    sizes = (3, 32, 32, 4)
    layers = [own for a, b in pairwise(sizes) for own in (torch.nn.Linear(a, b), torch.nn.ReLU())][:-1]
    model = torch.nn.Sequential(*layers)
    plain = every_estimator(model, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(every_estimator(model, 3), plain)
        assert torch.is_autocast_enabled("cpu")
        assert (torch.eye(2) @ torch.eye(2)).dtype == torch.bfloat16
    with torch.device("meta"):
        np.testing.assert_array_equal(every_estimator(model, 3), plain)
        assert torch.empty(1).is_meta
    for settings in (torch.inference_mode, torch.enable_grad, rough_products, lambda: default_dtype(torch.float64)):
        with settings():  # type: ignore[no-untyped-call, operator]
            state = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_default_dtype()
            np.testing.assert_array_equal(every_estimator(model, 3), plain)
            assert state == (
                torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_default_dtype()
            )  # fmt: skip


def test_points_in_any_tensor() -> None:
    points = torch.tensor([[0.5, 0.25], [-0.5, 1.0]])
    exact = lr.distance_to_boundary(NET, points)
    for own in (points.to(torch.bfloat16), points.requires_grad_()):
        assert lr.distance_to_boundary(NET, own).tolist() == exact.tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: es.transitions("model", lr.Segment([0, 0], [1, 1])), "model must be a Network or a torch module"),
        (lambda: es.transitions(NET, lr.Line([0, 0], [1, 1])), "curve must be a Segment, a Polyline or an Ellipse"),
        (lambda: es.transitions(NET, cube(2)), "curve must be a Segment"),
        (lambda: es.transitions(NET, lr.Segment([0] * 3, [1] * 3)), "curve must lie in 2 dimensions"),
        (lambda: es.transitions(NET, lr.Segment([0, 0], [1, 1]), k=1), "k must be a whole number of at least 2"),
        (lambda: es.transitions(NET, lr.Segment([0, 0], [1, 1]), dtype=torch.int64), "dtype must be a floating"),
        (lambda: es.boundary_volume(NET, lr.Space(2)), "domain must be a Box, a Polytope"),
        (lambda: es.boundary_volume(NET, cube(2), method="magic"), "method must be"),
        (lambda: es.boundary_volume(NET, cube(2), width=-1.0), "width must be a positive number"),
        (lambda: es.boundary_volume(NET, cube(2), n=1), "n must be a whole number of at least 2"),
        (lambda: es.boundary_volume(NET, cube(3)), "domain must lie in 2 dimensions"),
        (lambda: es.jacobian_norm(NET, [[0.0, 0.0, 0.0]], output="logits"), r"points must have shape \(M, 2\)"),
        (lambda: es.jacobian_norm(NET, cube(2), output="probabilities"), "output must be"),
        (lambda: es.jacobian_norm(NET, cube(2)), "have two outputs or more for a softmax"),
        (lambda: es.unique_patterns(NET, cube(2), method="chao"), "method must be"),
        (lambda: es.unique_patterns(NET, cube(2), generator=0), "generator must be a torch.Generator"),
        (lambda: es.local_complexity(NET, [[0.0, 0.0]], 0.1), "n_directions must be at most the number of inputs, 2"),
        (lambda: es.local_complexity(NET, [[0.0, 0.0]], 0, n_directions=1), "radius must be a positive number"),
        (lambda: es.expected_boundary_volume([2], cube(2), bias_std=1.0), "widths must have two entries or more"),
        (lambda: es.expected_boundary_volume([2, 3], cube(3), bias_std=1.0), "be a domain in 2 dimensions"),
        (lambda: es.expected_boundary_volume([2, 3], cube(2), bias_std=0.0), "bias_std must be a positive number"),
        (lambda: es.expected_boundary_volume([2, 3], cube(2), bias_std=1.0, codim=3), "codim must be at most the dim"),
        (lambda: lr.distance_to_boundary(NET, [[0.0, 0.0]], n_candidates=0), "n_candidates must be a whole number"),
        (lambda: lr.distance_to_boundary(NET, [[0.0, 0.0]], device="bogus"), "device must be one that torch has here"),
        (lambda: lr.distance_to_boundary(NET, [[0.0, 0.0]], device="meta"), "device must be one that torch has here"),
        (lambda: es.unique_patterns(NET, cube(2), n=True), "n must be a whole number"),
        (lambda: es.expected_boundary_volume(5, cube(2), bias_std=1.0), "widths must be a sequence"),
        (lambda: es.expected_boundary_volume([2, 3], cube(2), bias_std=1.0, dtype=torch.float16), "dtype must be"),
        (lambda: lr.distance_to_boundary(NET, [0.0, 0.0]), r"points must have shape \(M, 2\)"),
    ],
)
def test_bad_input(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()  # type: ignore[operator]


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    network, ellipse = random_net(9, 6, 20, 15, 3), lr.Ellipse.random(6, np.random.default_rng(0))
    assert (
        es.transitions(network, ellipse, k=4096, device="cuda").value == es.transitions(network, ellipse, k=4096).value
    )
