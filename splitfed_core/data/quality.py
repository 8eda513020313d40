"""What of the data may make results mean less than they seem to: no error, but said where they are read."""

from collections.abc import Mapping, Sequence

import numpy as np

from splitfed_core.arrays import Array, IndexArray
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data.dataset import Dataset, Labels

_FEW_TESTS = 100
"""With fewer, one test example is more than a point of accuracy."""

_GLANCE = 1000
"""Rows that show of most columns that they cannot stand for the label."""


def look_over(
    x: Array, y: Labels, y_test: Labels, names: Sequence[str], features: Sequence[str], label: str
) -> tuple[str, ...]:
    """Return what a reader must know of a table: few tests, classes never seen in training, a label in disguise."""
    found = []
    if len(y_test) < _FEW_TESTS:
        share = f"one of them is {100 / len(y_test):.3g} points of it"
        found.append(f"accuracy is measured on {len(y_test)} test examples: {share}")
    unseen = sorted(set(np.unique(y_test)) - set(np.unique(y)))
    if unseen:
        shown = ", ".join(names[number] for number in unseen[:5])
        found.append(f"classes of test examples that are never trained on: {shown}{', …' if len(unseen) > 5 else ''}")
    flat = x.T if x.ndim == 2 and x.shape[1] == len(features) else ()
    for name, column in zip(features, flat, strict=False):
        if _stands_for(column, y):
            found.append(f"feature {name!r} alone decides the label {label!r}: is it the label under another name?")
    return tuple(found)


def _stands_for(column: Array, y: Labels) -> bool:
    """Whether each value goes with one label, and each label with one value."""
    classes = len(np.unique(y))
    if len(np.unique(column[:_GLANCE])) > classes:
        return False
    values, codes = np.unique(column, return_inverse=True)
    return len(values) == classes == len(np.unique(codes * (y.max() + 1) + y))


def warnings_of(dataset: Dataset, config: CellConfig, indices: Mapping[int, IndexArray]) -> list[str]:
    """Return the warnings of a data set, and those of how a cell uses it; `indices` are each client's examples."""
    found = [f"dataset {dataset.name!r}: {text}" for text in dataset.warnings]
    if len(dataset.y_train) < config.batch_size:
        found.append(
            f"dataset {dataset.name!r} has {len(dataset.y_train)} training examples, fewer than a mini-batch of "
            f"{config.batch_size}: no step is a full one, and times are those of smaller ones"
        )
    empty = sum(not len(rows) for rows in indices.values())
    if empty and config.partitioner is not None:
        found.append(
            f"partitioner {config.partitioner.plain()!r} leaves {empty} of {len(indices)} clients without examples: "
            "they never take part (labels.csv says who)"
        )
    return found
