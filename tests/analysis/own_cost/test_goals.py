import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from analysis.own_cost.goals import MeasuredGoal
from analysis.own_cost.report import make_report
from benchmarks.own_cost.goals import GOALS, Result, goal, ratios

HIGHER = MeasuredGoal("steps/s ÷ theirs", "higher", 10, 15, "", 12.0, 8.0, 16.0, 3, "120 and 10 steps/s")
LOWER = MeasuredGoal("start", "lower", 15, None, "s", 30.0, 30.0, 30.0, 1, "cold")


@pytest.mark.parametrize(("goal", "value", "margin"), [(HIGHER, 20, 2.0), (HIGHER, 5, 0.5), (LOWER, 7.5, 2.0)])
def test_a_margin_is_how_many_times_better_than_the_bound(goal: MeasuredGoal, value: float, margin: float) -> None:
    assert goal.margin(value) == margin


def test_a_goal_is_reached_on_the_good_side_of_its_bound() -> None:
    assert HIGHER.reached
    assert not LOWER.reached


def test_what_was_measured_comes_out_as_a_table_and_a_figure(tmp_path: Path) -> None:
    results = [
        Result(goal("notebook"), [9.0, 12.0, 11.0], "121 and 11 steps/s"),
        Result(goal("start"), [20.0], "cold"),
    ]
    with (tmp_path / "speed.csv").open("w", newline="") as file:
        writer: Any = csv.DictWriter(file, list(results[0].row()))
        writer.writeheader()
        writer.writerows(result.row() for result in results)
    environment = {"cpu": "A CPU", "cores": 4, "git_commit": "0123456789abcdef", "git_dirty": False}
    (tmp_path / "environment.json").write_text(json.dumps({"environment": environment}))
    lines = make_report(tmp_path).splitlines()
    assert lines[2].startswith("| steps/s, 3 clients, batch 128 ÷ the notebook's way | ≥ 10× (aim 15) | 11.0×")
    assert "| 9.00–12.0, n = 3 | yes | 121 and 11 steps/s |" in lines[2]
    assert "| ≤ 15 s | 20.0 s | one | no | cold |" in lines[3]
    assert lines[-1] == "A CPU, 4 cores; commit 0123456789."
    with Image.open(tmp_path / "speed.png") as picture:
        assert "0123456789abcdef" in picture.text["Description"]  # type: ignore[attr-defined]  # of a PNG


def test_runs_are_divided_one_by_one() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_every_goal_has_a_name_of_its_own() -> None:
    assert len({goal.name for goal in GOALS}) == len(GOALS) == 12
