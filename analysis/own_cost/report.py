"""`python -m analysis.own_cost.report DIR`: what the instrument costs, as a table and a figure, from `DIR/speed.csv`.

`nox -s bench -- speed` measures and then makes them.
"""

import csv
import hashlib
import json
from argparse import ArgumentParser
from importlib.metadata import version
from pathlib import Path

from analysis.figures.files import write_figure
from analysis.own_cost.figure import draw_goals
from analysis.own_cost.goals import MeasuredGoal, shown_digits
from analysis.results.provenance import Provenance


def make_report(folder: Path) -> str:
    """Write `speed.md`, `speed.png` and `speed.svg` beside the CSV; return the table."""
    content = (folder / "speed.csv").read_text()
    goals = [MeasuredGoal.read(row) for row in csv.DictReader(content.splitlines())]
    environment = json.loads((folder / "environment.json").read_text())["environment"]
    text = f"{_table(goals)}\n\n{machine(environment)}\n"
    (folder / "speed.md").write_text(text)
    commit = str(environment.get("git_commit") or "unknown")
    origin = Provenance((folder.name,), (commit,), hashlib.sha256(content.encode()).hexdigest(), version("sfbench"))
    for kind in ("png", "svg"):
        write_figure(draw_goals(goals), folder / f"speed.{kind}", "What the instrument itself costs", origin)
    return text


def _table(goals: list[MeasuredGoal]) -> str:
    lines = ["| what | reach | measured | runs | reached | sides |", "|---|---|---|---|---|---|"]
    for goal in goals:
        sign = "≥" if goal.better == "higher" else "≤"
        aim = f" (aim {goal.aim:g})" if goal.aim else ""
        spread = f"{shown_digits(goal.low)}–{shown_digits(goal.high)}, n = {goal.runs}" if goal.runs > 1 else "one"
        unit = f" {goal.unit}" if goal.unit else "×"
        lines.append(
            f"| {goal.what} | {sign} {goal.reach:g}{unit}{aim} | {shown_digits(goal.measured)}{unit} | {spread} "
            f"| {'yes' if goal.reached else 'no'} | {goal.detail} |"
        )
    return "\n".join(lines)


def machine(environment: dict[str, object]) -> str:
    """Say on which machine, and at which commit, it was measured."""
    commit = str(environment.get("git_commit") or "unknown")[:10]
    dirty = ", with changes" if environment.get("git_dirty") else ""
    return f"{environment.get('cpu')}, {environment.get('cores')} cores; commit {commit}{dirty}."


if __name__ == "__main__":
    parser = ArgumentParser(
        prog="python -m analysis.own_cost.report", description="Make a table and a figure of what sfbench itself costs."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where python -m benchmarks.own_cost wrote speed.csv")
    print(make_report(parser.parse_args().folder))
