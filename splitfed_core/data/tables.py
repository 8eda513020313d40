"""Tables: data sets of the Hugging Face hub, local parquet, CSV and image folders."""

import urllib.error
import urllib.request

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from splitfed_core.config.choice import Named
from splitfed_core.config.choice_settings import read_settings
from splitfed_core.data.columns import choose_columns, read_features, read_others, to_unit_interval
from splitfed_core.data.dataset import Dataset, Size
from splitfed_core.data.images import resized
from splitfed_core.data.labels import read_labels
from splitfed_core.data.quality import look_over
from splitfed_core.data.splits import Files, read_splits
from splitfed_core.errors import ConfigError

LOCAL = ("parquet", "csv", "imagefolder")

_REACH_TIMEOUT_S = 5.0


class TableSettings(BaseModel):
    """Settings of a table. What is left out is told by the table's own column types, where they tell it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subset: str | None = None
    data_files: Files | None = None
    data_dir: str | None = None
    train_split: str = "train"
    test_split: str | None = None
    features: str | list[str] | None = None
    label: str | None = None
    shape: tuple[int, ...] | None = None
    resize: Size | None = None


def load_table(choice: Named) -> Dataset:
    """Load a table into memory; without a test split, 20 % of the training rows are held out.

    Raises:
        ConfigError: The table cannot be reached or read, or its columns make no features and labels.
    """
    settings = read_settings(choice, TableSettings, "dataset")
    if choice.name not in LOCAL:
        _require_hub(choice.name)
    elif not (settings.data_files or settings.data_dir):
        example = f"{{name: {choice.name}, data_files: {{train: …, test: …}}}}"
        raise ConfigError(f"dataset {choice.name!r} needs 'data_files' or 'data_dir': {example}", "dataset")
    train, test = read_splits(
        choice, settings.data_files, settings.data_dir, settings.subset, settings.train_split, settings.test_split
    )
    features, label = choose_columns(train, test, settings.features, settings.label)
    numbers, numbers_test = read_features(train, test, features, settings.resize)
    y, y_test, names = read_labels(train, test, label)
    warnings = look_over(numbers, y, y_test, names, features, label)
    x, x_test = (_shaped(part, settings.shape) for part in to_unit_interval(numbers, numbers_test))
    dataset = Dataset(choice.name, x, y, x_test, y_test, names, read_others(train, {*features, label}), warnings)
    if settings.resize and dataset.input_shape[:2] != settings.resize:
        return resized(dataset, settings.resize)  # arrays; images were scaled one by one when they were read
    return dataset


def _require_hub(name: str) -> None:
    """Fail at once when the hub cannot be reached; its own client would try for half a minute."""
    import datasets

    if datasets.config.HF_HUB_OFFLINE:
        return  # the user's own wish: whatever was downloaded before is used
    try:
        request = urllib.request.Request(datasets.config.HF_ENDPOINT, method="HEAD")  # noqa: S310 - https
        urllib.request.urlopen(request, timeout=_REACH_TIMEOUT_S).close()  # noqa: S310 - https
    except urllib.error.HTTPError:
        return  # any answer shows that it is there
    except OSError as error:
        ours = ", ".join(("digits", "synthetic", *LOCAL))
        raise ConfigError(
            f"dataset {name!r} is not one of {ours}, so it is one on the Hugging Face hub, which cannot be "
            f"reached ({getattr(error, 'reason', error)}); use 'digits', which needs no network, or set "
            "HF_HUB_OFFLINE=1 if the data set was downloaded before",
            "dataset",
        ) from None


def _shaped(x: NDArray[np.float32], shape: tuple[int, ...] | None) -> NDArray[np.float32]:
    """Give every example the shape that was asked for."""
    if shape is None:
        return x
    if np.prod(shape) != x[0].size:
        raise ConfigError(f"dataset setting shape {list(shape)}: an example has {x[0].size} numbers", "dataset")
    return x.reshape(-1, *shape)
