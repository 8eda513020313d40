"""gRPC: serves anything that has the interface of `transport.py`, and calls it from another process.

Messages cross gRPC as bytes that `messages.py` reads and writes, so that a stamp can be taken on both sides of each
(de)serialisation.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from splitfed_core.errors import RemoteError, SfbenchError
from splitfed_core.wire import messages
from splitfed_core.wire._pb import splitfed_pb2 as pb
from splitfed_core.wire.codecs import EncodedTensor
from splitfed_core.wire.messages import BodyReply, BodyRequest, ClientModel, StepReply, StepRequest, Transit
from splitfed_core.wire.security import TokenGuard, credentials
from splitfed_core.wire.transport import (
    BodyService,
    FedService,
    FedTransport,
    MainService,
    StepService,
    Transport,
    encoded_now,
)

Handler = Any  # grpc.RpcMethodHandler: generic in its stubs, not in the library

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.so_reuseport", 0),
]
_SPARE_THREADS = 4  # beside one per client: health checks, predictions
_MAIN = pb.DESCRIPTOR.services_by_name["MainServer"].full_name
_FED = pb.DESCRIPTOR.services_by_name["FedServer"].full_name


class RpcServer:
    """A gRPC server on a free loopback port, with the standard health service. A context manager."""

    def __init__(
        self, *, token: str, callers: int, main: MainService | None = None, fed: FedService | None = None
    ) -> None:
        """Start to serve.

        Args:
            token: What every call must carry.
            callers: Number of clients; each can be served at the same time, so that nothing waits unseen.
            main: A main server, if there is one here.
            fed: A fed server, if there is one here.
        """
        pool = futures.ThreadPoolExecutor(callers + _SPARE_THREADS, thread_name_prefix="rpc")
        self._server = grpc.server(pool, options=_OPTIONS, interceptors=[TokenGuard(token)])
        status = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(status, self._server)
        for name, handlers in ((_MAIN, main and _main_handlers(main)), (_FED, fed and _fed_handlers(fed))):
            if handlers:
                self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
                status.set(name, health_pb2.HealthCheckResponse.SERVING)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Stop at once; calls under way fail."""
        self._server.stop(grace=None).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _main_handlers(service: MainService) -> dict[str, Handler]:
    def end_round(data: bytes) -> bytes:
        request = pb.EndRoundRequest.FromString(data)
        times = service.end_round(request.client_id, request.round)
        return pb.EndRoundReply(server_update_s=times).SerializeToString()

    def predict(data: bytes) -> bytes:
        return b"".join(messages.predict_reply_parts(service.predict(*messages.read_predict_request(data))))

    handlers = {"EndRound": _unary(end_round), "Predict": _unary(predict)}
    if isinstance(service, StepService):
        handlers |= _step_handlers(service)
    if isinstance(service, BodyService):
        handlers |= {"ForwardBody": _body_handler(service.forward), "BackwardBody": _body_handler(service.backward)}
    return handlers


# A server's last stamp travels in the very message that it ends: the one copy of the join after it counts as downlink.


def _step_handlers(service: StepService) -> dict[str, Handler]:
    def answer(data: bytes) -> bytes:
        received = perf_counter()
        reply = service.step(messages.read_step_request(data), received)
        return b"".join(messages.step_reply_parts(encoded_now(reply)))

    def train_steps(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for data in requests:
            yield _guarded(answer, data, context)

    return {"TrainStep": _unary(answer), "TrainSteps": grpc.stream_stream_rpc_method_handler(train_steps)}


def _body_handler(method: Callable[[BodyRequest, float], BodyReply]) -> Handler:
    def answer(data: bytes) -> bytes:
        received = perf_counter()
        reply = method(messages.read_body_request(data), received)
        return b"".join(messages.body_reply_parts(encoded_now(reply)))

    return _unary(answer)


def _fed_handlers(service: FedService) -> dict[str, Handler]:
    def push(data: bytes) -> bytes:
        service.push(messages.read_client_model(data))
        return pb.PushReply().SerializeToString()

    def get_aggregate(data: bytes) -> bytes:
        request = pb.AggregateRequest.FromString(data)
        return b"".join(messages.aggregate_parts(service.get_aggregate(request.client_id, request.round)))

    return {"Push": _unary(push), "GetAggregate": _unary(get_aggregate)}


def _unary(method: Callable[[bytes], bytes]) -> Handler:
    return grpc.unary_unary_rpc_method_handler(lambda data, context: _guarded(method, data, context))


def _guarded(method: Callable[[bytes], bytes], data: bytes, context: grpc.ServicerContext) -> bytes:
    """Tell an expected error to the caller in its own words; any other is logged by gRPC and told as UNKNOWN."""
    try:
        return method(data)
    except SfbenchError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))


class _Connection:
    """A channel to one server; every call carries the token and a deadline."""

    def __init__(self, address: str, token: str, deadline_s: float) -> None:
        self.address = address
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._metadata = credentials(token)
        self._deadline_s = deadline_s

    def unary(self, method: str) -> Callable[[bytes], bytes]:
        """Return a caller of a unary method, bytes to bytes; a failed call raises `RemoteError`."""
        call: Any = self._channel.unary_unary(method)

        def checked(data: bytes) -> bytes:
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
        return RemoteError(f"{method} at {self.address}: {error.code().name}: {error.details()}")

    def close(self) -> None:
        self._channel.close()


class GrpcTransport:
    """One unary call per step."""

    def __init__(self, address: str, *, token: str, deadline_s: float) -> None:
        """Connect to a main server.

        Args:
            address: `host:port`.
            token: The run's token.
            deadline_s: How long a single call may take.
        """
        self._connection = _Connection(address, token, deadline_s)
        self._train_step = self._connection.unary(f"/{_MAIN}/TrainStep")
        self._forward = self._connection.unary(f"/{_MAIN}/ForwardBody")
        self._backward = self._connection.unary(f"/{_MAIN}/BackwardBody")
        self._end_round = self._connection.unary(f"/{_MAIN}/EndRound")
        self._predict = self._connection.unary(f"/{_MAIN}/Predict")

    def train_step(self, request: StepRequest) -> StepReply:
        """Exchange one mini-batch."""
        data = b"".join(messages.step_request_parts(request))
        sent = perf_counter()
        reply = self._train_step(data)
        return messages.read_step_reply(reply, Transit(sent, perf_counter(), len(data), len(reply)))

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
        return messages.read_body_reply(reply, Transit(sent, perf_counter(), len(data), len(reply)))

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        """Return the server's optimizer times of the client's steps in this round."""
        request = pb.EndRoundRequest(client_id=client_id, round=round)
        return tuple(pb.EndRoundReply.FromString(self._end_round(request.SerializeToString())).server_update_s)

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

    def __init__(self, address: str, *, token: str, deadline_s: float) -> None:
        super().__init__(address, token=token, deadline_s=deadline_s)
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self._train_step = self._through_stream
        self._replies: Any = None

    def _through_stream(self, data: bytes) -> bytes:
        if self._replies is None:
            self._replies = self._connection.stream(f"/{_MAIN}/TrainSteps", iter(self._requests.get, None))
        self._requests.put(data)
        try:
            return bytes(next(self._replies))
        except grpc.RpcError as error:
            raise self._connection.explain(f"/{_MAIN}/TrainSteps", error) from None

    def close(self) -> None:
        """End the stream and close the channel."""
        self._requests.put(None)
        super().close()


class GrpcFedTransport:
    """A client's way to the fed server over gRPC."""

    def __init__(self, address: str, *, token: str, deadline_s: float) -> None:
        """Connect to a fed server; the arguments are those of `GrpcTransport`."""
        self._connection = _Connection(address, token, deadline_s)
        self._push = self._connection.unary(f"/{_FED}/Push")
        self._get = self._connection.unary(f"/{_FED}/GetAggregate")

    def push(self, model: ClientModel) -> int:
        """Send a client-side model; returns the bytes of the message."""
        data = b"".join(messages.client_model_parts(model))
        self._push(data)
        return len(data)

    def get_aggregate(self, client_id: int, round: int) -> tuple[Sequence[EncodedTensor], int]:
        """Wait for the average of the round; returns it and the bytes of the message."""
        request = pb.AggregateRequest(client_id=client_id, round=round)
        data = self._get(request.SerializeToString())
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
    """

    main: str | None
    fed: str | None
    token: str
    deadline_s: float


_TRANSPORTS = {"grpc": GrpcTransport, "grpc-stream": GrpcStreamTransport}


def connect(transport: str, ends: Endpoints) -> tuple[Transport | None, FedTransport | None]:
    """Connect to the servers that there are; `transport` is a value of the parameter of that name."""
    main = ends.main and _TRANSPORTS[transport](ends.main, token=ends.token, deadline_s=ends.deadline_s)
    fed = ends.fed and GrpcFedTransport(ends.fed, token=ends.token, deadline_s=ends.deadline_s)
    return main or None, fed or None
