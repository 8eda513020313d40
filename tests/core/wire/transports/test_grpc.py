"""What every transport does alike, in one process and over gRPC: calls, stamps, bytes, errors, deadlines."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError, RemoteError
from splitfed_core.wire import messages
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import Endpoints, GrpcTransport, connect
from splitfed_core.wire.transports.grpc_server import RpcServer
from splitfed_core.wire.transports.in_process import InProcessTransport
from tests.core.wire.transports.services import END, GET, LABELS, PREDICT, PUSH, SMASHED, STEP, TOKEN, Doubling, Shelf

TRANSPORTS = ("inproc", "grpc", "grpc-stream")


def at(step: int) -> Call[EncodedTensor]:
    return replace(STEP, address=STEP.address._replace(step=step))


def decoded(reply: Reply[EncodedTensor]) -> list[Any]:
    return [RAW.decode(tensor).tolist() for tensor in reply.tensors]


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


def test_after_stop_calls_fail_at_once() -> None:
    with RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling())) as server:
        main = GrpcTransport(server.address, token=TOKEN, deadline_s=3600.0)
        main.exchange(STEP)
    with pytest.raises(RemoteError, match="UNAVAILABLE"):
        main.exchange(STEP)
    main.close()
