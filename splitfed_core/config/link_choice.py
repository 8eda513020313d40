"""The links of a cell as types of parameters: what a grid holds, in the one form that is hashed."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from splitfed_core.config.app_folder import app_folder
from splitfed_core.config.choice import Choice, Named
from splitfed_core.timing.fleet import CUSTOM, MIX, PER_CLIENT, Form, kinds
from splitfed_core.timing.link_forms import OF_SERVERS, SETTINGS_SCHEMA, canonical_link, canonical_server_link
from splitfed_core.timing.links import PRESETS, Link, link_of, links_of


def _canonical(canonical: Callable[[object], Form], value: object) -> object:
    if value is None:
        return None
    return canonical({"name": value.name, **value.settings} if isinstance(value, Named) else value)


class _Schema:
    """Says in a JSON schema what a grid may hold: names, and the settings that go with them."""

    def __init__(self, settings: Mapping[str, object], *, fleet: bool) -> None:
        self._settings, self._fleet = settings, fleet

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        name = {"type": "string", "enum": [*PRESETS, CUSTOM]}
        own = {"type": "object", "properties": {"name": name, **self._settings}, "additionalProperties": False}
        own |= {"minProperties": 1, "not": {"anyOf": _CONTRADICTIONS}}
        one = [{"type": "string", "enum": list(PRESETS)}, own]
        fleet = [
            _object(name={"const": PER_CLIENT}, of={"type": "array", "items": {"anyOf": one}, "minItems": 1}),
            _object(
                name={"const": MIX},
                of={
                    "type": "object",
                    "propertyNames": {"enum": list(PRESETS)},
                    "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                },
            ),
        ]
        return {"anyOf": [*one, *(fleet if self._fleet else []), {"type": "null"}]}


_CONTRADICTIONS = [
    {"required": both} for both in (["delay_ms", "rtt_ms"], ["trace", "uplink_mbit"], ["trace", "downlink_mbit"])
]
"""What a link cannot say at the same time."""


def _object(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


LinkChoice = Annotated[
    Choice | None, BeforeValidator(partial(_canonical, canonical_link)), _Schema(SETTINGS_SCHEMA, fleet=True)
]
ServerLinkChoice = Annotated[
    Choice | None,
    BeforeValidator(partial(_canonical, canonical_server_link)),
    _Schema({name: SETTINGS_SCHEMA[name] for name in (*OF_SERVERS, "rtt_ms")}, fleet=False),
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


def kinds_of(choice: Named | None, parameter: str = "link") -> tuple[Link, ...]:
    """Return the different links that clients of a cell may have.

    Raises:
        ConfigError: A trace that cannot be read.
    """
    return tuple(link_of(form, app_folder(), parameter) for form in kinds(form_of(choice))) if choice else ()
