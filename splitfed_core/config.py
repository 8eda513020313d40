"""`CellConfig`: all parameters of a cell, validated one by one and together.

The names here are the names in a grid's `base:` and `axes:`, and the columns of `summary.csv`.
"""

import hashlib
import json
import re
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    create_model,
)

from splitfed_core.errors import ConfigError

OPERATIONAL = frozenset({"timeout_s"})
"""Parameters that say how a cell is run, not what it is: they are no part of its identity."""


class Named(BaseModel):
    """A choice with settings of its own: `{name: dirichlet, alpha: 0.3}`; a bare name means the defaults."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(min_length=1)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings beside the name."""
        return dict(self.model_extra or {})

    def plain(self) -> str | dict[str, Any]:
        """Return the shortest form a grid could hold: the bare name where there are no settings."""
        return {"name": self.name, **self.settings} if self.settings else self.name

    def __hash__(self) -> int:
        """Hash by content, settings included."""
        return hash(json.dumps(self.plain(), sort_keys=True))


def _name_to_mapping(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


Choice = Annotated[Named, BeforeValidator(_name_to_mapping), PlainSerializer(Named.plain)]


class CellConfig(BaseModel):
    """All parameters of one cell. Immutable; a wrong value raises `ConfigError` from `parse`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Choice = Field(
        Named(name="digits"), description="digits, synthetic, parquet, csv, imagefolder or a hub name"
    )
    partitioner: Choice = Field(Named(name="iid"), description="how the training data is dealt to the clients")
    model: str = Field("notebook_cnn", min_length=1, description="the network")
    algorithm: Literal["sflv2"] = Field("sflv2", description="how the two sides train together")
    clients: int = Field(3, ge=1, strict=True, description="number of clients")
    batch_size: int = Field(128, ge=1, strict=True, description="examples in a mini-batch")
    cut_layer: str = Field("dense1", min_length=1, description="last layer computed on the client")
    aggregation: bool = Field(True, description="average the client-side models after each round")
    rounds: int = Field(50, ge=1, strict=True, description="number of rounds")
    local_epochs: int = Field(1, ge=1, strict=True, description="passes over each client's data in a round")
    warmup_steps: int = Field(
        3, ge=0, strict=True, description="first steps of each client left out of step statistics"
    )
    optimizer: Literal["adam", "sgd"] = Field("adam", description="optimizer of both sides")
    learning_rate: float = Field(
        1e-3, gt=0, allow_inf_nan=False, strict=True, description="learning rate of both sides"
    )
    transport: Literal["grpc", "grpc-stream", "inproc"] = Field(
        "grpc", description="how the two sides exchange tensors"
    )
    workers: Literal["auto"] | Annotated[int, Field(ge=1, strict=True)] = Field(
        "auto", description="processes that hold the clients"
    )
    threads: int = Field(1, ge=1, strict=True, description="TensorFlow intra-op threads of every process")
    examples_per_client: int | None = Field(
        None, ge=1, strict=True, description="use only this many examples of each client"
    )
    eval_every: int = Field(1, ge=1, strict=True, description="evaluate every so many rounds, and after the last one")
    eval_clients: int = Field(
        10,
        ge=1,
        strict=True,
        description="with aggregation off: at most so many client-side models are evaluated",
    )
    timeout_s: float = Field(
        600.0,
        gt=0,
        allow_inf_nan=False,
        strict=True,
        description="a cell that runs longer ends with status timeout",
    )

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Validate plain values.

        Raises:
            ConfigError: The first wrong parameter, with its value, the rule and the remedy.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _explain(error, cls) from None

    @classmethod
    def parse_value(cls, name: str, value: object) -> Any:
        """Validate the value of one parameter by itself, whatever the others are.

        Raises:
            ConfigError: An unknown name, or a value that no cell can have.
        """
        if name not in cls.model_fields:
            raise ConfigError(_unknown(name, cls), name)
        alone = _alone(cls, name)
        try:
            return getattr(alone.model_validate({name: value}), name)
        except ValidationError as error:
            raise _explain(error, alone) from None

    def plain(self) -> dict[str, Any]:
        """Return every parameter as plain JSON values, in the order of the fields."""
        return self.model_dump(mode="json")

    def identity(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, operational ones left out."""
        default = _defaults()
        return {k: v for k, v in self.plain().items() if v != default[k] and k not in OPERATIONAL}

    @property
    def cell_id(self) -> str:
        """A readable slug and a hash of `identity()`: a new parameter renames no old cell."""
        identity = self.identity()
        digest = hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=5).hexdigest()
        aggregation = "on" if self.aggregation else "off"
        slug = f"{self.algorithm}-c{self.clients}-b{self.batch_size}-{self.cut_layer}-agg{aggregation}"
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', slug)[:80]}-{digest}"


@cache
def _defaults() -> dict[str, Any]:
    return CellConfig().plain()


@cache
def _alone(model: type[BaseModel], name: str) -> type[BaseModel]:
    """Make a model with this one parameter of the other."""
    field = model.model_fields[name]
    fields: dict[str, Any] = {name: (field.rebuild_annotation(), field)}
    return create_model(name, **fields)


def _unknown(name: str, model: type[BaseModel]) -> str:
    close = get_close_matches(name, model.model_fields, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown parameter {name!r}; {hint}choose one of {', '.join(model.model_fields)}"


def _explain(error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """Turn pydantic's first complaint into value, rule and remedy."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(_unknown(name, model), name)
    purpose = model.model_fields[name].description if name in model.model_fields else ""
    same = (e for e in error.errors(include_url=False) if e["loc"][:1] == first["loc"][:1])
    rule = " or ".join(dict.fromkeys(e["msg"].removeprefix("Input ") for e in same))
    return ConfigError(f"{name} {first['input']!r}: {rule[:1].lower()}{rule[1:]} ({name}: {purpose})", name)
