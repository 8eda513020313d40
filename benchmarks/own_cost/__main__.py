"""`python -m benchmarks.own_cost DIR [GOAL …]`: measure the goals (or those named) and write `DIR/speed.csv`."""

import csv
import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.machine.environment import environment, load
from benchmarks.own_cost.goals import GOALS, Result

CELLS = ("unsplit", "scaling", "next_cell", "memory", "many_clients", "notebook")


def read_options(words: Sequence[str] | None = None) -> Namespace:
    """Read the command line; a wrong one ends the process with exit code 2."""
    names = [goal.name for goal in GOALS]
    parser = ArgumentParser(
        prog="python -m benchmarks.own_cost",
        formatter_class=RawDescriptionHelpFormatter,
        description="Measure what sfbench itself costs, and write DIR/speed.csv.",
        epilog="goals:\n" + "\n".join(f"  {goal.name:12}  {goal.what}" for goal in GOALS),
    )
    parser.add_argument("out", type=Path, metavar="DIR", help="where speed.csv and environment.json are written")
    parser.add_argument("goals", nargs="*", metavar="GOAL", help="measure only these (all by default)")
    options = parser.parse_args(words)
    if unknown := [name for name in options.goals if name not in names]:
        parser.error(f"unknown goal {unknown[0]!r}; choose from {', '.join(names)}")
    return options


def main(out: Path, wanted: Sequence[str]) -> None:
    """Measure and write after every goal, so that an interrupt loses none that is done."""
    out.mkdir(parents=True, exist_ok=True)
    facts = {"environment": environment(Path.cwd()).document(), "load": load()}
    (out / "environment.json").write_text(json.dumps(facts, indent=1) + "\n")
    order = [goal.name for goal in GOALS]
    rows: list[dict[str, object]] = []
    for result in _results(set(wanted or order)):
        rows.append(result.row())
        print(f"{result.goal.what}: {median(result.runs):.3g}{result.goal.unit} ({result.detail})", flush=True)
        _write(out / "speed.csv", sorted(rows, key=lambda row: order.index(str(row["name"]))))


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _results(wanted: set[str]) -> Iterator[Result]:
    """Measure from what needs a quiet machine most to what needs it least."""
    from benchmarks.own_cost import start, wire

    if "start" in wanted:
        yield start.measure_start()
    if "recording" in wanted:
        yield start.measure_recording()
    if wanted & {"codec", "lists", "rpc"}:
        yield from (result for result in wire.measure_wire() if result.goal.name in wanted)
    if wanted & {*CELLS, "flower"}:
        from benchmarks.cluster import open_cluster
        from benchmarks.own_cost import cells

        with open_cluster() as cluster:
            yield from cells.measure_cells(cluster, wanted)


if __name__ == "__main__":
    options = read_options()
    main(options.out, options.goals)
