"""What a cell came to: the columns of `summary.csv`, taken from its rows as they pass by."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.csvrows import plain_cell
from splitfed_core.config import CellConfig
from splitfed_core.rows import CellSummary, ClientRow, RoundRow, StepRow, columns


@dataclass
class Tally:
    """Keeps of every row what the summary needs."""

    steps: int = 0
    peak_rss_bytes: int | None = None
    _examples: int = 0
    _measured: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _round_wall_s: list[float] = field(default_factory=list)
    _exchanged_bytes: int = 0
    _exchange_s: float = 0.0
    _rounds: list[RoundRow] = field(default_factory=list)

    def add(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        """Take the rows of one round."""
        self.steps += len(steps)
        measured = [step for step in steps if not step.warmup]
        for step in measured:
            self._add_step(step)
        if measured:
            self._round_wall_s.append(training_wall_s(measured))
        self.peak_rss_bytes = max((c.rss_bytes for c in clients), default=self.peak_rss_bytes or 0)
        self._rounds.append(row)

    def _add_step(self, step: StepRow) -> None:
        self._examples += step.examples
        self._measured["step_s"].append(step.step_s)
        for name in ("uplink_s", "downlink_s", "server_compute_s"):
            if (value := getattr(step, name)) is not None:
                self._measured[name].append(value)
        if step.uplink_s is not None and step.downlink_s is not None:
            self._exchanged_bytes += (step.uplink_bytes or 0) + (step.downlink_bytes or 0)
            self._exchange_s += step.uplink_s + step.downlink_s

    def summary(self, status: str, wall_s: float) -> CellSummary:
        """Return the line of the cell."""
        step_s = self._measured["step_s"]
        wall = sum(self._round_wall_s)
        last = self._rounds[-1] if self._rounds else None
        evaluated = next((row for row in reversed(self._rounds) if row.eval_loss is not None), None)
        return CellSummary(
            status=status,
            steps=self.steps,
            step_p50_s=_percentile(step_s, 50),
            step_p95_s=_percentile(step_s, 95),
            step_p99_s=_percentile(step_s, 99),
            uplink_p50_s=_percentile(self._measured["uplink_s"], 50),
            downlink_p50_s=_percentile(self._measured["downlink_s"], 50),
            server_compute_p50_s=_percentile(self._measured["server_compute_s"], 50),
            samples_per_s=_rate(self._examples, wall),
            steps_per_s=_rate(len(step_s), wall),
            network_kbit_per_s=_rate(self._exchanged_bytes * 8 / 1000, self._exchange_s),
            final_train_loss=last.train_loss if last else None,
            final_eval_loss=evaluated.eval_loss if evaluated else None,
            final_eval_accuracy=evaluated.eval_accuracy if evaluated else None,
            bytes_per_round=_mean([_bytes(row) for row in self._rounds]),
            round_p50_s=_percentile([row.round_s for row in self._rounds], 50),
            peak_rss_bytes=self.peak_rss_bytes,
            wall_s=wall_s,
        )


def training_wall_s(steps: Iterable[StepRow]) -> float:
    """Return the time from the earliest start to the latest end of some steps of one round."""
    steps = list(steps)
    return max(step.started_s + step.step_s for step in steps) - min(step.started_s for step in steps)


def summary_csv(lines: Iterable[tuple[str, int, Mapping[str, Any], Mapping[str, Any]]]) -> bytes:
    """Return `summary.csv` of cell id, repeat, parameters and summary of every finished attempt."""
    parameters = list(CellConfig.model_fields)
    names = columns(CellSummary)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["cell_id", "repeat", *parameters, *names])
    for cell_id, repeat, config, summary in lines:
        values = [*(config.get(name) for name in parameters), *(summary.get(name) for name in names)]
        writer.writerow([cell_id, repeat, *map(plain_cell, values)])
    return buffer.getvalue().encode()


def _bytes(row: RoundRow) -> int:
    exchanged = row.uplink_bytes + row.downlink_bytes
    return exchanged + row.aggregation_uplink_bytes + row.aggregation_downlink_bytes


def _percentile(values: Sequence[float], percent: int) -> float | None:
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    return float(np.percentile(array, percent)) if len(array) else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _rate(amount: float, seconds: float) -> float | None:
    return amount / seconds if seconds > 0 else None
