"""The compilation presets, and the cache directory that belongs to this state of the kernels.

Numba's on-disk cache looks only at the file that holds a function, so a change in a callee of another file would
serve stale machine code. The cache directory is therefore named by a hash of all kernel sources. Fast-math is never
used: it would void every error bound. (Sums inside bounds alone may be taken in any order, see `instructions.add`.)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import config

_F = TypeVar("_F", bound=Callable[..., Any])


def _cache_directory() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    digest.update(str(config.BOUNDSCHECK).encode())
    base = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "linear-regions"
    )
    return os.path.join(base, digest.hexdigest()[:16])


_CACHE = _cache_directory()


def _compile(function: _F, **options: Any) -> _F:
    """Compile with the cache of this package, leaving numba's global setting as it was.

    Without reference counts: kernels allocate nothing, and counting array views costs more than their use.
    """
    options |= {"error_model": "numpy", "nogil": True, "cache": True, "_nrt": False}
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE
    try:
        compiled: _F = numba.njit(**options)(function)
        return compiled
    finally:
        config.CACHE_DIR = before


def scalar(function: _F) -> _F:
    """A small function of a few arrays: compiled once, inlined by LLVM."""
    return _compile(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def section(function: _F) -> _F:
    """A part of one loop that takes all of its arrays: inlined early, because passing them costs more than the work.

    Inlining copies the caller each time: keep sections few, and call them from one place.
    """
    return _compile(function, inline="always")


def loop(function: _F) -> _F:
    """A function that Python calls: releases the GIL, cached on disk."""
    return _compile(function, no_cfunc_wrapper=True)
