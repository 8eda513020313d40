"""`report(runs)`: read run directories, write figures, tables, one page and a summary."""

from collections.abc import Sequence
from pathlib import Path

from analysis import page
from analysis.figures import FIGURES, figure
from analysis.figures.files import inline, render
from analysis.figures.theme import NotShownError
from analysis.layout import NO_CHOICE, Choice
from analysis.load import Results, load
from analysis.provenance import Provenance, provenance
from analysis.runs import newest_run
from analysis.tables import PAPER, table, to_csv, to_latex


def report(
    runs: Sequence[Path],
    out: Path | None = None,
    *,
    only: str | None = None,
    formats: Sequence[str] = ("png", "svg"),
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
        NotARunError: A path is no run directory, or there is none.
        DataError: Nothing in the runs can be shown.
    """
    results = load(*(runs or [newest_run(Path("runs"))]))
    out = out or Path("reports") / results.name
    origin = provenance(results)
    figures = out / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    if only:
        return _write_figure(results, figure(only).name, figures, formats, choice, origin)[0]
    return _write_page(results, out, formats, choice, origin)


def _write_page(results: Results, out: Path, formats: Sequence[str], choice: Choice, origin: Provenance) -> Path:
    shown, absent = [], []
    for name, spec in FIGURES.items():
        try:
            svg = _draw(results, name, out / "figures", formats, choice, origin)
        except NotShownError as error:
            absent.append(page.Absent(spec.title, str(error)))
            continue
        shown.append(
            page.Shown(
                name,
                spec.title,
                spec.caption,
                page.command(results, name),
                inline(svg, name, f"{spec.title}. {spec.caption}"),
            )
        )
    cells = table(results)
    (out / "tables").mkdir(exist_ok=True)
    (out / "tables" / "cells.csv").write_text(to_csv(cells), encoding="utf-8")
    (out / "tables" / "cells.tex").write_text(to_latex(table(results, PAPER)), encoding="utf-8")
    (out / "summary.md").write_text(page.markdown(results, cells), encoding="utf-8")
    index = out / "index.html"
    index.write_text(page.html(results, cells, origin, shown, absent), encoding="utf-8")
    return index


def _draw(
    results: Results, name: str, folder: Path, formats: Sequence[str], choice: Choice, origin: Provenance
) -> bytes:
    """Draw a figure, write it in each format, and return it as SVG."""
    spec = FIGURES[name]
    drawn = spec.draw(results, choice)
    for kind in formats:
        (folder / f"{name}.{kind}").write_bytes(render(drawn, kind, name, spec.title, origin))
    return render(drawn, "svg", name, spec.title, origin)


def _write_figure(
    results: Results, name: str, folder: Path, formats: Sequence[str], choice: Choice, origin: Provenance
) -> list[Path]:
    _draw(results, name, folder, formats, choice, origin)
    return [folder / f"{name}.{kind}" for kind in formats]
