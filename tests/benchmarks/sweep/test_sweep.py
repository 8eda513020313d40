"""The logic of a sweep on real files; a runner without processes stands where Ray is not the point."""

import csv
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from benchmarks.runner import CellObserver, CellRun
from benchmarks.store.run_directory import RunDirectory
from benchmarks.sweep.progress import duration
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions, parse_selection
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import CellError, CellTimeoutError, ConfigError, GridError, UsageError

GridOf = Callable[..., Grid]
Runner = Any

GRID = "name: four\nrepeats: 2\nbase: {rounds: 2}\naxes: {clients: [2, 4]}\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "four"


@pytest.fixture
def sweep(grid_of: GridOf, run: Path) -> Callable[..., int]:
    """Sweep `GRID`, or another grid, with a runner."""

    def sweep(runner: Runner, text: str = GRID, **options: Any) -> int:
        return Sweep(grid_of(text), run, SweepOptions(**options), "sfbench sweep grid.yaml").run(lambda: runner)

    return sweep


def manifests(run: Path) -> dict[tuple[str, str], dict[str, Any]]:
    return {(p.parts[-3], p.parts[-2]): json.loads(p.read_text()) for p in run.glob("cells/*/*/manifest.json")}


def statuses(run: Path) -> list[str]:
    return [line["status"] for line in csv.DictReader(io.StringIO((run / "summary.csv").read_text()))]


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


def fails(error: Exception, *, times: int = 100) -> Callable[[CellRun], None]:
    left = [times]

    def act(run: CellRun) -> None:
        if run.config.clients == 2 and run.repeat == 0 and left[0]:
            left[0] -= 1
            raise error

    return act


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
    told = sorted((m["status"], m["reason"]) for m in manifests(run).values())
    assert told == sorted([("ok", None)] * 3 + [(status, str(error))], key=str)
    assert sorted(statuses(run)) == sorted(["ok"] * 3 + [status])
    again = tiny_runner()
    assert sweep(again) == 0
    assert len(again.ran) == 1


def test_a_failed_cell_is_tried_again_as_often_as_the_grid_says(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    text = GRID + "on_failure: {retries: 2}\n"
    runner = tiny_runner(before=fails(CellError("gone"), times=2))
    assert sweep(runner, text) == 0
    assert len(runner.ran) == 6
    earlier = [m["earlier_attempts"] for m in manifests(run).values()]
    assert sorted(earlier) == [[], [], [], ["failed: gone", "failed: gone"]]


def test_a_sweep_stops_after_a_failure_when_told_so(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    runner = tiny_runner(before=fails(CellError("gone")))
    assert sweep(runner, GRID + "on_failure: {then: stop}\n") == 3
    assert len(runner.ran) == 1


def test_an_interrupt_marks_the_cell_and_says_how_to_go_on(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(cell: CellRun) -> None:
        if cell.config.clients == 4:
            os.kill(os.getpid(), signal.SIGINT)

    assert sweep(tiny_runner(between=interrupt)) == 130
    assert statuses(run) == ["ok", "interrupted"]
    (stopped,) = [p.parent for p in run.glob("cells/*/r0/manifest.json") if "interrupted" in p.read_text()]
    assert len((stopped / "rounds.csv").read_text().splitlines()) == 3  # the round it was in has been finished
    told = capsys.readouterr().err
    assert "stopping at the end of this round; press Ctrl-C again to stop now" in told
    assert "to go on: sfbench sweep grid.yaml" in told
    assert sweep(tiny_runner()) == 0
    assert statuses(run) == ["ok"] * 4


def test_a_second_interrupt_stops_at_once(sweep: Callable[..., int], run: Path, tiny_runner: Runner) -> None:
    def twice(cell: CellRun) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    assert sweep(tiny_runner(between=twice)) == 130
    (stopped,) = run.glob("cells/*/r0/rounds.csv")
    assert len(stopped.read_text().splitlines()) == 2


def test_an_interrupt_before_the_first_round_stops_at_once(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    runner = tiny_runner(before=lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert sweep(runner) == 130
    assert len(runner.ran) == 1


def test_an_interrupt_while_a_later_cell_is_set_up_stops_at_once(
    sweep: Callable[..., int], tiny_runner: Runner
) -> None:
    def interrupt(cell: CellRun) -> None:
        if cell.config.clients == 4:
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the handler has raised before this")

    assert sweep(tiny_runner(before=interrupt)) == 130


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


def test_what_fresh_threw_away_is_not_done_after_an_interrupt(sweep: Callable[..., int], tiny_runner: Runner) -> None:
    sweep(tiny_runner())
    stop = tiny_runner(before=lambda cell: os.kill(os.getpid(), signal.SIGINT) if cell.config.clients == 4 else None)
    assert sweep(stop, fresh=True) == 130
    again = tiny_runner()
    assert sweep(again) == 0
    assert len(again.ran) == 3


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
    told = f"time budget ({duration(budget_s)}) used up: {4 - begun} cells × repeats not begun"
    assert (told in capsys.readouterr().err) == (begun < 4)


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
    told = "grid.yaml:5:7: b.csv has no label; 1 of 2 cells fail for it, the others are run"
    assert told in capsys.readouterr().err
    assert sorted((m["status"], m["reason"]) for m in manifests(run).values()) == [
        ("failed", "b.csv has no label"),
        ("ok", None),
    ]


def test_a_directory_that_is_no_run_is_left_alone(sweep: Callable[..., int], run: Path, tiny_runner: Runner) -> None:
    run.mkdir(parents=True)
    (run / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds 'thesis.tex' but no plan.json"):
        sweep(tiny_runner(), fresh=True)
    assert (run / "thesis.tex").read_text() == "years of work"


def test_a_plan_that_cannot_be_read_is_told(sweep: Callable[..., int], run: Path, tiny_runner: Runner) -> None:
    sweep(tiny_runner())
    (run / "plan.json").write_text("{")
    with pytest.raises(UsageError, match=r"plan.json: cannot be read.*--fresh"):
        sweep(tiny_runner())


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
    told = f"note: 2 finished were measured in another environment (kernel old-{kernel} → {kernel})\n"
    assert told in capsys.readouterr().err


HOLD = """
import sys, time
from pathlib import Path
from benchmarks.store.run_directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_sweep_in_the_same_directory_says_who_holds_it(
    sweep: Callable[..., int], run: Path, tiny_runner: Runner
) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=rf"a sweep is already running in it \(process {other.pid} on "):
            sweep(tiny_runner())
        other.kill()
        other.wait()
    assert sweep(tiny_runner()) == 0  # a killed holder holds nothing


def test_a_place_where_nothing_can_be_made_is_refused_before_anything_is_started(
    grid_of: GridOf, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        sweep = Sweep(grid_of(GRID), out, SweepOptions(), "")
        with pytest.raises(UsageError, match=r"/file is not a directory; choose another directory with --out"):
            sweep.run(lambda: pytest.fail("a runner was opened"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(grid_of: GridOf, tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    sweep = Sweep(grid_of(GRID), tmp_path / "shut" / "run", SweepOptions(), "")
    with pytest.raises(UsageError, match=r"/shut cannot be written"):
        sweep.run(lambda: pytest.fail("a runner was opened"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of a megabyte; only the administrator may make one."""
    place = tmp_path / "runs"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_fails_its_cells_and_the_same_command_goes_on(
    small_disk: Path,
    sweep: Callable[..., int],
    grid_of: GridOf,
    run: Path,
    tiny_runner: Runner,
    capfd: pytest.CaptureFixture[str],
) -> None:
    filler = small_disk / "filler"

    def fill(cell: CellRun) -> None:
        if cell.key == second.key:
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(b"x" * 1024):
                    pass

    runner = tiny_runner(between=fill)
    _, second, *rest = make_plan(grid_of(GRID)).runs()
    assert sweep(runner) == 3
    said = capfd.readouterr().err
    assert f"{second.cell_id} r0" in said
    assert "No space left on device; free space or fix the permissions" in said
    assert "Traceback" not in said
    assert len(manifests(run)) == 1
    assert f"warning: {run}/summary.csv cannot be written: No space left on device" in said
    filler.unlink()
    assert sweep(again := tiny_runner()) == 0
    assert again.ran == [run.key for run in (second, *rest)]
    assert statuses(run) == ["ok"] * 4


def test_a_disk_that_is_full_from_the_start_is_refused(
    small_disk: Path, sweep: Callable[..., int], tiny_runner: Runner
) -> None:
    (small_disk / "filler").write_bytes(b"x" * (1 << 20))
    runner = tiny_runner()
    with pytest.raises(UsageError, match="cannot be written: No space left on device; free space, or choose another"):
        sweep(runner)
    assert runner.ran == []


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


def test_the_lock_is_free_after_the_sweep(run: Path, sweep: Callable[..., int], tiny_runner: Runner) -> None:
    sweep(tiny_runner())
    with RunDirectory(run).locked():
        assert (run / ".holder").read_text().startswith(f"process {os.getpid()} on ")
    assert not (run / ".holder").exists()
