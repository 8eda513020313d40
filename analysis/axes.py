"""Which parameters of some cells vary, in which order their values stand, and which of them merely follow others."""

from collections.abc import Mapping, Sequence

from analysis.digest import NOTHING, Value, normalise
from analysis.runs import Run

OPERATIONAL = frozenset({"timeout_s"})
"""Parameters that say how a cell is run, not what it is: never an axis."""

Axes = Mapping[str, tuple[Value, ...]]
Cell = Mapping[str, Value]


def find_axes(cells: Sequence[Cell], runs: Sequence[Run]) -> dict[str, tuple[Value, ...]]:
    """Find the parameters with more than one value; several runs are an axis of their own.

    A parameter that has one value where it applies and none elsewhere is no axis, nor is one that follows from another
    (zipped axes, or a cut that only some algorithms have): it would only make empty panels. Runs stay apart always:
    what else differs between them nobody planned.
    """
    names = dict.fromkeys(name for run in runs for attempt in run.attempts for name in attempt.config)
    axes = {}
    for name in ("run", *names):
        values = list(dict.fromkeys(cell[name] for cell in cells if name in cell))
        if name not in OPERATIONAL and len([value for value in values if value != NOTHING]) > 1:
            axes[name] = in_order(values, _listed(name, runs))
    for name in reversed(names):
        if name in axes and any(_follows(name, other, [*cells, *_planned(runs)]) for other in axes if other != name):
            del axes[name]
    return axes


def in_order(values: Sequence[Value], listed: Sequence[Value]) -> tuple[Value, ...]:
    """Order an axis: numbers by size, `on` before `off`, the rest as the grid lists them, nothing last."""

    def key(value: Value) -> tuple[int, float, int]:
        if isinstance(value, int | float):
            return (0, float(value), 0)
        place = listed.index(value) if value in listed else len(listed)
        return (2 if value == NOTHING else 1, 0.0, place)

    known = sorted(values, key=key)
    return ("on", "off") if set(known) == {"on", "off"} else tuple(known)


def _follows(name: str, other: str, cells: Sequence[Cell]) -> bool:
    """Tell whether the value of one parameter says that of another in every cell."""
    told: dict[Value, Value] = {}
    both = [cell for cell in cells if name in cell and other in cell]
    return all(told.setdefault(cell[other], cell[name]) == cell[name] for cell in both)


def _listed(name: str, runs: Sequence[Run]) -> list[Value]:
    axes = [run.plan.get("axes", {}) for run in runs]
    return [normalise(value) for plan in axes if isinstance(plan, dict) for value in plan.get(name, [])]


def _planned(runs: Sequence[Run]) -> list[Cell]:
    """Return the planned cells too: what has not been run yet makes no parameter follow from another."""
    configs = [(run.name, cell.get("config", {})) for run in runs for cell in run.plan.get("cells", [])]
    return [{"run": name, **{key: normalise(value) for key, value in config.items()}} for name, config in configs]
