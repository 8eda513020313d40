import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError, RemoteError
from splitfed_core.roles.fed_server import ModelServer
from splitfed_core.wire import messages
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.security.tokens import credentials
from splitfed_core.wire.transports.addresses import listening
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import Endpoints, GrpcTransport, connect
from splitfed_core.wire.transports.grpc_server import RpcServer
from splitfed_core.wire.transports.in_process import InProcessTransport

TOKEN = "the-token-of-this-run"
TRANSPORTS = ("inproc", "grpc", "grpc-stream")
SMASHED = RAW.encode(np.arange(6, dtype=np.float32).reshape(2, 3))
LABELS = RAW.encode(np.array([1, 0], np.uint8))
LONG = """Graph execution error:

Detected at node assert (most recent call last):
  File "somewhere.py", line 3, in step

the batch is too large
\t [[{{node assert}}]] [Op:step]"""
STEP = Call(Kind.TRAIN_STEP, Address(7, 2, 5), (SMASHED, LABELS))
END: Call[EncodedTensor] = Call(Kind.END_ROUND, Address(3, 4))
GET: Call[EncodedTensor] = Call(Kind.GET_AGGREGATE, Address(1))
PREDICT, PUSH = Call(Kind.PREDICT, Address(10), (SMASHED,)), Call(Kind.PUSH_MODEL, Address(1), (SMASHED, LABELS), 17)


class Doubling:
    """A main server that answers every tensor with twice its values; fails, or waits, where a test asks for it."""

    kinds = frozenset(Kind) - {Kind.PUSH_MODEL, Kind.GET_AGGREGATE}
    awaited = threading.Event()

    def handle(self, call: Call[Array]) -> Reply[Array]:
        client, round, step = call.address
        stamps = ServerStamps(decoded=perf_counter(), started=perf_counter(), computed=perf_counter())
        match call.kind:
            case Kind.TRAIN_STEP:
                return self.step(step, call)
            case Kind.BACKWARD_BODY:
                return Reply((-call.tensors[0],), stamps=stamps)
            case Kind.END_ROUND:
                return Reply(server_update_s=(client + 0.5, round + 0.25))
            case Kind.PREDICT:
                return Reply((call.tensors[0] + client,))
        return Reply((2 * call.tensors[0],), stamps=stamps)

    def step(self, step: int, call: Call[Array]) -> Reply[Array]:
        decoded = perf_counter()
        if step == 99:
            raise CellError("the cell has 50 steps; step 99 is not one of them")
        if step == 97:
            raise ArithmeticError(LONG)
        if step == 98:
            self.awaited.wait(60)
        smashed, labels = call.tensors
        loss = float(labels.sum() + 100 * call.address.client_id + 10 * call.address.round + step)
        stamps = ServerStamps(decoded=decoded, started=perf_counter(), computed=perf_counter())
        return Reply((2 * smashed,), loss, len(labels), stamps=stamps)


class Shelf(ModelServer):
    """Hands out the last model pushed."""

    def push(self, call: Call[Array]) -> None:
        self.model = call.tensors

    def get_aggregate(self, client_id: int, round: int) -> Sequence[Array]:
        return self.model


def at(step: int) -> Call[EncodedTensor]:
    return replace(STEP, address=STEP.address._replace(step=step))


def decoded(reply: Reply[EncodedTensor]) -> list[Any]:
    return [RAW.decode(tensor).tolist() for tensor in reply.tensors]


@pytest.fixture(scope="module")
def server() -> Iterator[RpcServer]:
    with RpcServer(token=TOKEN, callers=3, main=server_gate(Doubling()), fed=server_gate(Shelf())) as running:
        yield running


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest, server: RpcServer) -> Iterator[Transport[EncodedTensor]]:
    main: Transport[EncodedTensor] | None = InProcessTransport(server_gate(Doubling()))
    if request.param != "inproc":
        main, fed = connect(request.param, Endpoints(server.address, None, TOKEN, 10.0))
        assert fed is None
    assert main is not None
    yield main
    main.close()


@pytest.fixture(params=["inproc", "grpc"])
def fed_transport(request: pytest.FixtureRequest, server: RpcServer) -> Iterator[Transport[EncodedTensor]]:
    grpc_fed = GrpcTransport(server.address, token=TOKEN, deadline_s=10.0)
    inproc = InProcessTransport(server_gate(Shelf()))
    fed: Transport[EncodedTensor] = inproc if request.param == "inproc" else grpc_fed
    yield fed
    fed.close()
    grpc_fed.close()


def test_steps_reach_the_service_and_come_back(transport: Transport[EncodedTensor]) -> None:
    for step in range(3):
        reply = transport.exchange(at(step))
        assert decoded(reply) == [[[0, 2, 4], [6, 8, 10]]]
        assert (reply.loss, reply.correct) == (721 + step, 2)


def test_both_exchanges_of_a_u_shaped_step(transport: Transport[EncodedTensor]) -> None:
    forward, backward = (Call(kind, Address(7, 2, 5), (SMASHED,)) for kind in (Kind.FORWARD_BODY, Kind.BACKWARD_BODY))
    assert decoded(transport.exchange(forward)) == [[[0, 2, 4], [6, 8, 10]]]
    assert decoded(transport.exchange(backward)) == [[[0, -1, -2], [-3, -4, -5]]]


def test_end_of_round_and_predictions(transport: Transport[EncodedTensor]) -> None:
    assert transport.exchange(END).server_update_s == (3.5, 4.25)
    assert decoded(transport.exchange(PREDICT)) == [[[10, 11, 12], [13, 14, 15]]]


def test_a_model_is_pushed_and_fetched_and_its_bytes_counted(fed_transport: Transport[EncodedTensor]) -> None:
    assert fed_transport.exchange(PUSH).transit.uplink_bytes == messages.size(messages.call_parts(PUSH))
    reply = fed_transport.exchange(GET)
    assert decoded(reply) == [[[0, 1, 2], [3, 4, 5]], [1, 0]]
    assert reply.transit.downlink_bytes == messages.size(messages.reply_parts(GET.kind, reply))


def test_who_pulls_hears_how_long_the_fed_server_had_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5])
    monkeypatch.setattr("splitfed_core.roles.fed_server.perf_counter", lambda: next(clock))
    shelf = Shelf()
    shelf.push(Call(Kind.PUSH_MODEL, Address(0)))
    assert shelf.handle(Call(Kind.GET_AGGREGATE, Address(0))).waited_s == 2.5


def test_stamps_are_of_the_monotonic_clock_and_in_order(transport: Transport[EncodedTensor]) -> None:
    before = perf_counter()
    reply = transport.exchange(STEP)
    s, transit = reply.stamps, reply.transit
    moments = [before, transit.sent, s.received, s.decoded, s.started, s.computed, s.encoded, transit.arrived]
    assert moments == sorted(moments)
    assert moments[-1] <= perf_counter()


@pytest.mark.parametrize("kind", [Kind.TRAIN_STEP, Kind.BACKWARD_BODY, Kind.END_ROUND, Kind.PREDICT])
def test_bytes_are_those_of_the_serialised_messages(transport: Transport[EncodedTensor], kind: Kind) -> None:
    call = Call(kind, Address(7, 2, 5), STEP.tensors[: len(kind.takes)])
    reply = transport.exchange(call)
    assert reply.transit.uplink_bytes == messages.size(messages.call_parts(call))
    assert reply.transit.downlink_bytes == messages.size(messages.reply_parts(kind, reply))


def test_an_expected_error_of_the_service_comes_in_its_own_words(transport: Transport[EncodedTensor]) -> None:
    with pytest.raises(CellError, match="the cell has 50 steps; step 99 is not one of them"):
        transport.exchange(at(99))


@pytest.mark.parametrize("name", ["grpc", "grpc-stream"])
def test_an_unexpected_error_comes_as_one_line_without_its_stack(name: str, server: RpcServer) -> None:
    main, _ = connect(name, Endpoints(server.address, None, TOKEN, 10.0))
    assert main is not None
    with pytest.raises(RemoteError, match=r"UNKNOWN: .*: Graph execution error: the batch is too large$"):
        main.exchange(at(97))
    main.close()


@pytest.mark.parametrize("name", ["grpc", "grpc-stream"])
def test_nobody_waits_longer_than_the_deadline(name: str, server: RpcServer) -> None:
    main, _ = connect(name, Endpoints(server.address, None, TOKEN, 0.3))
    assert main is not None
    with pytest.raises(RemoteError, match="DEADLINE_EXCEEDED"):
        main.exchange(at(98))
    Doubling.awaited.set()  # until now the service was at it
    Doubling.awaited = threading.Event()
    main.close()


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


@pytest.fixture
def on_ports() -> Iterator[tuple[RpcServer, RpcServer]]:
    """Two servers that may have no socket."""
    one, other = (RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling()), places=()) for _ in range(2))
    with one, other:
        yield one, other


def test_servers_take_free_ports_of_loopback_only(on_ports: tuple[RpcServer, RpcServer]) -> None:
    (host, port), (_, other_port) = (server.address.split(":") for server in on_ports)
    assert (host, port != other_port) == ("127.0.0.1", True)
    socket.create_connection((host, int(port)), timeout=1).close()
    with pytest.raises(OSError, match=r"refused|assign"):  # a server on all interfaces would answer there too
        socket.create_connection(("127.0.0.2", int(port)), timeout=1)
    main = GrpcTransport(on_ports[0].address, token=TOKEN, deadline_s=10.0)
    assert main.exchange(END).server_update_s == (3.5, 4.25)
    main.close()


def test_a_port_that_is_taken_is_not_shared(on_ports: tuple[RpcServer, RpcServer]) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(on_ports[0].address.split(":")[1])))


@pytest.mark.parametrize("name", ["grpc", "grpc-stream"])
def test_every_client_has_a_handler_of_its_own(name: str) -> None:
    clients = 12
    meeting = threading.Barrier(clients, timeout=10)

    class Meeting(Doubling):
        def step(self, step: int, call: Call[Array]) -> Reply[Array]:
            meeting.wait()  # passes only when all are inside at the same time
            return super().step(step, call)

    with (
        RpcServer(token=TOKEN, callers=clients, main=server_gate(Meeting())) as server,
        ThreadPoolExecutor(clients) as pool,
    ):
        ends = Endpoints(server.address, None, TOKEN, 10.0)
        mains = [main for main, _ in (connect(name, ends) for _ in range(clients)) if main is not None]
        replies = list(pool.map(lambda main: main.exchange(STEP), mains))
        assert [reply.loss for reply in replies] == [726.0] * clients
        for main in mains:
            main.close()


def test_messages_may_be_larger_than_grpcs_four_mebibytes(server: RpcServer) -> None:
    main = GrpcTransport(server.address, token=TOKEN, deadline_s=10.0)
    big = RAW.encode(np.ones((128, 26, 26, 32), np.float32))  # of the notebook: a batch at its first convolution
    reply = main.exchange(STEP.carrying((big, LABELS)))
    assert RAW.decode(reply.tensors[0]).sum() == 2 * 128 * 26 * 26 * 32
    main.close()


def test_messages_above_the_limit_are_refused_on_either_side() -> None:
    limit = messages.size(messages.call_parts(STEP)) + 100
    big = STEP.carrying((RAW.encode(np.ones(1000, np.float32)), LABELS))
    with RpcServer(token=TOKEN, callers=1, max_message_bytes=limit, main=server_gate(Doubling())) as server:
        for own_limit, side in ((-1, "SERVER: Received"), (limit, "CLIENT: Sent")):
            main = GrpcTransport(server.address, token=TOKEN, deadline_s=10.0, max_message_bytes=own_limit)
            main.exchange(STEP)
            with pytest.raises(RemoteError, match=f"RESOURCE_EXHAUSTED.*{side}"):
                main.exchange(big)
            main.close()


def test_a_server_listens_in_a_folder_of_its_own_that_goes_with_it() -> None:
    with RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling())) as server:
        folder = Path(server.address.removeprefix("unix:")).parent
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_a_path_too_long_for_a_socket_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with listening(lambda _: 7) as address:
        assert address.startswith("unix:/")
        assert str(deep) not in address
    with listening(lambda _: 7, places=[None]) as address:
        assert address == "127.0.0.1:7"
    assert list(deep.iterdir()) == []


def test_where_a_socket_cannot_be_had_a_port_is_taken() -> None:
    def bind(address: str) -> int:
        if address.startswith("unix:"):
            raise RuntimeError("Failed to bind")
        return 4711

    with listening(bind) as address:
        assert address == "127.0.0.1:4711"


def test_after_stop_calls_fail_at_once() -> None:
    with RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling())) as server:
        main = GrpcTransport(server.address, token=TOKEN, deadline_s=3600.0)
        main.exchange(STEP)
    with pytest.raises(RemoteError, match="UNAVAILABLE"):
        main.exchange(STEP)
    main.close()
