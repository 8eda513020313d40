"""A sweep: runs what is not done yet of a grid, one cell at a time, and survives what happens to it."""

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from time import monotonic

from rich.console import Console

from benchmarks.estimate.memory import overcommitted, sharing
from benchmarks.grid.load import Grid, load_grid
from benchmarks.grid.plan import make_plan
from benchmarks.grid.starter import grid_words
from benchmarks.machine.code import own_code, own_files
from benchmarks.machine.environment import environment, load, usable_cores
from benchmarks.runner import CellRun, CellRunner
from benchmarks.store.run_directory import RunDirectory
from benchmarks.sweep.attempt import Attempter
from benchmarks.sweep.budget import Budget
from benchmarks.sweep.code_guard import CodeGuard
from benchmarks.sweep.console import make_console, say
from benchmarks.sweep.dry_run import forecast, measured
from benchmarks.sweep.interrupt import Interrupt
from benchmarks.sweep.plan_view import show_cells, show_costs, show_plan, show_total
from benchmarks.sweep.progress import SweepProgress, duration, make_progress
from benchmarks.sweep.resume import RunState, environment_changes, plan_change
from benchmarks.sweep.selection import DEFAULTS, SweepOptions
from splitfed_core.errors import ConfigError, ExitCode, GridError, StartError, UsageError
from splitfed_core.records.manifest import OWN
from splitfed_core.timing.devices import HostSpeed
from splitfed_core.timing.host_speed import host_speed

OpenRunner = Callable[[], AbstractContextManager[CellRunner]]


def sweep(
    grid: Path,
    *,
    out: Path | None = None,
    ray_address: str | None = None,
    options: SweepOptions = DEFAULTS,
) -> int:
    """Run every cell of a grid that is not done yet.

    Args:
        grid: The grid file.
        out: The run directory; `runs/<name>` by default.
        ray_address: A Ray cluster to join instead of starting one.
        options: Which part, how long, and over which results.

    Returns:
        The exit code.

    Raises:
        UsageError: The grid, the options or the directory cannot be used; nothing was written.
    """

    def open_cluster() -> AbstractContextManager[CellRunner]:
        from benchmarks.cluster import open_cluster as open_ray  # a finished sweep needs none

        return open_ray(ray_address=ray_address, app_path=[Path.cwd()])

    work = Sweep(load_grid(grid, options.settings), out, options, _command(grid, out, options))
    if options.plan_only:
        return work.show_plan()
    return work.dry_run(open_cluster) if options.dry_run else work.run(open_cluster)


def _command(grid: Path, out: Path | None, options: SweepOptions) -> str:
    """Return the command that goes on with this sweep."""
    words = ["--out", str(out)] if out else []
    for setting in options.settings:
        words += ["--set", setting]
    return " ".join(filter(None, ("sfbench sweep", grid_words(grid), shlex.join(words), str(options.selection))))


class Sweep:
    """One sweep: a plan, the part of it to run, the directory that it fills, and how far it has come."""

    def __init__(
        self,
        grid: Grid,
        out: Path | None,
        options: SweepOptions,
        command: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._grid = grid
        self._options = options
        self._directory = RunDirectory(out or Path("runs") / grid.name)
        self._plan = make_plan(grid, self._host_speed)
        self._chosen: Sequence[CellRun] = self._plan.runs()
        self._command = command
        self._errors = make_console(stderr=True)
        self._state = RunState()
        self._guard = CodeGuard(self._directory, self._state, accept=options.accept_code_change)
        self._budget = Budget(options.budget_s, clock)
        self._summary_due = 0.0

    def run(self, open_runner: OpenRunner) -> int:
        """Run what is not done; returns the exit code."""
        try:
            with ExitStack() as stack:
                self._directory.check_place()
                if self._directory.exists:  # a new one is made only when the grid has passed every check
                    stack.enter_context(self._directory.locked())
                    self._load_state()
                self._chosen = self._options.selection.choose(self._plan.runs(), self._state.status())
                todo = [run for run in self._chosen if run.key not in self._state.done]
                if todo:
                    self._guard.check({OWN: own_code()})  # ours before a long start, the user's once it is imported
                    self._run_all(todo, stack, open_runner)
                elif self._state.manifests:
                    self._write_summary()
        except KeyboardInterrupt:
            return self._report_interrupt()
        return self._report_end()

    def show_plan(self) -> int:
        """Show what `run` would do, without measuring what it costs; the directory is only read."""
        console = make_console()
        self._show_plan(console)
        show_cells(self._plan, self._chosen, console)
        say(console, f"to run it: {self._command}", wrap=False)
        return ExitCode.OK

    def _show_plan(self, console: Console) -> list[CellRun]:
        """Show what is going to be run and what was left out; returns what is not done yet."""
        if self._directory.exists:
            self._load_state()
        self._chosen = self._options.selection.choose(self._plan.runs(), self._state.status())
        todo = [run for run in self._chosen if run.key not in self._state.done]
        show_plan(self._plan, self._chosen, len(self._chosen) - len(todo), console)
        return todo

    def dry_run(self, open_runner: OpenRunner) -> int:
        """Show what `run` would do; the directory is only read, whoever works in it."""
        console = make_console()
        todo = self._show_plan(console)
        cores = usable_cores()
        forecasts, start_s = measured(self._state, cores), 0.0
        configs = {run.cell_id: run.config for run in todo}
        if configs.keys() - forecasts.keys():
            self._say("measuring a few steps of each kind of cell …")
            began = monotonic()
            try:
                with open_runner() as runner:
                    self._check_cells(runner, todo)
                    start_s = monotonic() - began
                    forecasts = forecast(configs, forecasts, runner, cores)
            except KeyboardInterrupt:
                self._say("interrupted; nothing was written")
                return ExitCode.INTERRUPTED
        show_costs(self._plan, self._chosen, forecasts, console)
        show_total(todo, forecasts, start_s, console)
        return ExitCode.OK

    def _load_state(self) -> None:
        """See what an earlier sweep left, unless it is to be thrown away; refuse another plan."""
        if self._options.fresh:
            self._directory.check_is_run()
            return
        before = self._directory.plan()
        if before is None:
            return
        change = plan_change(before, self._plan)
        if change and not self._options.accept_plan_change:
            raise UsageError(
                f"{self._directory.root}: was begun with another plan; --accept-plan-change goes on with the new one, "
                f"--out begins another run:\n{change}"
            )
        for run in self._plan.runs():
            self._state.read(self._directory, run)
        for key in self._state.done:
            self._budget.learn(key[0], self._state.manifests[key].wall_s or 0.0)

    def _run_all(self, todo: Sequence[CellRun], stack: ExitStack, open_runner: OpenRunner) -> None:
        """Start the processes, then run one cell after the other."""
        progress = stack.enter_context(make_progress(self._errors, len(todo)))
        progress.say(f"{self._directory.root}: {len(todo)} of {len(self._chosen)} {self._unit} to run")
        try:
            runner = stack.enter_context(open_runner())
        except StartError as error:
            raise StartError(f"{error}; then try it again: {self._command}") from error
        self._check_cells(runner, todo)
        self._guard.check(runner.code([run.config for run in todo]))
        env = self._begin(stack, progress)
        interrupt = stack.enter_context(Interrupt(progress.say))
        stack.callback(self._write_summary)
        attempter = Attempter(runner, self._directory, progress, interrupt, env, self._grid.on_failure.retries)
        for number, run in enumerate(todo):
            if not self._budget.fits(run.cell_id):
                limit = duration(self._options.budget_s or 0.0)
                progress.say(f"time budget ({limit}) used up: {len(todo) - number} {self._unit} not begun")
                break
            try:
                with self._budget.timed(run.cell_id):
                    attempter.run(run)
            finally:
                self._record(run)
            if run.key not in self._state.done and self._grid.on_failure.then == "stop":
                progress.say("stopped after a failure, as the grid's on_failure says")
                break

    def _check_cells(self, runner: CellRunner, todo: Sequence[CellRun]) -> None:
        """Let the runner look at every cell before the first one begins; one that it refuses stops no other."""
        configs = list({run.cell_id: run.config for run in todo}.values())
        try:
            refused = runner.check(configs)
        except ConfigError as error:
            raise self._grid.error(error) from None
        reasons = Counter(str(self._grid.error(error, config=configs[number])) for number, error in refused.items())
        if len(refused) == len(configs):
            raise GridError("\n".join(reasons))
        for reason, cells in reasons.items():
            self._say(f"warning: {reason}; {cells} of {len(configs)} cells fail because of it; the others are run")
        for warning in (*overcommitted(configs, runner.cores), *sharing(configs, runner.cores)):
            self._say(f"warning: {warning}")

    def _begin(self, stack: ExitStack, progress: SweepProgress) -> str:
        """Make the directory ready; returns the name of the environment."""
        if not self._directory.exists:
            stack.enter_context(self._directory.locked())
        if self._options.fresh:
            self._directory.clear()
        self._directory.retire(self._plan)
        self._directory.write_plan(self._plan, self._grid.source.raw, self._guard.accepted)
        self._directory.write_code(own_code(), own_files())
        here = environment(Path.cwd())
        if self._plan.host is not None:
            self._directory.write_host_speed(self._plan.host, here.cpu)
        env = self._directory.write_environment(here, load())
        for change in environment_changes(self._directory, self._state, here, env):
            progress.say(change)
        return env

    def _record(self, run: CellRun) -> None:
        """Take the outcome of a run into the summary; a large one is not rewritten after every cell."""
        self._state.read(self._directory, run)
        began = monotonic()
        if began >= self._summary_due:
            self._write_summary()
            self._summary_due = monotonic() + 20 * (monotonic() - began)

    def _write_summary(self) -> None:
        cells = (cell.run(repeat) for cell in self._plan.cells for repeat in range(self._plan.repeats))
        manifests = self._state.manifests
        try:
            self._directory.write_summary({run.key: manifests[run.key] for run in cells if run.key in manifests})
        except OSError as error:  # nothing is lost: it is made of the manifests
            problem = f"{self._directory.root}/summary.csv cannot be written: {error.strerror}"
            self._say(f"warning: {problem}; the same command writes it once there is space again")

    def _report_end(self) -> int:
        """Say what there is and what to do next."""
        root, total = self._directory.root, len(self._chosen)
        if not total:
            print(f"nothing to run: {self._options.selection} leaves no cell of this plan")
            return ExitCode.OK
        missing = [run for run in self._chosen if run.key not in self._state.done]
        print(f"{total - len(missing)} of {total} {self._unit} are done in {root}")
        if missing:
            counts = self._state.count(missing)
            statuses = ", ".join(f"{count} {status}" for status, count in counts.items())
            self._say(f"{len(missing)} are not ({statuses}): manifest.json and log.txt below {root}/cells say why")
            say(self._errors, f"to try them again: {self._command}", wrap=False)
        print(f"next: sfbench report {shlex.quote(str(root))}")
        return ExitCode.INCOMPLETE if missing else ExitCode.OK

    def _report_interrupt(self) -> int:
        done = sum(run.key in self._state.done for run in self._chosen)
        self._say(f"interrupted: {done} of {len(self._chosen)} {self._unit} are done")
        say(self._errors, f"to go on: {self._command}", wrap=False)
        return ExitCode.INTERRUPTED

    def _host_speed(self) -> HostSpeed:
        """Return what this host was when the sweep began, so that a device is as slow in all of its cells."""
        known = None if self._options.fresh else self._directory.host_speed(environment(Path.cwd()).cpu)
        return known or host_speed()

    @property
    def _unit(self) -> str:
        return "cells" if self._plan.repeats == 1 else "cells × repeats"

    def _say(self, text: str) -> None:
        say(self._errors, text)
