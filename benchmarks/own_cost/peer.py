"""The other side of the wire goals: answers 11 MB with 11 MB, over gRPC or through a bare socket, until stdin ends."""

import socket
import sys
import threading

from benchmarks.own_cost.wire import SMASHED, Peer, receive
from benchmarks.workers.startup import keep_freed_memory
from splitfed_core.arrays import Array
from splitfed_core.wire.call import Call, Kind, Reply
from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.transports.grpc_server import RpcServer


class _Echo:
    """A main server that computes nothing: the gradient is the smashed data."""

    kinds = frozenset({Kind.TRAIN_STEP})

    def handle(self, call: Call[Array]) -> Reply[Array]:
        return Reply(call.tensors[:1])


def _rpc() -> None:
    with RpcServer(token=Peer.TOKEN, callers=1, main=server_gate(_Echo())) as server:
        print(server.address, flush=True)
        sys.stdin.read()


def _tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        print(f"{host}:{port}", flush=True)
        threading.Thread(target=_echo, args=(listener,), daemon=True).start()
        sys.stdin.read()


def _echo(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = memoryview(bytearray(SMASHED.nbytes))
    while receive(connection, buffer):
        connection.sendall(buffer)


if __name__ == "__main__":
    keep_freed_memory()
    {"rpc": _rpc, "tcp": _tcp}[sys.argv[1]]()
