from collections.abc import Callable
from dataclasses import replace
from time import perf_counter, sleep
from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.federation.client_group import ClientGroup
from splitfed_core.records.rows import PHASES
from splitfed_core.roles.exchange import SplitLedger, UShapeLedger, WholeLedger
from splitfed_core.training.split_step import Exchange
from splitfed_core.wire.call import Call, Reply, ServerStamps, Transit
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.transports.in_process import InProcessTransport

LABELS = np.array([1, 2], np.uint8)


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1024.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that a ledger reads."""
    clock = Clock()
    monkeypatch.setattr("splitfed_core.roles.exchange.perf_counter", clock)
    return clock


def travel(clock: Clock) -> tuple[ServerStamps, Transit]:
    """Take a journey whose six parts take 1, 2, 4, 8, 16 and 32 s."""
    sent = clock()
    clock.wait(63)
    return ServerStamps(sent + 1, sent + 3, sent + 7, sent + 15, sent + 31), Transit(sent, sent + 63, 1000, 100)


class Faraway:
    """A way to a main server that says how long everything took."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def exchange(self, call: Call[Array]) -> Reply[Array]:
        stamps, transit = travel(self.clock)
        return Reply(call.tensors[:1], 0.5, 1, stamps=stamps, transit=transit)

    def close(self) -> None:
        pass


def run(ledger: Any, clock: Clock) -> dict[str, Any]:
    started = clock()
    ledger.run(np.ones((2, 3), np.float32), LABELS)
    columns = dict(ledger.columns(started, clock()))
    assert columns["step_s"] == clock() - started
    return columns


def split_ledger(clock: Clock) -> SplitLedger:
    """Forward in 1/8 s, backward in 1/4 s."""

    def step(x: Any, exchange: Callable[[Array], Array]) -> None:
        clock.wait(0.125)
        exchange(x)
        clock.wait(0.25)

    return SplitLedger(step, Faraway(clock), 0, 0, 0)


def ushape_ledger(clock: Clock) -> UShapeLedger:
    """Head in 1/8 s, tail in 1/4 s, back through the head in 1/2 s."""

    def step(x: Any, labels: Array, forward: Exchange, backward: Exchange) -> tuple[float, int]:
        clock.wait(0.125)
        features = forward(x)
        clock.wait(0.25)
        backward(features)
        clock.wait(0.5)
        return 0.25, 2

    return UShapeLedger(step, Faraway(clock), 0, 0, 0)


WIRE = {
    "uplink_s": 1,
    "server_decode_s": 2,
    "server_queue_s": 4,
    "server_compute_s": 8,
    "server_encode_s": 16,
    "downlink_s": 32,
}


def test_every_part_of_the_way_is_in_its_phase(clock: Clock) -> None:
    columns = run(split_ledger(clock), clock)
    assert {name: columns[name] for name in WIRE} == WIRE
    assert (columns["client_forward_s"], columns["client_backward_s"]) == (0.125, 0.25)
    assert columns["encode_s"] == columns["decode_s"] == 0
    assert (columns["loss"], columns["correct"]) == (0.5, 1)
    assert (columns["uplink_bytes"], columns["downlink_bytes"]) == (1000, 100)


def test_the_phases_of_a_step_add_up_to_it_exactly(clock: Clock) -> None:
    for ledger in (split_ledger(clock), ushape_ledger(clock)):
        columns = run(ledger, clock)
        assert sum(columns[name] for name in PHASES) == columns["step_s"]


def test_a_u_shaped_step_sums_its_two_exchanges_and_counts_the_tail_as_backward(clock: Clock) -> None:
    columns = run(ushape_ledger(clock), clock)
    assert {name: columns[name] for name in WIRE} == {name: 2 * seconds for name, seconds in WIRE.items()}
    assert (columns["client_forward_s"], columns["client_backward_s"], columns["decode_s"]) == (0.125, 0.75, 0)
    assert (columns["loss"], columns["correct"]) == (0.25, 2)
    assert (columns["uplink_bytes"], columns["downlink_bytes"]) == (2000, 200)


def test_a_step_without_exchange_leaves_the_phases_empty(clock: Clock) -> None:
    def step(x: Any, labels: Array) -> tuple[float, int]:
        clock.wait(0.5)
        return 0.75, 1

    columns = run(WholeLedger(step), clock)
    assert {columns[name] for name in (*PHASES, "uplink_bytes", "downlink_bytes")} == {None}
    assert (columns["loss"], columns["correct"], columns["step_s"]) == (0.75, 1, 0.5)


class Slow(InProcessTransport):
    """Takes 0.3 s there and 0.5 s back."""

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        sent = perf_counter()
        sleep(0.3)
        reply = super().exchange(call)
        sleep(0.5)
        return replace(reply, transit=replace(reply.transit, sent=sent, arrived=perf_counter()))


def test_a_step_fits_into_what_a_stopwatch_outside_measures(federations: Any) -> None:
    config = federations.config(clients=1, aggregation=False)
    with federations.build(config, []) as servers:
        group = ClientGroup(
            federations.key, config, federations.shape, federations.shards(8), federations.examples(8, 1)
        )
        group.connect(Slow(server_gate(servers.main)), None)
        group.train_round(0)  # compiles the step
        began = perf_counter()
        (result,) = group.train_round(1)
        stopwatch_s = perf_counter() - began
    (row,) = result.steps
    assert row.uplink_s is not None
    assert row.downlink_s is not None
    assert row.uplink_s >= 0.3
    assert row.downlink_s >= 0.5
    assert row.uplink_s + row.downlink_s <= row.step_s <= stopwatch_s
    assert row.step_s == sum(getattr(row, name) for name in PHASES)
