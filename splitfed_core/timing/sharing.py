"""Links that several clients share: every message under way gets its fair part of each, and moves at the least of them.

Shares are max-min fair (Bertsekas and Gallager, Data Networks, 6.5.2): the link with the least for each of its messages
divides what it has among them equally, then the next one what is left. On one link with n messages that is rate ÷ n.
A message that joins takes part of the rate of all others from then on, and so postpones them.
"""

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from splitfed_core.timing.links import Direction, Link
from splitfed_core.timing.queues import Flow, Message

Path = tuple[Hashable, ...]
"""The links that a message passes."""

_NEVER = -inf


def fair_rates(paths: Sequence[Path], rates_bps: Mapping[Hashable, float]) -> list[float]:
    """Return the max-min fair rate of each message that is under way, from the links on its path and their rates."""
    fair = [inf] * len(paths)
    left, open_paths = dict(rates_bps), dict(enumerate(paths))
    while open_paths:
        users: dict[Hashable, int] = {}
        for path in open_paths.values():
            for link in path:
                users[link] = users.get(link, 0) + 1
        if not users:
            break
        share, tightest = min(((left[link] / count, link) for link, count in users.items()), key=lambda each: each[0])
        for number in [number for number, path in open_paths.items() if tightest in path]:
            fair[number] = share
            for link in open_paths.pop(number):
                left[link] = max(left[link] - share, 0.0) if share < inf else left[link]
    return fair


@dataclass(slots=True)
class _Underway:
    """A message that has not left altogether, and what of it is still to leave."""

    flow: Flow
    left_bits: float


@dataclass(slots=True)
class _Lane:
    """The messages of one client in one direction: the first one is under way, the others wait behind it."""

    path: Path
    free_s: float = _NEVER
    delivered_s: float = _NEVER
    waiting: deque[_Underway] = field(default_factory=deque)

    def begin_s(self) -> float:
        """When the first message begins to leave, or began."""
        return max(self.waiting[0].flow.sent_s, self.free_s)

    def copy(self) -> "_Lane":
        waiting = deque(_Underway(each.flow, each.left_bits) for each in self.waiting)
        return _Lane(self.path, self.free_s, self.delivered_s, waiting)


class FairShare:
    """Shared links in one direction. Pure: it has no clock, and says what follows from what it was told.

    What was delivered is settled, and so is everything until its last bit had left. What is sent before that, but
    offered only then, counts as sent at that time: nothing that has been delivered can be postponed any more.

    Args:
        rates_bps: Of each link.
        paths: Of each client: the links that its messages pass.
    """

    def __init__(self, rates_bps: Mapping[Hashable, float], paths: Sequence[Path]) -> None:
        self._rates_bps = rates_bps
        self._lanes = {client: _Lane(path) for client, path in enumerate(paths)}
        self._settled_s = _NEVER
        self._passed: dict[Message, tuple[float, float]] = {}  # of what has left altogether: free, delivered
        self._final: set[Message] = set()  # of these, what was delivered: kept until the client sends another
        self._expected: dict[Message, tuple[float, float]] | None = None

    def offer(self, flow: Flow) -> float:
        """Take a message; returns when it will be there if no other joins."""
        for old in [message for message in self._final if message.client == flow.message.client]:
            self._final.remove(old)
            del self._passed[old]
        self._lanes[flow.message.client].waiting.append(_Underway(flow, flow.wire_bits))
        self._expected = None
        return self._times(flow.message)[1]

    def due(self, message: Message, now_s: float) -> float:
        """Return when a message is there; an answer up to `now_s` is final."""
        free_s, delivered_s = self._times(message)
        if delivered_s <= now_s:
            self._settle(free_s)
            self._final.add(message)
        return delivered_s

    def _times(self, message: Message) -> tuple[float, float]:
        if message in self._passed:
            return self._passed[message]
        if self._expected is None:
            lanes = {client: lane.copy() for client, lane in self._lanes.items() if lane.waiting}
            self._expected = _advance(lanes, self._rates_bps, self._settled_s, inf)
        if message not in self._expected:
            raise ValueError(f"{message} was never offered, or is long delivered")
        return self._expected[message]

    def _settle(self, until_s: float) -> None:
        """Let everything leave that does until then."""
        if until_s > self._settled_s:
            lanes = {client: lane for client, lane in self._lanes.items() if lane.waiting}
            self._passed |= _advance(lanes, self._rates_bps, self._settled_s, until_s)
            self._settled_s, self._expected = until_s, None


def _advance(
    lanes: Mapping[int, _Lane], rates_bps: Mapping[Hashable, float], now_s: float, until_s: float
) -> dict[Message, tuple[float, float]]:
    """Let messages leave, from one time to another; returns of those that have left when, and when they are there."""
    passed: dict[Message, tuple[float, float]] = {}
    while True:
        busy = [lane for _, lane in sorted(lanes.items()) if lane.waiting]
        if not busy:
            return passed
        now_s = max(now_s, min(lane.begin_s() for lane in busy))
        if now_s > until_s:
            return passed
        moving = [lane for lane in busy if lane.begin_s() <= now_s]
        rates = fair_rates([lane.path for lane in moving], rates_bps)
        ends = [now_s + lane.waiting[0].left_bits / rate for lane, rate in zip(moving, rates, strict=True)]
        joins = [lane.begin_s() for lane in busy if lane.begin_s() > now_s]
        then_s = min([*ends, *joins, until_s])
        for lane, rate, end_s in zip(moving, rates, ends, strict=True):
            head = lane.waiting[0]
            if end_s <= then_s:
                lane.waiting.popleft()
                lane.free_s = end_s
                lane.delivered_s = max(end_s + head.flow.after_s, lane.delivered_s)
                passed[head.flow.message] = (end_s, lane.delivered_s)
            else:
                head.left_bits -= rate * (then_s - now_s)
        if then_s >= until_s and not any(end_s <= then_s for end_s in ends):
            return passed
        now_s = then_s


class SharedLinks:
    """The links of a cell in both directions, some of which clients share.

    Clients that share have the same link; those of one such link are grouped by number, so many at a time.

    Args:
        links: Of each client.
        server_link: Of the servers, which all clients share.
    """

    def __init__(self, links: Sequence[Link], server_link: Link) -> None:
        groups = _groups(links)
        self._ways: dict[Direction, FairShare] = {}
        directions: tuple[Direction, ...] = ("uplink", "downlink")
        for direction in directions:
            rates: dict[Hashable, float] = {"server": server_link.rate_bps(direction)}
            rates |= {group: link.rate_bps(direction) for group, link in zip(groups, links, strict=True)}
            self._ways[direction] = FairShare(rates, [(group, "server") for group in groups])
        self._server_delay_s = server_link.delay_s

    def offer(self, flow: Flow) -> float:
        """Announce a message that leaves; returns when it will be there, if no other joins it."""
        return self._ways[flow.message.direction].offer(flow._replace(after_s=flow.after_s + self._server_delay_s))

    def due(self, message: Message, now_s: float) -> float:
        """Return when a message is there, as far as is known now; see `queues.Arbiter`."""
        return self._ways[message.direction].due(message, now_s)


def shared(links: Sequence[Link], server_link: Link | None) -> bool:
    """Whether a cell needs an arbiter."""
    return server_link is not None or any(link.shared_by > 1 for link in links)


def _groups(links: Sequence[Link]) -> list[Hashable]:
    """Return for each client the name of its link; those that share one have the same."""
    before: dict[Link, int] = {}
    groups: list[Hashable] = []
    for link in links:
        place = before.get(link, 0)
        before[link] = place + 1
        groups.append((list(before).index(link), place // link.shared_by))
    return groups
