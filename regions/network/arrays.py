"""Networks given as arrays and names: checked, and copied exactly."""

from __future__ import annotations

from collections.abc import Sequence

from linear_regions.errors import invalid

from .affine import Affine
from .cast import as_list
from .units import UNITS_BY_NAME, Activation, Unit

ActivationSpec = str | Unit | Sequence[str | Unit | Sequence[str | Unit]]


def read_affines(weights: object, biases: object) -> list[Affine]:
    """Read and check the layers of `Network.from_arrays`."""
    matrices = as_list(weights, "weights", "matrices, one per layer")
    vectors = as_list(biases, "biases", "vectors (or None), one per layer")
    if not matrices:
        raise invalid("weights", "hold at least one matrix", "none")
    if len(vectors) != len(matrices):
        raise invalid("biases", f"hold {len(matrices)} vectors, one per weight matrix", len(vectors))
    affines: list[Affine] = []
    for i, (matrix, vector) in enumerate(zip(matrices, vectors, strict=True)):
        names = (f"weights[{i}]", f"biases[{i}]")
        affines.append(Affine.from_arrays(matrix, vector, names=names, after=affines[-1] if affines else None))
    return affines


def read_activations(spec: object, widths: list[int]) -> list[Activation]:
    """Read the units of the hidden layers, whose widths are given."""
    if isinstance(spec, str | Unit):
        unit = _read_unit(spec, "activation")
        return [Activation.uniform(unit, n) for n in widths]
    entries = as_list(spec, "activation", "names or units, one entry per hidden layer, or a single one")
    if len(entries) != len(widths):
        raise invalid("activation", f"have {len(widths)} entries, one per hidden layer", len(entries))
    return [
        _read_layer_units(entry, f"activation[{i}]", n)
        for i, (entry, n) in enumerate(zip(entries, widths, strict=True))
    ]


def _read_layer_units(entry: object, name: str, n: int) -> Activation:
    if isinstance(entry, str | Unit):
        return Activation.uniform(_read_unit(entry, name), n)
    units = as_list(entry, name, "names or units, one per neuron, or a single one")
    if len(units) != n:
        raise invalid(name, f"have {n} entries, one per neuron", len(units))
    return Activation.from_units(_read_unit(unit, f"{name}[{j}]") for j, unit in enumerate(units))


def _read_unit(entry: object, name: str) -> Unit:
    if isinstance(entry, Unit):
        return entry
    if isinstance(entry, str) and entry in UNITS_BY_NAME:
        return UNITS_BY_NAME[entry]()
    raise invalid(name, f"be a Unit or one of {', '.join(map(repr, UNITS_BY_NAME))}", repr(entry))
