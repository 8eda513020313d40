"""What a round is made of: its steps, the time between them, and the aggregation."""

import pandas as pd

from analysis.results.reduce import between_quartiles
from splitfed_core.records.summary import Numbers

ROUND_PARTS = ("steps_s", "between_steps_s", "aggregation_s")
"""They leave out what a worker waits for others; `round_s` holds all."""


def typical_round(steps: pd.DataFrame, rounds: pd.DataFrame, clients: pd.DataFrame) -> Numbers:
    """Return the mean over the rounds between the quartiles of `round_s` of `round_s` and of each part, if recorded.

    Rounds with warm-up steps, which compile, are left out if there are others. Steps, and what is between them, are
    those of a worker in the mean over the workers, who train at the same time.
    """
    workers = clients.groupby("round")["worker"].nunique()
    by_round = steps.groupby("round")
    sums = by_round[["step_s", "between_s"]].sum(min_count=1).div(workers[workers > 0], axis=0)
    table = rounds.set_index("round")[["round_s", "aggregation_s"]].join(sums)
    cold = table.index.isin(by_round["warmup"].any().loc[lambda warm: warm].index)
    table = table if cold.all() else table[~cold]
    means = table[between_quartiles(table["round_s"].to_numpy())].mean()
    named = means.rename({"step_s": "steps_s", "between_s": "between_steps_s"})
    return {str(name): float(value) for name, value in named.dropna().items()}
