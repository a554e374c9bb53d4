"""The record of what proved a result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Certificate:
    """How the signs that shape a complex were decided.

    Every decision is the sign of a rational number. Float64 decides it where the value exceeds its running error
    bound; else double-double arithmetic with its own bound does; else rational arithmetic, which settles true zeros
    too. Nothing is decided by a tolerance and nothing stays undecided.

    But on a `ConvexSet` cells are exact, while a convex solver in floating point says which of them meet the set.

    Attributes
    ----------
    signs : int
        Signs decided in all. Signs that follow from convexity alone are not counted.
    double_signs : int
        Those that float64 did not prove.
    exact_signs : int
        Those among them that reached rational arithmetic.
    verdicts : int
        Those of a convex solver; none in proven results.
    undecided : int
        Cells whose verdict is within the solver's tolerance. They are not counted. None in proven results: a sign that
        nothing decides would have raised.

    Examples
    --------
    >>> from linear_regions import Certificate
    >>> print(Certificate(signs=1000, double_signs=3, exact_signs=1))
    certified: 1,000 signs, 3 beyond float64, 1 in rational arithmetic, 0 undecided
    """

    signs: int
    double_signs: int
    exact_signs: int
    verdicts: int = 0
    undecided: int = 0

    @property
    def certified(self) -> bool:
        """Whether all is proven: whether no convex solver was asked."""
        return not self.verdicts

    def __str__(self) -> str:
        """Show the figures in one line."""
        signs = (
            f"{self.signs:,} signs, {self.double_signs:,} beyond float64, {self.exact_signs:,} in rational arithmetic"
        )
        if self.certified:
            return f"certified: {signs}, {self.undecided} undecided"
        return f"numerical: {self.verdicts:,} verdicts of a convex solver, {self.undecided:,} undecided; {signs}"
