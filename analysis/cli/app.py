"""The app: its commands in one list, and how an error ends it.

The package is the only one that sees every part. Whatever is heavy is imported inside the command that needs it, so
that `sfbench --help` answers at once.
"""

import shutil
import sys
import traceback
from typing import Annotated

import click
import typer
from click.exceptions import NoArgsIsHelpError

from analysis.cli.console import survive_closed_pipes
from analysis.cli.judge import ab, compare, doctor, report
from analysis.cli.measure import cuts, init, schema, sweep, verify
from analysis.cli.track import track
from analysis.cli.typer_fixes import HelpfulGroup
from splitfed_core.errors import ExitCode, SfbenchError

app = typer.Typer(
    name="sfbench",
    help="Benchmark split federated learning: sweep a grid of real training runs, then report what they cost.",
    no_args_is_help=True,
    cls=HelpfulGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    suggest_commands=False,  # click does
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (init, sweep, schema, report, compare, ab, doctor, verify, cuts):
    app.command()(command)
app.add_typer(track, name="track")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"sfbench {version('sfbench')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the app: an expected error is one message on stderr and its exit code, never a traceback.

    An unexpected one has its traceback, and an exit code of its own: 1 would say regression, 3 that cells failed.
    """
    survive_closed_pipes()
    try:
        sys.exit(app(prog_name="sfbench", standalone_mode=False, terminal_width=_help_width()))
    except NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        print(_in_one_line(error), file=sys.stderr)
        sys.exit(ExitCode.USAGE)
    except click.Abort:  # a question that nobody answered
        sys.exit(ExitCode.INTERRUPTED)
    except SfbenchError as error:
        print(f"sfbench: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception:  # a bug, wherever it is: its traceback is for whoever reports it
        traceback.print_exc()
        sys.exit(ExitCode.UNEXPECTED)


def _help_width() -> int:
    """Return the width of help texts: click's own is never below 50 columns."""
    return max(min(shutil.get_terminal_size().columns, 80), 20)


def _in_one_line(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "sfbench"
    return f"{path}: {error.format_message()} Try '{path} --help'."
