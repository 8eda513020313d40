"""The command line of what measures sfbench itself: nothing is measured before it has been understood."""

from pathlib import Path

import pytest

from benchmarks.own_cost.__main__ import read_options
from benchmarks.own_cost.goals import GOALS


def test_the_goals_that_are_named_are_measured_and_all_of_them_by_default() -> None:
    named = read_options(["reports/speed", "unsplit", "rpc"])
    assert (named.out, named.goals) == (Path("reports/speed"), ["unsplit", "rpc"])
    assert read_options(["reports/speed"]).goals == []


def test_help_lists_every_goal_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(["--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[lines.index("goals:") + 1 :]] == [goal.name for goal in GOALS]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "the following arguments are required: DIR"),
        (["out", "unsplitt"], "unknown goal 'unsplitt'; choose from notebook, unsplit, scaling, "),
        (["out", "--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_a_wrong_command_line_is_refused(words: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(words)
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
