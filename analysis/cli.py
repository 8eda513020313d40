"""The command line `sfbench`: the only module that sees every part.

Whatever is heavy is imported inside the command that needs it, so that `sfbench --help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from splitfed_core.errors import SfbenchError

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
    grid: Annotated[Path | None, typer.Argument(help="Grid file. Without it: the bundled quick grid.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(metavar="RUN", help="Run directory; runs/<name of the grid> by default.")] = None,
    ray_address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="Join this Ray cluster instead of starting a local one.")
    ] = None,
) -> None:
    """Run every cell of a grid into a run directory. The same command again resumes."""
    from benchmarks.sweep import sweep as run_sweep

    raise typer.Exit(run_sweep(grid, out=out, ray_address=ray_address))


@app.command()
def report(
    runs: Annotated[list[Path] | None, typer.Argument(metavar="[RUN]...", help="Run directories; the newest below runs/ by default.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write; reports/<name of the run> by default.")] = None,
) -> None:
    """Turn the logs of one or more runs into figures, tables, one index.html and summary.md."""
    from analysis.report import report as make_report

    print(make_report(runs or [], out=out))


def main() -> None:
    """Run the app: an expected error is one message on stderr and its exit code, never a traceback."""
    try:
        app()
    except SfbenchError as error:
        print(f"sfbench: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
