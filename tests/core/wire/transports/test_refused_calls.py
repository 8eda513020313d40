"""Calls without the token: refused before they cost anything."""

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from splitfed_core.errors import RemoteError
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.security.tokens import credentials
from splitfed_core.wire.transports.grpc_client import Endpoints, GrpcTransport, connect
from splitfed_core.wire.transports.grpc_server import RpcServer
from tests.core.wire.transports.services import END, GET, PREDICT, PUSH, STEP, TOKEN, Doubling, Shelf


@pytest.mark.parametrize("token", ["", "another", TOKEN[:-1], TOKEN + "x"])
def test_a_wrong_token_is_refused_whatever_is_called(token: str, server: RpcServer) -> None:
    main, fed = connect("grpc", Endpoints(server.address, server.address, token, 10.0))
    assert main is not None
    assert fed is not None
    for way, call in ((main, STEP), (main, PREDICT), (main, END), (fed, PUSH), (fed, GET)):
        with pytest.raises(RemoteError, match=r"UNAUTHENTICATED: .* carry this run's token"):
            way.exchange(call)
    main.close()
    fed.close()


def test_a_stream_with_a_wrong_token_is_refused(server: RpcServer) -> None:
    main, _ = connect("grpc-stream", Endpoints(server.address, None, "another", 10.0))
    assert main is not None
    with pytest.raises(RemoteError, match="UNAUTHENTICATED"):
        main.exchange(STEP)
    main.close()


@pytest.fixture
def headers_only() -> Iterator[Callable[..., list[Any]]]:
    """Open calls that never send a message: what a unary method waits for, seen from the wire, is one of a stream."""
    queue: SimpleQueue[bytes | None] = SimpleQueue()
    calls: list[Any] = []

    def open_calls(channel: grpc.Channel, count: int, methods: Sequence[str], token: str | None = None) -> list[Any]:
        metadata = credentials(token) if token else ()
        for n in range(count):
            call: Any = channel.stream_stream(methods[n % len(methods)])
            calls.append(call(iter(queue.get, None), metadata=metadata, timeout=60))
        return calls[-count:]

    yield open_calls
    for call in calls:
        call.cancel()
        queue.put(None)


METHODS = [f"/splitfed.v1.{name}" for name in ("MainService/TrainStep", "MainService/TrainSteps", "FedService/Push")]


def test_who_has_no_token_and_sends_nothing_takes_nobodys_thread(headers_only: Callable[..., list[Any]]) -> None:
    with (
        RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling()), fed=server_gate(Shelf())) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        opened = headers_only(channel, 50, [*METHODS, "/grpc.health.v1.Health/Check"])
        main = GrpcTransport(server.address, token=TOKEN, deadline_s=20.0)
        assert main.exchange(STEP).loss == 726
        assert {call.code() for call in opened} == {grpc.StatusCode.UNAUTHENTICATED}
        main.close()


def test_calls_under_way_are_bounded(headers_only: Callable[..., list[Any]]) -> None:
    with (
        RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling())) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        refused: SimpleQueue[Any] = SimpleQueue()
        for call in headers_only(channel, 16 * 5 + 3, METHODS[:1], TOKEN):
            call.add_done_callback(lambda call: refused.put(call.code()))
        codes = [refused.get(timeout=20) for _ in range(3)]  # 16 for each thread may be open
        assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 3
        assert refused.empty()


def test_the_health_service_wants_the_token_too(server: RpcServer) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "splitfed.v1.MainService", "splitfed.v1.FedService"):
            request = health_pb2.HealthCheckRequest(service=service)
            reply = stub.Check(request, metadata=credentials(TOKEN), timeout=5)
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(grpc.RpcError) as caught:
                stub.Check(request, timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
