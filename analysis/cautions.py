"""What a reader must know before trusting the numbers: failed cells, few repeats, mixed environments."""

from dataclasses import dataclass

from analysis.load import Results
from analysis.runs import Problem


@dataclass(frozen=True)
class Caution:
    """A warning of the report, with details to unfold."""

    title: str
    text: str
    details: tuple[Problem, ...] = ()


def cautions(results: Results) -> list[Caution]:
    """Return all warnings, gravest first."""
    made = [_failed(results), _notes(results), _repeats(results), _environments(results)]
    return [caution for caution in made if caution]


def _failed(results: Results) -> Caution | None:
    bad = results.cells[~results.cells["usable"]]
    if bad.empty:
        return None
    count = len(bad)
    details = tuple(
        Problem(f"{line.run}: {line.cell_id} r{line.repeat}", f"{line.status}: {line.reason}")
        for line in bad.itertuples()
    )
    return Caution(
        f"{count} of {len(results.cells)} repeats of cells have no results.",
        "They are left out of every figure.",
        details,
    )


def _notes(results: Results) -> Caution | None:
    bad = {
        f"{line.run}: {line.cell_id} r{line.repeat}" for line in results.cells[~results.cells["usable"]].itertuples()
    }
    others = tuple(problem for problem in results.problems if problem.where not in bad)
    return Caution("Some data are missing or odd.", "What could be used is shown.", others) if others else None


def _repeats(results: Results) -> Caution | None:
    fewest = int(results.ok.groupby(["run", "cell_id"]).size().min())
    if fewest >= 3:
        return None
    return Caution(
        "Few repeats.", f"At least one cell has only {fewest}; intervals need 3 or more, a regression gate 5."
    )


def _environments(results: Results) -> Caution | None:
    used = {(line.run, line.env) for line in results.ok.itertuples()}
    if len({env for _, env in used}) < 2:
        return None
    return Caution(
        "Mixed environments.",
        "The cells were not all run on the same machine, code and versions: their times do not compare.",
    )
