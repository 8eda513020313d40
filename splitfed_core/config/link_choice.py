"""The links of a cell as types of parameters: what a grid holds, in the one form that is hashed."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from splitfed_core.config.app_folder import app_folder
from splitfed_core.config.choice import Choice, Named
from splitfed_core.config.fleet_schema import FleetSchema, Schema, mapping
from splitfed_core.timing.fleet import CUSTOM, Form, kinds
from splitfed_core.timing.link_forms import (
    OF_SERVERS,
    SETTINGS_SCHEMA,
    canonical_link,
    canonical_server_link,
    trace_files,
)
from splitfed_core.timing.links import PRESETS, Link, link_of, links_of
from splitfed_core.timing.traces import read_trace


def _canonical(canonical: Callable[[object], Form], value: object) -> object:
    if value is None:
        return None
    return canonical({"name": value.name, **value.settings} if isinstance(value, Named) else value)


_CONTRADICTIONS = [
    {"required": both} for both in (["delay_ms", "rtt_ms"], ["trace", "uplink_mbit"], ["trace", "downlink_mbit"])
]
"""What a link cannot say at the same time."""


def _own(settings: Mapping[str, object]) -> Schema:
    """Return the schema of a link that says its settings."""
    own = mapping({"name": {"type": "string", "enum": [*PRESETS, CUSTOM]}, **settings})
    return own | {"minProperties": 1, "not": {"anyOf": _CONTRADICTIONS}}


LinkChoice = Annotated[
    Choice | None, BeforeValidator(partial(_canonical, canonical_link)), FleetSchema(PRESETS, _own(SETTINGS_SCHEMA))
]
ServerLinkChoice = Annotated[
    Choice | None,
    BeforeValidator(partial(_canonical, canonical_server_link)),
    FleetSchema(PRESETS, _own({name: SETTINGS_SCHEMA[name] for name in (*OF_SERVERS, "rtt_ms")}), fleet=False),
]


def form_of(choice: Named) -> Form:
    """Return a choice as the plain form that `timing` takes."""
    return {"name": choice.name, **choice.settings}


def client_links(choice: Named | None, clients: int, seed: int, folder: Path | None = None) -> tuple[Link, ...]:
    """Return the link of each client of a cell, by its number.

    Args:
        choice: The cell's `link`.
        clients: How many there are.
        seed: Of the cell's repeat.
        folder: From which the files of traces are named; by default the user's.

    Raises:
        ConfigError: A trace that cannot be read.
    """
    return links_of(form_of(choice) if choice else None, clients, seed, folder or app_folder())


def server_link(choice: Named | None) -> Link:
    """Return the servers' own link; one that costs nothing where a cell has none."""
    return link_of(form_of(choice)) if choice else Link()


def trace_digests(choice: Named | None) -> dict[str, str]:
    """Return a digest of each trace that the links of a cell replay, by the name of its file.

    Raises:
        ConfigError: A trace that cannot be read.
    """
    files = {file for form in kinds(form_of(choice)) for file in trace_files(form)} if choice else set()
    return {file: read_trace(app_folder(), file).digest for file in sorted(files)}


def kinds_of(choice: Named | None, parameter: str = "link") -> tuple[Link, ...]:
    """Return the different links that clients of a cell may have.

    Raises:
        ConfigError: A trace that cannot be read.
    """
    return tuple(link_of(form, app_folder(), parameter) for form in kinds(form_of(choice))) if choice else ()
