"""What the benchmark of codecs says of a tensor."""

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.codecs import __main__ as command
from benchmarks.codecs.measure import FORMS, applies, prices, shown
from splitfed_core.wire.codecs import canonical

SMASHED = np.array([[3, -1.5, 0.25, 1], [0, 0, 0, 4]], np.float32)


def test_the_price_of_a_tensor_is_its_bytes_its_error_and_its_time() -> None:
    raw, topk = prices("late", "conv1", {"smashed": SMASHED}, ["raw", {"name": "topk", "share": 0.25}])
    assert (raw.encoded_bytes, raw.relative_error, raw.largest_error) == (32, 0, 0)
    assert (topk.codec, topk.elements, topk.raw_bytes, topk.encoded_bytes) == ("topk 0.25", 8, 32, 9)
    lost = 1.5**2 + 0.25**2 + 1
    assert topk.relative_error == pytest.approx(np.sqrt(lost / (lost + 9 + 16)))
    assert (topk.largest_error, topk.share_of_bound) == (1.5, 1.0)
    assert min(raw.encode_s, raw.decode_s, topk.encode_s, topk.decode_s) > 0


def test_a_change_is_held_against_what_it_changes() -> None:
    (price,) = list(prices("late", "conv1", {"smashed": 100 * SMASHED, "change": SMASHED}, ["delta"]))
    assert (price.tensor, price.codec) == ("change", "delta")
    assert 0 < price.relative_error < 0.15 / 100


def test_a_gradient_takes_no_sparse_codec_and_only_changes_take_delta() -> None:
    assert [shown(form) for form in FORMS if not applies(form, "gradient")] == [
        "topk", "topk 0.1", "randtopk 0.1", "delta", "topk 0.1 + zstd",
    ]  # fmt: skip
    assert [form for form in FORMS if applies(form, "change")] == ["delta"]


def test_every_form_is_a_codec_of_its_own_name() -> None:
    assert len({str(canonical(form)) for form in FORMS}) == len({shown(form) for form in FORMS}) == len(FORMS)


@pytest.mark.slow  # trains, and times every codec
def test_the_command_measures_what_really_crosses_three_cuts(tmp_path: Path) -> None:
    command.main([str(tmp_path), "--epochs", "2", "--size", "10"])
    rows = list(csv.DictReader((tmp_path / "codecs.csv").open()))
    assert {(row["when"], row["cut"]) for row in rows} == {
        (when, cut) for when in ("early", "late") for cut in ("conv1", "pool1", "dense1")
    }
    assert all(0 <= float(row["share_of_bound"]) <= 1 for row in rows)
