"""Convex sets given by cvxpy constraints, and which cells meet them; as reliable as the solver, not proven."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from math import gcd
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from .domain import Slice, Space
from .domain.faces import whole
from .errors import InvalidInput, MissingExtra, invalid
from .local import Surroundings
from .metric import lengths
from .network.cast import as_list, exact_array, is_one_of, read_only, real

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]


class ConvexSet:
    """The points that satisfy cvxpy constraints: a ball, an ellipsoid, a simplex, a projection of these.

    `explore` and `count_regions` take it as a domain. Which cells meet it is then decided by a convex solver in
    floating point: these verdicts are "numerical", not proven, and certificates say so. For boxes and polytopes take
    `Box` and `Polytope`, whose counts are proven.

    Parameters
    ----------
    variable : cvxpy.Variable, (n_0,)
        The input of the network. Its value changes when problems are solved.
    constraints : sequence of cvxpy constraints
        Convex by cvxpy's rules (DCP). They may have other variables and parameters too. Equalities in which `variable`
        is the only one make the set flat: it then lies in a `Slice`, in whose coordinates it has interior points.
    solver : str
        Any that cvxpy has installed and that takes these constraints: "CLARABEL", "SCS", "HIGHS" and others.
    tolerance : float
        How far a point of the set has to come inside a cell, in units of length, for the cell to be counted. If the
        farthest comes to within the tolerance of the cell's boundary, from either side, the cell is undecided: it is
        not counted, but cells behind it are looked for, so that at most as many are missing as are undecided. It should
        be some hundred times the solver's accuracy.

    Attributes
    ----------
    hull : Space or Slice
        All of the input space, or the flat in which the set lies, exactly where floats hold multiples of a basis. Its
        coordinates are those of the set.

    Raises
    ------
    MissingExtra
        If cvxpy is not installed.
    InvalidInput
        If an argument does not fit, the constraints are not convex, no point satisfies them, or the solver cannot take
        them.

    Examples
    --------
    >>> import cvxpy as cp
    >>> import linear_regions as lr
    >>> network = lr.Network.from_arrays([[[1, 0], [0, 1], [1, 1]], [[1, 1, 1]]], [[0, 0, -1], [0]])
    >>> x = cp.Variable(2)
    >>> disc = lr.ConvexSet(x, [cp.norm(x) <= 0.6])
    >>> found = lr.count_regions(network, disc, full_output=True)
    >>> found.count, found.certificate.certified
    (4, False)
    >>> disc.project([3.0, 4.0]).round(6).tolist()
    [0.36, 0.48]
    >>> y = cp.Variable(3)
    >>> lr.ConvexSet(y, [y >= 0, cp.sum(y) == 1])
    ConvexSet(2-D in 3-D, 2 constraints, by CLARABEL)
    """

    variable: Any
    constraints: tuple[Any, ...]
    solver: str
    tolerance: float
    hull: Space | Slice
    _start: Floats

    def __init__(
        self, variable: Any, constraints: Sequence[Any], *, solver: str = "CLARABEL", tolerance: float = 1e-6
    ) -> None:
        cp = _cvxpy()
        if not isinstance(variable, cp.Variable) or variable.ndim != 1:
            raise invalid("variable", "be a cvxpy.Variable of shape (n_0,)", repr(variable))
        own = as_list(constraints, "constraints", "cvxpy constraints")
        for i, constraint in enumerate(own):
            if not (isinstance(constraint, cp.constraints.constraint.Constraint) and constraint.is_dcp()):
                raise invalid(f"constraints[{i}]", "be a convex cvxpy constraint (DCP)", constraint)
            if any(parameter.value is None for parameter in constraint.parameters()):
                raise invalid(f"constraints[{i}]", "have parameters with values", constraint)
        variables = [variable, *(v for constraint in own for v in constraint.variables())]
        if any(v.attributes["integer"] or v.attributes["boolean"] for v in variables):
            raise invalid("variable", "not be an integer variable, nor any other of the constraints", "one that is")
        if not is_one_of(solver, *cp.installed_solvers()):
            raise invalid("solver", f"be one of {cp.installed_solvers()}", repr(solver))
        if not real(tolerance) > 0:
            raise invalid("tolerance", "be a positive number", tolerance)
        self.variable, self.constraints = variable, tuple(own)
        self.solver, self.tolerance = solver, float(tolerance)
        self.hull = self._hull()
        self._start = self._some_point()

    @property
    def dim(self) -> int:
        """Number of coordinates: those of the hull."""
        return self.hull.dim

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the network."""
        return int(self.variable.size)

    def project(self, x: object) -> Floats:
        """The point of the set nearest to x; both (n_0,), in the input space.

        As exact as the solver: where the set is bent or has a corner there, often only to the root of its accuracy.

        Raises
        ------
        InvalidInput
            If the shape does not fit, or the solver does not find it.
        """
        cp, point = _cvxpy(), exact_array(x, "x")
        if point.shape != (self.n_inputs,):
            raise invalid("x", f"have shape ({self.n_inputs},)", point.shape)
        step = self.variable - point
        if not _solved(self.solver, cp.Problem(cp.Minimize(cp.norm(step)), self.constraints)):
            raise InvalidInput(f"the nearest point was not found by {self.solver}: try another solver")
        return self._point

    @cached_property
    def center(self) -> Floats:
        """(d,) a point well inside, in the coordinates of the hull: the mean of d + 1 points in different directions.

        Raises
        ------
        InvalidInput
            If the set has no inner points in its hull.
        """
        cp, d = _cvxpy(), self.dim
        inverse = np.linalg.pinv(self.hull.basis)
        along, start = cp.Parameter(self.n_inputs), self._start
        height = along @ (self.variable - start)
        farthest = cp.Problem(cp.Maximize(height), [*self.constraints, height <= 1])
        points, span = [self.coordinates(start[None])[0]], np.empty((0, d))
        for _ in range(d):
            normal = np.linalg.svd(span, full_matrices=True)[2][-1] if len(span) else np.eye(d)[0]
            steps = []
            for sign in (1, -1):
                along.value = sign * (normal @ inverse)
                if _solved(self.solver, farthest):
                    steps.append(self.coordinates(self._point[None])[0] - points[0])
            step = max(steps, key=lambda s: abs(float(s @ normal)), default=np.zeros(d))
            if not abs(step @ normal) > self.tolerance:
                raise invalid(
                    "constraints", "hold for inner points of a set whose equalities are stated with == of the variable",
                    f"a set that is thinner than its tolerance along {np.round(normal @ inverse, 6)}",
                )  # fmt: skip
            points.append(points[0] + step)
            span = np.vstack([span, step / np.linalg.norm(step)])
        return read_only(np.mean(points, axis=0))

    def check_inside(self, t: Floats) -> None:
        """Raise InvalidInput if a point, in the coordinates of the hull, is not in the set."""
        x = self.hull.embed(t[None])[0]
        if np.linalg.norm(self.project(x) - x) > self.tolerance * max(1.0, float(np.abs(x).max())):
            raise invalid("point", "lie in the domain", "a point outside")

    def embed(self, t: object) -> Floats:
        """Map coordinates of the hull (M, d) to inputs (M, n_0), in float64."""
        return self.hull.embed(t)

    def coordinates(self, x: object) -> Floats:
        """Coordinates (M, d) of the points of the hull nearest to x (M, n_0), in float64."""
        return self.hull.coordinates(x) if isinstance(self.hull, Slice) else self.hull.embed(x)

    @property
    def _point(self) -> Floats:
        """The point that the solver has found last."""
        return np.array(self.variable.value, np.float64)

    def _some_point(self) -> Floats:
        cp = _cvxpy()
        problem = cp.Problem(cp.Minimize(0), self.constraints)
        if not _solved(self.solver, problem):
            if problem.status is None:
                raise invalid("solver", "be one that takes these constraints", repr(self.solver))
            raise invalid("constraints", "have points in common", f"the answer {problem.status!r} of {self.solver}")
        return self._point if self.variable.value is not None else np.zeros(self.n_inputs)

    def _hull(self) -> Space | Slice:
        """The flat that equalities of the variable alone leave; exact where floats hold multiples of a basis."""
        cp, n = _cvxpy(), self.n_inputs
        kinds = (cp.constraints.Equality, cp.constraints.Zero)
        linear = [c for c in self.constraints if isinstance(c, kinds)]
        equal = [c.expr for c in linear if {v.id for v in c.variables()} == {self.variable.id}]
        before = self.variable.value
        self.variable.save_value(np.zeros(n))
        rows = [row for expr in equal for row in _linear_rows(expr, self.variable)]
        self.variable.save_value(before)
        reduced, scale, rank = flint.fmpz_mat([[*map(int, row)] for row in rows] or [[0] * (n + 1)]).rref()
        pivots = [next(j for j in range(n + 1) if reduced[i, j] != 0) for i in range(rank)]
        if n in pivots:
            raise invalid("constraints", "have points in common", "equalities that contradict each other")
        if n - rank < 2:
            raise invalid("constraints", "leave a set of two dimensions or more", f"equalities that leave {n - rank}")
        if not rank:
            return Space(n)
        free = [j for j in range(n) if j not in pivots]
        origin, basis = np.zeros(n), np.zeros((n, len(free)))
        for i, pivot in enumerate(pivots):
            origin[pivot] = float(Fraction(-int(reduced[i, n]), int(scale)))
        for column, j in enumerate(free):
            entries = {j: int(scale), **{pivot: -int(reduced[i, j]) for i, pivot in enumerate(pivots)}}
            common = gcd(*entries.values())
            size = max(abs(v) for v in entries.values()) // common
            for row, v in entries.items():
                basis[row, column] = v // common if size < 2**53 else float(Fraction(v, size * common))
        return Slice(origin, basis, Space(len(free)))

    def __repr__(self) -> str:
        """The dimensions and the solver."""
        flat = "" if self.dim == self.n_inputs else f" in {self.n_inputs}-D"
        return f"ConvexSet({self.dim}-D{flat}, {len(self.constraints)} constraints, by {self.solver})"


def _solved(solver: str, problem: Any) -> bool:
    """Whether a solver finds an optimum."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of inaccurate solutions: they do not count as solved
        try:
            problem.solve(solver=solver)
        except _cvxpy().SolverError:
            return False
        except ValueError as error:  # as of NaN or infinity among the numbers
            raise InvalidInput(f"constraints must be ones that {solver} takes, got the error: {error}") from error
    return bool(problem.status == "optimal")


def _linear_rows(expr: Any, variable: Any) -> list[tuple[int, ...]]:
    """The integer rows (a, c) of an affine expression a.x + c, taken at x = 0."""
    matrix = expr.grad[variable]
    columns = np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix).reshape(variable.size, -1)
    start = np.ravel(expr.value, order="F")
    return [whole([Fraction(v) for v in [*a, c]]) for a, c in zip(columns.T.tolist(), start.tolist(), strict=True)]


class Meeting:
    """Which cells meet a convex set: those that hold a point of it deeper than its tolerance.

    Parameters
    ----------
    convex : ConvexSet
    around : Surroundings
        In the hull of the set.
    """

    def __init__(self, convex: ConvexSet, around: Surroundings) -> None:
        cp = _cvxpy()
        self.convex, self.around = convex, around
        m, d = len(around.labels), around.dim
        self.rows, self.offset = cp.Parameter((m, d)), cp.Parameter(m)
        self.y, depth = cp.Variable(d), cp.Variable()
        matrix, start = around.from_inputs
        constraints = [*convex.constraints, self.y == matrix @ convex.variable + start, depth <= 1]
        if m:
            constraints.append(self.rows @ self.y + self.offset >= depth)
        self.problem = cp.Problem(cp.Maximize(depth), constraints)
        self.depth = depth
        self.points: list[Floats] = []  # of the set in the cells that meet it, in the coordinates of the hull
        self.verdicts = self.undecided = 0

    def __call__(self, words: list[Words]) -> bool | None:
        """Whether the cell with these signs meets the set, None if that is undecided."""
        self.around.deadline.check()
        rows, error = self.around.constraints(words)
        gradient, long = self.around.gradients(rows, error)
        length, length_error = lengths(gradient)
        flat = length <= 0
        for i in np.flatnonzero(~(length > long + length_error)).tolist():
            (row,) = self.around.settler.constraints([int(self.around.labels[i])], words)
            flat[i] |= not any(row[:-1])  # the same everywhere: not a side of the cell
        rows = np.where(flat[:, None], 0.0, rows) / np.where(flat, 1.0, length)[:, None]
        rows[flat, -1] = 1.0
        self.rows.value, self.offset.value = rows[:, :-1], rows[:, -1]
        self.verdicts += 1
        if not _solved(self.convex.solver, self.problem):
            self.undecided += 1
            return None
        reached = min(float(self.depth.value), (rows[:, :-1] @ self.y.value + rows[:, -1]).min(initial=np.inf))
        if reached > self.convex.tolerance:
            self.points.append(self.convex.coordinates(self.convex.variable.value[None])[0])
            return True
        if float(self.depth.value) < -self.convex.tolerance:
            return False
        self.undecided += 1
        return None


def _cvxpy() -> Any:
    try:
        return import_module("cvxpy")
    except ImportError as error:
        raise MissingExtra("ConvexSet needs cvxpy: pip install 'linear-regions[convex]'") from error
