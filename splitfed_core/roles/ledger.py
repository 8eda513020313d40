"""The ledger of one step: who had it when, and what the phases between those moments cost."""

from itertools import pairwise
from typing import Any

from splitfed_core.records.rows import PHASES
from splitfed_core.wire.messages import BodyReply, StepReply

Columns = dict[str, Any]
"""Columns of a `StepRow`, by name."""


def _stamps(reply: StepReply | BodyReply) -> list[float]:
    """Return the stamps from serialised request to serialised reply in hand, in the order of time."""
    server, transit = reply.stamps, reply.transit
    assert transit is not None  # noqa: S101  every transport sets it
    on_server = [server.received, server.decoded, server.started, server.computed, server.encoded]
    return [transit.sent, *on_server, transit.arrived]


def _durations(before: float, reply: BodyReply, after: float) -> list[float]:
    """Return the eight phases of an exchange, from `encode` to `decode`."""
    stamps = [before, *_stamps(reply), after]
    return [end - start for start, end in pairwise(stamps)]


def _phases(durations: list[float]) -> Columns:
    """Name the phases; the step's own duration is their sum."""
    return {**dict(zip(PHASES, durations, strict=True)), "step_s": sum(durations)}


def _bytes(replies: list[Any]) -> Columns:
    return {
        "uplink_bytes": sum(reply.transit.uplink_bytes for reply in replies),
        "downlink_bytes": sum(reply.transit.downlink_bytes for reply in replies),
    }
