"""Dealing the training data to the clients, with any horizontal partitioner of flwr-datasets by its name."""

import inspect
import re
import warnings
from typing import Any

import numpy as np

from splitfed_core.config import Named
from splitfed_core.data.dataset import Dataset, IndexArray
from splitfed_core.errors import ConfigError
from splitfed_core.seeding import stream

_LABEL = "label"
_ROW = "row"


def partition(
    dataset: Dataset, choice: Named, clients: int, seed: int, examples_per_client: int | None = None
) -> list[IndexArray]:
    """Deal the training examples to the clients.

    Returns:
        Row numbers into `x_train`, one array per client, at most `examples_per_client` in each.

    Raises:
        ConfigError: Unknown partitioner, wrong setting, more clients than examples, a client with none.
    """
    examples = len(dataset.y_train)
    if clients > examples:
        raise ConfigError(
            f"clients {clients}: {dataset.name!r} has {examples} training examples; every client needs one",
            "clients",
        )
    partitioner = _make(choice, clients, seed)
    order = stream(seed, "deal").permutation(examples)
    partitioner.dataset = _table(dataset, order)
    try:
        with warnings.catch_warnings():
            # flwr-datasets warns at each of its tries; what comes of them is known after the last
            warnings.simplefilter("ignore", UserWarning)
            shards = [np.asarray(partitioner.load_partition(i)[_ROW], dtype=np.int64) for i in range(clients)]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"partitioner {choice.plain()!r} with {clients} clients: {error}", "partitioner") from None
    for client, rows in enumerate(shards):
        if not len(rows):
            raise ConfigError(
                f"partitioner {choice.plain()!r} leaves client {client} without examples; use fewer clients",
                "partitioner",
            )
    return [rows[:examples_per_client] for rows in shards]


def _make(choice: Named, clients: int, seed: int) -> Any:
    """Build the partitioner; what its signature asks for and the settings do not give is filled in."""
    known = _known()
    if choice.name not in known:
        raise ConfigError(f"partitioner {choice.name!r} is unknown; choose one of {', '.join(known)}", "partitioner")
    accepted = inspect.signature(known[choice.name]).parameters
    own = [name for name in accepted if name != "num_partitions"]
    for setting in choice.settings:
        if setting not in own:
            raise ConfigError(
                f"partitioner {choice.name!r} has no setting {setting!r}; it has {', '.join(own) or 'none'}",
                "partitioner",
            )
    given = {"num_partitions": clients, "partition_by": _LABEL, "seed": seed} | choice.settings
    arguments = {name: value for name, value in given.items() if name in accepted}
    for name, parameter in accepted.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise ConfigError(
                f"partitioner {choice.name!r} needs the setting {name!r}: {{name: {choice.name}, {name}: …}}",
                "partitioner",
            )
    try:
        return known[choice.name](**arguments)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"partitioner {choice.plain()!r}: {error}", "partitioner") from None


def _known() -> dict[str, type]:
    """Map names to partitioners: `dirichlet` to `DirichletPartitioner`, and so on."""
    import flwr_datasets.partitioner as package

    found = {}
    for name in package.__all__:
        kind = getattr(package, name)
        if not inspect.isabstract(kind) and not name.startswith("Vertical"):
            found[re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Partitioner")).lower()] = kind
    return found


def _table(dataset: Dataset, order: IndexArray) -> Any:
    """Lay out labels and row numbers in shuffled order: the IID partitioner cuts contiguous shards."""
    import datasets

    return datasets.Dataset.from_dict(
        {_ROW: order, _LABEL: dataset.y_train[order], **{k: v[order] for k, v in dataset.columns.items()}}
    )
