"""Reading JSON of the border: first its schema, then field by field; what is not what it must be is named and left out.

What a file holds beyond the fields that this version knows is kept, never dropped: a later version may have written it.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from splitfed_core.errors import NewerSchemaError

T = TypeVar("T")
_CALLED: Mapping[object, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    (int, float): "a number",
    list: "a list",
    dict: "an object",
}
"""Kinds of JSON values, as a message calls them."""

Document = dict[str, object]


def read_document(path: Path, newest: int) -> Document:
    """Read a file of a run.

    Args:
        path: The file.
        newest: The newest schema that its reader knows; older ones, and files without any, are read.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be read.
        ValueError: It is not JSON, or not an object.
        NewerSchemaError: It has a schema that this version does not know.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"holds a {type(content).__name__} instead of an object")
    schema = content.get("schema", 0)
    if not isinstance(schema, int):
        raise ValueError(f"schema {schema!r} is not a number")
    if schema > newest:
        raise NewerSchemaError(
            f"{path} has schema {schema}, and this version of sfbench reads up to {newest}: upgrade sfbench, or use "
            "the version that wrote it"
        )
    return content


class Fields:
    """The fields of a document, taken one by one.

    Attributes:
        wrong: What was not what it must be, in words.
    """

    def __init__(self, document: Mapping[str, object]) -> None:
        self._left = {name: value for name, value in document.items() if name != "schema"}
        self.wrong: list[str] = []

    def rest(self) -> Document:
        """Return what nobody took."""
        return dict(self._left)

    def text(self, name: str) -> str | None:
        """Take a text."""
        return self._take(name, str)

    def flag(self, name: str) -> bool | None:
        """Take a truth."""
        return self._take(name, bool)

    def anything(self, name: str) -> object:
        """Take whatever there is."""
        return self._left.pop(name, None)

    def integer(self, name: str) -> int | None:
        """Take a whole number."""
        return self._take(name, int)

    def number(self, name: str) -> float | None:
        """Take a number."""
        return self._take(name, (int, float))

    def items(self, name: str) -> list[object]:
        """Take a list; an empty one where there is none."""
        return self._take(name, list) or []

    def mapping(self, name: str) -> Document:
        """Take a mapping; an empty one where there is none."""
        return self._take(name, dict) or {}

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list of texts."""
        return tuple(map(str, self.items(name)))

    def names(self, name: str) -> dict[str, str]:
        """Take a mapping of texts."""
        return {key: str(value) for key, value in self.mapping(name).items()}

    def part(self, name: str, read: "Callable[[Fields], T]") -> T | None:
        """Take a mapping that has fields of its own; None where it is not there."""
        content = self._take(name, dict)
        if content is None:
            return None
        fields = Fields(content)
        made = read(fields)
        self.wrong += [f"{name}: {problem}" for problem in fields.wrong]
        return made

    def _take(self, name: str, kind: "type[T] | tuple[type[T], ...]") -> T | None:
        value = self._left.pop(name, None)
        if value is None:
            return None
        if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
            return value
        self.wrong.append(f"{name!r} is not {_CALLED[kind]}; ignored")
        return None


def merged(document: Mapping[str, object], extra: Mapping[str, object]) -> Document:
    """Return a document with what was beyond its fields when it was read."""
    made = dict(document)
    for name, value in extra.items():
        own = made.get(name)
        made[name] = merged(own, value) if isinstance(own, dict) and isinstance(value, dict) else value
    return made
