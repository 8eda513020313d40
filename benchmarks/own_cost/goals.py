"""What is measured, and what it should reach: ratios of two things timed in one run, or waits in seconds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table.

    Attributes:
        name: Identifies it.
        what: What is divided by what.
        better: Whether more of it or less is good.
        reach: The bound.
        aim: What would be better still, if there is such a value.
        unit: "" for a ratio.
    """

    name: str
    what: str
    better: Literal["higher", "lower"]
    reach: float
    aim: float | None = None
    unit: str = ""


GOALS = (
    Goal("notebook", "steps/s, 3 clients, batch 128 ÷ the notebook's way", "higher", 10, 15),
    Goal("unsplit", "time per step, 1 client over gRPC ÷ unsplit compiled step", "lower", 1.25, 1.10),
    Goal("scaling", "steps/s, 3 clients ÷ 1 client, one thread per process", "higher", 2.6),
    Goal("codec", "encode + decode of [128, 26, 26, 32] float32 ÷ one memcpy of it", "lower", 6, 2),
    Goal("lists", "repeated float of [128, 26, 26, 32] ÷ our encode + decode", "higher", 60, 150),
    Goal("rpc", "11 MB there and back over gRPC ÷ through a bare TCP socket", "lower", 3),
    Goal("flower", "fl, 50 clients × 640 examples: samples/s ÷ Flower's simulation", "higher", 5),
    Goal("start", "from `sfbench sweep` to the first timed step, cold", "lower", 15, unit="s"),
    Goal("memory", "1,000 clients: memory per further client ÷ its state", "lower", 1.5),
    Goal("many_clients", "1,000 clients: time per step ÷ that with 10 clients", "lower", 1.3),
    Goal("next_cell", "from the end of a cell to the first timed step of the next", "lower", 1, unit="s"),
    Goal("recording", "step with its ledger ÷ without", "lower", 1.02),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured for a goal: every run of it, and both sides in words."""

    goal: Goal
    runs: Sequence[float]
    detail: str

    def row(self) -> dict[str, object]:
        """Return a line of `speed.csv`; the measured value is the median of the runs."""
        return {
            **asdict(self.goal),
            "measured": median(self.runs),
            "low": min(self.runs),
            "high": max(self.runs),
            "runs": len(self.runs),
            "detail": self.detail,
        }


def goal(name: str) -> Goal:
    """Return the goal of that name."""
    return next(goal for goal in GOALS if goal.name == name)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Divide what was measured side by side, run by run."""
    return [a / b for a, b in zip(above, below, strict=True)]
