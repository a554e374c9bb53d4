"""The two compilation presets, and the cache directory that belongs to this state of the kernels.

Numba's on-disk cache looks only at the file that holds a function, so a change in a callee of another file would serve stale machine
code. The cache directory is therefore named by a hash of all kernel sources. Fast-math is never used: it would void every error bound.
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
    base = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "linear-regions"
    )
    return os.path.join(base, digest.hexdigest()[:16])


_CACHE = _cache_directory()


def _compile(function: _F, **options: Any) -> _F:
    """Compile with the cache of this package, leaving numba's global setting as it was."""
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE
    try:
        compiled: _F = numba.njit(**options)(function)
        return compiled
    finally:
        config.CACHE_DIR = before


def scalar(function: _F) -> _F:
    """A small function that is inlined into loops."""
    return _compile(function, inline="always", _nrt=False, error_model="numpy", nogil=True, cache=True)


def loop(function: _F) -> _F:
    """A function that Python calls: releases the GIL, cached on disk."""
    return _compile(function, _nrt=False, error_model="numpy", nogil=True, cache=True)
