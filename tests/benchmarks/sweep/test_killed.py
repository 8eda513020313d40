"""The driver is killed at random moments; nothing is lost, nothing counts twice, nothing works on."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from benchmarks.cluster.ray_cluster import Cluster
from benchmarks.grid.load import load_grid
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions

SFBENCH = Path(sys.executable).with_name("sfbench")
GRID = """
name: killed
seed: 11
base: {{dataset: digits, order: fixed, rounds: {rounds}, batch_size: 64, cut_layer: dense1}}
axes:
  clients: [2, 3]
repeats: {repeats}
"""
IDLE = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray's own helpers; they work on nothing, and take up to three minutes to see that they are alone."""

LOSSES = {
    "steps.csv": ("client_id", "round", "step", "loss", "correct"),
    "rounds.csv": ("round", "train_loss", "eval_loss", "eval_accuracy"),
}


class Driver:
    """`sfbench sweep` in a process of its own; what it starts carries a mark in its environment."""

    def __init__(self, grid: Path, run: Path) -> None:
        self._run = run
        self._mark = f"SFBENCH_TEST_MARK={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        env = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"} | {name: value}
        self._began = time.time()
        command = [sys.executable, str(SFBENCH), "sweep", str(grid), "--out", str(run)]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, start_new_session=True)

    def wait_for(self, name: str, count: int) -> None:
        """Wait until this sweep has written so many files of that name."""
        while self.process.poll() is None and self._written(name) < count:
            time.sleep(0.05)

    def _written(self, name: str) -> int:
        times = []
        for path in self._run.glob(f"cells/*/*/{name}"):
            with suppress(FileNotFoundError):  # a cell directory is being cleared
                times.append(path.stat().st_mtime)
        return sum(time > self._began for time in times)

    def kill(self) -> None:
        """End the driver, and it alone, as the kernel would when memory runs out."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def orphans(self) -> list[str]:
        """Return what it has started and what still runs."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with suppress(OSError):
                    if self._mark.encode() in (folder / "environ").read_bytes():
                        found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
        return [command for command in found if command not in IDLE]

    def wait_until_alone(self, patience_s: float = 30) -> None:
        """Wait until nothing that it has started runs any more."""
        deadline = time.monotonic() + patience_s
        while orphans := self.orphans():
            assert time.monotonic() < deadline, orphans
            time.sleep(0.2)


def losses(run: Path) -> Iterator[tuple[str, ...]]:
    """Yield everything that is no time and no memory, cell by cell."""
    for name, columns in LOSSES.items():
        for path in sorted(run.glob(f"cells/*/r*/{name}")):
            for row in csv.DictReader(path.read_text().splitlines()):
                yield (path.parts[-3], path.parts[-2], name, *(row[column] for column in columns))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes through /proc")
@pytest.mark.slow  # every death and every rebirth is a start of Ray and of TensorFlow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("kills", "rounds", "repeats"),
    [
        pytest.param(1, 8, 1, id="once"),
        pytest.param(30, 12, 40, id="thirty times"),
    ],
)
def test_a_sweep_survives_the_death_of_its_driver(
    tmp_path: Path, cluster: Cluster, kills: int, rounds: int, repeats: int
) -> None:
    grid, killed, whole = (tmp_path / name for name in ("grid.yaml", "killed", "whole"))
    grid.write_text(GRID.format(rounds=rounds, repeats=repeats))
    dice = random.Random(kills)
    for _ in range(kills):
        driver = Driver(grid, killed)
        if begun := dice.choice([0, 1, 1, 2, 3]):  # cells in this life; without one it dies while Ray starts
            driver.wait_for("rounds.csv", begun)
        time.sleep(dice.uniform(0, 4))
        assert driver.process.poll() is None, "the sweep was over before it could be killed"
        driver.kill()
        driver.wait_until_alone()
    driver = Driver(grid, killed)
    assert driver.process.wait() == 0
    driver.wait_until_alone()
    assert Sweep(load_grid(grid), whole, SweepOptions(), "").run(lambda: nullcontext(cluster)) == 0
    manifests = [json.loads(path.read_text()) for path in killed.glob("cells/*/*/manifest.json")]
    assert sorted((m["status"], m["repeat"]) for m in manifests) == [
        ("ok", r) for r in range(repeats) for _ in range(2)
    ]
    assert len((killed / "summary.csv").read_text().splitlines()) == 1 + 2 * repeats
    assert list(losses(killed)) == list(losses(whole))
