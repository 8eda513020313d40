"""`python -m benchmarks.codecs DIR`: measure codecs on real smashed data and gradients, and write `codecs.csv`."""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.codecs.measure import COLUMNS, prices
from benchmarks.machine.environment import environment, load
from benchmarks.workers.startup import keep_freed_memory, start_tensorflow


def main(words: Sequence[str] | None = None) -> None:
    """Train, and measure what crosses each cut early and late; every line is written as it is measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.codecs", description="Measure codecs on what really crosses a cut."
    )
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=30, help="epochs until late (default: 30)")
    parser.add_argument("--size", type=int, default=28, help="pixels of a side of the digits (default: 28)")
    arguments = parser.parse_args(words)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    facts = {"environment": environment(Path.cwd()).document(), "load": load()}
    (out / "environment.json").write_text(json.dumps(facts, indent=1) + "\n")
    keep_freed_memory()
    start_tensorflow(threads=1)
    from benchmarks.codecs.tensors import crossings

    with (out / "codecs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for crossing in crossings(arguments.epochs, arguments.size):
            print(f"{crossing.cut}, {crossing.when} in training …", flush=True)
            writer.writerows(asdict(price) for price in prices(crossing.when, crossing.cut, crossing.tensors))
            file.flush()


if __name__ == "__main__":
    main()
