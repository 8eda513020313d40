"""Client by client: whose data, whose time."""

import os
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis import layout
from analysis.figures import theme
from analysis.figures.theme import NotShownError
from analysis.layout import NO_CHOICE, Choice
from analysis.load import Results

_CELLS = 3
_MAX_PARTITIONS = 40


def labels(results: Results, _choice: Choice = NO_CHOICE) -> Figure:
    """Draw how many examples of each label each client holds, by flwr-datasets' own plot."""
    if results.labels.empty:
        raise NotShownError("no cell has saved its label counts")
    axes = [axis for axis in ("partitioner", "clients", "dataset") if axis in results.axes]
    groups = [part for _, part in results.labels.groupby(axes or ["run"], sort=True)][:_CELLS]
    plot = _flower_plot()
    with theme.themed():
        figure, grid = theme.panels(1, len(groups), height=2.8, sharex=False)
        for panel, part in zip(grid[0], groups, strict=True):
            first = part[(part["cell_id"] == part["cell_id"].iloc[0]) & (part["repeat"] == part["repeat"].iloc[0])]
            plot(
                _partitioner(first),
                "label",
                axis=panel,
                title=layout.words(first.iloc[0], axes),
                cmap="tab10",
                verbose_labels=False,
            )
            panel.set_xlabel("client")
            panel.set_ylabel("")
        grid[0][0].set_ylabel("training examples")
        handles, texts = grid[0][0].get_legend_handles_labels()
        figure.legend(handles[::-1], texts[::-1], title="label", loc="outside right center")
    return figure


def _flower_plot() -> Any:
    os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")  # before the import: it phones home by default
    from flwr_datasets.visualization import plot_label_distributions

    return plot_label_distributions


def _partitioner(counts: pd.DataFrame) -> Any:
    """Return saved label counts as a partitioner, the only thing that flwr-datasets plots."""
    from datasets import ClassLabel, Dataset, Features
    from flwr_datasets.partitioner import Partitioner

    names = list(dict.fromkeys(counts["label"]))
    features = Features({"label": ClassLabel(names=names)})
    held = [part for _, part in counts.groupby("client_id", sort=True)]

    def rows(part: pd.DataFrame) -> Dataset:
        ids = [
            names.index(label) for label, n in zip(part["label"], part["examples"], strict=True) for _ in range(int(n))
        ]
        return Dataset.from_dict({"label": ids}, features=features)

    class Saved(Partitioner):  # type: ignore[misc]
        """The partitions of a finished cell."""

        def load_partition(self, partition_id: int) -> Dataset:
            return rows(held[partition_id])

        @property
        def num_partitions(self) -> int:
            return len(held)

    partitioner = Saved()
    partitioner.dataset = rows(counts)
    return partitioner
