"""The keys of a grid file and their rules; `axes:` alone is enough."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from benchmarks.grid.problems import Problems
from benchmarks.grid.yaml_file import Key, YamlFile
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import GridError

Schedule = Literal["interleaved", "grid", "shuffled"]
Parameters = dict[str, object]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class OnFailure(_Section):
    """What happens when an attempt at a cell ends without a result."""

    retries: int = Field(0, ge=0, le=100, description="further attempts at a cell that failed")
    then: Literal["continue", "stop"] = Field("continue", description="what to do once they have failed too")


class ExcludeRule(_Section):
    """Cells to leave out: those that `match`, or for which `when` holds."""

    match: Parameters | None = Field(None, description="parameters and their values; a list means any of them")
    when: str | None = Field(None, description='a condition such as "clients * batch_size > 1024"')
    reason: str = Field("excluded by the grid", min_length=1, description="why; shown in the plan")


class OverrideRule(_Section):
    """Parameters to set in the cells that `match`, or for which `when` holds."""

    match: Parameters | None = Field(None, description="parameters and their values; a list means any of them")
    when: str | None = Field(None, description='a condition such as "clients * batch_size > 1024"')
    set: Parameters = Field(description="parameters and the values they get")


class GridFile(_Section):
    """The keys of a grid file. `axes:` alone is enough."""

    schema_version: Literal[1] = Field(1, alias="schema", description="version of this format")
    name: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="name of the run, and of its directory below runs/; the file's name by default",
    )  # fmt: skip
    seed: int = Field(0, ge=0, description="root of all random streams")
    base: Parameters = Field(default_factory=dict, description="parameters that all cells share")
    axes: Parameters = Field(default_factory=dict, description="parameters and the values to cross")
    zip: Parameters | list[Parameters] = Field(
        default_factory=list, description="axes of equal length that move together; a list for several such groups"
    )
    exclude: list[ExcludeRule] = Field(default_factory=list, description="cells to leave out")
    include: list[Parameters] = Field(
        default_factory=list, description="further cells, each over `base`; no rule changes them"
    )
    overrides: list[OverrideRule] = Field(default_factory=list, description="what some cells do differently")
    repeats: int = Field(1, ge=1, le=10_000, description="how often each cell is run, with other seeds")
    pair_seeds_across: list[str] | None = Field(
        None, description="axes along which cells of one repeat share their seed; all by default"
    )
    schedule: Schedule = Field(
        "interleaved",
        description="interleaved: all cells once, then all again; grid: a cell with all its repeats; shuffled",
    )
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="a cell that runs longer ends with status timeout"
    )
    on_failure: OnFailure = Field(OnFailure(), description="retries, and whether to go on after them")


KEYS = tuple(field.alias or name for name, field in GridFile.model_fields.items())
"""The keys at the top of a grid."""


def validate(source: YamlFile, problems: Problems) -> GridFile:
    """Check the keys of a file and the types of their values; parameters are checked later, one by one.

    Returns:
        The file without the parts in which something is wrong, so that the others can be looked at too.
    """
    try:
        return GridFile.model_validate(source.values)
    except ValidationError as error:
        found = error.errors(include_url=False)
    for first in {
        _keys(each)[:1] if each["loc"][0] == "zip" else _keys(each): each for each in reversed(found)
    }.values():
        problems.add(_explain(source, first))
    wrong = {each["loc"][0] for each in found}
    return GridFile.model_validate({key: value for key, value in source.values.items() if key not in wrong})


def _keys(error: ErrorDetails) -> tuple[Key, ...]:
    loc = error["loc"]
    return loc[:1] + loc[2:] if loc[0] == "zip" else loc  # pydantic names the branch of a union there


def _explain(source: YamlFile, error: ErrorDetails) -> GridError:
    """Turn pydantic's complaint into place, value, rule and remedy."""
    keys = _keys(error)
    if error["type"] == "extra_forbidden":
        return source.error(_unknown_key(keys), *keys)
    rule = error["msg"].removeprefix("Input ").replace("dictionary", "mapping")
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
    return source.error(f"{path} {_short(error['input'])}: {rule[:1].lower()}{rule[1:]}{_purpose(keys)}", *keys)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _keys_of(path: Sequence[Key]) -> dict[str, str]:
    """Return the keys that may stand in this part of a grid, with what they are for."""
    parts: dict[str, type[BaseModel]] = {"exclude": ExcludeRule, "overrides": OverrideRule, "on_failure": OnFailure}
    model = parts.get(str(path[0]), GridFile) if len(path) > 1 else GridFile
    return {field.alias or name: field.description or "" for name, field in model.model_fields.items()}


def _purpose(keys: Sequence[Key]) -> str:
    purpose = _keys_of(keys).get(str(keys[-1])) if keys else None
    return f" ({keys[-1]}: {purpose})" if purpose else ""


def unknown_setting(name: str) -> str:
    """Say that `--set` knows no such name, and what it knows."""
    close = get_close_matches(name, [*CellConfig.model_fields, *KEYS], n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    parameters, keys = ", ".join(CellConfig.model_fields), ", ".join(KEYS)
    return f"unknown name {name!r}; {hint}choose one of the parameters {parameters}; or of the keys of a grid {keys}"


def _unknown_key(keys: Sequence[Key]) -> str:
    name, known = str(keys[-1]), _keys_of(keys)
    if name in CellConfig.model_fields:
        return f"{name!r} is a parameter of cells; put it below `base:` or, as a list, below `axes:`"
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown key {name!r}; {hint}choose one of {', '.join(known)}"
