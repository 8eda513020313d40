"""The commands that make figures and verdicts of runs; whatever is heavy is imported inside them."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.console import say, take_termination_as_interrupt
from analysis.cli.options import Metrics, MinEffects, SameCode, Settings
from benchmarks.machine.installed import require_run
from splitfed_core.errors import ExitCode


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
    x: Annotated[str | None, typer.Option(help="Grid axis to put on x.")] = None,
    hue: Annotated[str | None, typer.Option(help="Grid axis to tell apart by colour.")] = None,
    facet: Annotated[str | None, typer.Option(help="Grid axis to give panels of its own.")] = None,
    figure: Annotated[str | None, typer.Option(metavar="NAME", help="Make only this figure.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="png, svg or pdf; repeatable; png and svg by default.", show_default=False),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the report when it is ready.")] = False,
) -> None:
    """Turn the logs of one or more runs into figures, tables, one index.html and summary.md."""
    from analysis.figures.roles import Choice
    from analysis.report.report import DEFAULT_FORMATS
    from analysis.report.report import report as make_report

    choice = Choice(metric, x, hue, facet)
    made = make_report(runs or [], out, only=figure, formats=formats or DEFAULT_FORMATS, choice=choice)
    print(made)
    if show and typer.launch(made.resolve().as_uri()):
        say("this system has no program to open the report with")


def compare(
    base: Annotated[Path, typer.Argument(help="Baseline: a run directory, or the JSON of pytest-benchmark.")],
    head: Annotated[Path, typer.Argument(help="Candidate: the same kind of input.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; reports/<BASE>-<HEAD> by default.")
    ] = None,
    min_effect: MinEffects = None,
    metric: Metrics = None,
    confirm: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="BASE HEAD", help="Both measured again, with other seeds: what was flagged must be flagged again."
        ),
    ] = None,
    noise: SameCode = None,
) -> None:
    """Judge HEAD against BASE: regression, improvement, unchanged or inconclusive, and which phase moved."""
    from analysis.compare.compare import compare as compare_sides
    from analysis.compare.compare import write_verdict

    compared = compare_sides(
        base, head, min_effects=min_effect or (), metrics=metric or (), confirm=confirm, noise=noise
    )
    print(compared.words)
    print(write_verdict(compared, out or Path("reports") / f"{compared.base.name}-{compared.head.name}"))
    raise typer.Exit(compared.exit_code)


def ab(
    base_ref: Annotated[str, typer.Argument(help="Baseline: a commit, branch or tag of the current repository.")],
    grid: Annotated[Path, typer.Argument(help="Grid file; both sides run it.")],
    head: Annotated[
        str | None, typer.Option(metavar="REF", help="Candidate: a commit, branch or tag; the working tree by default.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, metavar="N", help="How many times each side is measured.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the runs and the verdict are written; runs/ab-<name of the grid> by default."
        ),
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
        bool, typer.Option(help="Measure flagged cells again, with other seeds: they must be flagged again.")
    ] = True,
) -> None:
    """Measure two commits in turn, in one job on this machine, then compare them. The same command again resumes it."""
    require_run("sfbench ab")
    from analysis.compare.compare import compare as compare_sides
    from analysis.compare.compare import read_rules, write_verdict
    from benchmarks.paired.ab import AB
    from splitfed_core.records.metrics import METRICS

    read_rules(
        METRICS, min_effect or (), metric or (), noise
    )  # what is wrong with them is said before an hour of measuring
    work = AB(base_ref, head, grid, pairs, out or Path("runs") / f"ab-{grid.stem}", tuple(settings or ()), duet)
    judge = partial(compare_sides, min_effects=min_effect or (), metrics=metric or (), noise=noise)
    take_termination_as_interrupt()
    try:
        sides = work.measure(say)
        compared = judge(*sides)
        flagged = compared.judgement.to_confirm
        if confirm and flagged:
            say(f"measuring {len(flagged)} cells again: they stand out, or the grid as a whole does")
            compared = judge(*sides, confirm=work.confirm(say, flagged))
    except KeyboardInterrupt:
        say("interrupted; the same command resumes it")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    print(compared.words)
    print(write_verdict(compared, work.out))
    raise typer.Exit(compared.exit_code)


def doctor(
    grid: Annotated[
        Path | None, typer.Argument(help="Grid file; the bundled grid of the CI gate by default.", show_default=False)
    ] = None,
    pairs: Annotated[
        int, typer.Option(min=5, metavar="N", help="How many times the same code is measured against itself.")
    ] = 5,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the runs are written.")] = Path("runs/doctor"),
    settings: Settings = None,
    duet: Annotated[bool, typer.Option("--duet", help="Run both sides of a pair at the same time.")] = False,
) -> None:
    """Measure the noise of this machine: what a gate can see here, and how many pairs and minutes that takes."""
    require_run("sfbench doctor")
    from analysis.noise.doctor import examine, show
    from benchmarks.paired.machine_advice import advise, describe
    from benchmarks.paired.self_comparison import GRID, compare_with_itself

    take_termination_as_interrupt()
    try:
        measured = compare_with_itself(grid or GRID, pairs, out, settings or (), say, duet=duet)
    except KeyboardInterrupt:
        say("interrupted; nothing was kept")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    show(examine(*measured.runs), measured.pair_s, describe(), advise(measured), out)
    one, other = measured.runs
    print(f"next: sfbench ab BASE_REF {grid or GRID} --noise {one} {other}")
