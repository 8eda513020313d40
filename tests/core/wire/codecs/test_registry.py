"""One form of a codec, and what is said of one that does not exist."""

from collections.abc import Mapping
from typing import Any

import pytest

from splitfed_core.errors import ConfigError
from splitfed_core.wire.codecs import CODECS, canonical, make_codec


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("raw", {"name": "raw"}),
        ({"name": "raw"}, {"name": "raw"}),
        ({"name": "raw", "then": None}, {"name": "raw"}),
        ("topk", {"name": "topk", "share": 0.01}),
        ({"then": "zstd", "share": 1, "name": "topk"}, {"name": "topk", "share": 1.0, "then": "zstd"}),
        ({"name": "int8", "per": "tensor", "rounding": "nearest"}, {"name": "int8"}),
        ({"name": "int4", "per": "channel", "then": "lz4"}, {"name": "int4", "per": "channel", "then": "lz4"}),
    ],
)
def test_equal_codecs_have_one_form(given: str | Mapping[str, Any], form: dict[str, Any]) -> None:
    assert canonical(given) == form
    assert canonical(form) == form
    assert make_codec(given).name == "+".join(filter(None, (form["name"], form.get("then"))))


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_can_be_had_by_its_bare_name(name: str) -> None:
    assert make_codec(name).name == name


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("topkk", "codec 'topkk' is not a codec: did you mean 'topk'? choose one of raw, fp16"),
        ("int3", "codec 'int3' is not a codec: did you mean 'int"),
        ("zstd", "codec 'zstd' is not a codec: it is a lossless stage; write {name: raw, then: zstd}"),
        ("topk+zstd", "codec 'topk+zstd' is not a codec: write {name: topk, then: zstd}"),
        ({"name": "topk", "share": 0}, "codec 'topk', share 0: it has to be a number above 0 and at most 1; without"),
        ({"name": "topk", "share": 1.01}, "codec 'topk', share 1.01: it has to be a number above 0 and at most 1"),
        ({"name": "topk", "share": float("nan")}, "codec 'topk', share nan: it has to be a number above 0"),
        ({"name": "topk", "share": True}, "codec 'topk', share True: it has to be a number above 0"),
        ({"name": "int8", "per": "row"}, "codec 'int8', per 'row': it has to be one of tensor, channel; without it"),
        ({"name": "int8", "bits": 4}, "codec 'int8' has no setting 'bits'; it has per, rounding, then"),
        ({"name": "raw", "then": ["zstd", "lz4"]}, "codec 'raw', then ['zstd', 'lz4']: there is one lossless stage at"),
        ({"name": "raw", "then": "zstd+zstd"}, "codec 'raw', then 'zstd+zstd': there is one lossless stage at most"),
        (
            {"name": "raw", "then": "gzip"},
            "codec 'raw', then 'gzip' is not a lossless stage; give zstd or lz4, or leave",
        ),
        (7, "codec 7: give a name, or a mapping such as {name: topk, share: 0.01}"),
        ({"share": 0.1}, "codec {'share': 0.1}: give a name, or a mapping"),
        ({"name": ["raw"]}, "codec {'name': ['raw']}: give a name"),
    ],
)
def test_a_codec_that_does_not_exist_is_refused_with_the_rule(given: object, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        canonical(given)
    assert str(caught.value).startswith(says)
    assert caught.value.parameter == "codec"


def test_the_error_names_the_parameter() -> None:
    with pytest.raises(ConfigError, match=r"^model_codec 'nothing' is not a codec") as caught:
        canonical("nothing", "model_codec")
    assert caught.value.parameter == "model_codec"
