"""The reference suite: its answers are those that are computed now, and known ones; estimators are scored over it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from linear_regions.cli import main
from linear_regions.errors import InvalidInput
from linear_regions.reference import QUANTITIES, ReferenceCase, differences, load_reference, score

CASES = load_reference()


def by_name(name: str) -> ReferenceCase:
    return next(case for case in CASES if case.name == name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_are_computed_again(case: ReferenceCase) -> None:
    assert list(differences(case)) == []


def test_known_answers() -> None:
    tent = by_name("tent-10").answers
    assert (tent["pieces"], tent["transitions"], tent["image_length"]) == (1024, 1023, 1024.0)
    assert by_name("mnist-plane").answers["per_layer"] == [845, 3942, 9387]
    assert by_name("ellipse-no-bias").answers["transitions_by_layer"][0] == 40
    for case in CASES:
        if "volume" in case.answers:
            assert case.answers["volume"] == pytest.approx(float(case.domain.volume), rel=1e-9)


def test_what_differs_is_said() -> None:
    case = by_name("plane")
    wrong = replace(
        case, answers=case.answers | {"regions": 1, "boundary_volume": case.answers["boundary_volume"] * 1.001}
    )
    found = list(differences(wrong))
    assert len(found) == 2
    assert found[0].startswith("plane: regions is 375, and in the suite 1")


def test_scores() -> None:
    pytest.importorskip("torch")
    from linear_regions import estimators

    found = score(estimators.unique_patterns, "regions", n=200, seeds=2, method="observed")
    assert set(found) == {case.name for case in CASES if "regions" in case.answers}
    assert all(result.rows[0].bias <= 0 for result in found.values())
    curves = score(estimators.transitions, "transitions", n=4096)
    assert {len(result.rows) for result in curves.values()} == {1}
    assert all(-0.1 * result.truth <= result.rows[0].bias <= 0 for name, result in curves.items() if name != "tent-10")
    with pytest.raises(InvalidInput, match="quantity must be one of"):
        score(estimators.transitions, "complexity")
    assert all(any(quantity in case.answers for case in CASES) for quantity in QUANTITIES)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    assert main(["reference", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [case.name for case in CASES]
    assert main(["reference", "check", "--case", "plane"]) == 0
    assert capsys.readouterr().out == "plane            the same\n"
    run = ["reference", "run", "linear_regions.estimators:jacobian_norm", "jacobian_norm", "--n", "50", "--seeds", "3"]
    assert main([*run, "--option", "output=logits"]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert table[0] == ["case", "exact", "mean", "z", "spread", "stated", "cover"]
    row = next(line for line in table if line[0] == "plane")
    assert float(row[1]) == pytest.approx(by_name("plane").answers["jacobian_norm"], rel=1e-5)
    assert np.isfinite([float(v.rstrip("%")) for v in row[1:]]).all()
    assert main([*run, "--option", "output=logits", "--case", "plane", "--case", "four", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record["cases"]) == ["plane", "four"]
    assert record["cases"]["plane"]["rows"][0]["n"] == 50
    assert main([*run, "--case", "plane"]) == 1
    assert "The case of the reference suite was 'plane'." in capsys.readouterr().err
    for wrong, message in (
        (["reference", "check", "--case", "none"], "cases must be names of cases of the suite"),
        (["reference", "run", "nowhere:nothing", "regions"], "estimator must be MODULE:FUNCTION"),
        ([*run, "--option", "output"], "--option must be KEY=VALUE"),
    ):
        assert main(wrong) == 1
        assert message in capsys.readouterr().err
