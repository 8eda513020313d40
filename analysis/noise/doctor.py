"""`sfbench doctor`, its second half: what a gate can see given how much the same code differs from itself."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from analysis.compare.compare import read_side
from analysis.compare.pairing import Pairs, differences, pair_cells
from analysis.compare.wording import percent
from analysis.stats.gate_simulation import World, simulate
from analysis.text.units import human
from splitfed_core.errors import DataError
from splitfed_core.records.metrics import METRICS

METRIC = METRICS["step_p50_s"]
EFFECTS = (0.05, 0.1)
PAIRS = 10
OFTEN = 0.9

_GRIDS = 400
_FEWEST, _MOST = 5, 60
_LARGEST = 4.0
_CONFIRMED = 2  # what is flagged is measured twice
_WIDE = 140  # columns of a file or pipe, which have no width of their own


@dataclass(frozen=True)
class Noise:
    """What one cell's repetitions came to.

    Args:
        label: The cell in words.
        step_s: Median of its step latency.
        between_runs: Standard deviation between runs, of the log of their median step latency.
        visible: The smallest slowdown that ten pairs find nine times out of ten; infinite if there is none.
        pairs: For each effect, how many pairs find it nine times out of ten; none if that takes more than sixty.
    """

    label: str
    step_s: float
    between_runs: float
    visible: float
    pairs: Mapping[float, int | None]


def examine(one: Path, other: Path) -> list[Noise]:
    """Turn two runs of the same code into what a gate can see here; cells that have no number of it are left out.

    Raises:
        DataError: No cell has runs on both sides, with steps that are timed.
    """
    cells = pair_cells(read_side(one), read_side(other))
    usable = [pairs for pairs in cells if pairs.refusal is None]
    if not usable:
        raise DataError(f"no cell could be measured: {cells[0].refusal}" if cells else f"{one} has no cells")
    timed = [pairs for pairs in usable if np.isfinite(pairs.values(METRIC)).all()]
    if not timed:
        raise DataError(
            f"{usable[0].label} has only warm-up steps, which say nothing about noise; give it more rounds or "
            "examples, or fewer warmup_steps"
        )
    return [_noise(pairs) for pairs in timed]


def _noise(pairs: Pairs) -> Noise:
    base, head = pairs.values(METRIC)
    between_runs = float(np.sqrt(np.mean(differences(METRIC, base, head) ** 2) / 2))  # both sides have the same centre
    return Noise(
        pairs.label,
        float(np.median([*base, *head])),
        between_runs,
        visible(between_runs),
        {effect: needed(effect, between_runs) for effect in EFFECTS},
    )


def found(effect: float, between_runs: float, pairs: int) -> float:
    """Return how often a slowdown of a cell is flagged and confirmed, by simulation of the gate."""
    world = World(effect=effect, pairs=pairs, cells=1, changed=1, noise=between_runs, grids=_GRIDS)
    return simulate(world).confirmed / _GRIDS


def needed(effect: float, between_runs: float) -> int | None:
    """Return the smallest number of pairs that finds an effect often; none if that would be too many."""
    if found(effect, between_runs, _MOST) < OFTEN:
        return None
    low, high = _FEWEST, _MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(effect, between_runs, middle) >= OFTEN else (middle + 1, high)
    return high


def visible(between_runs: float, pairs: int = PAIRS) -> float:
    """Return the smallest effect that this many pairs find often, to a thousandth."""
    low, high = 0.0, _LARGEST
    if found(high, between_runs, pairs) < OFTEN:
        return math.inf
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle, between_runs, pairs) >= OFTEN else (middle, high)
    return high


def show(
    noises: Sequence[Noise], pair_s: Sequence[float], machine: Mapping[str, str], advice: Sequence[str], out: Path
) -> None:
    """Print what was found, and write it to `doctor.json`."""
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), soft_wrap=True)
    each_s = float(np.median(pair_s))
    console.print(_table(noises, each_s))
    console.print(
        f"From {len(pair_s)} pairs of runs of the same code, {human(each_s, 's')} a pair. Noise: standard deviation "
        "between runs. Seen: a slowdown flagged and confirmed nine times out of ten, where 3 % matter. Time: of all "
        "pairs and their confirmation."
    )
    for text in advice:
        console.print(f"→ {text}")
    document = {"schema": 1, "machine": machine, "advice": advice, "pair_s": pair_s, "cells": list(map(asdict, noises))}
    (out / "doctor.json").write_text(json.dumps(_finite(document), indent=1, ensure_ascii=False) + "\n")


def _table(noises: Sequence[Noise], each_s: float) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("cell", overflow="fold")
    for heading in ("step", "noise", f"{PAIRS} pairs\nsee", *(f"{effect:.0%} takes" for effect in EFFECTS)):
        table.add_column(heading, justify="right")
    for noise in noises:
        seen = "nothing" if math.isinf(noise.visible) else percent(noise.visible)
        takes = (_takes(noise.pairs[effect], each_s) for effect in EFFECTS)
        table.add_row(noise.label, human(noise.step_s, "s"), percent(noise.between_runs), seen, *takes)
    return table


def _takes(pairs: int | None, each_s: float) -> str:
    return f"> {_MOST} pairs" if pairs is None else f"{pairs} pairs, {human(_CONFIRMED * pairs * each_s, 's')}"


def _finite(value: object) -> object:
    """Return the same with null for what JSON has no number for, and names for keys."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
