"""The table of cells: one line per cell, mean and standard deviation over its repeats; as CSV and LaTeX too."""

import math
from dataclasses import dataclass

import pandas as pd

from analysis.deployment.break_even import break_evens
from analysis.results.load import KEY, Results
from analysis.text.parameters import NOTHING, Value, title
from analysis.text.units import Scale, digits, human, scale_for
from splitfed_core.records.metrics import METRICS, Metric

SHOWN = (
    "step_p50_s",
    "step_p95_s",
    "samples_per_s",
    "network_kbit_per_s",
    "bytes_per_round",
    "round_p50_s",
    "final_train_loss",
    "final_eval_loss",
    "final_eval_accuracy",
    "peak_rss_bytes",
)
_PHASE_TIMES = ("median_s", "mean_s", "typical_s")
PAPER = ("step_p50_s", "samples_per_s", "bytes_per_round", "final_eval_loss", "final_eval_accuracy")


@dataclass(frozen=True)
class TableRow:
    """One cell: the values of its axes, how many repeats are usable, mean and deviation of each metric."""

    cell_id: str
    values: dict[str, Value]
    repeats: int
    mean: dict[str, float]
    deviation: dict[str, float]


@dataclass(frozen=True)
class Table:
    """All cells, the axes that name them, and the metrics with the scale they are shown in."""

    axes: tuple[str, ...]
    metrics: tuple[tuple[Metric, Scale], ...]
    cells: tuple[TableRow, ...]

    def heading(self, column: int) -> str:
        """Return the title of a metric's column with its unit."""
        metric, scale = self.metrics[column]
        return f"{metric.title} ({scale.unit})" if scale.unit else metric.title

    def text(self, cell: TableRow, column: int) -> str:
        """Say a cell's metric in the column's scale: `12.3 ± 0.4`."""
        metric, scale = self.metrics[column]
        mean, deviation = cell.mean[metric.name], cell.deviation[metric.name]
        if math.isnan(mean):
            return "–"
        shown = digits(mean * scale.factor, padded=not metric.exact)
        if math.isnan(deviation) or metric.exact:
            return shown
        places = len(shown.partition(".")[2])
        return f"{shown} ± {deviation * scale.factor:,.{places}f}"


def table(results: Results, names: tuple[str, ...] = SHOWN) -> Table:
    """Make the table of the usable cells, metrics without any value left out."""
    axes = _named(results)
    known = [METRICS[name] for name in names if results.ok[name].notna().any()]
    cells = tuple(_cell(part, axes, known) for _, part in results.ok.groupby(["run", "cell_id"], sort=False))
    ordered = sorted(cells, key=lambda cell: tuple(_place(results, axis, cell.values[axis]) for axis in axes))
    return Table(
        axes, tuple((metric, scale_for(metric.unit, results.ok[metric.name])) for metric in known), tuple(ordered)
    )


def _named(results: Results) -> tuple[str, ...]:
    """Return the parameters that name a cell, the number of workers beside that of clients."""
    named = [name for axis in results.axes for name in results.names.parameters(axis) if name != "workers"]
    place = named.index("clients") + 1 if "clients" in named else len(named)
    known = bool(results.ok["workers_used"].notna().any())
    return (*(named[:place] or ["algorithm"]), *(["workers_used"] * known), *named[place:])


def _cell(part: pd.DataFrame, axes: tuple[str, ...], metrics: list[Metric]) -> TableRow:
    names = [metric.name for metric in metrics]
    first = part.iloc[0]
    values = {axis: first.get(axis, NOTHING) for axis in axes}
    if "workers_used" in values:
        values["workers_used"] = NOTHING if math.isnan(first["workers_used"]) else int(first["workers_used"])
    return TableRow(str(first["cell_id"]), values, len(part), dict(part[names].mean()), dict(part[names].std()))


def _place(results: Results, axis: str, value: Value) -> int:
    values = results.axes.get(axis, ())
    return values.index(value) if value in values else len(values)


def phases_to_csv(results: Results) -> str:
    """Return the phases of a step as CSV: of each cell the mean over repeats of medians, and of means that add up."""
    axes = [name for axis in results.axes if axis not in KEY for name in results.names.parameters(axis)]
    named = results.ok[[*KEY, *axes]].merge(results.phases[[*KEY, "phase", *_PHASE_TIMES]], on=list(KEY))
    cells = named.groupby(["run", "cell_id", *axes, "phase"], sort=False)[list(_PHASE_TIMES)].mean().reset_index()
    return str(cells.to_csv(index=False, lineterminator="\n"))


def to_csv(made: Table) -> str:
    """Return the table as CSV in stored units, for further computing."""
    lines = [
        {
            "cell_id": cell.cell_id,
            **cell.values,
            "repeats": cell.repeats,
            **{
                f"{m.name}_{kind}": values[m.name]
                for m, _ in made.metrics
                for kind, values in (("mean", cell.mean), ("sd", cell.deviation))
            },
        }
        for cell in made.cells
    ]
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


def to_latex(made: Table) -> str:
    """Return the table for a paper, in the style of booktabs."""
    heads = [title(axis) for axis in made.axes] + [made.heading(i) for i in range(len(made.metrics))]
    rows = [
        [str(cell.values[axis]) for axis in made.axes] + [made.text(cell, i) for i in range(len(made.metrics))]
        for cell in made.cells
    ]
    return _booktabs(heads, rows, len(made.axes))


def break_even_to_csv(results: Results) -> str:
    """Return below which bandwidth each codec pays, in stored units; a bandwidth without limit is `inf`."""
    lines = [
        {
            one.axis: one.codec,
            **dict(one.where),
            "direction": one.direction,
            "saved_bytes": one.saved_bytes,
            "longer_s": one.longer_s,
            "longer_reach_s": one.reach_s,
            "break_even_bits_per_s": one.bits_per_s,
            "low_bits_per_s": one.low,
            "high_bits_per_s": one.high,
            "pays": one.pays,
            "repeats": one.repeats,
        }
        for one in break_evens(results)
    ]
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


BREAK_EVEN = ("codec", "where", "direction", "saved", "takes longer", "pays below", "95 % interval")


def break_even_rows(results: Results) -> list[list[str]]:
    """Return below which bandwidth each codec pays, in words: a line of `BREAK_EVEN` for each."""
    return [
        [
            results.names.word(one.axis, one.codec),
            results.names.words(dict(one.where), dict(one.where)) if one.where else "–",
            one.direction,
            human(one.saved_bytes, "B"),
            human(one.longer_s, "s"),
            human(one.bits_per_s, "bit/s") if one.pays == "below" else one.pays,
            f"{human(one.low, 'bit/s')} to {human(one.high, 'bit/s')}"
            if one.pays == "below" and one.low == one.low
            else "–",
        ]
        for one in break_evens(results)
    ]


def break_even_to_latex(results: Results) -> str:
    """Return the same for a paper, in the style of booktabs."""
    return _booktabs(list(BREAK_EVEN), break_even_rows(results), 3)


def _booktabs(heads: list[str], rows: list[list[str]], texts: int) -> str:
    """Return a table whose first columns are texts and whose others are numbers."""
    columns = "l" * texts + "r" * (len(heads) - texts)
    body = "\n".join(" & ".join(map(_escape, row)) + r" \\" for row in rows)
    header = " & ".join(map(_escape, heads))
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{header} \\\\\n\\midrule\n{body}\n"
        "\\bottomrule\n\\end{tabular}\n"
    )


_LATEX: dict[str, str] = {
    **{character: "\\" + character for character in "&%$#_{}"},
    "±": r"$\pm$",
    "–": "--",
    "µ": r"$\mu$",
    "∞": r"$\infty$",
    "−": "$-$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
