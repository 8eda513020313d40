"""One step of a client and its exchange with the main server: who had it when."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Protocol

import tensorflow as tf

from splitfed_core.arrays import Array, IndexArray
from splitfed_core.records.rows import PHASES
from splitfed_core.roles.ledger import Columns, bytes_of, durations_of, named_phases, stamps_of
from splitfed_core.timing.pace import Pace
from splitfed_core.training.pace import (
    SplitCall,
    UShapeCall,
    WholeCall,
    paced_split,
    paced_ushape,
    paced_whole,
)
from splitfed_core.training.segment import ClientSegment
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.transports.base import Transport


class Ledger(Protocol):
    """Takes one client through one step and says what it came to."""

    def run(self, x: tf.Tensor, labels: Array, ids: IndexArray | None = None) -> None:
        """Train on one mini-batch, of these examples of the client's."""
        ...

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss, bytes and phases of the step between these two stamps."""
        ...


LedgerFactory = Callable[[int, int, int], Ledger]
"""Makes the ledger of a step from client, round, and the step's number in it."""


class SplitLedger:
    """A step with one exchange: smashed data and labels for the gradient."""

    def __init__(
        self, step: SplitCall[tf.Tensor], transport: Transport[Array], client_id: int, round: int, number: int
    ) -> None:
        self._step, self._transport = step, transport
        self._address = Address(client_id, round, number)
        self._reply: Reply[Array]
        self._forwarded = self._decoded = 0.0

    def run(self, x: tf.Tensor, labels: Array, ids: IndexArray | None = None) -> None:
        """Forward → main server → backward and update."""

        def exchange(smashed: Array) -> Array:
            self._forwarded = perf_counter()
            call = Call(Kind.TRAIN_STEP, self._address, (smashed, labels), example_ids=ids)
            self._reply = self._transport.exchange(call)
            self._decoded = perf_counter()
            (gradient,) = self._reply.tensors
            return gradient

        self._step(x, exchange)

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss, bytes and the ten phases."""
        stamps = [started, self._forwarded, *stamps_of(self._reply), self._decoded, ended]
        phases = [after - before for before, after in pairwise(stamps)]
        return (
            {"loss": self._reply.loss, "correct": self._reply.correct} | named_phases(phases) | bytes_of([self._reply])
        )


class UShapeLedger:
    """A step with two exchanges: smashed data for the body's output, its gradient for that of the smashed data."""

    def __init__(
        self, step: UShapeCall[tf.Tensor], transport: Transport[Array], client_id: int, round: int, number: int
    ) -> None:
        self._step, self._transport = step, transport
        self._address = Address(client_id, round, number)
        self._exchanges: list[tuple[float, Reply[Array], float]] = []  # in hand before, reply, in hand after
        self._loss, self._correct = float("nan"), 0

    def run(self, x: tf.Tensor, labels: Array, ids: IndexArray | None = None) -> None:
        """Head → body → tail and loss → body → head; then update both outer segments."""

        def exchange(kind: Kind, array: Array) -> Array:
            before = perf_counter()
            reply = self._transport.exchange(Call(kind, self._address, (array,), example_ids=ids))
            self._exchanges.append((before, reply, perf_counter()))
            (answer,) = reply.tensors
            return answer

        self._loss, self._correct = self._step(
            x, labels, partial(exchange, Kind.FORWARD_BODY), partial(exchange, Kind.BACKWARD_BODY)
        )

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss, bytes and phases, those of both exchanges summed; the tail's work counts as backward."""
        (before, first, between), (ready, second, after) = self._exchanges
        phases = [before - started]
        for there, back in zip(durations_of(before, first, between), durations_of(ready, second, after), strict=True):
            phases.append(there + back)
        phases.append((ready - between) + (ended - after))
        result: Columns = {"loss": self._loss, "correct": self._correct}
        return result | named_phases(phases) | bytes_of([first, second])


class WholeLedger:
    """A step without an exchange: the phases are empty."""

    def __init__(self, step: WholeCall[tf.Tensor]) -> None:
        self._step = step
        self._loss, self._correct = float("nan"), 0

    def run(self, x: tf.Tensor, labels: Array, ids: IndexArray | None = None) -> None:
        """Forward, backward and update of the unsplit model."""
        self._loss, self._correct = self._step(x, labels)

    def columns(self, started: float, ended: float) -> Columns:
        """Return loss and the duration of the step; there is nothing else to tell."""
        nothing = dict.fromkeys((*PHASES, "uplink_bytes", "downlink_bytes"))
        return nothing | {"loss": self._loss, "correct": self._correct, "step_s": ended - started}


_LEDGERS: Mapping[int, Callable[..., Ledger]] = {
    0: lambda step, _, pace, client_id, *_at: WholeLedger(paced_whole(step, pace, client_id)),
    1: lambda step, way, pace, client_id, *at: SplitLedger(paced_split(step, pace, client_id), way, client_id, *at),
    2: lambda step, way, pace, client_id, *at: UShapeLedger(paced_ushape(step, pace, client_id), way, client_id, *at),
}
"""By the number of exchanges in a step; made from the segment, the way to the main server, the pace, and whose step."""


def ledger_factory(segment: ClientSegment, transport: Transport[Array], pace: Pace) -> LedgerFactory:
    """Return what makes the ledger of a step of this segment, at this pace."""
    return partial(_LEDGERS[segment.exchanges], segment, transport, pace)
