"""What a network does along a curve: where neurons switch, exactly, and how the output moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import flint
import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import ellipeinc

from .bits import flat_ranges
from .blocks import ARENAS
from .budget import Budget, one_blas_thread
from .cells import Cells
from .certificate import Certificate
from .circle import circle_arcs, exact_places, ring_chart, start_ring
from .domain import Line
from .domain.curves import Curve
from .domain.ellipse import Ellipse
from .engine import Wanted
from .enumerate import enumerate_regions
from .errors import InvariantViolated, enough_memory, invalid
from .geometry import LineComplex
from .measures.boundary import check_by
from .measures.maps import float_arithmetic, gradients, walk_stages
from .measures.patterns import piece_table
from .metric import lengths
from .network import Network
from .network.cast import read_only
from .plane import Plane
from .program import compile_network
from .settle import make_settlers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

LEAST_SECTORS, MOST_SECTORS = 32, 256  # of the ring about an ellipse: thin, so that few cells miss the ellipse

_CHUNK_BYTES = 1 << 24
_BITS = 4096  # to check breakpoints of ellipses with
_SHARE = 2.0**-40  # of a length, which errors of the ends of pieces may be
_NONE = np.empty(0, np.int64)


class _Piece(NamedTuple):
    """A piece whose ends are not known well, as measured from them."""

    number: int
    length: float
    error: float
    velocity: Floats  # (2, n) by the sine and by the cosine of the angle


def _swept(velocity: Floats, x: float, y: float, angle: float) -> float:
    """The length of the image of an arc from the point (x, y) of the circle on."""
    unit = np.frexp(np.abs(velocity).max(initial=0.0))[1]
    by_sine, by_cosine = np.ldexp(velocity, -unit)

    def speed(part: float) -> float:
        c, s = np.cos(part * angle), np.sin(part * angle)
        return float(np.linalg.norm(by_sine * (y * c + x * s) - by_cosine * (x * c - y * s)))

    with np.errstate(all="ignore"):
        kinks = _slowest(by_sine, by_cosine, x, y, angle)
    length = quad(speed, 0.0, 1.0, points=kinks, epsabs=0.0, epsrel=1e-13, full_output=1)[0]
    return float(np.ldexp(length * angle, unit))


def _slowest(by_sine: Floats, by_cosine: Floats, x: float, y: float, angle: float) -> list[float]:
    """Where on the arc, of length one, the speed is least; there it may have a kink."""
    first, second = by_sine * y - by_cosine * x, by_sine * x + by_cosine * y
    place = np.arctan2(-2 * first @ second, second @ second - first @ first) / 2
    return [part for k in range(3) if 0.0 < (part := float((place + k * np.pi) / angle)) < 1.0]


@dataclass(frozen=True, eq=False, repr=False)
class CurveRegions:
    """The pieces of a curve on each of which a network is affine, in their order.

    Made by `curve_regions`. Which neurons switch, and in which order, is exact; where they do is float64 with bounds.

    Attributes
    ----------
    curve : Segment, Line, Polyline or Ellipse
    breakpoints : (B,) ndarray of float64
        Where neurons switch, ascending; several may switch at one place. Parameters of the curve, see `curve.embed`.
    breakpoint_errors : (B,) ndarray of float64
        Proven bounds of their errors.
    starts, ends : (N,) ndarray of float64
        Where each piece begins and ends. There is one piece more than there are breakpoints, but on a closed curve,
        whose last piece leads on to the first breakpoint (its end is larger than the period); without breakpoints one.
    certificate : Certificate
    """

    curve: Curve
    breakpoints: Floats
    breakpoint_errors: Floats
    starts: Floats
    ends: Floats
    certificate: Certificate
    _cells: Cells
    _cell: Ints  # of each piece
    _crossings: Ints  # on an ellipse: where each piece begins, see `exact_places`

    def __len__(self) -> int:
        """Number of pieces."""
        return len(self.starts)

    @property
    def network(self) -> Network:
        """The network."""
        return self._cells.network

    @property
    def closed(self) -> bool:
        """Whether the curve ends where it begins."""
        return self.curve.closed

    @cached_property
    def patterns(self) -> NDArray[np.int8] | NDArray[np.int16]:
        """(N, n_neurons) piece of every neuron with a unit on each piece, as `Regions.patterns`."""
        return read_only(piece_table(self._cells.program, [p[self._cell] for p in self._cells.packed_patterns]))

    @cached_property
    def switches(self) -> Ints:
        """(T, 4) number of the breakpoint, neuron, its piece before and its piece after, of each switch of a neuron.

        Neurons are numbered through all layers with units, of widths `network.widths`.
        """
        before, after = self._sides
        rows = max(1, _CHUNK_BYTES // (8 * max(1, self.patterns.shape[1])))
        found = []
        for first in range(0, len(before), rows):
            was, becomes = (self.patterns[i[first : first + rows]] for i in (before, after))
            at, neuron = np.nonzero(was != becomes)
            found.append(np.column_stack([at + first, neuron, was[at, neuron], becomes[at, neuron]]))
        return read_only(np.concatenate(found, dtype=np.int64) if found else np.empty((0, 4), np.int64))

    @property
    def transitions(self) -> int:
        """Breakpoints of units that are passed, each as often as it is (Novak et al. 2018, section 3.2).

        A ReLU has one; where a ReLU6 goes from its first to its third piece at once, two are passed.
        """
        return int(self.transitions_by("neuron").sum())

    def transitions_by(self, by: Literal["layer", "neuron"]) -> Ints:
        """(L,) or (n_neurons,) transitions of each layer with units, or of each neuron."""
        check_by(by)
        _, neuron, was, becomes = self.switches.T
        total = np.zeros(self.patterns.shape[1], np.int64)
        np.add.at(total, neuron, np.abs(becomes - was))
        if by == "neuron":
            return total
        widths = [a.n_neurons for a in self.network.activations]
        return np.array([own.sum() for own in np.split(total, np.cumsum(widths)[:-1])], np.int64)

    @property
    def _sides(self) -> tuple[Ints, Ints]:
        """(B,) the pieces before and after each breakpoint."""
        n = len(self.breakpoints)
        if self.closed:
            return np.arange(n) - 1, np.arange(n)
        return np.arange(n), np.arange(n) + 1

    # The image

    @cached_property
    def image_lengths(self) -> Floats:
        """(L + 1,) lengths of the images of the curve: what enters each layer's units, then the output.

        After Raghu et al. 2017, section 2.1, but before the units, and without sampling; float64 with the usual
        rounding. On straight pieces a sum of distances, on ellipses one of elliptic integrals.

        Raises
        ------
        InvalidInput
            On a line, whose images are of infinite length.
        """
        if isinstance(self.curve, Line):
            raise invalid("curve", "be bounded for its image to have a length", repr(self.curve))
        return read_only(self._round_lengths() if isinstance(self.curve, Ellipse) else self._straight_lengths())

    def _straight_lengths(self) -> Floats:
        """Between breakpoints and corners all layers are affine."""
        t = np.unique(np.concatenate([np.arange(float(self.curve.volume or 0) + 1), self.breakpoints]))
        total = np.zeros(len(self.network.widths) + 1)
        rows = max(2, _CHUNK_BYTES // (8 * max(self.network.n_inputs, *self.network.widths, 1)))
        for first in range(0, len(t) - 1, rows - 1):
            x = self.curve.embed(t[first : first + rows, None])
            stages = [*self.network.preactivations(x), self.network(x)]
            total += [float(lengths(np.diff(z, axis=0))[0].sum()) for z in stages]
        return total

    def _round_lengths(self) -> Floats:
        """Velocities are A_t cos t - A_s sin t: their squares have three coefficients on each piece.

        Where a bound of the error of a piece, its speed times those of its ends, is no small part of the whole, as on
        tiny pieces of great speed, the piece is measured again from its exact ends.
        """
        packed, steps = self._cells.packed_patterns, self._cells.program.steps
        stages = [i for i, step in enumerate(steps) if step.has_units] + [len(steps)]
        found: list[list[_Piece]] = [[] for _ in stages]
        order = np.argsort(self._cell, kind="stable")  # a cell may have several pieces
        total = np.zeros(len(stages))
        ends = self.breakpoint_errors if len(self.breakpoints) else np.zeros(1)
        doubt = ends + np.roll(ends, -1)
        for stage, cells, columns in walk_stages(
            self._cells.program, packed, np.unique(self._cell), float_arithmetic(self._cells)
        ):
            if stage in stages:
                unit = np.frexp(np.abs(columns[:, :2]).max(initial=0.0))[1]
                s, t = np.ldexp(columns[:, 0], -unit), np.ldexp(columns[:, 1], -unit)
                squares = np.stack([np.sum(u * v, axis=1) for u, v in ((s, s), (s, t), (t, t))])
                at = np.searchsorted(self._cell[order], cells)
                number = np.searchsorted(self._cell[order], cells, side="right") - at
                own = order[flat_ranges(at, number)]
                size = self._lengths(np.repeat(squares, number, axis=1), own)
                off = np.sqrt(np.repeat(squares[0] + squares[2], number)) * doubt[own]
                row = np.repeat(np.arange(len(cells)), number)
                doubtful = off > _SHARE * size
                found[stages.index(stage)] += [
                    _Piece(
                        int(own[i]), float(np.ldexp(size[i], unit)), float(np.ldexp(off[i], unit)), columns[row[i], :2]
                    )
                    for i in np.flatnonzero(doubtful).tolist()
                ]
                total[stages.index(stage)] += np.ldexp(size[~doubtful].sum(), unit)
        return np.array([self._with(*own) for own in zip(total.tolist(), found, strict=True)])

    def _with(self, total: float, pieces: list[_Piece]) -> float:
        """A sum of lengths with some more, which are measured again if their errors are no small part of it."""
        sure = total + sum(max(piece.length - piece.error, 0.0) for piece in pieces)
        for piece in sorted(pieces, key=lambda piece: -piece.error):
            length = piece.length
            if piece.error > _SHARE * sure:
                length = _swept(piece.velocity, *self._exact_arc(piece.number))
                sure += length - max(piece.length - piece.error, 0.0)
            total += length
        return total

    def _exact_arc(self, piece: int) -> tuple[float, float, float]:
        """Cosine and sine of the angle where a piece begins, and its own angle, all with the usual rounding."""
        known = self._exact_arcs
        if piece not in known:
            both = self._crossings[[piece, (piece + 1) % len(self._crossings)]]
            start, end = exact_places(self._cells, both)
            for bits in (1 << k for k in range(8, 15)):
                (a, b), (c, d) = start.at(bits), end.at(bits)
                with flint.ctx.workprec(bits):
                    angle = flint.arb.atan2(a * d - b * c, a * c + b * d)
                    if angle < 0:
                        angle += 2 * flint.arb.pi()
                if all(v.rel_accuracy_bits() > 53 for v in (a, b, angle) if not v == 0):
                    break
            known[piece] = float(a), float(b), float(angle)
        return known[piece]

    @cached_property
    def _exact_arcs(self) -> dict[int, tuple[float, float, float]]:
        return {}

    def _lengths(self, squares: Floats, pieces: Ints) -> Floats:
        """The lengths of the images of some pieces.

        The square of the speed, ss sin^2 - 2 st sin cos + tt cos^2, is top (1 - m sin^2 u) with u a shift of t, and its
        root has an elliptic integral of the second kind.
        """
        ss, st, tt = squares
        swing = np.hypot((tt - ss) / 2, st)
        top = (ss + tt) / 2 + swing
        m = np.clip(np.divide(2 * swing, top, out=np.zeros_like(top), where=top > 0), 0.0, 1.0)
        shift = np.arctan2(st, (tt - ss) / 2) / 2
        turned = ellipeinc(self.ends[pieces] + shift, m) - ellipeinc(self.starts[pieces] + shift, m)
        return np.asarray(np.sqrt(top) * turned)

    @cached_property
    def jacobian_jumps(self) -> Floats:
        """(B,) Frobenius norms of the jumps of the Jacobian of the output by the inputs, at each breakpoint.

        Half their sum is the discrete curvature of Novak et al. 2018, without sampling. Float64 with the usual
        rounding; costs a backward pass for every piece and output.
        """
        before, after = self._sides
        result = np.empty(len(before))
        if not len(before):
            return read_only(result)
        cells = self._cell[np.append(before[0], after)]
        done, last = 0, np.empty((0, 0, 0))
        for matrices in gradients(self.network, self._cells.program, self._cells.packed_patterns, cells):
            joined = np.concatenate([last, matrices]) if done else matrices
            jumps = np.diff(joined, axis=0)
            result[max(done - 1, 0) : done - 1 + len(matrices)] = lengths(jumps.reshape(len(jumps), -1))[0]
            done, last = done + len(matrices), matrices[-1:]
        return read_only(result)

    def check(self) -> None:
        """Verify breakpoints and patterns: in rational arithmetic, on ellipses to some thousand bits.

        Every breakpoint is within its error bound of where the first neuron that tells its pieces apart vanishes;
        pieces are where they have their patterns.

        Raises
        ------
        InvariantViolated
            With the figures.
        """
        from .measures.verified import curve_failures

        with flint.ctx.workprec(_BITS):
            if failures := list(curve_failures(self, self._cells, self._cell)):
                raise InvariantViolated("; ".join(failures))

    def __repr__(self) -> str:
        """The numbers of pieces and transitions, and what proved them."""
        n = self.transitions
        return f"CurveRegions({len(self):,} pieces, {n:,} transitions on {self.curve!r}; {self.certificate})"


@enough_memory()
def curve_regions(network: Network, curve: Curve) -> CurveRegions:
    """The pieces of a curve on each of which a network is affine: every switch of a neuron, in its order, proven.

    Parameters
    ----------
    network : Network
    curve : Segment, Line, Polyline or Ellipse

    Returns
    -------
    CurveRegions

    Raises
    ------
    InvalidInput
        If the curve does not fit the network.

    Notes
    -----
    What sampling along curves estimates from below (Raghu et al. 2017; Novak et al. 2018, section 3.2): between two
    samples a neuron may switch twice. For an ellipse the cells of its plane in a thin ring of polygons are enumerated;
    which of them the ellipse goes through, and in which order, are signs of rational numbers. A neuron whose boundary
    is only touched does not switch.

    Examples
    --------
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1], [0]])
    >>> circle = lr.curve_regions(network, lr.Ellipse([0.5, 0.5], [1, 0], [0, 1]))
    >>> circle.transitions, circle.transitions_by("neuron").tolist()
    (6, [2, 2, 2])
    >>> circle.breakpoints[:3].round(6).tolist()
    [2.094395, 2.356194, 3.665191]
    """
    if not isinstance(network, Network):
        raise invalid("network", "be a Network (see Network.from_torch, Network.from_arrays)", type(network).__name__)
    if not isinstance(curve, Curve):
        raise invalid("curve", "be a Segment, Line, Polyline or Ellipse", type(curve).__name__)
    if curve.n_inputs != network.n_inputs:
        raise invalid("curve", f"lie in {network.n_inputs} dimensions, as the inputs do", curve.n_inputs)
    if isinstance(curve, Ellipse):
        return _on_ellipse(network, curve)
    regions = enumerate_regions(network, curve)
    geometry = regions.geometry
    assert isinstance(geometry, LineComplex)
    t, error, number = geometry.t, geometry.error, np.arange(len(regions))
    if curve.closed:
        # the last piece may lead on to the first
        joins = int(len(regions) > 1 and all((p[0] == p[-1]).all() for p in regions.packed_patterns))
        return _closed(regions, number[joins:], t[joins:-1], error[joins:-1], float(t[-1]), regions.certificate)
    return CurveRegions(curve, t[1:-1], error[1:-1], t[:-1], t[1:], regions.certificate, regions, number, _NONE)


@np.errstate(all="ignore")  # what is not finite proves nothing
def _on_ellipse(network: Network, ellipse: Ellipse) -> CurveRegions:
    with one_blas_thread(), ARENAS.lent() as arena:
        program = compile_network(network)
        chart = ring_chart(ellipse.plane, min(max(program.n_hyperplanes // 4, LEAST_SECTORS), MOST_SECTORS))
        (settler,) = make_settlers(program, chart)
        engine = Plane(program, settler, wanted=Wanted.CELLS, budget=Budget(len(program.steps), [], None))
        tally = engine.run(start_ring(program, chart, arena), 0)
        assert tally.cells is not None
        packed = program.joined_words(tally.patterns)
        signs = Certificate(tally.signs, tally.double_signs, tally.exact_signs)
        ring = Cells(network, ellipse, program, (settler,), tally.cells.complex(), packed, tally.per_step, signs)
        arcs = circle_arcs(ring)
    more = arcs.exact_signs
    signs = Certificate(signs.signs + arcs.signs, signs.double_signs + more, signs.exact_signs + more)
    changed = np.zeros(len(arcs.cell), np.bool_)
    for words in packed:
        own = words[arcs.cell]
        changed |= (own != np.roll(own, 1, axis=0)).any(axis=1)
    at = np.flatnonzero(changed) if changed.any() else np.zeros(1, np.int64)
    found = _closed(ring, arcs.cell[at], arcs.angle[at], arcs.error[at], 2 * np.pi, signs)
    return replace(found, _crossings=arcs.crossing[at])


def _closed(
    cells: Cells, cell: Ints, starts: Floats, error: Floats, period: float, certificate: Certificate
) -> CurveRegions:
    """Pieces that go round a closed curve, from where each begins."""
    curve = cells.domain
    assert isinstance(curve, Curve)
    if len(cell) < 2:
        nothing = np.empty(0)
        return CurveRegions(
            curve, nothing, nothing, np.zeros(1), np.full(1, period), certificate, cells, cell[:1], _NONE
        )
    ends = np.append(starts[1:], starts[0] + period)
    return CurveRegions(curve, starts, error, starts, ends, certificate, cells, cell, _NONE)
