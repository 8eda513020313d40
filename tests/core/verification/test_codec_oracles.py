"""The oracles of codecs hold for every codec, and fail where one does what it must not."""

from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array, DType
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import load_dataset
from splitfed_core.errors import RemoteError
from splitfed_core.verification.codec_oracles import verify_codecs
from splitfed_core.wire.codecs import CODECS
from splitfed_core.wire.codecs.affine import Affine, Int8
from splitfed_core.wire.codecs.raw import RawCodec
from splitfed_core.wire.layers.cut_coder import CutCoder
from splitfed_core.wire.layers.example_memory import LastValues
from splitfed_core.wire.layers.model_coder import AggregateCoder

CUTS: list[dict[str, Any]] = [
    {"cut_layer": "conv1"},
    {"algorithm": "ushape", "cut_layer": ["conv1", "dense4"]},
    {"algorithm": "fl"},
]


def failed(**parameters: Any) -> dict[str, bool]:
    config = CellConfig.parse(parameters)
    return {verdict.oracle: not verdict.passed for verdict in verify_codecs(config, load_dataset(config.dataset), 5)}


@pytest.mark.parametrize("cut", CUTS, ids=str)
@pytest.mark.parametrize("codec", [name for name in CODECS if name != "delta"])
def test_every_codec_holds_its_law_everywhere(codec: str, cut: dict[str, Any]) -> None:
    sparse = codec in ("topk", "randtopk")
    found = failed(**cut, codec=codec, gradient_codec="int4" if sparse else codec, model_codec=codec)
    assert sum(found.values()) == 0, found
    assert len(found) == (2 if cut.get("algorithm") == "fl" else 4 + sparse)


@pytest.mark.parametrize("cut", CUTS[:2], ids=str)
def test_delta_holds_its_law(cut: dict[str, Any]) -> None:
    assert failed(**cut, codec={"name": "delta", "bits": 2}) == {
        "codec delta (bits: 2): within its bound": False,
        "gradient_codec raw: comes back to the bit": False,
        "model_codec raw: comes back to the bit": False,
        "model_codec raw: all go on from the same": False,
    }


def test_a_codec_that_is_worse_than_its_bound_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Affine.unpack

    def off(self: Affine, payload: Array, shape: tuple[int, ...], dtype: DType) -> Array:
        return right(self, payload, shape, dtype) * np.float32(1.01)

    monkeypatch.setattr(Int8, "unpack", off)
    found = failed(codec="int8", gradient_codec="int8", model_codec="int8")
    assert [oracle for oracle, is_off in found.items() if is_off] == [
        "codec int8: within its bound",
        "gradient_codec int8: within its bound",
        "model_codec int8: within its bound",
    ]


def test_raw_that_changes_a_bit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RawCodec.decode
    monkeypatch.setattr(RawCodec, "decode", lambda self, *how: np.nextafter(right(self, *how), np.float32(9)))
    assert all(failed(algorithm="fl").values()) is False
    assert failed(algorithm="fl")["model_codec raw: comes back to the bit"]


def test_a_gradient_outside_of_the_mask_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CutCoder, "_mask", lambda self, message, name: None)
    assert failed(codec="topk")["codec topk (share: 0.01): mask of the gradient"]


def test_a_memory_that_one_side_does_not_take_over_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right, calls = LastValues.commit, iter(range(9))
    monkeypatch.setattr(
        LastValues, "commit", lambda self: right(self) if next(calls) else setattr(self, "staged", None)
    )
    with pytest.raises(RemoteError, match="smashed: "):
        failed(codec="delta")


def test_starts_that_part_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(self: AggregateCoder, message: Any, arrays: Any) -> Any:
        encoded = right(self, message, arrays)
        return tuple(map(RawCodec().encode, arrays)) if encoded is self._whole and encoded else encoded

    right = AggregateCoder.encode
    monkeypatch.setattr(AggregateCoder, "encode", whole)
    assert failed(model_codec="int4")["model_codec int4: all go on from the same"]
