"""The Pareto front: which cells no other cell beats in accuracy, bytes and time together, and how surely."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.resampling import accuracies, by_repeat, cells_of, draw, front_share, means, on_front
from analysis.results import Results

_NEEDED = ("final_eval_accuracy", "total_bytes", "train_s")


def front_of(results: Results) -> pd.DataFrame:
    """Return a line per cell that has all three: its axes, its means, `on_front` by them, and `front_share`.

    `front_share` says in which share of the resamples of repeats and test examples the cell is on the front.
    """
    known = results.where(results.cells[list(_NEEDED)].notna().all(axis=1))
    cells = cells_of(known)
    kept = [axis for axis in results.axes if axis not in ("run", "cell_id")]
    how: Any = {**dict.fromkeys([*_NEEDED, "test_examples"], "mean"), **dict.fromkeys(kept, "first")}
    frame: pd.DataFrame = known.ok.groupby(["run", "cell_id"], sort=False).agg(how).reset_index()
    if frame.empty:
        return frame.assign(on_front=False, front_share=0.0)
    accuracy, sent, time = (by_repeat(known, name, cells) for name in _NEEDED)
    drawn = draw(accuracy.shape[1], len(cells))
    tested = accuracies(accuracy, drawn, frame["test_examples"].to_numpy(dtype=float))
    costs = np.stack([-tested, means(sent, drawn), means(time, drawn)], axis=2)
    by_means = np.column_stack([-frame["final_eval_accuracy"], frame["total_bytes"], frame["train_s"]])
    return frame.assign(on_front=on_front(by_means), front_share=front_share(costs))
