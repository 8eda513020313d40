"""The JSON schema of a grid file, for editors: made from the rules that check the file itself."""

from typing import Any

from benchmarks.grid.file_schema import GridFile
from splitfed_core.config.cell_config import CellConfig

Schema = dict[str, Any]
"""JSON, as pydantic makes it."""

_NUMBER_PAIR = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}


def grid_schema() -> Schema:
    """Return the schema: the keys of a grid, with every parameter wherever parameters stand."""
    schema = GridFile.model_json_schema(by_alias=True)
    cell = CellConfig.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.setdefault("$defs", {})
    definitions |= cell.pop("$defs", {})
    values = {name: _as_written(value) for name, value in cell["properties"].items()}
    definitions["values"] = _mapping(values)
    definitions["axes"] = _mapping({name: _axis(value) for name, value in values.items()})
    definitions["match"] = _mapping({name: _one_or_many(value) for name, value in values.items()})
    keys = schema["properties"]
    keys["base"] |= _refer("values")
    keys["axes"] |= _refer("axes")
    keys["include"]["items"] = _refer("values")
    keys["zip"]["anyOf"] = [_refer("axes"), {"type": "array", "items": _refer("axes")}]
    for rule in ("ExcludeRule", "OverrideRule"):
        definitions[rule]["properties"]["match"] |= {"anyOf": [_refer("match"), {"type": "null"}]}
    definitions["OverrideRule"]["properties"]["set"] |= _refer("values")
    for loose in (keys["base"], keys["axes"], definitions["OverrideRule"]["properties"]["set"]):
        loose.pop("additionalProperties", None)
        loose.pop("type", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "sfbench grid"}


def _refer(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _mapping(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _as_written(value: Schema) -> Schema:
    """A switch is written `on` or `off` too, a choice as its bare name too."""
    value = {key: item for key, item in value.items() if key != "title"}
    shapes = value.pop("anyOf", None) or [{k: value.pop(k) for k in list(value) if k not in ("description", "default")}]
    written = list(shapes)
    if any(shape.get("type") == "boolean" for shape in shapes):
        written.append({"enum": ["on", "off"]})
    if any(shape.get("$ref", "").endswith("/Named") for shape in shapes):
        written.append({"type": "string", "minLength": 1})
    return {**value, "anyOf": written}


def _axis(value: Schema) -> Schema:
    short_forms = [
        {"range": _NUMBER_PAIR, "step": {"type": "number", "exclusiveMinimum": 0}},
        {"log": _NUMBER_PAIR, "num": {"type": "integer", "minimum": 2}},
        {"pow2": _NUMBER_PAIR},
    ]
    forms = [{**_mapping(form), "required": [next(iter(form))]} for form in short_forms]
    return {
        "description": value.get("description", ""),
        "anyOf": [{"type": "array", "items": value, "minItems": 1}, *forms],
    }


def _one_or_many(value: Schema) -> Schema:
    return {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
