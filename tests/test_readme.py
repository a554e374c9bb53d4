"""The README tells the truth: examples run and print what it says, its table names every module, links resolve."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)


def blocks(language: str) -> list[str]:
    return [code for name, code in BLOCKS if name == language]


def run(arguments: list[str], folder: Path) -> str:
    environment = {**os.environ, "MPLBACKEND": "agg"}
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout


def test_the_first_example(tmp_path: Path) -> None:
    code, expected = blocks("python")[0], blocks("text")[0]
    assert run([sys.executable, "-c", code], tmp_path) == expected
    assert (tmp_path / "regions.png").stat().st_size > 10_000
    assert len([line for line in code.splitlines() if line]) <= 12


def test_the_example_in_three_dimensions(tmp_path: Path) -> None:
    code = blocks("python")[1]
    assert run([sys.executable, "-c", f"import linear_regions as lr\n{code}"], tmp_path) == blocks("text")[1]


def test_the_example_of_many_dimensions(tmp_path: Path) -> None:
    first, before, code = blocks("python")[:3]
    imports = "\n".join(line for line in first.splitlines() if line.startswith(("import", "from")))
    printed = run([sys.executable, "-c", f"{imports}\n{before}\n{code}"], tmp_path)
    assert printed == blocks("text")[1] + blocks("text")[2]


def test_the_example_of_convex_sets(tmp_path: Path) -> None:
    pytest.importorskip("cvxpy")
    start = "import numpy as np\nimport linear_regions as lr\nrandom = np.random.default_rng(0)\n"
    assert run([sys.executable, "-c", start + blocks("python")[6]], tmp_path) == blocks("text")[4]


def test_the_example_of_curves(tmp_path: Path) -> None:
    start = "import linear_regions as lr\nfrom linear_regions.data import load_demo\ncase = load_demo(epoch=20)\n"
    network = "image_network = lr.Network.from_arrays(case.weights, case.biases)\n"
    assert run([sys.executable, "-c", start + network + blocks("python")[4]], tmp_path) == blocks("text")[3]


def test_the_example_of_estimators(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    first, _, _, model, _, code, _ = blocks("python")
    imports = "\n".join(line for line in first.splitlines() if line.startswith(("import", "from")))
    printed = run([sys.executable, "-c", f"{imports}\n{model}\n{code}"], tmp_path)
    assert "boundary_volume: exact answer" in printed
    assert (tmp_path / "validation.png").stat().st_size > 10_000


def test_the_torch_example_and_the_shell_commands(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    first, _, _, second, *_ = blocks("python")
    imports = "\n".join(line for line in first.splitlines() if line.startswith(("import", "from")))
    assert run([sys.executable, "-c", f"{imports}\n{second}"], tmp_path).startswith("127 ")
    commands = [
        line.split() for block in blocks("sh") for line in block.splitlines() if line.startswith("linear-regions ")
    ]
    assert {words[1] for words in commands} == {"demo", "count", "plot", "reference"}
    for words in commands:
        if words[1] not in ("demo", "reference"):  # other tests run these
            assert run([sys.executable, "-m", "linear_regions", *words[1:]], tmp_path)


def test_the_table_names_every_room() -> None:
    rows = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    for entry in sorted((ROOT / "regions").iterdir()):
        if entry.suffix == ".py" and not entry.name.startswith("__"):
            assert re.search(rf"[`/]{entry.name}`", rows), entry.name
        elif (entry / "__init__.py").is_file():
            assert f"{entry.name}/`" in rows, entry.name
    for name in re.findall(r"`(?:regions/)?(\w+\.py)`", rows):
        assert (ROOT / "regions" / name).is_file(), name


def test_links_resolve() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert "docs/regions.png" in targets
    assert all((ROOT / target).is_file() for target in targets if "://" not in target)
    assert (ROOT / "docs" / "regions.png").stat().st_size < 300_000


def test_make_has_the_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), flags=re.MULTILINE):
        assert f"\n{target}:" in makefile
