"""Data of your own: a CSV file whose one column is the label and whose other columns are numbers.

In a grid it is `dataset: {name: csv, data_files: {train: beans.csv}, label: kind}`. Parquet files and folders of images
are read in the same way; docs/data-and-models.md lists the settings.
"""

import csv
import tempfile
from pathlib import Path

import numpy as np

import sfbench

KINDS = ("borlotti", "cannellini", "kidney")


def write_beans(path: Path) -> None:
    """Write 300 beans of three kinds, which differ in length and weight; 20 % of the rows will be the test set."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["length_mm", "weight_g", "kind"])
        for kind in rng.permutation(np.repeat(range(len(KINDS)), 100)):
            rows.writerow([12 + 3 * kind + rng.normal(), 0.4 + 0.2 * kind + rng.normal(0, 0.05), KINDS[kind]])


def main() -> None:
    """Train on it twice: dealt evenly, and so that most clients lack a kind."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "beans.csv")
        write_beans(file)
        data = sfbench.load_dataset({"name": "csv", "data_files": {"train": str(file)}, "label": "kind"})
    print(f"{len(data.x_train)} beans to train on, {len(data.x_test)} to test, of {', '.join(data.label_names)}")
    cell = {"model": "mlp", "clients": 3, "batch_size": 16, "rounds": 4, "learning_rate": 0.01, "transport": "inproc"}
    for partitioner in ("iid", {"name": "dirichlet", "alpha": 0.1}):
        # The data is passed by itself, so the cell need not name it. Where it is named, train(config) is enough.
        trained = sfbench.train(sfbench.CellConfig.parse(cell | {"partitioner": partitioner}), data)
        print(f"{partitioner}: accuracy {trained.rounds[-1].eval_accuracy:.3f}")


if __name__ == "__main__":
    main()
