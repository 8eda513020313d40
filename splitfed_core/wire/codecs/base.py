"""How an array becomes the payload of a tensor message, and back."""

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pickle import PickleBuffer
from typing import Any, Protocol, SupportsIndex

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.errors import RemoteError

_NAME_LENGTH = 20  # of what a stranger sent, as far as it is repeated
_SHOWN_AXES = 6
_MOST_AXES = 32
_MOST_BYTES = 2**63 - 1
SAME = "both sides must run the same version and cell"
"""What remedies a tensor that does not fit: the end of each such error."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTensor:
    """An array on the wire.

    Attributes:
        dtype: NumPy name of the decoded array's type, little-endian.
        shape: Shape of the decoded array.
        codec: Name of the codec that can decode the payload.
        payload: The encoded bytes; may be a view of the array they came from.
    """

    dtype: str
    shape: tuple[int, ...]
    codec: str
    payload: bytes | memoryview

    @property
    def num_bytes(self) -> int:
        """Size of the payload."""
        return len(self.payload)

    def numpy_dtype(self) -> "np.dtype[np.generic]":
        """Return the decoded array's type, little-endian.

        Raises:
            RemoteError: NumPy has none of this name that an array's bytes could be read as.
        """
        return _numpy_dtype(self.dtype)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        """Let a pickle carry the payload beside itself, without a copy, from protocol 5 on."""
        payload = PickleBuffer(self.payload) if int(protocol) >= 5 else bytes(self.payload)
        return _unpickled, (self.dtype, self.shape, self.codec, payload)


@lru_cache(maxsize=64)
def dtype_name(dtype: "np.dtype[np.generic]") -> str:
    """Return NumPy's name of a type, which it puts together anew each time."""
    return dtype.name


@lru_cache(maxsize=64)
def _numpy_dtype(name: str) -> "np.dtype[np.generic]":
    """Look a type up once: it takes longer than the rest of a raw tensor."""
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.hasobject or not dtype.itemsize or dtype.name != name:
        shown = name[:_NAME_LENGTH]
        raise RemoteError(f"{shown!r} is not a data type that NumPy takes: {SAME}")
    return dtype.newbyteorder("<")


def _unpickled(dtype: str, shape: tuple[int, ...], codec: str, payload: bytes | PickleBuffer) -> EncodedTensor:
    return EncodedTensor(dtype, shape, codec, memoryview(payload))


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a tensor may become when it is decoded: what the cell's own tensors can need.

    Attributes:
        num_bytes: Of the decoded array.
    """

    num_bytes: int


UNLIMITED = Limit(2**63 - 1)


class Codec(Protocol):
    """Turns arrays into tensors and back, without memory of what was before; what the wire costs depends on it.

    Attributes:
        name: Travels with every tensor.
        lossless: Whether every array comes back to the bit.
        fixed_size: Whether a payload's size follows from shape and dtype alone, so that `num_bytes` is exact.
        random: Whether `encode` takes numbers from `rng`.
    """

    name: str
    lossless: bool
    fixed_size: bool
    random: bool

    def encode(self, array: Array, rng: np.random.Generator | None = None) -> EncodedTensor:
        """Encode an array; the payload may share its memory."""
        ...

    def decode(self, tensor: EncodedTensor, limit: Limit | None = None) -> Array:
        """Decode a tensor into an array of its dtype and shape, possibly read-only.

        Raises:
            RemoteError: It is not what `encode` makes, or would become more than the limit. Nothing large is allocated
                before that is known.
        """
        ...

    def num_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return the size of a payload, exact where `fixed_size`."""
        ...

    def max_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return what no payload is larger than."""
        ...

    def bound(self, array: Array) -> Array:
        """Return how far each element can be off at most when it comes back.

        It is inf where an element may become infinite, and nan where nothing is promised.
        """
        ...


def checked_size(tensor: EncodedTensor, limit: Limit | None) -> int:
    """Return the size of the decoded array in bytes, once dtype, shape and limit allow it.

    Raises:
        RemoteError: They do not.
    """
    dtype, shape = tensor.numpy_dtype(), tensor.shape
    size = dtype.itemsize * prod(shape)
    if len(shape) > _MOST_AXES or min(shape, default=0) < 0:
        raise RemoteError(f"{described(tensor)} is not the shape of an array: {SAME}")
    if limit is not None and size > limit.num_bytes:
        raise RemoteError(
            f"{described(tensor)} would take {size} bytes; this cell's tensors take {limit.num_bytes} at most: {SAME}"
        )
    if not 0 < size < _MOST_BYTES and dtype.itemsize * prod(filter(None, shape)) > _MOST_BYTES:
        raise RemoteError(f"{described(tensor)} is more than memory can hold: {SAME}")  # of nothing, too, for NumPy
    return size


def misfit(tensor: EncodedTensor, name: str, expected: int | str) -> RemoteError:
    """Return the error of a tensor that the codec of this name did not make."""
    return RemoteError(
        f"{described(tensor)} came as {tensor.num_bytes} bytes of codec {tensor.codec[:_NAME_LENGTH]!r}; "
        f"codec {name!r} needs {expected} bytes: {SAME}"
    )


def described(tensor: EncodedTensor) -> str:
    """Return a tensor's dtype and shape for an error, as far as a stranger's are repeated."""
    shown = ", ".join(str(size) for size in tensor.shape[:_SHOWN_AXES])
    return f"{tensor.dtype[:_NAME_LENGTH]}[{shown}{', …' if len(tensor.shape) > _SHOWN_AXES else ''}]"
