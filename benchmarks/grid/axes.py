"""The values of an axis: a list, or a short form of one.

| form | values |
|---|---|
| `[2, 4, 8]` | as they stand |
| `{range: [2, 10], step: 4}` | 2, 6, 10: both ends, step 1 by default |
| `{log: [0.001, 0.1], num: 3}` | 0.001, 0.01, 0.1: both ends, equal ratios |
| `{pow2: [16, 64]}` | 16, 32, 64: all powers of two between two powers of two |
"""

import math
from collections.abc import Iterable

from benchmarks.grid.problems import parse_each
from benchmarks.grid.yaml_file import Key, YamlFile
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.link_choice import kinds_of
from splitfed_core.errors import ConfigError, GridError

MAX_AXIS = 100_000

Number = int | float


def parse_parameter(source: YamlFile, name: str, value: object, *keys: Key) -> object:
    """Validate the value of one parameter; an error names the line."""
    try:
        parsed = CellConfig.parse_value(name, value)
        if name == "link":
            kinds_of(parsed)  # reads the traces
        return parsed
    except ConfigError as error:
        raise source.error(str(error), *keys) from None


def parse_parameters(source: YamlFile, values: object, *keys: Key) -> dict[str, object]:
    """Validate a mapping of parameters to values, such as `base:`."""
    if not isinstance(values, dict):
        raise source.error(f"{keys[-1]} {values!r} is not a mapping of parameters to values", *keys)
    return dict(parse_each(lambda name: (name, parse_parameter(source, name, values[name], *keys, name)), values))


def parse_axes(source: YamlFile, axes: object, *keys: Key) -> dict[str, tuple[object, ...]]:
    """Validate a mapping of parameters to lists of values, such as `axes:`."""
    if not isinstance(axes, dict):
        raise source.error(f"{keys[-1]} {axes!r} is not a mapping of parameters to lists of values", *keys)
    return dict(parse_each(lambda name: (name, _parse_axis(source, name, axes[name], *keys, name)), axes))


def _parse_axis(source: YamlFile, name: str, values: object, *keys: Key) -> tuple[object, ...]:
    if name not in CellConfig.model_fields:
        parse_parameter(source, name, None, *keys)
    if isinstance(values, dict):
        short = _short_form(source, name, values, *keys)
        parsed = [_parse_number(source, name, value, *keys) for value in short]
        return tuple(dict.fromkeys(parsed))
    if not isinstance(values, list):
        raise source.error(f"axis {name} is {values!r}, not a list; write [{values}], or move it to `base:`", *keys)
    if not values:
        raise source.error(f"axis {name} is empty; give it a value or remove it", *keys)
    parsed = parse_each(lambda i: parse_parameter(source, name, values[i], *keys, i), range(len(values)))
    for i, value in enumerate(parsed):
        if keys[0] == "zip":  # axes that move together may stand still
            break
        if any(type(value) is type(other) and value == other for other in parsed[:i]):  # participation: [1, 1.0]
            raise source.error(f"axis {name} holds {values[i]!r} twice; give each value once", *keys, i)
    return tuple(parsed)


def _parse_number(source: YamlFile, name: str, value: Number, *keys: Key) -> object:
    """A value of a short form counts as a whole number where the parameter is one."""
    try:
        return CellConfig.parse_value(name, value)
    except ConfigError:
        return parse_parameter(source, name, round(value), *keys)


def _short_form(source: YamlFile, name: str, form: dict[str, object], *keys: Key) -> list[Number]:
    known = {"range": {"step"}, "log": {"num"}, "pow2": set[str]()}
    kind = next((kind for kind in known if kind in form), None)
    if kind is None or form.keys() - {kind} - known[kind]:
        raise source.error(
            f"axis {name} is {form!r}; write a list, {{range: [a, b], step: s}}, {{log: [a, b], num: n}} "
            "or {pow2: [a, b]}",
            *keys,
        )
    low, high = _ends(source, form[kind], *keys, kind)
    try:
        if kind == "range":
            return _range(low, high, form.get("step", 1))
        return _log(low, high, form.get("num", 2)) if kind == "log" else _pow2(low, high)
    except GridError as error:
        raise source.error(f"axis {name} is {form!r}: {error}", *keys, kind) from None


def _ends(source: YamlFile, ends: object, *keys: Key) -> tuple[Number, Number]:
    match ends:
        case [int() | float() as low, int() | float() as high] if _finite([low, high]) and low <= high:
            return low, high
    raise source.error(f"{keys[-1]} {ends!r} needs two numbers, the smaller one first, as in [2, 16]", *keys)


def _finite(numbers: Iterable[object]) -> bool:
    return all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers)


def _range(low: Number, high: Number, step: object) -> list[Number]:
    if not isinstance(step, int | float) or not _finite([step]) or step <= 0:
        raise GridError(f"step {step!r} must be a number above 0")
    count = math.floor((high - low) / step + 1e-9) + 1
    _check_count(count)
    whole = isinstance(low, int) and isinstance(step, int)
    return [low + i * step if whole else float(f"{low + i * step:.12g}") for i in range(count)]


def _log(low: Number, high: Number, num: object) -> list[Number]:
    if isinstance(num, bool) or not isinstance(num, int) or num < 2:
        raise GridError(f"num {num!r} must be a whole number of at least 2")
    if low <= 0:
        raise GridError("a logarithmic axis must begin above 0")
    _check_count(num)
    ratio = high / low
    return [float(f"{low * ratio ** (i / (num - 1)):.12g}") for i in range(num)]


def _pow2(low: Number, high: Number) -> list[Number]:
    for end in (low, high):
        if not isinstance(end, int) or end < 1 or end & (end - 1):
            raise GridError(f"{end!r} is not a power of two; write for example pow2: [16, 256]")
    return [1 << power for power in range(int(low).bit_length() - 1, int(high).bit_length())]


def _check_count(count: int) -> None:
    if count > MAX_AXIS:
        raise GridError(f"{count} values; an axis has at most {MAX_AXIS}")
