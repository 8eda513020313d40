"""The ledger of one step: who had it when, and what the phases between those moments cost."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from splitfed_core.arrays import Array
from splitfed_core.records.rows import PHASES
from splitfed_core.wire.call import Reply

Columns = dict[str, Any]
"""Columns of a `StepRow`, by name."""


def stamps_of(reply: Reply[Array]) -> list[float]:
    """Return the stamps from serialised request to serialised reply in hand, in the order of time."""
    server, transit = reply.stamps, reply.transit
    on_server = [server.received, server.decoded, server.started, server.computed, server.encoded]
    return [transit.sent, *on_server, transit.arrived]


def durations_of(before: float, reply: Reply[Array], after: float) -> list[float]:
    """Return the eight phases of an exchange, from `encode` to `decode`."""
    stamps = [before, *stamps_of(reply), after]
    return [end - start for start, end in pairwise(stamps)]


def named_phases(durations: list[float]) -> Columns:
    """Name the phases; the step's own duration is their sum."""
    return {**dict(zip(PHASES, durations, strict=True)), "step_s": sum(durations)}


def bytes_of(replies: Sequence[Reply[Array]]) -> Columns:
    """Return what went up and down in these exchanges."""
    return {
        "uplink_bytes": sum(reply.transit.uplink_bytes for reply in replies),
        "downlink_bytes": sum(reply.transit.downlink_bytes for reply in replies),
    }
