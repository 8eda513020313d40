"""The second witness: a relay that passes on the bytes of a real TCP connection as slowly as a link would.

It needs no root. It knows nothing of messages, and nothing of `splitfed_core.timing`: each piece of the stream that
comes in occupies the link for its own bits, after the piece ahead of it, and goes out when its last bit would have
arrived, after the delay. `python -m benchmarks.links.relay` is the process.
"""

import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Queue
from time import perf_counter, sleep

from benchmarks.links.endpoint import prepare

FRAME_BYTES, PAYLOAD_BYTES = 1514, 1448
"""A full Ethernet frame, and what TCP with timestamps carries in it."""

_PIECE_S = 0.00025
"""A piece is what the link carries in this time, and never less than a frame."""

_UNDER_WAY_BYTES = 64 << 20


class Pacer:
    """When each piece of a stream leaves one direction of a link.

    Args:
        mbit: The rate, in 10⁶ bits per second of frames.
        delay_ms: One way.
    """

    def __init__(self, mbit: float, delay_ms: float) -> None:
        self._payload_bytes_per_s = mbit * 1e6 / 8 * PAYLOAD_BYTES / FRAME_BYTES
        self._delay_s = delay_ms / 1000
        self._busy_until = 0.0
        self.piece_bytes = max(PAYLOAD_BYTES, int(self._payload_bytes_per_s * _PIECE_S))

    def due(self, arrived_s: float, num_bytes: int) -> float:
        """Return when a piece that came at this moment has crossed the link."""
        self._busy_until = max(self._busy_until, arrived_s) + num_bytes / self._payload_bytes_per_s
        return self._busy_until + self._delay_s


@dataclass(frozen=True, slots=True)
class Stream:
    """One direction of a connection: how its bytes are had, and where they go."""

    read: Callable[[int], bytes]
    write: Callable[[bytes], object]


def take_in(stream: Stream, pacer: Pacer, waiting: "Queue[tuple[float, bytes]]", now: Callable[[], float]) -> None:
    """Read a stream to its end, and note for each piece when it is due; an empty piece is the end."""
    while piece := stream.read(pacer.piece_bytes):
        waiting.put((pacer.due(now(), len(piece)), piece))
    waiting.put((0.0, b""))


def let_out(stream: Stream, waiting: "Queue[tuple[float, bytes]]", wait_until: Callable[[float], None]) -> None:
    """Write each piece when it is due."""
    while True:
        due_s, piece = waiting.get()
        if not piece:
            return
        wait_until(due_s)
        stream.write(piece)


def _wait_until(due_s: float) -> None:
    remaining = due_s - perf_counter()
    if remaining > 0:
        sleep(remaining)


def _carry(source: socket.socket, target: socket.socket, pacer: Pacer) -> None:
    stream = Stream(source.recv, target.sendall)
    waiting: Queue[tuple[float, bytes]] = Queue(maxsize=_UNDER_WAY_BYTES // pacer.piece_bytes)
    threading.Thread(target=take_in, args=(stream, pacer, waiting, perf_counter), daemon=True).start()
    threading.Thread(target=let_out, args=(stream, waiting, _wait_until), daemon=True).start()


def _relay(listener: socket.socket, target: int, uplink: Pacer, downlink: Pacer) -> None:
    caller, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", target))
    prepare(caller)
    prepare(server)
    _carry(caller, server, uplink)
    _carry(server, caller, downlink)


def main(target: str, uplink_mbit: float, downlink_mbit: float, delay_ms: float) -> None:
    """Relay one connection to the port `target` of this host until stdin ends; the own port is the first line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        pacers = Pacer(uplink_mbit, delay_ms), Pacer(downlink_mbit, delay_ms)
        threading.Thread(target=_relay, args=(listener, int(target), *pacers), daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:5]))
