"""Networks that others trained, against counts, faces and whole region lists that other programs found."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import linear_regions as lr
from convert import to_network
from real_nets import HCAS, Arrays, acas_boxes, acas_problem, layers_of, problem, read

COUNTS = {
    "nn4sys/lindex": 87,
    "tabular/marabou_fc1": 71,
    "tabular/marabou_fc_2-2-3": 2,
    "control/InvertedPendulum_controller": 1264,
    "control/overt_single_pendulum_small_controller": 1264,
    "sdf/bunny2d_2x50": 246,
    "sdf/bunny2d_4x32": 1186,
    "rpm/pendulum": 18,
    "rpm/quadratic": 202,
    "tll/tllBench_n2_NM8_m1_instance_0_0": 433,
}


def regions_of(net: Arrays) -> lr.Regions:
    return lr.enumerate_regions(*problem(net))


def rows(folder: Path, name: str) -> dict[str, dict[str, str]]:
    with open(folder / "reference" / name, encoding="utf-8", newline="") as lines:
        return {row["net"]: row for row in csv.DictReader(lines)}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(shared_data: Path, name: str) -> None:
    net = read(shared_data, name)
    r = regions_of(net)
    r.check()
    assert len(r) == COUNTS[name]
    assert r.volumes.sum() == pytest.approx(float(np.prod(net["hi"].astype(float) - net["lo"])), rel=1e-12)
    assert lr.count_regions(to_network(layers_of(net)), r.domain) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_cells_per_layer_and_distinct_maps_as_by_linear_programs(shared_data: Path, name: str) -> None:
    reference = rows(shared_data, "lp.csv")
    if name not in reference:
        pytest.skip("not in the list")
    r = regions_of(read(shared_data, name))
    assert r.per_layer.tolist() == [int(n) for n in reference[name]["cells_per_layer"].split()]
    if reference[name]["distinct_affine_maps"]:
        assert r.count("R6") == int(reference[name]["distinct_affine_maps"])


@pytest.mark.parametrize("name", COUNTS)
def test_vertices_and_edges_as_by_edge_subdivision(shared_data: Path, name: str) -> None:
    reference = rows(shared_data, "edge_subdivision_float64.csv")
    if name not in reference:
        pytest.skip("not in the list")
    r = regions_of(read(shared_data, name))
    faces = [len(r), len(r.vertex_coordinates), len(r.geometry.label)]
    assert faces == [int(reference[name][key]) for key in ("regions", "vertices", "edges")]


@pytest.mark.parametrize(("name", "count"), [("rpm/pendulum", 18), ("rpm/quadratic", 202)])
def test_region_by_region_as_published(shared_data: Path, name: str, count: int) -> None:
    """Each published polytope A x <= b holds exactly one cell, all its corners, and has its map C x + d."""
    net = read(shared_data, name)
    r = regions_of(net)
    slopes, shifts = r.affine_maps
    middles = np.array([r.vertices(cell).mean(axis=0) for cell in range(len(r))])
    parts = [slice(*net["ref_ptr"][k : k + 2]) for k in range(count)]
    sides = [(net["ref_A"][part], net["ref_b"][part]) for part in parts]
    inside = np.array([(middles @ a.T < b).all(axis=1) for a, b in sides])
    assert len(r) == int(net["ref_count"]) == count
    assert (inside.sum(axis=0) == 1).all()
    assert (inside.sum(axis=1) == 1).all()
    for region, cell in zip(*np.nonzero(inside), strict=True):
        a, b = sides[region]
        size = np.abs(a).sum(axis=1) + np.abs(b)
        assert ((r.vertices(cell) @ a.T - b) / size).max() < 1e-9
        for ours, published in ((slopes[cell], net["ref_C"][region]), (shifts[cell], net["ref_d"][region])):
            assert np.abs(ours - published).max() <= 1e-12 * np.abs(published).max(initial=1.0)


def test_a_lattice_network_has_five_maps(shared_data: Path) -> None:
    """Affine maps that follow each other, sparse integer-like rows, nothing in general position."""
    r = regions_of(read(shared_data, "tll/tllBench_n2_NM8_m1_instance_0_0"))
    assert (len(r), r.count("R6")) == (433, 5)
    assert r.certificate.exact_signs > 0


def test_hcas_in_three_dimensions(shared_data: Path) -> None:
    """As edge subdivision in float64 has it."""
    reference = rows(shared_data, "edge_subdivision_float64.csv")[HCAS]
    r = regions_of(read(shared_data, HCAS))
    vertices, edges, _, cells = r.f_vector
    assert [cells, vertices, edges] == [int(reference[key]) for key in ("regions", "vertices", "edges")]
    assert (cells, vertices, edges) == (111_254, 117_723, 346_555)
    assert lr.count_regions(r.network, r.domain) == cells
    r.check()


@pytest.mark.parametrize("row", range(10))
def test_acas_xu_on_property_boxes(shared_data: Path, row: int) -> None:
    """Cells after each layer, as by linear programs."""
    box = acas_boxes(shared_data)[row]
    result = lr.count_regions(*acas_problem(shared_data, box), full_output=True)
    assert result.per_layer.tolist() == [int(n) for n in box["our_lp_per_layer"].split()]
    assert result.certificate.certified


def test_the_thin_cell_that_another_program_missed(shared_data: Path) -> None:
    """Network 5_1 on the second box: logged with 930 sets; the volumes of 931 cells fill the box, exactly."""
    (box,) = [b for b in acas_boxes(shared_data)[:10] if b["net"] == "5_1" and b["our_lp_per_layer"].endswith(" 931")]
    r = lr.enumerate_regions(*acas_problem(shared_data, box))
    assert len(r) == 931
    r.check()
    thin = int(r.volumes.argmin())
    (volume,) = r.exact_volumes([thin])
    assert 1.5e-27 < volume < 1.6e-27
    assert volume < min(r.exact_volumes(np.argsort(r.volumes)[1:3]))
    assert r.find(r.centroids[[thin]]).tolist() == [thin]
    assert len(r.vertices(thin)) >= 6


def test_volumes_of_a_property_box_add_up_exactly(shared_data: Path) -> None:
    (box,) = [b for b in acas_boxes(shared_data)[:10] if b["our_lp_per_layer"].endswith(" 71")]
    r = lr.enumerate_regions(*acas_problem(shared_data, box))
    assert sum(r.exact_volumes()) == r.domain.volume
