"""The demonstration: the experiment of Figures 5 and 8 of Hanin & Rolnick (2019), exactly, on the packaged network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate
from .cli import certificate_record
from .complex import Regions
from .data import DemoCase, load_demo
from .domain import Box, Line, Slice
from .enumerate import count_regions, enumerate_regions
from .network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

DIGIT_COLORS = (
    "#5e81ac",
    "#bf616a",
    "#a3be8c",
    "#b48ead",
    "#d9a441",
    "#6fb5b0",
    "#d08770",
    "#8d7b68",
    "#4c566a",
    "#c58fb0",
)
_GOLDEN = 0.6180339887498949  # multiples of it, modulo one, are spread evenly
_TITLES = {0: "at initialisation", 1: "after 1 epoch", 20: "after 20 epochs"}


@dataclass(frozen=True, eq=False)
class Moment:
    """The network at one epoch, with its regions in the plane and their number on lines.

    Attributes
    ----------
    case : DemoCase
    plane : Slice
        The square about the images of 0, 1 and 2.
    regions : Regions
        All cells in the square.
    seconds : float
        For their enumeration, the kernels being loaded.
    line_counts : (100,) ndarray of int64
        Cells on the infinite line through the origin and each example.
    line_certificate : Certificate
        Of all lines together.
    line_seconds : float
        For all lines.
    """

    case: DemoCase
    plane: Slice
    regions: Regions
    seconds: float
    line_counts: NDArray[np.int64]
    line_certificate: Certificate
    line_seconds: float

    @property
    def line_ratios(self) -> Floats:
        """(100,) cells on each line over the number of neurons, the quantity of Figure 5."""
        return self.line_counts / self.regions.network.n_neurons

    def record(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        regions, neurons = self.regions, self.regions.network.n_neurons
        small, large = int(np.argmin(regions.volumes)), int(np.argmax(regions.volumes))
        ratios = self.line_ratios
        return {
            "epoch": self.case.epoch,
            "test_accuracy": self.case.accuracy,
            "plane": {
                "regions": len(regions),
                "per_layer": regions.per_layer.tolist(),
                "over_neurons_squared": len(regions) / neurons**2,
                "boundary_length": float(regions.boundary_volume()),
                "area": regions.domain_volume,
                "smallest_area": float(regions.volumes[small]),
                "smallest_area_error": float(regions.volume_errors[small]),
                "largest_area": float(regions.volumes[large]),
                "certificate": certificate_record(regions.certificate),
                "seconds": round(self.seconds, 6),
            },
            "lines": {
                "lines": len(ratios),
                "regions": int(self.line_counts.sum()),
                "over_neurons": {"mean": float(ratios.mean()), "min": float(ratios.min()), "max": float(ratios.max())},
                "certificate": certificate_record(self.line_certificate),
                "seconds": round(self.line_seconds, 6),
            },
        }


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What `run` found; prints as tables.

    Attributes
    ----------
    moments : tuple of Moment
    warm_seconds : float
        For loading the kernels, or compiling them at the first use after an installation.
    """

    moments: tuple[Moment, ...]
    warm_seconds: float

    @property
    def widths(self) -> str:
        """The network's widths, joined by dashes."""
        network = self.moments[0].regions.network
        return "-".join(str(n) for n in (network.n_inputs, *network.widths, network.n_outputs))

    def record(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "network": self.widths,
            "neurons": self.moments[0].regions.network.n_neurons,
            "warm_seconds": round(self.warm_seconds, 6),
            "epochs": [moment.record() for moment in self.moments],
        }

    def __str__(self) -> str:
        """Show tables with a column for each epoch."""
        lines = [
            f"ReLU network {self.widths} trained on MNIST: every linear region, exactly, as in Figures 5 and 8 of",
            'Hanin & Rolnick (2019), "Complexity of linear regions in deep networks".',
            "",
            *("".join([f"{title:<44}", *(f"{value:>14}" for value in values)]) for title, *values in self._rows()),
            "",
            "signs that shaped the results, each proven:",
        ]
        for moment in self.moments:
            lines.append(f"  epoch {moment.case.epoch:>2}, square: {moment.regions.certificate}")
            lines.append(f"  epoch {moment.case.epoch:>2}, lines:  {moment.line_certificate}")
        lines.append(
            f"times are of the enumeration alone; loading or compiling the kernels took {self.warm_seconds:.1f} s"
        )
        return "\n".join(lines)

    def _rows(self) -> Iterator[list[str]]:
        """The table, a row at a time: its title and a value for each epoch."""
        records = [moment.record() for moment in self.moments]
        neurons = self.moments[0].regions.network.n_neurons
        planes, curves = [r["plane"] for r in records], [r["lines"] for r in records]
        yield ["epoch", *(f"{r['epoch']}" for r in records)]
        yield ["test accuracy", *(f"{r['test_accuracy']:.4f}" for r in records)]
        yield ["square in the plane through a 0, a 1 and a 2"]
        yield ["  regions", *(f"{p['regions']:,}" for p in planes)]
        for layer in range(len(planes[0]["per_layer"]) - 1):
            yield [f"    after layer {layer + 1}", *(f"{p['per_layer'][layer]:,}" for p in planes)]
        yield [f"  regions / {neurons}^2", *(f"{p['over_neurons_squared']:.3f}" for p in planes)]
        yield ["  length of the boundaries inside", *(f"{p['boundary_length']:,.2f}" for p in planes)]
        yield ["  area of the square", *(f"{p['area']:.2f}" for p in planes)]
        yield ["    largest region", *(f"{p['largest_area']:.3g}" for p in planes)]
        yield ["    smallest region", *(f"{p['smallest_area']:.3g}" for p in planes)]
        yield ["      known within", *(f"{p['smallest_area_error']:.1g}" for p in planes)]
        yield ["  seconds", *(f"{p['seconds']:.3f}" for p in planes)]
        yield [f"{curves[0]['lines']} lines through the origin and an image"]
        yield [f"  regions / {neurons} neurons, mean", *(f"{c['over_neurons']['mean']:.3f}" for c in curves)]
        yield ["    smallest", *(f"{c['over_neurons']['min']:.3f}" for c in curves)]
        yield ["    largest", *(f"{c['over_neurons']['max']:.3f}" for c in curves)]
        yield ["  seconds", *(f"{c['seconds']:.3f}" for c in curves)]


def run(epochs: tuple[int, ...] = (0, 1, 20), *, n_jobs: int = 1) -> DemoResult:
    """Enumerate the regions of the packaged network.

    Parameters
    ----------
    epochs : tuple of {0, 1, 20}
    n_jobs : int
        Threads, -1 for one per core.

    Returns
    -------
    DemoResult
        For each epoch all cells in the square about the images of the digits 0, 1 and 2, centred at their circumcentre,
        and the number of cells on the infinite lines through the origin and the stored examples. All counts are proven.

    Raises
    ------
    InvalidInput
        If an epoch is not stored, or `n_jobs` is no number of threads.

    Examples
    --------
    >>> from linear_regions.demo import run
    >>> result = run((0,))
    >>> result.widths, result.moments[0].regions.certificate.certified
    ('784-64-64-64-10', True)
    """
    cases = [load_demo(epoch) for epoch in epochs]
    start = perf_counter()
    _warm(n_jobs)
    warm_seconds = perf_counter() - start
    return DemoResult(tuple(_moment(case, n_jobs) for case in cases), warm_seconds)


def _warm(n_jobs: int) -> None:
    """Load the kernels by a small problem of the same kinds."""
    random = np.random.default_rng(0)
    widths = [3, 8, 8, 2]
    network = Network.from_arrays(
        [random.normal(size=(n, k)) for k, n in zip(widths, widths[1:], strict=False)],
        [np.zeros(n) for n in widths[1:]],
    )
    square = Slice(np.ones(3), np.eye(3)[:, :2], Box(np.full(2, -4.0), np.full(2, 4.0)))
    assert len(enumerate_regions(network, square, n_jobs=n_jobs).volumes)
    count_regions(network, Line(np.zeros(3), np.ones(3)))


def _moment(case: DemoCase, n_jobs: int) -> Moment:
    network = Network.from_arrays(case.weights, case.biases)
    plane = Slice.through(case.images_012)
    start = perf_counter()
    regions = enumerate_regions(network, plane, n_jobs=n_jobs)
    seconds = perf_counter() - start
    origin = np.zeros(network.n_inputs)
    start = perf_counter()
    lines = enumerate_regions(network, [Line(origin, image) for image in case.examples])
    line_seconds = perf_counter() - start
    return Moment(
        case=case,
        plane=plane,
        regions=regions,
        seconds=seconds,
        line_counts=np.array([len(line) for line in lines]),
        line_certificate=lines[0].certificate,
        line_seconds=line_seconds,
    )


def draw(result: DemoResult, file: IO[bytes]) -> None:
    """Draw the regions at each epoch side by side, as a PNG.

    The hue of a region is that of the digit recognised at the mean of its corners; its shade only tells it from its
    neighbours.

    Parameters
    ----------
    result : DemoResult
    file : binary file, open for writing
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    panels = len(result.moments)
    figure = Figure(figsize=(4.6 * panels + 0.1, 5.3), layout="constrained")
    digits = [_recognised(moment.regions) for moment in result.moments]
    for moment, own, axes in zip(result.moments, digits, figure.subplots(1, panels, squeeze=False)[0], strict=True):
        _draw_moment(axes, moment, own)
    handles = [Patch(color=DIGIT_COLORS[d], label=str(d)) for d in np.unique(np.concatenate(digits)).tolist()]
    handles.insert(0, Patch(alpha=0, label="digit recognised:"))
    figure.legend(handles=handles, loc="outside lower center", ncols=11, frameon=False, handlelength=1, columnspacing=1)
    figure.savefig(file, format="png", dpi=150)


def _draw_moment(axes: Axes, moment: Moment, digits: NDArray[np.int64]) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    regions = moment.regions
    x = regions.vertex_coordinates
    starts = regions.cell_vertex_offsets[1:-1]
    axes.add_collection(
        PolyCollection(np.split(x[regions.cell_vertices], starts), facecolors=_cell_colors(digits), linewidths=0)
    )
    axes.add_collection(
        LineCollection(list(x[regions.facets.vertices].reshape(-1, 2, 2)), colors="#20242c", linewidths=0.18)
    )
    for place, image in zip(moment.plane.coordinates(moment.case.images_012), moment.case.images_012, strict=True):
        _draw_image(axes, place, image)
    corners = x.min(axis=0), x.max(axis=0)
    axes.set(xlim=[c[0] for c in corners], ylim=[c[1] for c in corners], xticks=[], yticks=[], aspect="equal")
    axes.set_title(f"{_TITLES[moment.case.epoch]}: {len(regions):,} regions", fontsize=12)


def _recognised(regions: Regions) -> NDArray[np.int64]:
    """(N,) the digit that each region's middle is taken for."""
    starts = regions.cell_vertex_offsets
    corners = regions.vertex_coordinates[regions.cell_vertices]
    middle = np.add.reduceat(corners, starts[:-1]) / np.diff(starts)[:, None]
    digits: NDArray[np.int64] = np.argmax(regions.network(regions.domain.embed(middle)), axis=1)
    return digits


def _cell_colors(digits: NDArray[np.int64]) -> Floats:
    """(N, 3) the colours of the digits, lighter or darker by the cell."""
    from matplotlib.colors import to_rgb

    white = 0.15 + 0.55 * (np.arange(len(digits)) * _GOLDEN % 1.0)[:, None]
    colors: Floats = np.array([to_rgb(color) for color in DIGIT_COLORS])[digits]
    return colors + (1 - colors) * white


def _draw_image(axes: Axes, place: Floats, image: Floats) -> None:
    """Mark a point of the plane with the image that lies there."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    axes.plot(*place, "o", markersize=5, markerfacecolor="white", markeredgecolor="#20242c", zorder=3)
    inward = -34 * place / np.hypot(*place)
    picture = OffsetImage(image.reshape(28, 28), zoom=1.1, cmap="gray_r")
    box = AnnotationBbox(
        picture, tuple(place), xybox=tuple(inward), boxcoords="offset points", pad=0.15,
        arrowprops={"arrowstyle": "-", "color": "#20242c"}, bboxprops={"edgecolor": "#20242c", "linewidth": 0.8},
    )  # fmt: skip
    axes.add_artist(box)
