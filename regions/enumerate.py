"""The entry points: choose the engine by the dimension of the domain, run it, and hand the result over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from .blocks import Refined
from .budget import Budget, Workers, one_blas_thread
from .certificate import Certificate
from .complex import Regions
from .convex import ConvexSet
from .domain import Domain
from .domain.chart import HalfspaceChart, PlaneChart, SolidChart, SpaceChart
from .engine import Tally, Wanted, put_together
from .errors import enough_memory, invalid
from .geometry import LineComplex, PlaneComplex
from .halfspace_complex import HalfspaceComplex
from .halfspaces import HalfspaceCells, Halfspaces
from .line import BUFFERS, Line, cells_of, start_stretch
from .neighborhood import cells_meeting
from .network import Network
from .network.cast import as_list, flag, is_one_of, is_whole
from .network.homogeneous import homogenized
from .plane import Plane
from .program import Program, compile_network
from .region_count import RegionCount, RegionSums
from .settle import Settler, make_settlers
from .solid import Solids
from .solid_complex import SolidComplex
from .solid_parts import Finished
from .space_complex import SpaceComplex
from .sums import sums_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


LARGEST_DIMENSION = 6
"""Of the engines that know cells by their corners."""

Method = Literal["auto", "vertices", "lp"]


@overload
def enumerate_regions(
    network: Network, domain: Domain, *, method: Method = "auto", max_regions: int | None = None, n_jobs: int = 1,
    executor: Executor | None = None, progress: bool = False,
) -> Regions: ...  # fmt: skip


@overload
def enumerate_regions(
    network: Network, domain: Sequence[Domain], *, method: Method = "auto", max_regions: int | None = None,
    n_jobs: int = 1, executor: Executor | None = None, progress: bool = False,
) -> list[Regions]: ...  # fmt: skip


@enough_memory()
def enumerate_regions(
    network: Network,
    domain: Domain | Sequence[Domain],
    *,
    method: Method = "auto",
    max_regions: int | None = None,
    n_jobs: int = 1,
    executor: Executor | None = None,
    progress: bool = False,
) -> Regions | list[Regions]:
    """All linear regions of a network on a domain, every one of them proven.

    Parameters
    ----------
    network : Network
    domain : Domain, or sequence of Domain
        Box, Polytope, Space, Slice, Segment, Line or Polyline. A sequence holds curves,
        which are enumerated together: far faster for many short ones. They share one certificate, and coordinates may
        differ within their error bounds from those of single calls.
    method : {"auto", "vertices", "lp"}
        How cells are known: by their corners, in up to six dimensions, or by inequalities, in two dimensions or more;
        then cells have no corners, and what is measured on them is in `Regions.facets`, `largest_balls` and the like.
        "auto" takes corners where it can.
    max_regions : int, optional
        Stop with an error once there are more, in all domains of a sequence together.
    n_jobs : int
        Threads; -1 for one per core. The result is the same, byte for byte, for any number.
    executor : concurrent.futures.Executor, optional
        Runs the blocks instead of threads of our own, for example on other processes.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    Regions, or list of Regions
        Cells in an order that depends on the network and the domain alone.

    Raises
    ------
    InvalidInput
        If the domain does not fit the network, or its dimension is not supported.
    BudgetExceeded
        If there are more than `max_regions`; its `per_layer` holds what is known by then.
    OutOfMemory
        If memory does not suffice; with `per_layer` likewise.

    Notes
    -----
    The count is exact: every decision is the sign of a rational number, proven in floating point by error bounds or
    decided in rational arithmetic. Coordinates, volumes and maps are float64 with error bounds, and exact on request.
    About a microsecond per region in the plane, two for networks of many layers, four in three dimensions and twenty in
    six; memory is that of the result, in six dimensions a kilobyte per region.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1], [0]])
    >>> regions = lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1]))
    >>> len(regions), float(regions.boundary_volume())
    (5, 5.414213562373095)
    """
    domains: list[Any] = as_list(domain, "domain", "curves") if isinstance(domain, Sequence) else [domain]
    _check(network, domains, method, max_regions, n_jobs, executor, progress)
    with one_blas_thread():
        program = compile_network(network)
        if not isinstance(domain, Domain):
            return _lines(network, program, domains, max_regions)
        if domain.dim == 1:
            return _lines(network, program, domains, max_regions)[0]
        settler, tally = _tally(network, domain, Wanted.CELLS, method, max_regions, n_jobs, executor, progress)
    packed = program.joined_words(tally.patterns)
    geometry = _geometry(program, tally, settler, packed)
    per_layer = tally.per_step[_layers(program)]
    return Regions(network, domain, program, (settler,), geometry, packed, per_layer, _certificate(tally))


def _geometry(
    program: Program, tally: Tally[Any], settler: Settler, packed: tuple[Words, ...]
) -> PlaneComplex | SolidComplex | SpaceComplex | HalfspaceComplex:
    if isinstance(tally.cells, HalfspaceCells):
        c = tally.cells
        return HalfspaceComplex(c.point, c.offset, c.label, packed, settler, c.frame)
    if isinstance(tally.cells, Refined):
        return tally.cells.complex()
    assert isinstance(tally.cells, Finished)
    solid = SolidComplex.of(tally.cells)
    if tally.whole is None:
        return solid
    return SpaceComplex.of(solid, tally.whole, np.concatenate(tally.patterns), program.bit_labels)


def _certificate(tally: Tally[Any]) -> Certificate:
    return Certificate(tally.signs, tally.double_signs, tally.exact_signs)


def _counted(program: Program, per_step: Ints, certificate: Certificate) -> tuple[int, Ints, Certificate]:
    return int(per_step[-1]) if program.steps else 1, per_step[_layers(program)], certificate


@overload
def count_regions(
    network: Network, domain: Domain | ConvexSet, *, full_output: Literal[False] = False, method: Method = "auto",
    max_regions: int | None = None, n_jobs: int = 1, executor: Executor | None = None, progress: bool = False,
) -> int: ...  # fmt: skip


@overload
def count_regions(
    network: Network, domain: Domain | ConvexSet, *, full_output: Literal[True], method: Method = "auto",
    max_regions: int | None = None, n_jobs: int = 1, executor: Executor | None = None, progress: bool = False,
) -> RegionCount: ...  # fmt: skip


@enough_memory()
def count_regions(
    network: Network,
    domain: Domain | ConvexSet,
    *,
    full_output: bool = False,
    method: Method = "auto",
    max_regions: int | None = None,
    n_jobs: int = 1,
    executor: Executor | None = None,
    progress: bool = False,
) -> int | RegionCount:
    """The number of linear regions, as proven as in `enumerate_regions`, without keeping them.

    Memory is that of one block of regions for each worker, which is taken through one layer before it is divided, and
    of the parts that wait: little where layers are narrow, but where a layer has hundreds of neurons it multiplies a
    block by as much as their hyperplanes cut it into: 200-200-200 neurons in three dimensions (31 million regions) take
    6 GB, 40-512 neurons 3 GB, and twice that is asked for. For `Space` it is that of the patterns of all regions.

    Parameters
    ----------
    network : Network
    domain : Domain or ConvexSet
        For many curves add up what `enumerate_regions` gives for their sequence. In a `ConvexSet` the cells are counted
        that meet its interior, as a convex solver finds, some milliseconds each: the certificate says "numerical".
    max_regions, n_jobs, executor, progress
        As in `enumerate_regions`.
    full_output : bool
        Whether to return counts per layer and the certificate too.

    Returns
    -------
    int or RegionCount

    Raises
    ------
    InvalidInput, BudgetExceeded, OutOfMemory
        As in `enumerate_regions`.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1], [0]])
    >>> lr.count_regions(network, lr.Box([-1, -1], [1, 1]))
    5
    >>> planes = lr.Network.from_arrays([[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 1, 1]]], [[0, 0, 0], [0]])
    >>> lr.count_regions(planes, lr.Box([-1] * 3, [1] * 3))
    8
    """
    hull = domain.hull if isinstance(domain, ConvexSet) else domain
    _check(network, [hull], method, max_regions, n_jobs, executor, progress)
    full = flag(full_output, "full_output")
    with one_blas_thread():
        program = compile_network(network)
        if isinstance(domain, ConvexSet):
            if method != "auto" or n_jobs != 1 or executor is not None:
                raise invalid("domain", "be other than a ConvexSet for a method, n_jobs or an executor", repr(domain))
            budget = Budget(len(program.steps), _layers(program), max_regions)
            result = RegionCount(*_counted(program, *cells_meeting(network, domain, budget, progress)))
        elif domain.dim == 1:
            regions = _lines(network, program, [domain], max_regions)[0]
            result = RegionCount(len(regions), regions.per_layer, regions.certificate)
        else:
            _, tally = _tally(network, domain, Wanted.NUMBER, method, max_regions, n_jobs, executor, progress)
            result = RegionCount(*_counted(program, tally.per_step, _certificate(tally)))
    return result if full else result.count


@enough_memory()
def sum_regions(
    network: Network,
    domain: Domain,
    *,
    max_regions: int | None = None,
    n_jobs: int = 1,
    executor: Executor | None = None,
    progress: bool = False,
) -> RegionSums:
    """Sums over the linear regions in bounded memory, for more of them than memory holds.

    The number of regions and of the facets between them, their volume, and that of the boundary by layer and neuron:
    as `enumerate_regions` gives them, but no region outlives its block.

    Parameters
    ----------
    network : Network
    domain : Domain
        One, of at most six dimensions; not `Space`, where all of these are infinite.
    max_regions, n_jobs, executor, progress
        As in `enumerate_regions`.

    Returns
    -------
    RegionSums

    Raises
    ------
    InvalidInput, BudgetExceeded, OutOfMemory
        As in `enumerate_regions`.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1], [0]])
    >>> sums = lr.sum_regions(network, lr.Box([-1, -1], [1, 1]))
    >>> sums.count, sums.n_facets, sums.volume
    (5, 5, 4.0)
    >>> sums.boundary_volume(by="neuron").round(3).tolist()
    [2.0, 2.0, 1.414]
    """
    _check(network, [domain], "vertices", max_regions, n_jobs, executor, progress)
    with one_blas_thread():
        program = compile_network(network)
        if domain.dim == 1:
            regions = _lines(network, program, [domain], max_regions)[0]
            sums = sums_of(regions.geometry, len(program.label_step))
            return RegionSums(len(regions), regions.per_layer, regions.certificate, program, sums)
        _, tally = _tally(network, domain, Wanted.SUMS, "vertices", max_regions, n_jobs, executor, progress)
    assert tally.sums is not None
    return RegionSums(*_counted(program, tally.per_step, _certificate(tally)), program, tally.sums)


def _tally(
    network: Network, domain: Domain, wanted: Wanted, method: Method, max_regions: int | None, n_jobs: int,
    executor: Executor | None, progress: bool,
) -> tuple[Settler, Tally[Any]]:  # fmt: skip
    """Run the engine of two dimensions, that of up to six, or that of linear programs."""
    program, chart = compile_network(network), domain.halfspace_chart() if _by_lp(domain, method) else domain.chart()
    (settler,) = make_settlers(program, chart)
    steps = len(program.steps), _layers(program), max_regions
    if isinstance(chart, SpaceChart):
        if wanted is Wanted.SUMS:
            raise invalid("domain", "be bounded, for volumes to be finite", domain)
        budget = Budget(*steps, parts=len(chart.cells))  # all of them convex, so that each cuts a region once at most
        wanted = Wanted.PATTERNS if wanted is Wanted.NUMBER else wanted
        with enough_memory(lambda: budget.known), _workers(budget, n_jobs, executor, progress) as workers:
            engine = Solids(compile_network(homogenized(network)), settler, wanted=wanted, budget=budget)
            tally = put_together(program, engine.enumerate(chart, workers))
        Budget(*steps).correct(tally.per_step)
        return settler, tally
    budget = Budget(*steps)
    with enough_memory(lambda: budget.known), _workers(budget, n_jobs, executor, progress) as workers:
        if isinstance(chart, HalfspaceChart):
            return settler, Halfspaces(program, settler, wanted=wanted, budget=budget).enumerate(chart, workers)
        if isinstance(chart, SolidChart):
            return settler, Solids(program, settler, wanted=wanted, budget=budget).enumerate(chart, workers)
        assert isinstance(chart, PlaneChart)
        return settler, Plane(program, settler, wanted=wanted, budget=budget).enumerate(chart, workers)


def _by_lp(domain: Domain, method: Method) -> bool:
    return method == "lp" or (method == "auto" and domain.dim > LARGEST_DIMENSION)


def _check(
    network: Network, domains: Sequence[object], method: Method, max_regions: int | None, n_jobs: int,
    executor: Executor | None, progress: bool,
) -> None:  # fmt: skip
    if not isinstance(network, Network):
        raise invalid("network", "be a Network (see Network.from_torch, Network.from_arrays)", type(network).__name__)
    if not is_one_of(method, "auto", "vertices", "lp"):
        raise invalid("method", 'be "auto", "vertices" or "lp"', repr(method))
    for domain in domains:
        if not isinstance(domain, Domain):
            rule = "be a Box, Polytope, Space, Slice, Segment, Line or Polyline (ConvexSet: count_regions, explore)"
            raise invalid("domain", rule, type(domain).__name__)
        if domain.n_inputs != network.n_inputs:
            raise invalid("domain", f"lie in {network.n_inputs} dimensions, as the inputs do", domain.n_inputs)
        if domain.dim > LARGEST_DIMENSION and not _by_lp(domain, method):
            raise invalid("domain", f"have at most {LARGEST_DIMENSION} dimensions for its cells' corners", domain.dim)
        if domain.dim < 2 and method == "lp":
            raise invalid("domain", 'have two dimensions or more for method="lp"', domain.dim)
        if domain.dim > 1 and len(domains) > 1:
            raise invalid("domain", "be one domain, or a sequence of curves", f"a sequence with {domain!r}")
    if not domains:
        raise invalid("domain", "hold at least one curve", "none")
    if max_regions is not None and not is_whole(max_regions, 1):
        raise invalid("max_regions", "be at least 1, a whole number", max_regions)
    if not (is_whole(n_jobs, 1) or is_whole(n_jobs, -1, -1)):
        raise invalid("n_jobs", "be a positive number of threads, or -1 for one per core", n_jobs)
    if not (executor is None or isinstance(executor, Executor)):
        raise invalid("executor", "be a concurrent.futures.Executor", type(executor).__name__)
    flag(progress, "progress")


def _layers(program: Program) -> list[int]:
    return [i for i, step in enumerate(program.steps) if step.has_units]


@contextmanager
def _workers(budget: Budget, n_jobs: int, executor: Executor | None, progress: bool) -> Iterator[Workers]:
    if executor is not None or n_jobs == 1:
        yield Workers(executor, budget, progress=progress)
        return
    pool = ThreadPoolExecutor(None if n_jobs == -1 else n_jobs, thread_name_prefix="regions")
    try:
        yield Workers(pool, budget, progress=progress)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _lines(network: Network, program: Program, domains: list[Domain], max_regions: int | None) -> list[Regions]:
    """Enumerate along several curves at once, their chains one after the other."""
    charts = [domain.line_chart() for domain in domains]
    settlers = [settler for chart in charts for settler in make_settlers(program, chart)]
    budget = Budget(len(program.steps), _layers(program), max_regions)
    with enough_memory(lambda: budget.known), BUFFERS.lent() as buffers:
        stretch, outcome = Line(program, settlers, budget, buffers).run(start_stretch(program, charts))
        cells = cells_of(program, stretch)
    certificate = Certificate(outcome.signs, outcome.double_signs, outcome.exact_signs)
    budget.correct(cells.per_step.sum(axis=0))  # now with the corners that a hyperplane passes through
    per_layer = cells.per_step[:, _layers(program)]
    results = []
    first_settler = 0
    for number, (domain, chart) in enumerate(zip(domains, charts, strict=True)):
        own = tuple(settlers[first_settler : first_settler + len(chart.charts)])
        part = slice(*cells.offset[number : number + 2])
        vertices = slice(part.start + number, part.stop + number + 1)
        piece = np.minimum(cells.segment[vertices] - first_settler, len(own) - 1).astype(np.int32)
        geometry = LineComplex(cells.t[vertices], cells.error[vertices], cells.label[vertices], piece)
        first_settler += len(own)
        packed = tuple(p[part] for p in cells.patterns)
        regions = Regions(network, domain, program, own, geometry, packed, per_layer[number], certificate)
        results.append(regions)
    return results
