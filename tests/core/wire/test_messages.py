from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitfed_core.errors import RemoteError
from splitfed_core.wire import messages
from splitfed_core.wire._pb.splitfed.v1 import splitfed_pb2 as pb
from splitfed_core.wire.call import Address, Call, Kind, Reply, ServerStamps, Transit
from splitfed_core.wire.codecs.base import EncodedTensor
from splitfed_core.wire.codecs.raw import RAW

IDS = st.sampled_from([0, 1, 127, 128, 200, 70_000, 2**32 - 1]) | st.integers(0, 2**32 - 1)
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("-inf"), 5e-324]) | st.floats()
TIMES = st.floats(0, 1e9)
STAMPS = st.builds(ServerStamps, TIMES, TIMES, TIMES, TIMES, TIMES)


TRANSIT = Transit(1.0, 2.0, 3, 4)


def read_step(data: bytes) -> Call[EncodedTensor]:
    return messages.read_call(Kind.TRAIN_STEP, data, 0.0)


def step_call(client: int, round: int, step: int, *tensors: EncodedTensor) -> Call[EncodedTensor]:
    return Call(Kind.TRAIN_STEP, Address(client, round, step), tensors)


def answer_parts(tensor: EncodedTensor) -> list[messages.Part]:
    return messages.reply_parts(Kind.PREDICT, Reply((tensor,)))


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
    call = step_call(client, round, step, smashed, labels)
    back = messages.read_call(call.kind, same(messages.call_parts(call), expected), 7.0)
    assert (back.address, back.received_s) == ((client, round, step), 7.0)
    assert all(alike(*pair) for pair in zip(back.tensors, (smashed, labels), strict=True))


@given(tensors(), st.floats(allow_nan=False), IDS, STAMPS)
def test_step_replies_are_what_protobuf_writes(
    gradient: EncodedTensor, loss: float, correct: int, stamps: ServerStamps
) -> None:
    expected = pb.TrainStepResponse(loss=loss, correct=correct, stamps=stamps_to_pb(stamps), gradient=[to_pb(gradient)])
    reply = Reply((gradient,), loss, correct, stamps=stamps)
    data = same(messages.reply_parts(Kind.TRAIN_STEP, reply), expected)
    back = messages.read_reply(Kind.TRAIN_STEP, data, TRANSIT)
    assert (back.loss, back.correct, back.stamps, back.transit) == (loss, correct, stamps, TRANSIT)
    assert alike(back.tensors[0], gradient)


BODY: dict[Kind, tuple[Any, str, Any, str]] = {
    Kind.FORWARD_BODY: (pb.ForwardBodyRequest, "smashed", pb.ForwardBodyResponse, "output"),
    Kind.BACKWARD_BODY: (pb.BackwardBodyRequest, "gradient", pb.BackwardBodyResponse, "gradient"),
}


@given(st.sampled_from(list(BODY)), IDS, IDS, IDS, tensors(), STAMPS)
def test_u_shaped_exchanges_are_what_protobuf_writes(
    kind: Kind, client: int, round: int, step: int, tensor: EncodedTensor, stamps: ServerStamps
) -> None:
    request, there, response, back = BODY[kind]
    asked = request(client_id=client, round=round, step=step, **{there: [to_pb(tensor)]})
    message = response(stamps=stamps_to_pb(stamps), **{back: [to_pb(tensor)]})
    parts = messages.call_parts(Call(kind, Address(client, round, step), (tensor,)))
    call = messages.read_call(kind, same(parts, asked), 0.0)
    answer = same(messages.reply_parts(kind, Reply((tensor,), stamps=stamps)), message)
    reply = messages.read_reply(kind, answer, TRANSIT)
    assert (call.address, reply.stamps) == ((client, round, step), stamps)
    assert alike(call.tensors[0], tensor)
    assert alike(reply.tensors[0], tensor)


REQUESTS: dict[Kind, Any] = {
    Kind.TRAIN_STEP: pb.TrainStepRequest,
    Kind.FORWARD_BODY: pb.ForwardBodyRequest,
    Kind.BACKWARD_BODY: pb.BackwardBodyRequest,
    Kind.PUSH_MODEL: pb.PushRequest,
    Kind.GET_AGGREGATE: pb.GetAggregateRequest,
}


def test_what_uses_a_link_is_what_the_algorithm_exchanges() -> None:
    assert {kind for kind in Kind if kind.uses_link} == REQUESTS.keys() == set(Kind) - {Kind.END_ROUND, Kind.PREDICT}


@given(st.sampled_from(list(REQUESTS)), TIMES, STAMPS, st.lists(tensors(), min_size=2, max_size=2))
def test_over_a_link_nine_bytes_say_when_a_call_is_delivered_and_its_reply_was_ready(
    kind: Kind, deliver_s: float, stamps: ServerStamps, sent: list[EncodedTensor]
) -> None:
    request = REQUESTS[kind]
    call = Call(kind, Address(1, 2, 3), tuple(sent[: len(kind.takes)]))
    plain, due = messages.call_parts(call), messages.call_parts(call.due(deliver_s))
    assert request.FromString(b"".join(due)).deliver_s == deliver_s
    assert messages.size(due) - messages.size(plain) == 9
    assert messages.read_call(kind, b"".join(due), 7.0).deliver_s == deliver_s
    assert messages.read_call(kind, b"".join(plain), 7.0).deliver_s is None

    reply = Reply(tuple(sent[: len(kind.gives)]), stamps=stamps)
    plain, linked = (messages.reply_parts(kind, reply, over_link=over_link) for over_link in (False, True))
    stamped = kind not in (Kind.PUSH_MODEL, Kind.GET_AGGREGATE)  # these say nothing else of the server's time
    assert messages.size(linked) - messages.size(plain) == (0 if stamped else 9)
    assert messages.read_reply(kind, b"".join(linked), TRANSIT).stamps.encoded == stamps.encoded


@given(IDS, IDS, st.integers(0, 2**64 - 1), st.lists(tensors(), max_size=4), st.floats(0, 1e9))
def test_models_are_what_protobuf_writes(
    client: int, round: int, examples: int, weights: list[EncodedTensor], waited_s: float
) -> None:
    push = Call(Kind.PUSH_MODEL, Address(client, round), tuple(weights), examples)
    pushed = pb.PushRequest(client_id=client, round=round, examples=examples, weights=map(to_pb, weights))
    back = messages.read_call(push.kind, same(messages.call_parts(push), pushed), 0.0)
    assert (back.address, back.examples) == ((client, round, 0), examples)
    pulled = pb.GetAggregateResponse(waited_s=waited_s, weights=map(to_pb, weights))
    reply = messages.reply_parts(Kind.GET_AGGREGATE, Reply(tuple(weights), waited_s=waited_s))
    got = messages.read_reply(Kind.GET_AGGREGATE, same(reply, pulled), TRANSIT)
    assert got.waited_s == waited_s
    assert all(alike(*pair) for read in (back, got) for pair in zip(read.tensors, weights, strict=True))


@given(IDS, IDS, st.lists(st.tuples(TIMES, TIMES, TIMES), max_size=4), st.booleans())
def test_the_end_of_a_round_is_what_protobuf_writes(
    client: int, round: int, times: list[tuple[float, float, float]], emulated: bool
) -> None:
    names = ("server_update_s", "server_device_s", "server_late_s")[: 3 if emulated else 1]
    lists = {name: tuple(of_step[i] for of_step in times) for i, name in enumerate(names)}
    ends = same(
        messages.call_parts(Call(Kind.END_ROUND, Address(client, round))),
        pb.EndRoundRequest(client_id=client, round=round),
    )
    answer: Reply[EncodedTensor] = Reply(**lists)  # type: ignore[arg-type]  # by name
    message = messages.reply_parts(Kind.END_ROUND, answer)
    reply = messages.read_reply(Kind.END_ROUND, same(message, pb.EndRoundResponse(**lists)), TRANSIT)
    assert messages.read_call(Kind.END_ROUND, ends, 0.0).address == (client, round, 0)
    assert {name: getattr(reply, name) for name in names} == lists
    assert replace(reply, transit=answer.transit) == answer


@given(IDS, tensors())
def test_predictions_are_what_protobuf_writes(client: int, tensor: EncodedTensor) -> None:
    request = pb.PredictRequest(client_id=client, smashed=[to_pb(tensor)])
    parts = messages.call_parts(Call(Kind.PREDICT, Address(client), (tensor,)))
    call = messages.read_call(Kind.PREDICT, same(parts, request), 0.0)
    data = same(answer_parts(tensor), pb.PredictResponse(output=[to_pb(tensor)]))
    reply = messages.read_reply(Kind.PREDICT, data, TRANSIT)
    assert call.address == (client, 0, 0)
    assert alike(call.tensors[0], tensor)
    assert alike(reply.tensors[0], tensor)


@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_lengths_grow_by_a_byte_where_protobuf_says(size: int) -> None:
    tensor = RAW.encode(np.ones(size, np.uint8))
    same(answer_parts(tensor), pb.PredictResponse(output=[to_pb(tensor)]))


def test_payloads_are_not_copied_before_the_join() -> None:
    array = np.zeros(1000, np.float32)
    payload = answer_parts(RAW.encode(array))[-1]
    assert np.shares_memory(np.frombuffer(payload, np.float32), array)


def test_payloads_are_not_copied_when_read() -> None:
    data = b"".join(answer_parts(RAW.encode(np.arange(1000, dtype=np.float32))))
    array = RAW.decode(messages.read_reply(Kind.PREDICT, data, TRANSIT).tensors[0])
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
    back = read_step(b"".join(part.SerializeToString() for part in parts))
    assert back.address == (client, round, step)
    assert all(alike(*pair) for pair in zip(back.tensors, (smashed, labels), strict=True))


@given(st.data(), tensors(), tensors())
def test_a_message_that_is_cut_off_is_refused(
    data: st.DataObject, smashed: EncodedTensor, labels: EncodedTensor
) -> None:
    whole = b"".join(messages.call_parts(step_call(1, 2, 3, smashed, labels)))
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(RemoteError, match="same version"):
        read_step(whole[:end])


@pytest.mark.parametrize("data", [b"\xff" * 11, b"\x0b", b"\x0d\x01", b"\x09\x01"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError, match="truncated or malformed"):
        messages.read_reply(Kind.GET_AGGREGATE, data, TRANSIT)


@given(st.data(), tensors(), tensors(), st.integers(0, 9))
def test_the_size_of_a_message_depends_on_shapes_alone(
    data: st.DataObject, one: EncodedTensor, other: EncodedTensor, count: int
) -> None:
    def sizes(ids: st.SearchStrategy[int], numbers: st.SearchStrategy[float]) -> list[int]:
        client, round, step = (data.draw(ids) for _ in range(3))
        stamps = ServerStamps(*(data.draw(numbers) for _ in range(5)))
        address = Address(client, round, step)
        reply = Reply((one,), data.draw(numbers), data.draw(ids), stamps=stamps)
        model = (one, other)
        messages_ = (
            messages.call_parts(step_call(client, round, step, one, other)),
            messages.reply_parts(Kind.TRAIN_STEP, reply),
            messages.call_parts(Call(Kind.FORWARD_BODY, address, (one,))),
            messages.reply_parts(Kind.FORWARD_BODY, reply),
            messages.call_parts(Call(Kind.PUSH_MODEL, address, model, data.draw(ids))),
            messages.reply_parts(Kind.GET_AGGREGATE, Reply(model, waited_s=data.draw(numbers))),
            messages.call_parts(Call(Kind.PREDICT, address, (one,))),
            messages.call_parts(Call(Kind.END_ROUND, address)),
            messages.reply_parts(
                Kind.END_ROUND, Reply(server_update_s=tuple(data.draw(numbers) for _ in range(count)))
            ),
            messages.call_parts(Call(Kind.GET_AGGREGATE, address)),
            [messages.now_reply(data.draw(numbers), "clock")],
        )
        return [messages.size(parts) for parts in messages_]

    assert sizes(IDS, NUMBERS) == sizes(st.just(0), st.just(0.0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pb.TrainStepRequest, pb.TrainStepsRequest),
        (pb.TrainStepResponse, pb.TrainStepsResponse),
    ],
)
def test_messages_that_are_read_by_one_function_have_the_same_fields(one: Any, other: Any) -> None:
    layouts = [[(f.number, f.type, f.message_type) for f in kind.DESCRIPTOR.fields] for kind in (one, other)]
    assert layouts[0] == layouts[1]


def test_a_number_that_is_missing_is_no_zero() -> None:
    tensor = to_pb(RAW.encode(np.ones(3)))
    data = pb.TrainStepRequest(client_id=0, step=0, labels=tensor, smashed=[tensor]).SerializeToString()
    with pytest.raises(RemoteError, match="TrainStepRequest came without round"):
        read_step(data)


def test_a_cut_through_two_tensors_is_not_read_as_one() -> None:
    tensor = to_pb(RAW.encode(np.ones(3)))
    data = pb.TrainStepRequest(client_id=0, round=0, step=0, labels=tensor, smashed=[tensor, tensor])
    with pytest.raises(RemoteError, match=r"\(1 in field 14, 2 in field 15\)"):
        read_step(data.SerializeToString())
