from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import numpy as np
import pytest

from splitfed_core.aggregation import make_strategy
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.errors import RemoteError, StragglerError
from splitfed_core.federation.build_fed import build_fed_server
from splitfed_core.federation.schedule import in_order
from splitfed_core.records.results import CellKey
from splitfed_core.roles.fed_server import FedServer
from splitfed_core.roles.relay import Relay
from splitfed_core.wire.call import Address, Call, Kind
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.grpc_client import GrpcTransport
from splitfed_core.wire.transports.grpc_server import RpcServer

TOKEN = "of-this-test"


def serve(clients: int, deadline_s: float = 10.0, start: Array | None = None) -> FedServer:
    begin = np.zeros(2, np.float32) if start is None else start
    return FedServer(clients, make_strategy(Named(name="fedavg")), [begin], deadline_s)


def model(client_id: int, *values: float, round: int = 0, examples: int = 1) -> Call[Array]:
    return Call(Kind.PUSH_MODEL, Address(client_id, round), (np.array(values, np.float32),), examples)


def get(server: FedServer | Relay, client_id: int, round: int = 0) -> list[float]:
    return [float(v) for array in server.get_aggregate(client_id, round) for v in array]


def test_the_average_is_weighted_by_examples() -> None:
    server = serve(2)
    server.push(model(0, 1, 2, examples=1))
    server.push(model(1, 4, -1, examples=3))
    assert get(server, 0) == get(server, 1) == [3.25, -0.25]


def test_who_comes_first_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    models = [model(i, *rng.normal(size=100), examples=10 + i) for i in range(4)]
    results = set()
    for order in permutations(models):
        server = serve(4, start=np.zeros(100, np.float32))
        for pushed in order:
            server.push(pushed)
        results.add(server.get_aggregate(0, 0)[0].tobytes())
    assert len(results) == 1


def test_all_who_wait_are_told_who_is_missing_when_the_deadline_has_passed() -> None:
    server = serve(4, deadline_s=0.3)
    server.push(model(2, 0, 0))
    server.push(model(0, 0, 0))
    with ThreadPoolExecutor(2) as pool:
        waiting = {client: pool.submit(server.get_aggregate, client, 0) for client in (0, 2)}
        for client, call in waiting.items():
            with pytest.raises(
                StragglerError, match=rf"2 of 4 .* after 0.3 s \(client {client} waited; arrived: \[0, 2\]"
            ):
                call.result(60)


def test_over_grpc_too_a_lost_client_is_told_and_not_waited_for() -> None:
    with RpcServer(token=TOKEN, callers=2, fed=server_gate(serve(2, deadline_s=0.3))) as server:
        fed = client_stack(GrpcTransport(server.address, token=TOKEN, deadline_s=10.0), Counters())
        fed.exchange(model(1, 0, 0))
        with pytest.raises(RemoteError, match=r"1 of 2 client-side models had not reached .* arrived: \[1\]"):
            fed.exchange(Call(Kind.GET_AGGREGATE, Address(1, 0)))
        fed.close()


def test_the_last_model_wakes_all_who_wait() -> None:
    server = serve(3)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(get, server, client) for client in range(3)]
        for client in range(3):
            server.push(model(client, client, 10 * client))
        assert [call.result(60) for call in waiting] == [[1, 10]] * 3


def test_no_arrival_takes_the_average_away_from_those_who_still_fetch_it() -> None:
    clients, rounds = 4, 100
    server = serve(clients)  # the notebook resets its model with every arrival, outside the lock

    def take_part(client: int) -> list[list[float]]:
        averages = []
        for round in range(rounds):
            server.push(model(client, client + round, -round, round=round))
            averages.append(get(server, client, round))
        return averages

    with ThreadPoolExecutor(clients) as pool:
        for averages in pool.map(take_part, range(clients)):
            assert averages == [[1.5 + round, -round] for round in range(rounds)]


def test_who_sat_a_round_out_gets_its_average_later() -> None:
    server = serve(2)
    for client in (0, 2):
        server.push(model(client, 5, client))
    assert get(server, 1) == [5, 1]


def test_a_strategy_with_memory_goes_on_from_the_start() -> None:
    strategy = make_strategy(Named(name="fedavgm", learning_rate=0.5, momentum=0.5))
    server = FedServer(1, strategy, [np.array([10.0], np.float32)], 10.0)
    averages = []
    for round, value in enumerate((14.0, 15.0)):
        server.push(model(0, value, round=round))
        averages += get(server, 0, round)
    assert averages == [12.0, 14.5]  # Δ = 4, v = 4, w = 10 + 2; then Δ = 3, v = 5, w = 12 + 2.5


@pytest.fixture
def relay() -> Callable[[float], Relay]:
    line = {(1, 0): None, (0, 0): (1, 0), (0, 1): (0, 0)}  # (client, round) and whom it comes after
    return lambda deadline_s: Relay(lambda client, round: line[client, round], deadline_s)


def test_a_relay_hands_the_state_of_each_on_to_the_next(relay: Callable[[float], Relay]) -> None:
    server = relay(10.0)
    with ThreadPoolExecutor(1) as pool:
        assert get(server, 1) == []  # the very first one has its own
        waiting = pool.submit(get, server, 0)
        server.push(model(1, 3, 4))
        assert waiting.result(60) == [3, 4]
        server.push(model(0, 5, 6))
        assert get(server, 0, round=1) == [5, 6]


def test_a_relay_waits_no_longer_than_the_deadline(relay: Callable[[float], Relay]) -> None:
    with pytest.raises(StragglerError, match=r"client 0 waited 0.2 s for the state of \(client, round\) \(1, 0\)"):
        relay(0.2).get_aggregate(0, 0)


@pytest.mark.parametrize(
    ("strategy", "aggregate"),
    [
        ("fedavg", 4.25),  # (0 · 1 + 1 · 1 + 8 · 2) / 4
        ("median", 1.0),
        ({"name": "krum", "keep": 1}, 0.0),  # 0 and 1 are neighbours, the first of them by id is taken
        ({"name": "fedavgm", "learning_rate": 0.5, "momentum": 0.0}, 3.125),  # from 2 half of the way
    ],
)
def test_a_cell_is_aggregated_by_its_own_strategy(strategy: object, aggregate: float) -> None:
    config = CellConfig.parse({"clients": 3, "strategy": strategy})
    server = build_fed_server(CellKey("cell", 0, 1), config, [np.array([2.0], np.float32)], [True])
    for client, value in enumerate((0.0, 1.0, 8.0)):
        server.push(model(client, value, examples=1 + client // 2))
    assert get(server, 0) == [aggregate]


@pytest.mark.parametrize("seed", range(12))
def test_in_every_seeds_line_each_goes_on_from_the_one_before(seed: int) -> None:
    config, key = CellConfig.parse({"clients": 3, "algorithm": "sl", "timeout_s": 0.5}), CellKey("cell", 0, seed)
    server = build_fed_server(key, config, [], [])
    handed_on: list[float] = []
    for round in range(3):
        for client in in_order(key, range(3), round):
            assert get(server, client, round) == handed_on
            handed_on = [float(client), float(round)]
            server.push(model(client, *handed_on, round=round))
