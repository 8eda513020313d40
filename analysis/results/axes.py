"""Which parameters of some cells vary, in which order their values stand, and which of them move together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.results.attempt_summary import shown_values
from analysis.results.run_directory import Run
from analysis.text.parameters import MAY_NOT_APPLY, NOTHING, Together, Value

OPERATIONAL = frozenset({"timeout_s"})
"""Parameters that say how a cell is run, not what it is: never an axis."""


Axes = Mapping[str, tuple[Value, ...]]
CellValues = Mapping[str, Value]


@dataclass(frozen=True)
class Varying:
    """What varies among cells: the axes, and what moves with each of them."""

    axes: dict[str, tuple[Value, ...]]
    together: Together


def find_axes(cells: Sequence[CellValues], runs: Sequence[Run]) -> Varying:
    """Find the parameters with more than one value; several runs are an axis of their own.

    A parameter that follows from another (zipped axes, overrides) would only make empty panels: it is not an axis, but
    moves together with one and is named with it. One that merely some algorithms have (a cut) goes without saying.
    Runs stay apart always: what else differs between them nobody planned. Whatever the parameters, axes and run tell
    all cells apart; as a last resort by their identifiers.
    """
    names = ("run", *dict.fromkeys(name for run in runs for attempt in run.attempts for name in attempt.config))
    axes = {}
    for name in names:
        values = list(dict.fromkeys(cell[name] for cell in cells if name in cell))
        if name not in OPERATIONAL and len(values) > 1:
            absent = [NOTHING] if NOTHING not in values and any(name not in cell for cell in cells) else []
            axes[name] = ordered_values([*values, *absent], _listed(name, runs))
    known = [*cells, *_planned(runs)]
    followers: list[str] = []
    for name in reversed(names[1:]):
        if name in axes and any(_follows(name, other, known) for other in axes if other != name):
            followers.insert(0, name)
            del axes[name]
    if not _distinct(cells, ("run", *axes)):
        axes["cell_id"] = tuple(dict.fromkeys(cell["cell_id"] for cell in cells))
    return Varying(axes, _together(axes, followers, known))


def _together(axes: Axes, followers: Sequence[str], cells: Sequence[CellValues]) -> Together:
    """Give each follower that has two values or more to the first axis that it follows from, to `run` last."""
    found: dict[str, dict[str, dict[Value, Value]]] = {}
    leaders = sorted(axes, key=lambda axis: axis == "run")
    for name in followers:
        values = {cell[name] for cell in cells if name in cell}
        axis = next((axis for axis in leaders if _follows(name, axis, cells)), None)
        if axis and len(values - {NOTHING} if name in MAY_NOT_APPLY else values) > 1:
            found.setdefault(axis, {})[name] = {
                cell[axis]: cell[name] for cell in cells if axis in cell and name in cell
            }
    return found


def _distinct(cells: Sequence[CellValues], axes: Sequence[str]) -> bool:
    """Tell whether no two cells have the same values of all axes."""
    seen: dict[tuple[Value, ...], Value] = {}
    return all(
        seen.setdefault(tuple(cell.get(axis, NOTHING) for axis in axes), cell["cell_id"]) == cell["cell_id"]
        for cell in cells
        if "cell_id" in cell
    )


def ordered_values(values: Sequence[Value], listed: Sequence[Value]) -> tuple[Value, ...]:
    """Order an axis: numbers by size, `on` before `off`, the rest as the grid lists them, nothing last."""

    def key(value: Value) -> tuple[int, float, int]:
        if isinstance(value, int | float):
            return (0, float(value), 0)
        place = listed.index(value) if value in listed else len(listed)
        return (2 if value == NOTHING else 1, 0.0, place)

    known = sorted(values, key=key)
    return ("on", "off") if set(known) == {"on", "off"} else tuple(known)


def _follows(name: str, other: str, cells: Sequence[CellValues]) -> bool:
    """Tell whether the value of one parameter says that of another in every cell."""
    seen: dict[Value, Value] = {}
    both = [cell for cell in cells if name in cell and other in cell]
    return all(seen.setdefault(cell[other], cell[name]) == cell[name] for cell in both)


def _listed(name: str, runs: Sequence[Run]) -> list[Value]:
    return [shown_values({name: value})[name] for run in runs for value in run.plan.axes.get(name, ())]


def _planned(runs: Sequence[Run]) -> list[CellValues]:
    """Return the planned cells too: what has not been run yet makes no parameter follow from another."""
    return [{"run": run.name, **shown_values(cell.config)} for run in runs for cell in run.plan.cells]
