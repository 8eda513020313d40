"""`python -m analysis.own_cost.codecs DIR`: what codecs cost and lose, as tables and a figure, from `DIR/codecs.csv`.

`nox -s bench -- codecs` measures and then makes them.
"""

import csv
import hashlib
import json
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from analysis.figures.files import write_figure
from analysis.own_cost.codec_figure import draw_codecs
from analysis.own_cost.codec_prices import CodecPrice
from analysis.own_cost.goals import shown_digits
from analysis.own_cost.report import machine
from analysis.results.provenance import Provenance

GOALS = {"bf16": 2.0, "int8": 1.5, "int4": 0.7, "topk": 0.5}
"""GB/s of float32 that encoding and decoding should reach together on one core."""

_SPEEDS = (
    "Speed at the cut that sends most, late in training, by CPU time: GB of float32. *reach* is what both ways "
    "together should be at least."
)
_ERRORS = (
    "How far off what comes back is, relative to the whole (the root of the summed squares), early → late in training. "
    "Of `delta` it is the error of a change, relative to the smashed data."
)


def make_codec_tables(folder: Path) -> str:
    """Write `codecs.md`, `codecs.png` and `codecs.svg` beside the CSV; return the tables."""
    content = (folder / "codecs.csv").read_text()
    prices = [CodecPrice.read(row) for row in csv.DictReader(content.splitlines())]
    environment = json.loads((folder / "environment.json").read_text())["environment"]
    text = "\n\n".join([_SPEEDS, _speeds(prices), _ERRORS, _errors(prices), machine(environment)]) + "\n"
    (folder / "codecs.md").write_text(text)
    commit = str(environment.get("git_commit") or "unknown")
    origin = Provenance((folder.name,), (commit,), hashlib.sha256(content.encode()).hexdigest(), version("sfbench"))
    for kind in ("png", "svg"):
        write_figure(draw_codecs(prices), folder / f"codecs.{kind}", "Rate, distortion and time of codecs", origin)
    return text


def _speeds(prices: Sequence[CodecPrice]) -> str:
    """Return bytes and speed by codec, of smashed data and gradients late in training at the cut that sends most."""
    largest = max(price.elements for price in prices)
    lines = ["| codec | of the bytes | encode, GB/s | decode, GB/s | both, GB/s | reach |", "|---|---|---|---|---|---|"]
    for codec in _codecs(prices):
        of_it = [p for p in prices if (p.codec, p.elements, p.when) == (codec, largest, "late")]
        raw = of_it[0].raw_bytes / 1e9
        smashed = next((p for p in of_it if p.tensor != "gradient"), of_it[0])
        reach = f"≥ {GOALS[codec]:g}" if codec in GOALS else ""
        speeds = (median(p.encode_s for p in of_it), median(p.decode_s for p in of_it))
        shown = [shown_digits(raw / seconds) for seconds in (*speeds, sum(speeds))]
        if codec == "raw":
            shown = ["no copy"] * 3
        lines.append(f"| {codec} | {_percent(1 / smashed.ratio)} | {' | '.join(shown)} | {reach} |")
    return "\n".join(lines)


def _errors(prices: Sequence[CodecPrice]) -> str:
    """Return how far off each codec is, relative to the whole, by tensor, cut and time."""
    places = list(dict.fromkeys((p.tensor, p.cut) for p in prices if p.tensor != "change"))
    heads = [f"{'gradient' if tensor == 'gradient' else 'smashed'}, {cut}" for tensor, cut in places]
    lines = [f"| codec | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    found = {(p.codec, "smashed" if p.tensor == "change" else p.tensor, p.cut, p.when): p for p in prices}
    for codec in _codecs(prices):
        cells = []
        for place in places:
            at = [found.get((codec, *place, when)) for when in ("early", "late")]
            cells.append(
                " → ".join("0" if not p.relative_error else _percent(p.relative_error) for p in at if p) or "–"
            )
        lines.append(f"| {codec} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _codecs(prices: Iterable[CodecPrice]) -> list[str]:
    return list(dict.fromkeys(price.codec for price in prices))


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:.0f} %"


if __name__ == "__main__":
    parser = ArgumentParser(
        prog="python -m analysis.own_cost.codecs", description="Make tables and a figure of what codecs cost and lose."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where python -m benchmarks.codecs wrote codecs.csv")
    print(make_codec_tables(parser.parse_args().folder))
