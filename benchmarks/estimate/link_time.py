"""How long messages of a cell are on their links, by the rules by which they will be held."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.link_choice import client_links, server_link
from splitfed_core.timing.links import Direction, Link
from splitfed_core.timing.queues import Channel

_STEPS = 50
"""As many steps of a round are gone through at most; more take as much longer."""

Message = tuple[float, float]
"""Bytes of a call and of its reply."""


@dataclass(frozen=True)
class ClientRound:
    """What one client does in a round.

    Attributes:
        steps: How many.
        own_s: What it computes in each, the server's part included.
        exchanges: Of each step.
        models: Exchanges of the round's end.
    """

    steps: float
    own_s: float
    exchanges: tuple[Message, ...]
    models: tuple[Message, ...] = ()


def rounds_over_links(config: CellConfig, seed: int, work: ClientRound) -> list[float]:
    """Return how long a round of each client takes over its link, alone on the host, by its number.

    Where clients share a link, each has as much of it as if all of a round sent at once: that is at most so long.
    """
    links = client_links(config.link, config.num_clients, seed)
    servers = server_link(config.server_link)
    times = cache(lambda link: _round_s(link, work))  # most clients of a fleet have the same link
    return [times(_alone(link, servers, config.participants)) for link in links]


def _alone(link: Link, servers: Link, clients: int) -> Link:
    """Return the link that a client has for itself when all clients of a round send at once."""

    def rate_bps(direction: Direction) -> float:
        return min(link.rate_bps(direction) / min(link.shared_by, clients), servers.rate_bps(direction) / clients)

    if link.trace:  # which nobody shares
        return link
    return replace(
        link,
        uplink_bps=rate_bps("uplink"),
        downlink_bps=rate_bps("downlink"),
        delay_s=link.delay_s + servers.delay_s,
        shared_by=1,
    )


def _round_s(link: Link, work: ClientRound) -> float:
    uplink, downlink = (Channel(link, direction, seed=0, client=0) for direction in ("uplink", "downlink"))
    now = 0.0

    def exchange(messages: Sequence[Message], kind: str, step: int) -> None:
        nonlocal now
        for number, (sent, received) in enumerate(messages):
            there = uplink.passage(now, round(sent), f"{kind} {number}", 0, step).delivered_s
            now = downlink.passage(there, round(received), f"{kind} {number}", 0, step).delivered_s

    some = min(round(work.steps), _STEPS)
    for step in range(some):
        now += work.own_s
        exchange(work.exchanges, "step", step)
    now *= work.steps / some if some else 0.0
    exchange(work.models, "model", 0)
    return now
