"""When a message arrives: one client's way in one direction, as a pure rule. Stamps in, stamps out, no clock.

Messages of one client and direction queue behind one another:

    begin     = max(sent, free of the message before)
    free      = begin + bits on the line ÷ rate
    delivered = free + delay

Bits on the line are 8 · bytes · overhead. To that come, where a link has them:

- *Jitter*: the delay is drawn uniformly from delay ± jitter. It is never below zero, and no message overtakes another.
- *Loss*: each packet (1,448 bytes) is lost by a draw of its own, and so is what is sent again, until all have arrived.
  A repeated packet takes its time on the line. Whenever any are repeated, noticing it costs a round trip: that delays
  the message, but leaves the line free for the next. Nothing is dropped. Neither a timeout nor the lower rate at which
  TCP goes on after a loss is modelled.
- *A trace* instead of a rate: see `traces`. What an opportunity has left goes to the message behind, if that waits.
- *Slow start*: see `SlowStart`.

Draws are keyed by seed, client, direction, kind, round and step: they do not depend on the order of messages.
"""

from collections.abc import Callable
from math import ceil
from typing import NamedTuple, Protocol, TypeAlias

from splitfed_core.seeding import stream
from splitfed_core.timing.links import PAYLOAD_BYTES, Direction, Link, Tcp
from splitfed_core.timing.traces import OPPORTUNITY_BYTES, Trace

SEGMENT_BYTES = 1460
"""Of which TCP's initial window is counted in (RFC 6928)."""

_LEAST_IDLE_S = 0.2  # Linux' least retransmission timeout, after which it calls a connection idle


class Message(NamedTuple):
    """Which message it is: what its draws and its flow are known by. `kind` is the `label` of `wire.call.Kind`."""

    client: int
    direction: Direction
    kind: str
    round: int
    step: int


class Passage(NamedTuple):
    """When a message begins to leave, when the line behind it is free, and when it is there, in seconds."""

    begin_s: float
    free_s: float
    delivered_s: float


class Flow(NamedTuple):
    """A message on its way over a link that others share.

    Attributes:
        message: Which it is.
        sent_s: When it was ready to leave.
        wire_bits: What it takes on the line, repeated packets included.
        after_s: From when its last bit has left until it is there: the delay, with its jitter and what losses cost.
    """

    message: Message
    sent_s: float
    wire_bits: float
    after_s: float


class Arbiter(Protocol):
    """Shares links fairly among the messages of a cell that are under way."""

    def offer(self, flow: Flow) -> float:
        """Announce a message that leaves; returns when it will be there, if no other joins it."""
        ...

    def due(self, message: Message, now_s: float) -> float:
        """Return when a message is there, as far as is known now.

        The receiver asks at the time it was promised. Up to `now_s` the answer is final: the message is delivered. A
        later one is a new promise.
        """
        ...


class Channel:
    """One client's link in one direction; it remembers when it is free.

    Args:
        link: The client's.
        direction: Which way.
        seed: Of the cell's repeat.
        client: Whose it is.
        epoch_s: When a trace begins.
    """

    def __init__(self, link: Link, direction: Direction, *, seed: int, client: int, epoch_s: float = 0.0) -> None:
        self.link, self.direction, self.client = link, direction, client
        self._seed = seed
        self._draws = bool(link.jitter_s or link.loss)
        self._line = _line_of(link, direction, epoch_s)
        self._free_s = self._delivered_s = float("-inf")

    def passage(self, sent_s: float, num_bytes: int, kind: str, round: int, step: int) -> Passage:
        """Let a message pass; call it in the order in which messages are sent.

        Args:
            sent_s: When it is ready to leave.
            num_bytes: Its own size.
            kind: Of the call it belongs to.
            round: Of the call.
            step: Of the call.
        """
        repeated_bytes, after_s = self._drawn(num_bytes, kind, round, step)
        begin_s = max(sent_s, self._free_s)
        self._free_s = self._line(begin_s, (num_bytes + repeated_bytes) * self.link.overhead)
        self._delivered_s = max(self._free_s + after_s, self._delivered_s)
        return Passage(begin_s, self._free_s, self._delivered_s)

    def flow(self, sent_s: float, num_bytes: int, kind: str, round: int, step: int) -> Flow:
        """Return a message as an arbiter takes it, where the link is shared: that one knows when it is free."""
        repeated_bytes, after_s = self._drawn(num_bytes, kind, round, step)
        message = Message(self.client, self.direction, kind, round, step)
        return Flow(message, sent_s, 8 * (num_bytes + repeated_bytes) * self.link.overhead, after_s)

    def _drawn(self, num_bytes: int, kind: str, round: int, step: int) -> tuple[int, float]:
        """Draw what a message repeats, in bytes, and how long it is on its way once its last bit has left."""
        link = self.link
        if not self._draws:
            return 0, link.delay_s
        rng = stream(self._seed, "link", self.client, self.direction, kind, round, step)
        after_s = max(link.delay_s + link.jitter_s * rng.uniform(-1, 1), 0.0)
        if not link.loss or not num_bytes:
            return 0, after_s
        repeats = rng.geometric(1 - link.loss, ceil(num_bytes / PAYLOAD_BYTES)) - 1  # of each packet
        repeated_bytes = int(repeats.sum()) * min(num_bytes, PAYLOAD_BYTES)
        return repeated_bytes, after_s + int(repeats.max()) * link.round_trip_s


Line: TypeAlias = Callable[[float, float], float]
"""Takes when bytes begin to leave, and how many there are on the line; returns when they have left."""


def _line_of(link: Link, direction: Direction, epoch_s: float) -> Line:
    if link.trace:
        return _TracedLine(link.trace[direction == "downlink"], epoch_s)
    rate_bps = link.rate_bps(direction)
    if link.tcp:
        return SlowStart(rate_bps, link.round_trip_s, link.overhead, link.tcp)
    return lambda begin_s, wire_bytes: begin_s + 8 * wire_bytes / rate_bps


class SlowStart:
    """TCP's slow start on a line that is otherwise free.

    The window begins at so many segments and doubles with each round trip, until it is as large as what is under way on
    a full line, the product of rate and round trip. Until then a windowful leaves in each round trip; what a window
    has left over at the end of a message is not waited for. A message smaller than the window lets it grow to twice
    the message at most. The window stays until the line has been idle for more than 200 ms and two round trips, and
    then begins anew. Flow control, of TCP or of gRPC, is not modelled.
    """

    def __init__(self, rate_bps: float, round_trip_s: float, overhead: float, tcp: Tcp) -> None:
        self._rate_bps, self._round_trip_s = rate_bps, round_trip_s
        self._initial = tcp.initial_window * SEGMENT_BYTES * overhead
        self._idle_s = max(_LEAST_IDLE_S, 2 * round_trip_s) if tcp.idle_reset else float("inf")
        self._window, self._free_s = self._initial, float("-inf")

    def __call__(self, begin_s: float, wire_bytes: float) -> float:
        """Let bytes leave; returns when they have left."""
        if self._free_s > float("-inf") and begin_s - self._free_s > self._idle_s:
            self._window = self._initial
        full = self._rate_bps * self._round_trip_s / 8
        trips, rest = 0, wire_bytes
        while self._window < full and rest > self._window:
            rest -= self._window
            self._window *= 2
            trips += 1
        if self._window < full:
            self._window = max(self._window, min(self._window + rest, 2 * rest))
        self._free_s = begin_s + trips * self._round_trip_s + 8 * rest / self._rate_bps
        return self._free_s


class _TracedLine:
    """Uses the opportunities of a trace."""

    def __init__(self, trace: Trace, epoch_s: float) -> None:
        self._trace, self._epoch_s = trace, epoch_s
        self._number, self._left = -1, 0.0  # the last opportunity that was used, and what bytes it has left
        self._free_s = float("-inf")

    def __call__(self, begin_s: float, wire_bytes: float) -> float:
        """Let bytes leave; returns when they have left."""
        if begin_s > self._free_s:
            self._left = 0.0
            first = self._trace.first_from(max(begin_s - self._epoch_s, 0.0))
            self._number = max(first - 1, self._number)
        rest = wire_bytes - self._left
        if wire_bytes and rest > _ROUNDING:
            needed = ceil(rest / OPPORTUNITY_BYTES - _ROUNDING)
            self._number += needed
            self._free_s = self._epoch_s + self._trace.time_s(self._number)
            self._left = max(needed * OPPORTUNITY_BYTES - rest, 0.0)
        elif wire_bytes:
            self._left = max(-rest, 0.0)
        return max(begin_s, self._free_s)


_ROUNDING = 1e-9
