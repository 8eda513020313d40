"""The ledger of one step: who had it when, and what the phases between those moments cost."""

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any, Protocol

from splitfed_core.injection import Delay, delay_of, no_delay
from splitfed_core.rows import PHASES
from splitfed_core.steps.split import ClientStep
from splitfed_core.steps.ushape import UShapeClientStep
from splitfed_core.steps.whole import WholeStep
from splitfed_core.wire.codecs import RAW, Array
from splitfed_core.wire.messages import BodyReply, BodyRequest, StepReply, StepRequest
from splitfed_core.wire.transport import Transport

Columns = dict[str, Any]
"""Columns of a `StepRow`, by name."""


class Ledger(Protocol):
    """Takes one client through one step and says what it came to."""

    def run(self, x: Any, labels: Array) -> None:
        """Train on one mini-batch."""
        ...

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss, bytes and phases of the step between these two stamps."""
        ...


LedgerFactory = Callable[[int, int, int], Ledger]
"""Makes the ledger of a step from client, round, and the step's number in it."""


class SplitLedger:
    """A step with one exchange: smashed data and labels for the gradient."""

    def __init__(self, step: ClientStep, transport: Transport, client_id: int, round: int, number: int) -> None:
        self._step, self._transport = step, transport
        self._address = (client_id, round, number)
        self._reply: StepReply
        self._forwarded = self._decoded = 0.0

    def run(self, x: Any, labels: Array) -> None:
        """Forward → main server → backward and update."""

        def exchange(smashed: Array) -> Array:
            self._forwarded = perf_counter()
            request = StepRequest(*self._address, RAW.encode(smashed), RAW.encode(labels))
            self._reply = self._transport.train_step(request)
            gradient = RAW.decode(self._reply.gradient)
            self._decoded = perf_counter()
            return gradient

        self._step(x, exchange)

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss, bytes and the ten phases."""
        stamps = [started, self._forwarded, *_stamps(self._reply), self._decoded, ended]
        phases = [after - before for before, after in pairwise(stamps)]
        return {"loss": self._reply.loss, "correct": self._reply.correct} | _phases(phases) | _bytes([self._reply])


class UShapeLedger:
    """A step with two exchanges: smashed data for the body's output, its gradient for that of the smashed data."""

    def __init__(self, step: UShapeClientStep, transport: Transport, client_id: int, round: int, number: int) -> None:
        self._step, self._transport = step, transport
        self._address = (client_id, round, number)
        self._exchanges: list[tuple[float, BodyReply, float]] = []  # in hand before, reply, in hand after
        self._loss, self._correct = float("nan"), 0

    def run(self, x: Any, labels: Array) -> None:
        """Head → body → tail and loss → body → head; then update both outer parts."""

        def exchange(method: Any, array: Array) -> Array:
            before = perf_counter()
            reply = method(BodyRequest(*self._address, RAW.encode(array)))
            answer = RAW.decode(reply.tensor)
            self._exchanges.append((before, reply, perf_counter()))
            return answer

        self._loss, self._correct = self._step(
            x,
            labels,
            lambda array: exchange(self._transport.forward, array),
            lambda array: exchange(self._transport.backward, array),
        )

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss, bytes and phases, those of both exchanges summed; the tail's work counts as backward."""
        (before, first, between), (ready, second, after) = self._exchanges
        phases = [before - started]
        for there, back in zip(_durations(before, first, between), _durations(ready, second, after), strict=True):
            phases.append(there + back)
        phases.append((ready - between) + (ended - after))
        result: Columns = {"loss": self._loss, "correct": self._correct}
        return result | _phases(phases) | _bytes([first, second])


class WholeLedger:
    """A step without an exchange: the phases are empty."""

    def __init__(self, step: WholeStep) -> None:
        self._step = step
        self._loss, self._correct = float("nan"), 0

    def run(self, x: Any, labels: Array) -> None:
        """Forward, backward and update of the unsplit model."""
        self._loss, self._correct = self._step(x, labels)

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss and the duration of the step; there is nothing else to tell."""
        nothing = dict.fromkeys((*PHASES, "uplink_bytes", "downlink_bytes"))
        return nothing | {"loss": self._loss, "correct": self._correct, "step_s": ended - started}


class DelayedLedger:
    """A step with a delay before its forward pass or after its backward pass."""

    def __init__(self, ledger: Ledger, client_id: int, before: Delay, after: Delay) -> None:
        self._ledger, self._client_id, self._before, self._after = ledger, client_id, before, after

    def run(self, x: Any, labels: Array) -> None:
        """Train on one mini-batch."""
        self._before(self._client_id)
        self._ledger.run(x, labels)
        self._after(self._client_id)

    def columns(self, started: float, ended: float) -> Columns:
        """Return the columns of the step."""
        return self._ledger.columns(started, ended)


def delayed(make: LedgerFactory) -> LedgerFactory:
    """Return a maker of ledgers with the delays of the client's phases; the same one where there are none."""
    before, after = delay_of("client_forward"), delay_of("client_backward")
    if before is after is no_delay:
        return make
    return lambda client_id, round, step: DelayedLedger(make(client_id, round, step), client_id, before, after)


def _stamps(reply: StepReply | BodyReply) -> list[float]:
    """Return the stamps from serialised request to serialised reply in hand, in the order of time."""
    server, transit = reply.stamps, reply.transit
    assert transit is not None  # noqa: S101  every transport sets it
    on_server = [server.received, server.decoded, server.started, server.computed, server.encoded]
    return [transit.sent, *on_server, transit.arrived]


def _durations(before: float, reply: BodyReply, after: float) -> list[float]:
    """Return the eight phases of an exchange, from `encode` to `decode`."""
    stamps = [before, *_stamps(reply), after]
    return [end - start for start, end in pairwise(stamps)]


def _phases(durations: list[float]) -> Columns:
    """Name the phases; the step's own duration is their sum."""
    return {**dict(zip(PHASES, durations, strict=True)), "step_s": sum(durations)}


def _bytes(replies: list[Any]) -> Columns:
    return {
        "uplink_bytes": sum(reply.transit.uplink_bytes for reply in replies),
        "downlink_bytes": sum(reply.transit.downlink_bytes for reply in replies),
    }
