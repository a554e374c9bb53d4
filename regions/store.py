"""Results in .npz files: plain arrays, never pickle. Files are untrusted: sizes are bounded, indices are checked."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from os.path import isfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate
from .complex import Regions
from .domain import domain_from_dict
from .domain.chart import HalfspaceChart, LineChart, PlaneChart, SolidChart, SpaceChart
from .errors import InvalidInput, enough_memory, invalid
from .geometry import Geometry, LineComplex, PlaneComplex
from .halfspace_complex import HalfspaceComplex
from .measures.patterns import stacked
from .network.files import (
    network_arrays,
    network_from_arrays,
    npz_path,
    read_arrays,
    refuse_differences,
    write_arrays,
)
from .program import Program, compile_network
from .rows import frame_of
from .settle import Settler, make_settlers
from .solid_complex import SolidComplex
from .space_complex import SpaceComplex

FORMAT_KEY = "linear_regions_result"
FORMAT_VERSION = 2

Arrays = dict[str, NDArray[Any]]

_Fields = dict[str, tuple[type, int]]
_FLAT: dict[int, _Fields] = {
    1: {"t": (np.float64, 1), "error": (np.float64, 1), "label": (np.int32, 1), "piece": (np.int32, 1)},
    2: {
        "x": (np.float64, 2),
        "error": (np.float64, 1),
        "ends": (np.int32, 2),
        "label": (np.int32, 1),
        "cell_offsets": (np.int64, 1),
        "half_edges": (np.int32, 1),
    },
}
_SOLID: _Fields = {
    "x": (np.float64, 2),
    "error": (np.float64, 1),
    "cell_offsets": (np.int64, 1),
    "corners": (np.int32, 1),
    "masks": (np.uint64, 2),
    "cell_facet_offsets": (np.int64, 1),
    "facet_labels": (np.int32, 1),
}


_HALFSPACES: _Fields = {
    "inside": (np.float64, 2),
    "constraint_offsets": (np.int64, 1),
    "constraint_labels": (np.int32, 1),
}
_SPACE: _Fields = {**_SOLID, "directions": (np.float64, 2), "whole": (np.int64, 1)}


def save_regions(regions: Regions, path: str | PathLike[str]) -> None:
    """Write what `load_regions` reads; see `Regions.save`."""
    write_arrays(npz_path(path), _result_arrays(regions))


def _result_arrays(regions: Regions) -> Arrays:
    """A result as plain arrays; `_build` undoes it."""
    c = regions.certificate
    arrays: Arrays = {
        FORMAT_KEY: np.array(FORMAT_VERSION),
        "per_layer": regions.per_layer,
        "certificate": np.array([c.signs, c.double_signs, c.exact_signs], np.int64),
    }
    arrays |= {f"network_{key}": value for key, value in network_arrays(regions.network).items()}
    arrays |= {f"domain_{key}": np.asarray(value) for key, value in regions.domain.to_dict().items()}
    known = regions.coarse if isinstance(regions.coarse, HalfspaceComplex) else regions.geometry
    arrays |= {f"cells_{name}": value for name, value in _stored(known).items()}
    return arrays | {f"pattern{i}": packed for i, packed in enumerate(regions.packed_patterns)}


def _stored(geometry: Geometry | HalfspaceComplex) -> Arrays:
    """The arrays that make up a complex."""
    if isinstance(geometry, HalfspaceComplex):
        return {name: getattr(geometry, name) for name in _HALFSPACES}
    if isinstance(geometry, SpaceComplex):
        return {**_stored(geometry.parts), "directions": geometry.directions, "whole": geometry.whole}
    names = _SOLID if isinstance(geometry, SolidComplex) else _FLAT[geometry.dim]
    return {name: getattr(geometry, name) for name in names}


@enough_memory()
def load_regions(path: str | PathLike[str]) -> Regions:
    """Read a result that `Regions.save` wrote.

    Parameters
    ----------
    path : path_like
        The file. It need not be trusted: nothing in it is executed, its arrays must be those that belong to such a
        result, not larger in all than the file, and indices are checked. Whether the cells are those of the network is
        for `Regions.check` to say.

    Returns
    -------
    Regions

    Raises
    ------
    InvalidInput
        If there is no such file, or it is damaged, incomplete or of another kind.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
    >>> regions = lr.enumerate_regions(network, lr.Box([-1, -1], [1, 1]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     regions.save(pathlib.Path(folder) / "four.npz")
    ...     len(lr.load_regions(pathlib.Path(folder) / "four.npz"))
    4
    """
    file = npz_path(path)
    if not isfile(file):
        raise invalid("path", "name an existing file", f"{str(file)!r}")
    try:
        # Regions.save does not compress, so nothing larger than the file can be in it
        return _build(read_arrays(file, file.stat().st_size))
    except MemoryError:
        raise
    except Exception as error:  # damage shows itself in a dozen kinds of errors
        text = str(error) or type(error).__name__
        raise InvalidInput(f"{str(file)!r} must be a .npz file written by Regions.save; {text}") from error


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def _build(arrays: Arrays) -> Regions:
    version = _array(arrays, FORMAT_KEY, np.int64, 0)
    if version != FORMAT_VERSION:
        raise invalid(FORMAT_KEY, f"be {FORMAT_VERSION}", version)
    network = network_from_arrays(_part(arrays, "network_"))
    domain = domain_from_dict(_part(arrays, "domain_"))
    if domain.n_inputs != network.n_inputs:
        raise invalid("domain", f"lie in {network.n_inputs} dimensions, as the inputs do", repr(domain))
    program = compile_network(network)
    chart = domain.halfspace_chart() if "cells_constraint_labels" in arrays else domain.chart()
    patterns = tuple(_array(arrays, f"pattern{i}", np.uint64, 2) for i in range(len(program.steps)))
    settlers = tuple(make_settlers(program, chart))
    geometry: Geometry | HalfspaceComplex
    if isinstance(chart, HalfspaceChart):
        geometry = _halfspaces(arrays, chart, settlers[0], patterns)
    else:
        geometry = _geometry(arrays, domain.dim, program, chart, patterns)
    for i, words in enumerate(patterns):
        if words.shape != (expected := (geometry.n_cells, program.word_count(i))):
            raise invalid(f"pattern{i}", f"hold uint64 of shape {expected}", words.shape)
    per_layer = _array(arrays, "per_layer", np.int64, 1, (len(network.activations),))
    figures = _array(arrays, "certificate", np.int64, 1, (3,)).tolist()
    if min(figures) < 0:
        raise invalid("certificate", "hold numbers of signs", figures)
    regions = Regions(network, domain, program, settlers, geometry, patterns, per_layer, Certificate(*figures))
    refuse_differences(arrays, _result_arrays(regions))
    return regions


def _array(arrays: Arrays, key: str, dtype: type, ndim: int, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """A stored array of the right kind and shape."""
    if key not in arrays:
        raise InvalidInput(f"{key} is missing")
    value = arrays[key]
    if value.dtype != dtype or value.ndim != ndim or shape not in (None, value.shape):
        expected = f"{np.dtype(dtype)} of {f'shape {shape}' if shape else f'{ndim} axes'}"
        raise invalid(key, f"hold {expected}", f"{value.dtype} of shape {value.shape}")
    return np.ascontiguousarray(value) if ndim else value


def _geometry(
    arrays: Arrays, dim: int, program: Program, chart: LineChart | PlaneChart | SolidChart | SpaceChart,
    patterns: tuple[NDArray[np.uint64], ...],
) -> Geometry:  # fmt: skip
    n_labels = program.n_hyperplanes
    fields = _SPACE if isinstance(chart, SpaceChart) else _FLAT.get(dim, _SOLID)
    own = {name: _array(arrays, f"cells_{name}", *kind) for name, kind in fields.items()}
    if not (own["error"] >= 0).all():
        raise invalid("cells_error", "hold numbers from 0 up", own["error"])
    if dim == 1:
        _same_length(own, "t", "error", "label", "piece")
        if len(own["t"]) < 2 or np.isnan(own["t"]).any():
            raise invalid("cells_t", "hold at least two numbers", own["t"])
        _indices(own, "label", -2, n_labels)
        _indices(own, "piece", 0, len(chart.charts))
        return LineComplex(**own)
    if isinstance(chart, SpaceChart):
        return _space(own, _solid(own, dim, n_labels, len(chart.facets)), patterns, program)
    if dim > 2:
        if not np.isfinite(own["x"]).all():
            raise invalid("cells_x", "be finite", "other numbers")
        return _solid(own, dim, n_labels, len(chart.facets))
    _same_length(own, "x", "error")
    _same_length(own, "ends", "label")
    if own["x"].shape[1:] != (2,) or own["ends"].shape[1:] != (2,) or not np.isfinite(own["x"]).all():
        raise invalid("cells_x and cells_ends", "hold finite pairs", f"shapes {own['x'].shape}, {own['ends'].shape}")
    offsets = own["cell_offsets"]
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(own["half_edges"]) or (np.diff(offsets) < 3).any():
        raise invalid("cells_cell_offsets", "run from 0 to the number of half-edges, at least 3 a cell", offsets.shape)
    _indices(own, "ends", 0, len(own["x"]))
    _indices(own, "half_edges", 0, 2 * len(own["ends"]))
    _indices(own, "label", np.iinfo(np.int32).min, n_labels)
    return PlaneComplex(**own)


def _halfspaces(
    arrays: Arrays, chart: HalfspaceChart, settler: Settler, patterns: tuple[NDArray[np.uint64], ...]
) -> HalfspaceComplex:  # fmt: skip
    own = {name: _array(arrays, f"cells_{name}", *kind) for name, kind in _HALFSPACES.items()}
    offsets, labels = own["constraint_offsets"], own["constraint_labels"]
    if own["inside"].shape[1:] != (chart.dim,) or len(offsets) != len(own["inside"]) + 1:
        raise invalid("cells_inside", f"hold points of {chart.dim} coordinates", f"shape {own['inside'].shape}")
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(labels) or (np.diff(offsets) < 0).any():
        raise invalid("cells_constraint_offsets", f"run from 0 to {len(labels)}", offsets.shape)
    _indices(own, "constraint_labels", -len(chart.facets), settler.program.n_hyperplanes)
    pairs = np.column_stack([np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), labels])
    if len(np.unique(pairs, axis=0)) != len(pairs):
        raise invalid("cells_constraint_labels", "be different for each cell", "repeated ones")
    return HalfspaceComplex(**own, patterns=patterns, settler=settler, frame=frame_of(settler.program, chart))


def _solid(own: Arrays, dim: int, n_labels: int, n_facets: int) -> SolidComplex:
    _same_length(own, "x", "error")
    _same_length(own, "corners", "masks")
    _same_length(own, "cell_offsets", "cell_facet_offsets")
    if own["x"].shape[1:] != (dim,):
        raise invalid("cells_x", f"hold points of {dim} coordinates", f"shape {own['x'].shape}")
    for name, values in (("cell_offsets", own["corners"]), ("cell_facet_offsets", own["facet_labels"])):
        offsets = own[name]
        if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) <= dim).any():
            raise invalid(f"cells_{name}", f"run from 0 to {len(values)}, more than {dim} a cell", offsets.shape)
    _indices(own, "corners", 0, len(own["x"]))
    _indices(own, "facet_labels", -n_facets, n_labels)
    geometry = SolidComplex(**{name: own[name] for name in _SOLID})
    if failure := geometry.incidence_failure():
        raise InvalidInput(failure)
    return geometry


def _space(own: Arrays, parts: SolidComplex, patterns: Sequence[NDArray[np.uint64]], program: Program) -> SpaceComplex:
    directions, whole = own["directions"], own["whole"]
    n = int(whole.max(initial=-1)) + 1
    if len(whole) != parts.n_cells or whole.min() < 0 or len(np.unique(whole)) != n:
        raise invalid("cells_whole", f"hold the cell of each of {parts.n_cells} parts", f"{len(whole)} numbers")
    geometry = SpaceComplex(parts, directions, whole, stacked(patterns, n), program.bit_labels)
    if directions.shape != parts.x.shape or (directions.any(axis=1) != geometry.at_infinity).any():
        raise invalid("cells_directions", "be those of the vertices at infinity", "others")
    return geometry


def _same_length(own: Arrays, *names: str) -> None:
    lengths = [len(own[name]) for name in names]
    if len(set(lengths)) > 1:
        raise invalid(" and ".join(f"cells_{name}" for name in names), "have the same length", lengths)


def _indices(own: Arrays, name: str, low: int, high: int) -> None:
    values = own[name]
    if values.size and not low <= values.min() <= values.max() < high:
        raise invalid(f"cells_{name}", f"lie from {low} to {high - 1}", f"{values.min()} to {values.max()}")
