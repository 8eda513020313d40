"""A lossless stage after a codec: bytes that belong together sorted apart, then zstd or lz4."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from splitfed_core.arrays import Array, DType
from splitfed_core.errors import NotInstalledError, RemoteError
from splitfed_core.wire.codecs.base import Codec, EncodedTensor, Limit, checked_size, described, misfit
from splitfed_core.wire.codecs.float_codec import FloatCodec, is_float

_ZSTD_LEVEL = 1  # the levels above cost more time than they save bytes: docs/guides/codecs.md


class _Stage(NamedTuple):
    """How bytes become fewer, and come back: `expand` gets how many there were, and takes no more memory than that."""

    shrink: Callable[[Array], bytes]
    expand: Callable[[bytes | memoryview, int], bytes]


def _zstd() -> _Stage:
    try:
        import zstandard
    except ImportError:
        raise _missing("zstd", "zstandard") from None

    def expand(payload: bytes | memoryview, size: int) -> bytes:
        try:
            declared = zstandard.frame_content_size(payload)
            if declared != size:  # the library would allocate what the frame says
                raise RemoteError(f"a zstd frame says that it holds {declared} bytes where {size} belong")
            return zstandard.ZstdDecompressor().decompress(payload, max_output_size=size, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise RemoteError(f"{len(payload)} bytes are not a zstd frame ({error})") from None

    return _Stage(lambda data: zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data.data), expand)


def _lz4() -> _Stage:
    try:
        import lz4.block
    except ImportError:
        raise _missing("lz4", "lz4") from None

    def expand(payload: bytes | memoryview, size: int) -> bytes:
        try:
            return lz4.block.decompress(payload, uncompressed_size=size)  # or less, which the codec refuses
        except lz4.block.LZ4BlockError as error:
            raise RemoteError(f"{len(payload)} bytes are not an lz4 block of {size} ({error})") from None

    return _Stage(lambda data: lz4.block.compress(data.data, store_size=False), expand)


STAGES: dict[str, Callable[[], _Stage]] = {"zstd": _zstd, "lz4": _lz4}
"""Every lossless stage, by what `then` can be."""


class Staged:
    """A codec whose payload a lossless stage makes smaller; one that it would not make smaller stays as it is."""

    fixed_size = False

    def __init__(self, codec: Codec, then: str) -> None:
        """Put the stage of this name after a codec.

        Raises:
            NotInstalledError: Its library is missing.
        """
        self.inner, self._then, self._stage = codec, then, STAGES[then]()
        self.name = self._named(codec.name)
        self.lossless, self.random = codec.lossless, codec.random

    def encode(self, array: Array, rng: np.random.Generator | None = None) -> EncodedTensor:
        """Encode and make smaller."""
        tensor = self.inner.encode(array, rng)
        payload = np.frombuffer(tensor.payload, np.uint8)
        smaller = self._stage.shrink(_apart(payload, self._word(array.dtype))) if payload.size else b""
        kept = smaller if len(smaller) < tensor.num_bytes else tensor.payload
        return EncodedTensor(tensor.dtype, tensor.shape, self._named(tensor.codec), kept)

    def decode(self, tensor: EncodedTensor, limit: Limit | None = None) -> Array:
        """Make as large as it was, which shape and dtype say, and decode.

        Raises:
            RemoteError: It is not what `encode` makes, or would become more than the limit.
        """
        return self.inner.decode(self.expanded(tensor, limit), limit)

    def expanded(self, tensor: EncodedTensor, limit: Limit | None = None) -> EncodedTensor:
        """Return the tensor as the codec before the stage made it.

        Raises:
            RemoteError: It is not what `encode` makes, or would become more than the limit.
        """
        checked_size(tensor, limit)
        name, stage = tensor.codec.rpartition("+")[::2]
        dtype = tensor.numpy_dtype()
        size = self.inner.max_bytes(tensor.shape, dtype)
        if stage != self._then or tensor.num_bytes > size:
            raise misfit(tensor, self.name, f"at most {size}")
        payload = tensor.payload
        if tensor.num_bytes < size:
            try:
                whole = np.frombuffer(self._stage.expand(payload, size), np.uint8)
            except RemoteError as error:
                raise RemoteError(f"{described(tensor)}: {error}") from None
            payload = _together(whole, self._word(dtype)).data
        return EncodedTensor(tensor.dtype, tensor.shape, name, payload)

    def num_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return the size before the stage: what comes after it depends on the values."""
        return self.inner.num_bytes(shape, dtype)

    def max_bytes(self, shape: tuple[int, ...], dtype: DType) -> int:
        """Return the same: no payload is larger."""
        return self.inner.max_bytes(shape, dtype)

    def bound(self, array: Array) -> Array:
        """Return the codec's bound: the stage changes nothing."""
        return self.inner.bound(array)

    def _named(self, codec: str) -> str:
        return f"{codec}+{self._then}"

    def _word(self, dtype: DType) -> int:
        """Return how many bytes belong together: of what is not the codec's, an element's."""
        return self.inner.word(dtype) if isinstance(self.inner, FloatCodec) and is_float(dtype) else dtype.itemsize


def _apart(payload: Array, word: int) -> Array:
    """Sort bytes by their place in their word: the first of each word, the second of each, …; then the rest."""
    words = payload.size // word
    if word == 1 or not words:
        return payload
    sorted_bytes = np.empty_like(payload)
    for place in range(word):
        sorted_bytes[place * words : (place + 1) * words] = payload[place : words * word : word]
    sorted_bytes[words * word :] = payload[words * word :]
    return sorted_bytes


def _together(sorted_bytes: Array, word: int) -> Array:
    """Undo `_apart`."""
    words = sorted_bytes.size // word
    if word == 1 or not words:
        return sorted_bytes
    payload = np.empty_like(sorted_bytes)
    for place in range(word):
        payload[place : words * word : word] = sorted_bytes[place * words : (place + 1) * words]
    payload[words * word :] = sorted_bytes[words * word :]
    return payload


def _missing(stage: str, package: str) -> NotInstalledError:
    return NotInstalledError(f"then: {stage} takes the package {package}: pip install 'sfbench[run]'")
