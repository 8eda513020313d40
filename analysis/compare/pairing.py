"""Cells of two sides brought together by parameters, runs by repeat; what must not be compared is refused."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.compare.exactness import repeats
from analysis.compare.measured import Measured, Side, SideCell
from analysis.stats.signed_rank import Array
from splitfed_core.records.metrics import ADDITIVE, Metric


@dataclass(frozen=True)
class Pairs:
    """One cell on both sides: its runs in pairs, or why there is nothing to compare.

    Args:
        refusal: Why the cell is not compared; nothing if it is.
        refused_as: The verdict of a refused cell.
    """

    cell_id: str
    label: str
    parameters: Mapping[str, object]
    repeats: tuple[int, ...] = ()
    base: tuple[Measured, ...] = ()
    head: tuple[Measured, ...] = ()
    refusal: str | None = None
    refused_as: Literal["error", "inconclusive"] = "error"

    def values(self, metric: Metric) -> tuple[Array, Array]:
        """Return a metric of both sides, pair by pair; nothing that can be compared if its definitions differ."""
        if self.redefined(metric):
            nothing = np.full(len(self.base), math.nan)
            return nothing, nothing
        return (
            np.array([run.values.get(metric.name, math.nan) for run in self.base]),
            np.array([run.values.get(metric.name, math.nan) for run in self.head]),
        )

    def redefined(self, metric: Metric) -> str | None:
        """Say that a metric does not mean the same on both sides; nothing if it does."""
        base, head = ([run.definition(metric) for run in side] for side in (self.base, self.head))
        differ = [both for both in zip(base, head, strict=True) if both[0] != both[1]]
        if not differ:
            return None
        one, other = differ[0]
        return f"{metric.name} differs in meaning between the sides (definitions {one} and {other}): measure both again"

    def exact(self, metric: Metric) -> bool:
        """Tell whether a metric of this cell has no noise."""
        return repeats(metric, self.parameters)


def differences(metric: Metric, base: Array, head: Array) -> Array:
    """Return head against base, positive is worse: differences of losses and accuracies, log ratios of all else."""
    worse = 1.0 if metric.better == "lower" else -1.0
    if metric.kind in ADDITIVE:
        return worse * (head - base)
    none = (base == 0) & (head == 0)
    return worse * np.log(np.where(none, 1.0, head) / np.where(none, 1.0, base))


def unusable(metric: Metric, base: Array, head: Array, *, exact: bool) -> str | None:
    """Say why numbers cannot be compared; nothing if they can."""
    for side, values in (("BASE", base), ("HEAD", head)):
        if not np.isfinite(values).all():
            return (
                f"{metric.name} of {side} is not a number in {int((~np.isfinite(values)).sum())} of {len(values)} runs"
            )
        if metric.kind not in ADDITIVE and (values <= 0).any() and not (exact and ((base == 0) & (head == 0)).all()):
            return f"{metric.name} of {side} is {values.min():g}: no ratio can be made of it"
    return None


def pair_cells(base: Side, head: Side, *, whole: bool = False) -> list[Pairs]:
    """Bring the cells of two sides together, in the order of BASE; cells that only one side has are refused.

    Args:
        base: One side.
        head: The other.
        whole: Refuse cells of which one side has repeats that the other does not even plan.
    """
    partners = _match(base, head)
    pairs = [_pair(cell, partners.get(cell.cell_id), whole=whole) for cell in base.cells]
    matched = {partner.cell_id for partner in partners.values()}
    only = "only HEAD has this cell: there is nothing to compare it with"
    new = [cell for cell in head.cells if cell.cell_id not in matched]
    return pairs + [Pairs(c.cell_id, c.label, c.parameters, refusal=only, refused_as="inconclusive") for c in new]


def _match(base: Side, head: Side) -> dict[str, SideCell]:
    """Match by all parameters; what is left by those that both sides know, if the identifiers agree too.

    An identifier is made of parameters that differ from their defaults, so a parameter that only a newer version knows
    has its default where the identifiers agree.
    """
    by_all = {_key(cell.parameters): cell for cell in head.cells}
    by_id = {cell.cell_id: cell for cell in head.cells}
    found = {}
    for cell in base.cells:
        partner = by_all.get(_key(cell.parameters))
        same = by_id.get(cell.cell_id)
        if partner is None and same is not None and _agree(cell.parameters, same.parameters):
            partner = same
        if partner is not None:
            found[cell.cell_id] = partner
    return found


def _key(parameters: Mapping[str, object]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _agree(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _pair(cell: SideCell, partner: SideCell | None, *, whole: bool) -> Pairs:
    def refused(reason: str) -> Pairs:
        return Pairs(cell.cell_id, cell.label, cell.parameters, refusal=reason)

    if partner is None:
        return refused("HEAD does not have this cell")
    shared = tuple(sorted(cell.runs.keys() & partner.runs.keys()))
    if not shared:
        return refused("the two sides have no repeat in common")
    if whole and (alone := sorted(cell.runs.keys() ^ partner.runs.keys())):
        return refused(f"only one side has the repeats {', '.join(map(str, alone))}")
    base, head = (tuple(side.runs[repeat] for repeat in shared) for side in (cell, partner))
    for repeat, one, other in zip(shared, base, head, strict=True):
        for check in _CHECKS:
            reason = check(one, other)
            if reason:
                return refused(f"repeat {repeat}: {reason}")
    return Pairs(cell.cell_id, cell.label, cell.parameters, shared, base, head)


def _failed(base: Measured, head: Measured) -> str | None:
    problems = [f"{side} {run.problem}" for side, run in (("BASE", base), ("HEAD", head)) if run.problem]
    return "; ".join(problems) or None


def _seeds(base: Measured, head: Measured) -> str | None:
    return f"the seeds differ, {base.seed} and {head.seed}: they are not a pair" if base.seed != head.seed else None


def _data(base: Measured, head: Measured) -> str | None:
    if base.data != head.data:
        return "the two sides trained on different data or shards of it"
    if None not in (base.content, head.content) and base.content != head.content:
        return "the two sides trained on data of the same size but with different content: give both the same files"
    return None


def _machines(base: Measured, head: Measured) -> str | None:
    if base.machine is None or head.machine is None:
        side = "BASE" if base.machine is None else "HEAD"
        return f"the machine of {side} is not recorded, so it may be another one"
    differ = [name for name in base.machine if base.machine[name] != head.machine.get(name)]
    listed = ", ".join(f"{name} {base.machine[name]} and {head.machine.get(name)}" for name in differ)
    return f"measured on different machines ({listed}); that is for trends, not for gates" if differ else None


def _emulations(base: Measured, head: Measured) -> str | None:
    """Refuse sides that emulated different links or devices, though their parameters are the same."""
    for name, (what, remedy) in _EMULATED.items():
        one, other = base.emulation.get(name), head.emulation.get(name)
        if one != other:
            return f"{what} were emulated differently, {_said(one, other)} and {_said(other, one)}: {remedy}"
    return None


def _said(values: object, others: object) -> str:
    """Say the numbers of one side; of those by client the first that differ."""
    if isinstance(values, list) and isinstance(others, list) and len(values) == len(others):
        client = next(i for i, pair in enumerate(zip(values, others, strict=True)) if pair[0] != pair[1])
        return f"{json.dumps(values[client])} (client {client})"
    return "none" if values is None else json.dumps(values)


_FACTORS = "a preset is as slow as the host's measured speed makes it; give both sides its factor, {slowdown: FACTOR}"
_NUMBERS = "a preset or a trace changed between the sides; measure both with one version and the same files"
_EMULATED = {
    "slowdowns": ("devices", _FACTORS),
    "server_slowdown": ("slow servers", _FACTORS),
    "links": ("links", _NUMBERS),
    "server_link": ("the servers' links", _NUMBERS),
}
"""What is refused if it differs, and the remedy; the host's own speed is not, for the factors follow from it."""

_CHECKS: tuple[Callable[[Measured, Measured], str | None], ...] = (_failed, _seeds, _data, _machines, _emulations)
