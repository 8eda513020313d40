"""What every codec promises, over arrays of all kinds: its bound, its size, the same bytes for the same array."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from splitfed_core.arrays import Array
from splitfed_core.wire.codecs.base import Codec, Limit

SHAPES = [(), (1,), (7,), (0,), (0, 7), (3, 0), (3, 5), (4, 3, 2, 5), (2, 129), (65, 1), (1, 1000), (40, 33, 29)]
FLOATS = ["float16", "float32", "float64"]


def special(shape: tuple[int, ...], dtype: str) -> dict[str, Array]:
    """Return arrays of which something is usually forgotten."""
    rng = np.random.default_rng(prod(shape))
    noise = np.asarray(rng.standard_normal(shape))
    limits = np.finfo(dtype)
    with np.errstate(over="ignore"):
        return {
            "noise": noise.astype(dtype),
            "relu": np.maximum(noise, 0).astype(dtype),
            "constant": np.full(shape, 0.1, dtype),
            "zero": np.zeros(shape, dtype),
            "negative zero": np.full(shape, -0.0, dtype),
            "largest": (np.where(noise < 0, -1.0, 1.0) * limits.max).astype(dtype),
            "subnormal": (noise * limits.smallest_subnormal * 3).astype(dtype),
            "far from zero": (noise * 1e-3 + 1000).astype(dtype),
            "all magnitudes": (noise * 10.0 ** rng.uniform(-45, 38, shape)).astype(dtype),
        }


def back(codec: Codec, array: Array) -> Array:
    """Encode and decode, and hold whatever holds for every array."""
    tensor = codec.encode(array, np.random.default_rng(1))
    decoded = codec.decode(tensor, Limit(array.nbytes))
    assert (decoded.shape, decoded.dtype) == (array.shape, array.dtype.newbyteorder("<"))
    assert tensor.num_bytes <= codec.max_bytes(array.shape, array.dtype)
    if codec.fixed_size:
        assert tensor.num_bytes == codec.num_bytes(array.shape, array.dtype)
    again = codec.encode(array.copy(), np.random.default_rng(1))
    assert bytes(tensor.payload) == bytes(again.payload)
    return decoded


def hold_bound(codec: Codec, array: Array) -> None:
    decoded, bound = back(codec, array), codec.bound(array)
    assert bound.shape == array.shape
    with np.errstate(invalid="ignore"):  # inf - inf
        off = np.abs(decoded.astype(np.float64) - array.astype(np.float64))
    assert not (off > bound).any()
    assert np.isfinite(decoded[np.isfinite(array) & np.isfinite(bound)]).all()
    if codec.lossless:
        assert decoded.tobytes() == array.astype(decoded.dtype).tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_bound_and_the_size_hold_for_what_is_usually_forgotten(
    codec: Codec, shape: tuple[int, ...], dtype: str
) -> None:
    for array in special(shape, dtype).values():
        hold_bound(codec, array)


@pytest.mark.parametrize("dtype", FLOATS)
def test_they_hold_for_what_is_not_contiguous_and_for_the_other_byte_order(codec: Codec, dtype: str) -> None:
    array = special((6, 9, 14), dtype)["noise"]
    for other in (array.T, array[:, ::2], array[::-1], array.astype(array.dtype.newbyteorder(">"))):
        hold_bound(codec, other)


any_floats = st.sampled_from(FLOATS).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
)


@given(array=any_floats)
def test_the_bound_and_the_size_hold_for_any_array(codec: Codec, array: Array) -> None:
    hold_bound(codec, array)


@given(array=arrays.arrays(arrays.integer_dtypes() | arrays.boolean_dtypes(), arrays.array_shapes(min_side=0)))
def test_what_is_not_a_float_travels_raw(codec: Codec, array: Array) -> None:
    assert back(codec, array).tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()
    assert not codec.bound(array).any()
    assert codec.encode(array).codec.partition("+")[0] == "raw"
    assert codec.max_bytes(array.shape, array.dtype) == array.nbytes
