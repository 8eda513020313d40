from collections.abc import Iterator

import pytest

from splitfed_core.wire.layers.stack import server_gate
from splitfed_core.wire.transports.grpc_server import RpcServer
from tests.core.wire.transports.services import TOKEN, Doubling, Shelf


@pytest.fixture(scope="module")
def server() -> Iterator[RpcServer]:
    with RpcServer(token=TOKEN, callers=3, main=server_gate(Doubling()), fed=server_gate(Shelf())) as running:
        yield running
