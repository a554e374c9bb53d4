"""Networks: what is enumerated, read from arrays, PyTorch models and files."""

from __future__ import annotations

from .affine import Affine
from .files import load_network
from .network import Layer, Network, Stage
from .units import Activation, Unit

__all__ = ["Activation", "Affine", "Layer", "Network", "Stage", "Unit", "load_network"]
