"""The columns of a table as arrays: which hold features and labels, and their values as numbers."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splitfed_core.data.dataset import Features, Labels, Size
from splitfed_core.data.images import stack_images
from splitfed_core.errors import ConfigError


def choose_columns(table: Any, features: str | list[str] | None, label: str | None) -> tuple[list[str], str]:
    """Return the feature columns and the label column; types tell where the settings do not.

    Raises:
        ConfigError: A column that is not there, or several that could be meant.
    """
    import datasets

    types = table.features
    named = [features] if isinstance(features, str) else list(features or ())
    for name in [*named, *([label] if label else [])]:
        if name not in types:
            raise ConfigError(f"dataset column {name!r} is not there; choose from {', '.join(types)}", "dataset")
    if label is None:
        classes = [name for name, kind in types.items() if isinstance(kind, datasets.ClassLabel)]
        label = classes[0] if len(classes) == 1 else "label" if "label" in types else None
    if label is None:
        raise ConfigError(f"dataset setting 'label' is needed; choose one of the columns {', '.join(types)}", "dataset")
    if not named:
        images = [name for name, kind in types.items() if isinstance(kind, datasets.Image)]
        named = images if len(images) == 1 else [name for name in types if name != label]
    return named, label


def read_features(train: Any, test: Any, names: list[str], size: Size | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the features of both splits: images with channels last, or numeric columns side by side.

    Raises:
        ConfigError: Values that are no numbers of one shape, or missing.
    """
    import datasets

    if len(names) == 1 and isinstance(train.features[names[0]], datasets.Image):
        x = stack_images([*train[names[0]], *test[names[0]]], size)
    else:
        parts = (_numbers(train, names), _numbers(test, names))
        if parts[0].shape[1:] != parts[1].shape[1:]:
            raise ConfigError(
                f"dataset features {', '.join(names)}: shape {parts[0].shape[1:]} in training, "
                f"{parts[1].shape[1:]} in test; name columns of one shape in 'features'",
                "dataset",
            )
        x = np.concatenate(parts)
    return x[: len(train)], x[len(train) :]


def _numbers(table: Any, names: list[str]) -> NDArray[Any]:
    """Return numeric columns side by side, or one of nested lists as it is; 2-D examples get a channel."""
    columns = table.select_columns(names).with_format("numpy")[:]
    try:
        parts = [np.asarray(columns[name], dtype=np.float64) for name in names]
        x = parts[0] if len(names) == 1 and parts[0].ndim > 1 else np.column_stack(parts)
    except (TypeError, ValueError):
        raise ConfigError(
            f"dataset features {', '.join(names)}: not all are numbers of one shape; choose with 'features'",
            "dataset",
        ) from None
    if not np.isfinite(x).all():
        raise ConfigError(f"dataset features {', '.join(names)}: values are missing; fill them", "dataset")
    return x[..., None] if x.ndim == 3 else x


def read_labels(train: Any, test: Any, name: str) -> tuple[Labels, Labels, tuple[str, ...]]:
    """Return label numbers of both splits and the names of the labels.

    Raises:
        ConfigError: Values that are no classes, or rows without a label.
    """
    import datasets

    kind = train.features[name]
    y = np.concatenate([split.select_columns([name]).with_format("numpy")[:][name] for split in (train, test)])
    if isinstance(kind, datasets.ClassLabel):
        names = tuple(kind.names)
        if y.min() < 0:
            raise ConfigError(
                f"dataset label {name!r} is missing (-1) in some rows; choose another test_split", "dataset"
            )
    else:
        if y.ndim != 1 or y.dtype.kind not in "iubUOT":
            raise ConfigError(
                f"dataset label {name!r} is {y.dtype}; labels must be classes: integers or texts", "dataset"
            )
        values, y = np.unique(y, return_inverse=True)
        names = tuple(map(str, values))
    y = y.astype(np.int64)
    return y[: len(train)], y[len(train) :], names


def read_others(table: Any, used: Collection[str]) -> dict[str, NDArray[Any]]:
    """Return what partitioners may go by: every column of single values that is neither feature nor label."""
    import datasets

    names = [name for name, kind in table.features.items() if name not in used and isinstance(kind, datasets.Value)]
    return dict(table.select_columns(names).with_format("numpy")[:]) if names else {}


def to_unit_interval(x: NDArray[Any], x_test: NDArray[Any]) -> tuple[Features, Features]:
    """Scale to [0, 1]: bytes by 255, other numbers by their range in training, flat columns one by one."""
    if x.dtype == np.uint8:
        return x.astype(np.float32) / np.float32(255), x_test.astype(np.float32) / np.float32(255)
    axis = 0 if x.ndim == 2 else None
    low, span = x.min(axis=axis), np.ptp(x, axis=axis)
    span = np.where(span == 0, 1, span)
    scaled, scaled_test = (np.clip((part - low) / span, 0, 1).astype(np.float32) for part in (x, x_test))
    return scaled, scaled_test
