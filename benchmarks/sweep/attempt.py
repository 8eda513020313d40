"""One attempt at a cell: run it, keep its rows, write down how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.machine.code import own_code
from benchmarks.machine.environment import conditions
from benchmarks.runner import CellRun, CellRunner
from benchmarks.store.cell_writer import CellSink
from benchmarks.store.run_directory import RunDirectory
from benchmarks.store.summary_file import Tally
from benchmarks.sweep.interrupt import Interrupt
from benchmarks.sweep.progress import SweepProgress
from splitfed_core.errors import CellError, CellTimeoutError, SfbenchError
from splitfed_core.records.document import Document, Fields
from splitfed_core.records.environment import Environment
from splitfed_core.records.manifest import OWN, Facts
from splitfed_core.records.rows import CellSummary, ClientRow, LabelRow, RoundRow, StepRow


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt ended."""

    status: str
    reason: str | None
    summary: CellSummary


@dataclass(frozen=True)
class Attempter:
    """Makes attempts; holds what is the same for all of a sweep."""

    runner: CellRunner
    directory: RunDirectory
    progress: SweepProgress
    interrupt: Interrupt
    env: str
    retries: int = 0
    warned: set[str] = field(default_factory=set)

    def run(self, run: CellRun) -> Attempt:
        """Run a cell, again if it fails and the grid says so.

        Raises:
            KeyboardInterrupt: The user wants to stop; the attempt is marked so.
        """
        earlier: list[str] = []
        ended = self._attempt(run, earlier)
        while ended.status != "ok" and len(earlier) < self.retries:
            earlier.append(f"{ended.status}: {ended.reason}")
            self.progress.retry(run, ended.summary, ended.reason)
            ended = self._attempt(run, earlier)
        self.progress.end(run, ended.summary, ended.reason)
        return ended

    def _attempt(self, run: CellRun, earlier: Sequence[str]) -> Attempt:
        self.interrupt.begin_cell()
        self.progress.begin(run)
        try:
            with CellSink(self.directory.cell(run), run) as sink:
                return self._measure(run, sink, earlier)
        except CellError as error:  # the sink cannot write: whatever is on the disk does not count as done
            return Attempt("failed", str(error), Tally().summary("failed", 0.0))

    def _with_stored_environment(self, node: object) -> object:
        """Store the environment of a cluster's node; the manifest names it only."""
        if not isinstance(node, Mapping):
            return node
        described: Document = dict(node)
        here = described.pop("environment", None)
        if isinstance(here, Environment):
            described["env"] = self.directory.write_environment(here, described.get("load"))
        return described

    def _measure(self, run: CellRun, sink: CellSink, earlier: Sequence[str]) -> Attempt:
        before = conditions()
        reported: Mapping[str, object] = {}
        status, reason, stopped = "ok", None, None
        try:
            reported = self.runner.run_cell(run, _Rows(run, sink, self.progress, self.interrupt, self.warned))
        except KeyboardInterrupt as error:
            status, reason, stopped = "interrupted", "stopped by the user", error
        except CellTimeoutError as error:
            status, reason = "timeout", str(error)
        except SfbenchError as error:
            status, reason = "failed", str(error)
        after, fields = conditions(), Fields(reported)
        code, facts = fields.names("code"), Facts.take(fields)
        manifest = replace(
            sink.begun(),
            status=status,
            reason=reason,
            env=self.env,
            code={OWN: own_code(), **code},
            before=before,
            after=after,
            earlier_attempts=tuple(earlier),
            facts=replace(facts, nodes=tuple(map(self._with_stored_environment, facts.nodes))),
        )
        try:
            summary = sink.finish(manifest)
        finally:
            if stopped is not None:
                raise stopped
        return Attempt(status, reason, summary)


@dataclass(frozen=True)
class _Rows:
    """The observer of a cell: to the disk first, then to the eye, then the question whether to stop."""

    run: CellRun
    sink: CellSink
    progress: SweepProgress
    interrupt: Interrupt
    warned: set[str]

    def labels(self, rows: Sequence[LabelRow]) -> None:
        """Take the label counts."""
        self.sink.labels(rows)

    def warn(self, text: str) -> None:
        """Take a warning: into the manifest of each cell, to the eye once a sweep."""
        self.sink.warn(text)
        if text not in self.warned:
            self.warned.add(text)
            self.progress.say(f"warning: {text}")

    def round(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        """Take the rows of a round."""
        self.sink.round(steps, clients, row)
        self.progress.round(self.run, steps, row)
        self.interrupt.end_round()

    def model(self, content: bytes) -> None:
        """Take the joined model."""
        self.sink.model(content)

    def log(self, text: str) -> None:
        """Take the chatter of the processes."""
        self.sink.log(text)
