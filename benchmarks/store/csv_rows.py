"""Rows as lines of CSV: `true`/`false`, empty for None, floats in full precision."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

from splitfed_core.records.rows import Row, columns


def plain_cell(value: object) -> object:
    """Return what the csv module should write for a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


class RowFile:
    """One CSV file that grows by whole lines and knows its hash.

    Every `append` reaches the kernel before it returns: what was appended outlives a killed process.
    """

    def __init__(self, path: Path, row_type: type[Row]) -> None:
        names = columns(row_type)
        self._values = attrgetter(*names)
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        try:
            self._write([names])
        except OSError:
            with suppress(OSError):  # closing tries to write it once more
                self._file.close()
            raise

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        self._write([plain_cell(value) for value in self._values(row)] for row in rows)

    def _write(self, lines: Iterable[Iterable[object]]) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(lines)
        data = buffer.getvalue().encode()
        self._file.write(data)
        self._file.flush()
        self._hash.update(data)

    def close(self) -> None:
        """Bring the file to the disk and close it."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    @property
    def sha256(self) -> str:
        """Hash of all that was written."""
        return self._hash.hexdigest()
