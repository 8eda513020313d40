"""A run that an older version began goes on, and one of a newer version is left as it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import load_grid
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions
from splitfed_core.errors import NewerSchemaError, UsageError

OLD = Path(__file__).parents[2] / "contracts" / "run_of_schema_1"
OneRun = tuple[str, int]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An older run of four, one of which is not finished."""
    folder = shutil.copytree(OLD, tmp_path / "old")
    next(folder.glob("cells/*/r1/manifest.json")).unlink()
    return folder


@pytest.fixture
def go_on(old: Path, tiny_runner: Callable[[], Any]) -> Callable[..., list[OneRun]]:
    """Go on with the sweep; returns what was run."""

    def go_on(**options: Any) -> list[OneRun]:
        runner = tiny_runner()
        work = Sweep(load_grid(old / "grid.yaml", ()), old, SweepOptions(**options), "sfbench sweep")
        assert work.run(lambda: runner) == 0
        ran: list[OneRun] = runner.ran
        return ran

    return go_on


def test_other_code_is_refused_and_goes_on_when_accepted(old: Path, go_on: Callable[..., list[OneRun]]) -> None:
    with pytest.raises(UsageError, match=r"measured with other code:\n  sfbench.*\n--accept-code-change goes on"):
        go_on()
    ((cell_id, repeat),) = go_on(accept_code_change=True)
    manifest = json.loads((old / f"cells/{cell_id}/r{repeat}/manifest.json").read_text())
    assert (manifest["schema"], repeat) == (2, 1)
    assert manifest["conditions"]["before"]["reference_task_s"] > 0
    assert len((old / "summary.csv").read_text().splitlines()) == 1 + 4
    (accepted,) = json.loads((old / "plan.json").read_text())["accepted_code_changes"]
    assert "d6a992e56774c3e7" in accepted["code"]["sfbench"]
    assert go_on() == []


@pytest.mark.parametrize("file", ["plan.json", "cells/*/r0/manifest.json"])
def test_a_run_of_a_newer_version_is_not_touched(old: Path, go_on: Callable[..., list[OneRun]], file: str) -> None:
    path = next(old.glob(file))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))
    before = {each: each.read_bytes() for each in old.rglob("*") if each.suffix in (".json", ".csv")}
    with pytest.raises(NewerSchemaError, match="has schema 99"):
        go_on(accept_code_change=True)
    assert {each: each.read_bytes() for each in before} == before
    assert len(go_on(fresh=True)) == 4
