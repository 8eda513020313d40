"""`report(runs)`: read run directories, write figures, tables, one page and a summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.figures import FIGURES, METRIC, Spec, figure
from analysis.figures import roles as layout
from analysis.figures.files import FORMATS, inline, render
from analysis.figures.roles import NO_CHOICE, Choice
from analysis.figures.theme import NotShownError
from analysis.report import page
from analysis.report.tables import (
    PAPER,
    break_even_rows,
    break_even_to_csv,
    break_even_to_latex,
    phases_to_csv,
    table,
    to_csv,
    to_latex,
)
from analysis.results.load import Results, load
from analysis.results.provenance import Provenance, provenance
from analysis.results.run_directory import newest_run
from splitfed_core.errors import UsageError
from splitfed_core.records.metrics import metric

DEFAULT_FORMATS = ("png", "svg")


@dataclass(frozen=True)
class _Job:
    """What is drawn, how, and where it goes."""

    results: Results
    out: Path
    formats: Sequence[str]
    choice: Choice
    origin: Provenance


def report(
    runs: Sequence[Path],
    out: Path | None = None,
    *,
    only: str | None = None,
    formats: Sequence[str] = DEFAULT_FORMATS,
    choice: Choice = NO_CHOICE,
) -> Path:
    """Write the report of one or more runs; only CSV, manifests, plans and environments are read.

    Args:
        runs: Run directories; without any, the newest below `runs/`.
        out: Where to write; `reports/<name of the run>` by default.
        only: Make this figure alone, and no page.
        formats: File formats of the figures.
        choice: Axes and metric that the user asked for.

    Returns:
        The page, or the first file of the figure when only that was asked for.

    Raises:
        UsageError: A path is not a run directory, or there is no such figure, format, metric or axis.
        DataError: Nothing in the runs can be shown.
    """
    _check(only, formats, choice)
    results = load(*(runs or [newest_run(Path("runs"))]))
    layout.check(results, choice)
    job = _Job(results, out or Path("reports") / results.name, formats, choice, provenance(results))
    if only:
        return _write_one(job, figure(only))
    return _write_page(job)


def _check(only: str | None, formats: Sequence[str], choice: Choice) -> None:
    """Refuse what cannot be before anything is read or written."""
    if only:
        figure(only)
    if choice.metric:
        metric(choice.metric)
    for kind in formats:
        if kind not in FORMATS:
            raise UsageError(f"format {kind!r} is not known; choose one of {', '.join(FORMATS)}")


def _write_one(job: _Job, spec: Spec) -> Path:
    files = {f"{spec.name}.{kind}": content for kind, content in _draw(job, spec, job.formats).items()}
    _write(job.out / "figures", files)
    return job.out / "figures" / next(iter(files))


def _write_page(job: _Job) -> Path:
    shown, absent = [], []
    files: dict[str, bytes] = {}
    for spec in (*([METRIC] if job.choice.metric else []), *FIGURES.values()):
        try:
            drawn = _draw(job, spec, {"svg", *job.formats})
        except NotShownError as error:
            absent.append(page.Absent(spec.title, str(error)))
            continue
        files |= {f"{spec.name}.{kind}": drawn[kind] for kind in job.formats}
        command = page.command(job.results, spec.name, job.choice)
        svg = inline(drawn["svg"], spec.name, f"{spec.title}. {spec.caption}")
        shown.append(page.Shown(spec.name, spec.title, spec.caption, command, svg))
    cells = table(job.results)
    _write(job.out / "figures", files)
    tables = {"cells.csv": to_csv(cells), "cells.tex": to_latex(table(job.results, PAPER))}
    if len(job.results.phases):
        tables["phases.csv"] = phases_to_csv(job.results)
    if break_even_rows(job.results):
        tables |= {"break_even.csv": break_even_to_csv(job.results), "break_even.tex": break_even_to_latex(job.results)}
    _write(job.out / "tables", tables)
    statements = page.find_statements(job.results)
    index = page.html(job.results, statements, cells, job.origin, shown, absent)
    _write(job.out, {"summary.md": page.markdown(job.results, statements, cells), "index.html": index})
    return job.out / "index.html"


def _draw(job: _Job, spec: Spec, formats: Sequence[str] | set[str]) -> dict[str, bytes]:
    drawn = spec.draw(job.results, job.choice)
    return {kind: render(drawn, kind, spec.name, spec.title, job.origin) for kind in formats}


def _write(folder: Path, files: dict[str, bytes] | dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
