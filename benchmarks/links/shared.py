"""Whether clients that share a link have its rate together, however many they are: real messages over real gRPC.

The servers' side, arbiter included, is a process of its own: `python -m benchmarks.links.shared CLIENTS`.
"""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from statistics import median
from threading import Barrier

import numpy as np

from benchmarks.links.emulation import TOKEN, AnswersZeros
from benchmarks.links.endpoint import end, start
from benchmarks.links.goals import link_goal
from benchmarks.links.witness import DIRECTIONS
from benchmarks.own_cost.goals import Result
from splitfed_core.arrays import Array
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.links import Direction, Link
from splitfed_core.timing.queues import Channel
from splitfed_core.timing.sharing import SharedLinks
from splitfed_core.wire.call import Address, Call, Kind
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.link import ClientLink, HostClock, LinkGate, LinkLayer
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.arbiter import RemoteArbiter, serve_arbiter
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import GrpcTransport
from splitfed_core.wire.transports.grpc_server import RpcServer

MOST_FLOWS, _REPETITIONS = 8, 3
_RATE_BPS, _BYTES = 100e6, 2_500_000
"""A message alone takes 0.2 s."""

_DEADLINE_S = 60.0


def measure_sharing() -> Result:
    """Send as many messages at once as there are clients, 1 to 8, each way."""
    parts = {
        (direction, flows): _rate_share(direction, flows)
        for flows in range(1, MOST_FLOWS + 1)
        for direction in DIRECTIONS
    }
    off = [abs(share - 1) for share in parts.values()]
    low, high = min(parts.values()), max(parts.values())
    return Result(link_goal("shared"), [max(off)], f"{low:.4f} to {high:.4f} of the rate; median off {median(off):.4f}")


def _rate_share(direction: Direction, flows: int) -> float:
    """Return the rate of all flows together as a share of the link's: the median of some times."""
    link = Link(_RATE_BPS, _RATE_BPS, shared_by=flows)
    shares = []
    with _clients(link, flows) as transports, ThreadPoolExecutor(flows) as pool:
        for step in range(1, _REPETITIONS + 1):
            send = partial(_sent, direction=direction, step=step, ready=Barrier(flows))
            spans = list(pool.map(send, range(flows), transports))
            took_s = max(span[1] for span in spans) - min(span[0] for span in spans)
            shares.append(8 * sum(span[2] for span in spans) * link.overhead / took_s / _RATE_BPS)
    return median(shares)


def _sent(
    client: int, transport: Transport[Array], direction: Direction, step: int, ready: Barrier
) -> tuple[float, float, int]:
    """Exchange a large message when all others do; return when it was sent and delivered, and its size."""
    asked = np.zeros(_BYTES, np.uint8) if direction == "uplink" else np.array([_BYTES])
    if step == 1:
        transport.exchange(Call(Kind.FORWARD_BODY, Address(client), (np.array([1]),)))  # connects
    ready.wait(_DEADLINE_S)
    reply = transport.exchange(Call(Kind.FORWARD_BODY, Address(client, 0, step), (asked,)))
    if direction == "uplink":
        return reply.transit.sent, reply.stamps.received, reply.transit.uplink_bytes
    return reply.stamps.encoded, reply.transit.arrived, reply.transit.downlink_bytes


@contextmanager
def _clients(link: Link, flows: int) -> Iterator[Sequence[Transport[Array]]]:
    """Start the servers' side and connect to it, each client with the link that all share."""
    server = start("benchmarks.links.shared", str(flows))
    with ExitStack() as stack:
        stack.callback(end, server)
        address, arbiter = server.stdout.readline().split() if server.stdout else ("", "")
        transports = []
        for client in range(flows):
            ways = (Channel(link, "uplink", seed=0, client=client), Channel(link, "downlink", seed=0, client=client))
            links = {client: ClientLink(*ways, stack.enter_context(RemoteArbiter(arbiter)))}
            layer = partial(LinkLayer, links=links, shares=StepShares(), timeout_s=_DEADLINE_S, clock=HostClock())
            transport = GrpcTransport(address, token=TOKEN, deadline_s=_DEADLINE_S)
            transports.append(stack.enter_context(closing(client_stack(transport, Counters(), more=[layer]))))
        yield transports


def serve_flows(flows: int) -> None:
    """Be arbiter and server until stdin ends; both addresses are the first line."""
    link = Link(_RATE_BPS, _RATE_BPS, shared_by=flows)
    with serve_arbiter(SharedLinks([link] * flows, Link())) as arbiter, RemoteArbiter(arbiter) as asked:
        gate = server_gate(AnswersZeros(), more=[partial(LinkGate, clock=HostClock(), arbiter=asked)])
        with RpcServer(token=TOKEN, callers=flows, main=gate) as rpc:
            print(rpc.address, arbiter, flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    serve_flows(int(sys.argv[1]))
