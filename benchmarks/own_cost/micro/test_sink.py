"""Writing rows to disk, as it is done once a round, never within a step."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

from benchmarks.store.csv_rows import RowFile
from splitfed_core.records.rows import PHASES, StepRow

Benchmark = Callable[[Callable[[], object]], object]

STEPS = 100


def test_steps_of_a_round(benchmark: Benchmark, tmp_path: Path) -> None:
    """Append the rows of 100 steps to a CSV file, onto the disk."""
    phases: dict[str, float] = dict.fromkeys(PHASES, 0.001234567)
    row = StepRow(
        cell_id="sflv2-c3-b128-dense1-aggon-0123456789",
        repeat=0,
        client_id=1,
        round=2,
        local_epoch=0,
        step=3,
        warmup=False,
        examples=128,
        loss=0.123456789,
        correct=120,
        uplink_bytes=32_951,
        downlink_bytes=32_862,
        step_s=0.01234567,
        server_update_s=0.001234567,
        started_s=1.234567,
        **phases,
    )
    number = count()

    def append() -> None:
        file = RowFile(tmp_path / f"{next(number)}.csv", StepRow)
        file.append([row] * STEPS)
        file.close()

    benchmark(append)
