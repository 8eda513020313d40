"""Which code measured, and what happens when another goes on."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.machine.code import ImportedCode, merged, own_code, own_files
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions, parse_selection
from splitfed_core.errors import CellError, UsageError

GRID = "base: {rounds: 2}\naxes: {clients: [2, 4]}\nschedule: grid\n"
GridOf = Callable[..., Grid]
Runner = Any


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's with a package, and what it imports from elsewhere."""
    app, elsewhere = tmp_path / "app", tmp_path / "elsewhere"
    installed = elsewhere / "site-packages"
    files = {app / "netsof/__init__.py": "from netsof import small", app / "netsof/small.py": "import besidenets",
             app / "not_imported.py": "", elsewhere / "besidenets.py": "import theirnets",
             installed / "theirnets.py": ""}  # fmt: skip
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in (app, elsewhere, installed):
        monkeypatch.syspath_prepend(folder)
    importlib.import_module("netsof")
    yield app
    for name in ("netsof", "netsof.small", "besidenets", "theirnets"):
        del sys.modules[name]


def test_our_own_code_is_what_can_change_a_number() -> None:
    assert {"splitfed_core/roles/main_server.py", "benchmarks/workers/topology.py"} <= own_files().keys()
    assert not [name for name in own_files() if name.startswith(("analysis/", "tests/", "benchmarks/own_cost/"))]


def test_the_users_code_is_what_was_imported(app: Path) -> None:
    ours = ("netsof", "besidenets", "theirnets", "not_imported")  # other tests, and what they import, are found, too
    found = {name for name in ImportedCode(app).found() if name.startswith(ours)}
    assert found == {"netsof/__init__.py", "netsof/small.py", "besidenets"}
    assert "theirnets" in ImportedCode(app).found(["theirnets:net"])  # their own network counts, installed or not


def test_what_is_edited_after_it_was_imported_is_not_what_runs(app: Path) -> None:
    code = ImportedCode(app)
    before = code.found()
    (app / "netsof/small.py").write_text("changed = True")
    assert code.found() == before
    assert ImportedCode(app).found() != before


def test_two_states_in_one_cell_are_refused() -> None:
    assert merged([{"a": "1"}, {"a": "1", "b": "2"}]) == {"a": "1", "b": "2"}
    with pytest.raises(CellError, match=r"^b was changed during the sweep"):
        merged([{"a": "1", "b": "2"}, {"b": "3"}])


@pytest.fixture
def begun(grid_of: GridOf, tmp_path: Path, tiny_runner: Runner) -> Path:
    """A run of which half is done."""
    run, half = tmp_path / "run", parse_selection(only="clients == 2")
    assert Sweep(grid_of(GRID), run, SweepOptions(selection=half), "").run(tiny_runner) == 0
    return run


def set_code(run: Path, code: dict[str, str] | None) -> None:
    for path in run.glob("cells/*/*/manifest.json"):
        manifest = json.loads(path.read_text()) | {"code": code}
        if code is None:
            del manifest["code"]
        path.write_text(json.dumps(manifest))


def test_the_manifest_names_the_code(begun: Path) -> None:
    (manifest,) = [json.loads(path.read_text()) for path in begun.glob("cells/*/*/manifest.json")]
    assert manifest["code"] == {"sfbench": own_code()}
    assert json.loads((begun / f"code/{own_code()}.json").read_text()) == own_files()


def test_a_change_of_ours_is_refused_with_its_files_until_it_is_accepted(
    begun: Path, grid_of: GridOf, tiny_runner: Runner
) -> None:
    def go_on(**options: Any) -> int:
        return Sweep(grid_of(GRID), begun, SweepOptions(**options), "").run(lambda: runner)

    older = {**own_files(), "splitfed_core/roles/main_server.py": "0ld", "benchmarks/gone.py": "0ld"}
    (begun / "code/01d.json").write_text(json.dumps(older))
    set_code(begun, {"sfbench": "01d"})
    runner = tiny_runner()
    with pytest.raises(
        UsageError, match=r"other code:\n  sfbench \(benchmarks/gone.py, splitfed_core/roles/main_server.py\)\n"
    ):
        go_on()
    assert runner.ran == []
    assert go_on(accept_code_change=True) == 0
    (record,) = json.loads((begun / "plan.json").read_text())["accepted_code_changes"]
    assert record["code"] == {"sfbench": sorted(["01d", own_code()])}


def test_what_was_accepted_needs_no_second_word_and_another_change_does(
    begun: Path, grid_of: GridOf, tiny_runner: Runner
) -> None:
    def go_on(text: str, code: str, **options: Any) -> int:
        runner = tiny_runner()
        runner.code = lambda _: {"mymodel.py": code}
        sweep = Sweep(grid_of(text), begun, SweepOptions(accept_plan_change=True, **options), "")
        return sweep.run(lambda: runner)

    set_code(begun, {"sfbench": own_code(), "mymodel.py": "a"})
    assert go_on(GRID.replace("4]", "4, 5]"), "b", accept_code_change=True) == 0
    assert go_on(GRID.replace("4]", "4, 5, 6]"), "b") == 0
    with pytest.raises(UsageError, match=r"other code:\n  mymodel.py\n--accept-code-change goes on"):
        go_on(GRID.replace("4]", "4, 5, 6, 7]"), "c")
    assert go_on(GRID.replace("4]", "4, 5, 6, 7]"), "c", fresh=True) == 0


def test_a_run_of_before_code_was_recorded_counts_as_other_code_once(
    begun: Path, grid_of: GridOf, tiny_runner: Runner
) -> None:
    set_code(begun, None)
    sweep = Sweep(grid_of(GRID), begun, SweepOptions(), "")
    with pytest.raises(UsageError, match=r"sfbench \(of a version that did not record its code\)"):
        sweep.run(tiny_runner)
    accepting = SweepOptions(accept_code_change=True)
    assert Sweep(grid_of(GRID), begun, accepting, "").run(tiny_runner) == 0
    assert Sweep(grid_of(GRID), begun, SweepOptions(), "").run(tiny_runner) == 0  # nothing is left to be measured
