from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitfed_core.errors import RemoteError
from splitfed_core.wire import messages
from splitfed_core.wire._pb.splitfed.v1 import splitfed_pb2 as pb
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW
from splitfed_core.wire.messages import (
    Aggregate,
    BodyReply,
    BodyRequest,
    ClientModel,
    ServerStamps,
    StepReply,
    StepRequest,
    Transit,
)

IDS = st.sampled_from([0, 1, 127, 128, 200, 70_000, 2**32 - 1]) | st.integers(0, 2**32 - 1)
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("-inf"), 5e-324]) | st.floats()
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
    return pb.ServerStamps(**{f"{name}_s": getattr(stamps, name) for name in ServerStamps.__slots__})


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
    expected = pb.TrainStepRequest(
        client_id=client, round=round, step=step, labels=to_pb(labels), smashed=[to_pb(smashed)]
    )
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
    expected = pb.TrainStepResponse(loss=loss, correct=correct, stamps=stamps_to_pb(stamps), gradient=[to_pb(gradient)])
    transit = Transit(1.0, 2.0, 3, 4)
    data = same(messages.step_reply_parts(StepReply(gradient, loss, correct, stamps)), expected)
    back = messages.read_step_reply(data, transit)
    assert (back.loss, back.correct, back.stamps, back.transit) == (loss, correct, stamps, transit)
    assert alike(back.gradient, gradient)


@given(IDS, IDS, IDS, tensors(), STAMPS)
def test_u_shaped_exchanges_are_what_protobuf_writes(
    client: int, round: int, step: int, tensor: EncodedTensor, stamps: ServerStamps
) -> None:
    request = pb.ForwardBodyRequest(client_id=client, round=round, step=step, smashed=[to_pb(tensor)])
    reply = pb.ForwardBodyResponse(stamps=stamps_to_pb(stamps), output=[to_pb(tensor)])
    asked = messages.read_body_request(
        same(messages.body_request_parts(BodyRequest(client, round, step, tensor)), request)
    )
    told = messages.read_body_reply(
        same(messages.body_reply_parts(BodyReply(tensor, stamps)), reply), Transit(0, 0, 0, 0)
    )
    assert (asked.client_id, asked.round, asked.step, told.stamps) == (client, round, step, stamps)
    assert alike(asked.tensor, tensor)
    assert alike(told.tensor, tensor)


@given(IDS, IDS, st.integers(0, 2**64 - 1), st.lists(tensors(), max_size=4), st.floats(0, 1e9))
def test_models_are_what_protobuf_writes(
    client: int, round: int, examples: int, weights: list[EncodedTensor], waited_s: float
) -> None:
    model = ClientModel(client, round, examples, tuple(weights))
    pushed = pb.PushRequest(client_id=client, round=round, examples=examples, weights=map(to_pb, weights))
    back = messages.read_client_model(same(messages.client_model_parts(model), pushed))
    assert (back.client_id, back.round, back.examples) == (client, round, examples)
    pulled = pb.GetAggregateResponse(waited_s=waited_s, weights=map(to_pb, weights))
    got = messages.read_aggregate(same(messages.aggregate_parts(Aggregate(weights, waited_s)), pulled))
    assert got.waited_s == waited_s
    assert all(alike(*pair) for read in (back.weights, got.weights) for pair in zip(read, weights, strict=True))


@given(IDS, tensors())
def test_predictions_are_what_protobuf_writes(client: int, tensor: EncodedTensor) -> None:
    request = pb.PredictRequest(client_id=client, smashed=[to_pb(tensor)])
    who, smashed = messages.read_predict_request(same(messages.predict_request_parts(client, tensor), request))
    logits = messages.read_predict_reply(
        same(messages.predict_reply_parts(tensor), pb.PredictResponse(output=[to_pb(tensor)]))
    )
    assert who == client
    assert alike(smashed, tensor)
    assert alike(logits, tensor)


@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_lengths_grow_by_a_byte_where_protobuf_says(size: int) -> None:
    tensor = RAW.encode(np.ones(size, np.uint8))
    same(messages.predict_reply_parts(tensor), pb.PredictResponse(output=[to_pb(tensor)]))


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
        pb.TrainStepRequest(smashed=[to_pb(smashed)]),
        pb.TrainStepRequest(step=step, labels=to_pb(labels)),
        pb.TrainStepRequest(round=round),
        pb.TrainStepRequest(client_id=client),
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
    with pytest.raises(RemoteError, match="truncated or malformed"):
        messages.read_aggregate(data)


@given(st.data(), tensors(), tensors(), st.integers(0, 9))
def test_the_size_of_a_message_depends_on_shapes_alone(
    data: st.DataObject, one: EncodedTensor, other: EncodedTensor, count: int
) -> None:
    def sizes(ids: st.SearchStrategy[int], numbers: st.SearchStrategy[float]) -> list[int]:
        client, round, step = (data.draw(ids) for _ in range(3))
        stamps = ServerStamps(*(data.draw(numbers) for _ in range(5)))
        messages_ = (
            messages.step_request_parts(StepRequest(client, round, step, one, other)),
            messages.step_reply_parts(StepReply(one, data.draw(numbers), data.draw(ids), stamps)),
            messages.body_request_parts(BodyRequest(client, round, step, one)),
            messages.body_reply_parts(BodyReply(one, stamps)),
            messages.client_model_parts(ClientModel(client, round, data.draw(ids), (one, other))),
            messages.aggregate_parts(Aggregate((one, other), data.draw(numbers))),
            messages.predict_request_parts(client, one),
            [messages.end_round_request(client, round)],
            [messages.end_round_reply([data.draw(numbers) for _ in range(count)])],
            [messages.aggregate_request(client, round)],
            [messages.now_reply(data.draw(numbers), "clock")],
        )
        return [messages.size(parts) for parts in messages_]

    assert sizes(IDS, NUMBERS) == sizes(st.just(0), st.just(0.0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pb.TrainStepRequest, pb.TrainStepsRequest),
        (pb.TrainStepResponse, pb.TrainStepsResponse),
        (pb.ForwardBodyRequest, pb.BackwardBodyRequest),
        (pb.ForwardBodyResponse, pb.BackwardBodyResponse),
    ],
)
def test_messages_that_are_read_by_one_function_have_the_same_fields(one: Any, other: Any) -> None:
    layouts = [[(f.number, f.type, f.message_type) for f in kind.DESCRIPTOR.fields] for kind in (one, other)]
    assert layouts[0] == layouts[1]


def test_a_number_that_is_missing_is_no_zero() -> None:
    tensor = to_pb(RAW.encode(np.ones(3)))
    data = pb.TrainStepRequest(client_id=0, step=0, labels=tensor, smashed=[tensor]).SerializeToString()
    with pytest.raises(RemoteError, match="TrainStepRequest came without round"):
        messages.read_step_request(data)


def test_a_cut_through_two_tensors_is_not_read_as_one() -> None:
    tensor = to_pb(RAW.encode(np.ones(3)))
    data = pb.TrainStepRequest(client_id=0, round=0, step=0, labels=tensor, smashed=[tensor, tensor])
    with pytest.raises(RemoteError, match=r"\(1 in field 14, 2 in field 15\)"):
        messages.read_step_request(data.SerializeToString())
