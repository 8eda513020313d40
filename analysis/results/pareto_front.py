"""The Pareto front: which cells no other cell beats in accuracy, bytes and time together, and how surely."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.results.load import Results
from analysis.results.resampling import accuracies, beaten_by, by_repeat, cells_of, draw_repeats, front_share, means
from analysis.stats.signed_rank import Array

_MOST = 500
"""How many cells are resampled, those that the fewest others beat: what hundreds beat is not on the front by chance."""

_NEEDED = ("final_eval_accuracy", "total_bytes", "train_s")


def _as_read(values: Array) -> Array:
    """Round to the three digits that tables show: 8 bytes in 741,214 make no cell better than another."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** (np.floor(np.log10(values)) - 2)
        return np.asarray(np.where(values > 0, np.round(values / unit) * unit, values))


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
    beaten = beaten_by(
        np.column_stack(
            [-frame["final_eval_accuracy"], _as_read(frame["total_bytes"].to_numpy(float)), frame["train_s"]]
        )
    )
    near = np.sort(np.argsort(beaten, kind="stable")[:_MOST])
    accuracy, sent, time = (by_repeat(known, name, cells)[near] for name in _NEEDED)
    drawn = draw_repeats(accuracy.shape[1], len(near))
    tested = accuracies(accuracy, drawn, frame["test_examples"].to_numpy(dtype=float)[near])
    share = np.zeros(len(frame))
    share[near] = front_share(np.stack([-tested, _as_read(means(sent, drawn)), means(time, drawn)], axis=2))
    return frame.assign(on_front=beaten == 0, front_share=share)
