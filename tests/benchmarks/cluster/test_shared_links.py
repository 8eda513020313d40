"""Clients that share a link, in real processes: the arbiter is one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cluster.ray_cluster import Cluster
from benchmarks.runner import CellRun
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.rows import ClientRow, LabelRow, RoundRow, StepRow

RATE_BPS, DELAY_S = 4e6, 0.005
LINK = {"uplink_mbit": 4, "downlink_mbit": 4, "delay_ms": 5}
OVERHEAD = 1514 / 1448


@dataclass
class Steps:
    """An observer that keeps the steps."""

    rows: list[StepRow] = field(default_factory=list)

    def labels(self, rows: Sequence[LabelRow]) -> None: ...

    def warn(self, text: str) -> None: ...

    def round(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        self.rows += steps

    def model(self, content: bytes) -> None: ...

    def log(self, text: str) -> None: ...


def run(cluster: Cluster, **parameters: Any) -> tuple[list[StepRow], dict[str, Any]]:
    small = {"clients": 2, "batch_size": 16, "examples_per_client": 64, "rounds": 2, "timeout_s": 280.0}
    steps = Steps()
    facts = cluster.run_cell(CellRun(CellConfig.parse(small | parameters), repeat=0, seed=5), steps)
    return steps.rows, facts


@pytest.mark.parametrize("parameters", [{"link": LINK | {"shared_by": 2}}, {"server_link": LINK}])
def test_messages_of_clients_that_share_a_link_take_no_more_than_its_rate(
    parameters: dict[str, object], cluster: Cluster
) -> None:
    rows, facts = run(cluster, **parameters)
    assert "arbiter" in facts["roles"]
    bits = [8 * (row.uplink_bytes or 0) * OVERHEAD for row in rows]
    for row, own in zip(rows, bits, strict=True):
        assert row.uplink_s is not None
        assert row.uplink_s >= own / RATE_BPS + DELAY_S - 1e-9
    began, ended = min(row.started_s for row in rows), max(row.started_s + row.step_s for row in rows)
    assert sum(bits) / RATE_BPS <= ended - began
    assert {row.client_id for row in rows} == {0, 1}


def test_a_shared_link_changes_no_result(cluster: Cluster) -> None:
    def losses(**parameters: Any) -> list[tuple[object, ...]]:
        rows, _ = run(cluster, order="fixed", **parameters)
        return sorted((row.client_id, row.step, row.loss) for row in rows)

    assert losses(link=LINK | {"shared_by": 2}, server_link="lan_1gbit") == losses()


@pytest.mark.parametrize("algorithm", ["sflv1", "ushape", "sl", "fl"])
def test_every_algorithm_trains_over_a_shared_link(algorithm: str, cluster: Cluster) -> None:
    cut = {"cut_layer": ["dense1", "dense4"]} if algorithm == "ushape" else {}
    rows, _ = run(cluster, algorithm=algorithm, link=LINK | {"shared_by": 2, "jitter_ms": 2, "loss": 0.01}, **cut)
    assert len(rows) == 16


def test_a_traced_link_is_replayed_and_its_trace_stands_among_the_code(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "slow.trace").write_text("20\n")  # 1,504 bytes in every 20 ms
    rows, facts = run(cluster, rounds=1, link={"trace": str(tmp_path / "slow.trace")})
    assert str(tmp_path / "slow.trace") in facts["code"]
    for row in rows:
        packets = ceil((row.uplink_bytes or 0) / 1448)
        assert (row.uplink_s or 0) > (packets - 1) * 0.02


@pytest.mark.parametrize("transport", ["grpc-stream", "ray"])
def test_every_transport_carries_a_shared_link(transport: str, cluster: Cluster) -> None:
    rows, _ = run(cluster, transport=transport, link=LINK | {"shared_by": 2})
    assert all((row.uplink_s or 0) > DELAY_S for row in rows)
