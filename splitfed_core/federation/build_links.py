"""The emulated links of a cell: what stands between its clients and its servers, on both sides."""

from collections.abc import Iterable
from functools import partial

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.link_choice import client_links, server_link
from splitfed_core.errors import CellError
from splitfed_core.records.results import CellKey
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.links import Direction, Link
from splitfed_core.timing.queues import Arbiter, Channel
from splitfed_core.timing.sharing import SharedLinks
from splitfed_core.wire.layers.base import MakeGate, MakeLayer
from splitfed_core.wire.layers.link import ClientLink, LinkClock, LinkGate, LinkLayer


def build_links(
    key: CellKey, config: CellConfig, clients: Iterable[int], clock: LinkClock, arbiter: Arbiter | None = None
) -> dict[int, ClientLink]:
    """Build the links of some clients; a trace begins now.

    Args:
        key: Cell, repeat and seed.
        config: The cell.
        clients: Whose links.
        clock: Which says when a trace begins.
        arbiter: Of links that clients share.

    Raises:
        ConfigError: A trace that cannot be read.
        CellError: A link is shared, and nobody shares it out.
    """
    links, began_s = client_links(config.link, config.num_clients, key.seed), clock.now()

    def build(client: int, link: Link) -> ClientLink:
        def channel(direction: Direction) -> Channel:
            return Channel(link, direction, seed=key.seed, client=client, epoch_s=began_s)

        if config.shares_links and arbiter is None:
            raise CellError(f"the link of client {client} is shared: it takes an arbiter")
        return ClientLink(channel("uplink"), channel("downlink"), arbiter if config.shares_links else None)

    return {client: build(client, links[client]) for client in clients}


def build_arbiter(key: CellKey, config: CellConfig) -> Arbiter | None:
    """Build what divides the links of a cell that clients share; None where they share none."""
    if not config.shares_links:
        return None
    return SharedLinks(client_links(config.link, config.num_clients, key.seed), server_link(config.server_link))


def link_layers(
    key: CellKey,
    config: CellConfig,
    clients: Iterable[int],
    shares: StepShares,
    clock: LinkClock,
    arbiter: Arbiter | None = None,
) -> list[MakeLayer]:
    """Return what emulates the links of some clients on their side, the same for the ways to both servers.

    Args:
        key: Cell, repeat and seed.
        config: The cell; without links there is nothing.
        clients: Whose links.
        shares: Take what the links took of each step.
        clock: Of this side.
        arbiter: Of links that clients share.
    """
    if not config.has_links:
        return []
    links = build_links(key, config, clients, clock, arbiter)
    return [partial(LinkLayer, links=links, shares=shares, timeout_s=config.timeout_s, clock=clock)]


def link_gates(config: CellConfig, clock: LinkClock, arbiter: Arbiter | None = None) -> list[MakeGate]:
    """Return what emulates the links of all clients on a server's side; without links there is nothing."""
    return [partial(LinkGate, clock=clock, arbiter=arbiter)] if config.has_links else []
