"""Reading one CSV file of a run: only the columns asked for, by the schema in `splitfed_core.records.rows`."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from splitfed_core.errors import DataError
from splitfed_core.records.rows import ADDED, Row

_ARROW = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}


@dataclass(frozen=True)
class Rows:
    """The usable rows of a file, and what was wrong with the others."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def arrow_types(row_type: type[Row]) -> dict[str, pa.DataType]:
    """Map the columns of a row type to Arrow types; a column that may be empty is a float where it is a number."""
    hints = get_type_hints(row_type)
    return {name: _ARROW[hint] if hint in _ARROW else pa.float64() for name, hint in hints.items()}


def read_rows(path: Path, row_type: type[Row], wanted: tuple[str, ...], required: tuple[str, ...]) -> Rows:
    """Read the `wanted` columns of a file; those it does not have become empty.

    Raises:
        DataError: The file is not there, is not such a CSV file, or lacks one of the `required` columns.
    """
    header = _header(path)
    missing = [name for name in required if name not in header]
    if missing:
        raise DataError(f"{path.name} has no column {', '.join(missing)}; it is not a file of this schema")
    bad_lines: list[object] = []

    def skip(row: object) -> str:
        bad_lines.append(row)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=skip),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=arrow_types(row_type),
                include_columns=list(wanted),
                include_missing_columns=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"{path.name} cannot be read: {_first_line(error)}") from error
    frame = table.to_pandas(split_blocks=True, self_destruct=True)
    del table
    return Rows(frame, tuple(_notes(path.name, wanted, header, len(bad_lines))))


def _notes(name: str, wanted: tuple[str, ...], header: list[str], bad_lines: int) -> list[str]:
    absent = [column for column in wanted if column not in header and column not in ADDED]
    notes = [f"{name} is of an older schema, without {', '.join(absent)}"] if absent else []
    return notes + ([f"{name} has {bad_lines} broken line(s), left out"] if bad_lines else [])


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def sha256(path: Path) -> str:
    """Hash a file's bytes, as the manifest does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
