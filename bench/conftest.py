"""Benchmarks import their helpers by bare names; comparisons with other libraries end as a table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

COMPARISON = pytest.StashKey[list[str]]()


@pytest.fixture
def comparison(request: pytest.FixtureRequest) -> list[str]:
    """Rows of the table."""
    return request.config.stash.setdefault(COMPARISON, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(COMPARISON, [])
    if rows:
        terminalreporter.write_sep("-", "time of other libraries over ours, one thread")
        header = f"{'library':<12}{'case':<42}{'time ratio':>11}{'cells':>9}  counts"
        terminalreporter.write_line("\n".join([header, *rows]))
