"""What a cell emulates, in numbers: for its processes, and for its manifest."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.device_choice import asks_host_speed, client_slowdowns
from splitfed_core.config.link_choice import client_links, server_link
from splitfed_core.timing.devices import HostSpeed
from splitfed_core.timing.host_speed import host_speed


def slowdowns(
    config: CellConfig, seed: int, host: HostSpeed | None, measure: Callable[[], HostSpeed] = host_speed
) -> dict[int, float]:
    """Return how many times as slow as this host each client computes; nothing where a cell has no devices.

    Args:
        config: The cell.
        seed: Of its repeat.
        host: What this host computes, if the plan knows.
        measure: Says so if that must be known and is not.
    """
    if host is None and asks_host_speed(config.device):
        host = measure()
    return client_slowdowns(config.device, config.num_clients, seed, host)


def emulation_facts(
    config: CellConfig, seed: int, slowdowns: Mapping[int, float], host: HostSpeed | None, cores: int
) -> dict[str, object]:
    """Return what the manifest says of it: the factors and link numbers that were used, and on how many cores.

    Args:
        config: The cell; without links, devices and slow servers there is nothing to say.
        seed: Of its repeat.
        slowdowns: Of the clients.
        host: What this host computes, where that was asked.
        cores: Of this host.
    """
    if not config.emulates:
        return {}
    links = client_links(config.link, config.num_clients, seed) if config.has_links else ()
    facts: dict[str, object] = {
        "slowdowns": [slowdowns[client] for client in sorted(slowdowns)] or None,
        "server_slowdown": config.server_slowdown,
        "host_gflops": asdict(host) if host and asks_host_speed(config.device) else None,
        "links": [link.numbers() for link in links] or None,
        "server_link": server_link(config.server_link).numbers() if config.server_link else None,
        "cores": cores,
    }
    return {name: value for name, value in facts.items() if value is not None}
