"""Hostile arguments: every public call does its work, raises an error of the library, or runs out of memory."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

pytest.importorskip("torch")

import linear_regions as lr
from fuzz_arguments import INNER, calls, failure, fuzz, shown

# What the library makes and hands out; nobody else does.
RESULTS = {"Certificate", "CurveRegions", "Nearest", "Neighborhood", "RegionCount", "RegionSums", "Regions"}
RESULTS |= {"Validation"}


def public_names() -> set[str]:
    """Functions, classes and their public members, as they are called."""
    names = {
        name
        for module in (lr.estimators, lr.lp)
        for name in module.__all__
        if inspect.isfunction(getattr(module, name))
    }
    for name in lr.__all__:
        found = getattr(lr, name)
        if inspect.isfunction(found):
            names.add(name)
        elif inspect.isclass(found) and not issubclass(found, Exception):
            names |= {name} - RESULTS
            for member in dir(found):
                kind = inspect.getattr_static(found, member)
                if not member.startswith("_") and (callable(kind) or isinstance(kind, classmethod | property)):
                    names.add(f"{name}.{member}")
    return {name for name in names if name.rpartition(".")[2] not in INNER}


def test_every_public_call_is_made(tmp_path: Path) -> None:
    made = {call.name for call in calls(tmp_path)}
    assert public_names() <= made


def test_the_arguments_put_aside_are_taken(tmp_path: Path) -> None:
    for call in calls(tmp_path):
        assert failure(call, {}, 60) is None, call.name
    for call in calls(tmp_path)[:40]:
        call({})


@pytest.mark.filterwarnings("ignore")
def test_hostile_arguments() -> None:
    assert list(fuzz(0, range(2000), 20)) == []


def test_a_fault_is_found_and_shown(tmp_path: Path) -> None:
    (box,) = (call for call in calls(tmp_path) if call.name == "Box")
    assert failure(box, {"lower": None}, 5) is None
    assert shown(box, {"lower": None}) == "Box(lower=None)"
    assert isinstance(failure(box, {"middle": 0}, 5), TypeError)
