from pathlib import Path

import pytest

from benchmarks.grid.load import load_grid
from benchmarks.grid.plan import make_plan
from benchmarks.grid.starter import GRIDS, choose_grid, grid_words, write_starter
from splitfed_core.errors import UsageError


def test_the_starter_is_a_grid_of_twelve_cells(tmp_path: Path) -> None:
    write_starter(tmp_path / "grid.yaml")
    plan = make_plan(load_grid(tmp_path / "grid.yaml"))
    assert (len(plan.cells), len(plan.runs()), plan.excluded) == (12, 36, [])


def test_the_starter_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        write_starter(path)
    assert path.read_text() == "mine"


def test_a_grid_is_the_one_named_or_the_one_here_or_the_quick_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    messages: list[str] = []
    assert choose_grid(Path("mine.yaml"), None, messages.append) == Path("mine.yaml")
    assert choose_grid(None, "ci", messages.append) == GRIDS / "ci.yaml"
    assert messages == []
    assert choose_grid(None, None, messages.append) == GRIDS / "quick.yaml"
    write_starter(tmp_path / "grid.yaml")
    assert choose_grid(None, None, messages.append) == Path("grid.yaml")
    assert messages == [
        "no grid given, and no grid.yaml in this folder: using the bundled grid 'quick'",
        "no grid given: using grid.yaml in this folder",
    ]


@pytest.mark.parametrize(
    ("grid", "name", "says"),
    [
        (
            None,
            "quik",
            "--bundled 'quik': no such grid is bundled; choose one of algorithms, ci, quick, sample, starter",
        ),
        (Path("a.yaml"), "quick", "a.yaml and --bundled quick: name one grid"),
    ],
)
def test_a_grid_that_is_not_there_or_named_twice_is_refused(grid: Path | None, name: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_grid(grid, name, print)
    assert str(caught.value) == says


def test_a_command_names_a_grid_as_its_user_would() -> None:
    assert grid_words(GRIDS / "quick.yaml") == "--bundled quick"
    assert grid_words(Path("my grid.yaml")) == "'my grid.yaml'"
