"""`python -m benchmarks.own_cost.codec_accuracy DIR [SEED …]`: what codecs do to accuracy, as `DIR/codec_accuracy.csv`.

Digits, 40 rounds, in a fixed order, ten seeds that all codecs share; over gRPC on this host. What is there already is
not trained again. `python -m analysis.own_cost.codec_accuracy DIR` makes the table of `docs/guides/codecs.md`.
"""

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.train import TrainedCell, train

SEEDS, ROUNDS = 10, 40
COLUMNS = ("codecs", "seed", "final_eval_accuracy", "final_eval_loss", "final_train_loss", "bytes_per_round")

Codecs = Mapping[str, object]


def both(codec: object) -> Codecs:
    """Return a codec for both ways across the cut."""
    return {"codec": codec, "gradient_codec": codec}


CASES: tuple[Codecs, ...] = (
    both("raw"),
    both("int8"),
    both("bf16"),
    both("fp8"),
    both("int4"),
    both("int2"),
    {"codec": {"name": "topk", "share": 0.1}},
    {"codec": {"name": "topk", "share": 0.01}},
    {"codec": {"name": "randtopk", "share": 0.1}},
    {"codec": {"name": "delta", "bits": 4}, "gradient_codec": "int8"},
    {"codec": {"name": "delta", "bits": 2}, "gradient_codec": "int8"},
    {"model_codec": "int4"},
    {"model_codec": {"name": "topk", "share": 0.1}},
    {"model_codec": {"name": "topk", "share": 0.1, "feedback": True}},
)
"""What is compared; the first of them is what the others are compared with."""


def main(out: Path, seeds: Sequence[int]) -> None:
    """Train what is missing of these seeds; each result is written at once."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "codec_accuracy.csv"
    done = _done(path)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not done:
            writer.writerow(COLUMNS)
        for seed, codecs in _missing(done, seeds):
            writer.writerow(_row(codecs, seed, train(_cell(codecs), seed=seed)))
            file.flush()


def _cell(codecs: Codecs) -> CellConfig:
    return CellConfig.parse({"dataset": "digits", "rounds": ROUNDS, "order": "fixed", "eval_every": ROUNDS, **codecs})


def _missing(done: set[tuple[str, int]], seeds: Sequence[int]) -> Iterator[tuple[int, Codecs]]:
    for seed in seeds:
        yield from ((seed, codecs) for codecs in CASES if (_name(codecs), seed) not in done)


def _name(codecs: Codecs) -> str:
    return json.dumps(codecs)


def _row(codecs: Codecs, seed: int, trained: TrainedCell) -> tuple[object, ...]:
    last = trained.rounds[-1]
    across = sum(row.uplink_bytes + row.downlink_bytes for row in trained.rounds)
    models = sum(row.aggregation_uplink_bytes + row.aggregation_downlink_bytes for row in trained.rounds)
    return _name(codecs), seed, last.eval_accuracy, last.eval_loss, last.train_loss, (across + models) / ROUNDS


def _done(path: Path) -> set[tuple[str, int]]:
    if not path.exists():
        return set()
    with path.open(newline="", encoding="utf-8") as file:
        return {(line["codecs"], int(line["seed"])) for line in csv.DictReader(file)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]] or range(SEEDS))
