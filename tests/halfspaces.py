"""Cells found by linear programs against cells found by their corners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import linear_regions as lr
from convert import to_domain, to_network, zero_bias_case
from families import mixed_scales, random_case
from linear_regions.measures.patterns import stacked
from solids import random_solid, random_space


def patterns_of(regions: lr.Regions) -> list[bytes]:
    return [row.tobytes() for row in stacked(regions.packed_patterns, len(regions))]


def pairs_of(regions: lr.Regions, number: list[int]) -> set[tuple[int, ...]]:
    """The pairs of cells with a common facet, renumbered."""
    return {tuple(sorted((number[i], number[j]))) for i, j in regions.facets.cells.tolist()}


def differences(network: lr.Network, domain: Any, *, check: bool = True) -> list[str]:
    """What the engines disagree about: counts, patterns, neighbours, what is bounded; and broken invariants."""
    by_corners, by_programs = lr.enumerate_regions(network, domain), lr.enumerate_regions(network, domain, method="lp")
    found = []
    if by_corners.per_layer.tolist() != by_programs.per_layer.tolist():
        found.append(f"per layer {by_programs.per_layer.tolist()}, by corners {by_corners.per_layer.tolist()}")
    number = {pattern: i for i, pattern in enumerate(patterns_of(by_corners))}
    if set(number) != set(patterns_of(by_programs)) or len(by_corners) != len(by_programs):
        return [*found, f"{len(by_programs)} cells, by corners {len(by_corners)}"]
    order = [number[pattern] for pattern in patterns_of(by_programs)]
    if pairs_of(by_programs, order) != pairs_of(by_corners, list(range(len(by_corners)))):
        found.append(f"{len(by_programs.facets.cells)} facets, by corners {len(by_corners.facets.cells)}")
    if (by_programs.bounded != by_corners.bounded[order]).any():
        found.append(f"{by_programs.bounded.sum()} bounded cells, by corners {by_corners.bounded.sum()}")
    balls = by_programs.largest_balls
    if not (balls.radii <= balls.upper).all():
        found.append("radii beyond their upper bounds")
    if check:
        by_programs.check()
    return found


PLANE = {"random": random_case, "zero-bias": zero_bias_case, "mixed": mixed_scales}


def report(kind: str, seeds: Iterable[int]) -> str:
    """What differs on random networks, one a line; empty if nothing does."""
    lines = []
    for seed in seeds:
        try:
            if kind in PLANE:
                case = PLANE[kind](seed)
                problem = to_network(case.layers), to_domain(case.domain)
            else:
                solid = random_solid(seed) if kind == "solid" else random_space(seed)
                problem = to_network(solid.layers), solid.domain
            found = differences(*problem) if problem[1].dim > 1 else []
        except Exception as error:  # name the seed, and go on
            found = [f"{type(error).__name__}: {error}"]
        if found:
            lines.append(f"lp, {kind} {seed}: {'; '.join(found[:3])}")
    return "\n".join(lines)
