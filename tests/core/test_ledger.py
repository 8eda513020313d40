from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter, sleep
from typing import Any

import numpy as np
import pytest

from splitfed_core.group import ClientGroup
from splitfed_core.ledger import SplitLedger, UShapeLedger, WholeLedger
from splitfed_core.rows import PHASES
from splitfed_core.wire.codecs import Array, EncodedTensor
from splitfed_core.wire.messages import BodyReply, BodyRequest, ServerStamps, StepReply, StepRequest, Transit
from splitfed_core.wire.transport import InProcessTransport

LABELS = np.array([1, 2], np.uint8)


def travel() -> tuple[ServerStamps, Transit]:
    """Stamps of a journey whose six parts take 1, 2, 4, 8, 16 and 32 s from now."""
    sent = perf_counter()
    return ServerStamps(sent + 1, sent + 3, sent + 7, sent + 15, sent + 31), Transit(sent, sent + 63, 1000, 100)


class Faraway:
    """A way to a main server that says how long everything took, and takes no time."""

    def train_step(self, request: StepRequest) -> StepReply:
        stamps, transit = travel()
        return StepReply(request.smashed, 0.5, 1, stamps, transit)

    def forward(self, request: BodyRequest) -> BodyReply:
        return BodyReply(request.tensor, *travel())

    backward = forward

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        return ()

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        return smashed

    def close(self) -> None:
        pass


def run(ledger: Any) -> dict[str, Any]:
    started = perf_counter()
    ledger.run(np.ones((2, 3), np.float32), LABELS)
    ended = perf_counter()
    columns = dict(ledger.columns(started, ended))
    assert columns["step_s"] == pytest.approx(ended - started, abs=1e-9)
    return columns


def split_step(x: Array, exchange: Callable[[Array], Array]) -> None:
    """Forward in 0.1 s, backward in 0.2 s."""
    sleep(0.1)
    exchange(x)
    sleep(0.2)


def ushape_step(
    x: Array, labels: Array, forward: Callable[[Array], Array], backward: Callable[[Array], Array]
) -> tuple[float, int]:
    """Head in 0.1 s, tail in 0.15 s, back through the head in 0.05 s."""
    sleep(0.1)
    features = forward(x)
    sleep(0.15)
    backward(features)
    sleep(0.05)
    return 0.25, 2


WIRE = {
    "uplink_s": 1,
    "server_decode_s": 2,
    "server_queue_s": 4,
    "server_compute_s": 8,
    "server_encode_s": 16,
    "downlink_s": 32,
}


def test_every_part_of_the_way_is_in_its_phase() -> None:
    columns = run(SplitLedger(split_step, Faraway(), 0, 0, 0))  # type: ignore[arg-type]
    assert {name: columns[name] for name in WIRE} == pytest.approx(WIRE, abs=1e-6)
    assert 0.1 <= columns["client_forward_s"] < 0.15
    assert 0 <= columns["encode_s"] < 0.05
    assert (columns["loss"], columns["correct"]) == (0.5, 1)
    assert (columns["uplink_bytes"], columns["downlink_bytes"]) == (1000, 100)


def test_the_phases_of_a_step_add_up_to_it_exactly() -> None:
    for ledger in (
        SplitLedger(split_step, Faraway(), 0, 0, 0),  # type: ignore[arg-type]
        UShapeLedger(ushape_step, Faraway(), 0, 0, 0),  # type: ignore[arg-type]
    ):
        columns = run(ledger)
        assert sum(columns[name] for name in PHASES) == columns["step_s"]


def test_a_u_shaped_step_sums_its_two_exchanges_and_counts_the_tail_as_backward() -> None:
    columns = run(UShapeLedger(ushape_step, Faraway(), 0, 0, 0))  # type: ignore[arg-type]
    assert {name: columns[name] for name in WIRE} == pytest.approx({n: 2 * s for n, s in WIRE.items()}, abs=1e-6)
    assert 0.1 <= columns["client_forward_s"] < 0.15
    assert columns["client_backward_s"] + columns["decode_s"] == pytest.approx(columns["step_s"] - 126.1, abs=0.05)
    assert (columns["loss"], columns["correct"]) == (0.25, 2)
    assert (columns["uplink_bytes"], columns["downlink_bytes"]) == (2000, 200)


def test_a_step_without_exchange_leaves_the_phases_empty() -> None:
    columns = run(WholeLedger(lambda *_: (0.75, 1)))  # type: ignore[arg-type]
    assert {columns[name] for name in (*PHASES, "uplink_bytes", "downlink_bytes")} == {None}
    assert (columns["loss"], columns["correct"]) == (0.75, 1)
    assert 0 < columns["step_s"] < 0.05


class Slow(InProcessTransport):
    """Takes 0.3 s there and 0.5 s back."""

    def train_step(self, request: StepRequest) -> StepReply:
        sent = perf_counter()
        sleep(0.3)
        reply = super().train_step(request)
        sleep(0.5)
        assert reply.transit is not None
        return replace(reply, transit=replace(reply.transit, sent=sent, arrived=perf_counter()))


def test_a_stopwatch_outside_agrees_within_two_percent(federations: Any) -> None:
    config = federations.config(clients=1, aggregation=False)
    with federations.build(config, []) as servers:
        group = ClientGroup(
            federations.key, config, federations.shape, federations.shards(8), federations.examples(8, 1)
        )
        group.connect(Slow(servers.main), None)
        group.train_round(0)  # compiles the step
        began = perf_counter()
        (result,) = group.train_round(1)
        stopwatch_s = perf_counter() - began
    (row,) = result.steps
    assert row.step_s == pytest.approx(stopwatch_s, rel=0.02)
    assert row.uplink_s == pytest.approx(0.325, abs=0.025)
    assert row.downlink_s == pytest.approx(0.525, abs=0.025)
    assert row.step_s == sum(getattr(row, name) for name in PHASES)
