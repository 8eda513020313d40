"""When a cell first reached an accuracy, and which accuracy is worth asking for."""

import pandas as pd

from analysis.results.load import KEY, Results

_STEPS = (0.99, 0.98, 0.97, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
_MOST = 0.75


def target_accuracy(results: Results) -> float | None:
    """Return the highest round accuracy that at least half of the repeats of cells reach."""
    if "eval_accuracy" not in results.rounds:
        return None
    best = results.rounds.groupby(list(KEY))["eval_accuracy"].max()
    return next((step for step in _STEPS if (best >= step).mean() >= 0.5), None)


def common_target(results: Results) -> float | None:
    """Return the highest round accuracy that at least three quarters of the cells reach in all of their repeats.

    Cells are compared by when they reach it, so that most must.
    """
    if "eval_accuracy" not in results.rounds:
        return None
    best = results.rounds.groupby(list(KEY))["eval_accuracy"].max().groupby(["run", "cell_id"]).min()
    return next((step for step in _STEPS if (best >= step).mean() >= _MOST), None)


def reached(results: Results, goal: float) -> pd.DataFrame:
    """Return what each repeat of a cell needed to the goal: training time and bytes, empty where it never got there."""
    there = results.rounds[results.rounds["eval_accuracy"] >= goal].sort_values("round")
    first = there.groupby(list(KEY))[["round", "elapsed_s", "total_bytes"]].first().reset_index()
    axes = [axis for axis in results.palette if axis != "run"]
    return results.ok[[*KEY, *axes]].merge(first, on=list(KEY), how="left")
