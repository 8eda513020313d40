"""A grid: its file read, every value checked on its own. Every error names file, line and column."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.grid.axes import parse_axes, parse_parameters
from benchmarks.grid.file_schema import (
    KEYS,
    ExcludeRule,
    GridFile,
    OnFailure,
    OverrideRule,
    Parameters,
    Schedule,
    unknown_setting,
    validate,
)
from benchmarks.grid.problems import Problems, parse_each
from benchmarks.grid.rules import Exclude, Override, parse_rule
from benchmarks.grid.yaml_file import Key, YamlFile, parse_value, read_yaml
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import ConfigError, GridError, UsageError

Axes = Mapping[str, tuple[object, ...]]


@dataclass(frozen=True)
class Grid:
    """A grid whose every value was checked on its own; `benchmarks.grid.plan` makes cells of it."""

    source: YamlFile
    name: str
    seed: int
    base: Mapping[str, object]
    axes: Axes
    zips: Sequence[Axes]
    excludes: Sequence[Exclude]
    includes: Sequence[Mapping[str, object]]
    overrides: Sequence[Override]
    repeats: int
    paired: frozenset[str]
    schedule: Schedule
    on_failure: OnFailure

    @property
    def varied(self) -> Axes:
        """All axes with their values, those that move together too."""
        return dict(self.axes) | {name: values for group in self.zips for name, values in group.items()}

    def error(self, error: ConfigError, before: str = "", config: CellConfig | None = None) -> GridError:
        """Add the place in this file to the error of a parameter, as near as its message or the cell tells."""
        name = error.parameter or ""
        keys = self._keys_of(name, str(error))
        if config is not None and isinstance(self.source.get(*keys), list):
            values = self.varied.get(name, ())
            keys += tuple(i for i, value in enumerate(values) if value == getattr(config, name))[:1]
        return self.source.error(f"{before}{error}", *keys)

    def _keys_of(self, name: str, message: str) -> tuple[Key, ...]:
        """Find where the value of a parameter that `message` quotes stands."""
        zips = [("zip",), *(("zip", i) for i in range(len(self.zips)))]
        cells = [("include", i) for i in range(len(self.includes))]
        sets = [("overrides", i, "set") for i in range(len(self.overrides))]
        found: tuple[Key, ...] = ()
        for section in (("axes",), *zips, ("base",), *cells, *sets):
            group = self.source.get(*section)
            if not isinstance(group, dict) or name not in group:
                continue
            items = group[name] if isinstance(group[name], list) else []
            exact = next((i for i, item in enumerate(items) if repr(item) in message), None)
            if exact is not None:
                return (*section, name, exact)
            if repr(group[name]) in message:
                return (*section, name)
            found = found or (*section, name)
        return found


def load_grid(path: Path, settings: Sequence[str] = ()) -> Grid:
    """Read a grid file.

    Args:
        path: The file.
        settings: `key=value` of the command line; a parameter replaces that axis or base value.

    Raises:
        GridError: Whatever is wrong with it: file, line, value, rule and remedy.
    """
    source = _with_settings(read_yaml(path), settings)
    problems = Problems()
    file = validate(source, problems)
    with problems:
        base = parse_parameters(source, file.base, "base")
    with problems:
        axes = parse_axes(source, file.axes, "axes")
    with problems:
        zips = _parse_zips(source, file.zip)
    with problems:
        excludes = parse_each(lambda i: _parse_exclude(source, file.exclude[i], i), range(len(file.exclude)))
    with problems:
        includes = parse_each(
            lambda i: parse_parameters(source, file.include[i], "include", i), range(len(file.include))
        )
    with problems:
        overrides = parse_each(lambda i: _parse_override(source, file.overrides[i], i), range(len(file.overrides)))
    problems.check()  # what follows speaks of all parts together
    with problems:
        _check_each_once(source, base, axes, zips)
    with problems:
        base = _with_timeout(source, file, base)
    with problems:
        paired = _parse_pairing(source, file, {*axes, *(name for group in zips for name in group)})
    problems.check()
    return Grid(
        source=source,
        name=file.name or re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") or "grid",
        seed=file.seed,
        base=base,
        axes=axes,
        zips=zips,
        excludes=excludes,
        includes=includes,
        overrides=overrides,
        repeats=file.repeats,
        paired=paired,
        schedule=file.schedule,
        on_failure=file.on_failure,
    )


def _with_timeout(source: YamlFile, file: GridFile, base: dict[str, object]) -> dict[str, object]:
    if file.timeout_s is None:
        return base
    if "timeout_s" in base:
        raise source.error("timeout_s stands at the top and below `base:`; give it in one of them", "timeout_s")
    return {**base, "timeout_s": file.timeout_s}


def _parse_exclude(source: YamlFile, entry: ExcludeRule, i: int) -> Exclude:
    return Exclude(parse_rule(source, entry.match, entry.when, "exclude", i), entry.reason)


def _parse_override(source: YamlFile, entry: OverrideRule, i: int) -> Override:
    problems = Problems()
    with problems:
        rule = parse_rule(source, entry.match, entry.when, "overrides", i)
    with problems:
        values = parse_parameters(source, entry.set, "overrides", i, "set")
    problems.check()
    return Override(rule, values)


def _check_each_once(source: YamlFile, base: Mapping[str, object], axes: Axes, zips: Sequence[Axes]) -> None:
    """Refuse a parameter that gets its value in two places."""
    problems, seen = Problems(), dict.fromkeys(base, "base")
    groups = [("axes", axes), *(("zip", group) for group in zips)]
    for section, group in groups:
        for name in group:
            if name in seen:
                message = f"{name} is below `{seen[name]}:` and below `{section}:`; give it in one of them"
                problems.add(source.error(message, section, name))
            seen[name] = section
    problems.check()


def _parse_pairing(source: YamlFile, file: GridFile, axes: Collection[str]) -> frozenset[str]:
    problems = Problems()
    for i, name in enumerate(file.pair_seeds_across or ()):
        if name not in axes:
            message = f"{name!r} is not an axis of this grid; choose from {', '.join(sorted(axes)) or 'no axes at all'}"
            problems.add(source.error(message, "pair_seeds_across", i))
    problems.check()
    return frozenset(axes if file.pair_seeds_across is None else file.pair_seeds_across)


def _with_settings(source: YamlFile, settings: Sequence[str]) -> YamlFile:
    problems = Problems()
    for setting in settings:
        with problems:
            source = _with_setting(source, setting)
    problems.check()
    return source


def _with_setting(source: YamlFile, setting: str) -> YamlFile:
    """Put one `--set key=value` into the file's values."""
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {setting!r} is not a setting; write --set parameter=value")
    value, option = parse_value(text), f"--set {setting}"
    if key not in CellConfig.model_fields:
        if key not in KEYS:
            raise GridError(f"{option}: {unknown_setting(key)}")
        return source.with_option((key,), value, option)
    axes = source.values.get("axes")
    if isinstance(axes, dict) and key in axes:
        values = value if isinstance(value, list | dict) else [value]
        return source.with_option(("axes", key), values, option)
    if key in source.values:
        return source.with_option((key,), value, option)
    section = "axes" if isinstance(value, list) else "base"
    return source.with_option((section, key), value, option)


def _parse_zips(source: YamlFile, zips: Parameters | list[Parameters]) -> list[dict[str, tuple[object, ...]]]:
    if isinstance(zips, dict):
        return [_parse_zip(source, zips, "zip")] if zips else []
    return parse_each(lambda i: _parse_zip(source, zips[i], "zip", i), range(len(zips)))


def _parse_zip(source: YamlFile, group: object, *keys: Key) -> dict[str, tuple[object, ...]]:
    axes = parse_axes(source, group, *keys)
    if len(axes) < 2:
        raise source.error("at least two axes move together; put a single one below `axes:`", *keys)
    lengths = {name: len(values) for name, values in axes.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise source.error(f"axes that move together must have equal lengths; these have {counts}", *keys)
    return axes
