"""Where a server listens.

For callers on its own host that is a Unix socket, or where there can be none a free port of loopback. For callers on
other hosts it is a free port of an address that they can reach, with mutual TLS and in no other way.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from splitfed_core.errors import ConfigError
from splitfed_core.wire.security.tls import Certificate

_LONGEST_PATH = 103
"""Bytes of a Unix socket's path that every system takes: macOS 103, Linux 107."""

Places = Sequence[str | None]

SHORT_PLACES: Places = (None, "/tmp", "/var/tmp")  # noqa: S108  a folder of one's own is made there
"""Where a socket may be, the first place first; None: as TMPDIR says."""


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """An address of this host that others can reach, and what a server shows there.

    Attributes:
        host: The IP address; never all interfaces.
        certificate: Made for that address.
    """

    host: str
    certificate: Certificate


@contextmanager
def listening_at(server: grpc.Server, exposed: PublicAddress | None, places: Places = SHORT_PLACES) -> Iterator[str]:
    """Give a server its place; yields the address for callers.

    Raises:
        ConfigError: The host has no such address.
    """
    if exposed is None:
        with listening(server.add_insecure_port, places) as address:
            yield address
        return
    host = f"[{exposed.host}]" if ":" in exposed.host else exposed.host
    try:
        port = server.add_secure_port(f"{host}:0", exposed.certificate.for_server())
    except RuntimeError:
        raise ConfigError(
            f"cannot listen on {exposed.host}: the address that Ray knows a node by must be one of the node's own; "
            "give it with ray start --node-ip-address"
        ) from None
    yield f"{host}:{port}"


@contextmanager
def listening(bind: Callable[[str], int], places: Places = SHORT_PLACES) -> Iterator[str]:
    """Bind a server to the first place that works; the folder of its socket is removed in the end.

    Args:
        bind: Takes an address as gRPC writes it; returns the port, or 0 or a `RuntimeError` when it cannot be had.
        places: Folders that may hold its socket; without any, or where their paths are too long, it has a port.

    Yields:
        The address for callers.
    """
    with private_folder(places) as folder:
        address = f"unix:{folder}/rpc"
        if folder is None or not _bound(bind, address):
            address = f"127.0.0.1:{bind('127.0.0.1:0')}"
        yield address


@contextmanager
def private_folder(places: Places = SHORT_PLACES) -> Iterator[Path | None]:
    """Make a folder that only this user can enter, and remove it in the end; None where no path is short enough."""
    folder = _short_folder(places)
    try:
        yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _bound(bind: Callable[[str], int], address: str) -> bool:
    try:
        return bool(bind(address))
    except RuntimeError:  # gRPC's way to say that an address cannot be had
        return False


def _short_folder(places: Places) -> Path | None:
    """Make a folder that only this user can enter, its path short enough for a socket in it; None: nowhere."""
    for place in places:
        try:
            folder = Path(tempfile.mkdtemp(prefix="sfbench-", dir=place))
        except OSError:
            continue
        if len(f"{folder}/rpc".encode()) <= _LONGEST_PATH:
            return folder
        folder.rmdir()
    return None
