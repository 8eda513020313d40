"""Both sides in one process: function calls in place of messages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from splitfed_core.wire import messages
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.messages import Aggregate, BodyReply, BodyRequest, ClientModel, StepReply, StepRequest, Transit
from splitfed_core.wire.transports.base import FedService, MainService, encoded_now, get_timed


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
