"""`sfbench ab`: two states of a repository measured in turn, each by fresh processes, into two runs to compare.

Both sides stand in worktrees whose paths have the same length, and use the same installed packages. Pair k is repeat k
of either run, so both sides of a pair have the same seeds; which side goes first alternates: AB, BA, AB, …
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from benchmarks.grid import load_grid
from benchmarks.worktrees import Checkout, worktrees
from splitfed_core.errors import CellError, UsageError

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
    """

    base_ref: str
    head_ref: str | None
    grid: Path
    pairs: int
    out: Path
    settings: Sequence[str] = ()

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
            sides = [_Side(*side, grid.resolve()) for side in zip(names, checkouts, runs, strict=True)]
            for pair in range(self.pairs):
                told = {side.name: side.run(pair, self._options(cell_ids)) for side in sides[:: -1 if pair % 2 else 1]}
                times = ", ".join(f"{name} {told[name]:.1f} s" for name in names)
                say(f"pair {pair + 1} of {self.pairs}: {times}")
        return runs

    def _options(self, cell_ids: Sequence[str]) -> list[str]:
        words = [word for setting in (*self.settings, f"repeats={self.pairs}") for word in ("--set", setting)]
        return words + [word for cell_id in cell_ids for word in ("--cell", cell_id)]

    def _claim(self, checkouts: Sequence[Checkout]) -> None:
        """Say in the folder what it compares; refuse one that compares something else."""
        what = {"schema": 1, "base": checkouts[0].state, "head": checkouts[1].state}
        path = self.out / "ab.json"
        if path.exists() and json.loads(path.read_text()) != what:
            raise UsageError(f"--out {self.out}: holds the comparison of other code; take another folder, or remove it")
        self.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(what, indent=1) + "\n")


@dataclass(frozen=True)
class _Side:
    """One side: its code, and the run that its processes fill."""

    name: str
    checkout: Checkout
    directory: Path
    grid: Path

    def run(self, pair: int, options: Sequence[str]) -> float:
        """Sweep one repeat with processes of its own; returns how long it took, s."""
        command = [sys.executable, "-P", "-c", _SWEEP, "sweep", str(self.grid), "--out", str(self.directory.resolve())]
        command += ["--repeat", str(pair), "--accept-plan-change", *options]
        began = perf_counter()
        log = self.directory.parent / f"{self.name}.log"
        with log.open("a") as file, _started(command, self.checkout, file) as process:
            code = process.wait()
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        if code not in (_OK, _CELLS_FAILED):  # cells that failed are the comparison's to judge
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LINES_OF_LOG:])
            kind = UsageError if code == _USAGE else CellError
            raise kind(f"{self.name} ({self.checkout.label}) cannot be measured; {log} ends with:\n{tail}")
        return perf_counter() - began


@contextmanager
def _started(command: Sequence[str], checkout: Checkout, log: IO[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process group of its own; an interrupt is passed on, and waited for."""
    settings: dict[str, Any] = {"cwd": checkout.folder, "env": os.environ | checkout.environment()}
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
