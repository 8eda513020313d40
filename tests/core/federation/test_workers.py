"""The fixed-order law over processes: clients in several groups, each with gRPC connections and a thread of its own."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from typing import Any, ClassVar

import pytest

from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard
from splitfed_core.federation.build_fed import build_fed_server
from splitfed_core.federation.build_main import build_main_server
from splitfed_core.federation.client_group import ClientGroup
from splitfed_core.federation.rounds import train_rounds
from splitfed_core.federation.schedule import in_order
from splitfed_core.records.results import Evaluation, WorkerRound
from splitfed_core.roles.step_order import FixedTurns
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.transports.base import Service
from splitfed_core.wire.transports.grpc_client import Endpoints, connect
from splitfed_core.wire.transports.grpc_server import RpcServer

SIZES = (20, 13, 7, 24, 8, 16)  # three, two, one, three, one and two mini-batches of eight

TOKEN = "of-this-test"


class Workers:
    """A federation in groups that train at the same time; a context manager."""

    servers_cpu_s: ClassVar[dict[str, float]] = {}

    def __init__(self, federations: Any, config: CellConfig, shards: Sequence[ClientShard], workers: int) -> None:
        key, shape, test = federations.key, federations.shape, federations.examples(30, seed=99)
        self._stack = ExitStack()
        self._groups = [
            ClientGroup(key, config, shape, [s for s in shards if s.client_id % workers == worker], test, worker)
            for worker in range(workers)
        ]
        main = None
        if config.has_main_server:
            main = build_main_server(key, config, shape, {s.client_id: len(s.y) for s in shards}, replicas=2)
            self._stack.callback(main.close)
        fed = build_fed_server(key, config, *self._groups[0].start()) if config.exchanges_models else None
        ends = Endpoints(self._serve("main", main), self._serve("fed", fed), token=TOKEN, deadline_s=60)
        for group in self._groups:
            transports = connect(str(config.transport), ends)
            group.connect(*transports)
            for transport in transports:
                if transport is not None:
                    self._stack.callback(transport.close)
        self._pool = self._stack.enter_context(ThreadPoolExecutor(workers))
        self.main = main

    def _serve(self, role: str, server: Service[Array] | None) -> str | None:
        """Serve it as a process of its own would."""
        if server is None:
            return None
        serving: Any = {role: server_gate(server)}
        return self._stack.enter_context(RpcServer(token=TOKEN, callers=len(SIZES), **serving)).address

    def train_round(self, round: int) -> list[WorkerRound]:
        return list(chain.from_iterable(self._pool.map(lambda group: group.train_round(round), self._groups)))

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        return list(chain.from_iterable(self._pool.map(lambda group: group.evaluate(client_ids), self._groups)))

    def get_weights(self, client_id: int) -> list[Array]:
        return self._groups[client_id % len(self._groups)].get_weights(client_id)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()


def exact(federations: Any, workers: int, **parameters: Any) -> list[Any]:
    """Train a cell and return all that is no time: rows, the clients' weights and the server's."""
    config = federations.config(
        **{"clients": len(SIZES), "order": "fixed", "rounds": 3, "eval_clients": 6, "transport": "grpc"} | parameters
    )
    with Workers(federations, config, federations.shards(*SIZES), workers) as federation:
        results = list(train_rounds(federations.key, config, federation))
        kept = [weight.tobytes() for client in range(len(SIZES)) for weight in federation.get_weights(client)]
        server = [weight.tobytes() for weight in federation.main.get_weights()] if federation.main else []
    steps = [(r.client_id, r.step, r.loss, r.correct) for result in results for r in result.steps]
    rows = [(r.row.train_loss, r.row.eval_loss, r.row.eval_accuracy, r.row.aggregation_uplink_bytes) for r in results]
    return [steps, rows, kept, server if config.algorithm != "sflv1" or config.aggregation else []]


CELLS = [
    {"algorithm": "sflv1"},
    {"algorithm": "sflv1", "aggregation": False},
    {"algorithm": "sflv2"},
    {"algorithm": "sflv2", "aggregation": False},
    {"algorithm": "sflv2", "transport": "grpc-stream"},
    {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]},
    {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"], "aggregation": False},
    {"algorithm": "sl"},
    {"algorithm": "fl"},
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(map(str, cell.values())))
def test_in_fixed_order_the_number_of_workers_changes_no_bit(cell: dict[str, Any], federations: Any) -> None:
    alone = exact(federations, 1, **cell)
    for workers in (2, 3, 6):
        assert exact(federations, workers, **cell) == alone


@pytest.mark.parametrize("transport", ["grpc", "grpc-stream"])
def test_in_fixed_order_step_t_of_all_comes_before_step_t_plus_1_of_any(
    transport: str, federations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[int, int, int]] = []

    def acquire(turns: FixedTurns, round: int, client_id: int, step: int) -> int:
        model = wait(turns, round, client_id, step)
        served.append((round, client_id, step))
        return model

    wait = FixedTurns.acquire
    monkeypatch.setattr(FixedTurns, "acquire", acquire)
    exact(federations, 6, transport=transport, rounds=2)
    orders = [in_order(federations.key, range(6), round) for round in range(2)]
    assert served == [
        (round, client, step)
        for round, order in enumerate(orders)
        for step in range(3)
        for client in order
        if step * 8 < SIZES[client]  # who has run out of mini-batches drops out
    ]
