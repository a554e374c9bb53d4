"""Every estimator on networks for MNIST, at initialisation and trained, against the exact answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.data import DEMO_EPOCHS, load_demo

torch = pytest.importorskip("torch")
from linear_regions import estimators as es  # noqa: E402

EPOCHS = pytest.mark.parametrize("epoch", DEMO_EPOCHS)


def network_of(epoch: int) -> lr.Network:
    case = load_demo(epoch=epoch)
    return lr.Network.from_arrays(case.weights, case.biases)


def plane() -> lr.Slice:
    """About three images, in units of the distance between them."""
    a, b, c = load_demo().images_012
    return lr.Slice((a + b + c) / 3, np.column_stack([b - a, c - a]), lr.Box([-0.4, -0.4], [0.4, 0.4]))


@EPOCHS
def test_boundary_volumes(epoch: int) -> None:
    network, n = network_of(epoch), {"crofton": 150, "coarea": 2000, "tube": 2000}
    for method, size in n.items():
        options = {} if method == "crofton" else {"width": {"coarea": 0.01, "tube": 2e-5}[method]}
        found = lr.validate(es.boundary_volume, network, plane(), sizes=[size], seeds=12, method=method, **options)
        (row,) = found.rows
        slack = {"crofton": 0.0, "coarea": 0.03, "tube": 0.03}[method] * found.truth
        assert abs(row.bias) <= 4 * row.spread / math.sqrt(row.seeds) + slack, method
        assert row.standard_error == pytest.approx(row.spread, rel=0.6)


@EPOCHS
def test_jacobian_norms(epoch: int) -> None:
    for output in ("logits", "softmax"):
        found = lr.validate(es.jacobian_norm, network_of(epoch), plane(), sizes=[400], seeds=10, output=output)
        assert abs(found.rows[0].z_score) < 4, output
        assert found.rows[0].standard_error == pytest.approx(found.rows[0].spread, rel=0.7)


@EPOCHS
def test_patterns_are_seen_but_not_all(epoch: int) -> None:
    network, truth = network_of(epoch), lr.count_regions(network_of(epoch), plane())
    for method in ("observed", "good-turing", "chao1"):
        found = lr.validate(es.unique_patterns, network, plane(), sizes=[2000, 16000], seeds=2, method=method)
        assert found.truth == truth
        assert found.rows[0].mean < found.rows[1].mean < truth * (1.1 if method == "chao1" else 1.0)


@EPOCHS
def test_along_curves(epoch: int) -> None:
    case, network = load_demo(epoch=epoch), network_of(epoch)
    for curve in (lr.Ellipse.through(case.images_012), lr.Segment(*case.images_012[:2])):
        counts = lr.validate(es.transitions, network, curve, sizes=[2**8, 2**12, 2**16])
        assert counts.rows[0].bias <= counts.rows[1].bias <= counts.rows[2].bias <= 0
        assert counts.rows[2].bias >= -0.02 * counts.truth
        lengths = lr.validate(es.trajectory_length, network, curve, sizes=[2**8, 2**14])
        assert lengths.rows[0].bias <= lengths.rows[1].bias <= 1e-9 * lengths.truth
        assert lengths.rows[1].mean == pytest.approx(lengths.truth, rel=1e-3)


@EPOCHS
def test_distances_from_images(epoch: int) -> None:
    case, network = load_demo(epoch=epoch), network_of(epoch)
    images = case.examples[::10]
    proven = np.array([lr.nearest_boundary(network, x, to="activation").distance for x in images])
    np.testing.assert_allclose(lr.distance_to_boundary(network, images).numpy(), proven, rtol=1e-7)
    few = lr.distance_to_boundary(network, images, n_candidates=6).numpy()
    assert (few >= proven * (1 - 1e-7)).all()
    assert np.mean(few > proven * (1 + 1e-7)) <= 0.1


@EPOCHS
def test_cells_about_points(epoch: int) -> None:
    """The mean of 1 / volume over uniform points, and volumes of cells by walks in them."""
    network, domain = network_of(epoch), plane()
    regions = lr.enumerate_regions(network, domain)
    found = es.region_count(network, domain, n=30)
    points = es.points.uniform(domain, 30, torch.Generator().manual_seed(0)).numpy()
    volumes = regions.volumes[regions.find(points)]
    np.testing.assert_allclose(found.per_item.numpy(), 1 / volumes, rtol=1e-6)
    largest = int(regions.volumes.argmax())
    inside = regions.centroids[largest]
    walk = es.cell_volume(network, inside, domain=domain, n=1500)
    assert abs(walk.value - regions.volumes[largest]) < 4.5 * walk.standard_error


@EPOCHS
def test_local_complexity_counts_what_a_small_frame_meets(epoch: int) -> None:
    """No neuron switches within the distance to the boundary, and some do well beyond it."""
    network, images = network_of(epoch), load_demo(epoch=epoch).examples[:6]
    apart = float(lr.distance_to_boundary(network, images).min())
    assert es.local_complexity(network, images, 0.999 * apart).value == 0
    near, far = (es.local_complexity(network, images, radius).value for radius in (0.5, 2.0))
    assert 0 < near < far
