"""A YAML file as plain values that remembers where each of them stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase, CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from splitfed_core.errors import GridError

MAX_VALUES = 300_000  # aliases of aliases multiply: a few lines can stand for more values than memory holds
MAX_DEPTH = 50

Key = str | int


@dataclass(frozen=True)
class YamlFile:
    """The values of one file, and what the command line put in their place.

    Args:
        name: The path as the user wrote it, for messages.
        raw: The file, byte for byte.
        values: Plain dicts, lists, strings, numbers and booleans.
        tree: The same with positions.
        options: Paths of values that came from the command line, with the option's text.
    """

    name: str
    raw: bytes
    values: dict[str, object]
    tree: CommentedMap
    options: Mapping[tuple[Key, ...], str] = field(default_factory=dict)

    def where(self, *keys: Key) -> str:
        """Return `file:line:column` of a value, or of what holds it when it has no place of its own."""
        if option := self._option(*keys):
            return self.options[option]
        line, column = self.place(*keys)
        return f"{self.name}:{line}:{column}"

    def place(self, *keys: Key) -> tuple[int, int]:
        """Return line and column of a value, from 1; what the command line gave comes before all lines."""
        if option := self._option(*keys):
            return 0, list(self.options).index(option)
        node, place = self.tree, (0, 0)
        for key in keys:
            try:
                place, node = _position(node, key), node[key]
            except (KeyError, IndexError, TypeError):
                break
        return place[0] + 1, place[1] + 1

    def _option(self, *keys: Key) -> tuple[Key, ...] | None:
        """Return the path of the option that gave a value, if one did."""
        return next((keys[:depth] for depth in range(len(keys), 0, -1) if keys[:depth] in self.options), None)

    def get(self, *keys: Key) -> object:
        """Return the value at a path, or None."""
        value: object = self.values
        for key in keys:
            match value:
                case dict() if key in value:
                    value = value[key]
                case list() if isinstance(key, int) and 0 <= key < len(value):
                    value = value[key]
                case _:
                    return None
        return value

    def error(self, message: str, *keys: Key) -> GridError:
        """Make the error of a value: where it stands, then the message."""
        return GridError(f"{self.where(*keys)}: {message}", self.place(*keys))

    def with_option(self, path: tuple[str, ...], value: object, option: str) -> "YamlFile":
        """Return the file with one value replaced from the command line."""
        return replace(self, values=_replaced(self.values, path, value), options={**self.options, path: option})


def _replaced(values: dict[str, object], path: tuple[str, ...], value: object) -> dict[str, object]:
    key, *rest = path
    inner = values.get(key)
    held = inner if isinstance(inner, dict) else {}
    return {**values, key: _replaced(held, tuple(rest), value) if rest else value}


def _position(node: CommentedMap | CommentedSeq, key: Key) -> tuple[int, int]:
    """Return line and column of an entry: of the value where it is one word, else of its key."""
    if isinstance(node, CommentedSeq):
        line, column = node.lc.item(key)
    elif isinstance(node[key], CommentedBase) or node[key] is None:
        line, column = node.lc.key(key)
    else:
        line, column = node.lc.value(key)
    return line, column


def read_yaml(path: Path) -> YamlFile:
    """Read a file whose top level is a mapping.

    Raises:
        GridError: No such file, not YAML, a key twice, or nothing in it.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GridError(f"{path}: cannot be read: {error.strerror}; name a grid file") from None
    tree = _parse(str(path), raw)
    if not isinstance(tree, CommentedMap):
        raise GridError(
            f"{path}:1: a grid is a mapping of keys to values, but this holds {_kind(tree)}; begin with `axes:`"
        )
    return YamlFile(str(path), raw, _Plain(str(path)).mapping(tree), tree)


def parse_value(text: str) -> object:
    """Read one YAML value from the command line: `0.1`, `off`, `[2, 4]`, `{name: iid}`."""
    return _Plain("the command line").value(_parse("the command line", text.encode()), (0, 0))


def _parse(name: str, raw: bytes) -> object:
    reader = YAML(typ="rt", pure=True)
    reader.composer.warn_double_anchors = False  # allowed in YAML; a warning would land in the user's terminal
    try:
        text = raw.decode()
        _look_over(name, text)
        return reader.load(text)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise GridError(f"{name}:{line}: this is not UTF-8 text; a grid is a YAML file") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ":1"
        problem = (error.problem or error.context or "it is not YAML").splitlines()[0]
        raise GridError(f"{name}{place}: {problem}; fix the YAML here") from None
    except TypeError:  # ruamel hashes keys
        raise GridError(f"{name}:1: a key is a mapping or a list; keys are names") from None
    except (YAMLError, ValueError) as error:
        raise GridError(f"{name}:1: this is not YAML: {str(error).splitlines()[0]}") from None


def _look_over(name: str, text: str) -> None:
    """Refuse what cannot be a grid before it is made into values: `!tags`, and more levels than anybody writes."""
    depth = 0
    for event in YAML(pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        place = f"{name}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"
        if depth > MAX_DEPTH:
            raise GridError(f"{place}: nested too deeply; a grid has a handful of levels")
        if tag := getattr(event, "tag", None):
            raise GridError(f"{place}: tag {tag} is not allowed in a grid; remove it")


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else f"only {str(value)[:40]!r}"


class _Plain:
    """Turns ruamel's round-trip values into plain ones, and counts them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._open: set[int] = set()

    def mapping(self, node: CommentedMap) -> dict[str, object]:
        """Convert a mapping; its keys have to be words."""
        plain = {}
        for key, value in node.items():
            place = node.lc.data.get(key, [0, 0])[:2] if node.lc.data else (0, 0)
            if not isinstance(key, str):
                raise self._error(f"key {key!r} is not a word; keys are names", place)
            plain[str(key)] = self.value(value, place)
        return plain

    def value(self, node: object, place: Sequence[int]) -> object:
        """Convert anything that a grid can hold."""
        self._count += 1
        if id(node) in self._open or self._count > MAX_VALUES:
            raise self._error("aliases that repeat themselves make this endless; write the values out", place)
        if isinstance(node, CommentedMap | CommentedSeq):
            self._open.add(id(node))
            plain = self.mapping(node) if isinstance(node, CommentedMap) else self._list(node)
            self._open.remove(id(node))
            return plain
        for kind in (bool, int, float, str):
            if isinstance(node, kind):
                return kind(node)
        if node is None:
            return None
        raise self._error(f"a value of type {type(node).__name__} is not allowed in a grid; quote it", place)

    def _list(self, node: CommentedSeq) -> list[object]:
        return [self.value(item, node.lc.item(i)) for i, item in enumerate(node)]

    def _error(self, message: str, place: Sequence[int]) -> GridError:
        return GridError(f"{self._name}:{place[0] + 1}:{place[1] + 1}: {message}")
