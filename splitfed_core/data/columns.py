"""The columns of a table as arrays: which hold features and labels, and features as numbers."""

from collections.abc import Collection, Iterable
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from splitfed_core.arrays import Array
from splitfed_core.data.dataset import Features, Size
from splitfed_core.data.images import stack_images
from splitfed_core.data.splits import Split
from splitfed_core.errors import ConfigError

if TYPE_CHECKING:
    from PIL import Image


def choose_columns(
    train: Split, test: Split, features: str | list[str] | None, label: str | None
) -> tuple[list[str], str]:
    """Return the feature columns and the label column; types tell where the settings do not.

    Raises:
        ConfigError: A column that is not there, several that could be meant, or a label among the features.
    """
    import datasets

    types = train.rows.features
    named = [features] if isinstance(features, str) else list(features or ())
    _require(train, [*named, *([label] if label else [])])
    if label is None:
        classes = [name for name, kind in types.items() if isinstance(kind, datasets.ClassLabel)]
        label = classes[0] if len(classes) == 1 else "label" if "label" in types else None
    if label is None:
        raise ConfigError(f"dataset setting 'label' is needed; choose one of the columns {', '.join(types)}", "dataset")
    if label in named:
        raise ConfigError(
            f"dataset column {label!r} is the label and among the features: the answer would be given with the "
            "question; leave it out of 'features', or name another 'label'",
            "dataset",
        )
    if not named:
        images = [name for name, kind in types.items() if isinstance(kind, datasets.Image)]
        named = images if len(images) == 1 else [name for name in types if name != label]
    if not named:
        raise ConfigError(f"dataset: {train.source} has no column beside the label {label!r}; add features", "dataset")
    _require(test, [*named, label])
    return named, label


def _require(split: Split, names: list[str]) -> None:
    types = split.rows.features
    for name in names:
        if name not in types:
            raise ConfigError(
                f"dataset column {name!r} is not in {split.source}; choose from {', '.join(types)}, or add it there",
                "dataset",
            )


def read_features(train: Split, test: Split, names: list[str], size: Size | None) -> tuple[Array, Array]:
    """Return the features of both splits: images with channels last, or numeric columns side by side.

    Raises:
        ConfigError: Values that are missing, or not numbers of one shape.
    """
    import datasets

    if len(names) == 1 and isinstance(train.rows.features[names[0]], datasets.Image):
        x = stack_images([*_images(train, names[0]), *_images(test, names[0])], size)
        return x[: len(train)], x[len(train) :]
    parts = (_side_by_side(train, names), _side_by_side(test, names))
    if parts[0].shape[1:] != parts[1].shape[1:]:
        raise ConfigError(
            f"dataset features {', '.join(names)}: shape {parts[0].shape[1:]} in {train.source}, {parts[1].shape[1:]} "
            f"in {test.source}; name columns of one shape in 'features'",
            "dataset",
        )
    return parts


def _images(split: Split, name: str) -> "list[Image.Image]":
    """Decode the images of a column.

    Raises:
        ConfigError: The first that is missing or is none.
    """
    rows = split.rows.select_columns([name])
    images = []
    for row in range(len(rows)):
        try:
            image = rows[row][name]
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"dataset column {name!r} in {split.place(row)}: no image can be read ({error}); it takes the bytes of "
                "a PNG, JPEG or the like; repair or drop such rows",
                "dataset",
            ) from None
        if image is None or not hasattr(image, "mode"):
            raise _wrong(split, name, row, "no image" if image is None else "no image, unlike in training")
        images.append(image)
    return images


def _side_by_side(split: Split, names: list[str]) -> Array:
    """Return numeric columns side by side, or one of nested lists as it is; 2-D examples get a channel."""
    parts = [_numbers(split, name) for name in names]
    if len(parts) == 1 and parts[0].ndim > 1:
        return parts[0][..., None] if parts[0].ndim == 3 else parts[0]
    for name, part in zip(names, parts, strict=True):
        if part.ndim > 1:
            raise ConfigError(
                f"dataset column {name!r} in {split.source} holds lists of shape {part.shape[1:]}; name it alone in "
                "'features', or name columns of single numbers",
                "dataset",
            )
    return np.column_stack(parts)


def _numbers(split: Split, name: str) -> NDArray[np.float64]:
    """Return a column as finite numbers of one shape.

    Raises:
        ConfigError: The first value that is none.
    """
    values = split.numpy(name)
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise _no_numbers(split, name, values) from None
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        found = x[row][~np.isfinite(x[row])].flat[0]
        raise _wrong(split, name, row, "a missing value (nan)" if np.isnan(found) else f"{found}")
    return x


def _no_numbers(split: Split, name: str, values: Iterable[object]) -> ConfigError:
    """Return the error of the first value that is not a number, or not of the first one's shape."""
    shape: tuple[int, ...] | None = None
    for row, value in enumerate(values):
        try:
            found = np.asarray(value, dtype=np.float64).shape
        except (TypeError, ValueError):
            return _wrong(split, name, row, repr(shorten(str(value), 40, placeholder=" …")))
        shape = found if shape is None else shape
        if found != shape:
            return _wrong(split, name, row, f"shape {found}, after {shape} in the rows before it")
    return _wrong(split, name, 0, "values of one shape in no row")  # pragma: no cover - one of them was at fault


def _wrong(split: Split, name: str, row: int, found: str) -> ConfigError:
    return ConfigError(
        f"dataset column {name!r} in {split.place(row)}: {found}; features must be finite numbers of one shape, or "
        "images: fill or drop such rows, or name other columns in 'features'",
        "dataset",
    )


def read_others(split: Split, used: Collection[str]) -> dict[str, Array]:
    """Return what partitioners may go by: every column of single values that is neither feature nor label."""
    import datasets

    types = split.rows.features
    names = [name for name, kind in types.items() if name not in used and isinstance(kind, datasets.Value)]
    return dict(split.rows.select_columns(names).with_format("numpy")[:]) if names else {}


def to_unit_interval(x: Array, x_test: Array) -> tuple[Features, Features]:
    """Scale to [0, 1]: bytes by 255, other numbers by their range in training, flat columns one by one."""
    if x.dtype == np.uint8:
        return x.astype(np.float32) / np.float32(255), x_test.astype(np.float32) / np.float32(255)
    axis = 0 if x.ndim == 2 else None
    low, span = x.min(axis=axis), np.ptp(x, axis=axis)
    span = np.where(span == 0, 1, span)
    scaled, scaled_test = (np.clip((part - low) / span, 0, 1).astype(np.float32) for part in (x, x_test))
    return scaled, scaled_test
