"""The logic of a sweep on real files; a runner without processes stands where Ray is not the point."""

import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from benchmarks.runner import CellObserver, CellRun
from benchmarks.sweep.selection import parse_selection
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import CellError, CellTimeoutError, ConfigError, GridError
from tests.benchmarks.sweep.attempts import GRID, fails, manifests, statuses

GridOf = Callable[..., Grid]
Runner = Any


def test_a_sweep_leaves_its_files(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tiny_runner()) == 0
    plan = json.loads((run / "plan.json").read_text())
    assert (run / "grid.yaml").read_text() == GRID
    assert len(manifests(run)) == 4
    assert statuses(run) == ["ok"] * 4
    (env,) = (run / "env").iterdir()
    assert {m["env"] for m in manifests(run).values()} == {env.stem}
    assert {(c["cell_id"], s) for c in plan["cells"] for s in c["seeds"]} == {
        (m["cell_id"], m["seed"]) for m in manifests(run).values()
    }
    assert capsys.readouterr().out.splitlines() == [
        f"4 of 4 cells × repeats are done in {run}",
        f"next: sfbench report {run}",
    ]


def test_what_is_done_is_not_run_again(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    assert sweep(tiny_runner()) == 0
    again = tiny_runner()
    assert sweep(again) == 0
    assert again.ran == []


@pytest.mark.parametrize("name", ["steps.csv", "labels.csv", "manifest.json"])
@pytest.mark.parametrize("damage", ["gone", "shorter"])
def test_a_damaged_cell_is_run_again(
    name: str, damage: str, sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    sweep(tiny_runner())
    path = next(run.glob(f"cells/*/r1/{name}"))
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-1] + b"}"[:0])
    if (name, damage) == ("manifest.json", "shorter"):
        path.write_bytes(path.read_bytes()[:-5])
    again = tiny_runner()
    assert sweep(again) == 0
    assert again.ran == [(path.parts[-3], 1)]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CellError("worker 1 is gone"), "failed"),
        (CellTimeoutError("over 600 s"), "timeout"),
        (ConfigError("no such thing"), "failed"),
    ],
)
@pytest.mark.parametrize("when", ["before", "between"])
def test_a_cell_that_fails_is_marked_and_the_others_run_on(
    error: Exception, status: str, when: str, sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    assert sweep(tiny_runner(**{when: fails(error)})) == 3
    outcomes = sorted((m["status"], m["reason"]) for m in manifests(run).values())
    assert outcomes == sorted([("ok", None)] * 3 + [(status, str(error))], key=str)
    assert sorted(statuses(run)) == sorted(["ok"] * 3 + [status])
    again = tiny_runner()
    assert sweep(again) == 0
    assert len(again.ran) == 1


def test_a_sweep_stops_after_a_failure_when_told_so(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    runner = tiny_runner(before=fails(CellError("gone")))
    assert sweep(runner, GRID + "on_failure: {then: stop}\n") == 3
    assert len(runner.ran) == 1


def test_a_warning_about_the_data_is_told_once_and_kept_in_each_manifest(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    class Doubtful(tiny_runner):  # type: ignore[misc]  # a fixture gives the class
        def run_cell(self, run: CellRun, observer: CellObserver) -> dict[str, Any]:
            observer.warn("3 of 5 clients got no examples")
            return super().run_cell(run, observer)  # type: ignore[no-any-return]  # its base is Any

    sweep(Doubtful())
    assert capsys.readouterr().err.count("warning: 3 of 5 clients got no examples\n") == 1
    manifests = [json.loads(path.read_text()) for path in run.glob("cells/*/*/manifest.json")]
    assert [m["data_warnings"] for m in manifests] == [["3 of 5 clients got no examples"]] * 4


def test_what_the_runner_refuses_leaves_nothing_behind(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    class Refusing(tiny_runner):  # type: ignore[misc]  # a fixture gives the class
        def check(self, configs: Sequence[CellConfig]) -> dict[int, ConfigError]:
            return {
                i: ConfigError(f"clients {config.clients} are too many", "clients") for i, config in enumerate(configs)
            }

    with pytest.raises(
        GridError, match=r"(?s)grid.yaml:4:18: clients 2 are too many.*grid.yaml:4:21: clients 4 are too many"
    ):
        sweep(Refusing())
    assert not run.parent.exists()


def test_what_the_runner_refuses_stops_no_other_cell(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "base: {rounds: 2}\naxes:\n  dataset:\n    - digits\n    - {name: csv, data_files: {train: b.csv}}\n"
    error = ConfigError("b.csv has no label", "dataset")

    class Refusing(tiny_runner):  # type: ignore[misc]  # a fixture gives the class
        def check(self, configs: Sequence[CellConfig]) -> dict[int, ConfigError]:
            return {i: error for i, config in enumerate(configs) if config.dataset.name == "csv"}

        def run_cell(self, cell: CellRun, observer: Any) -> dict[str, Any]:
            if cell.config.dataset.name == "csv":
                raise error
            return dict(super().run_cell(cell, observer))

    assert sweep(Refusing(), text) == 3
    expected = "grid.yaml:5:7: b.csv has no label; 1 of 2 cells fail because of it; the others are run"
    assert expected in capsys.readouterr().err
    assert sorted((m["status"], m["reason"]) for m in manifests(run).values()) == [
        ("failed", "b.csv has no label"),
        ("ok", None),
    ]


def test_another_environment_is_told(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep(tiny_runner(), selection=parse_selection(shard="1/2"))
    (env,) = (run / "env").iterdir()
    env.with_name("0ld.json").write_text(env.read_text().replace('"kernel": "', '"kernel": "old-'))
    for path in run.glob("cells/*/*/manifest.json"):
        path.write_text(path.read_text().replace(env.stem, "0ld"))
    assert sweep(tiny_runner()) == 0
    kernel = platform.release()
    message = f"note: 2 finished runs were measured in another environment (kernel old-{kernel} → {kernel})\n"
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_ten_thousand_finished_cells_resume_in_ten_seconds(
    sweep: Callable[..., int], grid_of: GridOf, run: Path, tiny_runner: Runner
) -> None:
    text = "base: {rounds: 1}\naxes: {clients: {range: [2, 101]}, batch_size: {range: [1, 100]}}\n"
    sweep(tiny_runner(), text, selection=parse_selection(only="clients == 2 and batch_size == 1"))
    ((_, manifest),) = manifests(run).items()
    (first,) = run.glob("cells/*/r0")
    files = {name: (first / name).read_bytes() for name in manifest["files"]}
    for cell in make_plan(grid_of(text)).cells:
        folder = run / "cells" / cell.cell_id / "r0"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        done = manifest | {"cell_id": cell.cell_id, "config": cell.config.plain(), "seed": cell.seeds[0]}
        (folder / "manifest.json").write_text(json.dumps(done))
    runner = tiny_runner()
    began = time.process_time()
    assert sweep(runner, text) == 0
    assert time.process_time() - began < 10
    assert runner.ran == []
    assert statuses(run) == ["ok"] * 10_000
