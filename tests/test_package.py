"""The package as installed: its name, what importing it costs, and rules that hold for every source file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import linear_regions as lr

ROOT = Path(__file__).parents[1]
KERNELS = sorted((ROOT / "kernels").rglob("*.py"))
SOURCES = [*KERNELS, *sorted((ROOT / "regions").rglob("*.py"))]


def run_python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)


def parse(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("folder", ["regions", "kernels"])
def test_a_folder_refuses_its_own_name(folder: str) -> None:
    result = run_python(f"import {folder}", cwd=ROOT)
    assert result.returncode == 1
    assert f"ImportError: the folder '{folder}' is the source of linear_regions" in result.stderr
    assert "pip install" in result.stderr


def test_import_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = {"cvxpy", "flint", "matplotlib", "numba", "numpy", "scipy", "torch", "tqdm"}
    result = run_python(f"import sys, linear_regions; print(sorted({heavy} & set(sys.modules)))", cwd=tmp_path)
    assert result.stdout.strip() == "[]", result.stderr


def test_version_is_the_installed_one() -> None:
    assert lr.__version__ == version("linear-regions")


@pytest.mark.parametrize("public", lr.__all__)
def test_public_name_resolves(public: str) -> None:
    assert public in dir(lr)
    assert getattr(lr, public) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'linear_regions' has no attribute 'Bxo'"):
        _ = lr.Bxo  # type: ignore[attr-defined]


def test_type_checkers_see_the_public_names() -> None:
    tree = parse(ROOT / "regions" / "__init__.py")
    imported = {(n.module, a.asname) for n in tree if isinstance(n, ast.ImportFrom) and n.level for a in n.names}
    assert imported == {
        *((None, name) for name in lr._MODULES),
        *((module, public) for public, module in lr._MODULE_OF.items()),
    }


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_fastmath_is_never_asked_for(path: Path) -> None:
    """Error bounds hold for the operations as written; fastmath reorders and drops them."""
    for node in parse(path):
        assert not (isinstance(node, ast.keyword) and node.arg == "fastmath"), f"line {node.value.lineno}"
        assert not (isinstance(node, ast.Constant) and node.value == "fastmath"), f"line {node.lineno}"


@pytest.mark.parametrize("path", KERNELS, ids=name)
def test_kernels_import_nothing_above_them(path: Path) -> None:
    depth = len(path.relative_to(ROOT / "kernels").parts)
    for node in parse(path):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= depth, f"line {node.lineno} leaves the kernels"
            modules = [node.module or ""] if node.level == 0 else []
        else:
            continue
        for module in modules:
            above = module.split(".")[0] == "linear_regions" and not f"{module}.".startswith("linear_regions.kernels.")
            assert not above, f"line {node.lineno} imports {module}"
