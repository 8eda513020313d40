"""The training and the test rows of a table as flwr-datasets reads them; each row knows where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splitfed_core.arrays import Array, IndexArray
from splitfed_core.config.choice import Named
from splitfed_core.data.dataset import held_out
from splitfed_core.errors import ConfigError, one_line

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


Files = str | list[str] | dict[str, str | list[str]]

_BYTES = ("binary", "large_binary")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The training or the test rows of a table.

    `rows` is a `datasets.Dataset`, `numbers` are their numbers in the source, where only some of it is used.
    """

    rows: "datasets.Dataset"
    source: str
    numbers: IndexArray | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def place(self, row: int) -> str:
        """Say where a row can be found: by file, counted as pandas does."""
        number = row if self.numbers is None else int(self.numbers[row])
        return f"{self.source}, row {number} (counted from 0)"

    def numpy(self, column: str) -> Array:
        """Return a whole column."""
        values: Array = self.rows.select_columns([column]).with_format("numpy")[:][column]
        return values

    def arrow(self, column: str) -> "pa.ChunkedArray":
        """Return a whole column, in which a missing value can be told from a number."""
        values: pa.ChunkedArray = self.rows.select_columns([column]).with_format("arrow")[:][column]
        return values

    def held_out(self) -> tuple["Split", "Split"]:
        """Keep a fifth of the rows for the test."""
        if len(self) < 2:
            raise ConfigError(
                f"dataset: {self.source} has {len(self)} rows; training and testing need at least two", "dataset"
            )
        train, test = (Split(self.rows.select(rows), self.source, rows) for rows in held_out(len(self)))
        return train, test


def read_splits(
    choice: Named, files: Files | None, folder: str | None, subset: str | None, train: str, test: str | None
) -> tuple[Split, Split]:
    """Read the training and the test rows; without a test split a fifth of the training rows are held out.

    Raises:
        ConfigError: Something cannot be read, has no such split, or no rows.
    """
    if isinstance(files, Mapping):  # one by one: together, `datasets` demands the same columns and types of them
        first = _read(choice, _of(choice, files, train, "train_split"), folder, subset)[train]
        if test is None and "test" not in files:
            return first.held_out()
        name = test or "test"
        return first, _read(choice, _of(choice, files, name, "test_split"), folder, subset)[name]
    splits = _read(choice, files, folder, subset)
    for setting, named in {"train_split": train, "test_split": test}.items():
        if named is not None and named not in splits:
            raise _no_split(choice, setting, named, splits)
    second = splits.get(test or "test")
    return (splits[train], second) if second else splits[train].held_out()


def _of(choice: Named, files: Mapping[str, str | list[str]], name: str, setting: str) -> dict[str, str | list[str]]:
    if name not in files:
        raise _no_split(choice, setting, name, files)
    return {name: files[name]}


def _no_split(choice: Named, setting: str, name: str, known: Mapping[str, object]) -> ConfigError:
    has = ", ".join(known)
    return ConfigError(
        f"dataset {choice.name!r}, setting {setting}: there is no {name!r}; choose one of {has}", "dataset"
    )


def _read(choice: Named, files: Files | None, folder: str | None, subset: str | None) -> dict[str, Split]:
    """Read every split that these files have, binary columns as images; the import takes a second."""
    import datasets

    datasets.disable_progress_bars()
    where = {name: value for name, value in (("data_files", files), ("data_dir", folder)) if value}
    try:
        tables = datasets.load_dataset(choice.name, name=subset, **where)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        why = one_line(str(error.__cause__ or error))
        if "corresponds to no data" in why:
            why = "it has no rows for one of its splits; add some"
        raise ConfigError(f"dataset {choice.plain()!r} cannot be read: {why}", "dataset") from None
    return {name: Split(_with_images(table), _source(choice, files, folder, name)) for name, table in tables.items()}


def _source(choice: Named, files: Files | None, folder: str | None, name: str) -> str:
    if isinstance(files, dict):
        files = files[name]
    if files:
        return " + ".join([files] if isinstance(files, str) else files)
    return f"{folder or choice.name}, split {name!r}"


def _with_images(table: "datasets.Dataset") -> "datasets.Dataset":
    """Let PNG, JPEG and the like be images, whether as bytes or as `{bytes, path}`, which `datasets` writes."""
    import datasets

    for name, kind in table.features.items():
        is_bytes = isinstance(kind, datasets.Value) and kind.dtype in _BYTES
        is_struct = isinstance(kind, dict) and "bytes" in kind and kind.keys() <= {"bytes", "path"}
        if is_bytes or is_struct:
            table = table.cast_column(name, datasets.Image())
    return table
