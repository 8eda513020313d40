"""Sides that are measured in turn, pair by pair, each by fresh processes, into runs to compare.

Pair k is repeat k of every run, so all sides of a pair have the same seeds; which side goes first alternates: AB, BA,
AB, … A duet runs all sides of a pair at the same time instead: what disturbs the machine then disturbs both (Bulej et
al., Duet benchmarking, ICPE 2020).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import IO

from benchmarks.grid.load import Grid
from benchmarks.grid.plan import make_plan
from splitfed_core.errors import CellError, ExitCode, UsageError
from splitfed_core.timing.host_speed import as_variable

SWEEP = ("-P", "-m", "sfbench", "sweep")
"""What Python is called with. A commit of sfbench that is older than this name borrows it from the sfbench that runs;
it calls the commit's own command line (see `Checkout.environment`)."""

_LINES_OF_LOG = 12
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class SideRunner:
    """One side: its code, and the run that its processes fill.

    Attributes:
        name: How messages and its log file call it.
        label: What it is, in words.
        folder: Where its processes stand.
        environment: Theirs.
        grid: The grid file, with its whole path.
        directory: The run directory.
    """

    name: str
    label: str
    folder: Path
    environment: Mapping[str, str]
    grid: Path
    directory: Path

    @contextmanager
    def running(self, pair: int, options: Sequence[str]) -> Iterator[Callable[[], float]]:
        """Start to sweep one repeat with processes of its own; yields what waits for them and returns their time, s."""
        command = [sys.executable, *SWEEP, str(self.grid), "--out", str(self.directory.resolve())]
        command += ["--repeat", str(pair), "--accept-plan-change", *options]
        began = perf_counter()
        with self._log.open("a") as file, _started(command, self.folder, self.environment, file) as process:

            def wait() -> float:
                self._check(process.wait())
                return perf_counter() - began

            yield wait

    def _check(self, code: int) -> None:
        if code == ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        if code not in (ExitCode.OK, ExitCode.INCOMPLETE):  # cells that failed are the comparison's to judge
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-_LINES_OF_LOG:])
            kind = UsageError if code == ExitCode.USAGE else CellError
            raise kind(f"{self.name} ({self.label}) cannot be measured; {self._log} ends with:\n{tail}")

    @property
    def _log(self) -> Path:
        return self.directory.parent / f"{self.name}.log"


def host_environment(grid: Grid) -> dict[str, str]:
    """Return what tells the processes of all sides how fast this host is, where devices are compared with that.

    Measured by each of them, it would be a little different, and so would their devices.
    """
    host = make_plan(grid).host
    return as_variable(host) if host else {}


def measure_pairs(
    sides: Sequence[SideRunner], pairs: int, options: Sequence[str], say: Callable[[str], None], *, duet: bool
) -> list[float]:
    """Sweep the repeats one by one, each on all sides before the next.

    Args:
        sides: Who takes turns.
        pairs: Number of repeats.
        options: Of `sfbench sweep`.
        say: Takes progress messages.
        duet: Whether all sides run at the same time.

    Returns:
        How long each pair took, s.

    Raises:
        UsageError: A side refused the grid.
        CellError: A side could not be run at all.
        KeyboardInterrupt: Interrupted; the same call resumes it.
    """
    took = []
    for pair in range(pairs):
        began = perf_counter()
        in_turn = sides[:: -1 if pair % 2 else 1]
        took_s: dict[str, float] = {}
        for at_once in [in_turn] if duet else [[side] for side in in_turn]:
            took_s |= _run(at_once, pair, options)
        took.append(perf_counter() - began)
        say(f"pair {pair + 1} of {pairs}: {', '.join(f'{side.name} {took_s[side.name]:.1f} s' for side in sides)}")
    return took


def _run(sides: Sequence[SideRunner], pair: int, options: Sequence[str]) -> dict[str, float]:
    """Run one repeat of these sides at the same time; returns how long each took, s."""
    with ExitStack() as stack:
        waits = {side.name: stack.enter_context(side.running(pair, options)) for side in sides}
        return {name: wait() for name, wait in waits.items()}


@contextmanager
def _started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: IO[str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process group of its own; an interrupt is passed on, and waited for."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)  # noqa: S603  ours
        )
        try:
            yield process
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):  # it is killed below
                process.wait(_PATIENCE_S)
            raise
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
