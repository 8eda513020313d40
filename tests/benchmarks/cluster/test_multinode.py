"""A Ray cluster of three nodes on this host, and a sweep that joins it as a user's would.

The cluster has a process of its own: in this one Ray has been told to stay on this host.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

GRID = """
base: {clients: 4, workers: 3, batch_size: 16, examples_per_client: 64, rounds: 12, order: fixed, timeout_s: 200}
axes: {transport: [grpc, grpc-stream, inproc]}
schedule: grid
on_failure: {retries: 1}
"""


CLUSTER = """
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
first, second = [cluster.add_node(num_cpus=1) for _ in range(2)]
print("nodes", cluster.address, first.node_id, flush=True)
input()
cluster.remove_node(first, allow_graceful=False)
print("removed", flush=True)
input()
cluster.shutdown()
"""
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("RAY_AUTH") and name != "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
}


class ThreeNodes:
    """Three nodes, of which one can be lost."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        _, self.address, self.first = self._told().split()

    def _told(self) -> str:
        assert self._process.stdout is not None
        lines = iter(self._process.stdout.readline, "")
        return next(line for line in lines if line.startswith(("removed", "nodes"))).strip()  # Ray speaks, too

    def lose_the_first(self) -> None:
        self.go_on()
        assert self._told() == "removed"

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()


@pytest.fixture
def three_nodes() -> Iterator[ThreeNodes]:
    command, pipe = [sys.executable, "-c", CLUSTER], subprocess.PIPE
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            nodes = ThreeNodes(process)
            yield nodes
            nodes.go_on()
            process.wait(60)
        finally:
            process.kill()


def wait_for(path: Path, pattern: str, process: subprocess.Popen[str], patience_s: float = 180.0) -> Path:
    """Wait for a file that is not empty."""
    until = monotonic() + patience_s
    while monotonic() < until and process.poll() is None:
        found = [file for file in path.rglob(pattern) if file.read_text().count("\n") > 2]
        if found:
            return found[0]
        sleep(0.05)
    raise AssertionError(f"no {pattern} below {path}; the sweep's exit code is {process.poll()}")


def losses(cell: Path) -> list[tuple[str, ...]]:
    with (cell / "steps.csv").open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (int(row["client_id"]), int(row["step"])))
    return [(row["client_id"], row["step"], row["loss"]) for row in rows]


@pytest.mark.slow  # TensorFlow starts eight times
@pytest.mark.timeout(400)
def test_a_sweep_goes_on_with_the_nodes_that_are_left(three_nodes: ThreeNodes, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    run = tmp_path / "run"
    command = [str(Path(sys.executable).with_name("sfbench")), "sweep", "grid.yaml", "--out", str(run)]
    command += ["--ray-address", three_nodes.address]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as sweep:
        wait_for(run, "rounds.csv", sweep)
        three_nodes.lose_the_first()
        message = sweep.communicate()[0]
    assert sweep.returncode == 0, message

    cells: dict[str, Path] = {}
    manifests: dict[str, dict[str, Any]] = {}
    for path in run.glob("cells/*/r0/manifest.json"):
        manifest = json.loads(path.read_text())
        cells[manifest["config"]["transport"]] = path.parent
        manifests[manifest["config"]["transport"]] = manifest
    assert {name: m["status"] for name, m in manifests.items()} == dict.fromkeys(
        ["grpc", "grpc-stream", "inproc"], "ok"
    )
    (earlier,) = manifests["grpc"]["earlier_attempts"]
    assert earlier.startswith("failed: lost node ")
    assert three_nodes.first[:8] in earlier

    facts = manifests["grpc-stream"]["facts"]
    assert (facts["listen"], manifests["inproc"]["facts"]["listen"]) == ("tls", None)
    assert sorted(name for node in facts["nodes"] for name in node["processes"]) == [
        "fed_server", "main_server", "worker0", "worker1", "worker2",
    ]  # fmt: skip
    assert three_nodes.first not in [node["node"] for node in facts["nodes"]]
    assert len(facts["nodes"]) == 2
    for node in facts["nodes"]:
        environment = json.loads((run / "env" / f"{node['env']}.json").read_text())
        assert environment["versions"]["tensorflow"]
    assert losses(cells["grpc"]) == losses(cells["grpc-stream"]) == losses(cells["inproc"])
