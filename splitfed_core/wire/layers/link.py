"""An emulated link: every message is held at its receiver until the link would have delivered it.

The client's layer has the state of both directions, for steps and models, to whichever server, queue behind one
another. It computes when a call will be delivered and sends that along; the server's gate holds the call until then,
and what the role sees as received is after the hold. The reply begins to leave when the gate has it, and the layer
holds it in turn. So the way that the message really took lies inside of the emulated one, not on top of it: both sides
read one clock, and a link is emulated on one host only.

What is charged is the message as it is counted: its bytes on the wire, `deliver_s` among them. Evaluation and our own
bookkeeping (`Kind.uses_link`) pass by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event
from time import perf_counter
from typing import Protocol

from splitfed_core.errors import CellError, CellTimeoutError
from splitfed_core.timing.holds import StepShares, wait_until
from splitfed_core.timing.links import Direction
from splitfed_core.timing.queues import Arbiter, Channel, Message
from splitfed_core.wire import messages
from splitfed_core.wire.call import Call, Kind, Reply, Transit
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.base import Gate, Layer
from splitfed_core.wire.transports.base import Service, Transport

_OF_STEPS = frozenset({Kind.TRAIN_STEP, Kind.FORWARD_BODY, Kind.BACKWARD_BODY})


class LinkClock(Protocol):
    """The clock that both ends of a link read, and waiting by it."""

    def now(self) -> float:
        """Return the time, s."""
        ...

    def wait_until(self, due: float) -> None:
        """Return when it is that late."""
        ...


class HostClock:
    """This host's monotonic clock; `stop` ends every wait, so that no message outlives its cell."""

    def __init__(self) -> None:
        self._stopped = Event()

    def now(self) -> float:
        """Return the time, s."""
        return perf_counter()

    def wait_until(self, due: float) -> None:
        """Return when it is that late.

        Raises:
            CellError: The cell has ended meanwhile.
        """
        wait_until(due, perf_counter, self._sleep)

    def stop(self) -> None:
        """Let nobody wait any longer."""
        self._stopped.set()

    def _sleep(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise CellError("the cell has ended while a message was on its way over its link")


@dataclass(frozen=True, slots=True)
class ClientLink:
    """One client's link, which remembers when each of its directions is free.

    Attributes:
        uplink: To the servers.
        downlink: Back.
        arbiter: Decides instead of them where others share the link.
    """

    uplink: Channel
    downlink: Channel
    arbiter: Arbiter | None = None

    def delivery_s(self, channel: Channel, sent_s: float, num_bytes: int, call: Call[EncodedTensor]) -> float:
        """Let a message of this call leave; returns when it is promised to be there."""
        _, round, step = call.address
        if self.arbiter is None:
            return channel.passage(sent_s, num_bytes, call.kind.label, round, step).delivered_s
        return self.arbiter.offer(channel.flow(sent_s, num_bytes, call.kind.label, round, step))


class LinkLayer(Layer[EncodedTensor]):
    """The client's side: says when a call is delivered, and holds its reply.

    The ways of a client to both servers share its link. Those of a process take turns, so there is no lock.
    """

    def __init__(
        self,
        inner: Transport[EncodedTensor],
        links: Mapping[int, ClientLink],
        shares: StepShares,
        timeout_s: float,
        clock: LinkClock,
    ) -> None:
        """Put links round a transport.

        Args:
            inner: The way to a server.
            links: Of each client.
            shares: Take what the link took of each step, and how late its messages were.
            timeout_s: Of the cell: a message that takes longer is not waited for.
            clock: Of this side.
        """
        super().__init__(inner)
        self._links, self._shares, self._timeout_s, self._clock = links, shares, timeout_s, clock

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Pass the call on, with the time of its delivery, and return its reply when that is delivered.

        Raises:
            CellTimeoutError: The link is so slow that a message takes longer than the cell may.
        """
        if not call.kind.uses_link:
            return self.inner.exchange(call)
        link, client = self._links[call.address.client_id], call.address.client_id
        sent = self._clock.now()
        size = messages.size(messages.call_parts(call.due(sent)))  # a time takes eight bytes, whatever it is
        there = self._promised(link.delivery_s(link.uplink, sent, size, call), sent, call)
        reply = self.inner.exchange(call.due(there))
        ready, way = reply.stamps.encoded, reply.transit
        back = self._promised(link.delivery_s(link.downlink, ready, way.downlink_bytes, call), ready, call)
        back = hold(self._clock, back, link.arbiter, _message(call, "downlink"))
        arrived = self._clock.now()
        if link.arbiter is not None:  # which may have postponed it, as the gate saw
            there = link.arbiter.due(_message(call, "uplink"), ready)
        if call.kind in _OF_STEPS:
            self._shares.add(client, "link_uplink_s", there - sent)
            self._shares.add(client, "link_downlink_s", back - ready)
            self._shares.add(client, "late_s", (reply.stamps.received - there) + (arrived - back))
        return replace(
            reply, transit=Transit(sent, arrived, way.uplink_bytes, way.downlink_bytes, there - sent, back - ready)
        )

    def _promised(self, delivery_s: float, sent_s: float, call: Call[EncodedTensor]) -> float:
        """Return a delivery that can be waited for."""
        if delivery_s - sent_s > self._timeout_s:
            raise CellTimeoutError(
                f"{call.kind.label} of client {call.address.client_id}: its link delivers a message after "
                f"{delivery_s - sent_s:.3g} s, more than timeout_s, {self._timeout_s:g}; use a faster link, a smaller "
                "message or a longer timeout_s"
            )
        return delivery_s


class LinkGate(Gate[EncodedTensor]):
    """The server's side: holds a call until its link has delivered it, and stamps when the reply begins to leave."""

    def __init__(self, inner: Service[EncodedTensor], clock: LinkClock, arbiter: Arbiter | None = None) -> None:
        """Put a gate round a service.

        Args:
            inner: The server, with its codec.
            clock: Of this side.
            arbiter: Of links that clients share.
        """
        super().__init__(inner)
        self._clock, self._arbiter = clock, arbiter

    def handle(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        """Answer a call when it is delivered; one that no link carries at once."""
        if call.deliver_s is None:
            return self.inner.handle(call)
        hold(self._clock, call.deliver_s, self._arbiter, _message(call, "uplink"))
        reply = self.inner.handle(call.received(self._clock.now()))
        return replace(reply, stamps=replace(reply.stamps, encoded=self._clock.now()))


def hold(clock: LinkClock, promised: float, arbiter: Arbiter | None, message: Message) -> float:
    """Return when a message is delivered, and when that was: a link that is shared may postpone what was promised."""
    clock.wait_until(promised)
    if arbiter is None:
        return promised
    while (due := arbiter.due(message, now := clock.now())) > now:
        clock.wait_until(due)
    return due


def _message(call: Call[EncodedTensor], direction: Direction) -> Message:
    client_id, round, step = call.address
    return Message(client_id, direction, call.kind.label, round, step)
