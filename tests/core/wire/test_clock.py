import subprocess
import sys
from itertools import count, pairwise
from time import perf_counter

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.records.results import WorkerRound
from splitfed_core.wire import clock as clock_module
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps
from splitfed_core.wire.clock import NO_OFFSET, ClockOffset, clock_id, estimate_offset
from splitfed_core.wire.layers import codec as codec_module
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.security.tls import Authority
from splitfed_core.wire.transports import grpc_server as rpc_module
from splitfed_core.wire.transports.addresses import PublicAddress
from splitfed_core.wire.transports.grpc_client import Endpoints, connect, read_clock
from splitfed_core.wire.transports.grpc_server import RpcServer

SMASHED = np.arange(6, dtype=np.float32)
TOKEN, HOST = "the-token-of-this-run", "127.0.0.3"


def test_processes_of_one_host_share_a_clock() -> None:
    script = "from splitfed_core.wire.clock import clock_id; print(clock_id())"
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert other == clock_id() != ""
    assert estimate_offset(lambda: (1e9, other)) is NO_OFFSET


def test_the_fastest_exchange_decides() -> None:
    times = [0.0]
    ways = iter([(0.3, 0.1), *[(0.004, 0.002)] * 9, (0.001, 0.001), *[(0.01, 0.1)] * 10])

    def read_remote() -> tuple[float, str]:
        up, down = next(ways)
        theirs = times[0] + up + 500.0
        times[0] += up + down
        return theirs, "of another host"

    reading = estimate_offset(read_remote, now=lambda: times[0])
    assert (reading.offset_s, reading.uncertainty_s) == pytest.approx((500.0, 0.001), abs=1e-9)


def test_stamps_of_a_host_whose_clock_is_ahead_are_read_by_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    def ahead() -> float:
        return perf_counter() + 1000.0

    class Elsewhere:
        kinds = frozenset({Kind.TRAIN_STEP})

        def handle(self, call: Call[Array]) -> Reply[Array]:
            stamps = ServerStamps(decoded=ahead(), started=ahead(), computed=ahead())
            return Reply(call.tensors[:1], 1.0, 2, stamps=stamps)

    names = (f"host {number}" for number in count())  # the server asks first, then the caller
    monkeypatch.setattr(rpc_module, "perf_counter", ahead)
    monkeypatch.setattr(codec_module, "perf_counter", ahead)
    monkeypatch.setattr(rpc_module, "clock_id", lambda: next(names))
    monkeypatch.setattr(clock_module, "clock_id", lambda: next(names))
    authority = Authority()
    exposed = PublicAddress(HOST, authority.server(HOST))
    with RpcServer(token=TOKEN, callers=1, main=server_gate(Elsewhere()), exposed=exposed) as server:
        ends = Endpoints(server.address, None, TOKEN, 10.0, certificate=authority.caller())
        clock = read_clock(ends)
        assert clock.offset_s == pytest.approx(1000.0, abs=clock.uncertainty_s)
        assert clock.uncertainty_s > 0
        main, _ = connect("grpc", ends)
        assert main is not None
        call = Call(Kind.TRAIN_STEP, Address(7, 2, 5), (SMASHED, SMASHED))
        reply = client_stack(main, Counters(), clock).exchange(call)
        main.close()
    stamps = reply.stamps
    moments = [reply.transit.sent, stamps.received, stamps.decoded, stamps.encoded, reply.transit.arrived]
    slack = clock.uncertainty_s
    assert all(before <= after + slack for before, after in pairwise(moments))


def test_where_all_are_on_one_host_no_clock_is_asked() -> None:
    assert read_clock(Endpoints("unix:/nowhere", None, TOKEN, 0.1)) is NO_OFFSET


def test_rows_move_to_the_clock_of_the_servers() -> None:
    group = WorkerRound([], [], 0, 0, began=1.0, training=[(2.0, 4.0)], ended=5.0)
    moved = group.shifted(2.5)
    assert (moved.began, moved.training, moved.ended) == (3.5, ((4.5, 6.5),), 7.5)
    assert ClockOffset() == NO_OFFSET
