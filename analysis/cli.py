"""The command line `sfbench`: the only module that sees every part.

Whatever is heavy is imported inside the command that needs it, so that `sfbench --help` answers at once.
"""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from analysis.helptext import Group
from analysis.trackapp import track
from splitfed_core.errors import ExitCode, SfbenchError, UsageError

app = typer.Typer(
    name="sfbench",
    help="Benchmark split federated learning: sweep a grid of real training runs, then report what they cost.",
    no_args_is_help=True,
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(track, name="track")

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the grid; again for more."),
]
MinEffects = Annotated[
    list[str] | None,
    typer.Option(metavar="METRIC=3%", help="Smallest change of a metric that matters; again for more."),
]
Metrics = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Let this metric decide too; again for more.")]
SameCode = Annotated[
    tuple[Path, Path] | None,
    typer.Option(metavar="RUN RUN", help="Two runs of the same code: flag no change below what differs there."),
]
Grid = Annotated[Path | None, typer.Argument(help="Grid file. Without it: the bundled quick grid.", show_default=False)]


@app.command()
def init(path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("grid.yaml")) -> None:
    """Write a grid to start from."""
    from benchmarks.starter import write_starter

    write_starter(path)
    print(f"wrote {path}; next: sfbench sweep {path}")


@app.command()
def sweep(
    grid: Grid = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run directory; runs/<name of the grid> by default.")
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Join this Ray cluster instead of starting a local one."),
    ] = None,
    settings: Settings = None,
    only: Annotated[
        str | None, typer.Option(metavar="EXPR", help='Only cells for which this holds, as in "clients > 2".')
    ] = None,
    cell: Annotated[list[str] | None, typer.Option(metavar="CELL_ID", help="Only this cell; again for more.")] = None,
    repeat: Annotated[int | None, typer.Option(min=0, metavar="K", help="Only repeat K of every cell, from 0.")] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only part I of N: whole repeats, then cells by lot.")
    ] = None,
    retry: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only cells that ended as failed, timeout or interrupted.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin no cell that would end later than this: 30m, 1h30m.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the cells and what they would cost; write nothing.")
    ] = False,
    verified: Annotated[
        bool, typer.Option("--verify", help="Run the correctness oracles first, the cells only if they pass.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw away the results that are there.")] = False,
    accept_plan_change: Annotated[
        bool, typer.Option("--accept-plan-change", help="Go on although the grid has changed since the run began.")
    ] = False,
) -> None:
    """Run every cell of a grid into a run directory. The same command again resumes."""
    from benchmarks.selection import parse_duration, parse_selection
    from benchmarks.sweep import SweepOptions
    from benchmarks.sweep import sweep as run_sweep

    options = SweepOptions(
        settings=tuple(settings or ()),
        selection=parse_selection(only, shard, retry, cell or (), repeat),
        budget_s=None if budget is None else parse_duration(budget),
        fresh=fresh,
        accept_plan_change=accept_plan_change,
        dry_run=dry_run,
    )
    if verified and (failed := _run_oracles(grid, settings or ())):
        raise typer.Exit(failed)
    raise typer.Exit(run_sweep(grid, out=out, ray_address=ray_address, options=options))


@app.command()
def schema() -> None:
    """Print the JSON schema of a grid file, for editors that check and complete YAML."""
    import json

    from benchmarks.gridschema import grid_schema

    print(json.dumps(grid_schema(), indent=2))


@app.command()
def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...", help="Run directories; the newest below runs/ by default.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; reports/<name of the run> by default.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Add a figure of this metric, and show it in the heat map.")
    ] = None,
    x: Annotated[str | None, typer.Option(help="Axis of the grid to put on x.")] = None,
    hue: Annotated[str | None, typer.Option(help="Axis of the grid to tell apart by colour.")] = None,
    facet: Annotated[str | None, typer.Option(help="Axis of the grid to give panels of its own.")] = None,
    figure: Annotated[str | None, typer.Option(metavar="NAME", help="Make this figure alone.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="png, svg or pdf, once or more; png and svg by default.", show_default=False),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the result when it is made.")] = False,
) -> None:
    """Turn the logs of one or more runs into figures, tables, one index.html and summary.md."""
    from analysis.layout import Choice
    from analysis.report import DEFAULT_FORMATS
    from analysis.report import report as make_report

    choice = Choice(metric, x, hue, facet)
    made = make_report(runs or [], out, only=figure, formats=formats or DEFAULT_FORMATS, choice=choice)
    print(made)
    if show and typer.launch(made.resolve().as_uri()):
        _say("this system names no program to open it with")


@app.command()
def compare(
    base: Annotated[Path, typer.Argument(help="Run directory of what is there, or a JSON of pytest-benchmark.")],
    head: Annotated[Path, typer.Argument(help="The same of what is to be judged.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; reports/<BASE>-<HEAD> by default.")
    ] = None,
    min_effect: MinEffects = None,
    metric: Metrics = None,
    confirm: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="BASE HEAD", help="Both measured once more: what is flagged must be flagged again."),
    ] = None,
    noise: SameCode = None,
) -> None:
    """Judge HEAD against BASE: regression, improvement, unchanged or inconclusive, and which phase moved."""
    from analysis.compare import compare as compare_sides
    from analysis.compare import write

    compared = compare_sides(
        base, head, min_effects=min_effect or (), metrics=metric or (), confirm=confirm, noise=noise
    )
    print(compared.words)
    print(write(compared, out or Path("reports") / f"{compared.base.name}-{compared.head.name}"))
    raise typer.Exit(compared.exit_code)


@app.command()
def ab(
    base_ref: Annotated[
        str, typer.Argument(help="What is there: a commit, branch or tag of the repository one is in.")
    ],
    grid: Annotated[Path, typer.Argument(help="Grid file; both sides run the same.")],
    head: Annotated[
        str | None, typer.Option(metavar="REF", help="What is to be judged; the working tree by default.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="How often either side is measured.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where runs and verdict go; runs/ab-<name of the grid> by default."),
    ] = None,
    settings: Settings = None,
    min_effect: MinEffects = None,
    metric: Metrics = None,
    duet: Annotated[
        bool,
        typer.Option("--duet", help="Run both sides of a pair at the same time: for small cells on a noisy machine."),
    ] = False,
    noise: SameCode = None,
    confirm: Annotated[
        bool, typer.Option(help="Measure cells that stand out once more: they must stand out again.")
    ] = True,
) -> None:
    """Measure two commits in turn, in one job on this machine, then compare them. The same command again resumes."""
    from analysis.compare import compare as compare_sides
    from analysis.compare import read_rules, write
    from analysis.metrics import METRICS
    from benchmarks.ab import AB

    read_rules(METRICS, min_effect or (), metric or (), noise)  # what is wrong with them is said before the hour
    work = AB(base_ref, head, grid, pairs, out or Path("runs") / f"ab-{grid.stem}", tuple(settings or ()), duet)
    judge = partial(compare_sides, min_effects=min_effect or (), metrics=metric or (), noise=noise)
    _take_termination_as_interrupt()
    try:
        sides = work.measure(_say)
        compared = judge(*sides)
        flagged = compared.judgement.to_confirm
        if confirm and flagged:
            _say(f"measuring {len(flagged)} cells once more: they stand out, or the grid as a whole does")
            compared = judge(*sides, confirm=work.confirm(_say, flagged))
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    print(compared.words)
    print(write(compared, work.out))
    raise typer.Exit(compared.exit_code)


@app.command()
def doctor(
    grid: Annotated[
        Path | None, typer.Argument(help="Grid file. Without it: the bundled one of the CI gate.", show_default=False)
    ] = None,
    pairs: Annotated[int, typer.Option(min=5, help="How often the same code is measured against itself.")] = 5,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the runs go.")] = Path("runs/doctor"),
    settings: Settings = None,
    duet: Annotated[bool, typer.Option("--duet", help="Run both sides of a pair at the same time.")] = False,
) -> None:
    """Measure the noise of this machine: what a gate can see here, how many pairs and minutes that takes."""
    from analysis.doctor import examine, show
    from benchmarks.doctor import GRID, advise, compare_with_itself, describe

    _take_termination_as_interrupt()
    try:
        measured = compare_with_itself(grid or GRID, pairs, out, settings or (), _say, duet=duet)
    except KeyboardInterrupt:
        _say("interrupted; nothing is kept")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    show(examine(*measured.runs), measured.pair_s, describe(), advise(measured), out)
    one, other = measured.runs
    print(f"next: sfbench ab BASE_REF {grid or GRID} --noise {one} {other}")


@app.command()
def verify(
    grid: Grid = None,
) -> None:
    """Check that what a grid trains is right: run the correctness oracles on its networks and cuts."""
    raise typer.Exit(_run_oracles(grid, ()))


@app.command()
def cuts(
    model: Annotated[
        str, typer.Argument(help="notebook_cnn, mlp, lenet5, resnet20, keras:<Name> or package.module:function.")
    ],
    input_shape: Annotated[
        str, typer.Option(metavar="H,W,C", help="Shape of one example: height, width, channels.")
    ] = "32,32,3",
    classes: Annotated[int, typer.Option(min=2, help="Number of labels.")] = 10,
) -> None:
    """Show where a network can be cut: weights and work of each side, bytes across."""
    from analysis.cuts import show_cuts
    from analysis.hush import hushed

    shape = _read_shape(input_shape)
    _prepare_for_models()
    with hushed():
        from splitfed_core.models import build_model
        from splitfed_core.models.cuts import cuts as find_cuts
    show_cuts(model, shape, find_cuts(build_model(model, shape, classes, seed=0)))


def _run_oracles(grid: Path | None, settings: Sequence[str]) -> int:
    _prepare_for_models()
    from analysis.hush import hushed

    with hushed():
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")  # it warns of building many small networks, which is what this is about

    from benchmarks.verify import verify as run_verify

    return run_verify(grid, settings)


def _take_termination_as_interrupt() -> None:
    """End what was started, and the worktrees, also when a CI job is cancelled."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _say(text: str) -> None:
    """Tell how it goes, beside the result."""
    print(text, file=sys.stderr, flush=True)


def _prepare_for_models() -> None:
    """Keep TensorFlow quiet, and find the user's own model in this folder; before either is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.append(str(Path.cwd()))


def _read_shape(text: str) -> tuple[int, ...]:
    sizes = text.replace("×", ",").replace("x", ",").split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(f"--input-shape {text!r}: sizes are whole numbers above 0, separated by commas: 28,28,1")
    return tuple(map(int, sizes))


def main() -> None:
    """Run the app: an expected error is one message on stderr and its exit code, never a traceback.

    An unexpected one has its traceback, and an exit code of its own: 1 would say regression, 3 that cells failed.
    """
    try:
        app()
    except SfbenchError as error:
        print(f"sfbench: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception:
        traceback.print_exc()
        sys.exit(ExitCode.UNEXPECTED)
