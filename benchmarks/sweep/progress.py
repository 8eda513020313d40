"""What a sweep shows while it runs: a live display in a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from benchmarks.runner import CellRun
from benchmarks.store.summary_file import training_wall_s
from benchmarks.sweep.console import can_redraw, say
from splitfed_core.records.lateness import what_fits
from splitfed_core.records.rows import CellSummary, RoundRow, StepRow

_QUIET_S = 15.0
"""Without a terminal, a running cell reports at most once in this time."""

_ROOM_FOR_BARS, _ROOM_FOR_TIME = 48, 60
"""Narrower terminals show the numbers only, or no elapsed time beside them."""

_ROOM_FOR_ECHO = 4
"""Columns left free on the right: an echoed `^C^C` that begins a new line would leave the bars standing."""


@dataclass
class Clock:
    """Estimates the time a sweep still takes from the runs that have ended."""

    runs: int
    finished: int = 0
    spent_s: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def begin_run(self) -> None:
        """Start the clock of one run."""
        self.began = time.monotonic()

    def end_run(self) -> None:
        """Count a run."""
        self.finished += 1
        self.spent_s += time.monotonic() - self.began

    @property
    def per_run_s(self) -> float:
        """Mean duration of the runs that have ended; 0 before the first."""
        return self.spent_s / self.finished if self.finished else 0.0

    def left_s(self, share: float) -> float | None:
        """Return the time left when this share of the running one is done; None before the first round."""
        elapsed = time.monotonic() - self.began
        if self.finished:
            per_run = self.per_run_s
            rest = elapsed * (1 - share) / share if share > 0 else per_run - elapsed
        elif share > 0:
            per_run = elapsed / share
            rest = per_run - elapsed
        else:
            return None
        return max(rest, 0.0) + per_run * (self.runs - self.finished - 1)


class SweepProgress:
    """Plain lines: one for each run that ended, and a sign of life during long ones."""

    def __init__(self, console: Console, runs: int) -> None:
        self.console = console
        self.clock = Clock(runs)
        self._width = len(str(runs))
        self._rounds = 0
        self._said = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def say(self, text: str) -> None:
        """Show a line that stays."""
        say(self.console, text)

    def begin(self, run: CellRun) -> None:
        """Show that a run begins."""
        self.clock.begin_run()
        self._rounds = 0
        self._said = time.monotonic()

    def round(self, run: CellRun, steps: Sequence[StepRow], row: RoundRow) -> None:
        """Show that a round ended."""
        self._rounds += 1
        rate = len(steps) / training_wall_s(steps) if steps else 0.0
        left = self.clock.left_s(self._rounds / run.config.rounds)
        self._show_round(run, f"loss {row.train_loss:.3f}, {rate:.0f} steps/s", left)

    def retry(self, run: CellRun, summary: CellSummary, reason: str | None) -> None:
        """Show that a run failed and is tried again."""
        self._say_of(run, "    ", f"{_outcome(run, summary, reason)}; trying again")

    def end(self, run: CellRun, summary: CellSummary, reason: str | None) -> None:
        """Show how a run ended."""
        self.clock.end_run()
        count = f"[{self.clock.finished:{self._width}}/{self.clock.runs}] "
        self._say_of(run, count, _outcome(run, summary, reason))

    def _say_of(self, run: CellRun, before: str, text: str) -> None:
        """Say something of a run: in one line, or below its name where a terminal is too narrow for both."""
        indent = len(before)
        if self.console.is_terminal and indent + len(run.label) + 2 + len(text) > self.console.width:
            self.say(before + run.label)
            say(self.console, " " * indent + text, indent=indent)
        else:
            self.say(f"{before}{run.label}  {text}")

    def _show_round(self, run: CellRun, text: str, left: float | None) -> None:
        if time.monotonic() - self._said < _QUIET_S:
            return
        self._said = time.monotonic()
        self._say_of(run, "    ", f"round {self._rounds} of {run.config.rounds}, {text}, {duration(left)} left")


class _Bars(Progress):
    """The name of the running cell, whole where it fits, above the bars, which take the room that is left."""

    def __init__(self, console: Console) -> None:
        self.name, self._terminal = "", console
        bar: list[ProgressColumn] = [BarColumn(bar_width=None, table_column=Column(max_width=24))]
        elapsed: list[ProgressColumn] = [TimeElapsedColumn()]
        super().__init__(
            TextColumn("{task.description}", markup=False),
            *(bar if console.width >= _ROOM_FOR_BARS else []),
            MofNCompleteColumn(),
            *(elapsed if console.width >= _ROOM_FOR_TIME else []),
            TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=console,
            transient=True,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return what is drawn."""
        width = max(self._terminal.width - _ROOM_FOR_ECHO, 1)
        if self.name:
            yield Constrain(Text(self.name, no_wrap=True, overflow="ellipsis"), width)
        yield Constrain(self.make_tasks_table(self.tasks), width)


class LiveProgress(SweepProgress):
    """Two bars at the bottom of the terminal, the sweep and the running cell, and the lines above them."""

    def __init__(self, console: Console, runs: int) -> None:
        super().__init__(console, runs)
        self._bars = _Bars(console)
        self._sweep = self._bars.add_task("cell", total=runs, text="")
        self._cell = self._bars.add_task("round", total=None, text="starting the processes")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bars.stop()

    def begin(self, run: CellRun) -> None:
        """Show that a run begins."""
        super().begin(run)
        left = self.clock.left_s(0.0)
        self._bars.name = run.label
        self._bars.update(
            self._sweep, completed=self.clock.finished, text="" if left is None else f"{duration(left)} left"
        )
        self._bars.reset(self._cell, total=run.config.rounds, text="setting up")

    def end(self, run: CellRun, summary: CellSummary, reason: str | None) -> None:
        """Show how a run ended."""
        super().end(run, summary, reason)
        self._bars.update(self._sweep, completed=self.clock.finished)

    def _show_round(self, run: CellRun, text: str, left: float | None) -> None:
        self._bars.update(self._cell, completed=self._rounds, text=text)
        self._bars.update(self._sweep, text=f"{duration(left)} left")


def make_progress(console: Console, runs: int) -> SweepProgress:
    """Return the display that fits where the output goes."""
    return LiveProgress(console, runs) if can_redraw(console) else SweepProgress(console, runs)


def duration(seconds: float | None) -> str:
    """Return a time as people say it: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds is None:
        return "unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _outcome(run: CellRun, summary: CellSummary, reason: str | None) -> str:
    if summary.status != "ok":
        return f"{summary.status}: {reason}"
    parts = [f"ok  {summary.wall_s:.1f} s"]
    for value, text in (
        (summary.steps_per_s, "{:.0f} steps/s"),
        (summary.final_train_loss, "loss {:.3f}"),
        (summary.final_eval_accuracy, "accuracy {:.3f}"),
    ):
        if value is not None:
            parts.append(text.format(value))
    if summary.late and summary.late_share is not None:
        fits = what_fits(summary.clients_held, run.config.participants)
        parts.append(f"{summary.late_share:.0%} late: {fits}".removesuffix(": "))
    return "  ".join(parts)
