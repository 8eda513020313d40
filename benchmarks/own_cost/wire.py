"""Goals of the wire: codec and messages against a memcpy and lists of floats, gRPC against a bare socket."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.baselines.notebook import lists
from benchmarks.baselines.notebook._pb.notebook.v1 import notebook_pb2 as pb
from benchmarks.own_cost.goals import Result, goal, ratios
from benchmarks.workers.startup import keep_freed_memory
from splitfed_core.arrays import Array
from splitfed_core.wire import messages
from splitfed_core.wire.call import Address, Call, Kind
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack
from splitfed_core.wire.transports.grpc_client import GrpcTransport

SMASHED = np.random.default_rng(0).random((128, 26, 26, 32), dtype=np.float32)
"""A batch at the first convolution of notebook_cnn: 11 MB."""

_LABELS = np.zeros(128, np.uint8)
_RUNS, _TIMES = 5, 20


def measure_wire() -> Iterator[Result]:
    """Measure encoding and the way there and back; sides take turns, with memory as in a sweep's processes."""
    keep_freed_memory()
    ours, memcpys, theirs = [], [], []
    target = np.empty_like(SMASHED)
    for _ in range(_RUNS):
        ours.append(_time(_encode_and_decode))
        memcpys.append(_time(lambda: np.copyto(target, SMASHED)))
        theirs.append(_time(_lists, times=1))
    yield Result(goal("codec"), ratios(ours, memcpys), f"{1000 * median(ours):.2f} and {1000 * median(memcpys):.2f} ms")
    yield Result(goal("lists"), ratios(theirs, ours), f"{1000 * median(theirs):.0f} and {1000 * median(ours):.2f} ms")
    yield _rpc()


def step_call(smashed: Array = SMASHED) -> Call[Array]:
    """Return a call with this batch."""
    return Call(Kind.TRAIN_STEP, Address(0), (smashed, np.zeros(len(smashed), np.uint8)))


def _encode_and_decode() -> None:
    call = step_call()
    data = b"".join(messages.call_parts(call.carrying(tuple(map(RAW.encode, call.tensors)))))
    RAW.decode(messages.read_call(call.kind, data, 0.0).tensors[0])


def _lists() -> None:
    data = lists.forward_message(SMASHED, _LABELS, 0, 0, 0).SerializeToString()
    lists.read_activations(pb.ForwardRequest.FromString(data).activations)


def _rpc() -> Result:
    with Peer("rpc") as grpc_server, Peer("tcp") as tcp_server:
        grpc_transport = GrpcTransport(grpc_server.address, token=Peer.TOKEN, deadline_s=60.0)
        transport = client_stack(grpc_transport, Counters())
        host, _, port = tcp_server.address.rpartition(":")
        with socket.create_connection((host, int(port))) as bare:
            bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            call, payload, back = step_call(), SMASHED.reshape(-1).view(np.uint8).data, bytearray(SMASHED.nbytes)
            over_grpc, over_tcp = [], []
            for _ in range(_RUNS):
                over_grpc.append(_time(lambda: transport.exchange(call)))
                over_tcp.append(_time(lambda: _there_and_back(bare, payload, back)))
        transport.close()
    detail = f"{1000 * median(over_grpc):.1f} and {1000 * median(over_tcp):.1f} ms; encoding included"
    return Result(goal("rpc"), ratios(over_grpc, over_tcp), detail)


def _there_and_back(bare: socket.socket, payload: memoryview, back: bytearray) -> None:
    bare.sendall(payload)
    receive(bare, memoryview(back))


def receive(connection: socket.socket, into: memoryview) -> bool:
    """Fill a buffer from a socket; False when the other side has gone."""
    have = 0
    while have < len(into):
        count = connection.recv_into(into[have:])
        if count == 0:
            return False
        have += count
    return True


class Peer:
    """The other side, in a process of its own, which ends with this one's pipe. A context manager."""

    TOKEN = "speed"  # noqa: S105  of a server of noise, on loopback, for seconds

    def __init__(self, kind: str) -> None:
        """Start `python -m benchmarks.own_cost.peer KIND`, which says its address on its first line."""
        command = [sys.executable, "-m", "benchmarks.own_cost.peer", kind]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own module
        self.address = next(iter(self._process.stdout or ()), "").strip()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)  # closes its stdin first


def _time(act: Callable[[], object], times: int = _TIMES) -> float:
    """Return the median time of an act, s; the first one, which pays for memory and connections, is not counted."""
    if times > 1:
        act()
    took = []
    for _ in range(times):
        began = perf_counter()
        act()
        took.append(perf_counter() - began)
    return median(took)
