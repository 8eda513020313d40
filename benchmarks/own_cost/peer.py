"""The other side of the wire goals: answers 11 MB with 11 MB, over gRPC or through a bare socket, until stdin ends."""

import socket
import sys
import threading
from collections.abc import Sequence

from benchmarks.own_cost.wire import SMASHED, Peer, receive
from benchmarks.workers.startup import keep_freed_memory
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.messages import ServerStamps, StepReply, StepRequest
from splitfed_core.wire.transports.grpc_server import RpcServer


class _Echo:
    """A main server that computes nothing: the gradient is the smashed data."""

    def step(self, request: StepRequest, received_s: float) -> StepReply:
        gradient = RAW.encode(RAW.decode(request.smashed))
        return StepReply(gradient, 0.0, 0, ServerStamps(received_s, received_s, received_s, received_s, received_s))

    def end_round(self, client_id: int, round: int) -> Sequence[float]:
        return ()

    def predict(self, client_id: int, smashed: EncodedTensor) -> EncodedTensor:
        return smashed


def _rpc() -> None:
    with RpcServer(token=Peer.TOKEN, callers=1, main=_Echo()) as server:
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
