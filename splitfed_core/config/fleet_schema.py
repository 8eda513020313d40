"""What a grid may hold as links or devices, for editors: names, settings, and who of the clients has what."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from splitfed_core.timing.fleet import MIX, PER_CLIENT

Schema = dict[str, object]


class FleetSchema:
    """The JSON schema of a parameter whose values are named presets, mappings of settings, and fleets of these."""

    def __init__(self, names: Iterable[str], own: Schema, *, fleet: bool = True) -> None:
        """Say what it may hold.

        Args:
            names: Of the presets.
            own: The schema of a mapping for one client.
            fleet: Whether there may be one for each client, and mixes.
        """
        preset = {"type": "string", "enum": list(names)}
        one = [preset, own]
        each = {"type": "array", "items": {"anyOf": one}, "minItems": 1}
        share = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
        mix = {"type": "object", "propertyNames": {"enum": preset["enum"]}, "additionalProperties": share}
        fleets = [mapping(name={"const": PER_CLIENT}, of=each), mapping(name={"const": MIX}, of=mix)]
        self._schema = {"anyOf": [*one, *(fleets if fleet else []), {"type": "null"}]}

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self._schema


def mapping(optional: Mapping[str, object] = {}, **required: object) -> Schema:
    """Return the schema of a mapping with these settings and no others."""
    properties = {**optional, **required}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
