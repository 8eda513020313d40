"""sfbench's own way to slow messages down, asked as a witness is: a real gRPC server, a real client, the link layer.

The server is a process of its own, as in a cell: `python -m benchmarks.links.emulation`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from time import perf_counter
from typing import Self

import numpy as np

from benchmarks.links.endpoint import end, start
from benchmarks.links.witness import DIRECTIONS, Witness
from splitfed_core.arrays import Array
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.links import Direction, Link
from splitfed_core.timing.queues import Channel
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps
from splitfed_core.wire.layers.base import MakeLayer
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.link import ClientLink, HostClock, LinkGate, LinkLayer
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import GrpcTransport
from splitfed_core.wire.transports.grpc_server import RpcServer

TOKEN = "links"  # noqa: S105  of a server of zeros, on this host, for minutes
_DEADLINE_S = 60.0
_LEAST_BYTES = 1_000


class Emulation:
    """The server's process, and clients of it. A context manager."""

    def __enter__(self) -> Self:
        self._server = start("benchmarks.links.emulation")
        self._address = self._server.stdout.readline().strip() if self._server.stdout else ""
        return self

    def __exit__(self, *_: object) -> None:
        end(self._server)

    def expected_s(self, link: Link, direction: Direction, num_bytes: int) -> float:
        """Return what the rules of time say for a message that finds the link idle."""
        return Channel(link, direction, seed=0, client=0).passage(0.0, num_bytes, "forward", 0, 0).delivered_s

    @contextmanager
    def over(self, link: Link | None) -> Iterator[Witness]:
        """Connect a client that has this link, or none."""
        transport = GrpcTransport(self._address, token=TOKEN, deadline_s=_DEADLINE_S)
        try:
            yield _Client(client_stack(transport, Counters(), more=[] if link is None else [_layer_of(link)]))
        finally:
            transport.close()


def _layer_of(link: Link) -> MakeLayer:
    uplink, downlink = (Channel(link, direction, seed=0, client=0) for direction in DIRECTIONS)
    links = {0: ClientLink(uplink, downlink)}
    return partial(LinkLayer, links=links, shares=StepShares(), timeout_s=_DEADLINE_S, clock=HostClock())


class _Client:
    """Sends messages that have just the size that is asked for, whatever the wire puts round their tensor."""

    def __init__(self, transport: Transport[Array]) -> None:
        self._transport = transport
        self._step = 0
        self._framing: dict[Direction, int] = {"uplink": 0, "downlink": 0}
        for direction in ("uplink", "uplink", "downlink"):  # the first connects, and pays for it
            self._framing[direction] = self._sent(direction, _LEAST_BYTES)[1] - _LEAST_BYTES

    def transfer(self, direction: Direction, num_bytes: int) -> float:
        """Send a message and return the time it took by sfbench's own stamps, s."""
        return self._sent(direction, num_bytes - self._framing[direction])[0]

    def _sent(self, direction: Direction, payload_bytes: int) -> tuple[float, int]:
        """Exchange one large message and one small; return the time of the large one, and its size."""
        asked = _zeros(payload_bytes) if direction == "uplink" else np.array([payload_bytes])
        self._step += 1
        reply = self._transport.exchange(Call(Kind.FORWARD_BODY, Address(0, 0, self._step), (asked,)))
        if direction == "uplink":
            return reply.stamps.received - reply.transit.sent, reply.transit.uplink_bytes
        return reply.transit.arrived - reply.stamps.encoded, reply.transit.downlink_bytes


class AnswersZeros:
    """A main server that computes nothing: it answers numbers with so many bytes, and bytes with one."""

    kinds = frozenset({Kind.FORWARD_BODY})

    def handle(self, call: Call[Array]) -> Reply[Array]:
        """Answer."""
        now = perf_counter()
        (asked,) = call.tensors
        answer = _zeros(int(asked[0]) if asked.dtype == np.int64 else 1)
        return Reply((answer,), stamps=ServerStamps(call.received_s, now, now, now))


@cache
def _zeros(count: int) -> Array:
    return np.zeros(count, np.uint8)


def main() -> None:
    """Serve until stdin ends; the address is the first line."""
    gate = server_gate(AnswersZeros(), more=[partial(LinkGate, clock=HostClock())])
    with RpcServer(token=TOKEN, callers=1, main=gate) as server:
        print(server.address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
