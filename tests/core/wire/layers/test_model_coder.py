"""Models to and from the fed server, by hand: changes from a common start, what is fed back, who sat a round out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError, RemoteError
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.codecs import make_codec
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RawCodec
from splitfed_core.wire.layers.codec import CodecGate, CodecLayer
from splitfed_core.wire.layers.model_coder import AggregateCoder, EncodedOnce, ModelCodecs, ModelCoder
from splitfed_core.wire.transports.in_process import InProcessTransport

TOP = {"name": "topk", "share": 0.25}


def weights(*values: float) -> tuple[Array, ...]:
    return (np.array(values, np.float32).reshape(2, 2), np.array([7], np.int32))


START = weights(1, 1, 1, 1)


class Shelf:
    """Takes models, and hands out whatever is put there."""

    kinds = frozenset({Kind.PUSH_MODEL, Kind.GET_AGGREGATE})

    def __init__(self) -> None:
        self.pushed: list[list[Any]] = []
        self.aggregate: tuple[Array, ...] = START

    def handle(self, call: Call[Array]) -> Reply[Array]:
        if call.kind is Kind.PUSH_MODEL:
            self.pushed.append([array.tolist() for array in call.tensors])
            return Reply()
        return Reply(self.aggregate)


class Wire:
    """A process of clients and the fed server."""

    def __init__(self, codec: Any, *, feedback: bool = False) -> None:
        self.shelf, self.loses = Shelf(), False
        codecs = ModelCodecs(make_codec(codec), START, feedback, seed=3)
        self.inner = InProcessTransport(CodecGate(self.shelf, AggregateCoder(codecs)))
        self.client, self.other = (CodecLayer(self, ModelCoder(codecs)) for _ in range(2))  # two processes
        self.sent: list[tuple[EncodedTensor, ...]] = []

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        reply = self.inner.exchange(call)
        self.sent += [tensors for tensors in (call.tensors, reply.tensors) if tensors]
        if self.loses:
            self.loses = False
            raise CellError("the reply is lost")
        return reply

    def close(self) -> None:
        pass

    def push(self, round: int, *values: float, client: int = 0) -> list[Any]:
        self.client.exchange(Call(Kind.PUSH_MODEL, Address(client, round), weights(*values)))
        pushed: list[Any] = self.shelf.pushed[-1][0]
        return pushed

    def pull(self, round: int, aggregate: Sequence[Array] | None = None, client: int = 0) -> list[Any]:
        if aggregate is not None:
            self.shelf.aggregate = tuple(aggregate)
        process = self.other if client else self.client
        reply = process.exchange(Call(Kind.GET_AGGREGATE, Address(client, round)))
        pulled: list[Any] = reply.tensors[0].tolist()
        return pulled


def test_a_push_is_the_change_from_the_common_start() -> None:
    wire = Wire(TOP)  # one of four elements of the whole tensor
    assert wire.push(0, 1, 5, 2, 0) == [[1, 5], [1, 1]]
    floats, integers = wire.sent[0]
    assert (floats.codec, floats.shape, integers.codec) == ("topk", (1, 2, 2), "raw")
    assert wire.shelf.pushed[0][1] == [7]


def test_an_aggregate_is_the_change_from_the_start_before_and_the_next_start() -> None:
    wire = Wire(TOP)
    wire.push(0, 1, 5, 2, 0)
    assert wire.pull(0, weights(1, 3, 2, 0)) == [[1, 3], [1, 1]]
    assert wire.push(1, 1, 3, 1, 5) == [[1, 3], [1, 5]]  # from there


def test_what_is_lost_is_added_to_the_next_change_with_feedback_alone() -> None:
    plain, feeding = Wire(TOP), Wire(TOP, feedback=True)
    for wire in (plain, feeding):
        wire.push(0, 1, 5, 3, 1)  # a change of 4 and, lost, of 2
        wire.pull(0, START)
    assert plain.push(1, 1, 1, 2, 1) == [[1, 1], [2, 1]]
    assert feeding.push(1, 1, 1, 2, 1) == [[1, 1], [4, 1]]  # 1 and the 2 of before


def test_the_fed_server_feeds_back_too() -> None:
    wire = Wire(TOP, feedback=True)
    wire.push(0, 1, 1, 1, 1)
    assert wire.pull(0, weights(1, 4, 3, 1)) == [[1, 4], [1, 1]]
    wire.push(1, 1, 1, 1, 1)
    assert wire.pull(1, weights(1, 4, 1, 1)) == [[1, 4], [3, 1]]  # the 2 that were lost


def test_who_sat_the_last_round_out_gets_the_start_as_it_is_and_it_is_the_same() -> None:
    wire = Wire("int4")
    wire.push(0, 1, 5, 2, 0, client=0)
    changed = wire.pull(0, weights(1, 3.1, 2, 0), client=0)
    whole = wire.pull(0, client=1)
    assert [tensors[0].codec for tensors in wire.sent[1:]] == ["int4", "raw"]
    assert whole == changed
    assert changed != weights(1, 3.1, 2, 0)[0].tolist()


def test_a_lost_reply_changes_nothing() -> None:
    wire, plain = Wire("int2", feedback=True), Wire("int2", feedback=True)
    for each in (wire, plain):
        each.push(0, 1, 5, 2, 0)
        each.pull(0, weights(1, 3, 2, 0))
    aggregate = weights(1, 7, 3, 0)
    exchanges: list[Callable[[Wire], list[Any]]] = [
        lambda each: each.push(1, 2, 9, 2, 1),
        lambda each: each.pull(1, aggregate),
    ]
    for exchange in exchanges:
        wire.loses = True
        with pytest.raises(CellError, match="the reply is lost"):
            exchange(wire)
        assert exchange(wire) == exchange(plain)
    assert wire.push(2, 0, 0, 0, 0) == plain.push(2, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ((), "a model of 0 tensors came, where 2 are trained"),
        ((np.zeros((1, 3), np.float32), START[1]), "float32\\[1, 3\\] is no change of float32\\[2, 2\\]"),
        ((np.zeros((1, 2, 2)), START[1]), "float64\\[1, 2, 2\\] is no change of float32\\[2, 2\\]"),
        ((START[0].reshape(1, 2, 2), START[1].astype(np.int64)), "int64\\[1\\] is not int32\\[1\\]"),
    ],
)
def test_a_model_of_another_cell_is_refused(tensors: tuple[Array, ...], says: str) -> None:
    wire, codec = Wire("int8"), make_codec("int8")
    call = Call(Kind.PUSH_MODEL, Address(0, 0), tuple(map(codec.encode, tensors)))
    with pytest.raises(RemoteError, match=f"weights: .*{says}"):
        wire.inner.exchange(call)


def test_an_aggregate_is_encoded_once_for_all_who_ask() -> None:
    counted = []

    class Counting(RawCodec):
        def encode(self, array: Array, rng: np.random.Generator | None = None) -> EncodedTensor:
            counted.append(array)
            return super().encode(array, rng)

    shelf = Shelf()
    for coder in (EncodedOnce(Counting()), AggregateCoder(ModelCodecs(Counting(), START))):
        counted.clear()
        gate = CodecGate(shelf, coder)
        for client in range(3):
            gate.handle(Call(Kind.GET_AGGREGATE, Address(client, 0)))
        assert len(counted) == {EncodedOnce: 2, AggregateCoder: 1}[type(coder)]  # integers are never the codec's
        shelf.aggregate = weights(1, 2, 3, 4)
        before = len(counted)
        gate.handle(Call(Kind.GET_AGGREGATE, Address(0, 1)))
        assert len(counted) == 2 * before
