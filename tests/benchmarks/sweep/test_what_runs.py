"""Which runs of a plan a command begins: anew, again, of a shard, within a budget."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from benchmarks.sweep.progress import duration
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions, parse_selection
from splitfed_core.errors import CellError, CellTimeoutError, ConfigError, UsageError
from splitfed_core.timing.devices import HostSpeed
from splitfed_core.timing.host_speed import VARIABLE
from tests.benchmarks.sweep.attempts import GRID, fails, manifests, statuses

GridOf = Callable[..., Grid]
Runner = Any


def test_a_failed_cell_is_tried_again_as_often_as_the_grid_says(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    text = GRID + "on_failure: {retries: 2}\n"
    runner = tiny_runner(before=fails(CellError("gone"), times=2))
    assert sweep(runner, text) == 0
    assert len(runner.ran) == 6
    earlier = [m["earlier_attempts"] for m in manifests(run).values()]
    assert sorted(earlier) == [[], [], [], ["failed: gone", "failed: gone"]]


def test_another_plan_is_refused_until_it_is_accepted(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    sweep(tiny_runner())
    changed = GRID.replace("[2, 4]", "[2, 8]")
    with pytest.raises(UsageError, match=r"(?s)another plan.*added: sflv2-c8.*removed: sflv2-c4"):
        sweep(tiny_runner(), changed)
    runner = tiny_runner()
    assert sweep(runner, changed, accept_plan_change=True) == 0
    assert [cell.split("-")[1] for cell, _ in runner.ran] == ["c8", "c8"]
    assert {p.name.split("-")[1] for p in (run / "cells").iterdir()} == {"c2", "c8"}
    assert {p.name.split("-")[1] for p in (run / "retired").iterdir()} == {"c4"}


def test_another_seed_makes_every_result_another(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    sweep(tiny_runner())
    with pytest.raises(UsageError, match="changed seeds or repeats: sflv2-c2"):
        sweep(tiny_runner(), GRID + "seed: 9\n")
    runner = tiny_runner()
    assert sweep(runner, GRID + "seed: 9\n", accept_plan_change=True) == 0
    assert len(runner.ran) == 4


def test_fresh_begins_anew(sweep: Callable[..., int], run: Path, tiny_runner: Runner) -> None:
    sweep(tiny_runner(), GRID.replace("[2, 4]", "[3]"))
    runner = tiny_runner()
    assert sweep(runner, fresh=True) == 0
    assert len(runner.ran) == 4
    assert {p.name.split("-")[1] for p in (run / "cells").iterdir()} == {"c2", "c4"}


def test_shards_run_every_cell_once_and_whole_repeats(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    first, second = tiny_runner(), tiny_runner()
    assert sweep(first, selection=parse_selection(shard="1/2")) == 0
    assert sweep(second, selection=parse_selection(shard="2/2")) == 0
    assert [repeat for _, repeat in first.ran + second.ran] == [0, 0, 1, 1]
    assert len(manifests(run)) == 4


def test_only_runs_what_holds(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    runner = tiny_runner()
    assert sweep(runner, selection=parse_selection(only="clients > 2")) == 0
    assert len(runner.ran) == 2
    with pytest.raises(UsageError, match="holds for none of the 2 cells"):
        sweep(runner, selection=parse_selection(only="clients > 9"))


def test_retry_runs_only_what_ended_so(sweep: Callable[..., int], run: Path, tiny_runner: Runner) -> None:
    sweep(tiny_runner(before=fails(CellTimeoutError("slow"))), selection=parse_selection(only="clients == 2"))
    assert sweep(tiny_runner(), selection=parse_selection(retry="failed")) == 0
    runner = tiny_runner()
    assert sweep(runner, selection=parse_selection(retry="timeout")) == 0
    assert len(runner.ran) == 1
    assert statuses(run) == ["ok", "ok"]


@pytest.mark.parametrize(("budget_s", "begun"), [(4.9, 0), (5.0, 0), (5.1, 1), (14.9, 1), (15.0, 2), (45.0, 4)])
def test_a_budget_begins_no_cell_that_would_end_later(
    grid_of: GridOf, run: Path, tiny_runner: Runner, budget_s: float, begun: int, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0

    def pass_by(*_: object) -> dict[int, ConfigError]:
        nonlocal now
        now += 5.0
        return {}

    runner = tiny_runner(before=pass_by)
    runner.check = pass_by  # the processes start meanwhile
    sweep = Sweep(grid_of(GRID), run, SweepOptions(budget_s=budget_s), "", clock=lambda: now)
    assert sweep.run(lambda: runner) == (0 if begun == 4 else 3)
    assert len(runner.ran) == begun
    message = f"time budget ({duration(budget_s)}) used up: {4 - begun} cells × repeats not begun"
    assert (message in capsys.readouterr().err) == (begun < 4)


def test_a_budget_knows_what_an_earlier_command_took(grid_of: GridOf, run: Path, tiny_runner: Runner) -> None:
    first, second = [cell.run(0) for cell in make_plan(grid_of(GRID)).cells]
    Sweep(grid_of(GRID), run, SweepOptions(selection=parse_selection(shard="1/2")), "").run(tiny_runner)
    for cell, wall_s in ((first, 30.0), (second, 10.0)):
        path = run / "cells" / cell.cell_id / "r0" / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"wall_s": wall_s}))
    runner = tiny_runner()
    sweep = Sweep(grid_of(GRID + "schedule: grid\n"), run, SweepOptions(budget_s=20.0), "", clock=lambda: 0.0)
    assert sweep.run(lambda: runner) == 3
    assert runner.ran == []  # the first that is left takes 30 s


def test_a_device_is_as_slow_in_all_of_a_run_however_often_it_is_resumed(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[HostSpeed | None] = []
    note = tiny_runner(before=lambda cell: seen.append(cell.host))
    text = "repeats: 2\nbase: {rounds: 1, device: laptop}\n"
    for gflops, repeat in ((100, 0), (200, 1), (300, None)):
        monkeypatch.setenv(VARIABLE, f"{gflops} {gflops} {gflops}")
        assert sweep(note, text, selection=parse_selection(repeat=repeat), fresh=repeat is None) == 0
    assert [speed and speed.gflops for speed in seen] == [100, 100, 300, 300]
    assert json.loads((run / "host_speed.json").read_text())["gflops"] == 300
    sweep(tiny_runner(), GRID, fresh=True)
    assert not (run / "host_speed.json").exists()
