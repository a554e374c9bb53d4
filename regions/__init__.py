"""The exact linear regions of piecewise-linear neural networks.

``import linear_regions as lr`` is cheap: a public name is loaded from its module when it is first used, so numba, scipy
and matplotlib are imported only by what needs them, and torch only by what is given a torch module.
"""

from __future__ import annotations

if __name__ != "linear_regions":
    raise ImportError(
        f"the folder {__name__!r} is the source of linear_regions and is never imported under its own name: "
        "run `pip install -e .` in the folder that holds pyproject.toml, then `import linear_regions`"
    )

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import estimators as estimators
    from . import lp as lp
    from .certificate import Certificate as Certificate
    from .complex import Regions as Regions
    from .convex import ConvexSet as ConvexSet
    from .curves import CurveRegions as CurveRegions
    from .curves import curve_regions as curve_regions
    from .domain import Box as Box
    from .domain import Ellipse as Ellipse
    from .domain import Line as Line
    from .domain import Polyline as Polyline
    from .domain import Polytope as Polytope
    from .domain import Segment as Segment
    from .domain import Slice as Slice
    from .domain import Space as Space
    from .enumerate import count_regions as count_regions
    from .enumerate import enumerate_regions as enumerate_regions
    from .enumerate import sum_regions as sum_regions
    from .errors import BudgetExceeded as BudgetExceeded
    from .errors import InvalidInput as InvalidInput
    from .errors import InvariantViolated as InvariantViolated
    from .errors import LinearRegionsError as LinearRegionsError
    from .errors import MissingExtra as MissingExtra
    from .errors import OutOfMemory as OutOfMemory
    from .errors import UnsupportedModule as UnsupportedModule
    from .estimators import distance_to_boundary as distance_to_boundary
    from .nearest import Nearest as Nearest
    from .nearest import nearest_boundary as nearest_boundary
    from .neighborhood import Neighborhood as Neighborhood
    from .neighborhood import explore as explore
    from .network import Network as Network
    from .network import load_network as load_network
    from .region_count import RegionCount as RegionCount
    from .region_count import RegionSums as RegionSums
    from .store import load_regions as load_regions
    from .validation import Validation as Validation
    from .validation import validate as validate

__version__ = "0.1.0"

_MODULE_OF = {
    "Box": "domain",
    "BudgetExceeded": "errors",
    "OutOfMemory": "errors",
    "Certificate": "certificate",
    "ConvexSet": "convex",
    "CurveRegions": "curves",
    "Ellipse": "domain",
    "InvalidInput": "errors",
    "InvariantViolated": "errors",
    "Line": "domain",
    "LinearRegionsError": "errors",
    "MissingExtra": "errors",
    "Nearest": "nearest",
    "Neighborhood": "neighborhood",
    "Network": "network",
    "Polyline": "domain",
    "Polytope": "domain",
    "RegionCount": "region_count",
    "RegionSums": "region_count",
    "Regions": "complex",
    "Segment": "domain",
    "Slice": "domain",
    "Space": "domain",
    "UnsupportedModule": "errors",
    "Validation": "validation",
    "count_regions": "enumerate",
    "curve_regions": "curves",
    "distance_to_boundary": "estimators",
    "enumerate_regions": "enumerate",
    "explore": "neighborhood",
    "load_network": "network",
    "load_regions": "store",
    "nearest_boundary": "nearest",
    "sum_regions": "enumerate",
    "validate": "validation",
}

_MODULES = ("estimators", "lp")

__all__ = ["__version__", *_MODULES, *_MODULE_OF]

if not TYPE_CHECKING:  # a type checker that saw this function would accept any name

    def __getattr__(name: str) -> object:
        """Load a public name from its module, once."""
        if name in _MODULES:
            return import_module(f".{name}", __name__)
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
