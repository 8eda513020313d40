"""A plan in words and as a table: what is run, what was left out and why, what it costs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.grid.plan import Plan
from benchmarks.runner import CellRun
from benchmarks.sweep.console import print_table, say
from benchmarks.sweep.dry_run import Forecast
from benchmarks.sweep.progress import duration

MAX_FORECASTS = 60
"""A longer dry run is shown in part; `plan.json` of a sweep holds it all."""

MAX_CELLS = 20
"""A longer plan is shown in part in a terminal, and whole in a pipe."""

MAX_REASONS = 20


def show_plan(plan: Plan, runs: Sequence[CellRun], done: int, console: Console) -> None:
    """Print how much there is to run, and what was left out or is the same as another cell, with the reasons."""
    cells = len({run.cell_id for run in runs})
    total = f"{cells:,} cell{'s' if cells != 1 else ''}"
    total += f" × {plan.repeats} repeats" if plan.repeats > 1 else ""
    say(console, f"{plan.name}: {total}, order {plan.schedule}; {done:,} of {len(runs):,} are done")
    reasons = Counter(("left out" if point.same_as is None else "merged", point.reason) for point in plan.excluded)
    for (what, reason), count in reasons.most_common(MAX_REASONS):
        say(console, f"{what}: {count:,} × {reason}", indent=2)
    if len(reasons) > MAX_REASONS:
        say(console, f"… and for {len(reasons) - MAX_REASONS} more reasons")


def show_cells(plan: Plan, runs: Sequence[CellRun], console: Console) -> None:
    """Print the cells: what they differ in, and their names for `--cell`."""
    configs = {run.cell_id: run.config for run in runs}
    shown = list(configs)[:MAX_CELLS] if console.is_terminal else list(configs)
    table = _table(*plan.axes)
    table.add_column("cell", no_wrap=True)
    for cell_id in shown:
        values = configs[cell_id].plain()
        table.add_row(*(_word(values[name]) for name in plan.axes), cell_id)
    print_table(console, table)
    if len(configs) > len(shown):
        say(console, f"… and {len(configs) - len(shown):,} more; in a pipe all are shown, as in `… --plan | less`")


def show_costs(plan: Plan, runs: Sequence[CellRun], forecasts: Mapping[str, Forecast], console: Console) -> None:
    """Print the cells with what they cost."""
    table = _table(*plan.axes, "time", "memory", "bytes a round")
    table.add_column("")
    configs = {run.cell_id: run.config for run in runs}
    for cell_id in list(configs)[:MAX_FORECASTS]:
        values = configs[cell_id].plain()
        table.add_row(*(_word(values[name]) for name in plan.axes), *_costs(forecasts.get(cell_id)))
    print_table(console, table)
    if len(configs) > MAX_FORECASTS:
        say(console, f"… and {len(configs) - MAX_FORECASTS} more")


def show_total(todo: Sequence[CellRun], forecasts: Mapping[str, Forecast], start_s: float, console: Console) -> None:
    """Print how long all that is left would take, and how much memory the largest cell needs."""
    forecast_of = (forecasts.get(run.cell_id) for run in todo)
    known = [forecast.estimate for forecast in forecast_of if forecast and forecast.estimate]
    if not known:
        return
    rest = f" ({len(todo) - len(known)} without an estimate not counted)" if len(known) < len(todo) else ""
    wall_s = start_s + sum(e.wall_s for e in known)
    peak = max(e.memory_bytes for e in known)
    say(console, f"about {duration(wall_s)} in all{rest}; up to {_size(peak)} of memory; nothing was written")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _costs(forecast: Forecast | None) -> Iterator[str]:
    cost = forecast.estimate if forecast else None
    if forecast is None or cost is None:
        yield from ("?", "?", "?", forecast.source if forecast else "no estimate")
        return
    yield from (duration(cost.wall_s), _size(cost.memory_bytes))
    yield _size(cost.bytes_per_round) if cost.is_exact else f"≤ {_size(cost.bytes_per_round)}"
    yield forecast.source


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "–" if value is None else str(value)


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
