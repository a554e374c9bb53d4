"""The command ``linear-regions``: count and draw regions from a shell.

Exit codes: 0 done, 1 input that breaks a rule, too little memory or output that cannot be written, 2 wrong usage,
3 budget exceeded, 130 interrupted.
Numerical modules are imported by the commands that need them, so ``--help`` and ``--version`` answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from inspect import signature
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import BudgetExceeded, InvariantViolated, LinearRegionsError, invalid

if TYPE_CHECKING:
    from .certificate import Certificate
    from .domain import Domain
    from .network import Network

OK, FAILED, OVER_BUDGET, INTERRUPTED = 0, 1, 3, 130
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")

_NEGATIVE = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)
_PROBLEM = "MODEL DOMAIN"
_COUNT_KEYS = "command, version, model, domain, regions, per_layer, certificate, seconds"
_DEMO_KEYS = "command, version, network, neurons, warm_seconds, epochs, figure"
_EPILOG = "exit codes: 0 done, 1 input that breaks a rule, 2 wrong usage, 3 budget exceeded, 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those of the process.

    Returns
    -------
    int
        The exit code: 0 done, 1 input that breaks a rule, 3 budget exceeded, 130 interrupted. Wrong usage leaves
        through ``SystemExit(2)``, as always with argparse.

    Examples
    --------
    >>> from linear_regions.cli import main
    >>> main(["count", "missing.npz", "--box", "-1", "1"])
    1
    """
    try:
        # A leading space keeps argparse from taking the point -1,0 for an option.
        arguments = [f" {a}" if _NEGATIVE.match(a) else a for a in (sys.argv[1:] if argv is None else argv)]
        try:
            options = _parser().parse_args(arguments)
            options.run(options)
        finally:
            sys.stdout.flush()
    except BudgetExceeded as error:
        return _fail(error, OVER_BUDGET)
    except LinearRegionsError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:  # of our output: files are told apart where they are read and written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing may be flushed to it at exit either
        if not isinstance(error, BrokenPipeError):  # a reader that has left wants no message
            print("error: the output cannot be written:", error.strerror, file=sys.stderr)
        return FAILED
    return OK


def _fail(error: Exception, code: int) -> int:
    text = " ".join([str(error), *getattr(error, "__notes__", [])])
    print("error:", " ".join(text.split()), file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="linear-regions",
        description="The exact linear regions of piecewise-linear neural networks.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"linear-regions {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_count(commands)
    _add_plot(commands)
    _add_reference(commands)
    return parser


def _add_command(commands: Any, name: str, run: Any, usage: str, text: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        usage=f"linear-regions {name} {usage}",
        epilog=f"example:\n  {example}\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="threads, -1 for one per core (default: 1)")
    return parser


def _add_demo(commands: Any) -> None:
    text = "find, measure and draw the regions of a network trained on MNIST, at three moments of its training"
    parser = _add_command(commands, "demo", _demo, "[options]", text, "linear-regions demo --epoch 20 --jobs 2")
    parser.add_argument("--epoch", type=int, choices=(0, 1, 20), help="this moment only (default: all three)")
    parser.add_argument(
        "--output", default=".", metavar="DIR", help="an existing folder for the figure (default: this one)"
    )
    parser.add_argument("--json", action="store_true", help=f"print one JSON object: {_DEMO_KEYS}")


def _add_reference(commands: Any) -> None:
    text = "list the reference suite, compute its answers again, or score an estimator over it"
    parser = commands.add_parser(
        "reference",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example:\n  linear-regions reference run linear_regions.estimators:boundary_volume boundary_volume\n\n"
        f"check exits with 1 if an answer differs; {_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="names, and what they are").set_defaults(run=_list_reference)
    check = actions.add_parser("check", help="compute all answers again and compare")
    check.add_argument("--case", action="append", metavar="NAME", help="this one only; may be given several times")
    check.set_defaults(run=_check_reference)
    score = actions.add_parser("run", help="score an estimator against the exact answers")
    score.add_argument(
        "estimator", metavar="MODULE:FUNCTION", help="as for linear_regions.validate; the module is imported"
    )
    score.add_argument("quantity", help="what it estimates: boundary_volume, jacobian_norm, regions, transitions, ...")
    score.add_argument("--n", type=int, default=1000, help="size of a sample (default: 1000)")
    score.add_argument("--seeds", type=int, default=20, help="number of samples (default: 20)")
    score.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="for the estimator, as output=logits"
    )
    score.add_argument("--case", action="append", metavar="NAME", help="this one only; may be given several times")
    score.add_argument("--json", action="store_true", help="print one JSON object: command, version, cases")
    score.set_defaults(run=_score_reference)


def _add_count(commands: Any) -> None:
    text = "count the regions of a network on a box, segment, line or plane"
    parser = _add_command(
        commands, "count", _count, f"{_PROBLEM} [options]", text, "linear-regions count model.npz --box -1 1"
    )
    _add_problem(parser)
    parser.add_argument("--json", action="store_true", help=f"print one JSON object: {_COUNT_KEYS}")


def _add_plot(commands: Any) -> None:
    text = "draw the regions of a network on a box or plane, or its outputs on a segment or line"
    example = "linear-regions plot model.npz --plane 0,0,0 1,0,0 0,1,0 --output regions.png"
    parser = _add_command(commands, "plot", _plot, f"{_PROBLEM} --output FILE [options]", text, example)
    _add_problem(parser)
    parser.add_argument("--output", required=True, metavar="FILE", help="a .png, .pdf or .svg file")
    text = (
        "what the colours show: the cells themselves, the logarithm of their area, each edge's layer, the first output"
    )
    parser.add_argument("--color", default="cell", choices=("cell", "area", "layer", "output"), help=f"{text} (cell)")


def _add_problem(parser: argparse.ArgumentParser) -> None:
    """Options that name the network, the domain and the limits."""
    parser.add_argument("model", metavar="MODEL", help="a network: .npz with W0, b0, W1, b1, ... or from Network.save")
    domain = parser.add_argument_group("DOMAIN, one of", "Points are comma-separated numbers or .npy files.")
    one = domain.add_mutually_exclusive_group(required=True)
    one.add_argument("--box", nargs="+", type=float, metavar="X", help="LO HI for all inputs, or LO HI for each")
    one.add_argument("--space", action="store_true", help="all of the input space, of at most six dimensions")
    one.add_argument("--segment", nargs=2, type=_point, metavar=("START", "END"), help="from one point to another")
    one.add_argument("--line", nargs=2, type=_point, metavar=("POINT", "DIRECTION"), help="infinite in both directions")
    one.add_argument(
        "--plane", nargs="+", type=_point, metavar="P", help="a square through three points, or a (3, n) .npy file"
    )
    domain.add_argument(
        "--margin", type=float, help="of the square about the three points, over their circumradius (0.2)"
    )
    parser.add_argument("--max-regions", type=int, metavar="N", help="stop with exit code 3 once there are more")
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="a bar on stderr (default: if it is a terminal)"
    )


def _point(text: str) -> list[float] | Path:
    """A point as its numbers, or the file that holds it."""
    text = text.strip()
    if text.endswith(".npy"):
        return Path(text)
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        message = f"must be comma-separated numbers or name a .npy file, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None


def _load_point(point: list[float] | Path, name: str) -> Any:
    """The numbers of a point."""
    import numpy as np

    if isinstance(point, list):
        return np.array(point)
    if not os.path.isfile(point):
        raise invalid(name, "name an existing file", f"{str(point)!r}")
    try:  # mapped, so that a header that promises too much fails before memory is taken
        array = np.load(point, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damage shows as many kinds of errors
        raise invalid(name, "name a .npy file of plain numbers", f"{str(point)!r} ({error})") from error
    if not isinstance(array, np.ndarray) or not array.ndim:
        raise invalid(name, "name a .npy file of one array, of one axis or more", f"{str(point)!r}")
    return array


def _domain(options: argparse.Namespace, network: Network) -> Domain:
    from .domain import Line, Segment, Slice, Space

    if options.margin is not None and options.plane is None:
        raise invalid("--margin", "be given with --plane alone", options.margin)
    if options.box is not None:
        return _box(options.box, network.n_inputs)
    if options.space:
        return Space(network.n_inputs)
    if options.segment is not None:
        start, end = (_load_point(p, "--segment") for p in options.segment)
        return Segment(start, end)
    if options.line is not None:
        point, direction = (_load_point(p, "--line") for p in options.line)
        return Line(point, direction)
    points = [_load_point(p, "--plane") for p in options.plane]
    if len(points) not in (1, 3):
        raise invalid("--plane", "be three points, or one .npy file of shape (3, n)", f"{len(points)} values")
    if len({len(p) for p in points}) > 1:
        raise invalid("--plane", "be points of one dimension", [len(p) for p in points])
    margin = 0.2 if options.margin is None else options.margin
    return Slice.through(points[0] if len(points) == 1 else points, margin=margin)


def _box(bounds: list[float], n_inputs: int) -> Domain:
    import numpy as np

    from .domain import Box

    if len(bounds) == 2:
        bounds = bounds * n_inputs
    if len(bounds) != 2 * n_inputs:
        raise invalid("--box", f"be one pair LO HI, or one for each of the {n_inputs} inputs", f"{len(bounds)} numbers")
    return Box(np.array(bounds[::2]), np.array(bounds[1::2]))


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments that the enumeration and the count share."""
    progress = sys.stderr.isatty() if options.progress is None else options.progress
    return {"max_regions": options.max_regions, "n_jobs": options.jobs, "progress": progress}


def certificate_record(certificate: Certificate) -> dict[str, Any]:
    """The certificate as it stands in JSON output."""
    return {
        "certified": certificate.certified,
        "signs": certificate.signs,
        "double_signs": certificate.double_signs,
        "exact_signs": certificate.exact_signs,
        "undecided": certificate.undecided,
    }


def _count(options: argparse.Namespace) -> None:
    from .enumerate import count_regions
    from .network import load_network

    network = load_network(options.model)
    domain = _domain(options, network)
    start = perf_counter()
    result = count_regions(network, domain, full_output=True, **_arguments(options))
    seconds = perf_counter() - start
    per_layer = result.per_layer.tolist()
    if options.json:
        record = {
            "command": "count",
            "version": __version__,
            "model": options.model,
            "domain": repr(domain),
            "regions": result.count,
            "per_layer": per_layer,
            "certificate": certificate_record(result.certificate),
            "seconds": round(seconds, 6),
        }
        print(json.dumps(record))
        return
    print(f"{result.count:,} regions on {domain!r}")
    print(f"after each layer: {', '.join(f'{n:,}' for n in per_layer) or 'none has units'}")
    print(result.certificate)
    print(f"{seconds:.3g} s, with loading or compiling the kernels")


def _list_reference(options: argparse.Namespace) -> None:
    from .reference import load_reference

    for case in load_reference():
        size = case.answers.get("regions", case.answers.get("pieces"))
        print(f"{case.name:<16} {size:>7,}  {case.about}")


def _check_reference(options: argparse.Namespace) -> None:
    from .reference import chosen, differences

    found = []
    for case in chosen(options.case):
        found += (own := list(differences(case)))
        print(f"{case.name:<16} {'; '.join(own) or 'the same'}")
    if found:
        raise InvariantViolated(f"{len(found)} answers differ from those of the suite")


def _score_reference(options: argparse.Namespace) -> None:
    from .reference import score
    from .validation import shown, validate

    module, _, name = options.estimator.partition(":")
    sys.path.insert(0, "")  # as for python -m
    try:
        estimator = getattr(import_module(module), name)
    except Exception as error:  # whatever a module does when it is imported
        rule = "be MODULE:FUNCTION of something that can be imported"
        raise invalid("estimator", rule, f"{options.estimator!r}, {type(error).__name__}: {error}") from error
    if not all(option.partition("=")[0].isidentifier() and "=" in option for option in options.option):
        raise invalid("--option", "be KEY=VALUE", options.option)
    given = {key: _value(text) for key, _, text in (option.partition("=") for option in options.option)}
    others = {*signature(score).parameters, *signature(validate).parameters} - {"options"}
    if taken := sorted(others & set(given)):
        raise invalid("--option", "be an option of the estimator", taken)
    results = score(estimator, options.quantity, n=options.n, seeds=options.seeds, cases=options.case, **given)
    if options.json:
        records = {case: result.record() for case, result in results.items()}
        print(json.dumps({"command": "reference run", "version": __version__, "cases": records}))
        return
    print(f"{'case':<16} {'exact':>12} {'mean':>12} {'z':>7} {'spread':>10} {'stated':>10} {'cover':>6}")
    for case, result in results.items():
        row = result.rows[0]
        print(
            f"{case:<16} {result.truth:>12.6g} {row.mean:>12.6g} {shown(row.z_score, '.2f'):>7} "
            f"{shown(row.spread, '.3g'):>10} {shown(row.standard_error, '.3g'):>10} {shown(row.coverage, '.1%'):>6}"
        )


def _value(text: str) -> object:
    """A number, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # not JSON, or of too many digits or levels
        return text


def _plot(options: argparse.Namespace) -> None:
    from matplotlib.figure import Figure

    from .enumerate import enumerate_regions
    from .network import load_network

    with new_figure(options.output) as file:
        network = load_network(options.model)
        regions = enumerate_regions(network, _domain(options, network), **_arguments(options))
        figure = Figure(figsize=(8, 8) if regions.dim == 2 else (8, 4), layout="constrained")
        regions.plot(figure.add_subplot(), color=options.color)
        figure.savefig(file, format=Path(options.output).suffix[1:].lower(), dpi=200)
    print(f"{len(regions):,} regions drawn: {options.output}")


def _demo(options: argparse.Namespace) -> None:
    from .demo import draw, run

    path = Path(options.output) / "linear_regions_demo.png"
    with new_figure(path) as file:
        result = run((0, 1, 20) if options.epoch is None else (options.epoch,), n_jobs=options.jobs)
        if not options.json:
            print(result)
        draw(result, file)
    if options.json:
        print(json.dumps({"command": "demo", "version": __version__, **result.record(), "figure": str(path)}))
    else:
        print(f"figure: {path}")


@contextmanager
def new_figure(output: str | Path) -> Iterator[BytesIO]:
    """Collect a figure that becomes a file only when it is complete.

    Raises
    ------
    InvalidInput
        If the suffix is none of a figure's or the file cannot be written, before the body runs.
    """
    path = Path(output)
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        raise invalid("--output", f"end in one of {', '.join(FIGURE_SUFFIXES)}", f"{str(path)!r}")
    if os.path.isdir(path):
        raise invalid("--output", "not be a folder", f"{str(path)!r}")
    partial = path.with_name(f".{path.name}.part")
    content = BytesIO()
    try:
        with _writing(path):  # fails before the work is done, not after
            partial.write_bytes(b"")
        yield content
        with _writing(path):
            partial.write_bytes(content.getvalue())
            partial.replace(path)
    finally:
        with suppress(OSError, ValueError):
            partial.unlink()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # a null character is a ValueError
        reason = getattr(error, "strerror", error)
        raise invalid("--output", "name a file that can be written", f"{str(path)!r} ({reason})") from error


if __name__ == "__main__":
    sys.exit(main())
