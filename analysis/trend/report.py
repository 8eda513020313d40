"""`track report`: a history drawn and described over commits. Changes of level are advice, never a verdict."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from analysis.compare.wording import percent
from analysis.figures.files import inline, render
from analysis.results.provenance import Provenance
from analysis.stats.change_points import Change
from analysis.text.templates import templates
from analysis.text.units import human
from analysis.trend.figure import draw_trend
from analysis.trend.history import read_history
from analysis.trend.series import Series, Trend, trend
from splitfed_core.errors import DataError
from splitfed_core.records.metrics import METRICS, Metric, metric

DEFAULT_METRICS = (
    "step_p50_s", "samples_per_s", "bytes_per_round", "peak_rss_bytes", "final_eval_loss", "final_eval_accuracy",
)  # fmt: skip
_TITLE = "Metrics over commits"
_CAPTION = (
    "Each line is a cell: its change against its own first level on the same machine. A dotted line is where another "
    "machine took over, a dash-dotted one where the metric was redefined: points are never joined across them. A "
    "cross marks a level that is worse from there on, a plus one that is better; the six cells that changed "
    "most are named."
)


def report_trend(history: Path, out: Path, names: Sequence[str] = ()) -> Path:
    """Write `index.html`, `trend.md` and the figure as PNG and SVG.

    Args:
        history: The file that `track add` writes.
        out: The folder to write into.
        names: The metrics to draw; those that people ask for first by default.

    Returns:
        The page.

    Raises:
        UsageError: The file is not a history, or there is no such metric.
        DataError: The history holds none of the metrics.
    """
    asked = [metric(name) for name in names] or [METRICS[name] for name in DEFAULT_METRICS]
    entries = read_history(history)
    made = trend(entries, asked)
    metrics = [each for each in asked if made.of(each)]
    if not metrics:
        wanted = ", ".join(each.name for each in asked)
        raise DataError(f"{history}: no cell has a value of {wanted}; add runs with: sfbench track add RUN")
    data = hashlib.sha256("".join(sorted(entry.line() for entry in entries)).encode()).hexdigest()
    origin = Provenance((history.name,), made.commits, data, version("sfbench"))
    figure = draw_trend(made, metrics)
    drawn = {kind: render(figure, kind, "trend", _TITLE, origin) for kind in ("png", "svg")}
    texts = _texts(history.name, made, metrics, origin)
    picture = Markup(inline(drawn["svg"], "trend", f"{_TITLE}. {_CAPTION}"))  # noqa: S704 - made by us
    out.mkdir(parents=True, exist_ok=True)
    for kind, content in drawn.items():
        (out / f"trend.{kind}").write_bytes(content)
    for name in ("index.html", "trend.md"):
        template = templates().get_template("trend.html.j2" if name == "index.html" else "trend.md.j2")
        (out / name).write_text(template.render(texts, figure=picture), encoding="utf-8")
    return out / "index.html"


def _texts(name: str, made: Trend, metrics: Sequence[Metric], origin: Provenance) -> dict[str, object]:
    cells = {series.cell_id for series in made.series}
    changes = [(series, change) for series in made.series for change in series.changes]
    changes.sort(key=lambda found: (not found[1].worse, -found[0].weight(found[1])))
    return {
        "name": name,
        "title": _TITLE,
        "caption": _CAPTION,
        "lede": f"{_count(len(cells), 'cell')} over {_count(len(made.commits), 'commit')}, measured on "
        f"{_count(len(made.machines), 'machine')}: {', '.join(metric.title.lower() for metric in metrics)}.",
        "headlines": _headlines(changes, made),
        "changes": [_change_row(series, change, made.commits) for series, change in changes],
        "latest": [_latest_row(series, made.commits) for series in _latest(made)],
        "failures": [f"{label} at {commit[:10]}" for label, commit in made.failures],
        "machines": [f"{machine.id}: {machine.cpu}, {machine.cores} cores" for machine in made.machines],
        "origin": origin,
    }


def _headlines(changes: Sequence[tuple[Series, Change]], made: Trend) -> list[str]:
    """Name changes of the same metric that began at the same commit in one line."""
    together: dict[tuple[bool, Metric, int], list[tuple[Series, Change]]] = {}
    for series, change in changes:
        together.setdefault((change.worse, series.metric, series.points[change.at].at), []).append((series, change))
    lines = []
    for (worse, of, at), found in together.items():
        cells = len({series.cell_id for series in made.of(of)})
        series, most = found[0]
        lines.append(
            f"{of.title} {'worse' if worse else 'better'} from {made.commits[at][:10]} on in {len(found)} of "
            f"{_count(cells, 'cell')}; most in {series.label}: {_size(of, most.size)}"
        )
    return lines


def _change_row(series: Series, change: Change, commits: Sequence[str]) -> list[str]:
    unit = series.metric.unit
    return [
        "worse" if change.worse else "better",
        series.label,
        series.metric.title,
        _size(series.metric, change.size),
        f"{human(change.before, unit)} → {human(change.after, unit)}",
        commits[series.points[change.at].at][:10],
        f"{change.points[0]} before, {change.points[1]} after",
    ]


def _size(of: Metric, size: float) -> str:
    sign = "+" if size > 0 else "−"
    if of.kind == "accuracy":
        return f"{sign}{abs(size) * 100:.1f} points"
    return f"{sign}{abs(size):.3f}" if of.kind == "loss" else f"{sign}{percent(size)}"


def _latest(made: Trend) -> list[Series]:
    """Return of every metric and cell the series that reaches the latest commit."""
    newest: dict[tuple[str, str], Series] = {}
    for series in sorted(made.series, key=lambda series: series.points[-1].at):
        newest[series.cell_id, series.metric.name] = series
    return [series for series in made.series if series is newest[series.cell_id, series.metric.name]]


def _latest_row(series: Series, commits: Sequence[str]) -> list[str]:
    last = series.points[-1]
    return [series.label, series.metric.title, human(last.value, series.metric.unit), commits[last.at][:10]]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
