"""What a witness is, and the one that needs no root: real bytes of a real connection through a relay."""

from contextlib import ExitStack
from typing import Protocol, Self

from benchmarks.links.endpoint import Endpoint, end, start
from splitfed_core.errors import SfbenchError
from splitfed_core.timing.links import Direction

DIRECTIONS: tuple[Direction, ...] = ("uplink", "downlink")

_HERE = "127.0.0.1"


class WitnessMissingError(SfbenchError):
    """A witness cannot be had here; the text says why."""


class Witness(Protocol):
    """Something else than sfbench that carries messages over a link."""

    def transfer(self, direction: Direction, num_bytes: int) -> float:
        """Send a message and return the time it took, s."""
        ...


class Relayed:
    """Two ends with the relay between them; a context manager."""

    def __init__(self, uplink_mbit: float, downlink_mbit: float, delay_ms: float) -> None:
        self._link = (uplink_mbit, downlink_mbit, delay_ms)
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._client, self._server = (self._ends.enter_context(Endpoint()) for _ in range(2))
            (port,) = self._server.ask("listen", _HERE)
            self._server.tell("accept")
            self._client.ask("connect", _HERE, self._start_relay(int(port)))
            self._server.answer()
        except BaseException:  # an interrupt, too, must leave no process behind
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _start_relay(self, target: int) -> int:
        relay = start("benchmarks.links.relay", str(target), *map(str, self._link))
        self._ends.callback(end, relay)
        return int(relay.stdout.readline()) if relay.stdout else 0

    def transfer(self, direction: Direction, num_bytes: int) -> float:
        """Send a message and return the time from its first byte out to its last byte in, s."""
        sender, taker = (self._client, self._server) if direction == "uplink" else (self._server, self._client)
        taker.tell("take", 0, num_bytes)
        sender.tell("send", 0, num_bytes)
        _, arrived = taker.answer()
        (began,) = sender.answer()
        return arrived - began
