"""What a reader must know before trusting the numbers: failed cells, few repeats, drift, mixed environments."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.results.load import KEY, Results
from analysis.results.provenance import mixed_code
from analysis.results.run_directory import Problem
from analysis.stats.intervals import FEWEST
from analysis.text.parameters import NOTHING, title
from splitfed_core.records.lateness import what_fits
from splitfed_core.records.metrics import METRICS

_DRIFT = 0.10
"""A fixed computation that differs by more than this between cells shows that the machine was not steady."""


_COMMON = 0.75
"""A smaller share of steps than this is not what a reader takes for the steps of a cell."""


@dataclass(frozen=True)
class ReportWarning:
    """A warning of the report, with details to unfold."""

    title: str
    text: str
    details: tuple[Problem, ...] = ()


def find_warnings(results: Results) -> list[ReportWarning]:
    """Return all warnings, gravest first."""
    made = [
        _failed(results),
        _notes(results),
        _data(results),
        _runs(results),
        _definitions(results),
        _many_clients(results),
        _late(results),
        _batches(results),
        _mixture(results),
        _codes(results),
        _environments(results),
        _dirty(results),
        _drift(results),
        _repeats(results),
    ]
    return [warning for warning in made if warning]


def _failed(results: Results) -> ReportWarning | None:
    bad = results.cells[~results.cells["usable"]]
    if bad.empty:
        return None
    details = tuple(p for p in results.problems if p.where in _names(results))
    title = f"{len(bad)} of {len(results.cells)} attempts have no results."
    return ReportWarning(title, "They are left out of every figure.", details)


def _names(results: Results) -> set[str]:
    bad = results.cells[~results.cells["usable"]]
    return {f"{run}: {cell} r{repeat}" for run, cell, repeat in bad[list(KEY)].itertuples(index=False)}


def _notes(results: Results) -> ReportWarning | None:
    bad = _names(results)
    places: dict[str, list[str]] = {}
    for problem in results.problems:
        if problem.where not in bad:
            places.setdefault(problem.what, []).append(problem.where)
    others = tuple(Problem(_places(where), what) for what, where in places.items())
    return ReportWarning("Some data are missing or odd.", "What could be used is shown.", others) if others else None


def _places(places: Sequence[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"


def _data(results: Results) -> ReportWarning | None:
    """Repeat the sweep's warnings about the data, each once, with the attempts that it is about."""
    attempts: dict[str, list[str]] = {}
    for attempt in (attempt for run in results.runs for attempt in run.attempts):
        for text in attempt.manifest.data_warnings:
            attempts.setdefault(text, []).append(attempt.where)
    if not attempts:
        return None
    details = (
        Problem(where[0] if len(where) == 1 else f"{len(where)} attempts", text) for text, where in attempts.items()
    )
    return ReportWarning(
        "The data may make the results mean less than they seem to.", "The sweep warned about them.", tuple(details)
    )


def _runs(results: Results) -> ReportWarning | None:
    differ = results.names.together.get("run")
    if not differ:
        return None
    details = tuple(
        Problem(title(name), ", ".join(f"{run} {value}" for run, value in values.items()))
        for name, values in differ.items()
    )
    text = "A comparison between runs is about all of these differences together."
    return ReportWarning("The runs differ in their parameters too.", text, details)


def _definitions(results: Results) -> ReportWarning | None:
    """Name the metrics that do not mean the same everywhere, because versions of sfbench measure them in other ways."""
    runs = [run.name for run in results.runs]
    meant = {m.title: set[int]().union(*(results.definitions(run, m.name) for run in runs)) for m in METRICS.values()}
    differ = ", ".join(name for name, numbers in meant.items() if len(numbers) > 1)
    text = f"The versions of sfbench that measured the runs define them differently: {differ}. See docs/columns.md."
    return ReportWarning("Metrics with more than one meaning.", text) if differ else None


def _many_clients(results: Results) -> ReportWarning | None:
    pairs = results.crowds()
    text = (
        f"Clients took turns in fewer processes ({pairs}): latency, queue and stragglers of these cells are those of "
        "the host. To measure clients that work at the same time, give each client its own worker."
    )
    return ReportWarning("More clients than workers.", text) if pairs else None


def _late(results: Results) -> ReportWarning | None:
    """Name the emulated cells that this host was too slow for, and how many clients it can hold instead."""
    if "late" not in results.ok:  # of a time before there was emulation
        return None
    late = results.ok[results.ok["late"] == 1]
    if late.empty:
        return None
    worst = late.sort_values("late_share", ascending=False).drop_duplicates(["run", "cell_id"])
    details = tuple(
        Problem(_cell(results, line), f"{line['late_share']:.0%} of its steps{_held(line)}".replace("%", " %"))
        for line in worst.to_dict("records")
    )
    text = (
        "More than 5 % of the time of their steps was later than the emulated links and devices say: the host had no "
        "core free. Their times are longer than what they emulate; use fewer clients, or a host with more cores."
    )
    return ReportWarning("Emulated faster than this host could keep up with.", text, details)


def _held(line: Mapping[Hashable, Any]) -> str:
    """Say how many of a cell's clients its host can hold, where that is known."""
    fits = what_fits(line["clients_held"], line["participants"])
    return fits and f"; {fits}"


def _batches(results: Results) -> ReportWarning | None:
    """Name the cells whose batch size no client could fill: they trained the same batches as with a smaller one."""
    if "batch_size" not in results.ok:
        return None
    short = results.ok[results.ok["largest_batch"] < results.ok["batch_size"]]
    if short.empty:
        return None
    cells = short.groupby(["run", "cell_id"], sort=False)["largest_batch"].max()
    lines = short.drop_duplicates(["run", "cell_id"]).to_dict("records")
    details = tuple(
        Problem(_cell(results, line), f"{line['batch_size']}, but the largest had {largest:.0f}")
        for line, largest in zip(lines, cells, strict=True)
    )
    text = "No client has that many examples: cells that differ only in such batch sizes trained on the same batches."
    return ReportWarning("Batches larger than every shard.", text, details)


def _mixture(results: Results) -> ReportWarning | None:
    """Say where step statistics, which are of the most frequent batch size of a cell, are of few of its steps."""
    least = results.ok["common_batch_share"].min()
    text = (
        "Step statistics cover only the most frequent batch size; in at least one cell that is "
        f"{least:.0%} of the steps."
    )
    return ReportWarning("Batches of different sizes.", text.replace("%", " %")) if least < _COMMON else None


def _cell(results: Results, line: dict[Hashable, object]) -> str:
    words = results.names.words(line, results.axes)
    return str(line["cell_id"]) if words == NOTHING else words


def _environments(results: Results) -> ReportWarning | None:
    used = results.ok[["run", "env"]].drop_duplicates()
    if used["env"].nunique() < 2:
        return None
    details = tuple(
        Problem(f"environment {env}", f"{int((results.ok['env'] == env).sum())} attempts")
        for env in dict.fromkeys(used["env"])
    )
    text = "Not all cells ran on the same machine with the same code and versions; compare their times with care."
    return ReportWarning("Mixed environments.", text, details)


def _codes(results: Results) -> ReportWarning | None:
    details = tuple(
        Problem(f"run {run.name}", f"{states} states of {name}")
        for run in results.runs
        for name, states in mixed_code(run).items()
    )
    text = "The code changed during the run, and that was accepted: a difference between cells may come from the code."
    return ReportWarning("Measured with more than one version of the code.", text, details) if details else None


def _dirty(results: Results) -> ReportWarning | None:
    dirty = any(env.checkout.git_dirty for run in results.runs for env in run.environments.values())
    text = "The commit alone does not identify the code that was measured."
    return ReportWarning("The code had uncommitted changes.", text) if dirty else None


def _drift(results: Results) -> ReportWarning | None:
    times = results.ok["reference_task_s"].dropna()
    if len(times) < 2 or times.max() < times.min() * (1 + _DRIFT):
        return None
    spread = times.max() / times.min() - 1
    text = f"A fixed computation timed beside every cell took up to {spread:.0%} longer than at its fastest."
    return ReportWarning("The machine was not steady.", text.replace("%", " %"))


def _repeats(results: Results) -> ReportWarning | None:
    fewest = int(results.ok.groupby(["run", "cell_id"]).size().min())
    if fewest >= FEWEST:
        return None
    text = f"At least one cell has only {fewest}; intervals need {FEWEST} or more, a regression gate 5."
    return ReportWarning("Few repeats.", text)
