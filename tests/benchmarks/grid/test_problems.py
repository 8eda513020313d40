"""Whatever is wrong with a grid is told in one go, in the order of the file."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.cli import main
from benchmarks.grid.load import Grid, load_grid
from benchmarks.grid.plan import make_plan
from splitfed_core.errors import GridError


def places_of(path: Path, text: str, *settings: str) -> list[str]:
    """Return place and beginning of every problem: `4:12 clients 0`."""
    path.write_text(text)
    with pytest.raises(GridError) as caught:
        make_plan(load_grid(path, settings))
    return [line.removeprefix(f"{path}:").partition(": ")[0] for line in str(caught.value).splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grid.yaml"


def test_three_wrong_parameters_are_three_lines_and_one_exit_code(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text("axes:\n  clients: [2, 0]\n  batch_sise: [8]\nbase:\n  rounds: many\n")
    monkeypatch.setattr(sys, "argv", ["sfbench", "sweep", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith(f"sfbench: {path}:2:16: clients 0: ")
    assert second.startswith(f"{path}:3:3: unknown parameter 'batch_sise'; did you mean 'batch_size'? ")
    assert third.startswith(f"{path}:5:11: rounds 'many': ")


def test_every_part_of_a_grid_is_looked_at(path: Path) -> None:
    text = """\
nme: typo
repeats: 0
base: {clients: -1, rounds: x}
axes:
  batch_size: [0, 8, -8]
  learning_rate: {log: [0, 1]}
zip:
  - {local_epochs: [1, 2], eval_every: [1]}
exclude:
  - {match: {clients: many}}
  - when: clients >
include: [{clients: 0}, {codec: none}]
overrides: [{match: {clients: 2}, set: {threads: 0}}]
on_failure: {retry: 1}
"""
    lines = [place.partition(":")[0] for place in places_of(path, text)]
    assert lines == ["1", "2", "3", "3", "5", "5", "6", "8", "10", "11", "12", "12", "13", "14"]


def test_what_follows_from_another_problem_is_not_told(path: Path) -> None:
    assert places_of(path, "axes: 3\npair_seeds_across: [clients]\n") == ["1:7"]


def test_places_given_twice_are_all_told(path: Path) -> None:
    text = "base: {clients: 2, rounds: 1, timeout_s: 5}\naxes: {clients: [2], rounds: [2]}\ntimeout_s: 4\n"
    assert places_of(path, text) == ["2:8", "2:22", "3:12"]


def test_every_rule_that_matches_nothing_is_told(path: Path) -> None:
    text = (
        "axes: {clients: [2, 3]}\noverrides: [{when: clients > 8, set: {rounds: 1}}]\nexclude: [{when: clients < 2}]\n"
    )
    assert [place.partition(":")[0] for place in places_of(path, text)] == ["2", "3"]


def test_wrong_settings_are_told_together_and_first(path: Path) -> None:
    places = places_of(path, "axes: {clients: [0]}\n", "rounds=x", "clients=-1", "seed=one")
    assert places == ["--set rounds=x", "--set clients=-1", "--set seed=one"]


def test_a_thousand_problems_do_not_flood_the_terminal(path: Path) -> None:
    problems = places_of(path, f"axes: {{batch_size: {[0] * 1000}}}\n")
    assert (len(problems), problems[-1]) == (21, "… and 980 more problems")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("foo=1", "--set foo=1: unknown name 'foo'; choose one of the parameters dataset, "),
        ("client=1", "--set client=1: unknown name 'client'; did you mean 'clients'? choose one of the parameters "),
        ("repeat=1", "--set repeat=1: unknown name 'repeat'; did you mean 'repeats'? choose one of the parameters "),
    ],
)  # fmt: skip
def test_an_unknown_setting_lists_what_there_is(grid_of: Callable[..., Grid], setting: str, says: str) -> None:
    with pytest.raises(GridError) as caught:
        grid_of("axes: {clients: [2]}", setting)
    assert str(caught.value).startswith(says)
    assert "or of the keys of a grid schema, name, seed, " in str(caught.value)
