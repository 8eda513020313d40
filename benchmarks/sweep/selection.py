"""The options of a sweep: which runs of the plan it runs, for how long, and over which results."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.grid.expressions import Expression
from benchmarks.runner import CellRun
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.errors import UsageError
from splitfed_core.records.rows import STATUSES

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TRIED_AGAIN = tuple(status for status in STATUSES if status != "ok")


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a plan; whose shard a run is in does not depend on the other options."""

    only: Expression | None = None
    shard: tuple[int, int] = (1, 1)
    retry: str | None = None
    cells: tuple[str, ...] = ()
    repeat: int | None = None

    def choose(self, runs: Sequence[CellRun], status: Mapping[tuple[str, int], str]) -> list[CellRun]:
        """Return the runs of the selection, in their order.

        Args:
            runs: All runs of the plan.
            status: How the last attempt at a run ended, where there was one.

        Raises:
            UsageError: The condition holds for no cell.
        """
        cells = {run.cell_id: run.config for run in runs}
        mine = set(cells)
        if self.only is not None:
            met = {cell_id for cell_id, config in cells.items() if self.only(config.__dict__)}
            if not met:
                raise UsageError(f"--only {self.only.text!r} holds for none of the {len(cells)} cells of this plan")
            mine &= met
        if unknown := [cell_id for cell_id in self.cells if cell_id not in cells]:
            raise UsageError(f"--cell {unknown[0]!r} is not in this plan; --plan lists its cells")
        if self.cells:
            mine &= set(self.cells)
        chosen = [run for run in runs if run.cell_id in mine and self.repeat in (None, run.repeat)]
        if not chosen and self.repeat is not None:
            raise UsageError(f"--repeat {self.repeat}: repeats count from 0, and no chosen cell has this one")
        here = shard_of(runs, *self.shard)
        return [run for run in chosen if run.key in here and self.retry in (None, status.get(run.key))]

    def __str__(self) -> str:
        parts = [f"--only {self.only.text!r}"] if self.only else []
        parts += [f"--shard {self.shard[0]}/{self.shard[1]}"] if self.shard != (1, 1) else []
        parts += [f"--retry {self.retry}"] if self.retry else []
        parts += [f"--cell {cell_id}" for cell_id in self.cells]
        parts += [f"--repeat {self.repeat}"] if self.repeat is not None else []
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """What the command line says beside the grid.

    Args:
        settings: `key=value` that replace what the grid says.
        selection: The part of the plan that this command runs.
        budget_s: Begin no cell that would end later than this, from the command on.
        fresh: Throw away what the directory holds.
        accept_plan_change: Go on although the plan is not the one that was begun.
        accept_code_change: Go on although what is finished was measured with other code.
        dry_run: Show the plan and what it would cost; write nothing.
        plan_only: Show the plan, measure nothing, write nothing.
    """

    settings: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    budget_s: float | None = None
    fresh: bool = False
    accept_plan_change: bool = False
    accept_code_change: bool = False
    dry_run: bool = False
    plan_only: bool = False


DEFAULTS = SweepOptions()
"""All of the plan, however long it takes, over nothing but results of the same plan and code."""


def shard_of(runs: Sequence[CellRun], part: int, parts: int) -> set[tuple[str, int]]:
    """Return the runs of one of so many shards of about equal size.

    A machine has whole repeats as far as they go: then every value of every axis is measured on it, and a difference
    between machines is none between cells. What is left of a repeat is dealt out by a hash of its seed and cell, never
    by the cell's place in the plan, where the last axis moves fastest.
    """
    order = sorted(runs, key=lambda run: (run.repeat, _drawn(run)))
    begin, end = ((len(order) * number) // parts for number in (part - 1, part))
    return {run.key for run in order[begin:end]}


def _drawn(run: CellRun) -> bytes:
    return hashlib.blake2b(f"{run.seed} {run.cell_id}".encode(), digest_size=8).digest()


def parse_selection(
    only: str | None = None,
    shard: str | None = None,
    retry: str | None = None,
    cells: Sequence[str] = (),
    repeat: int | None = None,
) -> Selection:
    """Read the options of the command line.

    Raises:
        UsageError: One of them makes no sense.
    """
    if retry is not None and retry not in _TRIED_AGAIN:
        raise UsageError(f"--retry {retry!r}: choose one of {', '.join(_TRIED_AGAIN)}")
    condition = None if only is None else Expression(only, CellConfig.model_fields)
    return Selection(condition, (1, 1) if shard is None else _parse_shard(shard), retry, tuple(cells), repeat)


def _parse_shard(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise UsageError(f"--shard {text!r}: write i/n with 1 ≤ i ≤ n, for example 2/4")
    return part, parts


def parse_duration(text: str) -> float:
    """Read a time such as `90s`, `30m` or `1h30m`, in seconds.

    Raises:
        UsageError: It is none, or no time at all.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not seconds:
        raise UsageError(f"--budget {text!r}: write a time such as 90s, 30m or 1h30m")
    return seconds
