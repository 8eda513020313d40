"""`sfbench doctor`, its first half: the same code measured against itself, and what of this machine makes noise."""

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.environment import environment, load
from benchmarks.grid import load_grid
from benchmarks.sides import Side, measure_pairs
from splitfed_core.errors import UsageError

GRID = Path(__file__).parent / "grids" / "ci.yaml"

_MARK = "doctor.json"
_BUSY = 0.5
_STOLEN = 0.01


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
        say: Is told how it goes.
        duet: Whether both sides of a pair run at the same time.

    Raises:
        UsageError: A wrong grid, or a folder that holds something else.
        CellError: The sweep could not be run at all.
    """
    load_grid(grid, settings)
    _clear(out)
    text = (out / "grid.yaml").resolve()
    text.write_bytes(grid.read_bytes())
    here, runs = dict(os.environ), (out / "a", out / "b")
    sides = [Side(run.name, "this code", Path.cwd(), here, text, run) for run in runs]
    options = [word for setting in (*settings, f"repeats={pairs}") for word in ("--set", setting)]
    busy, before = load()["load_1min"], psutil.cpu_times()
    took = measure_pairs(sides, pairs, options, say, duet=duet)
    return SelfComparison(runs, took, _stolen(before, psutil.cpu_times()), busy)


def _clear(out: Path) -> None:
    if out.exists() and not (out / _MARK).exists() and any(out.iterdir()):
        raise UsageError(f"--out {out}: holds something else; take another folder")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / _MARK).write_text(json.dumps({"schema": 1}) + "\n")


def _stolen(before: Any, after: Any) -> float:
    """Return the share of time that the host took; nothing where the system does not count it."""
    steal = getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)
    return float(steal / max(sum(after) - sum(before), 1e-9))


def describe() -> dict[str, str]:
    """Return what matters of this machine, in words."""
    facts = environment(Path.cwd())
    return {
        "processor": str(facts["cpu"]),
        "cores": str(facts["cores"]),
        "memory": f"{facts['memory_bytes'] / 1e9:.1f} GB",
        "governor": facts["governor"] or "not told",
        "clock": str(facts["clock_source"]),
        "kernel": str(facts["kernel"]),
    }


def advise(found: SelfComparison) -> list[str]:
    """Return what could be done about the noise, or should be known of it."""
    facts = environment(Path.cwd())
    told = (
        _governor(facts["governor"]),
        _quota(facts["cgroup"]["cpu_max"], facts["cores"]),
        _others(found.load),
        _host(found.stolen),
        _bytecode(),
    )
    return [text for text in told if text]


def _governor(name: str | None) -> str | None:
    if name in (None, "performance"):
        return None
    return f"the frequency governor is {name!r}: set it to 'performance' (cpupower frequency-set -g performance)"


def _quota(cpu_max: str | None, cores: int) -> str | None:
    """Say if a control group gives less time than its cores; its file says `quota period`, or `max`."""
    quota, _, period = (cpu_max or "max 1").partition(" ")
    if quota == "max" or int(quota) >= cores * int(period):
        return None
    allowed = int(quota) / int(period)
    return f"the control group allows {allowed:.1f} of {cores} cores: set threads and workers to fit, or lift the limit"


def _others(load: float) -> str | None:
    return f"other work was running when this began (load {load:.1f}): end it" if load > _BUSY else None


def _host(stolen: float) -> str | None:
    if stolen <= _STOLEN:
        return None
    share = f"{stolen * 100:.1f} %"
    return f"the host took {share} of the processors' time for others: measure with --duet, or on a host of your own"


def _bytecode() -> str | None:
    spec = importlib.util.find_spec("tensorflow")
    if not sys.dont_write_bytecode or spec is None or spec.cached is None or Path(spec.cached).exists():
        return None
    folder = Path(spec.cached).parents[2]
    return f"Python may write no bytecode, so every process compiles TensorFlow anew: python -m compileall -q {folder}"
