from pathlib import Path

import pytest

from benchmarks.grid import load_grid
from benchmarks.plan import make_plan
from benchmarks.starter import write_starter
from splitfed_core.errors import UsageError


def test_the_starter_is_a_grid_of_twelve_cells(tmp_path: Path) -> None:
    write_starter(tmp_path / "grid.yaml")
    plan = make_plan(load_grid(tmp_path / "grid.yaml"))
    assert (len(plan.cells), len(plan.runs()), plan.excluded) == (12, 36, [])


def test_the_starter_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        write_starter(path)
    assert path.read_text() == "mine"
