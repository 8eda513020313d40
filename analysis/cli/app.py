"""The app: its commands in one list, and how an error ends it.

The package is the only one that sees every part. Whatever is heavy is imported inside the command that needs it, so
that `sfbench --help` answers at once.
"""

import sys
import traceback

import typer

from analysis.cli.judge import ab, compare, doctor, report
from analysis.cli.measure import cuts, init, schema, sweep, verify
from analysis.cli.track import track
from analysis.cli.typer_fixes import Group
from splitfed_core.errors import ExitCode, SfbenchError

app = typer.Typer(
    name="sfbench",
    help="Benchmark split federated learning: sweep a grid of real training runs, then report what they cost.",
    no_args_is_help=True,
    cls=Group,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (init, sweep, schema, report, compare, ab, doctor, verify, cuts):
    app.command()(command)
app.add_typer(track, name="track")


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
