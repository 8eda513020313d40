"""Emulated links over real gRPC, by a clock that moves only when somebody waits: every time is exact."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError, CellTimeoutError, RemoteError
from splitfed_core.timing.holds import EmulatedShare, StepShares
from splitfed_core.timing.links import Direction, Link
from splitfed_core.timing.queues import Channel, Flow, Message
from splitfed_core.wire import messages
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.link import ClientLink, HostClock, LinkClock, LinkGate, LinkLayer
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import Endpoints, connect
from splitfed_core.wire.transports.grpc_server import RpcServer

TOKEN = "of-this-test"
SMASHED, LABELS = np.zeros((4, 256), np.float32), np.zeros(4, np.uint8)
STEP: Call[Array] = Call(Kind.TRAIN_STEP, Address(7, 2, 5), (SMASHED, LABELS))
PUSH: Call[Array] = Call(Kind.PUSH_MODEL, Address(7, 2), (np.zeros(4096, np.float32),), 10)
PULL: Call[Array] = Call(Kind.GET_AGGREGATE, Address(7, 2))
PREDICT: Call[Array] = Call(Kind.PREDICT, Address(7), (SMASHED,))
END: Call[Array] = Call(Kind.END_ROUND, Address(7, 2))
LINK = Link(uplink_bps=1 << 20, downlink_bps=1 << 22, delay_s=0.25, overhead=1.0)
"""Its times are sums of powers of two: exact, whatever is added."""
SHARES: tuple[EmulatedShare, ...] = ("link_uplink_s", "link_downlink_s", "late_s")


@dataclass
class Clock:
    """Moves only when somebody waits for a later moment, and by what each answer is said to take."""

    time: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def wait_until(self, due: float) -> None:
        self.waits.append(due)
        self.time = max(self.time, due)


class Server:
    """Takes any call, computes for a while, and gives back what the kind does."""

    kinds = frozenset(Kind)

    def __init__(self, clock: Clock, computing_s: float = 0.0) -> None:
        self.clock, self.computing_s = clock, computing_s
        self.received: list[tuple[Kind, float]] = []

    def handle(self, call: Call[Array]) -> Reply[Array]:
        self.received.append((call.kind, call.received_s))
        self.clock.time += self.computing_s
        return Reply((SMASHED,) * len(call.kind.gives))


def seconds(call: Call[Array], bits_per_s: int) -> float:
    """How long a call is on the uplink of so many bits."""
    encoded = call.carrying(tuple(map(RAW.encode, call.tensors))).due(0.0)
    return 8 * messages.size(messages.call_parts(encoded)) / bits_per_s


def channels(link: Link, client: int = 7) -> ClientLink:
    def channel(direction: Direction) -> Channel:
        return Channel(link, direction, seed=0, client=client)

    return ClientLink(channel("uplink"), channel("downlink"))


@dataclass
class Ends:
    main: Transport[Array]
    fed: Transport[Array]
    shares: StepShares
    server: Server
    rpc: RpcServer


@pytest.fixture
def connected() -> Iterator[Callable[..., Ends]]:
    """Return both ways of a client whose link is the same, to one server."""
    with ExitStack() as stack:

        def make(
            clock: LinkClock,
            link: ClientLink,
            server: Server,
            *,
            transport: str = "grpc",
            arbiter: Any = None,
            timeout_s: float = 1000.0,
        ) -> Ends:
            gate = server_gate(server, more=[lambda inner: LinkGate(inner, clock, arbiter)])
            rpc = stack.enter_context(RpcServer(token=TOKEN, callers=1, main=gate, fed=gate))
            shares = StepShares(SHARES)
            ends = []
            for end in connect(transport, Endpoints(rpc.address, rpc.address, TOKEN, deadline_s=60.0)):
                assert end is not None
                stack.callback(end.close)
                layer = [lambda inner: LinkLayer(inner, {7: link}, shares, timeout_s, clock)]
                ends.append(client_stack(end, Counters(), more=layer))
            return Ends(ends[0], ends[1], shares, server, rpc)

        yield make


@pytest.mark.parametrize("transport", ["grpc", "grpc-stream"])
def test_a_call_is_received_when_its_link_has_delivered_it_and_its_reply_likewise(
    connected: Callable[..., Ends], transport: str
) -> None:
    clock = Clock(8.0)
    ends = connected(clock, channels(LINK), Server(clock, computing_s=2.0), transport=transport)
    reply = ends.main.exchange(STEP)
    up = seconds(STEP, 1 << 20) + 0.25
    down = 8 * reply.transit.downlink_bytes / (1 << 22) + 0.25
    delivered, ready = 8.0 + up, 8.0 + up + 2.0
    assert ends.server.received == [(Kind.TRAIN_STEP, delivered)]
    assert (reply.stamps.received, reply.stamps.encoded) == (delivered, ready)
    assert (reply.transit.sent, reply.transit.arrived) == (8.0, ready + down)
    assert clock.waits == [delivered, ready + down]
    assert ends.shares.take(7) == {"link_uplink_s": up, "link_downlink_s": down, "late_s": 0.0}


def test_what_is_charged_is_the_message_as_it_is_counted(connected: Callable[..., Ends]) -> None:
    clock = Clock()
    reply = connected(clock, channels(LINK), Server(clock)).main.exchange(STEP)
    assert reply.transit.link_uplink_s == 8 * reply.transit.uplink_bytes / (1 << 20) + 0.25
    assert reply.transit.link_downlink_s == 8 * reply.transit.downlink_bytes / (1 << 22) + 0.25


def test_the_messages_of_a_client_to_both_servers_queue_behind_one_another(connected: Callable[..., Ends]) -> None:
    class Still(Clock):  # nobody waits: all are sent at once
        def wait_until(self, due: float) -> None:
            self.waits.append(due)

    clock = Still()
    ends = connected(clock, channels(LINK), Server(clock))
    replies = [end.exchange(call) for end, call in ((ends.main, STEP), (ends.fed, PUSH), (ends.main, STEP))]
    step, push = seconds(STEP, 1 << 20), seconds(PUSH, 1 << 20)
    answer, nothing = (8 * reply.transit.downlink_bytes / (1 << 22) for reply in replies[:2])
    assert clock.waits[::2] == [step + 0.25, step + push + 0.25, 2 * step + push + 0.25]
    assert clock.waits[1::2] == [answer + 0.25, answer + nothing + 0.25, 2 * answer + nothing + 0.25]


def test_models_pass_the_link_and_say_what_it_took_but_are_no_share_of_a_step(connected: Callable[..., Ends]) -> None:
    clock = Clock()
    ends = connected(clock, channels(LINK), Server(clock, computing_s=4.0))
    push, pull = ends.fed.exchange(PUSH).transit, ends.fed.exchange(PULL).transit
    assert push.link_uplink_s == seconds(PUSH, 1 << 20) + 0.25
    up, down = 8 * pull.uplink_bytes / (1 << 20) + 0.25, 8 * pull.downlink_bytes / (1 << 22) + 0.25
    assert (pull.link_uplink_s, pull.link_downlink_s) == (up, down)
    assert pull.arrived - pull.sent == up + 4.0 + down
    assert ends.shares.take(7) == dict.fromkeys(SHARES, 0.0)


@pytest.mark.parametrize("call", [PREDICT, END])
def test_evaluation_and_bookkeeping_pass_by(connected: Callable[..., Ends], call: Call[Array]) -> None:
    clock = Clock(3.0)
    transit = connected(clock, channels(LINK), Server(clock)).main.exchange(call).transit
    assert (clock.waits, clock.time) == ([], 3.0)
    assert transit.link_uplink_s is transit.link_downlink_s is None


def test_a_message_that_took_longer_than_its_link_is_late_and_not_held(connected: Callable[..., Ends]) -> None:
    class Busy(Clock):  # the host takes a second for each way
        def wait_until(self, due: float) -> None:
            self.time += 1.0
            super().wait_until(due)

    clock = Busy()
    ends = connected(clock, channels(Link()), Server(clock))
    reply = ends.main.exchange(STEP)
    assert (reply.stamps.received, reply.transit.arrived) == (1.0, 2.0)
    assert ends.shares.take(7) == {"link_uplink_s": 0.0, "link_downlink_s": 0.0, "late_s": 2.0}


class Postponing:
    """An arbiter that postpones each promise once, by a second."""

    def __init__(self) -> None:
        self.promised: dict[Message, float] = {}
        self.asked: list[tuple[Message, float]] = []

    def offer(self, flow: Flow) -> float:
        self.promised[flow.message] = flow.sent_s + flow.wire_bits / (1 << 20) + flow.after_s
        return self.promised[flow.message]

    def due(self, message: Message, now_s: float) -> float:
        if not any(asked == message for asked, _ in self.asked):
            self.promised[message] += 1.0
        self.asked.append((message, now_s))
        return self.promised[message]


def test_a_shared_link_is_asked_again_at_the_promised_time_on_both_sides(connected: Callable[..., Ends]) -> None:
    clock, arbiter = Clock(), Postponing()
    alone = channels(LINK)
    shared = ClientLink(alone.uplink, alone.downlink, arbiter)
    ends = connected(clock, shared, Server(clock), arbiter=arbiter)
    reply = ends.main.exchange(STEP)
    up = seconds(STEP, 1 << 20) + 0.25
    down = 8 * reply.transit.downlink_bytes / (1 << 20) + 0.25
    assert clock.waits == [up, up + 1.0, up + 1.0 + down, up + 1.0 + down + 1.0]
    assert (reply.transit.link_uplink_s, reply.transit.link_downlink_s) == (up + 1.0, down + 1.0)
    assert ends.shares.take(7)["late_s"] == 0.0


def test_a_message_that_takes_longer_than_the_cell_may_is_not_waited_for(connected: Callable[..., Ends]) -> None:
    slow = Link(uplink_bps=8.0, overhead=1.0)
    clock = Clock()
    ends = connected(clock, channels(slow), Server(clock), timeout_s=600.0)
    with pytest.raises(CellTimeoutError, match=r"step of client 7: .* after 4\.\d+e\+03 s, more than timeout_s, 600"):
        ends.main.exchange(STEP)
    assert (clock.waits, ends.server.received) == ([], [])


def test_a_server_that_closes_ends_what_it_holds(connected: Callable[..., Ends]) -> None:
    events: SimpleQueue[str] = SimpleQueue()

    class Told(HostClock):
        def wait_until(self, due: float) -> None:
            events.put("holds")
            try:
                super().wait_until(due)
            except CellError:
                events.put("ended")
                raise

    clock = Told()
    ends = connected(clock, channels(Link(delay_s=3600.0)), Server(Clock()), timeout_s=1e9)
    with ThreadPoolExecutor(1) as client:
        step = client.submit(ends.main.exchange, STEP)
        assert events.get(timeout=60) == "holds"
        clock.stop()
        ends.rpc.stop()
        assert isinstance(step.exception(), RemoteError)
    assert events.get(timeout=60) == "ended"  # its thread is free
    assert ends.server.received == []


def test_nobody_waits_by_a_clock_that_has_been_stopped() -> None:
    clock = HostClock()
    clock.wait_until(clock.now() + 0.002)
    clock.stop()
    clock.wait_until(clock.now() - 1.0)  # what is due is due
    with pytest.raises(CellError, match="the cell has ended while a message was on its way"):
        clock.wait_until(clock.now() + 3600.0)
