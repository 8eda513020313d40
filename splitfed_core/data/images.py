"""Images as arrays, height × width × channels, and how they are scaled."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.data.dataset import Dataset, Features, Size
from splitfed_core.errors import ConfigError

if TYPE_CHECKING:
    from PIL import Image


_GREY_BYTES = frozenset({"1", "L"})
_GREY_NUMBERS = frozenset({"I", "I;16", "F"})


def stack_images(images: "Sequence[Image.Image]", size: Size | None) -> Array:
    """Stack PIL images: one grey channel if all are grey, otherwise RGB.

    Raises:
        ConfigError: Images of different sizes, and no size to scale them to.
    """
    from PIL import Image

    modes = {image.mode for image in images}
    mode = "L" if modes <= _GREY_BYTES else "F" if modes <= _GREY_BYTES | _GREY_NUMBERS else "RGB"
    shapes = {image.size[::-1] for image in images}
    if size is None and len(shapes) > 1:
        first, second = sorted(shapes)[:2]
        raise ConfigError(
            f"dataset images differ in size ({first}, {second}, …); scale them with resize: [height, width]",
            "dataset",
        )
    converted = (image.convert(mode) for image in images)
    if size:
        converted = (image.resize(size[::-1], Image.Resampling.BILINEAR) for image in converted)
    stacked = np.stack([np.asarray(image) for image in converted])
    return stacked if mode == "RGB" else stacked[..., None]


def resized(dataset: Dataset, size: Size) -> Dataset:
    """Scale every image of a data set to (height, width), bilinearly.

    Raises:
        ConfigError: The examples are not images.
    """
    if len(dataset.input_shape) != 3:
        raise ConfigError(
            f"dataset {dataset.name!r} has examples of shape {dataset.input_shape}; only images "
            "(height, width, channels) can be resized",
            "dataset",
        )
    return replace(dataset, x_train=_resize(dataset.x_train, size), x_test=_resize(dataset.x_test, size))


def _resize(x: Features, size: Size) -> Features:
    from PIL import Image

    planes = np.moveaxis(x, -1, 1).reshape(-1, *x.shape[1:3])
    scaled = [Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in planes]
    stacked = np.reshape([np.asarray(plane) for plane in scaled], (len(x), x.shape[-1], *size))
    return np.ascontiguousarray(np.moveaxis(stacked, 1, -1))
