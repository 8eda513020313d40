"""The label column of a table as classes."""

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.data.dataset import Labels
from splitfed_core.data.splits import Split
from splitfed_core.errors import ConfigError

_WORDS = {"i": "whole numbers", "u": "whole numbers", "b": "true or false", "O": "text"}


def read_labels(train: Split, test: Split, name: str) -> tuple[Labels, Labels, tuple[str, ...]]:
    """Return label numbers of both splits and the names of the labels.

    Labels are integers, texts, booleans or floats that are whole numbers: 1.0 is class 1.

    Raises:
        ConfigError: Values that are not classes, a row without a label, or a single class.
    """
    import datasets

    values, values_test = _classes(train, name), _classes(test, name)
    kinds = [split.rows.features[name] for split in (train, test)]
    if isinstance(kinds[0], datasets.ClassLabel):
        names = tuple(kinds[0].names)
        if not isinstance(kinds[1], datasets.ClassLabel) or tuple(kinds[1].names) != names:
            raise _differ(name, train, f"the classes {', '.join(names)}", test, "others")
        y, y_test = values, values_test
    else:
        words = [_WORDS[part.dtype.kind] for part in (values, values_test)]
        if words[0] != words[1]:
            raise _differ(name, train, words[0], test, words[1])
        known, numbers = np.unique(np.concatenate([values, values_test]), return_inverse=True)
        names, y, y_test = tuple(map(str, known)), numbers[: len(train)], numbers[len(train) :]
    present = np.unique(y)
    if len(present) < 2:
        raise ConfigError(
            f"dataset label {name!r} in {train.source} is {names[present[0]]!r} in all {len(y)} rows: with one class "
            "there is nothing to learn, and every model is right; name another 'label', or add rows of other classes",
            "dataset",
        )
    return y.astype(np.int64), y_test.astype(np.int64), names


def _classes(split: Split, name: str) -> Array:
    """Return the values of one split; of texts an array of objects."""
    import pyarrow as pa

    column = split.arrow(name)
    kind = column.type
    if missing := column.null_count:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise _unlabelled(split, name, row, f"no label, like {missing} in all" if missing > 1 else "no label")
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    values = column.to_numpy()
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return _not_missing(split, name, values)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _not_blank(split, name, values)
    if pa.types.is_floating(kind):
        return _whole(split, name, values)
    raise ConfigError(
        f"dataset label {name!r} in {split.source} is {kind}; labels must be classes: whole numbers or texts; name "
        "another 'label'",
        "dataset",
    )


def _not_missing(split: Split, name: str, values: Array) -> Array:
    """Refuse -1 where the labels have names: so `datasets` marks the rows of a test split without answers."""
    import datasets

    if isinstance(split.rows.features[name], datasets.ClassLabel) and values.min() < 0:
        row = int((values < 0).argmax())
        raise _unlabelled(split, name, row, "no label (-1); choose another split")
    return values


def _not_blank(split: Split, name: str, values: Array) -> Array:
    for row, value in enumerate(values):
        if not value.strip():
            raise _unlabelled(split, name, row, f"an empty text ({value!r})")
    return values.astype(object)


def _whole(split: Split, name: str, values: Array) -> Array:
    """Take 1.0 for class 1: a tool that knows only one kind of number, or had a gap in the column, wrote it so."""
    wrong = ~np.isfinite(values) | (values != np.round(values))
    if wrong.any():
        row = int(wrong.argmax())
        raise ConfigError(
            f"dataset label {name!r} in {split.place(row)}: {values[row]}; labels must be classes: whole numbers (1.0 "
            "too) or texts; sort a quantity into classes first, or name another 'label'",
            "dataset",
        )
    return values.astype(np.int64)


def _unlabelled(split: Split, name: str, row: int, found: str) -> ConfigError:
    return ConfigError(
        f"dataset label {name!r} in {split.place(row)}: {found}; every row needs one: fill it, or drop such rows",
        "dataset",
    )


def _differ(name: str, train: Split, its: str, test: Split, other: str) -> ConfigError:
    return ConfigError(
        f"dataset label {name!r} is {its} in {train.source}, {other} in {test.source}; write both the same way",
        "dataset",
    )
