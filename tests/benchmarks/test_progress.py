import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from benchmarks.plan import CellRun
from benchmarks.progress import Clock, LiveProgress, duration, make_progress
from benchmarks.summary import Tally


def show(progress_of: Console, rows: SimpleNamespace, run: CellRun, *, status: str = "ok") -> None:
    tally = Tally()
    with make_progress(progress_of, 2) as progress:
        progress.begin(run)
        for number in range(2):
            tally.add(*rows.one_round(run, number))
            steps, _, row = rows.one_round(run, number)
            progress.round(run, steps, row)
        progress.end(run, tally.summary(status, 1.25), None if status == "ok" else "worker 1 is gone")


def test_plain_lines_without_a_terminal(rows: SimpleNamespace, cell_run: CellRun) -> None:
    console = Console(file=io.StringIO(), width=40)
    show(console, rows, cell_run)
    show(console, rows, cell_run, status="failed")
    assert console.file.getvalue() == (  # type: ignore[attr-defined]
        f"[1/2] {cell_run.label}  ok  1.2 s  231 steps/s  loss 0.500  accuracy 0.750\n"
        f"[1/2] {cell_run.label}  failed: worker 1 is gone\n"
    )


def test_bars_in_a_terminal(rows: SimpleNamespace, cell_run: CellRun) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=140)
    with make_progress(console, 2) as progress:
        assert isinstance(progress, LiveProgress)
        progress.begin(cell_run)
        steps, _, row = rows.one_round(cell_run, 0)
        progress.round(cell_run, steps, row)
        progress._bars.refresh()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1/2" in shown
    assert "loss 1.000, 222 steps/s" in shown


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (12_000, "3 h 20 min"), (None, "unknown time")],
)
def test_times_as_people_say_them(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


def test_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock(runs=4)
    clock.begin_run()
    assert clock.left_s(0.0) is None
    now[0] += 5
    assert clock.left_s(0.5) == 5 + 3 * 10
    now[0] += 5
    clock.end_run()
    clock.begin_run()
    assert clock.left_s(0.0) == 3 * 10
    now[0] += 2
    assert clock.left_s(0.1) == 18 + 2 * 10
