"""Where the examples come from: the embedded `digits`, seeded `synthetic`, or a table (`tables.py`)."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from splitfed_core.config.choice import Named
from splitfed_core.config.choice_settings import read_settings
from splitfed_core.data.dataset import Dataset, Features, Size, held_out
from splitfed_core.data.images import resized
from splitfed_core.errors import ConfigError
from splitfed_core.seeding import stream

_PATTERNS = 4


class DigitsSettings(BaseModel):
    """Settings of `dataset: digits`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resize: Size | None = None


class SyntheticSettings(BaseModel):
    """Settings of `dataset: synthetic`; they alone decide every value in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field((28, 28, 1), min_length=1)
    examples: int = Field(3840, ge=1)
    test_examples: int = Field(960, ge=1)
    classes: int = Field(10, ge=2)
    noise: float = Field(0.35, ge=0)
    seed: int = Field(0, ge=0)


def load_dataset(choice: Named | str | Mapping[str, object]) -> Dataset:
    """Load a data set by name; any name that is not ours is looked up on the Hugging Face hub.

    Args:
        choice: As in a grid: `"digits"`, `{"name": "csv", "data_files": …}`.

    Raises:
        ConfigError: An unknown name, a wrong setting, data that cannot be read or reached.
    """
    choice = Named.of(choice)
    if choice.name == "digits":
        return _digits(read_settings(choice, DigitsSettings, "dataset"))
    if choice.name == "synthetic":
        return _synthetic(read_settings(choice, SyntheticSettings, "dataset"))
    from splitfed_core.data.tables import load_table

    return load_table(choice)


def _digits(settings: DigitsSettings) -> Dataset:
    """Read the 1,797 8×8 scans (Alpaydin and Kaynak, 1998) that scikit-learn carries.

    The file is read where it lies: importing scikit-learn for it costs 4 s, reading it 0.3 s.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise ConfigError("dataset 'digits' comes with scikit-learn, which is not installed; install it", "dataset")
    path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(path, delimiter=",", dtype=np.float32)
    x, y = table[:, :-1].reshape(-1, 8, 8, 1) / np.float32(16), table[:, -1].astype(np.int64)
    train, test = held_out(len(y))
    dataset = Dataset("digits", x[train], y[train], x[test], y[test], tuple("0123456789"))
    return resized(dataset, settings.resize) if settings.resize else dataset


def _synthetic(settings: SyntheticSettings) -> Dataset:
    """Draw examples of four blocky patterns per class, each shifted by up to two places, under noise.

    One pattern per class would be learned in one epoch; these take a small network some ten.
    """
    rng = stream("synthetic", settings.seed)
    patterns = np.stack([_pattern(settings.shape, rng) for _ in range(settings.classes * _PATTERNS)])
    total = settings.examples + settings.test_examples
    y = rng.permutation(np.arange(total) % settings.classes)
    x = patterns[y * _PATTERNS + rng.integers(0, _PATTERNS, total)]
    for axis in range(1, x.ndim - 1):
        shift = rng.integers(-2, 3, total)
        places = (np.arange(x.shape[axis]) - shift[:, None]) % x.shape[axis]
        shape = [total if i == 0 else -1 if i == axis else 1 for i in range(x.ndim)]
        x = np.take_along_axis(x, places.reshape(shape), axis=axis)
    x = np.clip(x + np.float32(settings.noise) * rng.standard_normal(x.shape, dtype=np.float32), 0, 1)
    cut = settings.examples
    names = tuple(str(label) for label in range(settings.classes))
    return Dataset("synthetic", x[:cut], y[:cut], x[cut:], y[cut:], names)


def _pattern(shape: tuple[int, ...], rng: np.random.Generator) -> Features:
    """Return random blocks of four places along every axis but the last (the channels)."""
    coarse = rng.random([*(-(-size // 4) for size in shape[:-1]), shape[-1]], dtype=np.float32)
    for axis, size in enumerate(shape[:-1]):
        coarse = np.repeat(coarse, 4, axis=axis).take(range(size), axis=axis)
    return coarse
