"""Tables and figure of what codecs cost and lose."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from analysis.own_cost.codec_prices import CodecPrice
from analysis.own_cost.codecs import make_codec_tables
from benchmarks.codecs.measure import COLUMNS


def row(
    codec: str, tensor: str = "smashed", when: str = "late", cut: str = "conv1", **measured: float
) -> dict[str, str]:
    sizes = {"elements": 1_000_000, "raw_bytes": 4_000_000, "encoded_bytes": 4_000_000}
    times = {"encode_s": 0.003, "decode_s": 0.001, "relative_error": 0.0, "largest_error": 0.0, "share_of_bound": 0.0}
    values = {"when": when, "cut": cut, "tensor": tensor, "codec": codec, **sizes, **times, **measured}
    return {column: str(values[column]) for column in COLUMNS}


def test_the_reader_knows_the_columns_that_the_benchmark_writes() -> None:
    price = CodecPrice.read(row("int8", encoded_bytes=1_000_000))
    assert (price.ratio, price.bits, price.gigabytes_per_s) == (4.0, 8.0, 1.0)
    assert price.nanoseconds == pytest.approx(4)


def test_prices_come_out_as_tables_and_a_figure(tmp_path: Path) -> None:
    rows = [
        row("raw", encode_s=1e-6, decode_s=1e-6),
        row("int8", encoded_bytes=1_000_000, relative_error=0.005),
        row("int8", encoded_bytes=1_000_000, relative_error=0.006, when="early"),
        row("int8", "gradient", encoded_bytes=1_000_000, encode_s=0.005, relative_error=1.5),
        row("delta", "change", encoded_bytes=500_000, relative_error=0.001),
    ]
    with (tmp_path / "codecs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    environment = {"cpu": "A CPU", "cores": 4, "git_commit": "0123456789abcdef", "git_dirty": False}
    (tmp_path / "environment.json").write_text(json.dumps({"environment": environment}))
    lines = make_codec_tables(tmp_path).splitlines()
    assert "| raw | 100 % | no copy | no copy | no copy |  |" in lines
    assert "| int8 | 25 % | 1.000 | 4.00 | 0.800 | ≥ 1.5 |" in lines
    assert "| codec | smashed, conv1 | gradient, conv1 |" in lines
    assert "| int8 | 0.6 % → 0.5 % | 150 % |" in lines
    assert "| delta | 0.1 % | – |" in lines
    assert lines[-1] == "A CPU, 4 cores; commit 0123456789."
    with Image.open(tmp_path / "codecs.png") as picture:
        assert "0123456789abcdef" in picture.text["Description"]  # type: ignore[attr-defined]  # of a PNG
