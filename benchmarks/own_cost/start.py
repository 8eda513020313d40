"""How long one waits: from `sfbench sweep` to the first timed step, with nothing warm but the disk's cache."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

from benchmarks.own_cost.goals import Result, goal

_GRID = """\
dataset: synthetic
clients: 1
rounds: 1
examples_per_client: 512
batch_size: 128
"""
"""Three warm-up steps and the timed one; the round's rows come right after it."""

_RUNS, _POLL_S, _PATIENCE_S = 3, 0.02, 300


def measure_start() -> Result:
    """Start sweeps one after the other and wait for the first row of each."""
    waits = [_wait_s() for _ in range(_RUNS)]
    return Result(goal("start"), waits, "1 client over gRPC; Ray and three processes with TensorFlow started")


def measure_recording() -> Result:
    """Time steps with and without their rows."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.own_cost.recording"], check=True, capture_output=True, text=True
    )
    times = json.loads(done.stdout.splitlines()[-1])
    runs = [a / b for a, b in zip(times["recorded"], times["plain"], strict=True)]
    return Result(goal("recording"), runs, f"{1000 * times['recorded'][0]:.2f} and {1000 * times['plain'][0]:.2f} ms")


def _wait_s() -> float:
    with tempfile.TemporaryDirectory(prefix="sfbench-start-") as folder:
        grid, out = Path(folder) / "grid.yaml", Path(folder) / "run"
        grid.write_text("base:\n" + "".join(f"  {line}\n" for line in _GRID.splitlines()) + "axes: {}\n")
        began = perf_counter()
        command = [sys.executable, "-m", "sfbench", "sweep", str(grid), "--out", str(out)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as sweep:  # noqa: S603  ours
            while not any(path.read_text().count("\n") > 1 for path in out.glob("cells/*/*/steps.csv")):
                if sweep.poll() is not None or perf_counter() - began > _PATIENCE_S:
                    raise RuntimeError(f"the sweep never reached a step: {sweep.communicate()[1]}")
                sleep(_POLL_S)
            waited = perf_counter() - began
            sweep.wait()
        return waited
