"""What crosses a cut, by hand: masks of gradients, changes of examples, and what is drawn."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from splitfed_core.arrays import Array
from splitfed_core.errors import CellError, RemoteError
from splitfed_core.wire.call import Address, Call, Kind, Reply
from splitfed_core.wire.codecs import make_codec
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.layers.codec import CodecGate, CodecLayer
from splitfed_core.wire.layers.cut_coder import CutCodecs, CutCoder
from splitfed_core.wire.transports.in_process import InProcessTransport

LABELS = np.array([0, 1], np.uint8)
SMASHED = np.array([[1, -9, 2, 0], [5, 0, 0, -4]], np.float32)


class Server:
    """Remembers what it was given; its gradient is 1, 2, 3, … . It can fail, and its reply can be lost."""

    kinds = frozenset({Kind.TRAIN_STEP, Kind.FORWARD_BODY, Kind.BACKWARD_BODY, Kind.PREDICT})

    def __init__(self) -> None:
        self.seen: list[Array] = []
        self.fails = False

    def handle(self, call: Call[Array]) -> Reply[Array]:
        if self.fails:
            raise CellError("it fails")
        self.seen.append(np.array(call.tensors[0]))
        size = call.tensors[0].size
        return Reply((np.arange(1, size + 1, dtype=np.float32).reshape(call.tensors[0].shape),))


class Wire:
    """Both sides, and the tensors between them; `loses` drops the next reply."""

    def __init__(self, **codecs: Any) -> None:
        self.server, self.loses = Server(), False
        made = CutCodecs(**codecs)
        self.inner = InProcessTransport(CodecGate(self.server, CutCoder(made)))
        self.sent: list[tuple[EncodedTensor, ...]] = []
        self.received: list[tuple[EncodedTensor, ...]] = []
        self.client = CodecLayer(self, CutCoder(made))

    def exchange(self, call: Call[EncodedTensor]) -> Reply[EncodedTensor]:
        self.sent.append(call.tensors)
        reply = self.inner.exchange(call)
        self.received.append(reply.tensors)
        if self.loses:
            self.loses = False
            raise CellError("the reply is lost")
        return reply

    def close(self) -> None:
        pass

    def step(self, smashed: Array, *ids: int, client: int = 0, step: int = 0) -> Array:
        call = Call(Kind.TRAIN_STEP, Address(client, 0, step), (smashed, LABELS[: len(smashed)]))
        (gradient,) = self.client.exchange(replace(call, example_ids=np.array(ids))).tensors
        return gradient

    def ushape(self, smashed: Array, *ids: int) -> tuple[Array, Array]:
        forward = Call(Kind.FORWARD_BODY, Address(0), (smashed,), example_ids=np.array(ids))
        (output,) = self.client.exchange(forward).tensors
        (gradient,) = self.client.exchange(Call(Kind.BACKWARD_BODY, Address(0), (10 * np.ones_like(output),))).tensors
        return output, gradient


TOPK = make_codec({"name": "topk", "share": 0.5})


@pytest.mark.parametrize("then", [{}, {"then": "zstd"}, {"then": "lz4"}])
def test_the_gradient_of_top_k_is_that_of_the_kept_values_and_zero_elsewhere(then: dict[str, str]) -> None:
    wire = Wire(forward=make_codec({"name": "topk", "share": 0.5} | then))
    gradient = wire.step(SMASHED)
    assert wire.server.seen[0].tolist() == [[0, -9, 2, 0], [5, 0, 0, -4]]  # two of four each
    assert gradient.tolist() == [[0, 2, 3, 0], [5, 0, 0, 8]]
    (tensor,) = wire.received[0]
    assert (tensor.shape, tensor.num_bytes) == ((2, 2), 16)  # values without places


def test_a_kept_zero_gets_its_gradient() -> None:
    wire = Wire(forward=TOPK)
    gradient = wire.step(np.array([[3, 0, 0, 0]], np.float32))
    assert gradient.tolist() == [[1, 2, 0, 0]]  # the first of equal ones is kept


def test_the_gradients_codec_gets_the_kept_values_only() -> None:
    wire = Wire(forward=TOPK, backward=make_codec("int8"))
    gradient = wire.step(SMASHED)
    assert gradient.reshape(-1)[[0, 3, 5, 6]].tolist() == [0, 0, 0, 0]
    assert gradient.reshape(-1)[[1, 2, 4, 7]] == pytest.approx([2, 3, 5, 8], abs=(8 - 2) / 255 / 2 + 1e-5)
    assert wire.received[0][0].num_bytes == 8 + 4


def test_a_u_shape_has_two_masks_and_each_gradient_its_own() -> None:
    wire = Wire(forward=TOPK)
    output, gradient = wire.ushape(SMASHED)
    assert output.tolist() == [[0, 0, 3, 4], [0, 0, 7, 8]]
    assert wire.server.seen[1].tolist() == [[0, 0, 10, 10], [0, 0, 10, 10]]  # of the output, by its mask
    assert gradient.tolist() == [[0, 2, 3, 0], [5, 0, 0, 8]]  # of the smashed data, by that one's


def test_masks_of_clients_are_kept_apart() -> None:
    wire = Wire(forward=TOPK)
    wire.client.exchange(Call(Kind.FORWARD_BODY, Address(0), (SMASHED,)))
    wire.client.exchange(Call(Kind.FORWARD_BODY, Address(1), (SMASHED[::-1],)))
    backward = Call(Kind.BACKWARD_BODY, Address(0), (np.ones((2, 4), np.float32),))
    (gradient,) = wire.client.exchange(backward).tensors
    assert gradient.tolist() == [[0, 2, 3, 0], [5, 0, 0, 8]]


def test_a_gradient_of_nothing_is_refused() -> None:
    with pytest.raises(RemoteError, match="client 0 has sent no output that this could be the gradient of"):
        Wire(forward=TOPK).client.exchange(Call(Kind.BACKWARD_BODY, Address(0), (SMASHED,)))


def test_what_an_evaluation_gets_back_crosses_no_cut_unless_there_are_two() -> None:
    predict: Call[Array] = Call(Kind.PREDICT, Address(0), (SMASHED,))
    one, two = Wire(forward=TOPK), Wire(forward=TOPK, evaluates_outputs=True)
    assert one.client.exchange(predict).tensors[0].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert two.client.exchange(predict).tensors[0].tolist() == [[0, 0, 3, 4], [0, 0, 7, 8]]
    assert one.server.seen[0].tolist() == [[0, -9, 2, 0], [5, 0, 0, -4]]  # what is evaluated is what is deployed


@pytest.mark.parametrize("codec", [{"name": "int4", "rounding": "stochastic"}, {"name": "randtopk", "share": 0.1}])
def test_what_is_drawn_is_the_same_at_each_attempt_and_another_in_each_step(codec: dict[str, Any]) -> None:
    smashed = np.random.default_rng(0).normal(size=(2, 400)).astype(np.float32)
    payloads = []
    for seed, step in ((1, 0), (1, 0), (1, 1), (2, 0)):
        wire = Wire(forward=make_codec(codec), seed=seed)
        wire.step(smashed, step=step)
        payloads.append(bytes(wire.sent[0][0].payload))
    assert payloads[0] == payloads[1]
    assert len(set(payloads)) == 3


def delta(bits: int = 8, examples: int = 9) -> Wire:
    return Wire(forward=make_codec({"name": "delta", "bits": bits}), remembers=True, examples={0: examples, 1: 2})


def rows(*values: float) -> Array:
    return np.array([[value, 2 * value, -value] for value in values], np.float32)


def test_first_visits_travel_raw_and_then_the_change_since_the_last_one() -> None:
    wire = delta()
    wire.step(rows(1, 2), 4, 7)
    assert wire.server.seen[0].tolist() == rows(1, 2).tolist()
    payload = bytes(wire.sent[0][0].payload)
    assert payload == np.array([0, 4, 7], "<u4").tobytes() + rows(1, 2).tobytes()
    wire.step(rows(3, 1.5), 5, 4)  # the first is new, the second changes by 0.5
    change = make_codec({"name": "delta", "bits": 8}).encode(rows(0.5))
    payload = bytes(wire.sent[1][0].payload)
    assert payload == np.array([1, 5, 4], "<u4").tobytes() + rows(3).tobytes() + bytes(change.payload)
    assert wire.server.seen[1][0].tolist() == rows(3)[0].tolist()
    assert wire.server.seen[1][1] == pytest.approx(rows(1.5)[0], abs=1.5 / 255)


def test_both_sides_add_to_what_was_decoded_not_to_what_was_meant() -> None:
    wire = delta(bits=2)
    values = np.random.default_rng(3).normal(size=(6, 1, 16)).astype(np.float32)
    for value in values:
        wire.step(value, 0)
    memories = [coder._memories[0] for coder in (wire.client._coder, wire.inner._service._coder)]  # type: ignore[attr-defined,union-attr]
    client, server = (memory.tensors["smashed"] for memory in memories)
    assert memories[0].version == 6
    assert memories[1].version == 5  # it knows of the last one when the next call comes
    server.commit()
    assert client.values.tobytes() == server.values.tobytes()
    assert client.values[0].tolist() == wire.server.seen[-1][0].tolist()


@pytest.mark.parametrize("again", [(4, 7), (2, 4)])
def test_a_lost_reply_parts_no_memory(again: tuple[int, int]) -> None:
    wire, plain = delta(), delta()
    for each in (wire, plain):
        each.step(rows(1, 2), 4, 7)
    wire.loses = True
    with pytest.raises(CellError, match="the reply is lost"):
        wire.step(rows(8, 9), 4, 7)
    for each in (wire, plain):  # the same batch again, or another one
        each.step(rows(5, 6), *again)
        each.step(rows(1, 3), 7, 4)
    assert [x.tolist() for x in wire.server.seen[2:]] == [x.tolist() for x in plain.server.seen[1:]]
    assert wire.sent[-1][0].payload == plain.sent[-1][0].payload


def test_a_call_that_the_server_refused_parts_no_memory() -> None:
    wire = delta()
    wire.step(rows(1), 4)
    wire.server.fails = True
    with pytest.raises(CellError, match="it fails"):
        wire.step(rows(8), 4)
    wire.server.fails = False
    wire.step(rows(1), 4)
    assert wire.server.seen[-1][0] == pytest.approx(rows(1)[0], abs=1e-6)  # a change of nothing to version 1


def test_each_client_has_a_memory_of_its_own() -> None:
    wire = delta()
    wire.step(rows(1), 0, client=0)
    wire.step(rows(2), 0, client=1)
    assert wire.sent[0][0].num_bytes == wire.sent[1][0].num_bytes == 8 + 12  # both are first visits


def test_a_u_shapes_output_has_a_memory_too() -> None:
    wire = delta()
    for _ in range(2):
        output, _gradient = wire.ushape(rows(1), 3)
    assert output == pytest.approx(np.array([[1, 2, 3]], np.float32))
    assert [tensors[0].num_bytes for tensors in wire.received[::2]] == [12, 8 + 3]
    assert [tensors[0].num_bytes for tensors in wire.sent[::2]] == [8 + 12, 8 + 8 + 3]


def test_an_evaluation_is_of_no_examples_of_the_client() -> None:
    wire = delta()
    wire.client.exchange(Call(Kind.PREDICT, Address(0), (rows(1),)))
    assert wire.sent[0][0].codec == "raw"


HEADER = np.array([0, 0], "<u4").tobytes()


@pytest.mark.parametrize(
    ("payload", "shape", "says"),
    [
        (HEADER[:7], (1, 3), "7 bytes are too few for the numbers of 1 examples"),
        (HEADER, (1, 3), "float32\\[1, 3\\] came as 0 bytes"),
        (HEADER + bytes(13), (1, 3), "13 bytes came for rows of 12"),
        (np.array([0, 9], "<u4").tobytes() + bytes(12), (1, 3), "not 1 different examples of the client's 9"),
        (np.array([0, 1, 1], "<u4").tobytes() + bytes(24), (2, 3), "not 2 different examples"),
        (np.array([5, 0], "<u4").tobytes() + bytes(12), (1, 3), "version 5 of the memory, but this side has version 0"),
        (HEADER + bytes(12), (1, 2**40), "would take 4398046511104 bytes; this cell's tensors take 1000 at most"),
        (HEADER + bytes(160), (1, 40), "are not rows of 1 examples of at most 100 bytes each"),
        (b"", (), "0 bytes are too few"),
    ],
)
def test_bytes_that_no_client_sends_are_refused(payload: bytes, shape: tuple[int, ...], says: str) -> None:
    from splitfed_core.wire.codecs.base import Limit

    codecs = CutCodecs(forward=make_codec("delta"), remembers=True, examples={0: 9}, limit=Limit(1000), most_bytes=100)
    gate = CodecGate(Server(), CutCoder(codecs))
    tensor = EncodedTensor("float32", shape, "delta", payload)
    labels = make_codec("raw").encode(LABELS[:1])
    with pytest.raises(RemoteError, match=f"smashed: .*{says}"):
        gate.handle(Call(Kind.TRAIN_STEP, Address(0), (tensor, labels)))
    with pytest.raises(RemoteError, match="client 7 has no examples in this cell"):
        gate.handle(Call(Kind.TRAIN_STEP, Address(7), (tensor, labels)))
