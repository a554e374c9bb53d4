"""Networks in .npz files: plain arrays, never pickle. Files are untrusted: sizes are bounded before memory is taken."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import prod
from os import PathLike
from os.path import isfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from linear_regions.errors import InvalidInput, enough_memory, invalid

from .affine import Affine
from .network import Network
from .units import Activation, Unit

FORMAT_KEY = "linear_regions_format"
FORMAT_VERSION = 2
MAX_BYTES = 2**30  # of all arrays together: 134 million float64 weights, far beyond what can be enumerated

MAX_TEXT_BYTES = 4 * 4096  # of one slope or intercept, so that reducing a fraction stays cheap

_PLAIN_KEY = re.compile(r"([Wb])(0|[1-9][0-9]{0,5})|relu")
_SAVED_KEY = re.compile(
    rf"kind(0|[1-9][0-9]{{0,5}})|units_follow|unit_(pieces|breakpoints|slopes|intercepts)|{FORMAT_KEY}"
)
_RATIONAL = re.compile(r"(-?[0-9a-f]+)/([0-9a-f]+)")
_ACCEPTED = (
    "a .npz file written by Network.save, or one with arrays W0, b0, W1, b1, ... (W of shape (n_out, n_in)) "
    "and optionally relu (one bool per layer)"
)
Arrays = dict[str, NDArray[Any]]


@enough_memory()
def load_network(path: str | PathLike[str]) -> Network:
    """Read a network from a file, chosen by its suffix.

    ``.npz`` holds what `Network.save` writes, or plain arrays: ``W0, b0, W1, b1, ...`` with ``W`` of shape
    (n_out, n_in), and optionally ``relu``, one bool per layer that says whether a ReLU follows it. Several affine maps
    may follow each other, and the last layer may end in a ReLU. Without ``relu``, one follows every layer but the last.
    Other arrays in a file of plain arrays are ignored, but for those that only `Network.save` writes: a file with some
    of these must hold them all, with the version of the format, and nothing else.

    Parameters
    ----------
    path : path_like
        The file. It need not be trusted: nothing in it is executed, and arrays of more than 1 GiB together are
        refused before they are read.

    Returns
    -------
    Network

    Raises
    ------
    InvalidInput
        If there is no such file, it is damaged, incomplete or of another kind, or the numbers in it break the rules
        of `Network.from_arrays`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 2]], [[3]]], [[0], [1]], "hardsigmoid")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network.save(pathlib.Path(folder) / "small.npz")
    ...     lr.load_network(pathlib.Path(folder) / "small.npz") == network
    True
    """
    file = npz_path(path)
    if not isfile(file):
        raise invalid("path", "name an existing file", f"{str(file)!r}")
    try:
        arrays = read_arrays(file, MAX_BYTES, _keys_to_read)
    except MemoryError:
        raise
    except Exception as error:  # the zip and npy parsers meet damage with a dozen kinds of errors
        raise InvalidInput(f"{str(file)!r} must be {_ACCEPTED}; {str(error) or type(error).__name__}") from error
    try:
        return _build_plain(arrays) if all(map(_PLAIN_KEY.fullmatch, arrays)) else network_from_arrays(arrays)
    except ValueError as error:
        raise InvalidInput(f"{str(file)!r} must be {_ACCEPTED}; {error}") from error


def save_network(network: Network, path: str | PathLike[str]) -> None:
    """Write what `load_network` reads; see `Network.save`."""
    write_arrays(npz_path(path), network_arrays(network))


def network_arrays(network: Network) -> Arrays:
    """A network as plain arrays; `network_from_arrays` undoes it."""
    distinct = dict.fromkeys(unit for activation in network.activations for unit in activation.units)
    units = {unit: i for i, unit in enumerate(distinct)}
    arrays: Arrays = {
        FORMAT_KEY: np.array(FORMAT_VERSION),
        "unit_pieces": np.array([len(unit.slopes) for unit in units], dtype=np.int64),
        "unit_breakpoints": np.array([tau for unit in units for tau in unit.breakpoints], dtype=np.float64),
        "unit_slopes": _texts(value for unit in units for value in unit.slopes),
        "unit_intercepts": _texts(value for unit in units for value in unit.intercepts),
        "units_follow": np.array([layer.activation is not None for layer in network.layers]),
    }
    for i, layer in enumerate(network.layers):
        arrays[f"W{i}"], arrays[f"b{i}"] = layer.affine.weight, layer.affine.bias
        if layer.activation is not None:
            index = np.array([units[unit] for unit in layer.activation.units], dtype=np.int64)
            arrays[f"kind{i}"] = index[layer.activation.kind]
    return arrays


def network_from_arrays(arrays: Arrays) -> Network:
    """Build a network from what `network_arrays` made, no more and no less."""
    version = _required(arrays, FORMAT_KEY)
    if version.shape != () or version.dtype.kind != "i" or version != FORMAT_VERSION:
        raise invalid(FORMAT_KEY, f"be {FORMAT_VERSION}", version)
    follow = _required(arrays, "units_follow")
    if follow.dtype != np.bool_ or follow.ndim != 1 or not follow.size:
        raise invalid("units_follow", "hold a bool for each layer", _form(follow))
    units = _read_units(arrays)
    ops: list[Affine | Activation] = []
    for i, (affine, followed) in enumerate(zip(_read_affines(arrays, len(follow)), follow, strict=True)):
        ops.append(affine)
        if followed:
            ops.append(_read_kinds(_required(arrays, f"kind{i}"), f"kind{i}", affine.n_outputs, units))
    network = Network.chain(ops)
    refuse_differences(arrays, network_arrays(network))
    return network


def refuse_differences(arrays: Arrays, expected: Arrays) -> None:
    """Raise unless the arrays read are those that saving what they gave would write."""
    for key in sorted(arrays.keys() | expected.keys()):
        if key not in arrays:
            raise InvalidInput(f"{key} is missing")
        if key not in expected:
            raise InvalidInput(f"{key} is no part of what it says that it holds")
        if arrays[key] is not expected[key] and not np.array_equal(arrays[key], expected[key]):
            raise InvalidInput(f"{key} is not as it is written")


def write_arrays(file: Path, arrays: Arrays) -> None:
    """Write a .npz file without compression."""
    try:
        with file.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    except (OSError, ValueError) as error:  # a null character is a ValueError
        raise invalid("path", "name a file that can be written", f"{str(file)!r} ({error})") from error


def npz_path(path: object) -> Path:
    """The argument as a path that ends in .npz."""
    if not isinstance(path, str | PathLike):
        raise invalid("path", "be a str or path", type(path).__name__)
    file = Path(path)
    if file.suffix.lower() != ".npz":
        raise invalid("path", "end in .npz", f"{str(file)!r}")
    return file


def read_arrays(file: Path, max_bytes: int, choose: Callable[[set[str]], set[str]] = set) -> Arrays:
    """Read arrays, all or those chosen by key, refusing what does not fit its headers or exceeds `max_bytes` in all."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            raise InvalidInput("it holds two arrays of the same name")
        wanted = {key: members[key] for key in sorted(choose(set(members)))}
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in wanted.values()):
            raise InvalidInput("its members must be stored or deflated")
        total = sum(info.file_size for info in wanted.values())
        if total > max_bytes:
            raise InvalidInput(f"its arrays must not exceed {max_bytes} bytes together, got {total}")
        return {key: _read_array(archive.open(info), key, info.file_size) for key, info in wanted.items()}


def _read_array(stream: Any, key: str, file_size: int) -> NDArray[Any]:
    """Read one .npy member, `file_size` bytes long by the archive's directory."""
    with stream:
        content = stream.read(file_size)
    header = io.BytesIO(content)
    version = npy.read_magic(header)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise InvalidInput(f"{key} must be in .npy format 1.0 or 2.0, got {version}")
    shape, fortran_order, dtype = read_header(header)
    if dtype.kind not in "bfiuU":
        raise InvalidInput(f"{key} must hold plain numbers, got dtype {dtype}")
    if dtype.kind == "U" and dtype.itemsize > MAX_TEXT_BYTES:
        raise InvalidInput(f"{key} must hold texts of at most {MAX_TEXT_BYTES} bytes, got {dtype.itemsize}")
    received = len(content) - header.tell()
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize != received:
        raise InvalidInput(f"{key} must hold {shape} items of {dtype.itemsize} bytes, got {received} bytes")
    flat = np.frombuffer(content, dtype=dtype, offset=header.tell())
    return flat.reshape(shape, order="F" if fortran_order else "C")


def _keys_to_read(keys: set[str]) -> set[str]:
    """All of them where `save_network` wrote some, to refuse what it does not write; else those of plain arrays."""
    return keys if any(map(_SAVED_KEY.fullmatch, keys)) else {key for key in keys if _PLAIN_KEY.fullmatch(key)}


def _form(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _required(arrays: Arrays, key: str) -> NDArray[Any]:
    if key not in arrays:
        raise InvalidInput(f"{key} is missing")
    return arrays[key]


def _read_affines(arrays: Arrays, n_layers: int) -> list[Affine]:
    """Read W0, b0, W1, b1, ... and check that they fit each other."""
    affines: list[Affine] = []
    for i in range(n_layers):
        names = (f"W{i}", f"b{i}")
        weight, bias = (_required(arrays, name) for name in names)
        affines.append(Affine.from_arrays(weight, bias, names=names, after=affines[-1] if affines else None))
    return affines


def _build_plain(arrays: Arrays) -> Network:
    layers = {int(key[1:]) for key in arrays if key != "relu"}
    affines = _read_affines(arrays, max(layers, default=0) + 1)
    relu = arrays.get("relu", np.arange(len(affines)) < len(affines) - 1)
    if relu.dtype != np.bool_ or relu.shape != (len(affines),):
        raise invalid("relu", f"hold {len(affines)} bools, one per layer", _form(relu))
    ops: list[Affine | Activation] = []
    for affine, followed in zip(affines, relu, strict=True):
        ops.append(affine)
        if followed:
            ops.append(Activation.uniform(Unit.relu(), affine.n_outputs))
    return Network.chain(ops)


def _read_kinds(kind: NDArray[Any], key: str, n: int, units: list[Unit]) -> Activation:
    if kind.dtype.kind != "i" or kind.shape != (n,):
        raise invalid(key, f"hold {n} integers", _form(kind))
    if kind.min() < 0 or kind.max() >= len(units):
        raise invalid(key, f"index the {len(units)} units", f"{kind.min()} to {kind.max()}")
    return Activation.from_units(units[k] for k in kind)


def _read_units(arrays: Arrays) -> list[Unit]:
    keys = ("unit_pieces", "unit_breakpoints", "unit_slopes", "unit_intercepts")
    pieces, breakpoints, slopes, intercepts = (_required(arrays, key).ravel() for key in keys)
    if pieces.dtype.kind != "i":
        raise invalid("unit_pieces", "hold integers", pieces.dtype)
    counts = pieces.tolist()
    lengths = (sum(counts) - len(counts), sum(counts), sum(counts))
    if min(counts, default=1) < 1 or lengths != (len(breakpoints), len(slopes), len(intercepts)):
        raise invalid("unit_pieces", "match the breakpoints, slopes and intercepts", lengths)
    units: list[Unit] = []
    start = 0
    for i, count in enumerate(counts):
        end = start + count
        taus = breakpoints[start - i : end - i - 1].tolist()
        values = ([_rational(text) for text in texts[start:end]] for texts in (slopes, intercepts))
        units.append(Unit(tuple(taus), *(tuple(value) for value in values)))
        start = end
    return units


def _texts(values: Iterable[Fraction]) -> NDArray[Any]:
    """Write rationals as text; hexadecimal, since Python limits the length of decimal conversions."""
    texts = np.array([f"{value.numerator:x}/{value.denominator:x}" for value in values], dtype=np.str_)
    if texts.itemsize > MAX_TEXT_BYTES:
        raise invalid(
            "network", f"have unit slopes and intercepts of at most {MAX_TEXT_BYTES // 4} digits", "longer ones"
        )
    return texts


def _rational(text: str) -> Fraction:
    match = _RATIONAL.fullmatch(str(text))
    if match is None or int(match[2], 16) == 0:
        raise invalid("a slope or intercept of a unit", "be hexadecimal numerator/denominator", repr(str(text)[:40]))
    return Fraction(int(match[1], 16), int(match[2], 16))
