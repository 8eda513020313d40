"""`sfbench ab`: two states of a repository measured in turn, into two runs to compare.

Both sides stand in worktrees whose paths have the same length, and use the same installed packages.
"""

import json
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.grid.load import load_grid
from benchmarks.paired.pairs import SideRunner, host_environment, measure_pairs
from benchmarks.paired.worktrees import Checkout, worktrees
from splitfed_core.errors import UsageError
from splitfed_core.seeding import derive
from splitfed_core.training.pace import VARIABLE as INJECTION


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
            KeyboardInterrupt: Interrupted; the same command resumes it.
        """
        return self._measure(say, ("base", "head"))

    def confirm(self, say: Callable[[str], None], cell_ids: Collection[str]) -> tuple[Path, Path]:
        """Measure these cells once more, by fresh processes and with other seeds; arguments and errors as of `measure`.

        What seeds decide, as a loss by the weights one starts with, would otherwise be found again whatever the code.
        """
        seed = derive(load_grid(self.grid, self.settings).seed, "confirm")
        return self._measure(say, ("confirm-base", "confirm-head"), sorted(cell_ids), (f"seed={seed}",))

    def _measure(
        self,
        say: Callable[[str], None],
        names: tuple[str, str],
        cell_ids: Sequence[str] = (),
        settings: Sequence[str] = (),
    ) -> tuple[Path, Path]:
        # a wrong grid is refused before anything is checked out
        host = host_environment(load_grid(self.grid, self.settings))
        runs = self.out / names[0], self.out / names[1]
        with worktrees(Path.cwd(), self.base_ref, self.head_ref, self.out) as checkouts:
            self._claim(checkouts)
            grid = self.out / "grid.yaml"
            grid.write_bytes(self.grid.read_bytes())
            sides = [
                SideRunner(
                    name, checkout.label, checkout.folder, _environment(checkout, hidden) | host, grid.resolve(), run
                )
                for name, checkout, run, hidden in zip(names, checkouts, runs, ({INJECTION}, ()), strict=True)
            ]  # an injected delay is for head alone
            measure_pairs(sides, self.pairs, self._options(cell_ids, settings), say, duet=self.duet)
        return runs

    def _options(self, cell_ids: Sequence[str], settings: Sequence[str]) -> list[str]:
        words = [
            word for setting in (*self.settings, *settings, f"repeats={self.pairs}") for word in ("--set", setting)
        ]
        return words + [word for cell_id in cell_ids for word in ("--cell", cell_id)]

    def _claim(self, checkouts: Sequence[Checkout]) -> None:
        """Say in the folder what it compares; refuse one that compares something else."""
        what = {"schema": 1, "base": checkouts[0].state, "head": checkouts[1].state, "duet": self.duet}
        path = self.out / "ab.json"
        if path.exists() and json.loads(path.read_text()) != what:
            raise UsageError(f"--out {self.out}: already holds a different comparison; use another --out")
        self.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(what, indent=1) + "\n")


def _environment(checkout: Checkout, hidden: Collection[str]) -> dict[str, str]:
    """Return that of the processes of a side: this one's without what is hidden, and what the checkout needs."""
    return {name: value for name, value in os.environ.items() if name not in hidden} | checkout.environment()
