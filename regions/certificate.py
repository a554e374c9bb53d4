"""The record of what proved a result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Certificate:
    """How the signs that shape a complex were decided.

    Every decision is the sign of a rational number. Float64 decides it where the value exceeds its running error
    bound; else double-double arithmetic with its own bound does; else rational arithmetic, which settles true zeros
    too. Nothing is decided by a tolerance and nothing stays undecided.

    Attributes
    ----------
    signs : int
        Signs decided in all. Signs that follow from convexity alone are not counted.
    double_signs : int
        Those that float64 did not prove.
    exact_signs : int
        Those among them that reached rational arithmetic.

    Examples
    --------
    >>> from linear_regions import Certificate
    >>> print(Certificate(signs=1000, double_signs=3, exact_signs=1))
    certified: 1,000 signs, 3 beyond float64, 1 in rational arithmetic, 0 undecided
    """

    signs: int
    double_signs: int
    exact_signs: int

    @property
    def undecided(self) -> int:
        """Zero: a sign that nothing decides would have raised."""
        return 0

    @property
    def certified(self) -> bool:
        """True: only certified results are returned."""
        return True

    def __str__(self) -> str:
        """Show the figures in one line."""
        return (
            f"certified: {self.signs:,} signs, {self.double_signs:,} beyond float64, "
            f"{self.exact_signs:,} in rational arithmetic, {self.undecided} undecided"
        )
