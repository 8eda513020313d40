"""Delays that the environment asks for: of the right length, and in the right phase."""

from typing import ClassVar

import numpy as np
import pytest

from splitfed_core.aggregation import make_strategy
from splitfed_core.config.choice import Named
from splitfed_core.errors import UsageError
from splitfed_core.roles.exchange import delayed
from splitfed_core.roles.fed_server import FedServer
from splitfed_core.roles.ledger import Columns
from splitfed_core.training.pace import VARIABLE, StepShare, delay_of, no_delay
from splitfed_core.wire.call import Address, Call, Kind


def test_without_the_variable_nothing_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert delay_of("server_compute") is no_delay
    assert delayed(FakeLedger) is FakeLedger


@pytest.mark.parametrize("text", ["server_compute", "server_compute:10%", "server_compute:+x%", "uplink:+10%", "+10%"])
def test_what_cannot_be_read_is_refused_with_an_example(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(
        UsageError, match=r"write a place \(client_forward, .*, between_steps, aggregation\) and per cent"
    ):
        delay_of("server_compute")


def test_only_the_named_phase_is_delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "server_compute:+12.5%")
    assert delay_of("client_forward") is delay_of("client_backward") is no_delay
    assert isinstance(delay_of("server_compute"), StepShare)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test sets; every reading of it takes a thousandth of a second."""
    now = [0.0]

    def read() -> float:
        now[0] += 0.001
        return now[0]

    monkeypatch.setattr("splitfed_core.training.pace.perf_counter", read)
    return now


def test_the_delay_is_its_share_of_the_median_step_without_the_delays_themselves(clock: list[float]) -> None:
    delay = StepShare(0.25)
    waited = []
    for step_s in (0.0, 4.0, 4.0, 40.0, 4.0):  # the first is unknown; a pause between rounds counts as one of many
        clock[0] += step_s
        began = clock[0]
        delay(7)
        waited.append(clock[0] - began)
    assert waited[0] == pytest.approx(0, abs=0.01)
    assert waited[1:] == pytest.approx([1, 1, 1, 1], abs=0.01)


def test_each_client_has_a_step_of_its_own(clock: list[float]) -> None:
    delay = StepShare(0.5)
    for client_id, pause in ((0, 0.0), (1, 0.0), (0, 2.0)):
        clock[0] += pause
        delay(client_id)
    clock[0] += 5.0
    began = clock[0]
    delay(1)
    assert clock[0] - began == pytest.approx((2 + 1 + 5) / 2, abs=0.02)  # others' delays are part of it


def test_the_fed_server_delays_the_aggregation_by_a_share_of_the_round(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    monkeypatch.setenv(VARIABLE, "aggregation:+50%")
    server = FedServer(2, make_strategy(Named(name="fedavg")), [np.zeros(2, np.float32)], 1.0)
    waited = []
    for round_ in range(3):
        for client_id in ((0, 1), (1, 0), (0, 1))[round_]:  # another one is the last, and it is one delay for all that
            clock[0] += 5.0
            began = clock[0]
            server.push(Call(Kind.PUSH_MODEL, Address(client_id, round_), (np.ones(2, np.float32),), 1))
            waited.append(round(clock[0] - began, 1))
    assert waited == [0, 0, 0, 5, 0, 5]


class FakeLedger:
    """A step that takes ten."""

    clock: ClassVar[list[float]]

    def __init__(self, *address: int) -> None:
        self.address = address

    def run(self, x: object, labels: object) -> None:
        self.began = self.clock[0]
        self.clock[0] += 10

    def columns(self, started: float, ended: float) -> Columns:
        return {"before": self.began - started, "after": ended - self.began - 10}


@pytest.mark.parametrize(("phase", "before", "after"), [("client_forward", 20, 0), ("client_backward", 0, 20)])
def test_the_clients_phases_are_delayed_on_their_side_of_the_step(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], phase: str, before: float, after: float
) -> None:
    monkeypatch.setenv(VARIABLE, f"{phase}:+200%")
    monkeypatch.setattr(FakeLedger, "clock", clock, raising=False)
    make = delayed(FakeLedger)
    for step in range(3):
        ledger = make(0, 0, step)
        began = clock[0]
        ledger.run(None, None)  # type: ignore[arg-type]
        told = ledger.columns(began, clock[0])
    assert told == {"before": pytest.approx(before, abs=0.1), "after": pytest.approx(after, abs=0.1)}
