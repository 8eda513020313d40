"""One end of a TCP connection, as a program: it sends or takes as many bytes as it is told to, and says when.

`python -m benchmarks.links.endpoint` obeys the lines of its stdin, answers each with a line of JSON, and ends with the
pipe. Two of them stand in two network namespaces, or at both sides of a relay; processes of a host read one clock.
Standard library only, so that it starts at once.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Self

CONGESTION = "cubic"
"""What the connections of witnesses use, whatever the host's own choice is (bbr paces by itself)."""


class Endpoint:
    """The process, seen from the one who started it. A context manager.

    Args:
        inside: Command that runs the process somewhere else, such as in a network namespace of its own.
    """

    def __init__(self, inside: Sequence[str] = ()) -> None:
        self.process = start("benchmarks.links.endpoint", inside=inside)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)

    def tell(self, *words: object) -> None:
        """Give a command; its answer is waiting to be read."""
        if self.process.stdin is not None:
            print(*words, file=self.process.stdin, flush=True)

    def answer(self) -> list[float]:
        """Read the answer to the oldest command.

        Raises:
            ConnectionError: The process has ended; what it said stands on stderr.
        """
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise ConnectionError("a process of the witness has ended")
        numbers: list[float] = json.loads(line)
        return numbers

    def ask(self, *words: object) -> list[float]:
        """Give a command and wait for its answer."""
        self.tell(*words)
        return self.answer()


def start(module: str, *words: str, inside: Sequence[str] = ()) -> "subprocess.Popen[str]":
    """Start one of our modules as a process that Ctrl-C does not reach; it ends with its stdin, or by `end`."""
    command = [*inside, sys.executable, "-m", module, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)  # noqa: S603  our own module


def end(process: "subprocess.Popen[str]") -> None:
    """End such a process, also in the middle of a message: it has nothing to lose."""
    process.kill()
    with suppress(BrokenPipeError), process:  # closes its pipes and waits
        pass


class _End:
    """The process from inside: its socket, and a method per command."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._connection = socket.socket()

    def hello(self) -> list[float]:
        """Say that one is there."""
        return []

    def listen(self, host: str) -> list[float]:
        """Wait for a caller at a free port: which one."""
        self._listener = socket.create_server((host, 0))
        return [self._listener.getsockname()[1]]

    def accept(self) -> list[float]:
        """Take the caller."""
        if self._listener is not None:
            self._use(self._listener.accept()[0])
        return []

    def connect(self, host: str, port: str) -> list[float]:
        """Call."""
        self._use(socket.create_connection((host, int(float(port))), timeout=10))
        return []

    def _use(self, connection: socket.socket) -> None:
        prepare(connection)
        connection.settimeout(None)
        self._connection = connection

    def send(self, lead: str, size: str) -> list[float]:
        """Send a lead and the message behind it: when."""
        data = bytes(int(lead) + int(size))
        began = perf_counter()
        self._connection.sendall(data)
        return [began]

    def take(self, lead: str, size: str) -> list[float]:
        """Take a lead and the message behind it: when the last byte of each was there."""
        return [self._take(int(lead)), self._take(int(size))]

    def _take(self, size: int) -> float:
        buffer = memoryview(bytearray(size))
        while len(buffer):
            count = self._connection.recv_into(buffer, len(buffer), socket.MSG_WAITALL)
            if count == 0:
                raise ConnectionError("the other end has gone")
            buffer = buffer[count:]
        return perf_counter()


def prepare(connection: socket.socket) -> None:
    """Choose the congestion control of a connection, and let no small segment wait for others."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_CONGESTION"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION.encode())


def main() -> None:
    """Obey until stdin ends, also in the middle of a message: the other end may never come to send the rest of it."""
    commands: SimpleQueue[str] = SimpleQueue()
    Thread(target=_obey, args=(commands,), daemon=True).start()
    for line in sys.stdin:
        commands.put(line)


def _obey(commands: "SimpleQueue[str]") -> None:
    end = _End()
    try:
        while True:
            command, *words = commands.get().split()
            print(json.dumps(getattr(end, command)(*words)), flush=True)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(1)  # who waits for an answer sees that there is none


if __name__ == "__main__":
    main()
