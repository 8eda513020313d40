"""Whether the same seed gives the same draws and delivery times, to the bit, whatever process computes them.

`python -m benchmarks.links.repeatable [reversed]` prints them as JSON: what messages of a mixed fleet draw, in one
order or the other, and when real layers deliver them by an injected clock.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np

from benchmarks.links.goals import link_goal
from benchmarks.links.witness import DIRECTIONS
from benchmarks.own_cost.goals import Result
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.link_choice import client_links
from splitfed_core.timing.holds import StepShares
from splitfed_core.timing.links import Link
from splitfed_core.timing.queues import Channel
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.link import ClientLink, LinkGate, LinkLayer
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.in_process import InProcessTransport

_CLIENTS, _ROUNDS, _STEPS, _SEED = 10, 3, 5, 7
_FLEET = {"name": "mix", "of": {"lte": 0.3, "wifi": 0.3, "5g": 0.2, "lossy_edge": 0.2}}
_BYTES = {"step": 40_000, "push": 400_000}


def measure_repeatability() -> Result:
    """Let two processes, which hash text differently, compute the same, one in the other order; count what differs."""
    one, other = _computed("1"), _computed("2", "reversed")
    differ = sum(one.get(key) != other.get(key) for key in one.keys() | other.keys())
    detail = f"{len(one):,} values of {_CLIENTS} clients, in two processes and two orders"
    return Result(link_goal("seed"), [float(differ)], detail)


def _computed(hash_seed: str, *words: str) -> dict[str, str]:
    command = [sys.executable, "-m", "benchmarks.links.repeatable", *words]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603  our own module
    values: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return values


def _fleet() -> tuple[Link, ...]:
    config = CellConfig.parse({"clients": _CLIENTS, "link": _FLEET})
    return client_links(config.link, _CLIENTS, _SEED)


def draws(*, backwards: bool) -> Iterator[tuple[str, str]]:
    """Yield what each message takes on an idle link, by its name; the order of messages is to make no difference."""
    links = _fleet()
    named = list(product(range(_CLIENTS), DIRECTIONS, _BYTES, range(_ROUNDS), range(_STEPS)))
    for client, direction, kind, round, step in reversed(named) if backwards else named:
        channel = Channel(links[client], direction, seed=_SEED, client=client)
        passage = channel.passage(0.0, _BYTES[kind], kind, round, step)
        yield f"draw {client} {direction} {kind} {round} {step}", " ".join(each.hex() for each in passage)


class _InjectedClock:
    """Stands still but where somebody waits."""

    def __init__(self) -> None:
        self._now_s = 100.0

    def now(self) -> float:
        return self._now_s

    def wait_until(self, due: float) -> None:
        self._now_s = max(self._now_s, due)


class _Instant:
    """A main server that takes no time."""

    kinds = frozenset({Kind.FORWARD_BODY})

    def handle(self, call: Call[Array]) -> Reply[Array]:
        return Reply(call.tensors, stamps=ServerStamps(call.received_s, 0.0, 0.0, 0.0))


def deliveries() -> Iterator[tuple[str, str]]:
    """Yield when each call and each reply of a fleet is sent and delivered through the layers of a cell."""
    clock = _InjectedClock()
    links = {
        client: ClientLink(
            Channel(link, "uplink", seed=_SEED, client=client), Channel(link, "downlink", seed=_SEED, client=client)
        )
        for client, link in enumerate(_fleet())
    }
    gate = server_gate(_Instant(), more=[partial(LinkGate, clock=clock)])
    layer = partial(LinkLayer, links=links, shares=StepShares(), timeout_s=1e6, clock=clock)
    transport = client_stack(InProcessTransport(gate), Counters(), more=[layer])
    for round, step, client in product(range(_ROUNDS), range(_STEPS), range(_CLIENTS)):
        tensor = np.zeros(_BYTES["step"], np.uint8)
        reply = transport.exchange(Call(Kind.FORWARD_BODY, Address(client, round, step), (tensor,)))
        times = (reply.transit.sent, reply.stamps.received, reply.stamps.encoded, reply.transit.arrived)
        yield f"delivery {client} {round} {step}", " ".join(each.hex() for each in times)


if __name__ == "__main__":
    print(json.dumps({**dict(draws(backwards=sys.argv[1:] == ["reversed"])), **dict(deliveries())}))
