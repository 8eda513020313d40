"""A sweep: runs what is not done yet of a grid, one cell at a time, and survives what happens to it."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from time import monotonic

from rich.console import Console

from benchmarks.attempt import Attempter, CellRunner
from benchmarks.environment import environment, load
from benchmarks.grid import QUICK, Grid, load_grid
from benchmarks.interrupt import Interrupt
from benchmarks.plan import CellRun, make_plan
from benchmarks.progress import make_progress
from benchmarks.resume import Survey, plan_change
from benchmarks.rundir import RunDirectory
from splitfed_core.errors import ConfigError, UsageError

DONE, INCOMPLETE, INTERRUPTED = 0, 3, 130
"""The exit codes of a sweep."""

OpenRunner = Callable[[], AbstractContextManager[CellRunner]]


def sweep(grid: Path | None, *, out: Path | None = None, ray_address: str | None = None) -> int:
    """Run every cell of a grid that is not done yet.

    Args:
        grid: The grid file; the bundled quick one by default.
        out: The run directory; `runs/<name>` by default.
        ray_address: A Ray cluster to join instead of starting one.

    Returns:
        The exit code.

    Raises:
        UsageError: The grid or the directory cannot be used; nothing was written.
    """

    def open_cluster() -> AbstractContextManager[CellRunner]:
        from benchmarks.cluster import Cluster  # Ray is slow to import, and a finished sweep needs none

        return Cluster(ray_address=ray_address, app_path=[Path.cwd()])

    words = ["sfbench", "sweep", *([str(grid)] if grid else []), *(["--out", str(out)] if out else [])]
    return Sweep(load_grid(grid or QUICK), out, shlex.join(words)).run(open_cluster)


class Sweep:
    """One sweep: a plan, the directory that it fills, and how far it has come."""

    def __init__(self, grid: Grid, out: Path | None, command: str) -> None:
        self._grid = grid
        self._plan = make_plan(grid)
        self._runs = self._plan.runs()
        self._directory = RunDirectory(out or Path("runs") / grid.name)
        self._command = command
        self._errors = Console(stderr=True)
        self._found = Survey()
        self._summary_due = 0.0

    def run(self, open_runner: OpenRunner) -> int:
        """Run what is not done; returns the exit code."""
        try:
            with ExitStack() as stack:
                if self._directory.exists:
                    stack.enter_context(self._directory.held())
                    self._check_plan()
                    for run in self._runs:
                        self._found.read(self._directory, run)
                todo = [run for run in self._runs if run.key not in self._found.done]
                if todo:
                    self._run_all(todo, stack, open_runner)
                self._write_summary()
        except KeyboardInterrupt:
            return self._tell_interrupted()
        return self._tell_ended()

    def _check_plan(self) -> None:
        """Refuse a directory with another plan."""
        before = self._directory.plan()
        change = plan_change(before, self._plan) if before is not None else None
        if change:
            raise UsageError(
                f"{self._directory.root}: was begun with another plan; undo the change, or use --out for a new run:\n"
                f"{change}"
            )

    def _run_all(self, todo: Sequence[CellRun], stack: ExitStack, open_runner: OpenRunner) -> None:
        """Start the processes, then run one cell after the other."""
        progress = stack.enter_context(make_progress(self._errors, len(todo)))
        progress.say(f"{self._directory.root}: {len(todo)} of {len(self._runs)} {self._unit} to run")
        runner = stack.enter_context(open_runner())
        self._check_cells(runner, todo)
        if not self._directory.exists:  # made only now: a grid that fails the checks leaves nothing behind
            stack.enter_context(self._directory.held())
        self._directory.write_plan(self._plan, self._grid.source.raw)
        env = self._directory.write_environment(environment(Path.cwd()), load())
        interrupt = stack.enter_context(Interrupt(progress.say))
        stack.callback(self._write_summary)
        attempter = Attempter(runner, self._directory, progress, interrupt, env)
        for run in todo:
            try:
                attempter.attempt(run)
            finally:
                self._note(run)

    def _check_cells(self, runner: CellRunner, todo: Sequence[CellRun]) -> None:
        """Let the runner look at every cell before the first one begins."""
        try:
            runner.check(list({run.cell_id: run.config for run in todo}.values()))
        except ConfigError as error:
            raise self._grid.error(error) from None

    def _note(self, run: CellRun) -> None:
        """Take the outcome of a run into the summary; a large one is not rewritten after every cell."""
        self._found.read(self._directory, run)
        began = monotonic()
        if began >= self._summary_due:
            self._write_summary()
            self._summary_due = monotonic() + 20 * (monotonic() - began)

    def _write_summary(self) -> None:
        cells = (cell.run(repeat) for cell in self._plan.cells for repeat in range(self._plan.repeats))
        manifests = self._found.manifests
        self._directory.write_summary({run.key: manifests[run.key] for run in cells if run.key in manifests})

    def _tell_ended(self) -> int:
        """Say what there is and what to do next."""
        root, total, missing = self._directory.root, len(self._runs), len(self._runs) - len(self._found.done)
        print(f"{total - missing} of {total} {self._unit} are done in {root}")
        if missing:
            told = ", ".join(f"{count} {status}" for status, count in self._found.not_done().items())
            self._tell(f"{missing} are not ({told}): manifest.json and log.txt below {root}/cells say why")
            self._tell(f"to try them again: {self._command}")
        print(f"next: sfbench report {shlex.quote(str(root))}")
        return INCOMPLETE if missing else DONE

    def _tell_interrupted(self) -> int:
        self._tell(f"interrupted: {len(self._found.done)} of {len(self._runs)} {self._unit} are done")
        self._tell(f"to go on: {self._command}")
        return INTERRUPTED

    @property
    def _unit(self) -> str:
        return "cells" if self._plan.repeats == 1 else "cells × repeats"

    def _tell(self, text: str) -> None:
        self._errors.print(text, markup=False, highlight=False, soft_wrap=True)
