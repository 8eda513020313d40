"""Bytes of a stranger: an error of ours or an array within the limit, and nothing beside the payload is read."""

import tracemalloc
from collections.abc import Sequence
from math import prod

import lz4.block
import numpy as np
import pytest
import zstandard

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.wire.codecs import CODECS, make_codec
from splitfed_core.wire.codecs.base import Codec, EncodedTensor, Limit
from splitfed_core.wire.codecs.topk import TopK

LIMIT = Limit(4096)
VARIANTS = 10
SIZED = ["float16", "float32", "float64", "uint8", "int64", "bool", "complex64"]
DTYPES = ["float32"] * 12 + SIZED
ODD_DTYPES = [
    "bfloat16",
    "float8_e4m3fn",
    "int4",
    "float128",
    "str",
    "",
    "object",
    "O",
    "f4",
    "float32\0",
    "f4,f4",
    "(2,3)f4",
    "void0",
    "M8[ns]",
    "datetime64[ns]",
    "S5",
    "é" * 9,
]
EDGES = np.array([0, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F7FFFFF, 0xFF7FFFFF, 1, 0x80000000], np.uint32).tobytes()


def some_shape(rng: np.random.Generator) -> tuple[int, ...]:
    """Draw a shape; one in eight is not that of any array of a cell."""
    if rng.random() < 0.125:
        return tuple(int(size) for size in rng.choice([-2, -1, 0, 1, 3, 2**16, 2**31, 2**32 - 1], rng.integers(0, 40)))
    return tuple(int(size) for size in rng.integers(0, 12, rng.integers(0, 5)))


def some_payload(rng: np.random.Generator, codec: Codec, dtype: str, shape: tuple[int, ...]) -> bytes:
    """Draw a payload: the codec's own of some array, with a few bytes changed, or any bytes of some size."""
    small = len(shape) < 8 and all(0 <= size < 1000 for size in shape)
    fits = small and dtype in SIZED and prod(shape) * 8 <= LIMIT.num_bytes
    if fits and rng.random() < 0.5:
        array = np.frombuffer(rng.bytes(prod(shape) * np.dtype(dtype).itemsize), dtype).reshape(shape)
        payload = bytearray(codec.encode(array, rng).payload)
        for _ in range(rng.integers(0, 4) if payload else 0):
            payload[rng.integers(len(payload))] = rng.integers(256)
        return bytes(payload[: rng.integers(len(payload) + 1)] if rng.random() < 0.2 else payload)
    size = int(rng.integers(0, 64))
    if fits and rng.random() < 0.7:
        size = max(0, codec.max_bytes(shape, np.dtype(dtype)) - int(rng.random() < 0.2))
    payload = bytearray(rng.bytes(size))
    if rng.random() < 0.3:
        payload[: len(EDGES)] = EDGES[:size]
    return bytes(payload)


def some_tensor(rng: np.random.Generator, codec: Codec) -> EncodedTensor:
    """Draw a tensor that claims to be of this codec, or not quite."""
    dtype = str(rng.choice(ODD_DTYPES if rng.random() < 0.05 else DTYPES))
    shape = some_shape(rng)
    name = (
        codec.name
        if rng.random() < 0.9
        else str(rng.choice([*CODECS, "", "+", "+zstd", "raw+lz4", codec.name + "+zstd"]))
    )
    return EncodedTensor(dtype, shape, name, some_payload(rng, codec, dtype, shape))


def outcome(codec: Codec, tensor: EncodedTensor, around: bytes) -> bytes | str:
    """Decode with other bytes round the payload: return the array's, or the error."""
    start = len(around)
    message = memoryview(around + bytes(tensor.payload) + around)
    inside = message[start : start + len(tensor.payload)]
    try:
        array = codec.decode(EncodedTensor(tensor.dtype, tensor.shape, tensor.codec, inside), LIMIT)
    except RemoteError as error:
        return str(error)
    assert array.nbytes <= LIMIT.num_bytes
    assert (array.shape, array.dtype.name) == (tensor.shape, tensor.dtype)
    return array.tobytes()


def changed(tensor: EncodedTensor, rng: np.random.Generator) -> EncodedTensor:
    """Change some bytes of a tensor, or cut it off."""
    payload = bytearray(tensor.payload)
    first, second, value, cut = (int(number) for number in rng.integers(0, 1 << 16, 4))
    if payload:
        payload[first % len(payload)] = value & 255
        payload[second % len(payload)] ^= 1 << (value & 7)
    kept = payload[: cut % (len(payload) + 1)] if cut % 16 == 0 else payload
    return EncodedTensor(tensor.dtype, tensor.shape, tensor.codec, bytes(kept))


def attack(codec: Codec, seed: int, inputs: int) -> None:
    """Decode so many tensors: some that are drawn, and each of these again and again with further bytes changed."""
    for number in range(-(-inputs // VARIANTS)):
        rng = np.random.default_rng([seed, number])
        tensor = some_tensor(rng, codec)
        for variant in range(VARIANTS):
            try:
                output = outcome(codec, tensor, b"")
                assert variant % 4 or output == outcome(codec, tensor, b"\xff\xff\xff")
                if isinstance(codec, TopK):
                    check_mask(codec, tensor)
            except Exception as error:  # whatever it is, it needs the seed that repeats it
                raise AssertionError(f"seed {[seed, number]}, variant {variant}: {tensor}: {error!r}") from error
            tensor = changed(tensor, rng)


def check_mask(codec: TopK, tensor: EncodedTensor) -> None:
    try:
        places = codec.mask_of(tensor, LIMIT)
    except RemoteError:
        return
    assert ((places >= 0) & (places < max(1, prod(tensor.shape)))).all()
    assert (np.diff(places.reshape(-1)) > 0).all()


def test_any_bytes_are_refused_or_become_an_array_within_the_limit(codec: Codec) -> None:
    attack(codec, seed=1, inputs=1000)


@pytest.mark.slow
def test_a_million_hostile_tensors(codec: Codec, forms: int) -> None:
    attack(codec, seed=2, inputs=-(-1_000_000 // forms))


def zstd_frame(content: bytes, *, declared: bool) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=declared).compress(content)


ZEROS = bytes(1 << 26)
BOMBS = {
    "more than the limit, in few bytes": ("float32", (1 << 24,), "raw+zstd", zstd_frame(ZEROS, declared=True)),
    "a zstd frame that says more than the shape": ("float32", (1000,), "raw+zstd", zstd_frame(ZEROS, declared=True)),
    "a zstd frame that does not say how much": ("float32", (1000,), "raw+zstd", zstd_frame(ZEROS, declared=False)),
    "a zstd frame that says too little": ("float32", (1000,), "raw+zstd", zstd_frame(bytes(3999), declared=True)),
    "a zstd frame and more": ("float32", (1000,), "raw+zstd", zstd_frame(bytes(4000), declared=True) + b"x"),
    "two zstd frames": ("float32", (1000,), "raw+zstd", zstd_frame(bytes(2000), declared=True) * 2),
    "an lz4 block of more": ("float32", (1000,), "raw+lz4", lz4.block.compress(ZEROS, store_size=False)[:3000]),
    "an lz4 block of less": ("float32", (1000,), "raw+lz4", lz4.block.compress(bytes(3999), store_size=False)),
    "int2 of a huge array": ("float32", (1 << 30,), "int2", bytes(8)),
    "one of many": ("float32", (1 << 30,), "topk", bytes(8)),
    "an array of nothing that is too large": ("float32", (0, 2**32 - 1, 2**32 - 1), "fp16", b""),
    "too many axes": ("float32", (1,) * 33, "fp16", bytes(2)),
    "a negative shape": ("float32", (-1, -4), "raw", bytes(16)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_memory_is_taken(bomb: str) -> None:
    dtype, shape, name, payload = BOMBS[bomb]
    codec = make_codec({"name": name.partition("+")[0], "then": name.partition("+")[2] or None})
    tracemalloc.start()
    try:
        with pytest.raises(RemoteError, match=r"both sides must run the same version and cell|zstd|lz4"):
            codec.decode(EncodedTensor(dtype, shape, name, payload), LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("share", "places"),
    [(0.25, [2, 2]), (0.25, [2, 1]), (0.25, [1, 9]), (0.5, [0xF8]), (0.5, [0x07])],
    ids=["twice", "descending", "beyond", "too many", "too few"],
)
def test_places_that_top_k_never_sends_are_refused(share: float, places: Sequence[int]) -> None:
    codec = TopK(share)
    rows, elements = (1, 9) if share == 0.25 else (1, 8)
    array: Array = np.zeros((rows, elements), np.float32)
    payload = bytearray(codec.encode(array).payload)
    if share == 0.25:  # two of nine: four planes of a bit for each place
        bits = [place >> bit & 1 for bit in range(4) for place in places]
        payload[8:] = np.packbits(np.array(bits, np.uint8)).tobytes()
    else:
        payload[16:] = bytes(places)
    with pytest.raises(RemoteError, match="topk tensor"):
        codec.decode(EncodedTensor("float32", array.shape, "topk", bytes(payload)))
