import io
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.text import Text

from benchmarks.runner import CellRun
from benchmarks.store.summary_file import Tally
from benchmarks.sweep.console import make_console
from benchmarks.sweep.progress import Clock, LiveProgress, SweepProgress, duration, make_progress


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
    assert console.file.getvalue() == (  # type: ignore[attr-defined]  # a StringIO
        f"[1/2] {cell_run.label}  ok  1.2 s  231 steps/s  loss 0.500  accuracy 0.750\n"
        f"[1/2] {cell_run.label}  failed: worker 1 is gone\n"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(width: int) -> Console:
    return Console(file=Terminal(), force_terminal=True, color_system="standard", width=width, get_time=lambda: 0.0)


def drawn(console: Console, rows: SimpleNamespace, run: CellRun) -> list[str]:
    """Return the lines of the display after one of two rounds."""
    with make_progress(console, 12) as progress:
        assert isinstance(progress, LiveProgress)
        progress.begin(run)
        steps, _, row = rows.one_round(run, 0)
        progress.round(run, steps, row)
        paper = terminal(console.width)
        paper.print(*progress._bars.get_renderables())
    shown = Text.from_ansi(paper.file.getvalue()).plain  # type: ignore[attr-defined]  # a StringIO
    return [line.rstrip() for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("width", "bars"),
    [
        (200, ["cell  {24}  0/12 0:00:00 0 s left", "round {24} 1/2   0:00:00 loss 1.000, 222 steps/s"]),
        (80, ["cell  {24}  0/12 0:00:00 0 s left", "round {24} 1/2   0:00:00 loss 1.000, 222 steps/s"]),
        (60, ["cell  {12}  0/12 0:00:00 0 s left", "round {12} 1/2   0:00:00 loss 1.000, 222 steps/s"]),
        (40, ["cell   0/12 0 s left", "round 1/2   loss 1.000, 222 steps/s"]),
    ],
)
def test_bars_fit_the_terminal(
    rows: SimpleNamespace, cell_run: CellRun, monkeypatch: pytest.MonkeyPatch, width: int, bars: list[str]
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    name, *lines = drawn(terminal(width), rows, cell_run)
    room = width - len("^C^C")  # an echo that wraps would leave the bars standing
    assert all(len(line) <= room for line in (name, *lines))
    assert name == (cell_run.label if len(cell_run.label) <= room else f"{cell_run.label[: room - 1]}…")
    assert [re.sub("[━╸╺]+", lambda bar: f"{{{len(bar[0])}}}", line) for line in lines] == bars


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_what_stays_is_broken_between_words(rows: SimpleNamespace, cell_run: CellRun, width: int) -> None:
    console = terminal(width)
    progress = SweepProgress(console, 12)
    progress.begin(cell_run)
    progress.end(cell_run, Tally().summary("failed", 1.25), "worker 1 is gone: it ran out of memory; lower clients")
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    words = f"[ 1/12] {cell_run.label} failed: worker 1 is gone: it ran out of memory; lower clients"
    assert " ".join(" ".join(lines).split()) == words
    assert len(lines) == {40: 4, 60: 3, 80: 2, 200: 1}[width]
    assert all(len(line) <= max(width, len(cell_run.label)) for line in lines)


@pytest.mark.parametrize("unwanted", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_escape_codes_where_they_are_not_wanted(
    rows: SimpleNamespace, cell_run: CellRun, monkeypatch: pytest.MonkeyPatch, unwanted: dict[str, str]
) -> None:
    for name, value in unwanted.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", Terminal())
    console = make_console(stderr=True)
    show(console, rows, cell_run)
    console.print("[bold red]bold[/]", style="dim")
    assert "ok" in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def test_a_dumb_terminal_has_its_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert make_console().width == 60


def test_no_bars_in_a_pipe_where_colours_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert type(make_progress(Console(file=io.StringIO()), 2)) is SweepProgress


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (12_000, "3 h 20 min"), (None, "unknown time")],
)
def test_times_as_people_say_them(seconds: float | None, message: str) -> None:
    assert duration(seconds) == message


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


@pytest.mark.parametrize(
    ("held", "note"),
    [
        (1, "this host can hold some 1 of its 2 clients at a time"),
        (5, "this host should hold its 2 clients, so something else kept it busy"),
    ],
)
def test_a_cell_that_this_host_was_too_slow_for_says_so(
    rows: SimpleNamespace, cell_run: CellRun, held: int, note: str
) -> None:
    console = Console(file=io.StringIO(), width=40)
    tally = Tally()
    tally.add(*rows.one_round(cell_run, 0))
    late = replace(tally.summary("ok", 1.25), late_share=0.125, late=True, clients_held=held)
    with make_progress(console, 2) as progress:
        for summary in (late, replace(late, late=False, late_share=0.02)):
            progress.end(cell_run, summary, None)
    first, second = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert first.endswith(f"  12% late: {note}")
    assert "late" not in second
