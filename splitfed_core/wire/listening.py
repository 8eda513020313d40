"""Where a server listens: on a Unix socket, for callers on its own host, or on a free port of loopback."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST_PATH = 103
"""Bytes of a Unix socket's path that every system takes: macOS 103, Linux 107."""

_SHORT_PLACES = (None, "/tmp", "/var/tmp")  # noqa: S108  a folder of one's own is made there; None: as TMPDIR says


@contextmanager
def listening(bind: Callable[[str], int]) -> Iterator[str]:
    """Bind a server to the first place that works; the folder of its socket is removed in the end.

    Args:
        bind: Takes an address as gRPC writes it; returns the port, or 0 or a `RuntimeError` when it cannot be had.

    Yields:
        The address for callers.
    """
    folder = _short_folder()
    try:
        address = f"unix:{folder}/rpc"
        if folder is None or not _bound(bind, address):
            address = f"127.0.0.1:{bind('127.0.0.1:0')}"
        yield address
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _bound(bind: Callable[[str], int], address: str) -> bool:
    try:
        return bool(bind(address))
    except RuntimeError:  # gRPC's way to say that an address cannot be had
        return False


def _short_folder() -> Path | None:
    """Make a folder that only this user can enter, its path short enough for a socket in it; None: nowhere."""
    for place in _SHORT_PLACES:
        try:
            folder = Path(tempfile.mkdtemp(prefix="sfbench-", dir=place))
        except OSError:
            continue
        if len(f"{folder}/rpc".encode()) <= _LONGEST_PATH:
            return folder
        folder.rmdir()
    return None
