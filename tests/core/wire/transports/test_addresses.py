"""Where a server listens: a socket in a folder of its own, or a port of loopback."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.transports.addresses import listening
from splitfed_core.wire.transports.grpc_client import GrpcTransport
from splitfed_core.wire.transports.grpc_server import RpcServer
from tests.core.wire.transports.services import (
    END,
    TOKEN,
    Doubling,
)


@pytest.fixture
def on_ports() -> Iterator[tuple[RpcServer, RpcServer]]:
    """Two servers that may have no socket."""
    one, other = (RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling()), places=()) for _ in range(2))
    with one, other:
        yield one, other


def test_servers_take_free_ports_of_loopback_only(on_ports: tuple[RpcServer, RpcServer]) -> None:
    (host, port), (_, other_port) = (server.address.split(":") for server in on_ports)
    assert (host, port != other_port) == ("127.0.0.1", True)
    socket.create_connection((host, int(port)), timeout=1).close()
    with pytest.raises(OSError, match=r"refused|assign"):  # a server on all interfaces would answer there too
        socket.create_connection(("127.0.0.2", int(port)), timeout=1)
    main = GrpcTransport(on_ports[0].address, token=TOKEN, deadline_s=10.0)
    assert main.exchange(END).server_update_s == (3.5, 4.25)
    main.close()


def test_a_port_that_is_taken_is_not_shared(on_ports: tuple[RpcServer, RpcServer]) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", int(on_ports[0].address.split(":")[1])))


def test_a_server_listens_in_a_folder_of_its_own_that_goes_with_it() -> None:
    with RpcServer(token=TOKEN, callers=1, main=server_gate(Doubling())) as server:
        folder = Path(server.address.removeprefix("unix:")).parent
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_a_path_too_long_for_a_socket_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with listening(lambda _: 7) as address:
        assert address.startswith("unix:/")
        assert str(deep) not in address
    with listening(lambda _: 7, places=[None]) as address:
        assert address == "127.0.0.1:7"
    assert list(deep.iterdir()) == []


def test_where_a_socket_cannot_be_had_a_port_is_taken() -> None:
    def bind(address: str) -> int:
        if address.startswith("unix:"):
            raise RuntimeError("Failed to bind")
        return 4711

    with listening(bind) as address:
        assert address == "127.0.0.1:4711"
