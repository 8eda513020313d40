"""`sfbench track`: metrics over commits, kept in a file."""

from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.typer_fixes import HelpfulGroup

track = typer.Typer(
    help="Keep what runs measured in a history, and draw it over commits.",
    cls=HelpfulGroup,
    no_args_is_help=True,
    suggest_commands=False,
    rich_markup_mode=None,
)

History = Annotated[Path, typer.Option(metavar="FILE", help="History file: JSON lines, suited to a git branch.")]


@track.command("add")
def track_add(
    run: Annotated[Path, typer.Argument(help="Run directory whose cells are added.")],
    history: History = Path("history.jsonl"),
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Also take runs of uncommitted changes, marked as such.")
    ] = False,
) -> None:
    """Append the medians of a run to a history; existing entries stay as they are."""
    from analysis.trend.add_run import add_run
    from benchmarks.machine.git import committed_at

    print(add_run(run, history, allow_dirty=allow_dirty, committed_at=committed_at))


@track.command("report")
def track_report(
    history: History = Path("history.jsonl"),
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write.")] = Path("reports/trend"),
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Draw this metric; repeatable.", show_default=False)
    ] = None,
) -> None:
    """Draw metrics over commits, with changes of level marked as advice."""
    from analysis.trend.report import report_trend

    print(report_trend(history, out, metric or ()))
