"""The examples in docs/examples run; what they assert holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
FOLDER = Path(__file__).parents[1] / "docs" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


def test_there_is_one_for_each_estimator() -> None:
    from linear_regions import estimators

    names = {path.stem for path in EXAMPLES}
    special = dict.fromkeys(("distance_to_boundary", "mean_distance"), "distances")
    assert {special.get(n, n) for n in estimators.__all__ if n != "Estimate"} <= names
    assert {"curves", "training", "validation", "reference_suite"} <= names
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"({path.name})" in index for path in EXAMPLES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# %% [markdown]\n# # ")
    assert text.count("# %%") >= 2
