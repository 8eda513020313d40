"""gRPC, the callers' side: how clients reach a server in another process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import grpc

from splitfed_core.errors import RemoteError, one_line
from splitfed_core.wire import messages
from splitfed_core.wire.call import Call, Kind, Reply, Transit
from splitfed_core.wire.clock import NO_OFFSET, ClockOffset, estimate_offset
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.security.tls import Certificate
from splitfed_core.wire.security.tokens import credentials
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_options import METHODS, NOW, STREAM, UNLIMITED, options


class _Connection:
    """A channel to one server; every call carries the token and a deadline."""

    def __init__(
        self, address: str, token: str, deadline_s: float, max_message_bytes: int, certificate: Certificate | None
    ) -> None:
        self.address = address
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
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(method)

        def checked(data: bytes) -> bytes:
            try:
                return bytes(call(data, metadata=self._metadata, timeout=self._deadline_s))
            except grpc.RpcError as error:
                raise self.explain(method, error) from None

        return checked

    def stream(self, method: str, requests: Iterator[bytes]) -> Iterator[bytes]:
        """Open a bidirectional stream of bytes."""
        call: grpc.StreamStreamMultiCallable[bytes, bytes] = self._channel.stream_stream(method)
        return call(requests, metadata=self._metadata, timeout=self._deadline_s)

    def explain(self, method: str, error: Any) -> RemoteError:
        return RemoteError(f"{method} at {self.address}: {error.code().name}: {one_line(error.details())}")

    def close(self) -> None:
        self._channel.close()


class GrpcTransport:
    """One unary call per exchange with a server, whichever it is."""

    def __init__(
        self,
        address: str,
        *,
        token: str,
        deadline_s: float,
        max_message_bytes: int = UNLIMITED,
        certificate: Certificate | None = None,
    ) -> None:
        """Connect to a server.

        Args:
            address: `host:port`, or `unix:path`.
            token: The run's token.
            deadline_s: How long a single call may take.
            max_message_bytes: Larger messages are refused.
            certificate: To show to a server that listens beyond its host.
        """
        self._connection = _Connection(address, token, deadline_s, max_message_bytes, certificate)
        self._methods = {kind: self._connection.unary(method) for kind, method in METHODS.items()}

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Send a call and wait for its reply."""
        data = b"".join(messages.call_parts(call))
        sent = perf_counter()
        reply = self._methods[call.kind](data)
        return messages.read_reply(call.kind, reply, Transit(sent, perf_counter(), len(data), len(reply)))

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
        self._methods[Kind.TRAIN_STEP] = self._through_stream
        self._replies: Iterator[bytes] | None = None

    def _through_stream(self, data: bytes) -> bytes:
        if self._replies is None:
            self._replies = self._connection.stream(STREAM, iter(self._requests.get, None))
        self._requests.put(data)
        try:
            return bytes(next(self._replies))
        except grpc.RpcError as error:
            raise self._connection.explain(STREAM, error) from None

    def close(self) -> None:
        """End the stream and close the channel."""
        self._requests.put(None)
        super().close()


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
    call = connection.unary(NOW)

    def read_remote() -> tuple[float, str]:
        return messages.read_now_reply(call(b""))

    try:
        return estimate_offset(read_remote)
    finally:
        connection.close()


def connect(transport: str, ends: Endpoints) -> tuple[Transport[EncodedTensor] | None, Transport[EncodedTensor] | None]:
    """Connect to the servers that there are: the main server, and the fed server.

    Args:
        transport: A value of the parameter of that name; it is how the main server is reached.
        ends: The servers.
    """

    def reach(address: str | None, how: type[GrpcTransport]) -> GrpcTransport | None:
        if address is None:
            return None
        return how(
            address,
            token=ends.token,
            deadline_s=ends.deadline_s,
            max_message_bytes=ends.max_message_bytes,
            certificate=ends.certificate,
        )

    return reach(ends.main, _TRANSPORTS[transport]), reach(ends.fed, GrpcTransport)
