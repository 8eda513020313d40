from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitfed_core.errors import RemoteError
from splitfed_core.wire import messages
from splitfed_core.wire._pb import splitfed_pb2 as pb
from splitfed_core.wire.codecs import RAW, EncodedTensor
from splitfed_core.wire.messages import (
    BodyReply,
    BodyRequest,
    ClientModel,
    ServerStamps,
    StepReply,
    StepRequest,
    Transit,
)

IDS = st.integers(0, 2**32 - 1)
TIMES = st.floats(0, 1e9)
STAMPS = st.builds(ServerStamps, TIMES, TIMES, TIMES, TIMES, TIMES)


@st.composite
def tensors(draw: st.DrawFn) -> EncodedTensor:
    """Arrays of any dtype and shape, scalars and empty ones included."""
    dtype = draw(st.sampled_from(["float32", "uint8", "int64", "float16", "bool"]))
    shape = draw(st.sampled_from([(), (300,), (0, 7)]) | st.tuples(st.integers(0, 40), st.integers(0, 5)))
    return RAW.encode(np.resize(np.arange(128), shape).astype(dtype))


def to_pb(tensor: EncodedTensor) -> pb.Tensor:
    return pb.Tensor(dtype=tensor.dtype, shape=tensor.shape, codec=tensor.codec, data=bytes(tensor.payload))


def stamps_to_pb(stamps: ServerStamps) -> pb.ServerStamps:
    return pb.ServerStamps(**{name: getattr(stamps, name) for name in ServerStamps.__slots__})


def same(parts: Sequence[messages.Part], expected: Any) -> bytes:
    """Check hand-written bytes against the same message of protobuf, which may order fields as it likes."""
    data = b"".join(parts)
    assert type(expected).FromString(data) == expected
    assert len(data) == messages.size(parts) == expected.ByteSize()
    return data


def alike(ours: EncodedTensor, theirs: EncodedTensor) -> bool:
    return (ours.dtype, ours.shape, ours.codec, bytes(ours.payload)) == (
        theirs.dtype,
        theirs.shape,
        theirs.codec,
        bytes(theirs.payload),
    )


@given(IDS, IDS, IDS, tensors(), tensors())
def test_step_requests_are_what_protobuf_writes(
    client: int, round: int, step: int, smashed: EncodedTensor, labels: EncodedTensor
) -> None:
    expected = pb.StepRequest(client_id=client, round=round, step=step, labels=to_pb(labels), smashed=to_pb(smashed))
    back = messages.read_step_request(
        same(messages.step_request_parts(StepRequest(client, round, step, smashed, labels)), expected)
    )
    assert (back.client_id, back.round, back.step) == (client, round, step)
    assert alike(back.smashed, smashed)
    assert alike(back.labels, labels)


@given(tensors(), st.floats(allow_nan=False), IDS, STAMPS)
def test_step_replies_are_what_protobuf_writes(
    gradient: EncodedTensor, loss: float, correct: int, stamps: ServerStamps
) -> None:
    expected = pb.StepReply(loss=loss, correct=correct, stamps=stamps_to_pb(stamps), gradient=to_pb(gradient))
    transit = Transit(1.0, 2.0, 3, 4)
    data = same(messages.step_reply_parts(StepReply(gradient, loss, correct, stamps)), expected)
    back = messages.read_step_reply(data, transit)
    assert (back.loss, back.correct, back.stamps, back.transit) == (loss, correct, stamps, transit)
    assert alike(back.gradient, gradient)


@given(IDS, IDS, IDS, tensors(), STAMPS)
def test_u_shaped_exchanges_are_what_protobuf_writes(
    client: int, round: int, step: int, tensor: EncodedTensor, stamps: ServerStamps
) -> None:
    request = pb.BodyRequest(client_id=client, round=round, step=step, tensor=to_pb(tensor))
    reply = pb.BodyReply(stamps=stamps_to_pb(stamps), tensor=to_pb(tensor))
    asked = messages.read_body_request(
        same(messages.body_request_parts(BodyRequest(client, round, step, tensor)), request)
    )
    told = messages.read_body_reply(
        same(messages.body_reply_parts(BodyReply(tensor, stamps)), reply), Transit(0, 0, 0, 0)
    )
    assert (asked.client_id, asked.round, asked.step, told.stamps) == (client, round, step, stamps)
    assert alike(asked.tensor, tensor)
    assert alike(told.tensor, tensor)


@given(IDS, IDS, st.integers(0, 2**64 - 1), st.lists(tensors(), max_size=4))
def test_models_are_what_protobuf_writes(client: int, round: int, examples: int, weights: list[EncodedTensor]) -> None:
    model = ClientModel(client, round, examples, tuple(weights))
    pushed = pb.ClientModel(client_id=client, round=round, examples=examples, weights=map(to_pb, weights))
    back = messages.read_client_model(same(messages.client_model_parts(model), pushed))
    assert (back.client_id, back.round, back.examples) == (client, round, examples)
    got = messages.read_aggregate(same(messages.aggregate_parts(weights), pb.Aggregate(weights=map(to_pb, weights))))
    assert all(alike(*pair) for read in (back.weights, got) for pair in zip(read, weights, strict=True))


@given(IDS, tensors())
def test_predictions_are_what_protobuf_writes(client: int, tensor: EncodedTensor) -> None:
    request = pb.PredictRequest(client_id=client, smashed=to_pb(tensor))
    who, smashed = messages.read_predict_request(same(messages.predict_request_parts(client, tensor), request))
    logits = messages.read_predict_reply(
        same(messages.predict_reply_parts(tensor), pb.PredictReply(logits=to_pb(tensor)))
    )
    assert who == client
    assert alike(smashed, tensor)
    assert alike(logits, tensor)


@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_lengths_grow_by_a_byte_where_protobuf_says(size: int) -> None:
    tensor = RAW.encode(np.ones(size, np.uint8))
    same(messages.predict_reply_parts(tensor), pb.PredictReply(logits=to_pb(tensor)))


def test_payloads_are_not_copied_before_the_join() -> None:
    array = np.zeros(1000, np.float32)
    payload = messages.predict_reply_parts(RAW.encode(array))[-1]
    assert np.shares_memory(np.frombuffer(payload, np.float32), array)


def test_payloads_are_not_copied_when_read() -> None:
    data = b"".join(messages.predict_reply_parts(RAW.encode(np.arange(1000, dtype=np.float32))))
    array = RAW.decode(messages.read_predict_reply(data))
    assert np.shares_memory(array, np.frombuffer(data, np.uint8))
    assert array.tolist() == list(range(1000))


@given(IDS, IDS, IDS, tensors(), tensors())
def test_fields_are_found_in_whatever_order_a_writer_puts_them(
    client: int, round: int, step: int, smashed: EncodedTensor, labels: EncodedTensor
) -> None:
    parts = [
        pb.StepRequest(smashed=to_pb(smashed)),
        pb.StepRequest(step=step, labels=to_pb(labels)),
        pb.StepRequest(round=round),
        pb.StepRequest(client_id=client),
    ]
    back = messages.read_step_request(b"".join(part.SerializeToString() for part in parts))
    assert (back.client_id, back.round, back.step) == (client, round, step)
    assert alike(back.smashed, smashed)
    assert alike(back.labels, labels)


@given(st.data(), tensors(), tensors())
def test_a_message_that_is_cut_off_is_refused(
    data: st.DataObject, smashed: EncodedTensor, labels: EncodedTensor
) -> None:
    whole = b"".join(messages.step_request_parts(StepRequest(1, 2, 3, smashed, labels)))
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(RemoteError, match="same version"):
        messages.read_step_request(whole[:end])


@pytest.mark.parametrize("data", [b"\xff" * 11, b"\x0b", b"\x0d\x01", b"\x09\x01"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError, match="cut off or none"):
        messages.read_aggregate(data)
