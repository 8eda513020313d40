"""The arbiter of shared links in a process of its own, asked over a Unix socket.

A question is a line of JSON, and takes some 0.1 ms, a fraction of what it would over gRPC: who asks is the receiver of
a message, at the very moment at which that is due. Numbers come back equal to the bit.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from threading import Lock, Thread
from types import TracebackType
from typing import Self, TypeAlias, TypedDict

from splitfed_core.errors import CellError, RemoteError
from splitfed_core.timing.links import Direction
from splitfed_core.timing.queues import Arbiter, Flow, Message
from splitfed_core.wire.transports.addresses import private_folder


class RemoteArbiter:
    """An arbiter that answers at an address. A context manager: leaving it hangs up.

    Args:
        address: Of `serve_arbiter`.
    """

    def __init__(self, address: str) -> None:
        self._lock = Lock()  # the threads of a process ask one after the other
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise _gone(error) from None
        self._stream = self._socket.makefile("rwb")

    def offer(self, flow: Flow) -> float:
        """Announce a message that leaves; returns when it will be there, if no other joins it."""
        return self._ask({"offer": flow})

    def due(self, message: Message, now_s: float) -> float:
        """Return when a message is there, as far as is known now; see `queues.Arbiter`."""
        return self._ask({"due": message, "now_s": now_s})

    def _ask(self, question: Mapping[str, object]) -> float:
        try:
            with self._lock:
                self._stream.write(json.dumps(question).encode() + b"\n")
                self._stream.flush()
                line = self._stream.readline()
        except OSError as error:
            raise _gone(error) from None
        answer = json.loads(line) if line else {"error": "it hung up"}
        if "error" in answer:
            raise RemoteError(f"the arbiter of shared links: {answer['error']}")
        return float(answer["s"])

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_Message: TypeAlias = tuple[int, Direction, str, int, int]


class _Question(TypedDict, total=False):
    offer: tuple[_Message, float, float, float]
    due: _Message
    now_s: float


class _Server(ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: str, arbiter: Arbiter) -> None:
        super().__init__(address, _Answers)
        self._arbiter, self._lock = arbiter, Lock()

    def answer(self, line: bytes) -> bytes:
        """Answer a line with one."""
        question: _Question = json.loads(line)
        try:
            with self._lock:
                seconds = self._decide(question)
        except ValueError as error:
            return json.dumps({"error": str(error)}).encode() + b"\n"
        return json.dumps({"s": seconds}).encode() + b"\n"

    def _decide(self, question: _Question) -> float:
        if "offer" in question:
            message, sent_s, wire_bits, after_s = question["offer"]
            return self._arbiter.offer(Flow(Message(*message), sent_s, wire_bits, after_s))
        return self._arbiter.due(Message(*question["due"]), question["now_s"])


class _Answers(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(self.server.answer(line))


@contextmanager
def serve_arbiter(arbiter: Arbiter) -> Iterator[str]:
    """Answer for an arbiter, until that is left; yields the address, which only this user can reach."""
    with private_folder() as folder:
        if folder is None:
            raise CellError("shared links need a folder for a socket: set TMPDIR to one with a short path")
        with _Server(f"{folder}/rpc", arbiter) as server:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="arbiter", daemon=True).start()
            try:
                yield f"{folder}/rpc"
            finally:
                server.shutdown()


def _gone(error: OSError) -> RemoteError:
    return RemoteError(f"the arbiter of shared links does not answer: {error.strerror or error}")
