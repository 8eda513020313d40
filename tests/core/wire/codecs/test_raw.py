import pickle

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, -0.0], [np.inf, np.nan]], np.float32),
        np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
        np.array([-(2**63), 2**63 - 1]),
        np.array([65504, 6e-8], np.float16),
        np.array([True, False]),
        np.float32(2.5),
        np.empty((0, 7), np.float32),
        np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2],
        np.arange(12, dtype=np.int32).reshape(3, 4).T,
    ],
    ids=lambda array: f"{array.dtype}{list(array.shape)}",
)
def test_raw_brings_every_bit_back(array: Array) -> None:
    back = RAW.decode(RAW.encode(np.asarray(array)))
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_raw_copies_nothing_of_a_contiguous_array() -> None:
    array = np.zeros(1000, np.float32)
    back = RAW.decode(RAW.encode(array))
    assert np.shares_memory(array, back)


def test_big_endian_numbers_travel_little_endian() -> None:
    tensor = RAW.encode(np.array([1, 256], ">u2"))
    assert (tensor.dtype, bytes(tensor.payload)) == ("uint16", b"\x01\x00\x00\x01")
    assert RAW.decode(tensor).tolist() == [1, 256]


@pytest.mark.parametrize(
    ("shape", "codec", "size"), [((2, 3), "raw", 23), ((2, 3), "raw", 28), ((2, 3), "fp16", 24), ((), "raw", 0)]
)
def test_a_payload_that_does_not_fit_is_refused(shape: tuple[int, ...], codec: str, size: int) -> None:
    with pytest.raises(RemoteError, match=rf"came as {size} bytes of codec '{codec}'; .* needs \d+ bytes"):
        RAW.decode(EncodedTensor("float32", shape, codec, bytes(size)))


def test_a_pickle_carries_the_payload_beside_itself() -> None:
    array = np.arange(1000, dtype=np.float32)
    beside: list[pickle.PickleBuffer] = []
    stream = pickle.dumps(RAW.encode(array), protocol=5, buffer_callback=beside.append)
    assert len(stream) < 200
    assert np.shares_memory(np.frombuffer(beside[0].raw(), np.float32), array)
    back = RAW.decode(pickle.loads(stream, buffers=beside))  # noqa: S301  our own
    assert np.shares_memory(back, array)
    assert np.array_equal(RAW.decode(pickle.loads(pickle.dumps(RAW.encode(array)))), array)  # noqa: S301  our own
