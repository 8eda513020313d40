import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.results.attempt_summary import FRAMES
from analysis.results.axes import Axes
from analysis.results.load import Results, load
from analysis.text.parameters import Names
from splitfed_core.records.metrics import METRICS

MakeRun = Callable[..., Path]
Made = Callable[..., Results]

NAN = float("nan")
UNKNOWN = dict.fromkeys([*METRICS, "swap_share", "straggler_ratio", "test_examples", "largest_batch"], NAN)
KNOWN = {"participants": 3, "workers_used": 3.0, "crowded": False, "dataset": "digits", "algorithm": "sflv2"}


@pytest.fixture
def made(make_run: MakeRun) -> Made:
    """Make results of all combinations of axes with three repeats: `made({"clients": (1, 2)}, steps=lambda c: …)`."""
    loaded = load(make_run("quick", {}, repeats=1))

    def make(axes: Axes, repeats: int = 3, **columns: Callable[[dict[str, Any]], Any]) -> Results:
        cells = []
        for values in itertools.product(*axes.values(), range(repeats)):
            cell: dict[str, Any] = {**UNKNOWN, **KNOWN, **dict(zip((*axes, "repeat"), values, strict=True))}
            cell |= {"run": "r", "cell_id": "-".join(map(str, values[:-1])), "usable": True}
            cells.append(cell | {name: column(cell) for name, column in columns.items()})
        changed: dict[str, Any] = {name: pd.DataFrame(columns=["run", "cell_id", "repeat"]) for name in FRAMES}
        changed |= {"cells": pd.DataFrame(cells), "axes": axes, "palette": axes, "names": Names()}
        return replace(loaded, **changed)

    return make
