"""A Ray cluster of three nodes on this host, and a sweep that joins it as a user's would."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from ray.cluster_utils import Cluster

GRID = """
base: {clients: 4, workers: 3, batch_size: 16, examples_per_client: 64, rounds: 12, order: fixed, timeout_s: 200}
axes: {transport: [grpc, grpc-stream, inproc]}
schedule: grid
on_failure: {retries: 1}
"""


@pytest.fixture
def three_nodes() -> Iterator[Cluster]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()


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
def test_a_sweep_goes_on_with_the_nodes_that_are_left(three_nodes: Cluster, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text(GRID)
    run = tmp_path / "run"
    command = [str(Path(sys.executable).with_name("sfbench")), "sweep", "grid.yaml", "--out", str(run)]
    command += ["--ray-address", three_nodes.address]
    with subprocess.Popen(  # noqa: S603
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as sweep:
        wait_for(run, "rounds.csv", sweep)
        gone = next(iter(three_nodes.worker_nodes))
        three_nodes.remove_node(gone, allow_graceful=False)
        told = sweep.communicate()[0]
    assert sweep.returncode == 0, told

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
    assert gone.node_id[:8] in earlier

    facts = manifests["grpc-stream"]["facts"]
    assert (facts["listen"], manifests["inproc"]["facts"]["listen"]) == ("tls", None)
    assert sorted(name for node in facts["nodes"] for name in node["processes"]) == [
        "fed_server", "main_server", "worker0", "worker1", "worker2",
    ]  # fmt: skip
    assert gone.node_id not in [node["node"] for node in facts["nodes"]]
    assert len(facts["nodes"]) == 2
    for node in facts["nodes"]:
        environment = json.loads((run / "env" / f"{node['env']}.json").read_text())
        assert environment["versions"]["tensorflow"]
    assert losses(cells["grpc"]) == losses(cells["grpc-stream"]) == losses(cells["inproc"])
