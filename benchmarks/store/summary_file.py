"""What a cell came to: the columns of `summary.csv`, taken from its rows as they pass by."""

import csv
import io
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.store.csv_rows import plain_cell
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.manifest import Manifest
from splitfed_core.records.rows import CellSummary, ClientRow, RoundRow, Row, StepRow, columns
from splitfed_core.records.summary import cell_numbers, cell_summary

_KEPT = {
    StepRow: (
        "round", "warmup", "examples", "step_s", "started_s", "between_s", "uplink_s", "downlink_s", "server_compute_s",
        "uplink_bytes", "downlink_bytes", "link_uplink_s", "link_downlink_s", "late_s",
    ),
    RoundRow: tuple(name for name in columns(RoundRow) if name not in ("cell_id", "repeat")),
    ClientRow: ("round", "local_s", "swap_s", "rss_bytes"),
}  # fmt: skip
"""The columns that the numbers of a cell are made of."""

_LAST = ("final_train_loss", "final_eval_loss", "final_eval_accuracy")
"""Results that keep a value that is not a number: a table of training must say that it diverged."""


class _Columns:
    """Some columns of the rows that have passed by, as floats: NaN for an empty field."""

    def __init__(self, names: Sequence[str]) -> None:
        self._values: dict[str, array[float]] = {name: array("d") for name in names}

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows."""
        for row in rows:
            for name, values in self._values.items():
                value = getattr(row, name)
                values.append(math.nan if value is None else value)

    def __call__(self, name: str) -> NDArray[np.float64]:
        """Return a column."""
        return np.array(self._values[name])


class Tally:
    """Keeps of every row what the summary needs."""

    def __init__(self, *, isolated: bool = False) -> None:
        """Begin with nothing; `isolated` says whether the cell has fresh processes."""
        self._isolated = isolated
        self._kept = {kind: _Columns(names) for kind, names in _KEPT.items()}
        self._last: dict[str, float | None] = dict.fromkeys(_LAST)

    def add(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        """Take the rows of one round."""
        self._kept[StepRow].add(steps)
        self._kept[ClientRow].add(clients)
        self._kept[RoundRow].add([row])
        self._last["final_train_loss"] = row.train_loss
        if row.eval_loss is not None:
            self._last |= {"final_eval_loss": row.eval_loss, "final_eval_accuracy": row.eval_accuracy}

    def summary(self, status: str, wall_s: float, workers: int | None = None, cores: int | None = None) -> CellSummary:
        """Return the line of the cell; `cores` are those of a host that emulated it."""
        steps, rounds, clients = (self._kept[kind] for kind in (StepRow, RoundRow, ClientRow))
        numbers = cell_numbers(steps, rounds, clients, isolated=self._isolated, cores=cores)
        made = cell_summary(numbers, status=status, wall_s=wall_s, workers_used=workers)
        loss, eval_loss, accuracy = (self._last[name] for name in _LAST)
        return replace(made, final_train_loss=loss, final_eval_loss=eval_loss, final_eval_accuracy=accuracy)


def training_wall_s(steps: Iterable[StepRow]) -> float:
    """Return the time from the earliest start to the latest end of some steps of one round."""
    steps = list(steps)
    return max(step.started_s + step.step_s for step in steps) - min(step.started_s for step in steps)


def summary_csv(manifests: Mapping[tuple[str, int], Manifest]) -> bytes:
    """Return `summary.csv`: cell id, repeat, parameters and summary of every finished attempt."""
    parameters = list(CellConfig.model_fields)
    names = columns(CellSummary)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["cell_id", "repeat", *parameters, *names])
    for (cell_id, repeat), manifest in manifests.items():
        values = [manifest.config.get(name) for name in parameters]
        values += [getattr(manifest.summary, name, None) for name in names]
        writer.writerow([cell_id, repeat, *map(plain_cell, values)])
    return buffer.getvalue().encode()
