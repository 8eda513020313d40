"""Writing files so that a crash leaves either the old one or the new one."""

import json
import os
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Replace a file: beside it first, to the disk, then under its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:  # an interrupt, too, must not leave the half-written file behind
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_json(path: Path, document: object, *, indent: int | None = 2) -> None:
    """Replace a file of JSON."""
    write_atomic(path, (json.dumps(document, indent=indent, ensure_ascii=False) + "\n").encode())


def _sync_folder(folder: Path) -> None:
    """Bring the rename itself to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
