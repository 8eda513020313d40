"""Where a sweep may write: folders that are taken, closed, or on a full disk."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from benchmarks.runner import CellRun
from benchmarks.store.run_directory import RunDirectory
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions
from splitfed_core.errors import UsageError
from tests.benchmarks.sweep.attempts import GRID, manifests, statuses

GridOf = Callable[..., Grid]
Runner = Any


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
    output = capfd.readouterr().err
    assert f"{second.cell_id} r0" in output
    assert "No space left on device; free space or fix the permissions" in output
    assert "Traceback" not in output
    assert len(manifests(run)) == 1
    assert f"warning: {run}/summary.csv cannot be written: No space left on device" in output
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


def test_the_lock_is_free_after_the_sweep(run: Path, sweep: Callable[..., int], tiny_runner: Runner) -> None:
    sweep(tiny_runner())
    with RunDirectory(run).locked():
        assert (run / ".holder").read_text().startswith(f"process {os.getpid()} on ")
    assert not (run / ".holder").exists()
