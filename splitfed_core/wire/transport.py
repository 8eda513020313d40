"""The seam between two sides: what a server offers, what a client calls, and both in one process."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol, TypeVar, runtime_checkable

from splitfed_core.wire import messages
from splitfed_core.wire.codecs import EncodedTensor
from splitfed_core.wire.messages import Aggregate, BodyReply, BodyRequest, ClientModel, StepReply, StepRequest, Transit


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


class InProcessTransport:
    """Calls the main server directly. Nothing is serialised; the bytes are those that the message would have."""

    def __init__(self, service: MainService) -> None:
        self.calls = 0
        self._service = service
        self._kind: Any = service  # which kind of main server it is, the algorithm knows

    def train_step(self, request: StepRequest) -> StepReply:
        """Exchange one mini-batch by a function call."""
        self.calls += 1
        sent = perf_counter()
        reply: StepReply = encoded_now(self._kind.step(request, sent))
        uplink = messages.size(messages.step_request_parts(request))
        downlink = messages.size(messages.step_reply_parts(reply))
        return replace(reply, transit=Transit(sent, reply.stamps.encoded, uplink, downlink))

    def forward(self, request: BodyRequest) -> BodyReply:
        """Ask the server directly."""
        return self._exchange(self._kind.forward, request)

    def backward(self, request: BodyRequest) -> BodyReply:
        """Ask the server directly."""
        return self._exchange(self._kind.backward, request)

    def _exchange(self, method: Callable[[BodyRequest, float], BodyReply], request: BodyRequest) -> BodyReply:
        self.calls += 1
        sent = perf_counter()
        reply = encoded_now(method(request, sent))
        uplink = messages.size(messages.body_request_parts(request))
        downlink = messages.size(messages.body_reply_parts(reply))
        return replace(reply, transit=Transit(sent, reply.stamps.encoded, uplink, downlink))

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Ask the server directly."""
        self.calls += 1
        return self._service.end_round(client_id, round)

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Ask the server directly."""
        self.calls += 1
        return self._service.predict(client_id, smashed)

    def close(self) -> None:
        """Nothing to end."""


class InProcessFedTransport:
    """Calls the fed server directly."""

    def __init__(self, service: FedService) -> None:
        self.calls = 0
        self._service = service

    def push(self, model: ClientModel) -> int:
        """Hand the model over."""
        self.calls += 1
        self._service.push(model)
        return messages.size(messages.client_model_parts(model))

    def get_aggregate(self, client_id: int, round: int) -> tuple[Aggregate, int]:
        """Wait for the average."""
        self.calls += 1
        aggregate = get_timed(self._service, client_id, round)
        return aggregate, messages.size(messages.aggregate_parts(aggregate))

    def close(self) -> None:
        """Nothing to end."""


def get_timed(service: FedService, client_id: int, round: int) -> Aggregate:
    """Ask a fed server for the average of a round: all that takes time in it is waiting."""
    asked = perf_counter()
    weights = service.get_aggregate(client_id, round)
    return Aggregate(weights, perf_counter() - asked)


Reply = TypeVar("Reply", StepReply, BodyReply)


def encoded_now(reply: Reply) -> Reply:
    """Stamp the reply as encoded: what follows is the way back."""
    return replace(reply, stamps=replace(reply.stamps, encoded=perf_counter()))
