"""Cells of two sides with known differences, and what the gate says of them."""

from collections.abc import Sequence

import numpy as np

from analysis.compare.gate import Judgement, judge
from analysis.compare.measured import Measured
from analysis.compare.pairing import Pairs
from analysis.compare.rules import Rules
from splitfed_core.records.metrics import METRICS

JITTER = np.random.default_rng(5).normal(0, 0.01, 10)


def cell(name: str = "c", slower: float = 0.0, pairs: int = 10, order: str = "arrival", **changed: float) -> Pairs:
    """A cell whose step and round are slower by a share, with 1 % of noise; other metrics of HEAD as given."""
    values = {"final_train_loss": 0.5, "final_eval_accuracy": 0.9, "bytes_per_round": 1e6}
    base = tuple(Measured(values=values | {"step_p50_s": 0.01, "round_p50_s": 1.0}) for _ in range(pairs))
    by = (1 + slower) * np.exp(JITTER[:pairs])
    head = tuple(Measured(values=values | {"step_p50_s": 0.01 * t, "round_p50_s": t} | changed) for t in by)
    return Pairs(name, name, {"order": order}, tuple(range(pairs)), base, head)


def decide(*cells: Pairs, again: Sequence[Pairs] | None = None, rules: Rules | None = None) -> Judgement:
    return judge(cells, METRICS, rules or Rules(), again)
