"""The value of the parameter `algorithm`: one that is registered, or the user's own `./file.py:NAME`, `module:NAME`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, PlainValidator
from pydantic_core import CoreSchema, PydanticCustomError

from splitfed_core.algorithms import ALGORITHMS, Algorithm
from splitfed_core.config.app_folder import app_folder
from splitfed_core.config.user_code import defined_in, load_module, one_spelling
from splitfed_core.errors import ConfigError

_OWN: dict[tuple[Path, str], Algorithm] = {}
"""The user's own that this process has loaded, by folder and spelling."""


def find_algorithm(name: str) -> Algorithm | None:
    """Return the algorithm of this name; None if there is no such.

    One of the user's own is loaded when it is first asked for, in each process. It is known by its spelling there, so
    that its cells, columns and figures never share a name with those of another.

    Raises:
        ConfigError: It is the user's own, and cannot be had.
    """
    if name in ALGORITHMS or ":" not in name:
        return ALGORITHMS.get(name)
    key = app_folder(), one_spelling(name)
    if key not in _OWN:
        _OWN[key] = _load(key[1])
    return _OWN[key]


def own_algorithms() -> list[Algorithm]:
    """Return the user's own algorithms that this process has loaded from the folder it is in."""
    return [algorithm for (folder, _), algorithm in _OWN.items() if folder == app_folder()]


def _load(name: str) -> Algorithm:
    module = load_module("algorithm", name)
    where, _, attribute = name.rpartition(":")
    found = getattr(module, attribute, None)
    if not isinstance(found, Algorithm):
        what = "nothing of this name" if found is None else f"a {type(found).__name__} of this name"
        raise ConfigError(
            f"algorithm {name!r}: {where!r} has {what}, not an Algorithm; it has {defined_in(module, Algorithm)}",
            "algorithm",
        )
    if ALGORITHMS.get(found.name, found) is not found:
        raise ConfigError(
            f"algorithm {name!r}: its name {found.name!r} is that of another; give yours a name of its own", "algorithm"
        )
    return replace(found, name=name)


def _known(name: object) -> str:
    """Return the name in its one spelling, if there is such an algorithm."""
    if isinstance(name, str) and (found := find_algorithm(name)):
        return found.name
    raise PydanticCustomError(
        "unknown_algorithm",
        "Input should be {names} or your own, ./file.py:NAME or module:NAME",
        {"names": ", ".join(map(repr, ALGORITHMS))},
    )


class _Names:
    """Lists the registered names in a JSON schema, and says what the user's own look like."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        own = {"description": "your own: ./file.py:NAME or module:NAME", "pattern": ".:[A-Za-z_]", "type": "string"}
        return {"anyOf": [{"enum": list(ALGORITHMS), "type": "string"}, own]}


AlgorithmName = Annotated[str, PlainValidator(_known), _Names()]
