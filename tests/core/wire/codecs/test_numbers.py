"""Codecs by exact numbers: what a payload is, what comes back, and what becomes of nan and inf."""

from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.wire.codecs import make_codec
from splitfed_core.wire.codecs.base import EncodedTensor, Limit

NAN, INF, LARGEST = np.nan, np.inf, float(np.finfo(np.float32).max)


def sent(form: str | dict[str, Any], values: Any, dtype: str = "float32") -> tuple[str, list[Any]]:
    """Return the payload in hex, and what comes back."""
    codec, array = make_codec(form), np.array(values, dtype)
    tensor = codec.encode(array, np.random.default_rng(0))
    return bytes(tensor.payload).hex(), codec.decode(tensor, Limit(array.nbytes)).tolist()


def test_fp16_rounds_to_even_and_keeps_what_is_not_finite() -> None:
    payload, back = sent("fp16", [1, 2049, 2051, 1e-8, 65519, 65520, -INF, NAN])
    assert payload[:24] == "003c006802680000ff7b007c"
    assert back[:7] == [1, 2048, 2052, 0, 65504, INF, -INF]
    assert np.isnan(back[7])


def test_fp16_rounds_as_numpy_does_at_and_beside_every_number_and_midpoint() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    upwards = np.sort(every[np.isfinite(every)])
    midpoints = (upwards[1:] + upwards[:-1]) / 2
    at = np.concatenate([every, midpoints, np.array([65519.996, 65520, 1e-45, 3e38], np.float32)])
    beside = [(at.view(np.uint32) + np.uint32(step)).view(np.float32) for step in (1, 2**32 - 1)]
    values = np.concatenate([at, *beside])
    codes = np.frombuffer(make_codec("fp16").encode(values).payload, np.float16)
    number = ~np.isnan(values)
    with np.errstate(over="ignore"):
        wanted = values[number].astype(np.float16)
    assert codes[number].tobytes() == wanted.tobytes()
    assert np.array_equal(np.isnan(codes), np.isnan(values))


def test_bf16_rounds_to_even_and_keeps_what_is_not_finite() -> None:
    payload, back = sent("bf16", [1, 257, 259, 1e-40, LARGEST, -INF, NAN])
    assert payload[:12] == "803f80438243"
    assert back[:3] == [1, 256, 260]
    assert back[3] == pytest.approx(1e-40, rel=0.01)
    assert back[4:6] == [INF, -INF]
    assert np.isnan(back[6])


def test_fp8_scales_by_the_power_of_two_that_brings_the_largest_near_the_end() -> None:
    payload, back = sent("fp8", [1e-5, 2.0**-17, -(2.0**-17) * 1.0625, 0])
    assert payload == "19007a78f800"  # by 2²⁵: 335.5, 256, -272, 0
    assert back == [320 / 2**25, 2**-17, -(2**-17), 0]
    assert sent({"name": "fp8", "format": "e5m2"}, [1e-5])[1] == [40960 / 2**32]


def test_fp8_keeps_nan_and_inf_where_it_has_one() -> None:
    assert np.isnan(sent("fp8", [NAN, INF, 3])[1]).tolist() == [True, True, False]
    assert sent({"name": "fp8", "format": "e5m2"}, [-INF, 3])[1] == [-INF, 3]


@pytest.mark.parametrize(
    ("form", "payload", "back"),
    [
        ("int8", "000000000000003fff00010280", [127.5, 0, 0.5, 1, 64]),
        ("int4", "00000000000008410f8000", [127.5, 0, 0, 0, 68]),
        ("int2", "0000000000002a422300", [127.5, 0, 0, 0, 85]),
    ],
)
def test_integers_count_steps_from_the_lowest_to_the_highest(form: str, payload: str, back: list[float]) -> None:
    """Of int4 the first three codes are the low halves of bytes, of int2 the first two the lowest quarters."""
    assert sent(form, [127.5, 0, 0.5, 0.8, 64]) == (payload, back)


def test_each_channel_has_its_own_range() -> None:
    payload, back = sent({"name": "int8", "per": "channel"}, [[0, 1000], [1.2, 3000], [2, 2000]])
    assert len(payload) == 2 * (2 * 8 + 6)
    wanted = np.array([[0, 1000], [1.2, 3000], [2, 2000]])
    assert (np.abs(np.array(back) - wanted) <= [2 / 510 + 1e-4, 2000 / 510 + 0.1]).all()
    assert back[0] == [0, 1000]


@pytest.mark.parametrize("form", ["int8", "int4", "int2", {"name": "int2", "per": "channel"}, "delta"], ids=str)
def test_zero_is_a_level_where_there_are_both_signs(form: str | dict[str, Any]) -> None:
    back = sent(form, [[-0.7, 3.1], [1e-3, -1e-3], [0, 0], [1.9, -0.3]])[1]
    assert back[2] == [0, 0]
    tail = np.random.default_rng(0).standard_t(2, 10_000).astype(np.float32)
    assert np.linalg.norm(np.array(sent(form, tail)[1]) - tail) < np.linalg.norm(tail)


def test_delta_has_a_range_for_each_example() -> None:
    codec, changes = (
        make_codec("delta"),
        np.array([[0, 15, 3, 8, 7], [0, 0.15, 0, 0, 0.1], [0, 0, 0, 0, 0]], np.float32),
    )
    tensor = codec.encode(changes)
    assert tensor.num_bytes == codec.num_bytes(changes.shape, changes.dtype) == 3 * (8 + 3)
    assert (np.abs(codec.decode(tensor) - changes) <= 2.0**-15 * changes.max(axis=1, keepdims=True)).all()


def test_a_constant_comes_back_to_the_bit_and_the_largest_range_without_overflow() -> None:
    assert sent("int4", [0.1, 0.1, 0.1])[1] == [np.float32(0.1)] * 3
    assert sent("int8", [-LARGEST, LARGEST, 0])[1] == [-LARGEST, LARGEST, pytest.approx(0, abs=LARGEST / 255)]


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_one_element_that_is_not_finite_makes_its_range_nan(bad: float) -> None:
    assert np.isnan(sent("int8", [bad, 1, 2])[1]).all()
    back = sent({"name": "int8", "per": "channel"}, [[bad, 1], [2, 3]])[1]
    assert np.isnan(back).tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize("name", ["int8", "int4", "int2"])
def test_stochastic_rounding_is_right_on_average_and_seeded(name: str) -> None:
    codec = make_codec({"name": name, "rounding": "stochastic"})
    array = np.full(40_000, 0.3, np.float32)
    array[:2] = 0, 1
    tensor = codec.encode(array, np.random.default_rng(5))
    again, other = (codec.encode(array, np.random.default_rng(seed)) for seed in (5, 6))
    assert bytes(tensor.payload) == bytes(again.payload) != bytes(other.payload)
    step = 1 / (2 ** int(name[3:]) - 1)
    four_sigma = 4 * step * 0.5 / np.sqrt(array.size)
    assert codec.decode(tensor)[2:].mean() == pytest.approx(0.3, abs=four_sigma)
    with pytest.raises(ValueError, match=f"{name} with stochastic rounding needs a random generator"):
        codec.encode(array)


def test_stochastic_rounding_is_right_on_average_at_the_ends_of_a_range_with_both_signs() -> None:
    codec, array = make_codec({"name": "int4", "rounding": "stochastic"}), np.array([1.0, -0.3] * 20_000, np.float32)
    back = codec.decode(codec.encode(array, np.random.default_rng(5)))
    four_sigma = 4 * (1.3 / 14) * 0.5 / np.sqrt(20_000)
    assert [back[::2].mean(), back[1::2].mean()] == pytest.approx([1.0, -0.3], abs=four_sigma)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_top_k_keeps_the_largest_as_they_are_and_the_first_of_equal_ones(dtype: str) -> None:
    _, back = sent({"name": "topk", "share": 0.4}, [[3, -7, 7, 0.1, 7], [0, 0, 0, 0, -1]], dtype)
    assert back == [[0, -7, 7, 0, 0], [0, 0, 0, 0, -1]]
    _, back = sent({"name": "topk", "share": 0.4}, [NAN, 1, -INF, 9, 1e4], dtype)
    assert np.isnan(back[0])
    assert back[1:] == [0, -INF, 0, 0]


@pytest.mark.parametrize(
    ("share", "shape", "size"),
    [
        (0.01, (128, 21632), 128 * 216 * 4 + 128 * 216 * 15 // 8),
        (0.01, (3, 50), 3 * 4 + 3),  # k = 1 of 50: 6 bits for each of 3 places are 2¼ bytes
        (0.01, (3, 1), 3 * 4),
        (0.3, (2, 10), 2 * 3 * 4 + 3),  # a bit for each of 20 is less than 6 times 4 bits
        (1, (2, 10), 2 * 10 * 4),
        (0.5, (10,), 5 * 4 + 2),
        (0.5, (), 4),
        (0.5, (0, 9), 0),
    ],
)
def test_top_k_packs_its_places_tightly(share: float, shape: tuple[int, ...], size: int) -> None:
    codec, array = make_codec({"name": "topk", "share": share}), np.ones(shape, np.float32)
    assert codec.num_bytes(shape, array.dtype) == codec.encode(array).num_bytes == size


def test_the_mask_of_top_k_takes_the_same_elements_from_the_gradient() -> None:
    from splitfed_core.wire.codecs.topk import TopK, gather, scatter

    codec, smashed = TopK(0.5), np.array([[[1, -9], [8, 0]], [[0, 0], [5, 6]]], np.float32)
    mask = codec.mask_of(codec.encode(smashed), Limit(smashed.nbytes))
    assert mask.tolist() == [[1, 2], [6, 7]]
    gradient = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    kept = gather(gradient, mask)
    assert kept.tolist() == [[1, 2], [6, 7]]
    assert scatter(kept, mask, (2, 2, 2)).tolist() == [[[0, 1], [2, 0]], [[0, 0], [6, 7]]]


def chosen(alpha: float, seed: int, rows: int, elements: int, share: float) -> Array:
    array = np.tile(np.arange(elements, 0, -1, dtype=np.float32), (rows, 1))
    codec = make_codec({"name": "randtopk", "share": share, "alpha": alpha})
    return codec.decode(codec.encode(array, np.random.default_rng(seed))) > 0


def test_randomised_top_k_draws_by_the_papers_chances() -> None:
    """Two of five: the first draw is one of the three others with 0.3, the second by what is left of the chances."""
    kept = chosen(0.3, 1, 50_000, 5, 0.4)
    assert (kept.sum(axis=1) == 2).all()
    second = 0.7 * 0.3 / (0.3 + 0.35) + 0.3 * 0.2 / (0.2 + 0.7)
    rate, others = (0.3 + second) / 3, kept[:, 2:].mean(axis=0)
    four_sigma = 4 * np.sqrt(rate * (1 - rate) / 50_000)
    assert others.tolist() == pytest.approx([rate] * 3, abs=four_sigma)


def test_randomised_top_k_is_seeded_and_without_a_generator_top_k() -> None:
    same = [chosen(0.5, seed, 4, 100, 0.2) for seed in (1, 1, 2)]
    assert (same[0] == same[1]).all()
    assert (same[0] != same[2]).any()
    array = np.random.default_rng(0).standard_normal((4, 100)).astype(np.float32)
    random, plain = make_codec({"name": "randtopk", "share": 0.2}), make_codec({"name": "topk", "share": 0.2})
    assert bytes(random.encode(array).payload) == bytes(plain.encode(array).payload)


def test_repeated_is_what_protobuf_writes_for_a_list() -> None:
    payload, back = sent("repeated", [[1, -2], [NAN, INF]])
    assert payload == "0a100000803f000000c00000c07f0000807f"
    assert back[0] == [1, -2]
    assert sent("repeated", [1 / 3], "float64") == ("0a08555555555555d53f", [1 / 3])


@pytest.mark.parametrize("then", ["zstd", "lz4"])
def test_a_lossless_stage_sorts_bytes_makes_them_fewer_and_never_more(then: str) -> None:
    codec = make_codec({"name": "raw", "then": then})
    smooth = np.linspace(1, 2, 5000, dtype=np.float32)
    noise = np.frombuffer(np.random.default_rng(0).bytes(4000), np.float32)
    assert codec.encode(smooth).num_bytes < 0.8 * smooth.nbytes
    assert codec.encode(noise).num_bytes == noise.nbytes
    for array in (smooth, noise, np.zeros(0, np.float32), np.arange(3, dtype=np.uint8)):
        tensor = codec.encode(array)
        assert tensor.codec == f"raw+{then}"
        assert codec.decode(tensor, Limit(array.nbytes)).tobytes() == array.tobytes()


def test_what_is_stored_by_another_codec_is_refused_by_its_name() -> None:
    tensor = make_codec("int8").encode(np.ones(4, np.float32))
    for other in ("fp16", {"name": "int8", "then": "zstd"}):
        with pytest.raises(Exception, match=r"float32\[4\] came as 12 bytes of codec 'int8'; codec '.*' needs"):
            make_codec(other).decode(EncodedTensor(tensor.dtype, tensor.shape, tensor.codec, tensor.payload))
