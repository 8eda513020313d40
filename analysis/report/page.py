"""`index.html` and `summary.md`: text around figures and tables. What comes from run directories is always escaped."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from analysis.figures.roles import Choice
from analysis.findings import findings
from analysis.findings.finding import Finding
from analysis.report.tables import BREAK_EVEN, Table, break_even_rows
from analysis.report.warnings import ReportWarning, find_warnings
from analysis.results.load import Results
from analysis.results.provenance import Provenance
from analysis.text.parameters import title
from analysis.text.templates import templates
from analysis.text.units import human
from splitfed_core.records.environment import Environment


@dataclass(frozen=True)
class Shown:
    """A figure on the page."""

    name: str
    title: str
    caption: str
    command: str
    svg: str


@dataclass(frozen=True)
class Absent:
    """A figure that has nothing to show, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class Statements:
    """What is said of the results, on the page and in the summary."""

    lede: str
    findings: list[Finding]
    warnings: list[ReportWarning]


def find_statements(results: Results) -> Statements:
    """Find out what there is to say of the results."""
    return Statements(_lede(results), findings(results), find_warnings(results))


def html(
    results: Results,
    statements: Statements,
    table: Table,
    origin: Provenance,
    figures: Sequence[Shown],
    absent: Sequence[Absent],
) -> str:
    """Return the page: one file, no network, works without scripts."""
    shown = [{**vars(figure), "svg": Markup(figure.svg)} for figure in figures]  # noqa: S704 - made by us, and its alt text is escaped
    return (
        templates()
        .get_template("index.html.j2")
        .render(
            **_common(results, statements, table),
            origin=origin,
            figures=shown,
            absent=absent,
            environments=_environments(results),
        )
    )


def markdown(results: Results, statements: Statements, table: Table) -> str:
    """Return the summary for a pull request."""
    rate = "samples_per_s"
    slowest = sorted(table.cells, key=lambda cell: cell.mean.get(rate, math.nan))
    worst_first = replace(table, cells=tuple(slowest))
    return templates().get_template("summary.md.j2").render(**_common(results, statements, worst_first))


def command(results: Results, name: str, choice: Choice) -> str:
    """Return the command that makes one figure alone."""
    asked = [(f"--{part}", value) for part, value in vars(choice).items() if value]
    words = ["sfbench", "report", *(str(folder) for run in results.runs for folder in run.folders), "--figure", name]
    return shlex.join([*words, *(word for pair in asked for word in pair)])


def _common(results: Results, statements: Statements, table: Table) -> dict[str, Any]:
    return {
        "name": results.name,
        **vars(statements),
        "break_even": {"heads": BREAK_EVEN, "rows": break_even_rows(results)},
        "table": {"heads": _heads(table), "rows": _rows(table)},
    }


def _lede(results: Results) -> str:
    ok = results.ok
    sizes = ok.groupby(["run", "cell_id"]).size()
    cells, least, repeats = len(sizes), int(sizes.min()), int(sizes.max())
    times = f"{least} to {repeats}" if least < repeats else repeats
    over = f" over {', '.join(results.names.title(axis) for axis in results.axes)}" if results.axes else ""
    dataset = ", ".join(str(value) for value in dict.fromkeys(ok.get("dataset", [])))
    steps = f"{int(ok['steps'].sum()):,} training steps"
    size = f"{cells} cell{'s' * (cells != 1)}{over}, {times} repeat{'s' * (repeats != 1)} each"
    return f"{size}, on {dataset or 'unknown data'}: {steps}."


def _heads(table: Table) -> list[dict[str, Any]]:
    heads = [{"text": title(axis), "number": False} for axis in table.axes] + [{"text": "repeats", "number": True}]
    return heads + [{"text": table.heading(i), "number": True} for i in range(len(table.metrics))]


def _rows(table: Table) -> list[list[dict[str, Any]]]:
    rows: list[list[dict[str, Any]]] = []
    for cell in table.cells:
        named: list[dict[str, Any]] = [
            {"text": cell.values[axis], "value": cell.values[axis], "number": False} for axis in table.axes
        ]
        counted = [{"text": cell.repeats, "value": cell.repeats, "number": True}]
        measured = [
            {
                "text": table.text(cell, i),
                "value": "" if cell.mean[m.name] != cell.mean[m.name] else cell.mean[m.name],
                "number": True,
            }
            for i, (m, _) in enumerate(table.metrics)
        ]
        rows.append(named + counted + measured)
    return rows


def _environments(results: Results) -> list[dict[str, Any]]:
    made = []
    for run in results.runs:
        for key, env in run.environments.items():
            made.append({"name": f"{run.name} ({key})", "entries": _entries(env)})
    return made


def _entries(env: Environment) -> list[tuple[str, str]]:
    dirty = " with uncommitted changes" if env.checkout.git_dirty else ""
    return [
        ("CPU", f"{env.cpu or 'unknown'}, {env.cores or '?'} cores"),
        ("Memory", "unknown" if env.memory_bytes is None else human(env.memory_bytes, "B")),
        ("System", f"{env.platform or 'unknown'}, kernel {env.kernel or 'unknown'}"),
        ("Commit", f"{env.checkout.git_commit or 'unknown'}{dirty}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in env.versions.items())),
    ]
