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
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from splitfed_core.algorithms import Algorithm
from splitfed_core.config.algorithm_name import AlgorithmName, find_algorithm
from splitfed_core.config.applicability import invalid_combination, without_effect
from splitfed_core.config.choice import Choice, Named
from splitfed_core.config.codec_choice import CodecChoice, GradientCodecChoice, ModelCodecChoice
from splitfed_core.config.device_choice import DeviceChoice, ServerSlowdown
from splitfed_core.config.link_choice import LinkChoice, ServerLinkChoice, form_of
from splitfed_core.config.user_code import one_spelling
from splitfed_core.errors import ConfigError
from splitfed_core.timing.link_forms import most_sharers

OPERATIONAL = frozenset({"timeout_s"})
"""Parameters that say how a cell is run, not what it is: they are not part of its identity."""

_SORTED_JSON = json.JSONEncoder(sort_keys=True)


Layer = Annotated[str, Field(min_length=1)]
Cut = Layer | tuple[Layer, Layer]
Participation = Annotated[int, Field(ge=1, strict=True)] | Annotated[float, Field(gt=0, le=1, strict=True)]


class CellConfig(BaseModel):
    """All parameters of one cell. Immutable; a wrong value raises `ConfigError` from `parse`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Choice = Field(
        Named(name="digits"), description="digits, synthetic, parquet, csv, imagefolder or a hub name"
    )
    partitioner: Choice | None = Field(Named(name="iid"), description="how the clients share the training data")
    model: Annotated[str, AfterValidator(one_spelling)] = Field(
        "notebook_cnn",
        min_length=1,
        description="the network: built in, keras:<Name>, ./file.py:function or module:function",
    )
    loss: str = Field("sparse_categorical_crossentropy", min_length=1, description="a Keras loss, by name")
    algorithm: AlgorithmName = Field("sflv2", description="how the two sides train together")
    clients: int | None = Field(3, ge=1, strict=True, description="number of clients")
    participation: Participation | None = Field(1.0, description="clients of a round: a share, or a number")
    batch_size: int = Field(128, ge=1, strict=True, description="examples in a mini-batch")
    cut_layer: Cut | None = Field(
        "dense1", description="last layer computed on the client, frac:0.5 by parameters, or [a, b] for ushape"
    )
    aggregation: bool | None = Field(True, description="aggregate the client-side models after each round")
    strategy: Choice | None = Field(Named(name="fedavg"), description="how client-side models are aggregated")
    rounds: int = Field(50, ge=1, strict=True, description="number of rounds")
    local_epochs: int = Field(1, ge=1, strict=True, description="passes over each client's data in a round")
    warmup_steps: int = Field(
        3, ge=0, strict=True, description="first steps of each client left out of step statistics"
    )
    optimizer: Literal["adam", "sgd"] = Field("adam", description="optimizer of both sides")
    learning_rate: float = Field(
        1e-3, gt=0, allow_inf_nan=False, strict=True, description="learning rate of both sides"
    )
    order: Literal["arrival", "fixed"] | None = Field(
        "arrival", description="in which order the main server steps: as messages come, or seeded and repeatable"
    )
    transport: Literal["grpc", "grpc-stream", "ray", "inproc"] | None = Field(
        "grpc", description="how the two sides exchange tensors"
    )
    link: LinkChoice = Field(
        None, description="between each client and the servers: lte, wifi, dsl …, custom, or a mix"
    )
    server_link: ServerLinkChoice = Field(None, description="the servers' own link, which all clients share")
    device: DeviceChoice = Field(
        None, description="what each client computes on: raspberry_pi_4, phone_low …, {slowdown: 4}, or a mix"
    )
    server_slowdown: ServerSlowdown = Field(None, description="how many times as slow as this host the servers compute")
    codec: CodecChoice | None = Field(
        Named(name="raw"), description="how what the forward pass sends across a cut is encoded"
    )
    gradient_codec: GradientCodecChoice | None = Field(
        Named(name="raw"), description="how what the backward pass sends across a cut is encoded"
    )
    model_codec: ModelCodecChoice | None = Field(
        Named(name="raw"), description="how client-side models are encoded, to and from the fed server"
    )
    workers: Literal["auto"] | Annotated[int, Field(ge=1, strict=True)] | None = Field(
        "auto", description="processes that hold the clients"
    )
    threads: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        1, description="TensorFlow intra-op threads of every process"
    )
    isolation: Literal["sweep", "cell"] = Field(
        "sweep", description="processes stay warm for the whole sweep, or every cell gets fresh ones"
    )
    examples_per_client: int | None = Field(
        None, ge=1, strict=True, description="use only this many examples of each client"
    )
    eval_every: int = Field(1, ge=1, strict=True, description="evaluate every this many rounds, and after the last")
    save_model: bool = Field(False, description="keep the joined model as model.keras beside the cell's CSV")
    eval_clients: int | None = Field(
        10,
        ge=1,
        strict=True,
        description="with aggregation off: at most this many client-side models are evaluated",
    )
    timeout_s: float = Field(
        600.0,
        gt=0,
        allow_inf_nan=False,
        strict=True,
        description="a cell that runs longer ends with status timeout",
    )

    @model_validator(mode="before")
    @classmethod
    def _clear_what_does_not_apply(cls, values: Any) -> Any:
        """Make parameters null that mean nothing for the algorithm, so that equal cells are equal."""
        if not isinstance(values, dict):
            return values
        named = {"algorithm": "sflv2"} | values
        return values | dict.fromkeys(without_effect(named), None)

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        values = self.__dict__  # a plan makes many cells: iterating a pydantic model costs as much as validating it
        lacking = without_effect(values)
        for name, value in values.items():
            if value is None and name not in lacking and _defaults_to_something(name):
                raise _of_parameter(name, f"{name} null: {self.algorithm} needs one; give a value, or leave it out")
        problem = invalid_combination(self.method, values)
        if problem:
            raise _of_parameter(*problem)
        return self

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
        """Return the parameters that differ from their defaults; neither operational ones nor those without effect."""
        default = _defaults()
        values = self.__dict__.items()
        touched = [(name, value) for name, value in values if value is not default[name]]  # most are the default itself
        changed = {name for name, value in touched if not _same(value, default[name])}
        return self.model_dump(mode="json", include=changed - OPERATIONAL)

    @property
    def num_clients(self) -> int:
        """Number of clients; the one process of `central` counts as one that holds all data."""
        return self.clients or 1

    @property
    def method(self) -> Algorithm:
        """The algorithm itself, of which `algorithm` is the name.

        Raises:
            ConfigError: It is the user's own, and this process does not find it.
        """
        found = find_algorithm(self.algorithm)
        if found is None:
            raise ConfigError(f"algorithm {self.algorithm!r} is not registered in this process", "algorithm")
        return found

    @property
    def in_one_process(self) -> bool:
        """Whether all roles run in one process, so that nothing crosses a network."""
        return not self.method.has_servers or self.transport == "inproc"

    @property
    def has_links(self) -> bool:
        """Whether links are emulated between the clients and the servers."""
        return self.link is not None or self.server_link is not None

    @property
    def emulates(self) -> bool:
        """Whether links or devices are emulated, in real time: then every client has a process of its own."""
        return self.has_links or self.device is not None or self.server_slowdown is not None

    @property
    def shares_links(self) -> bool:
        """Whether clients share a link, their own or that of the servers, so that an arbiter divides it."""
        return self.server_link is not None or (self.link is not None and most_sharers(form_of(self.link)) > 1)

    @property
    def has_main_server(self) -> bool:
        """Whether the network is split, so that steps go to a main server."""
        return self.method.server != "none"

    @property
    def exchanges_models(self) -> bool:
        """Whether models go to a fed server, to be aggregated or handed on."""
        return self.method.handover != "none" and self.aggregation is not False

    @property
    def participants(self) -> int:
        """Number of clients in a round: `participation` as a number, at least one."""
        chosen = 1.0 if self.participation is None else self.participation
        return chosen if isinstance(chosen, int) else max(1, round(chosen * self.num_clients))

    @property
    def cell_id(self) -> str:
        """A readable slug and a hash of `identity()`: a new parameter renames no old cell."""
        identity = self.identity()
        digest = hashlib.blake2b(_SORTED_JSON.encode(identity).encode(), digest_size=5).hexdigest()
        clients = f"c{self.clients}" if self.clients else ""
        parts = [self.algorithm.rpartition(":")[2], clients, f"b{self.batch_size}", _slug(self.cut_layer)]
        if self.aggregation is not None:
            parts.append("aggon" if self.aggregation else "aggoff")
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', '-'.join(filter(None, parts)))[:80]}-{digest}"


_COMBINATION = "combination"


def _of_parameter(name: str, problem: str) -> PydanticCustomError:
    """Return the error of a parameter whose value makes no sense together with the others."""
    return PydanticCustomError(_COMBINATION, "{problem}", {"parameter": name, "problem": problem})


def _slug(cut: str | tuple[str, str] | None) -> str:
    return cut if isinstance(cut, str) else "+".join(cut or ())


def _defaults_to_something(name: str) -> bool:
    return CellConfig.model_fields[name].default is not None


@cache
def _defaults() -> dict[str, Any]:
    return dict(CellConfig())


def _same(value: object, default: object) -> bool:
    """Whether a value needs no mention; `participation: 1` is one client, and not 1.0, which is all of them."""
    return value is None or (type(value) is type(default) and value == default)


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
    if first["type"] == _COMBINATION:
        return ConfigError(first["ctx"]["problem"], first["ctx"]["parameter"])
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return ConfigError(_unknown(name, model), name)
    purpose = model.model_fields[name].description if name in model.model_fields else ""
    same = (e for e in error.errors(include_url=False) if e["loc"][:1] == first["loc"][:1])
    rule = " or ".join(dict.fromkeys(e["msg"].removeprefix("Input ") for e in same))
    return ConfigError(f"{name} {first['input']!r}: {rule[:1].lower()}{rule[1:]} ({name}: {purpose})", name)
