"""gRPC, the servers' side: serves anything that handles calls.

Messages cross gRPC as bytes that `messages.py` reads and writes, so that a stamp can be taken on both sides of each
(de)serialisation.
"""

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Self, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from splitfed_core.errors import RemoteError, SfbenchError
from splitfed_core.wire import messages
from splitfed_core.wire.call import Kind
from splitfed_core.wire.clock import clock_id
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.security.tokens import TokenGuard
from splitfed_core.wire.transports.addresses import SHORT_PLACES, Places, PublicAddress, listening_at
from splitfed_core.wire.transports.base import Service
from splitfed_core.wire.transports.grpc_options import CLOCK, FED, MAIN, METHODS, NOW, STREAM, UNLIMITED, options

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"  # generic in its stubs, not in the library

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
        main: Service[EncodedTensor] | None = None,
        fed: Service[EncodedTensor] | None = None,
        exposed: PublicAddress | None = None,
        places: Places = SHORT_PLACES,
    ) -> None:
        """Start to serve.

        Args:
            token: What every call must carry.
            callers: Number of clients; each can be served at the same time, so that nothing waits unseen.
            max_message_bytes: Larger messages are refused.
            main: A main server, if there is one here.
            fed: A fed server, if there is one here.
            exposed: Where callers on other hosts find it; None: they are all on this one.
            places: Folders that may hold its socket, where all callers are on this host.
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
        services = {MAIN: main and _handlers(main), FED: fed and _handlers(fed), CLOCK: _clock_handlers()}
        for name, handlers in services.items():
            if handlers:
                self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
                status.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._place = ExitStack()
        self.address = self._place.enter_context(listening_at(self._server, exposed, places))
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


def _handlers(service: Service[EncodedTensor]) -> dict[str, Handler]:
    """Serve the calls that a service takes, by the names of their methods."""
    answers = {kind: partial(_answer, service, kind) for kind in service.kinds}
    handlers = {_name(METHODS[kind]): _unary(answer) for kind, answer in answers.items()}
    if Kind.TRAIN_STEP in answers:
        handlers[_name(STREAM)] = _stream(answers[Kind.TRAIN_STEP])
    return handlers


def _answer(service: Service[EncodedTensor], kind: Kind, data: bytes) -> bytes:
    """Answer one message; its last stamp travels in the reply that it ends: the one copy of the join is downlink."""
    received = perf_counter()
    call = messages.read_call(kind, data, received)
    reply = service.handle(call)
    return b"".join(messages.reply_parts(kind, reply, over_link=call.deliver_s is not None))


def _name(method: str) -> str:
    return method.rpartition("/")[2]


def _clock_handlers() -> dict[str, Handler]:
    name = clock_id()
    return {_name(NOW): _unary(lambda _data: messages.now_reply(perf_counter(), name))}


def _unary(method: Callable[[bytes], bytes]) -> Handler:
    return grpc.unary_unary_rpc_method_handler(lambda data, context: _guarded(method, data, context))


def _stream(method: Callable[[bytes], bytes]) -> Handler:
    def answers(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for data in requests:
            yield _guarded(method, data, context)

    return grpc.stream_stream_rpc_method_handler(answers)


def _guarded(method: Callable[[bytes], bytes], data: bytes, context: grpc.ServicerContext) -> bytes:
    """Tell an expected error to the caller in its own words; any other is logged by gRPC and told as UNKNOWN."""
    try:
        return method(data)
    except RemoteError as error:  # the caller is the other side
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except SfbenchError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
