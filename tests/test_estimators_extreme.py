"""Estimators on inputs of extreme dimension and size, against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.errors import InvalidInput
from linear_regions.network import Unit

torch = pytest.importorskip("torch")
from linear_regions import estimators as es  # noqa: E402

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
DIMENSIONS = pytest.mark.parametrize("d", [2, 12, 20, 32, 300, 784])
SIZES = [1e-150, 1e-20, 1.0, 1e20, 1e150]


def cube(d: int, half: float = 1.0) -> lr.Box:
    return lr.Box([-half] * d, [half] * d)


def cross(d: int, size: float = 1.0, depth: int = 1, unit: str | Unit = "relu") -> lr.Network:
    """Neurons x1 and x2, then their positive parts as often as there are layers, and the sum of these."""
    first = np.zeros((2, d))
    first[:, :2] = size * np.eye(2)
    weights = [first, *[size * np.eye(2)] * (depth - 1), np.ones((1, 2))]
    return lr.Network.from_arrays(weights, [np.zeros(len(w)) for w in weights], unit)


def constant(d: int) -> lr.Network:
    return lr.Network.from_arrays([np.zeros((2, d)), [[1.0, 1.0]]], [[1.0, -1.0], [0.0]])


def slab(d: int, width: float) -> lr.Network:
    first = np.zeros((2, d))
    first[:, 0] = 1
    return lr.Network.from_arrays([first, [[1, 1]]], [[0, -width], [0]])


def holds(found: es.Estimate, truth: float) -> bool:
    """Whether an estimate is within five of its errors, which are not zero unless it is right."""
    unknown = math.isnan(found.standard_error)
    return unknown or found.value == truth or abs(found.value - truth) <= 5 * found.standard_error


def is_near(found: es.Estimate, truth: float, share: float = 1.0) -> bool:
    return holds(found, truth) and found.standard_error < share * truth


@DTYPES
@DIMENSIONS
@pytest.mark.parametrize("method", ["crofton", "coarea", "tube"])
def test_boundary_volumes_in_many_dimensions(d: int, method: str, dtype: torch.dtype) -> None:
    """Of two hyperplanes across a cube: 2^d."""
    found = es.boundary_volume(cross(d), cube(d), method=method, n=4000, dtype=dtype)
    assert is_near(found, 2.0**d, 0.4)


@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_weights_of_any_size(size: float, dtype: torch.dtype) -> None:
    """They change no distances, boundaries and patterns, through three layers."""
    network, box, given = cross(3, size, depth=3), cube(3), {"n": 2000, "dtype": dtype}
    for method in ("crofton", "coarea", "tube"):
        one = es.boundary_volume(network, box, method=method, **given)
        same = es.boundary_volume(cross(3, depth=3), box, method=method, **given)
        assert one.value == pytest.approx(same.value, rel=1e-4), method
    assert holds(es.boundary_volume(cross(3, size), box, **given), 8.0)
    assert es.unique_patterns(network, box, **given).value == 4
    assert holds(es.region_count(network, box, n=20), 4)
    assert is_near(es.mean_distance(network, box, **given), 1 / 3, 0.1)
    points = np.array([[0.25, 0.5, 0.1], [0.5, -0.125, 0.0]])
    for n in (None, 6):
        apart = lr.distance_to_boundary(network, points, n_candidates=n, dtype=dtype)
        assert apart.tolist() == pytest.approx([0.25, 0.125])
    assert es.local_complexity(network, [[0.0, 0.0, 0.0]], 0.1, n_directions=3, dtype=dtype).value == 6
    assert es.transitions(network, lr.Segment([-1, -1, 0], [1, 1, 0]), k=100, dtype=dtype).value == 6
    assert is_near(es.cell_volume(network, [0.5, 0.5, 0.5], domain=box, n=1000), 2.0, 0.2)
    with np.errstate(over="ignore"):
        norm = np.float64(size) ** 3 * (2 + math.sqrt(2)) / 4
    jacobian = es.jacobian_norm(network, box, output="logits", **given)
    length = es.trajectory_length(network, lr.Segment([-1, -1, 0], [1, 1, 0]), k=101, dtype=dtype)
    if 0 < norm < math.inf:
        assert is_near(jacobian, float(norm), 0.1)
        assert length.value == pytest.approx(2 * size**3, rel=1e-5)
    else:
        assert (jacobian.value, length.value) == (norm, norm)


@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_three_matrices_of_any_size(size: float, dtype: torch.dtype) -> None:
    """Size I, size I, size (1, -1) on the positive quadrant: the distance to the diagonal."""
    eye = size * np.eye(2)
    network = lr.Network.from_arrays([eye, eye, [[size, -size]], [[1.0]]], [np.zeros(2), np.zeros(2), [0.0], [0.0]])
    for n in (None, 5):
        found = lr.distance_to_boundary(network, [[0.25, 0.5]], n_candidates=n, dtype=dtype)
        assert found.tolist() == pytest.approx([0.25 / math.sqrt(2)])


@DTYPES
def test_gradients_whose_squares_leave_the_dtype(dtype: torch.dtype) -> None:
    """Also where the sizes are those of slopes."""
    for slope in (1e-30, 1e-25, 1e-15, 1e15, 1e25, 1e30):
        steep = Unit((0.0,), (-slope, slope), (0, 0))
        first = lr.network.Affine.from_arrays(np.eye(2), np.zeros(2))
        units = lr.network.Activation.uniform(steep, 2)
        second = lr.network.Affine.from_arrays(np.array([[1.0, -1.0]]), np.zeros(1))
        network = lr.Network.chain([first, units, second, lr.network.Activation.uniform(Unit.relu(), 1)])
        for n in (None, 3):
            found = lr.distance_to_boundary(network, [[0.25, 0.5]], n_candidates=n, dtype=dtype)
            assert found.tolist() == pytest.approx([0.25 / math.sqrt(2)]), slope


@DTYPES
@pytest.mark.parametrize("half", [1e-300, 1e-30, 1e30, 1e300])
def test_domains_of_any_size(half: float, dtype: torch.dtype) -> None:
    """What a dtype does not tell apart is refused; lines and walks are in float64."""
    network, box, given = cross(2), cube(2, half), {"n": 1000, "dtype": dtype}
    assert is_near(es.boundary_volume(network, box, **given), 4 * half, 0.2)
    assert holds(es.region_count(network, box, n=20), 4)
    volume = es.cell_volume(network, [half / 2, half / 2], domain=box, n=1000)
    assert volume.value in (0, math.inf) or is_near(volume, half**2, 0.2)
    sampled: list[tuple[Callable[[], es.Estimate], float]] = [
        (lambda: es.boundary_volume(network, box, method="coarea", **given), 4 * half),
        (lambda: es.boundary_volume(network, box, method="tube", **given), 4 * half),
        (lambda: es.mean_distance(network, box, **given), half / 3),
        (lambda: es.unique_patterns(network, box, **given), 4),
        (lambda: es.jacobian_norm(network, box, output="logits", **given), (2 + math.sqrt(2)) / 4),
    ]
    for call, truth in sampled:
        if dtype == torch.float32 and half in (1e-300, 1e300):
            with pytest.raises(InvalidInput, match="dtype must tell|must lie in the range of float32"):
                call()
        else:
            assert holds(call(), truth)


@DTYPES
@pytest.mark.parametrize("d", [1, 2, 12, 784])
@pytest.mark.parametrize("layers", [1, 3])
def test_networks_without_breakpoints(d: int, layers: int, dtype: torch.dtype) -> None:
    """Several layers of the identity: nothing switches, so that the distance is infinite, and errors are none."""
    weights = [np.eye(2, d), *[np.eye(2)] * (layers - 1), np.ones((1, 2))]
    biases = [np.zeros(len(w)) for w in weights]
    network, given = lr.Network.from_arrays(weights, biases, Unit.identity()), {"n": 50, "dtype": dtype}
    point = np.full((1, d), 0.25)
    for n in (None, 2):
        assert lr.distance_to_boundary(network, point, n_candidates=n, dtype=dtype).tolist() == [math.inf]
        assert es.mean_distance(network, cube(d), n_candidates=n, **given).value == math.inf
    if d > 1:
        for method in ("crofton", "coarea", "tube"):
            found = es.boundary_volume(network, cube(d), method=method, **given)
            assert (found.value, found.standard_error) == (0, 0)
    if 1 < d < 100:
        found = es.region_count(network, cube(d), n=2)
        assert abs(found.value - 1) < 1e-9 if d <= 6 else abs(found.value - 1) < 0.5
    assert es.unique_patterns(network, cube(d), **given).value == 1
    jacobian = es.jacobian_norm(network, cube(d), output="logits", **given)
    assert (jacobian.value, jacobian.standard_error) == (pytest.approx(math.sqrt(min(d, 2))), 0)
    found = es.local_complexity(network, point, 0.5, n_directions=1, dtype=dtype)
    assert found.value == 0
    curve = lr.Segment(np.zeros(d), np.full(d, 0.5))
    assert es.transitions(network, curve, k=10, dtype=dtype).value == 0
    assert es.trajectory_length(network, curve, k=10, dtype=dtype).value == pytest.approx(min(d, 2) / 2)


@DTYPES
@pytest.mark.parametrize("d", [1, 2, 12, 784])
def test_dead_networks(d: int, dtype: torch.dtype) -> None:
    """No sample can tell that there is nothing: errors are small, and not zero."""
    network, given = constant(d), {"n": 500, "dtype": dtype}
    assert lr.distance_to_boundary(network, np.zeros((1, d)), dtype=dtype).tolist() == [math.inf]
    if d > 1:
        lines = es.boundary_volume(network, cube(d), **given)
        assert lines.value == 0 < lines.standard_error < 0.02 * 2.0**d * d
        tube = es.boundary_volume(network, cube(d), method="tube", **given)
        assert tube.value == 0 < tube.standard_error
        kernel = es.boundary_volume(network, cube(d), method="coarea", **given)
        assert kernel.value == 0
        assert math.isnan(kernel.standard_error)
    assert es.unique_patterns(network, cube(d), **given).value == 1
    jacobian = es.jacobian_norm(network, cube(d), output="logits", **given)
    assert jacobian.value == jacobian.standard_error == 0  # as weights are zero
    volume = es.cell_volume(network, np.full(d, 0.1), domain=cube(d), n=200) if d < 100 else None
    assert volume is None or is_near(volume, 2.0**d)


def test_what_is_never_met_is_not_said_to_be_absent() -> None:
    """A neuron in a corner of the square, and a step that no sample hits."""
    corner = lr.Network.from_arrays([[[1, 1]], [[1]]], [[-1.999], [0]])
    for method in ("crofton", "tube"):
        found = es.boundary_volume(corner, cube(2), method=method, n=300)
        assert found.value == 0 < found.standard_error
        assert holds(found, 0.001 * math.sqrt(2))
    assert es.local_complexity(corner, [[0.0, 0.0], [0.5, 0.0]], 0.1, n_directions=2).standard_error > 0
    steep = lr.Network.from_arrays([[[1e6, 0.0]], [[1]]], [[0.0], [0.0]], Unit.hardtanh(0, 1))
    assert holds(es.jacobian_norm(steep, cube(2), output="logits", n=300), 0.5)
    one_large = es.region_count(corner, cube(2), n=50)
    assert one_large.value == pytest.approx(1)
    assert one_large.standard_error >= 3 / 50
    narrow = es.expected_boundary_volume([2, 4], cube(2), bias_std=1e-200, n=100)
    assert narrow.value == 0
    assert math.isnan(narrow.standard_error)


@pytest.mark.parametrize(("d", "width"), list(product([2, 3, 8, 20], [1e-2, 1e-3, 1e-6, 1e-12])))
def test_thin_cells(d: int, width: float) -> None:
    """A slab: width 2^(d - 1)."""
    point = np.full(d, 0.1)
    point[0] = width / 2
    assert is_near(es.cell_volume(slab(d, width), point, domain=cube(d), n=2000), width * 2.0 ** (d - 1), 0.15)


@pytest.mark.parametrize("seed", range(4))
def test_thin_cells_that_lie_askew(seed: int) -> None:
    """A parallelepiped with sides of 10^-12 to 1."""
    rng, d = np.random.default_rng(seed), 5
    rows = np.linalg.qr(rng.normal(size=(d, d)))[0] * 10.0 ** rng.uniform(0, 12, size=(d, 1))
    network = lr.Network.from_arrays([np.vstack([rows, rows]), np.ones((1, 10))], [[1.0] * 5 + [-1.0] * 5, [0.0]])
    truth = 2.0**d / abs(np.linalg.det(rows))
    assert is_near(es.cell_volume(network, np.zeros(d), n=2000), truth, 0.15)


@pytest.mark.parametrize("d", [5, 10, 15])
def test_corners_of_cubes(d: int) -> None:
    """A simplex: 1 / d!."""
    network = lr.Network.from_arrays([np.ones((1, d)), [[1]]], [[-1], [0]])
    found = es.cell_volume(network, np.full(d, 0.5 / d), domain=lr.Box([0] * d, [1] * d), n=2000)
    assert is_near(found, 1 / math.factorial(d), 0.15)


@pytest.mark.parametrize("d", [8, 10, 20])
def test_region_counts_in_many_dimensions(d: int) -> None:
    """Four hyperplanes through the centre: 16 cells."""
    rows = np.random.default_rng(0).normal(size=(4, d))
    network = lr.Network.from_arrays([rows, np.ones((1, 4))], [np.zeros(4), [0.0]])
    assert is_near(es.region_count(network, cube(d), n=20), 16, 0.4)


@pytest.mark.parametrize(("codim", "neurons"), [(1, "all"), (2, "all"), (1, "good")])
@pytest.mark.parametrize("half", [1e-20, 1.0, 1e15])
def test_expected_volumes_scale_with_the_domain(half: float, codim: int, neurons: str) -> None:
    """Biases in proportion to the domain leave them in proportion to its size to the power d - k, in any dtype."""
    given = {"codim": codim, "neurons": neurons, "n": 500}
    unit = es.expected_boundary_volume([2, 5, 4], cube(2), bias_std=0.5, **given)
    for dtype in (torch.float32, torch.float64):
        found = es.expected_boundary_volume([2, 5, 4], cube(2, half), bias_std=0.5 * half, dtype=dtype, **given)
        assert found.value == pytest.approx(unit.value * half ** (2 - codim), rel=1e-2)


@pytest.mark.parametrize("near", [1e-300, 1e-150, 1e-60, 1e-10, 1e-3])
def test_a_cell_from_next_to_its_side(near: float) -> None:
    network = lr.Network.from_arrays([[[1, 0.5], [-1, 2], [0.25, -1]], [[1, 1, 1]]], [[0.1, 0, 0.5], None])
    box = lr.Box([-1, -1], [1, 1])
    regions = lr.enumerate_regions(network, box)
    (cell,) = regions.find([[near, 2 * near]])
    assert is_near(es.cell_volume(network, [near, 2 * near], domain=box, n=4000), regions.volumes[cell], 0.15)
