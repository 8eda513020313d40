"""`sfbench doctor`, its first half: the same code measured against itself, and what of this machine makes noise."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.grid.load import load_grid
from benchmarks.machine.environment import load
from benchmarks.paired.pairs import SideRunner, host_environment, measure_pairs
from splitfed_core.errors import UsageError

GRID = Path(__file__).parents[1] / "grids" / "ci.yaml"

_MARK = "doctor.json"


@dataclass(frozen=True)
class SelfComparison:
    """One code on both sides.

    Attributes:
        runs: The two run directories.
        pair_s: How long each pair took, starts of the processes included, s.
        stolen: Share of the processors' time that the host gave to others meanwhile.
        load: Load average before it began.
    """

    runs: tuple[Path, Path]
    pair_s: Sequence[float]
    stolen: float
    load: float


def compare_with_itself(
    grid: Path, pairs: int, out: Path, settings: Sequence[str], say: Callable[[str], None], *, duet: bool
) -> SelfComparison:
    """Measure this code against itself, as `sfbench ab` measures two.

    Args:
        grid: The grid file.
        pairs: Number of repeats of either side.
        out: Where the runs go; what an earlier examination has left there is replaced.
        settings: `key=value` that replace those of the grid.
        say: Takes progress messages.
        duet: Whether both sides of a pair run at the same time.

    Raises:
        UsageError: A wrong grid, or a folder that holds something else.
        CellError: The sweep could not be run at all.
    """
    host = host_environment(load_grid(grid, settings))
    _clear(out)
    text = (out / "grid.yaml").resolve()
    text.write_bytes(grid.read_bytes())
    here, runs = os.environ | host, (out / "a", out / "b")
    sides = [SideRunner(run.name, "this code", Path.cwd(), here, text, run) for run in runs]
    options = [word for setting in (*settings, f"repeats={pairs}") for word in ("--set", setting)]
    busy, before = load()["load_1min"], psutil.cpu_times()
    took = measure_pairs(sides, pairs, options, say, duet=duet)
    return SelfComparison(runs, took, _stolen(before, psutil.cpu_times()), busy)


def _clear(out: Path) -> None:
    if out.exists() and not (out / _MARK).exists() and any(out.iterdir()):
        raise UsageError(f"--out {out}: already holds something else; use another --out")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / _MARK).write_text(json.dumps({"schema": 1}) + "\n")


def _stolen(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the share of time that the host took; nothing where the system does not count it."""
    steal = getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)
    return float(steal / max(sum(after) - sum(before), 1e-9))
