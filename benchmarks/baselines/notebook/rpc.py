"""What the notebook's two servers have in common: message limits, and a pool with a thread for every client."""

from collections.abc import Callable, Mapping
from concurrent import futures
from types import TracebackType
from typing import Any, Self

import grpc

from benchmarks.baselines.notebook._pb.notebook.v1 import notebook_pb2 as pb
from splitfed_core.wire.security.tokens import TokenGuard

MAX_MESSAGE_LENGTH = 20 * 1024 * 1024 * 20
OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_LENGTH),
    ("grpc.max_receive_message_length", MAX_MESSAGE_LENGTH),
    ("grpc.so_reuseport", 0),
]

TRAINING: str = pb.DESCRIPTOR.services_by_name["TrainingService"].full_name
AGGREGATOR: str = pb.DESCRIPTOR.services_by_name["AggregatorService"].full_name


class Server:
    """A gRPC server with as many threads as there are clients. A context manager."""

    def __init__(
        self, name: str, methods: Mapping[str, tuple[Callable[..., Any], Any]], clients: int, token: str
    ) -> None:
        handlers: dict[str, Any] = {
            method: grpc.unary_unary_rpc_method_handler(
                call,
                request_deserializer=kind.FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for method, (call, kind) in methods.items()
        }
        pool = futures.ThreadPoolExecutor(max_workers=clients)
        self._server = grpc.server(pool, options=OPTIONS, interceptors=[TokenGuard(token)])
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        """Stop at once."""
        self._server.stop(grace=None).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
