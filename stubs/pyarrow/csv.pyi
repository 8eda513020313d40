from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pyarrow import DataType, Table

class ParseOptions:
    def __init__(self, *, invalid_row_handler: Callable[[object], str] | None = ...) -> None: ...

class ConvertOptions:
    def __init__(
        self,
        *,
        column_types: Mapping[str, DataType] | None = ...,
        include_columns: Sequence[str] | None = ...,
        include_missing_columns: bool = ...,
        null_values: Sequence[str] | None = ...,
    ) -> None: ...

def read_csv(input_file: str | Path, parse_options: ParseOptions, convert_options: ConvertOptions) -> Table: ...
def write_csv(data: Table, output_file: str | Path) -> None: ...
