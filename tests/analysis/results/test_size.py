"""Five million steps: a report of them takes less than a minute and less than two gigabytes."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from splitfed_core.records.rows import PHASES, StepRow, columns

MakeRun = Callable[..., Path]

REPORT = """
import sys
from pathlib import Path
from analysis.report.report import report
report([Path(sys.argv[1])], Path(sys.argv[2]))
"""


def write_steps(path: Path, count: int) -> None:
    """Write a `steps.csv` of so many rows, all different."""
    rng = np.random.default_rng(count)
    phases = {name: rng.uniform(1e-4, 1e-3, count) for name in PHASES}
    step_s = sum(phases.values())
    step = np.arange(count) // 4
    rows = {
        "cell_id": np.full(count, path.parent.parent.name),
        "repeat": np.zeros(count, int),
        "client_id": np.arange(count) % 4,
        "round": step * 20 // (count // 4 + 1),
        "local_epoch": np.zeros(count, int),
        "step": step,
        "warmup": step < 3,
        "examples": np.full(count, 32),
        "loss": 2.3 * np.exp(-step / count * 10),
        "correct": np.full(count, 20),
        "uplink_bytes": np.full(count, 8300),
        "downlink_bytes": np.full(count, 8200),
        **phases,
        "step_s": step_s,
        "server_update_s": rng.uniform(1e-4, 1e-3, count),
        "started_s": np.cumsum(step_s) / 4,
    }
    pyarrow.csv.write_csv(pa.table({name: rows[name] for name in columns(StepRow)}), path)


@pytest.mark.slow
@pytest.mark.parametrize("cells", [1, 40])
def test_five_million_steps_in_a_minute_and_two_gigabytes(make_run: MakeRun, tmp_path: Path, cells: int) -> None:
    run = make_run("large", {"examples_per_client": list(range(cells))}, repeats=1)
    for path in run.glob("cells/*/r0/steps.csv"):
        write_steps(path, 5_000_000 // cells)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", REPORT, str(run), str(tmp_path / "out")], check=True)
    assert time.perf_counter() - start < 60
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < 2e9
