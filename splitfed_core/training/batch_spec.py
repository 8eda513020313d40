"""What a main server takes: looked at before a turn is taken, so that a wrong message costs its sender alone."""

from dataclasses import dataclass
from typing import Any

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW

_INTEGERS = frozenset({"uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"})
_NAME_LENGTH, _DIMENSIONS = 20, 6  # of what a stranger sent, as far as it is repeated


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """A batch of examples: its dtype, and the shape of one of them; None: any size."""

    dtype: str
    example: tuple[int | None, ...]

    @classmethod
    def of(cls, tensor: Any) -> "BatchSpec":
        """Return the spec of a symbolic input or output of a Keras model."""
        return cls(str(tensor.dtype), tuple(tensor.shape[1:]))

    def decode(self, field: str, tensor: EncodedTensor, examples: int | None = None) -> Array:
        """Decode a batch, of so many examples if a number is given.

        Raises:
            RemoteError: It is not of this dtype and shape, or is empty.
        """
        sizes = zip(tensor.shape[1:], self.example, strict=False)
        fits = len(tensor.shape) == len(self.example) + 1 and all(asked in (given, None) for given, asked in sizes)
        if tensor.dtype != self.dtype or not fits or not tensor.shape[0] or examples not in (None, tensor.shape[0]):
            batch = "batch ≥ 1" if examples is None else str(examples)
            rule = f"{self.dtype}[{', '.join([batch, *map(str, self.example)])}]"
            raise RemoteError(f"{field}: {_named(tensor)}, but this cell's main server takes {rule}")
        return RAW.decode(tensor)


def decode_labels(tensor: EncodedTensor, examples: int, classes: int) -> Array:
    """Decode the labels of a batch.

    Raises:
        RemoteError: They are not one class number for each example.
    """
    if tensor.dtype not in _INTEGERS or tensor.shape != (examples,):
        rule = f"one integer for each of the {examples} examples, [{examples}]"
        raise RemoteError(f"labels: {_named(tensor)}, but this cell's main server takes {rule}")
    labels = RAW.decode(tensor)
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size:
        raise RemoteError(f"labels: {outside[0]} is not one of the cell's classes, 0 to {classes - 1}")
    return labels


def _named(tensor: EncodedTensor) -> str:
    shape = ", ".join(map(str, tensor.shape[:_DIMENSIONS])) + (", …" if len(tensor.shape) > _DIMENSIONS else "")
    return f"{tensor.dtype[:_NAME_LENGTH]}[{shape}]"
