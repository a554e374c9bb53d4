"""Estimators against the exact answer: bias, standard errors, coverage of intervals, over sample sizes and dtypes."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .curves import curve_regions
from .domain import Domain
from .domain.curves import Curve
from .enumerate import count_regions, enumerate_regions
from .errors import InvalidInput, MissingExtra, invalid
from .network import Network
from .network.cast import MOST_SAMPLES, as_list, is_whole, real

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .estimators import Estimate

# estimators whose exact answers are known
_OF_CURVES = ("transitions", "trajectory_length")
_OF_DOMAINS = ("boundary_volume", "unique_patterns", "region_count", "jacobian_norm")


class Row(NamedTuple):
    """What the estimates of one size and dtype come to, over the seeds.

    Attributes
    ----------
    n : int
        Size of the sample.
    dtype : str
    seeds : int
    mean : float
    bias : float
        The mean less the exact answer.
    z_score : float
        The bias over its standard error, by the spread of the estimates; NaN if they do not differ.
    spread : float
        Standard deviation of the estimates.
    standard_error : float
        The mean of those that the estimator states.
    coverage : float
        Share of the stated intervals that hold the exact answer; NaN if no standard errors are stated.
    """

    n: int
    dtype: str
    seeds: int
    mean: float
    bias: float
    z_score: float
    spread: float
    standard_error: float
    coverage: float


@dataclass(frozen=True, eq=False)
class Validation:
    """How an estimator does.

    Attributes
    ----------
    estimator : str
    truth : float
    level : float
        Of the confidence intervals.
    rows : tuple of Row
        One for each dtype and size.
    values : tuple of tuple of float
        The estimates of each row.
    """

    estimator: str
    truth: float
    level: float
    rows: tuple[Row, ...]
    values: tuple[tuple[float, ...], ...]

    def __str__(self) -> str:
        """A table."""
        lines = [f"{self.estimator}: exact answer {self.truth:.9g}, intervals of {self.level:.0%}"]
        names, widths = "n dtype seeds mean bias z spread stated cover".split(), (9, 8, 5, 12, 10, 6, 9, 9, 6)
        lines.append(" ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)))
        for r in self.rows:
            lines.append(
                f"{r.n:>9} {r.dtype:>8} {r.seeds:>5} {r.mean:>12.6g} {r.bias:>10.3g} {shown(r.z_score, '.2f'):>6} "
                f"{shown(r.spread, '.3g'):>9} {shown(r.standard_error, '.3g'):>9} {shown(r.coverage, '.1%'):>6}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """All of it as JSON has it; what is not a number is None."""
        record: dict[str, Any] = _plain(asdict(self) | {"rows": [row._asdict() for row in self.rows]})
        return record

    def save(self, path: str | PathLike[str]) -> None:
        """Write `record` to a JSON file."""
        try:
            Path(path).write_text(json.dumps(self.record(), indent=1, allow_nan=False), encoding="utf-8")
        except (TypeError, ValueError, OSError) as error:  # no path at all, a null character, no place for a file
            raise invalid("path", "name a file that can be written", f"{path!r} ({error})") from error

    def plot(self, ax: Axes | None = None) -> Axes:
        """The estimates over the size of the sample, one colour a dtype, and the exact answer."""
        from .plot import axes_of

        ax = axes_of(ax)
        for number, dtype in enumerate(dict.fromkeys(row.dtype for row in self.rows)):
            own = [(row, v) for row, v in zip(self.rows, self.values, strict=True) if row.dtype == dtype]
            n = np.concatenate([np.full(len(v), row.n) for row, v in own])
            ax.plot(n, np.concatenate([v for _, v in own]), ".", color=f"C{number}", alpha=0.4, label=dtype)
            ax.plot([row.n for row, _ in own], [row.mean for row, _ in own], color=f"C{number}")
        ax.axhline(self.truth, color="black", linewidth=1, label="exact")
        ax.set(xlabel="size of the sample", ylabel=self.estimator)
        if np.isfinite([v for own in self.values for v in own]).any():
            ax.set_xscale("log")
        sizes = sorted({row.n for row in self.rows})
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.minorticks_off()
        ax.legend()
        return ax


def shown(value: float, form: str) -> str:
    """A number in a table, a dash if it is none."""
    return "-" if math.isnan(value) else format(value, form)


def validate(
    estimator: Callable[..., Estimate],
    network: Network,
    domain: Domain,
    *,
    truth: float | Callable[[Network, Domain], float] | None = None,
    sizes: Sequence[int] = (1000, 4000, 16000),
    seeds: int = 20,
    dtypes: Sequence[str] = ("float64",),
    level: float = 0.95,
    **options: Any,
) -> Validation:
    """Run an estimator for many seeds and compare it with the exact answer.

    Parameters
    ----------
    estimator : callable
        Of this library, or any that is called as ``estimator(network, domain, n=..., generator=..., dtype=...)`` with
        the options, and returns an `Estimate`; the dtype is one of torch. One without `generator` is run once for each
        size; its size may be called `k`.
    network : Network
    domain : Domain
        Or a curve.
    truth : float or callable, optional
        The exact answer, or what gives it of the network and the domain. Known for `transitions`, `trajectory_length`,
        `boundary_volume`, `unique_patterns`, `region_count` and `jacobian_norm`.
    sizes : sequence of int
    seeds : int
        The generators' seeds are 0, 1, ...
    dtypes : sequence of str
        As "float32".
    level : float
        Of the confidence intervals.
    **options
        For the estimator.

    Returns
    -------
    Validation

    Raises
    ------
    MissingExtra
        If torch is not installed.
    InvalidInput
        If an argument does not fit, or the exact answer has to be given.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1]], [[1, 1]]], [[0, 0], [0]])
    >>> result = lr.validate(lr.estimators.boundary_volume, network, lr.Box([-1, -1], [1, 1]), sizes=[200], seeds=10)
    >>> result.truth, abs(result.rows[0].z_score) < 4
    (4.0, True)
    """
    torch = _torch()
    if not callable(estimator):
        raise invalid("estimator", "be callable", type(estimator).__name__)
    if not is_whole(seeds, 1, MOST_SAMPLES):
        raise invalid("seeds", "be a positive whole number, at most 2**31", seeds)
    if not 0 < real(level) < 1:
        raise invalid("level", "lie between 0 and 1", level)
    names = as_list(dtypes, "dtypes", "names of dtypes")
    kinds = [getattr(torch, name, None) if isinstance(name, str) else None for name in names]
    if not kinds or not all(isinstance(kind, torch.dtype) for kind in kinds):
        raise invalid("dtypes", 'hold names of dtypes, as "float32"', f"{dtypes!r}")
    numbers = [_size(n) for n in as_list(sizes, "sizes", "numbers of samples")]
    if not numbers:
        raise invalid("sizes", "hold a number of samples or more", numbers)
    name = getattr(estimator, "__name__", type(estimator).__name__)
    size, draws = _call(estimator, options, "" if truth is not None else _unknown(name, domain))
    exact = _exact_answer(name, network, domain, truth, options)

    def run(n: int, kind: object, seed: int) -> Estimate:
        given = {"generator": torch.Generator("cpu").manual_seed(seed)} if draws else {}
        with _own_settings():
            return _estimate(estimator(network, domain, **{size: n}, dtype=kind, **given, **options))

    rows, values = [], []
    for kind in kinds:
        for n in numbers:
            found = [run(n, kind, seed) for seed in range(seeds if draws else 1)]
            rows.append(_row(found, exact, n, str(kind).removeprefix("torch."), float(level)))
            values.append(tuple(e.value for e in found))
    return Validation(name, exact, float(level), tuple(rows), tuple(values))


def _size(n: object) -> int:
    if not is_whole(n, 1, MOST_SAMPLES):
        raise invalid("sizes", "hold positive whole numbers, at most 2**31", n)
    return int(n)


def _call(estimator: Callable[..., Estimate], options: dict[str, Any], more: str) -> tuple[str, bool]:
    """What an estimator calls its size, and whether it takes a generator; all that it cannot do is said at once."""
    try:
        own = list(inspect.signature(estimator).parameters.values())
    except (TypeError, ValueError) as error:
        raise _refused(options, [str(error)], more) from error
    kinds = inspect.Parameter
    takes_all = any(p.kind is kinds.VAR_KEYWORD for p in own)
    places = [p for p in own if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    rest = [p for p in own if p not in places[:2] and p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    names = {p.name for p in rest if p.kind is not kinds.POSITIONAL_ONLY}
    size, draws = "k" if "k" in names and "n" not in names else "n", takes_all or "generator" in names
    given = [size, *(["generator"] if draws else []), "dtype", *sorted(options)]
    if taken := sorted({size, "dtype", "generator"} & set(options)):
        raise invalid("options", "leave to validate what it sets itself", taken)
    problems = []
    if len(places) < 2 and not any(p.kind is kinds.VAR_POSITIONAL for p in own):
        problems.append("takes no network and domain as its first two arguments")
    if not takes_all:
        problems += [f"takes no {'n or k' if name == 'n' else name}" for name in given if name not in names]
    problems += [f"needs {p.name} as well" for p in rest if p.default is kinds.empty and p.name not in given]
    if problems:
        raise _refused(options, problems, more)
    return size, draws


def _refused(options: dict[str, Any], problems: list[str], more: str) -> InvalidInput:
    rule = f"be callable with network, domain, n, generator, dtype and the options {sorted(options)}, "
    rule += "and return an Estimate"
    return invalid("estimator", rule, f"one that {', '.join(problems)}{f'; {more}' if more else ''}")


def _estimate(found: object) -> Estimate:
    """What an estimator returns, with plain numbers."""
    from .estimators import Estimate

    if not isinstance(found, Estimate):
        raise invalid("estimator", "return an Estimate (see linear_regions.estimators)", type(found).__name__)
    return replace(found, value=float(found.value), standard_error=float(found.standard_error))


def _row(found: list[Estimate], exact: float, n: int, dtype: str, level: float) -> Row:
    values, errors = (np.array([getattr(e, name) for e in found]) for name in ("value", "standard_error"))
    spread = float(values.std(ddof=1)) if len(found) > 1 else math.nan
    bias = float(values.mean()) - exact
    covered = [low <= exact <= high for low, high in (e.interval(level) for e in found)]
    known = np.isfinite(values).all() and np.isfinite(errors).all()
    return Row(
        n=int(n),
        dtype=dtype,
        seeds=len(found),
        mean=float(values.mean()),
        bias=bias,
        z_score=bias / (spread / math.sqrt(len(found))) if spread > 0 else math.nan,
        spread=spread,
        standard_error=float(errors.mean()),
        coverage=float(np.mean(covered)) if known else math.nan,
    )


def _exact_answer(name: str, network: Network, domain: Domain, truth: object, options: dict[str, Any]) -> float:
    if truth is not None:
        given = truth(network, domain) if callable(truth) else truth
        if math.isnan(number := real(given)):
            raise invalid("truth", "be a finite number, or give one of the network and the domain", repr(given))
        return number
    if unknown := _unknown(name, domain):
        raise InvalidInput(unknown)
    if name in _OF_CURVES:
        assert isinstance(domain, Curve)
        curve = curve_regions(network, domain)
        return float(curve.transitions if name == "transitions" else curve.image_lengths[-1])
    if name == "boundary_volume":
        return enumerate_regions(network, domain).boundary_volume()
    if name in ("unique_patterns", "region_count"):
        return float(count_regions(network, domain))
    return enumerate_regions(network, domain).mean_jacobian_norm(options.get("output", "softmax"))


def _unknown(name: str, domain: Domain) -> str:
    """Why the exact answer has to be given; empty where it is known."""
    if name in _OF_DOMAINS or (name in _OF_CURVES and isinstance(domain, Curve)):
        return ""
    known = ", ".join((*_OF_CURVES, *_OF_DOMAINS))
    return str(invalid("truth", f"be given for {name} on this domain (it is known for {known})", "None"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _own_settings() -> AbstractContextManager[None]:
    from .estimators.settings import own_settings

    return own_settings()


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("validate needs PyTorch: pip install 'linear-regions[torch]'") from error
    return torch
