"""gRPC: serves anything that has the interface of `transport.py`, and calls it from another process.

Messages cross gRPC as bytes that `messages.py` reads and writes, so that a stamp can be taken on both sides of each
(de)serialisation.
"""

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack
from time import perf_counter
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from splitfed_core.errors import RemoteError, SfbenchError
from splitfed_core.wire import messages
from splitfed_core.wire.clock import clock_id
from splitfed_core.wire.messages import BodyReply, BodyRequest
from splitfed_core.wire.security.tokens import TokenGuard
from splitfed_core.wire.transports.addresses import PublicAddress, listening_at
from splitfed_core.wire.transports.base import BodyService, FedService, MainService, StepService, encoded_now, get_timed
from splitfed_core.wire.transports.grpc_options import CLOCK, FED, MAIN, UNLIMITED, options

Handler = Any  # grpc.RpcMethodHandler: generic in its stubs, not in the library

_SPARE_THREADS = 4  # beside one per client: health checks, predictions, refusals
_CALLS_PER_THREAD = 16  # under way, waiting for a thread, or being refused; what comes on top has no place


class RpcServer:
    """A gRPC server, with the standard health service. A context manager."""

    def __init__(
        self,
        *,
        token: str,
        callers: int,
        max_message_bytes: int = UNLIMITED,
        main: MainService | None = None,
        fed: FedService | None = None,
        exposed: PublicAddress | None = None,
    ) -> None:
        """Start to serve.

        Args:
            token: What every call must carry.
            callers: Number of clients; each can be served at the same time, so that nothing waits unseen.
            max_message_bytes: Larger messages are refused.
            main: A main server, if there is one here.
            fed: A fed server, if there is one here.
            exposed: Where callers on other hosts find it; None: they are all on this one.
        """
        threads = callers + _SPARE_THREADS
        self._server = grpc.server(
            futures.ThreadPoolExecutor(threads, thread_name_prefix="rpc"),
            options=options(max_message_bytes),
            interceptors=[TokenGuard(token)],
            maximum_concurrent_rpcs=_CALLS_PER_THREAD * threads,
        )
        status = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(status, self._server)
        services = {MAIN: main and _main_handlers(main), FED: fed and _fed_handlers(fed), CLOCK: _clock_handlers()}
        for name, handlers in services.items():
            if handlers:
                self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
                status.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._place = ExitStack()
        self.address = self._place.enter_context(listening_at(self._server, exposed))
        self._server.start()

    def stop(self) -> None:
        """Stop at once; calls under way fail."""
        self._server.stop(grace=None).wait()
        self._place.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _main_handlers(service: MainService) -> dict[str, Handler]:
    def end_round(data: bytes) -> bytes:
        return messages.end_round_reply(service.end_round(*messages.read_end_round_request(data)))

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
        return b""

    def get_aggregate(data: bytes) -> bytes:
        return b"".join(messages.aggregate_parts(get_timed(service, *messages.read_aggregate_request(data))))

    return {"Push": _unary(push), "GetAggregate": _unary(get_aggregate)}


def _clock_handlers() -> dict[str, Handler]:
    name = clock_id()
    return {"Now": _unary(lambda _data: messages.now_reply(perf_counter(), name))}


def _unary(method: Callable[[bytes], bytes]) -> Handler:
    return grpc.unary_unary_rpc_method_handler(lambda data, context: _guarded(method, data, context))


def _guarded(method: Callable[[bytes], bytes], data: bytes, context: grpc.ServicerContext) -> bytes:
    """Tell an expected error to the caller in its own words; any other is logged by gRPC and told as UNKNOWN."""
    try:
        return method(data)
    except RemoteError as error:  # the caller is the other side
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except SfbenchError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
