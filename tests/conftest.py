"""What all tests share: hypothesis's profiles, data from outside the repository, skips where a device is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from real_nets import DATA

settings.register_profile("local", deadline=None)  # the first example may compile a kernel
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of networks and reference counts that are not part of the repository."""
    if not DATA.is_dir():
        pytest.skip("shared data are absent: set LINEAR_REGIONS_DATA to their folder")
    return DATA


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not pytest.importorskip("torch").cuda.is_available():
        pytest.skip("no CUDA device")


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    def count(outcome: str) -> int:
        return sum("shared" in report.keywords for report in terminalreporter.stats.get(outcome, []))

    state = "present" if DATA.is_dir() else "absent"
    ran = count("passed") + count("failed")
    terminalreporter.write_line(
        f"shared data: {state}; of the tests that read them {ran} ran, {count('skipped')} skipped"
    )
