"""The seam between two sides: what a server offers, what a client calls, and both in one process."""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Protocol, TypeVar, runtime_checkable

from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.messages import Aggregate, BodyReply, BodyRequest, ClientModel, StepReply, StepRequest


class MainService(Protocol):
    """What every main server offers."""

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Close a client's round; return the optimizer times of its steps, in their order."""
        ...

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the output for smashed data, without training."""
        ...


@runtime_checkable
class StepService(MainService, Protocol):
    """A main server that has the labels. `received_s` is when a message reached it, on its monotonic clock."""

    def step(self, request: StepRequest, received_s: float) -> StepReply:
        """Train on one mini-batch and return the gradient of its smashed data."""
        ...


@runtime_checkable
class BodyService(MainService, Protocol):
    """A main server that has only the middle of the network."""

    def forward(self, request: BodyRequest, received_s: float) -> BodyReply:
        """Return the body's output for smashed data."""
        ...

    def backward(self, request: BodyRequest, received_s: float) -> BodyReply:
        """Return the gradient of the smashed data for that of the body's output, and train."""
        ...


class FedService(Protocol):
    """What a fed server offers."""

    def push(self, model: ClientModel) -> None:
        """Take one client's model of a round."""
        ...

    def get_aggregate(self, client_id: int, round: int) -> Sequence[EncodedTensor]:
        """Wait for the round's models and return their average."""
        ...


class Transport(Protocol):
    """A client's way to the main server; `calls` counts what went over it, an exchange on a stream as one."""

    @property
    def calls(self) -> int:
        """How many calls were made, of all clients that share it."""
        ...

    def train_step(self, request: StepRequest) -> StepReply:
        """Exchange one mini-batch; the reply's `transit` is set."""
        ...

    def forward(self, request: BodyRequest) -> BodyReply:
        """Exchange smashed data for the body's output; the reply's `transit` is set."""
        ...

    def backward(self, request: BodyRequest) -> BodyReply:
        """Exchange the gradient of the body's output for that of the smashed data; the reply's `transit` is set."""
        ...

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Return the server's optimizer times of the client's steps in this round."""
        ...

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the logits of smashed data."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class FedTransport(Protocol):
    """A client's way to the fed server; both calls return the bytes of the message that held the model."""

    @property
    def calls(self) -> int:
        """How many calls were made, of all clients that share it."""
        ...

    def push(self, model: ClientModel) -> int:
        """Send a client-side model."""
        ...

    def get_aggregate(self, client_id: int, round: int) -> tuple[Aggregate, int]:
        """Wait for the average of the round."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


def get_timed(service: FedService, client_id: int, round: int) -> Aggregate:
    """Ask a fed server for the average of a round: all that takes time in it is waiting."""
    asked = perf_counter()
    weights = service.get_aggregate(client_id, round)
    return Aggregate(weights, perf_counter() - asked)


Reply = TypeVar("Reply", StepReply, BodyReply)


def encoded_now(reply: Reply) -> Reply:
    """Stamp the reply as encoded: what follows is the way back."""
    return replace(reply, stamps=replace(reply.stamps, encoded=perf_counter()))
