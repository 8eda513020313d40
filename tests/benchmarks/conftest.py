"""Rows with exact numbers, and a runner that produces them where Ray is not the point."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from benchmarks.grid.load import Grid, load_grid
from benchmarks.machine.environment import usable_cores
from benchmarks.runner import CellObserver, CellRun
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError
from splitfed_core.records.rows import ClientRow, LabelRow, RoundRow, StepRow

Act = Callable[[CellRun], None]


def step_row(run: CellRun, client: int, number: int, **changes: Any) -> StepRow:
    """A step of 8 ms that starts 10 ms after the one before; 1 kB up and down, 1 ms on the way each."""
    values: dict[str, Any] = {
        "cell_id": run.cell_id,
        "repeat": run.repeat,
        "client_id": client,
        "round": number // 2,
        "local_epoch": 0,
        "step": number,
        "warmup": number == 0,
        "examples": 4,
        "loss": 1.0 / (number + 1),
        "correct": 2,
        "uplink_bytes": 1000,
        "downlink_bytes": 1000,
        "client_forward_s": 0.001,
        "encode_s": 0.0,
        "uplink_s": 0.001,
        "server_decode_s": 0.0,
        "server_queue_s": 0.001,
        "server_compute_s": 0.002,
        "server_encode_s": 0.0,
        "downlink_s": 0.001,
        "decode_s": 0.0,
        "client_backward_s": 0.002,
        "step_s": 0.008,
        "server_update_s": 0.0005,
        "started_s": 0.01 * number,
    }
    return StepRow(**values | changes)


def round_row(run: CellRun, number: int, **changes: Any) -> RoundRow:
    """A round of 30 ms with 2 kB of models each way."""
    values: dict[str, Any] = {
        "cell_id": run.cell_id,
        "repeat": run.repeat,
        "round": number,
        "train_loss": 1.0 / (number + 1),
        "eval_loss": 0.5,
        "eval_accuracy": 0.75,
        "round_s": 0.03,
        "aggregation_s": 0.001,
        "uplink_bytes": 4000,
        "downlink_bytes": 4000,
        "aggregation_uplink_bytes": 2000,
        "aggregation_downlink_bytes": 2000,
        "clients_ok": 2,
        "clients_lost": 0,
        "started_s": 0.02 * number,
        "rpcs": 10,
    }
    return RoundRow(**values | changes)


def client_row(run: CellRun, client: int, number: int) -> ClientRow:
    return ClientRow(run.cell_id, run.repeat, client, client, number, 2, 8, 0.02, 0.001, 0.01, 1_000_000 + client)


def one_round(run: CellRun, number: int) -> tuple[list[StepRow], list[ClientRow], RoundRow]:
    steps = [step_row(run, client, 2 * number + i) for client in (0, 1) for i in (0, 1)]
    return steps, [client_row(run, client, number) for client in (0, 1)], round_row(run, number)


class TinyRunner:
    """Two clients, two steps a round; `before` and `between` may raise, or look at the disk.

    Args:
        before: Called before a cell.
        between: Called after its first round.
    """

    def __init__(self, before: Act | None = None, between: Act | None = None) -> None:
        self.ran: list[tuple[str, int]] = []
        self.cores = usable_cores()
        self._before = before
        self._between = between

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def check(self, configs: Sequence[CellConfig]) -> dict[int, ConfigError]:
        return {}

    def code(self, configs: Sequence[CellConfig]) -> dict[str, str]:
        return {}

    def run_cell(self, run: CellRun, observer: CellObserver) -> dict[str, Any]:
        self.ran.append(run.key)
        if self._before:
            self._before(run)
        observer.labels([LabelRow(0, "0", 8), LabelRow(1, "1", 8)])
        for number in range(run.config.rounds):
            observer.round(*one_round(run, number))
            if self._between and number == 0:
                self._between(run)
        observer.log("chatter\n")
        return {"workers": 2, "worker_rss_bytes": 1_000_001, "setup_s": 0.5, "dataset": {"train": 100}}


@pytest.fixture
def rows() -> SimpleNamespace:
    """The functions above, for tests."""
    return SimpleNamespace(step=step_row, round=round_row, client=client_row, one_round=one_round)


@pytest.fixture
def tiny_runner() -> type[TinyRunner]:
    return TinyRunner


@pytest.fixture
def cell_run() -> CellRun:
    return CellRun(CellConfig(clients=2, rounds=2), 0, seed=7)


@pytest.fixture
def grid_of(tmp_path: Path) -> Callable[..., Grid]:
    """Read a grid that stands in the test."""

    def read(text: str, *settings: str) -> Grid:
        path = tmp_path / "grid.yaml"
        path.write_text(text)
        return load_grid(path, settings)

    return read
