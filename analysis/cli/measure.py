"""The commands that make runs, or look at what would be run; whatever is heavy is imported inside them."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.console import say
from analysis.cli.options import Bundled, Grid, Settings
from benchmarks.machine.installed import require_run
from splitfed_core.errors import UsageError


def init(path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("grid.yaml")) -> None:
    """Write a grid to start from."""
    from benchmarks.grid.starter import write_starter

    write_starter(path)
    print(f"wrote {path}; next: sfbench sweep {path}")


def sweep(
    grid: Grid = None,
    bundled: Bundled = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run directory; runs/<name of the grid> by default.")
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Join this Ray cluster instead of starting a local one."),
    ] = None,
    settings: Settings = None,
    only: Annotated[
        str | None, typer.Option(metavar="EXPR", help='Only cells that meet this condition, such as "clients > 2".')
    ] = None,
    cell: Annotated[list[str] | None, typer.Option(metavar="CELL_ID", help="Only this cell; repeatable.")] = None,
    repeat: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Only repeat K of every cell, counted from 0.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Only part I of N: whole repeats, then cells at random.")
    ] = None,
    retry: Annotated[
        str | None,
        typer.Option(metavar="STATUS", help="Only cells whose last status was STATUS: failed, timeout or interrupted."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin no cell that would end later than this: 30m, 1h30m.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show at once which cells there are and what is left out; measure nothing.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show the cells and estimate their cost from a few measured steps; write nothing."
        ),
    ] = False,
    verified: Annotated[
        bool, typer.Option("--verify", help="Run the correctness oracles first, and the cells only if they pass.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard existing results.")] = False,
    accept_plan_change: Annotated[
        bool, typer.Option("--accept-plan-change", help="Continue although the grid has changed since the run began.")
    ] = False,
    accept_code_change: Annotated[
        bool,
        typer.Option("--accept-code-change", help="Continue although the code has changed; the run keeps a record."),
    ] = False,
) -> None:
    """Run every cell of a grid into a run directory. The same command again resumes it."""
    require_run("sfbench sweep")
    from benchmarks.grid.starter import choose_grid
    from benchmarks.sweep.run import sweep as run_sweep
    from benchmarks.sweep.selection import SweepOptions, parse_duration, parse_selection

    options = SweepOptions(
        settings=tuple(settings or ()),
        selection=parse_selection(only, shard, retry, cell or (), repeat),
        budget_s=None if budget is None else parse_duration(budget),
        fresh=fresh,
        accept_plan_change=accept_plan_change,
        accept_code_change=accept_code_change,
        dry_run=dry_run,
        plan_only=plan,
    )
    grid = choose_grid(grid, bundled, say)
    if plan and dry_run:
        raise UsageError("--plan and --dry-run: choose one; a dry run shows the plan too")
    if verified and not plan and (failed := _run_oracles(grid, settings or ())):
        raise typer.Exit(failed)
    raise typer.Exit(run_sweep(grid, out=out, ray_address=ray_address, options=options))


def verify(
    grid: Grid = None,
    bundled: Bundled = None,
    links: Annotated[
        bool, typer.Option("--links", help="Check instead by how much emulated links are off; some minutes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --links: print JSON instead of the table.")] = False,
) -> None:
    """Check that a grid trains correctly: run the correctness oracles on its networks and cuts."""
    require_run("sfbench verify")
    if links:
        if grid or bundled:
            raise UsageError(f"--links and {grid or bundled}: emulated links are checked without a grid; leave it out")
        from benchmarks.links.verify import verify_links

        raise typer.Exit(verify_links(as_json=as_json))
    if as_json:
        raise UsageError("--json: only --links prints JSON; add it, or leave --json out")
    from benchmarks.grid.starter import choose_grid

    raise typer.Exit(_run_oracles(choose_grid(grid, bundled, say), ()))


def cuts(
    model: Annotated[
        str,
        typer.Argument(
            help="notebook_cnn, mlp, lenet5, resnet20, keras:<Name>, ./file.py:function or package.module:function."
        ),
    ],
    input_shape: Annotated[
        str, typer.Option(metavar="H,W,C", help="Shape of one example: height, width, channels.")
    ] = "32,32,3",
    classes: Annotated[int, typer.Option(min=2, metavar="N", help="Number of labels.")] = 10,
) -> None:
    """Show where a network can be cut: weights and work of each side, bytes across."""
    require_run("sfbench cuts")
    from analysis.cli.cuts import show_cuts
    from analysis.cli.quiet import suppress_stderr

    shape = _read_shape(input_shape)
    _prepare_for_models()
    with suppress_stderr():
        from splitfed_core.models import build_model
        from splitfed_core.models.cut_costs import cuts as find_cuts
    show_cuts(model, shape, find_cuts(build_model(model, shape, classes, seed=0)))


def schema() -> None:
    """Print the JSON schema of a grid file, for editors that check and complete YAML."""
    import json

    from benchmarks.grid.json_schema import grid_schema

    print(json.dumps(grid_schema(), indent=2))


def _run_oracles(grid: Path, settings: Sequence[str]) -> int:
    _prepare_for_models()
    from analysis.cli.quiet import suppress_stderr

    with suppress_stderr():
        import tensorflow as tf
    tf.get_logger().setLevel("ERROR")  # it warns about building many small networks, which is the point here

    from benchmarks.sweep.verify import verify as run_verify

    return run_verify(grid, settings)


def _prepare_for_models() -> None:
    """Keep TensorFlow quiet, and find the user's own model in this folder; before either is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.append(str(Path.cwd()))


def _read_shape(text: str) -> tuple[int, ...]:
    sizes = text.replace("×", ",").replace("x", ",").split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(f"--input-shape {text!r}: sizes are whole numbers above 0, separated by commas: 28,28,1")
    return tuple(map(int, sizes))
