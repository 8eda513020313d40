"""A main server that doubles what it gets, a fed server that keeps it, and calls for both."""

import threading
from collections.abc import Sequence
from time import perf_counter

import numpy as np

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError
from splitfed_core.roles.fed_server import ModelServer
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW

TOKEN = "the-token-of-this-run"
SMASHED = RAW.encode(np.arange(6, dtype=np.float32).reshape(2, 3))
LABELS = RAW.encode(np.array([1, 0], np.uint8))
LONG = """Graph execution error:

Detected at node assert (most recent call last):
  File "somewhere.py", line 3, in step

the batch is too large
\t [[{{node assert}}]] [Op:step]"""
STEP = Call(Kind.TRAIN_STEP, Address(7, 2, 5), (SMASHED, LABELS))
END: Call[EncodedTensor] = Call(Kind.END_ROUND, Address(3, 4))
GET: Call[EncodedTensor] = Call(Kind.GET_AGGREGATE, Address(1))
PREDICT, PUSH = Call(Kind.PREDICT, Address(10), (SMASHED,)), Call(Kind.PUSH_MODEL, Address(1), (SMASHED, LABELS), 17)


class Doubling:
    """A main server that answers every tensor with twice its values; fails, or waits, where a test asks for it."""

    kinds = frozenset(Kind) - {Kind.PUSH_MODEL, Kind.GET_AGGREGATE}
    awaited = threading.Event()

    def handle(self, call: Call[Array]) -> Reply[Array]:
        client, round, step = call.address
        stamps = ServerStamps(decoded=perf_counter(), started=perf_counter(), computed=perf_counter())
        match call.kind:
            case Kind.TRAIN_STEP:
                return self.step(step, call)
            case Kind.BACKWARD_BODY:
                return Reply((-call.tensors[0],), stamps=stamps)
            case Kind.END_ROUND:
                return Reply(server_update_s=(client + 0.5, round + 0.25))
            case Kind.PREDICT:
                return Reply((call.tensors[0] + client,))
        return Reply((2 * call.tensors[0],), stamps=stamps)

    def step(self, step: int, call: Call[Array]) -> Reply[Array]:
        decoded = perf_counter()
        if step == 99:
            raise CellError("the cell has 50 steps; step 99 is not one of them")
        if step == 97:
            raise ArithmeticError(LONG)
        if step == 98:
            self.awaited.wait(60)
        smashed, labels = call.tensors
        loss = float(labels.sum() + 100 * call.address.client_id + 10 * call.address.round + step)
        stamps = ServerStamps(decoded=decoded, started=perf_counter(), computed=perf_counter())
        return Reply((2 * smashed,), loss, len(labels), stamps=stamps)


class Shelf(ModelServer):
    """Hands out the last model pushed."""

    def push(self, call: Call[Array]) -> None:
        self.model = call.tensors

    def get_aggregate(self, client_id: int, round: int) -> Sequence[Array]:
        return self.model
