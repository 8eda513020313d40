"""What a main server takes: looked at before a turn is taken, so that a wrong message costs its sender alone."""

from dataclasses import dataclass
from math import prod

import keras
import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError

_INTEGERS = "iu"  # NumPy's kinds
_NAME_LENGTH, _DIMENSIONS = 20, 6  # of what a stranger sent, as far as it is repeated


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """A batch of examples: its dtype, and the shape of one of them; None: any size."""

    dtype: str
    example: tuple[int | None, ...]

    @classmethod
    def of(cls, tensor: keras.KerasTensor) -> "BatchSpec":
        """Return the spec of a symbolic input or output of a Keras model."""
        return cls(str(tensor.dtype), tuple(tensor.shape[1:]))

    @property
    def example_bytes(self) -> int:
        """The size of one example; where it may be any, that of the largest array."""
        size = prod(size or 0 for size in self.example)
        return size * int(np.dtype(self.dtype).itemsize) if None not in self.example else 2**63 - 1

    def check(self, field: str, batch: Array, examples: int | None = None) -> None:
        """Refuse what is not a batch, of so many examples if a number is given.

        Raises:
            RemoteError: It is not of this dtype and shape, or is empty.
        """
        sizes = zip(batch.shape[1:], self.example, strict=False)
        fits = batch.ndim == len(self.example) + 1 and all(asked in (given, None) for given, asked in sizes)
        if batch.dtype.name != self.dtype or not fits or not len(batch) or examples not in (None, len(batch)):
            size = "batch ≥ 1" if examples is None else str(examples)
            rule = f"{self.dtype}[{', '.join([size, *map(str, self.example)])}]"
            raise RemoteError(f"{field}: {_named(batch)}, but this cell's main server takes {rule}")


def check_labels(labels: Array, examples: int, classes: int) -> None:
    """Refuse what are not the labels of a batch.

    Raises:
        RemoteError: They are not one class number for each example.
    """
    if labels.dtype.kind not in _INTEGERS or labels.shape != (examples,):
        rule = f"one integer for each of the {examples} examples, [{examples}]"
        raise RemoteError(f"labels: {_named(labels)}, but this cell's main server takes {rule}")
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size:
        raise RemoteError(f"labels: {outside[0]} is not one of the cell's classes, 0 to {classes - 1}")


def _named(array: Array) -> str:
    shape = ", ".join(map(str, array.shape[:_DIMENSIONS])) + (", …" if array.ndim > _DIMENSIONS else "")
    return f"{array.dtype.name[:_NAME_LENGTH]}[{shape}]"
