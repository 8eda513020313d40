"""How an array becomes the payload of a tensor message, and back."""

from dataclasses import dataclass
from functools import lru_cache
from pickle import PickleBuffer
from typing import Any, Protocol, SupportsIndex

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError

_NAME_LENGTH = 20  # of what a stranger sent, as far as it is repeated


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
        raise RemoteError(
            f"{shown!r} is not a data type that NumPy takes: both sides must run the same version and cell"
        )
    return dtype.newbyteorder("<")


def _unpickled(dtype: str, shape: tuple[int, ...], codec: str, payload: bytes | PickleBuffer) -> EncodedTensor:
    return EncodedTensor(dtype, shape, codec, memoryview(payload))


class Codec(Protocol):
    """Turns arrays into tensors and back; what the wire costs depends on it."""

    name: str

    def encode(self, array: Array) -> EncodedTensor:
        """Encode an array; the payload may share its memory."""
        ...

    def decode(self, tensor: EncodedTensor) -> Array:
        """Decode a tensor into an array of its dtype and shape, possibly read-only."""
        ...
