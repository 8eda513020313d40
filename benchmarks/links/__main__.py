"""`python -m benchmarks.links DIR [PART …]`: measure what emulated links reach; write CSV and a page's tables.

Every part can be run by itself; `links.md` has those that were run.
"""

import argparse
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.links.comparison import Line
from benchmarks.links.emulation import Emulation
from benchmarks.links.goals import GOALS, PARTS, link_goal
from benchmarks.links.layer_cost import measure_layer_cost
from benchmarks.links.measure import measure, verified_links
from benchmarks.links.prediction import (
    PredictedCell,
    measure_cells_with_links,
    prediction_error,
    prediction_table,
)
from benchmarks.links.repeatable import measure_repeatability
from benchmarks.links.shared import measure_sharing
from benchmarks.links.verify import document, markdown
from benchmarks.machine.environment import environment, load
from benchmarks.own_cost.goals import Result


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write after every part, so that an interrupt loses none that is done."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.links", description="Measure what emulated links reach."
    )
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    arguments = parser.parse_args(words)
    if unknown := sorted(set(arguments.parts) - set(PARTS)):
        parser.error(f"{', '.join(unknown)}: not a part; choose from {', '.join(PARTS)}")
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    facts = {"environment": environment(Path.cwd()).document(), "load": load()}
    (out / "environment.json").write_text(json.dumps(facts, indent=1) + "\n")
    run = _Run(out)
    for part in PARTS:
        if part in (arguments.parts or PARTS):
            for result in _MEASURED_BY[part](run):
                run.add(result)
    print(run.page())


class _Run:
    """What has been measured, and the folder that has it."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.lines: list[Line] = []
        self.cells: list[PredictedCell] = []
        self._results: list[Result] = []

    def add(self, result: Result) -> None:
        """Take a result and write all anew."""
        self._results.append(result)
        with (self._out / "links.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(result.row()))
            writer.writeheader()
            writer.writerows(each.row() for each in self._results)
        (self._out / "links.md").write_text(self.page() + "\n")
        if self.lines:
            (self._out / "witnesses.json").write_text(document(self.lines) + "\n")

    def page(self) -> str:
        """Return the tables in markdown."""
        tables = [goals_table(self._results)]
        tables += [prediction_table(self.cells)] if self.cells else []
        tables += [markdown(self.lines)] if self.lines else []
        return "\n\n".join(tables)


def _witnesses(run: _Run) -> Iterator[Result]:
    with Emulation() as emulation:
        for line in measure(verified_links(), emulation, lambda text: print(text, flush=True)):
            run.lines.append(line)
    yield from witness_results(run.lines)


def witness_results(lines: Sequence[Line]) -> Iterator[Result]:
    """Yield how much of what is allowed the worst kind of message used; nothing of a witness that is missing."""
    for witness in ("tbf", "relay"):
        if measured := [line for line in lines if line.witness == witness and not line.skipped]:
            typical, worst = [line.typical_used for line in measured], [line.worst_used for line in measured]
            for name, used in (("median", typical), ("worst", worst)):
                detail = f"{len(measured)} kinds of message; half of them at most {median(used):.2f}"
                yield Result(link_goal(f"{witness}_{name}"), [max(used)], detail)


def _predicted(run: _Run) -> Iterator[Result]:
    from benchmarks.cluster import open_cluster

    with open_cluster() as cluster:
        run.cells += measure_cells_with_links(cluster)
    yield prediction_error(run.cells)


_MEASURED_BY: dict[str, Callable[[_Run], Iterator[Result]]] = {
    "witnesses": _witnesses,
    "shared": lambda _: iter([measure_sharing()]),
    "layer": lambda _: iter([measure_layer_cost()]),
    "seed": lambda _: iter([measure_repeatability()]),
    "predicted": _predicted,
}


def goals_table(results: Sequence[Result]) -> str:
    """Return results as a table in markdown, in the order of the goals."""
    rows = ["| what | reach | measured | reached | detail |", "|---|---|---|---|---|"]
    by_name = {result.goal.name: result for result in results}
    for goal in GOALS:
        if result := by_name.get(goal.name):
            value, unit = median(result.runs), f" {goal.unit}" if goal.unit else ""
            reached = "yes" if value <= goal.reach else "no"
            rows.append(f"| {goal.what} | ≤ {goal.reach:g}{unit} | {value:.3g}{unit} | {reached} | {result.detail} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
