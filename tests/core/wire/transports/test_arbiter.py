from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path

import pytest

from splitfed_core.errors import RemoteError
from splitfed_core.timing.links import Link
from splitfed_core.timing.queues import Flow, Message
from splitfed_core.timing.sharing import SharedLinks
from splitfed_core.wire.transports.arbiter import RemoteArbiter, serve_arbiter

SHARED = [Link(uplink_bps=1000, shared_by=2)] * 2


def message(client: int, step: int = 0) -> Message:
    return Message(client, "uplink", "step", 0, step)


def test_it_answers_as_the_arbiter_itself_to_the_bit() -> None:
    here = SharedLinks(SHARED, Link())
    flows = [Flow(message(0), 1 / 3, 1000 / 7, 0.1), Flow(message(1), 0.4, 1e-9, inf)]
    with serve_arbiter(SharedLinks(SHARED, Link())) as address, RemoteArbiter(address) as there:
        assert [there.offer(flow) for flow in flows] == [here.offer(flow) for flow in flows]
        assert there.due(message(0), 0.5) == here.due(message(0), 0.5)


def test_two_callers_share_one_arbiter() -> None:
    with (
        serve_arbiter(SharedLinks(SHARED, Link())) as address,
        RemoteArbiter(address) as client,
        RemoteArbiter(address) as server,
    ):
        assert client.offer(Flow(message(0), 0, 1000, 0)) == 1
        assert client.offer(Flow(message(1), 0.5, 1000, 0)) == 2
        assert server.due(message(0), 1) == 1.5


def test_many_threads_may_ask_at_once() -> None:
    with (
        serve_arbiter(SharedLinks([Link()] * 50, Link())) as address,
        RemoteArbiter(address) as arbiter,
        ThreadPoolExecutor(16) as threads,
    ):
        due = list(threads.map(lambda client: arbiter.offer(Flow(message(client), client, 8, 0)), range(50)))
    assert due == list(range(50))


def test_a_message_that_nobody_offered_is_an_error() -> None:
    with serve_arbiter(SharedLinks(SHARED, Link())) as address, RemoteArbiter(address) as arbiter:
        with pytest.raises(RemoteError, match="was never offered"):
            arbiter.due(message(0), 0)
        assert arbiter.offer(Flow(message(0), 0, 1000, 0)) == 1


def test_an_arbiter_that_has_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="does not answer"):
        RemoteArbiter(str(tmp_path / "rpc"))
    with serve_arbiter(SharedLinks(SHARED, Link())) as address:
        arbiter = RemoteArbiter(address)
    assert not Path(address).parent.exists()
    with arbiter, pytest.raises(RemoteError, match="arbiter of shared links"):
        RemoteArbiter(address)
