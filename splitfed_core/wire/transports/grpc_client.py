"""gRPC, the callers' side: how clients reach the main server and the fed server from another process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import grpc

from splitfed_core.errors import RemoteError, one_line
from splitfed_core.wire import messages
from splitfed_core.wire.clock import NO_OFFSET, ClockOffset, estimate_offset
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.messages import Aggregate, BodyReply, BodyRequest, ClientModel, StepReply, StepRequest, Transit
from splitfed_core.wire.security.tls import Certificate
from splitfed_core.wire.security.tokens import credentials
from splitfed_core.wire.transports.base import FedTransport, Transport
from splitfed_core.wire.transports.grpc_options import CLOCK, FED, MAIN, UNLIMITED, options


class _Connection:
    """A channel to one server; every call carries the token and a deadline."""

    def __init__(
        self, address: str, token: str, deadline_s: float, max_message_bytes: int, certificate: Certificate | None
    ) -> None:
        self.address = address
        self.calls = 0
        how = options(max_message_bytes)
        self._channel = (
            grpc.secure_channel(address, certificate.for_caller(), options=how)
            if certificate
            else grpc.insecure_channel(address, options=how)
        )
        self._metadata = credentials(token)
        self._deadline_s = deadline_s

    def unary(self, method: str) -> Callable[[bytes], bytes]:
        """Return a caller of a unary method, bytes to bytes; a failed call raises `RemoteError`."""
        call: Any = self._channel.unary_unary(method)

        def checked(data: bytes) -> bytes:
            self.calls += 1
            try:
                return bytes(call(data, metadata=self._metadata, timeout=self._deadline_s))
            except grpc.RpcError as error:
                raise self.explain(method, error) from None

        return checked

    def stream(self, method: str, requests: Iterator[bytes]) -> Any:
        """Open a bidirectional stream of bytes."""
        call: Any = self._channel.stream_stream(method)
        return call(requests, metadata=self._metadata, timeout=self._deadline_s)

    def explain(self, method: str, error: Any) -> RemoteError:
        return RemoteError(f"{method} at {self.address}: {error.code().name}: {one_line(error.details())}")

    def close(self) -> None:
        self._channel.close()


class GrpcTransport:
    """One unary call per step; `offset_s` says how far the server's clock is ahead of the caller's."""

    offset_s = 0.0

    def __init__(
        self,
        address: str,
        *,
        token: str,
        deadline_s: float,
        max_message_bytes: int = UNLIMITED,
        certificate: Certificate | None = None,
    ) -> None:
        """Connect to a main server.

        Args:
            address: `host:port`, or `unix:path`.
            token: The run's token.
            deadline_s: How long a single call may take.
            max_message_bytes: Larger messages are refused.
            certificate: To show to a server that listens beyond its host.
        """
        self._connection = _Connection(address, token, deadline_s, max_message_bytes, certificate)
        self._train_step = self._connection.unary(f"/{MAIN}/TrainStep")
        self._forward = self._connection.unary(f"/{MAIN}/ForwardBody")
        self._backward = self._connection.unary(f"/{MAIN}/BackwardBody")
        self._end_round = self._connection.unary(f"/{MAIN}/EndRound")
        self._predict = self._connection.unary(f"/{MAIN}/Predict")

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self._connection.calls

    def train_step(self, request: StepRequest) -> StepReply:
        """Exchange one mini-batch."""
        data = b"".join(messages.step_request_parts(request))
        sent = perf_counter()
        reply = self._train_step(data)
        return messages.read_step_reply(reply, Transit(sent, perf_counter(), len(data), len(reply)), self.offset_s)

    def forward(self, request: BodyRequest) -> BodyReply:
        """Exchange smashed data for the body's output."""
        return self._exchange(self._forward, request)

    def backward(self, request: BodyRequest) -> BodyReply:
        """Exchange the gradient of the body's output for that of the smashed data."""
        return self._exchange(self._backward, request)

    def _exchange(self, call: Callable[[bytes], bytes], request: BodyRequest) -> BodyReply:
        data = b"".join(messages.body_request_parts(request))
        sent = perf_counter()
        reply = call(data)
        return messages.read_body_reply(reply, Transit(sent, perf_counter(), len(data), len(reply)), self.offset_s)

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Return the server's optimizer times of the client's steps in this round."""
        return messages.read_end_round_reply(self._end_round(messages.end_round_request(client_id, round)))

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        """Return the logits of smashed data."""
        request = b"".join(messages.predict_request_parts(client_id, smashed))
        return messages.read_predict_reply(self._predict(request))

    def close(self) -> None:
        """Close the channel."""
        self._connection.close()


class GrpcStreamTransport(GrpcTransport):
    """One bidirectional stream for all steps of a client; the rest is unary.

    The stream's deadline is that of the whole cell, for it lives as long.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str,
        deadline_s: float,
        max_message_bytes: int = UNLIMITED,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(
            address, token=token, deadline_s=deadline_s, max_message_bytes=max_message_bytes, certificate=certificate
        )
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self._train_step = self._through_stream
        self._replies: Any = None

    def _through_stream(self, data: bytes) -> bytes:
        if self._replies is None:
            self._replies = self._connection.stream(f"/{MAIN}/TrainSteps", iter(self._requests.get, None))
        self._requests.put(data)
        self._connection.calls += 1
        try:
            return bytes(next(self._replies))
        except grpc.RpcError as error:
            raise self._connection.explain(f"/{MAIN}/TrainSteps", error) from None

    def close(self) -> None:
        """End the stream and close the channel."""
        self._requests.put(None)
        super().close()


class GrpcFedTransport:
    """A client's way to the fed server over gRPC."""

    def __init__(
        self,
        address: str,
        *,
        token: str,
        deadline_s: float,
        max_message_bytes: int = UNLIMITED,
        certificate: Certificate | None = None,
    ) -> None:
        """Connect to a fed server; the arguments are those of `GrpcTransport`."""
        self._connection = _Connection(address, token, deadline_s, max_message_bytes, certificate)
        self._push = self._connection.unary(f"/{FED}/Push")
        self._get = self._connection.unary(f"/{FED}/GetAggregate")

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self._connection.calls

    def push(self, model: ClientModel) -> int:
        """Send a client-side model; returns the bytes of the message."""
        data = b"".join(messages.client_model_parts(model))
        self._push(data)
        return len(data)

    def get_aggregate(self, client_id: int, round: int) -> tuple[Aggregate, int]:
        """Wait for the average of the round; returns it and the bytes of the message."""
        data = self._get(messages.aggregate_request(client_id, round))
        return messages.read_aggregate(data), len(data)

    def close(self) -> None:
        """Close the channel."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers of a cell listen and what a caller needs to know.

    Attributes:
        main: Address of the main server, if the algorithm has one.
        fed: Address of the fed server, if the algorithm has one.
        token: What every call must carry.
        deadline_s: How long a single call may take.
        max_message_bytes: Larger messages are refused.
        certificate: To show to servers that listen beyond their host.
    """

    main: str | None
    fed: str | None
    token: str
    deadline_s: float
    max_message_bytes: int = UNLIMITED
    certificate: Certificate | None = None


_TRANSPORTS = {"grpc": GrpcTransport, "grpc-stream": GrpcStreamTransport}


def read_clock(ends: Endpoints) -> ClockOffset:
    """Ask how far the servers' clock, which is one, is ahead; only those that listen beyond their host are asked."""
    address = ends.main or ends.fed
    if ends.certificate is None or address is None:
        return NO_OFFSET
    connection = _Connection(address, ends.token, ends.deadline_s, ends.max_message_bytes, ends.certificate)
    call = connection.unary(f"/{CLOCK}/Now")

    def read_remote() -> tuple[float, str]:
        return messages.read_now_reply(call(b""))

    try:
        return estimate_offset(read_remote)
    finally:
        connection.close()


def connect(
    transport: str, ends: Endpoints, clock: ClockOffset = NO_OFFSET
) -> tuple[Transport | None, FedTransport | None]:
    """Connect to the servers that there are, whose clock is so far ahead.

    Args:
        transport: A value of the parameter of that name.
        ends: The servers.
        clock: What `read_clock` returned.
    """
    how: dict[str, Any] = {
        "token": ends.token,
        "deadline_s": ends.deadline_s,
        "max_message_bytes": ends.max_message_bytes,
        "certificate": ends.certificate,
    }
    main = ends.main and _TRANSPORTS[transport](ends.main, **how)
    if main:
        main.offset_s = clock.offset_s
    fed = ends.fed and GrpcFedTransport(ends.fed, **how)
    return main or None, fed or None
