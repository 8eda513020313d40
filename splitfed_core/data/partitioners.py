"""Dealing the training data to the clients, with any horizontal partitioner of flwr-datasets by its name."""

import importlib
import inspect
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from splitfed_core.arrays import IndexArray
from splitfed_core.config.choice import Named
from splitfed_core.data.dataset import Dataset
from splitfed_core.errors import ConfigError
from splitfed_core.seeding import stream

if TYPE_CHECKING:
    import datasets
    from flwr_datasets.partitioner import Partitioner


_LABEL = "label"
_ROW = "__row__"
_LEAST = "min_partition_size"


def partition(
    dataset: Dataset,
    choice: Named | str | Mapping[str, object],
    clients: int,
    seed: int,
    examples_per_client: int | None = None,
) -> list[IndexArray]:
    """Deal the training examples to the clients.

    Where the data itself says how many shards there are (`natural_id`), a seeded choice of as many as there are
    clients is used; fewer clients get a subset of the shards of more.

    Returns:
        Row numbers into `x_train`, one array per client, at most `examples_per_client` in each; skew can leave some
        with none.

    Raises:
        ConfigError: Unknown partitioner, wrong setting, more clients than examples.
    """
    choice, examples = Named.of(choice), len(dataset.y_train)
    if clients > examples:
        raise ConfigError(
            f"clients {clients}: {dataset.name!r} has {examples} training examples, and every client needs one",
            "clients",
        )
    kind = _find(choice)
    table = _table(dataset, stream(seed, "deal").permutation(examples))
    with _explained(choice, clients):
        arguments = _arguments(choice, kind, table, clients, seed)
        try:
            shards = _shards(choice, kind(**arguments), table, clients, seed)
        except ValueError:
            if choice.name != "dirichlet" or _LEAST in choice.settings:
                raise
            # The default asks for 10 examples each, which a small alpha never reaches: take what the first draw gives.
            shards = _shards(choice, kind(**arguments, **{_LEAST: 0}), table, clients, seed)
    return [rows[:examples_per_client] for rows in shards]


def _shards(
    choice: Named, partitioner: "Partitioner", table: "datasets.Dataset", clients: int, seed: int
) -> list[IndexArray]:
    partitioner.dataset = table
    chosen = _choose(choice, partitioner.num_partitions, clients, seed)
    return [np.asarray(partitioner.load_partition(int(i))[_ROW], dtype=np.int64) for i in chosen]


def _find(choice: Named) -> type:
    import flwr_datasets.partitioner as package

    known: dict[str, type] = {}
    for name in package.__all__:
        kind = getattr(package, name)
        if not inspect.isabstract(kind) and not name.startswith("Vertical"):
            known[re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Partitioner")).lower()] = kind
    if choice.name not in known:
        raise ConfigError(f"partitioner {choice.name!r} is unknown; choose one of {', '.join(known)}", "partitioner")
    return known[choice.name]


def _table(dataset: Dataset, order: IndexArray) -> "datasets.Dataset":
    """Lay out labels and row numbers in shuffled order: the IID partitioner cuts contiguous shards."""
    import datasets

    columns = {name: values[order] for name, values in dataset.columns.items()}
    return datasets.Dataset.from_dict({**columns, _LABEL: dataset.y_train[order], _ROW: order})


def _arguments(choice: Named, kind: type, table: "datasets.Dataset", clients: int, seed: int) -> dict[str, object]:
    """Return the settings, and what the partitioner asks for beyond them: number of clients, label, seed."""
    accepted = inspect.signature(kind).parameters
    own = [name for name in accepted if name != "num_partitions"]
    for setting in choice.settings:
        if setting not in own:
            has = ", ".join(own) or "none"
            raise ConfigError(f"partitioner {choice.name!r} has no setting {setting!r}; it has {has}", "partitioner")
    implied: dict[str, object] = {"num_partitions": clients, "seed": seed}
    if "num_partitions" in accepted or "partition_sizes" in accepted:  # the others go by a column of their own
        implied["partition_by"] = _LABEL
    given = {name: value for name, value in {**implied, **choice.settings}.items() if name in accepted}
    for name, parameter in accepted.items():
        if parameter.default is parameter.empty and name not in given:
            raise ConfigError(
                f"partitioner {choice.name!r} needs the setting {name!r}: {{name: {choice.name}, {name}: …}}",
                "partitioner",
            )
    return _converted(given, table)


def _converted(given: dict[str, object], table: "datasets.Dataset") -> dict[str, object]:
    """Turn what a grid can hold into what a partitioner takes: lists into arrays, `module:function` into one."""
    if given.get("partition_by", _LABEL) not in table.column_names:
        columns = ", ".join(name for name in table.column_names if name != _ROW)
        raise ValueError(f"there is no column {given['partition_by']!r} to partition by; choose one of {columns}")
    if "distribution_array" in given:
        given = {**given, "distribution_array": np.asarray(given["distribution_array"], dtype=np.float64)}
    if isinstance(reference := given.get("partition_id_to_size_fn"), str):
        module, _, function = reference.partition(":")
        given = {**given, "partition_id_to_size_fn": getattr(importlib.import_module(module), function)}
    return given


def _choose(choice: Named, shards: int, clients: int, seed: int) -> IndexArray:
    """Return which shards are used: all, or as many as there are clients where nature decides their number."""
    if "natural" in choice.name and shards > clients:
        return stream(seed, "choose").permutation(shards)[:clients]
    if shards != clients:
        raise ValueError(f"it makes {shards} shards; set clients to {shards}")
    return np.arange(shards)


@contextmanager
def _explained(choice: Named, clients: int) -> Iterator[None]:
    """Turn the complaints of flwr-datasets into ours."""
    try:
        # it shows progress bars, warns at each of its tries (what comes of them is known after the last), and uses
        # what others deprecate
        with redirect_stderr(StringIO()), warnings.catch_warnings(action="ignore"):
            yield
    except (ValueError, TypeError, LookupError, ArithmeticError, AssertionError, ImportError, AttributeError) as error:
        why = str(error) or "its settings do not fit the data"
        if _LEAST in choice.settings and "max number of attempts" in why:
            why = f"no draw of 11 gave every client that many examples; raise alpha, lower {_LEAST} or leave it out"
        raise ConfigError(f"partitioner {_short(choice)} with {clients} clients: {why}", "partitioner") from None


def _short(choice: Named) -> str:
    return shorten(repr(choice.plain()), 120, placeholder=" …")
