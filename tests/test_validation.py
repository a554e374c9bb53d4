"""Validation of estimators: coverage and bias of those here, and of a user's that is wrong on purpose."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import linear_regions as lr
from linear_regions.errors import InvalidInput

torch = pytest.importorskip("torch")
from linear_regions import estimators as es  # noqa: E402

BOX = lr.Box([-1, -1], [1, 1])


def random_net(seed: int, *widths: int) -> lr.Network:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in pairwise(widths)]
    return lr.Network.from_arrays(weights, [0.3 * rng.normal(size=m) for m in widths[1:]])


NETWORK = random_net(0, 2, 8, 6, 2)


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say() -> None:
    """95 % intervals over 1,000 seeds hold the truth between 93 % and 97 % of the time."""
    for estimator, options in ((es.boundary_volume, {}), (es.jacobian_norm, {"output": "logits"})):
        found = lr.validate(estimator, NETWORK, BOX, sizes=[100], seeds=1000, **options)
        (row,) = found.rows
        assert 0.93 <= row.coverage <= 0.97
        assert abs(row.z_score) < 4
        assert row.standard_error == pytest.approx(row.spread, rel=0.1)


@pytest.mark.slow
def test_intervals_of_expectations_and_probabilities_cover_too() -> None:
    found = lr.validate(es.jacobian_norm, NETWORK, BOX, sizes=[100], seeds=1000)
    assert 0.93 <= found.rows[0].coverage <= 0.97

    def theorem(network: object, domain: lr.Box, *, n: int, generator: object, dtype: object) -> es.Estimate:
        options = {"bias_std": 1.0, "n": n, "generator": generator, "dtype": dtype}
        return es.expected_boundary_volume([2, 8], domain, **options)  # type: ignore[arg-type]

    # of one neuron at x, over normal weights: the integral of (1 + |x|^2 cos^2)^(-3/2) over a turn, over 4 pi
    nodes, shares = np.polynomial.legendre.leggauss(40)
    turn = (np.arange(400) + 0.5) * np.pi / 200
    squares = nodes[:, None] ** 2 + nodes[None] ** 2
    density = ((1 + squares[..., None] * np.cos(turn) ** 2) ** -1.5).mean(axis=2) / 2
    truth = 8 * float(shares @ density @ shares)
    found = lr.validate(theorem, NETWORK, BOX, truth=truth, sizes=[200], seeds=1000)
    assert abs(found.rows[0].z_score) < 4
    assert 0.93 <= found.rows[0].coverage <= 0.97


def test_unbiased_estimators() -> None:
    found = lr.validate(es.boundary_volume, NETWORK, BOX, sizes=[100, 400], seeds=60)
    assert found.truth == lr.enumerate_regions(NETWORK, BOX).boundary_volume()
    assert [row.n for row in found.rows] == [100, 400]
    assert all(abs(row.z_score) < 4 and 0.8 < row.coverage <= 1 for row in found.rows)
    assert found.rows[1].spread < 0.7 * found.rows[0].spread  # it falls with the root of the size
    assert [len(values) for values in found.values] == [60, 60]


def test_estimators_without_chance() -> None:
    ellipse = lr.Ellipse([0.1, 0.0], [1, 0], [0, 1])
    found = lr.validate(es.transitions, NETWORK, ellipse, sizes=[16, 4096], dtypes=["float64", "float32"])
    assert found.truth == lr.curve_regions(NETWORK, ellipse).transitions
    assert [(row.n, row.dtype, row.seeds) for row in found.rows] == [
        (16, "float64", 1), (4096, "float64", 1), (16, "float32", 1), (4096, "float32", 1),
    ]  # fmt: skip
    assert found.rows[0].bias <= found.rows[1].bias == 0
    assert math.isnan(found.rows[0].coverage)
    length = lr.validate(es.trajectory_length, NETWORK, ellipse, sizes=[4096])
    assert -1e-3 < length.rows[0].bias / length.truth <= 0
    assert lr.validate(es.unique_patterns, NETWORK, BOX, sizes=[500], seeds=3).rows[0].bias < 0


def test_an_estimator_of_a_user() -> None:
    """One that is too large, and too sure of it, is found out."""

    def doubled(network: lr.Network, domain: lr.Box, *, n: int, generator: object, dtype: object) -> es.Estimate:
        found = es.boundary_volume(network, domain, n=n, generator=generator, dtype=dtype)
        return replace(found, value=1.2 * found.value, standard_error=found.standard_error / 10)

    found = lr.validate(doubled, NETWORK, BOX, truth=lambda n, d: lr.sum_regions(n, d).boundary_volume(), sizes=[400])
    assert found.estimator == "doubled"
    assert found.rows[0].z_score > 4
    assert found.rows[0].coverage < 0.5
    with pytest.raises(InvalidInput, match="truth must be given for doubled"):
        lr.validate(doubled, NETWORK, BOX)


def test_tables_files_and_figures(tmp_path: Path) -> None:
    found = lr.validate(es.jacobian_norm, NETWORK, BOX, sizes=[50, 100], seeds=4, output="logits", dtypes=["float32"])
    text = str(found).splitlines()
    assert len(text) == 4
    assert text[0].startswith(f"jacobian_norm: exact answer {found.truth:.9g}")
    found.save(tmp_path / "validation.json")
    content = json.loads((tmp_path / "validation.json").read_text())
    assert content["truth"] == found.truth
    assert content["rows"][1]["n"] == 100
    assert content["values"][0] == list(found.values[0])
    axes = found.plot()
    assert axes.get_xscale() == "log"
    assert len(axes.lines) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "seeds must be a positive whole number"),
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"dtypes": ["float31"]}, "dtypes must hold names of dtypes"),
        ({"dtypes": "float32"}, "dtypes must be a sequence"),
    ],
)
def test_bad_input(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        lr.validate(es.boundary_volume, NETWORK, BOX, **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="estimator must be callable"):
        lr.validate("boundary", NETWORK, BOX)  # type: ignore[arg-type]


def wrong(network: object, domain: object, *, n: int, dtype: object) -> es.Estimate:
    return es.Estimate(math.nan, math.nan, n, "none", None, "cpu", "float64")


def test_what_is_no_number_is_shown_as_such(tmp_path: Path) -> None:
    result = lr.validate(wrong, NETWORK, BOX, truth=1.0, level=np.float32(0.9))
    assert all(math.isnan(row.coverage) for row in result.rows)
    result.save(tmp_path / "v.json")
    assert json.loads((tmp_path / "v.json").read_text())["rows"][0]["mean"] is None
    result.plot().figure.savefig(tmp_path / "v.png")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"estimator": max}, "estimator must be callable with network, domain"),
        ({"estimator": lambda network: 1}, "estimator must be callable with network, domain"),
        ({"estimator": lambda network, domain, n, dtype: 1.0}, "estimator must return an Estimate"),
        ({"bogus": 1}, "estimator must be callable with network, domain, n, generator, dtype and the options"),
        ({"n": 7}, "options must leave to validate what it sets itself"),
        ({"level": "a"}, "level must lie between 0 and 1"),
        ({"truth": math.nan}, "truth must be a finite number"),
        ({"truth": [4]}, "truth must be a finite number"),
        ({"sizes": []}, "sizes must hold a number of samples or more"),
        ({"sizes": [True]}, "sizes must hold positive whole numbers"),
        ({"dtypes": []}, "dtypes must hold names of dtypes"),
    ],
)
def test_what_cannot_be_validated(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        lr.validate(**{"estimator": es.boundary_volume, "network": NETWORK, "domain": BOX, "truth": 1.0} | given)


def test_all_that_a_callable_lacks_is_said_at_once() -> None:
    def poor(network: object, scale: float, /, *, samples: int) -> float:
        return 0.0

    with pytest.raises(InvalidInput) as caught:
        lr.validate(poor, NETWORK, BOX, output="logits")  # type: ignore[arg-type]
    message = str(caught.value)
    for part in ("no n or k", "no dtype", "no output", "needs samples", "return an Estimate", "truth must be given"):
        assert part in message
    with pytest.raises(InvalidInput, match="takes no network and domain as its first two arguments, takes no n or k"):
        lr.validate(lambda x: x, NETWORK, BOX, truth=1.0)


def test_settings_of_torch_are_no_matter() -> None:
    """Also to estimators of users."""

    def plain(network: lr.Network, domain: lr.Box, *, n: int, dtype: torch.dtype) -> es.Estimate:
        matrix = torch.full((8, 8), 1 / 3, dtype=dtype)
        return es.Estimate(float((matrix @ matrix)[0, 0]), 0.0, n, "product", None, "cpu", "float32")

    given = {"truth": 0.0, "sizes": [10], "dtypes": ["float32"]}
    before = lr.validate(plain, NETWORK, BOX, **given).values  # type: ignore[arg-type]
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.device("meta"):
        assert lr.validate(plain, NETWORK, BOX, **given).values == before  # type: ignore[arg-type]
