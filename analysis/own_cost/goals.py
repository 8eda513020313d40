"""What the instrument itself costs: a line of `speed.csv`, and how far it keeps its bound."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class MeasuredGoal:
    """A line of `speed.csv`: a bound, and what was measured."""

    what: str
    better: str
    reach: float
    aim: float | None
    unit: str
    measured: float
    low: float
    high: float
    runs: int
    detail: str

    @classmethod
    def read(cls, row: dict[str, str]) -> Self:
        """Read a line."""
        return cls(
            what=row["what"],
            better=row["better"],
            reach=float(row["reach"]),
            aim=float(row["aim"]) if row["aim"] else None,
            unit=row["unit"],
            measured=float(row["measured"]),
            low=float(row["low"]),
            high=float(row["high"]),
            runs=int(row["runs"]),
            detail=row["detail"],
        )

    @property
    def reached(self) -> bool:
        """Whether the measured value keeps the bound."""
        return self.margin(self.measured) >= 1

    def margin(self, value: float) -> float:
        """Return how many times better than the bound a value is; below 1 it falls short."""
        return value / self.reach if self.better == "higher" else self.reach / value


def shown_digits(value: float) -> str:
    """Return a value with as many digits as the table and the figure show."""
    digits = next(digits for least, digits in ((100, 0), (10, 1), (2, 2), (0, 3)) if value >= least)
    return f"{value:.{digits}f}"
