"""Compiled kernels: arrays and scalars in, arrays and status codes out; no policy, nothing from the rooms above."""

from __future__ import annotations

if __name__ != "linear_regions.kernels":
    raise ImportError(
        f"the folder {__name__!r} is the source of linear_regions.kernels and is never imported under its own name: "
        "run `pip install -e .` in the folder that holds pyproject.toml, then `import linear_regions`"
    )
