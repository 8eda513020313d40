"""Whether the two sides were measured under the same conditions: what stops a verdict, and what only warns."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.compare.measured import Side
from analysis.compare.pairing import Pairs
from analysis.stats.verdicts import decide

_DRIFT = 0.05
"""A fixed computation whose time differs by more than this between the sides shows that the machine was another."""


def refuse_on_machine_drift(cells: Sequence[Pairs]) -> tuple[Pairs, ...]:
    """Refuse all cells if the machine itself was faster on one side, as a fixed computation beside every run shows."""
    usable = [pairs for pairs in cells if pairs.refusal is None]
    ratios = [
        math.log(head.reference_task_s / base.reference_task_s)
        for pairs in usable
        for base, head in zip(pairs.base, pairs.head, strict=True)
        if base.reference_task_s > 0 and head.reference_task_s > 0
    ]
    if len(ratios) < sum(len(pairs.repeats) for pairs in usable):
        return tuple(cells)  # older runs have no such computation
    drift = decide(_by_repeat(usable, ratios), _DRIFT)
    if drift.outcome not in ("regression", "improvement"):
        return tuple(cells)
    way = "slower" if drift.outcome == "regression" else "faster"
    text = (
        f"the machine itself was {math.expm1(abs(drift.estimate)):.0%} {way} under HEAD, as a fixed computation shows"
    )
    return tuple(pairs if pairs.refusal else replace(pairs, refusal=text, refused_as="inconclusive") for pairs in cells)


def _by_repeat(cells: Sequence[Pairs], ratios: Sequence[float]) -> list[float]:
    """Return the mean of each repeat: runs of one repeat share the same minutes."""
    repeats = np.array([repeat for pairs in cells for repeat in pairs.repeats])
    return [float(np.mean(np.asarray(ratios)[repeats == repeat])) for repeat in np.unique(repeats)]


def comparison_warnings(base: Side, head: Side, cells: Sequence[Pairs]) -> list[str]:
    """Say what the reader should know although it stops nothing."""
    found = (_versions(base, head), _apart(cells), _redefined(base, cells))
    return [warning for warning in found if warning]


def _versions(base: Side, head: Side) -> str | None:
    changed = [
        f"{package} {base.versions[package]} → {head.versions[package]}"
        for package in base.versions.keys() & head.versions.keys()
        if base.versions[package] != head.versions[package]
    ]
    return f"Dependencies changed too: {', '.join(sorted(changed))}." if changed else None


def _redefined(base: Side, cells: Sequence[Pairs]) -> str | None:
    names = [name for name, metric in base.metrics.items() if any(pairs.redefined(metric) for pairs in cells)]
    if not names:
        return None
    return (
        f"Left out because the two sides define them differently: {', '.join(names)}. Measure both with one version "
        "of sfbench; docs/columns.md says what changed."
    )


def _apart(cells: Sequence[Pairs]) -> str | None:
    """Warn when one side was measured after the other: what changed on the machine meanwhile looks like the code.

    Of a single pair, one side is always the first.
    """
    base = [run.started_at for pairs in cells for run in pairs.base if run.started_at]
    head = [run.started_at for pairs in cells for run in pairs.head if run.started_at]
    if min(len(base), len(head)) > 1 and (max(base) < min(head) or max(head) < min(base)):
        return (
            "The two sides were measured one after the other, not interleaved: any drift of the machine counts as a "
            "change. `sfbench ab` interleaves them."
        )
    return None
