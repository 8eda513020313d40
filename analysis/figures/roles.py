"""Which axis of a grid plays which part in a figure (x, colour, line style, panels)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from analysis.results.axes import Axes
from analysis.results.load import Results
from splitfed_core.errors import UsageError

_RANK = (
    "clients",
    "workers",
    "cut_layer",
    "batch_size",
    "algorithm",
    "run",
    "transport",
    "codec",
    "link",
    "strategy",
    "aggregation",
)
"""Axes that readers ask for first; others follow in the order of the grid."""

_ROOM = {"hue": 8, "style": 4, "col": 4, "row": 4}


@dataclass(frozen=True)
class Choice:
    """What the user asked for; nothing means that the figure decides."""

    metric: str | None = None
    x: str | None = None
    hue: str | None = None
    facet: str | None = None

    def without(self, axis: str) -> "Choice":
        """Return the choice without what it says about an axis."""
        kept = {part: None if getattr(self, part) == axis else getattr(self, part) for part in ("x", "hue", "facet")}
        return replace(self, **kept)


NO_CHOICE = Choice()


@dataclass(frozen=True)
class Roles:
    """The part of each axis in one figure; what is left is averaged over."""

    x: str | None = None
    y: str | None = None
    hue: str | None = None
    style: str | None = None
    col: str | None = None
    row: str | None = None
    rest: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """The axes that are told apart in the figure."""
        return tuple(axis for axis in (self.row, self.col, self.hue, self.style, self.y, self.x) if axis)


def assign(results: Results, parts: Mapping[str, Iterable[str]], choice: Choice | None = None) -> Roles:
    """Give each axis of a grid its part.

    Args:
        results: Whose axes; an asked one that no longer varies among the cells left is ignored.
        parts: The parts of this figure in order of importance, each with the axes it likes best; `*` is any other.
        choice: What the user asked for, which goes first.

    Raises:
        UsageError: The user asked for an axis that does not vary.
    """
    axes, asked = results.axes, check(results, choice or NO_CHOICE)
    taken = {part: axis for part, axis in asked.items() if part in parts and axis in axes}
    free = [axis for axis in sorted(axes, key=reader_rank) if axis not in taken.values()]
    for part, liked in parts.items():
        if part not in taken and (axis := _first(free, tuple(liked), len_of=axes, room=_ROOM.get(part))):
            taken[part] = axis
            free.remove(axis)
    return Roles(**taken, rest=tuple(free))


def check(results: Results, choice: Choice) -> dict[str, str]:
    """Return the parts that the user gave to axes; what moves together with an axis stands for it.

    Raises:
        UsageError: The user asked for an axis that does not vary, or for one axis twice.
    """
    axes = results.palette
    wanted = {"x": choice.x, "hue": choice.hue, "col": choice.facet}
    asked = {part: results.names.leader(axis) for part, axis in wanted.items() if axis}
    if len(set(asked.values())) < len(asked):
        raise UsageError(f"--x, --hue and --facet name {', '.join(asked.values())}; give each part an axis of its own")
    for name in asked.values():
        if name not in axes:
            known = ", ".join(axes) or "none, the grid has one cell"
            raise UsageError(f"axis {name!r} does not vary in these runs; choose one of: {known}")
    return asked


def _first(free: list[str], liked: tuple[str, ...], len_of: Axes, room: int | None) -> str | None:
    for wish in liked:
        for axis in free if wish == "*" else [wish]:
            if axis in free and (room is None or len(len_of[axis]) <= room):
                return axis
    return None


def reader_rank(axis: str) -> int:
    """Return the place of an axis among those that readers ask for first."""
    return _RANK.index(axis) if axis in _RANK else len(_RANK) - 1
