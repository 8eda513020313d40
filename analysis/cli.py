"""The command line `sfbench`: the only module that sees every part.

Whatever is heavy is imported inside the command that needs it, so that `sfbench --help` answers at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from splitfed_core.errors import SfbenchError, UsageError

app = typer.Typer(
    name="sfbench",
    help="Benchmark split federated learning: sweep a grid of real training runs, then report what they cost.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def sweep(
    grid: Annotated[
        Path | None, typer.Argument(help="Grid file. Without it: the bundled quick grid.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run directory; runs/<name of the grid> by default.")
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Join this Ray cluster instead of starting a local one."),
    ] = None,
) -> None:
    """Run every cell of a grid into a run directory. The same command again resumes."""
    from benchmarks.sweep import sweep as run_sweep

    raise typer.Exit(run_sweep(grid, out=out, ray_address=ray_address))


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
) -> None:
    """Turn the logs of one or more runs into figures, tables, one index.html and summary.md."""
    from analysis.report import report as make_report

    print(make_report(runs or [], out=out))


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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported, or it talks
    sys.path.append(str(Path.cwd()))  # where the user's own model may be
    with hushed():
        from splitfed_core.models import build_model
        from splitfed_core.models.cuts import cuts as find_cuts
    show_cuts(model, shape, find_cuts(build_model(model, shape, classes, seed=0)))


def _read_shape(text: str) -> tuple[int, ...]:
    sizes = text.replace("×", ",").replace("x", ",").split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(f"--input-shape {text!r}: sizes are whole numbers above 0, separated by commas: 28,28,1")
    return tuple(map(int, sizes))


def main() -> None:
    """Run the app: an expected error is one message on stderr and its exit code, never a traceback."""
    try:
        app()
    except SfbenchError as error:
        print(f"sfbench: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
