"""The settings of a codec, and the one form in which a codec is written down and hashed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One setting of a codec.

    Attributes:
        default: What holds where it is not given.
        rule: What it has to be, in words.
        read: Returns a value as it is used; raises `ValueError` at one that breaks the rule.
        schema: The rule as JSON schema.
        always_written: Whether the canonical form has it even at its default: it is what the codec is about.
    """

    default: T
    rule: str
    read: Callable[[object], T]
    schema: Mapping[str, object]
    always_written: bool = False


def one_of(*values: T, always_written: bool = False) -> Setting[T]:
    """Make a setting that has one of these values, the first by default."""

    def read(value: object) -> T:
        for known in values:
            if type(value) is type(known) and value == known:
                return known
        raise ValueError(value)

    shown = ", ".join(str(value) for value in values)
    return Setting(values[0], f"one of {shown}", read, {"enum": list(values)}, always_written)


def share(default: float, *, below_one: bool = False, always_written: bool = False) -> Setting[float]:
    """Make a setting that is a part of something: above 0 and at most 1 (or below it)."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(value)
        if not 0 < value <= 1 or (below_one and value == 1):
            raise ValueError(value)
        return float(value)

    rule = f"a number above 0 and {'below' if below_one else 'at most'} 1"
    schema = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum" if below_one else "maximum": 1}
    return Setting(default, rule, read, schema, always_written)


Settings = Mapping[str, Setting[str] | Setting[float] | Setting[int]]
