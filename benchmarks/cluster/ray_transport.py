"""`transport: ray`: actor calls and Ray's object store instead of gRPC, so that the two can be compared.

Nothing is serialised by us: Ray pickles a request and puts its payload into shared memory. The bytes in the rows are
those that the message of gRPC would have.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from ray.exceptions import GetTimeoutError

from benchmarks.cluster.calls import result
from splitfed_core.errors import RemoteError
from splitfed_core.wire import messages
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.messages import Aggregate, BodyReply, BodyRequest, ClientModel, StepReply, StepRequest, Transit


class _Actor:
    """Calls to one server process, each with a deadline."""

    def __init__(self, process: Any, deadline_s: float) -> None:
        self._process, self._deadline_s = process, deadline_s
        self.calls = 0

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method and wait for what it returns.

        Raises:
            RemoteError: There was no answer in time.
            CellError: The process failed, or is gone.
        """
        self.calls += 1
        reference = getattr(self._process, method).remote(*arguments)
        try:
            return result(reference, self._deadline_s)
        except GetTimeoutError:
            raise RemoteError(f"{method}: no answer from the server process in {self._deadline_s:g} s") from None


class RayTransport:
    """A client's way to the main server through Ray."""

    def __init__(self, process: Any, deadline_s: float) -> None:
        """Speak to a `MainServerProcess`; a single call may take so long."""
        self._actor = _Actor(process, deadline_s)

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self._actor.calls

    def train_step(self, request: StepRequest) -> StepReply:
        """Exchange one mini-batch."""
        sent = perf_counter()
        reply: StepReply = self._actor.call("step", request)
        arrived = perf_counter()
        uplink = messages.size(messages.step_request_parts(request))
        downlink = messages.size(messages.step_reply_parts(reply))
        return replace(reply, transit=Transit(sent, arrived, uplink, downlink))

    def forward(self, request: BodyRequest) -> BodyReply:
        """Exchange smashed data for the body's output."""
        return self._exchange("forward", request)

    def backward(self, request: BodyRequest) -> BodyReply:
        """Exchange the gradient of the body's output for that of the smashed data."""
        return self._exchange("backward", request)

    def _exchange(self, method: str, request: BodyRequest) -> BodyReply:
        sent = perf_counter()
        reply: BodyReply = self._actor.call(method, request)
        arrived = perf_counter()
        uplink = messages.size(messages.body_request_parts(request))
        downlink = messages.size(messages.body_reply_parts(reply))
        return replace(reply, transit=Transit(sent, arrived, uplink, downlink))

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Return the server's optimizer times of the client's steps in this round."""
        return tuple(self._actor.call("end_round", client_id, round))

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the logits of smashed data."""
        logits: EncodedTensor = self._actor.call("predict", client_id, smashed)
        return logits

    def close(self) -> None:
        """Nothing to end: the processes stay."""


class RayFedTransport:
    """A client's way to the fed server through Ray."""

    def __init__(self, process: Any, deadline_s: float) -> None:
        """Speak to a `FedServerProcess`; a single call may take so long."""
        self._actor = _Actor(process, deadline_s)

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self._actor.calls

    def push(self, model: ClientModel) -> int:
        """Send a client-side model."""
        self._actor.call("push", model)
        return messages.size(messages.client_model_parts(model))

    def get_aggregate(self, client_id: int, round: int) -> tuple[Aggregate, int]:
        """Wait for the average of the round."""
        aggregate: Aggregate = self._actor.call("get_aggregate", client_id, round)
        return aggregate, messages.size(messages.aggregate_parts(aggregate))

    def close(self) -> None:
        """Nothing to end: the processes stay."""
