"""A message of a wrong shape is refused in one line, and the server trains on.

Called from many threads: a lock that a failed call has left locked is open to the thread that left it.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import RemoteError
from splitfed_core.federation.build_main import build_main_server
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.layers.counters import Counters
from splitfed_core.wire.layers.stack import client_stack, server_gate
from splitfed_core.wire.transports.base import Transport
from splitfed_core.wire.transports.grpc_client import GrpcTransport
from splitfed_core.wire.transports.grpc_server import RpcServer

TOKEN = "of-a-test"
WIDTH = 200  # of the smashed data of `mlp` at dense1
GOOD = np.ones((8, 200), np.float32)  # smashed data of `mlp` at dense1, and what its body gives at dense2
CLASSES = np.arange(8, dtype=np.uint8)
WRONG: tuple[Any, ...] = (
    GOOD.repeat(2, axis=1),
    np.ones((8, 201), np.float32),
    GOOD.reshape(-1),
    GOOD[..., None],
    GOOD[:0],  # no examples
    np.float32(1),
    GOOD.astype(np.float64),
    GOOD.astype(np.int32),
    GOOD.view("V4"),
)
WRONG_LABELS: tuple[Any, ...] = (
    CLASSES[:, None],
    np.uint8(1),
    CLASSES[:7],
    CLASSES.view("V1"),
    CLASSES.astype(np.float32),
    CLASSES + 3,  # up to class 10 of 0 to 9
    CLASSES.astype(np.int8) - 1,
)
USHAPE: dict[str, Any] = {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]}
Serve = Callable[..., list["Caller"]]


class Caller:
    """A client's way to the main server, by what it can ask."""

    def __init__(self, transport: GrpcTransport) -> None:
        self.transport: Transport[Array] = client_stack(transport, Counters())

    def _ask(self, kind: Kind, client: int, *tensors: Array) -> Reply[Array]:
        return self.transport.exchange(Call(kind, Address(client), tensors))

    def step(self, client: int, smashed: Array = GOOD, labels: Array = CLASSES) -> Reply[Array]:
        return self._ask(Kind.TRAIN_STEP, client, smashed, labels)

    def forward(self, client: int, smashed: Array) -> Array:
        return self._ask(Kind.FORWARD_BODY, client, smashed).tensors[0]

    def backward(self, client: int, gradient: Array) -> Array:
        return self._ask(Kind.BACKWARD_BODY, client, gradient).tensors[0]

    def predict(self, client: int, smashed: Array) -> Array:
        return self._ask(Kind.PREDICT, client, smashed).tensors[0]

    def end_round(self, client: int, round: int) -> tuple[float, ...]:
        return self.transport.exchange(Call(Kind.END_ROUND, Address(client, round))).server_update_s


@pytest.fixture
def serve(federations: Any) -> Iterator[Serve]:
    """Serve a cell of two clients; returns eight connections to it."""
    with ExitStack() as stack:

        def start(**parameters: Any) -> list[Caller]:
            config = federations.config(clients=2, **parameters)
            main = build_main_server(federations.key, config, federations.shape, {0: 8, 1: 8}, replicas=2)
            stack.callback(main.close)
            server = stack.enter_context(RpcServer(token=TOKEN, callers=8, main=server_gate(main)))
            calls = [Caller(GrpcTransport(server.address, token=TOKEN, deadline_s=20)) for _ in range(8)]
            for call in calls:
                stack.callback(call.transport.close)
            return calls

        yield start


def refused(field: str, *calls: Callable[[], Any]) -> None:
    """All these calls, at the same time, are refused in our words."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for answer in [pool.submit(call) for call in calls]:
            with pytest.raises(RemoteError, match=rf"INVALID_ARGUMENT: {field}: .*(takes|classes)") as caught:
                answer.result()
            assert not {"Tensor", "tf.", "array"} & set(re.split(r"\b", str(caught.value)))
            assert len(str(caught.value)) < 250


@pytest.mark.parametrize("algorithm", ["sflv2", "sflv1"])
def test_smashed_data_that_does_not_fit_the_cut_is_refused(serve: Serve, algorithm: str) -> None:
    calls = serve(algorithm=algorithm)
    for bad in WRONG:
        steps = [partial(c.step, n % 2, bad) for n, c in enumerate(calls)]
        refused("smashed", *steps, *(partial(c.predict, n % 2, bad) for n, c in enumerate(calls)))
    for client, call in enumerate(calls[:2]):
        assert call.step(client).loss > 0
        assert len(call.end_round(client, 0)) == 1


def test_labels_that_are_no_class_of_each_example_are_refused(serve: Serve) -> None:
    calls = serve()
    for bad in WRONG_LABELS:
        refused("labels", *(partial(c.step, 0, GOOD, bad) for c in calls))
    assert calls[0].step(1).loss > 0


@pytest.mark.parametrize("order", ["arrival", "fixed"])
def test_neither_exchange_of_a_u_shaped_step_takes_what_does_not_fit(serve: Serve, order: str) -> None:
    calls = serve(**USHAPE, order=order)
    for bad in WRONG:
        forwards = [partial(c.forward, n % 2, bad) for n, c in enumerate(calls)]
        refused("smashed", *forwards, *(partial(c.predict, 0, bad) for c in calls))
    with ThreadPoolExecutor(2) as pool:  # in fixed order the second waits for the first, whoever that is
        list(pool.map(lambda client: body_step(calls[client], client), (0, 1)))


def test_a_backward_exchange_without_its_forward_ends_nobodys_turn(serve: Serve) -> None:
    calls = serve(**USHAPE)
    with pytest.raises(RemoteError, match="FAILED_PRECONDITION: client 1 has no forward exchange open"):
        calls[1].backward(1, GOOD)
    body_step(calls[0], 0)


def body_step(call: Caller, client: int) -> None:
    """A step whose first backward exchanges do not fit; the right one still does."""
    assert call.forward(client, GOOD).shape == GOOD.shape
    for bad in (*WRONG, GOOD[1:]):
        refused("gradient", partial(call.backward, client, bad))
    assert call.backward(client, GOOD).shape == GOOD.shape
    assert len(call.end_round(client, 0)) == 1
