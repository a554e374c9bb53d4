"""Linear programs: verdicts against HiGHS and rational arithmetic, proofs, degenerate and nearly feasible problems."""

from __future__ import annotations

import contextlib
import math
import warnings
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import linprog

import linear_regions as lr
from linear_regions import lp
from linear_regions.errors import InvalidInput
from linear_regions.lp import Status
from linear_regions.rational_lp import interior, least, slack

KINDS = ("feasible", "random", "infeasible", "integer", "degenerate", "nearly", "flat", "unbounded")


def problems(kind: str, rng: np.random.Generator, k: int, m: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k problems of one kind: c, A, b."""
    A, x = rng.normal(size=(k, m, d)), rng.normal(size=(k, d))
    c = rng.normal(size=(k, d))
    b = (A @ x[..., None])[..., 0] + rng.exponential(size=(k, m))
    if kind == "random":
        b = rng.normal(size=(k, m))
    elif kind == "infeasible":
        b = rng.normal(size=(k, m)) - rng.uniform(0, 2, size=(k, 1))
    elif kind == "integer":
        A, b = rng.integers(-2, 3, (k, m, d)).astype(float), rng.integers(-1, 4, (k, m)).astype(float)
        c = rng.integers(-2, 3, (k, d)).astype(float)
    elif kind == "degenerate":  # many constraints through one point
        A, x = rng.integers(-4, 5, (k, m, d)).astype(float), rng.integers(-3, 4, (k, d)) / 4
        b = (A @ x[..., None])[..., 0] + rng.integers(0, 2, (k, m)) * (rng.random((k, m)) < 0.5)
    elif kind == "nearly":  # slabs that are empty, flat or an ulp wide
        A[:, m // 2 : 2 * (m // 2)] = -A[:, : m // 2]
        b = (A @ x[..., None])[..., 0]
        b = b + rng.choice([-1, 0, 1, 3], (k, m)) * np.abs(b) * 2e-16
    elif kind == "flat":
        A[:, 1] = -A[:, 0]
        b[:, 0], b[:, 1] = 1.0, -1.0
    elif kind == "unbounded":
        A[:, :, 0] = np.abs(A[:, :, 0])
        b = rng.normal(size=(k, m))
    return c, A, b


def whole_rows(A: np.ndarray, b: np.ndarray) -> list[tuple[int, ...]]:
    rows = []
    for row, end in zip(A.tolist(), b.tolist(), strict=True):
        exact = [-Fraction(v) for v in row] + [Fraction(end)]
        common = math.lcm(*(v.denominator for v in exact))
        rows.append(tuple(int(v * common) for v in exact))
    return rows


def truth(c: np.ndarray, A: np.ndarray, b: np.ndarray) -> tuple[Status, Fraction | None]:
    """The verdict by rational arithmetic alone."""
    rows = whole_rows(A, b)
    sign, start = interior(rows, len(c))
    if sign < 0:
        return Status.EMPTY, None
    goal = [Fraction(v) for v in c.tolist()]
    common = math.lcm(*(v.denominator for v in goal))
    found = least(rows, [*(int(v * common) for v in goal), 0], start)
    return (Status.UNBOUNDED, None) if found.direction is not None else (Status.OPTIMAL, found.value / common)


def highs(c: np.ndarray, A: np.ndarray, b: np.ndarray) -> tuple[int, float]:
    found = linprog(c, A, b, bounds=(None, None), method="highs")
    if found.status in (1, 4):
        found = linprog(c, A, b, bounds=(None, None), method="highs", options={"presolve": False})
    status = {0: Status.OPTIMAL, 2: Status.EMPTY, 3: Status.UNBOUNDED}.get(found.status, -9)
    return status, math.nan if found.fun is None else found.fun


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "d"), [(6, 2), (14, 5), (40, 10)])
def test_verdicts_are_those_of_highs_or_right(kind: str, m: int, d: int) -> None:
    rng = np.random.default_rng([KINDS.index(kind), m])
    c, A, b = problems(kind, rng, 12, m, d)
    ours, sets = lp.minimize(c, A, b), lp.feasible(A, b)
    assert ((ours.status == Status.EMPTY) == (sets.status == Status.EMPTY)).all()
    for i in range(len(A)):
        status, value = highs(c[i], A[i], b[i])
        near = abs(value - ours.value[i]) <= 1e-7 * (1 + abs(value))
        if status == ours.status[i] and (status != Status.OPTIMAL or near):
            continue
        right, exact = truth(c[i], A[i], b[i])
        assert ours.status[i] == right
        if exact is not None:
            assert abs(Fraction(float(ours.value[i])) - exact) <= Fraction(float(ours.error[i]))


def greatest(x: cp.Variable, value: cp.Expression, constraints: list[cp.Constraint]) -> tuple[str, float]:
    """What Clarabel, an interior-point method, says of the greatest value of a concave function."""
    problem = cp.Problem(cp.Maximize(value), constraints)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of inaccurate solutions
        with contextlib.suppress(cp.SolverError):
            problem.solve(solver="CLARABEL")
    return str(problem.status), math.nan if problem.value is None else float(problem.value)


@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_are_those_of_cvxpy_or_right(kind: str) -> None:
    """Feasibility and optima; where they differ, rational arithmetic tells who is right."""
    rng, d, k = np.random.default_rng([7, KINDS.index(kind)]), 4, 25
    (c, A, b), x = problems(kind, rng, k, 12, d), cp.Variable(d)
    sets, optima = lp.feasible(A, b), lp.minimize(c, A, b)
    agreed = 0
    for i in range(k):
        status, value = greatest(x, -c[i] @ x, [A[i] @ x <= b[i]])
        theirs = {"optimal": Status.OPTIMAL, "infeasible": Status.EMPTY, "unbounded": Status.UNBOUNDED}.get(status)
        ours = Status(int(optima.status[i]))
        close = ours != Status.OPTIMAL or abs(optima.value[i] + value) <= 1e-5 * (1 + abs(value))
        agreed += theirs == ours and close
        if not (theirs == ours and close):
            exact, minimum = truth(c[i], A[i], b[i])
            assert ours == exact
            assert minimum is None or abs(Fraction(float(optima.value[i])) - minimum) <= optima.error[i]
        _, depth = greatest(x, cp.min(cp.hstack([b[i] - A[i] @ x, 1.0])), [])
        if (sets.status[i] == Status.INTERIOR) != (depth > 0):
            assert sets.status[i] == interior(whole_rows(A[i], b[i]), d)[0]
    assert agreed > k // 2 or kind in ("nearly", "flat", "degenerate")


@pytest.mark.parametrize("d", [2, 4, 7])
def test_sides_balls_and_projections_are_those_of_cvxpy(d: int) -> None:
    rng, x, m = np.random.default_rng(d), cp.Variable(d), 6 * d
    for _ in range(8):
        A = rng.normal(size=(m, d))
        b = A @ rng.normal(size=d) + rng.exponential(size=m)
        _, radius = greatest(x, cp.min((b - A @ x) / np.linalg.norm(A, axis=1)), [])
        assert radius == pytest.approx(lp.largest_ball(A, b).radius, rel=1e-5)
        for i, is_redundant in enumerate(lp.redundant(A, b)):
            others = np.arange(m) != i
            _, beyond = greatest(x, cp.minimum(A[i] @ x - b[i], 1.0), [A[others] @ x <= b[others]])
            assert abs(beyond) < 1e-6 or is_redundant == (beyond < 0)
        point = 5 * rng.normal(size=d)
        found = lp.project(A, b, point)
        _, closeness = greatest(x, -cp.norm(x - point), [A @ x <= b])
        assert found.distance == pytest.approx(-closeness, rel=1e-5, abs=1e-6)
        assert found.lower == pytest.approx(found.distance, rel=1e-9)
        assert (A @ found.point <= b + 1e-9 * (1 + np.abs(b))).all()


def test_projections_on_flat_and_empty_sets_and_from_inside() -> None:
    line = lp.project([[1.0, 1.0], [-1.0, -1.0]], [1.0, -1.0], [2.0, 2.0])
    assert line.point.tolist() == pytest.approx([0.5, 0.5])
    assert line.lower <= line.distance == pytest.approx(1.5 * 2**0.5)
    assert line.lower == pytest.approx(line.distance)
    inside = lp.project([[1.0, 0.0], [0.0, 0.0]], [1.0, 0.0], [0.25, 7.0])
    assert (inside.point.tolist(), inside.distance, inside.lower) == ([0.25, 7.0], 0.0, 0.0)
    with pytest.raises(InvalidInput, match="have points, got a set that is empty"):
        lp.project([[1.0], [-1.0]], [0.0, -1.0], [0.0])
    with pytest.raises(InvalidInput, match=r"point must have shape \(1,\)"):
        lp.project([[1.0]], [0.0], [0.0, 1.0])


@pytest.mark.parametrize("kind", KINDS)
def test_points_and_bounds_hold_exactly(kind: str) -> None:
    rng = np.random.default_rng([7, KINDS.index(kind)])
    c, A, b = problems(kind, rng, 15, 9, 3)
    sets, ours = lp.feasible(A, b), lp.minimize(c, A, b)
    for i in range(len(A)):
        rows = whole_rows(A[i], b[i])
        assert sets.status[i] == interior(rows, 3)[0]
        if sets.status[i] == Status.INTERIOR and not sets.exact[i]:
            x = [Fraction(v) for v in sets.point[i].tolist()]
            assert all(slack(row, x) > 0 for row in rows if any(row))
        right, exact = truth(c[i], A[i], b[i])
        assert ours.status[i] == right
        if exact is not None:
            assert abs(Fraction(float(ours.value[i])) - exact) <= Fraction(float(ours.error[i]))


def test_sets_an_ulp_wide() -> None:
    for step, status in ((1, Status.INTERIOR), (0, Status.FLAT), (-1, Status.EMPTY)):
        high = 1.0 if not step else math.nextafter(1.0, step * math.inf)
        found = lp.feasible([[1.0, 0.0], [-1.0, 0.0]], [high, -1.0])
        assert found.status == status
        assert found.exact


def test_zero_rows_and_no_rows() -> None:
    assert lp.feasible([[0.0, 0.0]], [0.0]).status == Status.INTERIOR
    assert lp.feasible([[0.0, 0.0]], [-1e-300]).status == Status.EMPTY
    assert lp.feasible(np.zeros((0, 3)), np.zeros(0)).status == Status.INTERIOR
    assert lp.minimize([0.0, 0.0], np.zeros((0, 2)), []).value == 0
    assert lp.minimize([0.0, 1.0], np.zeros((0, 2)), []).status == Status.UNBOUNDED


def test_klee_minty_cubes_and_cycling() -> None:
    """Problems on which steepest descent takes many steps, or goes round in circles (Beale 1955)."""
    d = 8
    A, b = np.zeros((2 * d, d)), np.zeros(2 * d)
    for i in range(d):
        A[i, :i] = 2.0 ** (i + 1 - np.arange(i))
        A[i, i], b[i] = 1.0, 5.0 ** (i + 1)
        A[d + i, i] = -1.0
    found = lp.minimize(-(2.0 ** np.arange(d)[::-1]), A, b)
    assert found.status == Status.OPTIMAL
    assert abs(found.value + 5.0**d) <= found.error + 5.0**d * 1e-15
    beale = [[0.25, -60, -0.04, 9], [0.5, -90, -0.02, 3], [0, 0, 1, 0], *(-np.eye(4))]
    found = lp.minimize([-0.75, 150, -0.02, 6], beale, [0, 0, 1, 0, 0, 0, 0])
    assert found.status == Status.OPTIMAL
    assert abs(found.value + 0.05) <= found.error + 1e-16


def test_redundant_inequalities() -> None:
    """Those of a set are redundant that rational arithmetic shows to be so, degenerate ones included."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(2, 6))
        A = np.concatenate([rng.integers(-3, 4, (12, d)).astype(float), np.eye(d), -np.eye(d)])
        b = np.concatenate([rng.integers(1, 6, 12), np.full(2 * d, 3.0)])
        A = np.concatenate([A, 2 * A[:3], np.zeros((1, d))])
        b = np.concatenate([b, 2 * b[:3], [1.0]])
        rows, found = whole_rows(A, b), lp.redundant(A, b)
        kept = [i for i, row in enumerate(rows) if any(row[:-1])]
        unit = [tuple(v // math.gcd(*row) for v in row) for row in rows]
        kept = [i for i in kept if unit[i] not in [unit[j] for j in kept if j < i]]
        for i in range(len(A)):
            others = [rows[j] for j in kept if j != i]
            expected = i not in kept or least(others, rows[i], [Fraction(0)] * d).value >= 0
            assert found[i] == expected


def test_layers_between_parallel_inequalities() -> None:
    """Layers -l <= a.x <= u, thin and thick, whose inequalities follow each other; as rational numbers say."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(2, 7))
        normals = np.vstack([np.eye(d), rng.integers(-4, 5, (2 * d, d))])
        A = np.repeat(normals, 2, axis=0) * np.tile([1.0, -1.0], 3 * d)[:, None]
        b = 2.0 ** rng.integers(-20, 4, 6 * d) * rng.integers(1, 9, 6 * d)
        kept = rng.random(6 * d) < 0.9  # of some layers only one
        A, b = A[kept], b[kept]
        unit = [tuple(Fraction(v) / max(map(abs, a)) for v in (*a, c)) if any(a) else () for a, c in zip(A.tolist(), b)]
        first = np.array([bool(own) and own not in unit[:i] for i, own in enumerate(unit)])
        A, b = A[first], b[first]
        rows, found = whole_rows(A, b), lp.redundant(A, b)
        for i in range(len(A)):
            others = [*rows[:i], *rows[i + 1 :]]
            assert found[i] == (least(others, rows[i], [Fraction(0)] * d).value >= 0)


def test_parallel_inequalities_without_end() -> None:
    """A wedge and its copies further out, in many dimensions: multipliers are zero but for those of the copy."""
    rng = np.random.default_rng(6)
    for d in (2, 5, 12):
        A = rng.integers(-99, 100, (d - 1, d)).astype(float)
        both, b = np.vstack([A, A, 3 * A]), np.concatenate([np.ones(d - 1), np.full(d - 1, 2.0), np.full(d - 1, 4.0)])
        assert lp.redundant(both, b).tolist() == [False] * (d - 1) + [True] * (2 * d - 2)
        assert lp.redundant(np.vstack([both, A.sum(axis=0)]), np.append(b, d)).tolist()[-1]


def test_largest_balls() -> None:
    rng = np.random.default_rng(5)
    for d in (2, 3, 6):
        A = rng.normal(size=(5 * d, d))
        A /= np.linalg.norm(A, axis=1)[:, None]
        ball = lp.largest_ball(A, np.ones(len(A)))
        lifted = np.column_stack([A, np.linalg.norm(A, axis=1)])
        found = linprog([*[0.0] * d, -1.0], lifted, np.ones(len(A)), bounds=(None, None), method="highs")
        assert ball.radius <= ball.upper
        assert ball.upper - ball.radius < 1e-12
        assert ball.radius == pytest.approx(-found.fun, rel=1e-9)
    endless = lp.largest_ball([[-1.0, 0.0], [0.0, -1.0]], [0.0, 0.0])
    assert (endless.radius, endless.upper) == (math.inf, math.inf)
    strip = lp.largest_ball([[1.0, 0.0], [-1.0, 0.0]], [1.0, 1.0])
    assert strip.radius == pytest.approx(1.0, rel=1e-15)
    assert 1.0 <= strip.upper < 1 + 1e-12


@pytest.mark.parametrize(
    ("A", "b", "message"),
    [
        ([1.0, 2.0], [1.0], r"A must have shape \(m, d\) or \(k, m, d\), got \(2,\)"),
        ([[1.0, 2.0]], [1.0, 2.0], r"b must have shape \(1,\)"),
        ([[math.nan, 2.0]], [1.0], "A"),
    ],
)
def test_bad_input(A: object, b: object, message: str) -> None:
    with pytest.raises(lr.InvalidInput, match=message):
        lp.feasible(A, b)


def test_sets_without_interior_are_refused() -> None:
    with pytest.raises(lr.InvalidInput, match="A x <= b must have interior points, got a set that is empty"):
        lp.redundant([[1.0], [-1.0]], [0.0, -1.0])
    with pytest.raises(lr.InvalidInput, match="a set that is flat"):
        lp.largest_ball([[1.0], [-1.0]], [1.0, -1.0])
    with pytest.raises(lr.InvalidInput, match=r"c must have shape \(1,\)"):
        lp.minimize([1.0, 2.0], [[1.0]], [1.0])


def test_kernels_of_linear_programs() -> None:
    """Small enough to run with bounds checks or uncompiled."""
    rng = np.random.default_rng(11)
    for kind in KINDS:
        c, A, b = problems(kind, rng, 2, 7, 2)
        ours = lp.minimize(c, A, b)
        for i in range(2):
            right, exact = truth(c[i], A[i], b[i])
            assert ours.status[i] == right
            assert exact is None or abs(Fraction(float(ours.value[i])) - exact) <= Fraction(float(ours.error[i]))
    assert lp.redundant([[1, 0], [0, 1], [-1, -1], [1, 1]], [1, 1, 1, 3]).tolist() == [False] * 3 + [True]
    assert lp.largest_ball([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, 1, 2, 2]).radius == pytest.approx(1.0)


def test_kernels_of_cells() -> None:
    rng = np.random.default_rng(12)
    weights = [rng.normal(size=shape) for shape in ((4, 2), (3, 4), (1, 3))]
    network = lr.Network.from_arrays(weights, [rng.normal(size=n) for n in (4, 3, 1)])
    for domain in (lr.Box([-1, -1], [1, 1]), lr.Space(2)):
        r = lr.enumerate_regions(network, domain, method="lp")
        r.check()
        assert (r.largest_balls.radii > 0).all()
        assert r.bounded.sum() <= len(r)
    assert len(lr.explore(network, [0.1, 0.2])) == len(r)
