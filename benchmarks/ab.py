"""`sfbench ab`: two states of a repository measured in turn, each by fresh processes, into two runs to compare.

Both sides stand in worktrees whose paths have the same length, and use the same installed packages. Pair k is repeat k
of either run, so both sides of a pair have the same seeds; which side goes first alternates: AB, BA, AB, … A duet runs
both sides of a pair at the same time instead: what disturbs the machine then disturbs both (Bulej et al., Duet
benchmarking, ICPE 2020).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from benchmarks.grid import load_grid
from benchmarks.worktrees import Checkout, worktrees
from splitfed_core.errors import CellError, UsageError
from splitfed_core.injection import VARIABLE as INJECTION

_SWEEP = "from analysis.cli import main; main()"
_OK, _USAGE, _CELLS_FAILED, _INTERRUPTED = 0, 2, 3, 130
_LINES_OF_LOG = 12
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class AB:
    """What is compared, how often, and where it goes.

    Attributes:
        base_ref: The commit that is there.
        head_ref: The commit to be judged; None: the working tree.
        grid: The grid file, the same for both.
        pairs: Number of repeats of either side.
        out: Where `base/` and `head/` go.
        settings: `key=value` that replace those of the grid.
        duet: Whether both sides of a pair run at the same time.
    """

    base_ref: str
    head_ref: str | None
    grid: Path
    pairs: int
    out: Path
    settings: Sequence[str] = ()
    duet: bool = False

    def measure(self, say: Callable[[str], None]) -> tuple[Path, Path]:
        """Measure all pairs that are not there yet; returns the runs of base and head.

        Raises:
            UsageError: No repository, no such commit, a wrong grid, or results of another comparison.
            CellError: A side could not be run at all.
            KeyboardInterrupt: Interrupted; the same command goes on.
        """
        return self._measure(say, ("base", "head"), ())

    def confirm(self, say: Callable[[str], None], cell_ids: Collection[str]) -> tuple[Path, Path]:
        """Measure these cells once more by fresh processes; arguments and errors as of `measure`."""
        return self._measure(say, ("confirm-base", "confirm-head"), sorted(cell_ids))

    def _measure(
        self, say: Callable[[str], None], names: tuple[str, str], cell_ids: Sequence[str]
    ) -> tuple[Path, Path]:
        load_grid(self.grid, self.settings)  # a wrong one is refused before anything is checked out
        runs = self.out / names[0], self.out / names[1]
        with worktrees(Path.cwd(), self.base_ref, self.head_ref) as checkouts:
            self._claim(checkouts)
            grid = self.out / "grid.yaml"
            grid.write_bytes(self.grid.read_bytes())
            sides = [
                _Side(name, checkout, run, grid.resolve(), is_head=is_head)
                for name, checkout, run, is_head in zip(names, checkouts, runs, (False, True), strict=True)
            ]
            for pair in range(self.pairs):
                in_turn = sides[:: -1 if pair % 2 else 1]
                told: dict[str, float] = {}
                for at_once in [in_turn] if self.duet else [[side] for side in in_turn]:
                    told |= _run(at_once, pair, self._options(cell_ids))
                times = ", ".join(f"{name} {told[name]:.1f} s" for name in names)
                say(f"pair {pair + 1} of {self.pairs}: {times}")
        return runs

    def _options(self, cell_ids: Sequence[str]) -> list[str]:
        words = [word for setting in (*self.settings, f"repeats={self.pairs}") for word in ("--set", setting)]
        return words + [word for cell_id in cell_ids for word in ("--cell", cell_id)]

    def _claim(self, checkouts: Sequence[Checkout]) -> None:
        """Say in the folder what it compares; refuse one that compares something else."""
        what = {"schema": 1, "base": checkouts[0].state, "head": checkouts[1].state, "duet": self.duet}
        path = self.out / "ab.json"
        if path.exists() and json.loads(path.read_text()) != what:
            raise UsageError(f"--out {self.out}: holds another comparison; take another folder, or remove it")
        self.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(what, indent=1) + "\n")


@dataclass(frozen=True)
class _Side:
    """One side: its code, and the run that its processes fill."""

    name: str
    checkout: Checkout
    directory: Path
    grid: Path
    is_head: bool

    @contextmanager
    def running(self, pair: int, options: Sequence[str]) -> Iterator[Callable[[], float]]:
        """Start to sweep one repeat with processes of its own; yields what waits for them and returns their time, s."""
        command = [sys.executable, "-P", "-c", _SWEEP, "sweep", str(self.grid), "--out", str(self.directory.resolve())]
        command += ["--repeat", str(pair), "--accept-plan-change", *options]
        began = perf_counter()
        with (
            self._log.open("a") as file,
            _started(command, self.checkout.folder, self._environment(), file) as process,
        ):

            def wait() -> float:
                self._check(process.wait())
                return perf_counter() - began

            yield wait

    def _check(self, code: int) -> None:
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        if code not in (_OK, _CELLS_FAILED):  # cells that failed are the comparison's to judge
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-_LINES_OF_LOG:])
            kind = UsageError if code == _USAGE else CellError
            raise kind(f"{self.name} ({self.checkout.label}) cannot be measured; {self._log} ends with:\n{tail}")

    @property
    def _log(self) -> Path:
        return self.directory.parent / f"{self.name}.log"

    def _environment(self) -> dict[str, str]:
        """Return that of this side's processes; an injected delay is for head alone."""
        here = {name: value for name, value in os.environ.items() if self.is_head or name != INJECTION}
        return here | self.checkout.environment()


def _run(sides: Sequence[_Side], pair: int, options: Sequence[str]) -> dict[str, float]:
    """Run one repeat of these sides at the same time; returns how long each took, s."""
    with ExitStack() as stack:
        waits = {side.name: stack.enter_context(side.running(pair, options)) for side in sides}
        return {name: wait() for name, wait in waits.items()}


@contextmanager
def _started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: IO[str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process group of its own; an interrupt is passed on, and waited for."""
    settings: dict[str, Any] = {"cwd": folder, "env": environment}
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **settings)  # noqa: S603  ours
        )
        try:
            yield process
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait(_PATIENCE_S)
            raise
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
