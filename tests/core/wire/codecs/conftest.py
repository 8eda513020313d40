"""Every codec in the forms that differ in what their payloads hold."""

from typing import Any

import pytest

from splitfed_core.wire.codecs import CODECS, make_codec
from splitfed_core.wire.codecs.base import Codec

FORMS: list[str | dict[str, Any]] = [
    *CODECS,
    {"name": "fp8", "format": "e5m2"},
    *({"name": name, "per": "channel"} for name in ("int8", "int4", "int2")),
    *({"name": name, "rounding": "stochastic"} for name in ("int8", "int4", "int2")),
    {"name": "int4", "per": "channel", "rounding": "stochastic"},
    {"name": "delta", "bits": 2},
    {"name": "topk", "share": 0.3},
    {"name": "topk", "share": 1},
    {"name": "randtopk", "share": 0.3, "alpha": 0.9},
    {"name": "raw", "then": "zstd"},
    {"name": "raw", "then": "lz4"},
    {"name": "bf16", "then": "zstd"},
    {"name": "int4", "then": "lz4"},
    {"name": "topk", "share": 0.3, "then": "zstd"},
]


@pytest.fixture(scope="session", params=FORMS, ids=str)
def codec(request: pytest.FixtureRequest) -> Codec:
    return make_codec(request.param)


@pytest.fixture(scope="session")
def forms() -> int:
    """Return how many `codec` there are."""
    return len(FORMS)
