"""A suite of networks and domains with exact answers, for regression benchmarks of enumerators and estimators.

The numbers of each network stand in ``data/reference.json``, written by ``scripts/make_reference.py``; counts there are
certified, lengths and volumes are float64.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from .curves import curve_regions
from .domain import Domain, Ellipse, Polyline, Segment, Slice, domain_from_dict
from .enumerate import enumerate_regions
from .errors import invalid
from .network import Network
from .network.cast import as_list, is_one_of

if TYPE_CHECKING:
    from .estimators import Estimate
    from .validation import Validation

CLOSE = 1e-9  # relative, for answers that are not whole numbers

QUANTITIES = ("boundary_volume", "image_length", "jacobian_norm", "regions", "transitions")
"""What estimators can be scored on."""


@dataclass(frozen=True, eq=False)
class ReferenceCase:
    """A network on a domain, and what is known of it.

    Attributes
    ----------
    name : str
    about : str
    network : Network
    domain : Domain
        Or a curve.
    answers : dict
        On a domain: `regions`, `per_layer`, `f_vector`, `distinct_maps`, `facets`, `volume`, `boundary_volume`,
        `boundary_by_layer` and `jacobian_norm`, the mean Frobenius norm of the Jacobian by the inputs. On a curve:
        `pieces`, `transitions`, `transitions_by_layer`, `image_lengths` of each layer and the output, and
        `image_length` of the output.
    """

    name: str
    about: str
    network: Network
    domain: Domain
    answers: dict[str, Any]

    def __repr__(self) -> str:
        """The name and the problem."""
        return f"ReferenceCase({self.name!r}, {self.network!r} on {self.domain!r})"


def load_reference() -> list[ReferenceCase]:
    """The suite.

    Examples
    --------
    >>> from linear_regions.reference import load_reference
    >>> [case] = [case for case in load_reference() if case.name == "tent-10"]
    >>> case.answers["pieces"]
    1024
    """
    return list(_cases())


@cache
def _cases() -> tuple[ReferenceCase, ...]:
    content = json.loads(files("linear_regions.data").joinpath("reference.json").read_text(encoding="utf-8"))
    return tuple(
        ReferenceCase(own["name"], own["about"], *problem(own["network"], own["domain"]), own["answers"])
        for own in content["cases"]
    )


def problem(network: dict[str, Any], domain: dict[str, Any]) -> tuple[Network, Domain]:
    """A network and a domain from what the file says of them."""
    if network.get("demo") is not None:
        from .data import load_demo

        case = load_demo(epoch=network["demo"])
        made = Network.from_arrays(case.weights, case.biases)
        kinds: dict[str, Callable[[Any], Domain]] = {"plane": Slice.through, "ellipse": Ellipse.through}
        return made, kinds[domain["through"]](case.images_012)
    made = Network.from_arrays(network["weights"], network["biases"], network["activation"])
    arrays = {key: value if isinstance(value, str) else np.array(value) for key, value in domain.items()}
    return made, domain_from_dict(arrays)


def answers_of(network: Network, domain: Domain) -> dict[str, Any]:
    """All that is asked of a case."""
    if isinstance(domain, Segment | Polyline | Ellipse):
        curve = curve_regions(network, domain)
        lengths = curve.image_lengths.tolist()
        return {
            "pieces": len(curve),
            "transitions": curve.transitions,
            "transitions_by_layer": curve.transitions_by("layer").tolist(),
            "image_lengths": lengths,
            "image_length": lengths[-1],
        }
    regions = enumerate_regions(network, domain)
    regions.check()
    return {
        "regions": len(regions),
        "per_layer": regions.per_layer.tolist(),
        "f_vector": list(regions.f_vector),
        "distinct_maps": regions.count("R6"),
        "facets": len(regions.facets.neuron),
        "volume": float(regions.volumes.sum()),
        "boundary_volume": float(regions.boundary_volume()),
        "boundary_by_layer": regions.boundary_volume(by="layer").tolist(),
        "jacobian_norm": regions.mean_jacobian_norm("logits"),
    }


def differences(case: ReferenceCase) -> Iterator[str]:
    """Compute the answers of a case again: what differs from those of the suite."""
    found = answers_of(case.network, case.domain)
    for key, expected in case.answers.items():
        ours, theirs = np.array(found[key]), np.array(expected)
        same = ours.shape == theirs.shape and (
            np.array_equal(ours, theirs) if theirs.dtype.kind == "i" else np.allclose(ours, theirs, rtol=CLOSE, atol=0)
        )
        if not same:
            yield f"{case.name}: {key} is {found[key]}, and in the suite {expected}"


def chosen(names: Sequence[str] | None) -> list[ReferenceCase]:
    """The cases of these names, or all."""
    known = {case.name: case for case in load_reference()}
    wanted = list(known) if names is None else as_list(names, "cases", "names of cases")
    for name in wanted:
        if not is_one_of(name, *known):
            raise invalid("cases", "be names of cases of the suite (see linear-regions reference list)", repr(name))
    return [known[name] for name in wanted]


def score(
    estimator: Callable[..., Estimate],
    quantity: str,
    *,
    n: int = 1000,
    seeds: int = 20,
    cases: Sequence[str] | None = None,
    **options: Any,
) -> dict[str, Validation]:
    """Run an estimator over all cases that have a quantity; see `validate`.

    Parameters
    ----------
    estimator : callable
        As for `validate`.
    quantity : str
        One of `QUANTITIES`.
    n, seeds
        The size of samples, and how many there are.
    cases : sequence of str, optional
        Names of those to take; by default all.
    **options
        For the estimator.

    Returns
    -------
    dict of str to Validation
        By the cases' names.

    Raises
    ------
    InvalidInput
        If there is no such quantity or case.
    """
    from .validation import validate

    if not is_one_of(quantity, *QUANTITIES):
        raise invalid("quantity", f"be one of {QUANTITIES}", repr(quantity))
    found = {}
    for case in chosen(cases):
        if quantity in case.answers:
            truth = float(case.answers[quantity])
            try:
                found[case.name] = validate(
                    estimator, case.network, case.domain, truth=truth, sizes=[n], seeds=seeds, **options
                )
            except Exception as error:
                error.add_note(f"The case of the reference suite was {case.name!r}.")
                raise
    return found
