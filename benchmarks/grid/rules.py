"""Rules of a grid: which cells an exclude or an override applies to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.grid.axes import parse_parameter
from benchmarks.grid.expressions import Expression
from benchmarks.grid.problems import Problems, parse_each
from benchmarks.grid.yaml_file import Key, YamlFile
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.errors import GridError, UsageError
from splitfed_core.timing.fleet import CUSTOM, MIX, PER_CLIENT

_FLEETS = ("link", "device")


@dataclass(frozen=True)
class Rule:
    """Cells chosen by values and by a condition; where both are given, both have to hold.

    Args:
        where: `file:line:column`, for messages.
        place: Line and column.
        match: For each parameter the values of which it has to have one.
        when: The condition, if there is one.
    """

    where: str
    place: tuple[int, int]
    match: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    when: Expression | None = None

    def error(self, message: str) -> GridError:
        """Make an error of the rule."""
        return GridError(f"{self.where}: {message}", self.place)

    def holds(self, values: Mapping[str, object]) -> bool:
        """Tell whether the rule applies to a cell with these parameters."""
        for name, choices in self.match.items():
            if not any(_same(choice, values[name]) for choice in choices):
                return False
        return self.when is None or self.when(values)


@dataclass(frozen=True)
class Exclude:
    """Cells to leave out, and why."""

    rule: Rule
    reason: str


@dataclass(frozen=True)
class Override:
    """Parameters to set in some cells."""

    rule: Rule
    values: Mapping[str, object]


def parse_rule(source: YamlFile, match: Mapping[str, object] | None, when: str | None, *keys: Key) -> Rule:
    """Validate the `match:` and `when:` of the entry that stands at `keys`."""
    if match is None and when is None:
        raise source.error(f"{keys[0]}[{keys[-1]}] applies to no cell; give it `match:` or `when:`", *keys)
    problems, choices, condition = Problems(), {}, None
    with problems:
        choices = dict(
            parse_each(lambda item: (item[0], _choices(source, *item, *keys, "match")), (match or {}).items())
        )
    with problems:
        condition = None if when is None else _condition(source, when, *keys, "when")
    problems.check()
    return Rule(source.where(*keys), source.place(*keys), choices, condition)


def _condition(source: YamlFile, when: str, *keys: Key) -> Expression:
    try:
        return Expression(when, CellConfig.model_fields)
    except UsageError as error:
        raise source.error(str(error), *keys) from None


def _choices(source: YamlFile, name: str, value: object, *keys: Key) -> tuple[object, ...]:
    if not isinstance(value, list):
        return (_choice(source, name, value, *keys, name),)
    if not value:
        raise source.error(f"match {name} is empty; name the values that match", *keys, name)
    return tuple(_choice(source, name, item, *keys, name, i) for i, item in enumerate(value))


def _choice(source: YamlFile, name: str, value: object, *keys: Key) -> object:
    """Read what a rule matches: of links and devices also every custom one, every mix, by that name alone."""
    if name in _FLEETS and value in (CUSTOM, MIX, PER_CLIENT):
        return Named(name=str(value))
    return parse_parameter(source, name, value, *keys)


def _same(choice: object, value: object) -> bool:
    """A bare name matches a choice by that name whatever its settings."""
    if isinstance(choice, Named) and isinstance(value, Named) and not choice.model_extra:
        return choice.name == value.name
    return type(choice) is type(value) and bool(choice == value)  # participation 1 is not 1.0
