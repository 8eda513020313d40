"""The messages of `protos/splitfed/v1/splitfed.proto`: calls and replies as bytes, and back.

Tensors' payloads go past protobuf. A message is written as the serialised small fields, the header of its tensor and
its payload, joined once. Read, the payload is a view of the message. The bytes are those that protobuf would have
written, without its three copies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message

from splitfed_core.errors import RemoteError
from splitfed_core.wire import protobuf as fields
from splitfed_core.wire._pb.splitfed.v1 import splitfed_pb2 as pb
from splitfed_core.wire.call import WEIGHTS, Address, Call, Kind, Reply, ServerStamps, Transit, names_of
from splitfed_core.wire.codecs.base import EncodedTensor

Part = bytes | memoryview

_SAME = "both sides must run the same version"
_TENSORS = 15
"""Number of the field of each message that has its tensors, but for labels."""

_NUMBERS = {"labels": pb.TrainStepRequest.LABELS_FIELD_NUMBER}
_STEP = ("client_id", "round", "step")


@dataclass(frozen=True, slots=True)
class _Format:
    """The two messages of a kind, and the names of their small fields, which are those of `Call` and `Reply`."""

    request: type[Message]
    response: type[Message]
    sent: tuple[str, ...] = _STEP
    returned: tuple[str, ...] = ()


_REPEATED = ("server_update_s", "server_device_s", "server_late_s")  # none of them is an answer too
_FORMATS = {
    Kind.TRAIN_STEP: _Format(pb.TrainStepRequest, pb.TrainStepResponse, returned=("loss", "correct", "stamps")),
    Kind.FORWARD_BODY: _Format(pb.ForwardBodyRequest, pb.ForwardBodyResponse, returned=("stamps",)),
    Kind.BACKWARD_BODY: _Format(pb.BackwardBodyRequest, pb.BackwardBodyResponse, returned=("stamps",)),
    Kind.END_ROUND: _Format(pb.EndRoundRequest, pb.EndRoundResponse, ("client_id", "round"), _REPEATED),
    Kind.PREDICT: _Format(pb.PredictRequest, pb.PredictResponse, ("client_id",)),
    Kind.PUSH_MODEL: _Format(pb.PushRequest, pb.PushResponse, ("client_id", "round", "examples")),
    Kind.GET_AGGREGATE: _Format(pb.GetAggregateRequest, pb.GetAggregateResponse, ("client_id", "round"), ("waited_s",)),
}
_DELIVER, _ENCODED = "deliver_s", "encoded_s"  # where there is an emulated link


def size(parts: Iterable[Part]) -> int:
    """Return the number of bytes of a message that is still in parts."""
    return sum(map(len, parts))


def call_parts(call: Call[EncodedTensor]) -> list[Part]:
    """Serialise a call, its payloads not yet copied; that of a stream has the same fields."""
    kind = _FORMATS[call.kind]
    values = {name: call.examples if name == "examples" else getattr(call.address, name) for name in kind.sent}
    if call.deliver_s is not None:
        values[_DELIVER] = call.deliver_s
    small = kind.request(**values)
    return [small.SerializeToString(), *_tensor_fields(call.kind.takes, call.tensors)]


def read_call(kind: Kind, data: bytes, received_s: float) -> Call[EncodedTensor]:
    """Parse a call of this kind, which was received at this moment."""
    names = _FORMATS[kind].sent
    small, tensors = _split(data, kind.takes)
    message = _parse(_FORMATS[kind].request, small, *names)
    address = Address(*(getattr(message, name) for name in names if name in _STEP))
    deliver_s = message.deliver_s if kind.uses_link and message.HasField(_DELIVER) else None
    return Call(kind, address, tensors, message.examples if "examples" in names else 0, received_s, deliver_s)


def reply_parts(kind: Kind, reply: Reply[EncodedTensor], *, over_link: bool = False) -> list[Part]:
    """Serialise the reply to a call of this kind, its payloads not yet copied.

    Args:
        kind: What was asked.
        reply: The answer.
        over_link: Whether the call came over an emulated link: then every reply says when it was ready.
    """
    values = {name: getattr(reply, name) for name in _FORMATS[kind].returned}
    if over_link and "stamps" not in values:
        values[_ENCODED] = reply.stamps.encoded
    if "stamps" in values:
        values["stamps"] = pb.ServerStamps(**{f"{name}_s": getattr(reply.stamps, name) for name in _STAMPS})
    small: bytes = _FORMATS[kind].response(**values).SerializeToString()
    return [small, *_tensor_fields(kind.gives, reply.tensors)]


def read_reply(kind: Kind, data: bytes, transit: Transit) -> Reply[EncodedTensor]:
    """Parse the reply to a call of this kind and add what the transport saw."""
    names = _FORMATS[kind].returned
    small, tensors = _split(data, kind.gives)
    message = _parse(_FORMATS[kind].response, small, *(name for name in names if name not in _REPEATED))
    values = {name: getattr(message, name) for name in names}
    if "stamps" in values:
        values["stamps"] = ServerStamps(*(getattr(message.stamps, f"{name}_s") for name in _STAMPS))
    elif kind.uses_link and message.HasField(_ENCODED):
        values["stamps"] = ServerStamps(encoded=message.encoded_s)
    values |= {name: tuple(values[name]) for name in _REPEATED if name in values}
    return Reply(tensors, transit=transit, **values)


_STAMPS = ("received", "decoded", "started", "computed", "encoded")


def now_reply(now_s: float, clock_id: str) -> bytes:
    """Serialise what a server's clock says."""
    return pb.NowResponse(now_s=now_s, clock_id=clock_id).SerializeToString()


def read_now_reply(data: bytes) -> tuple[float, str]:
    """Parse it: time and clock."""
    message = _parse(pb.NowResponse, data, "now_s")
    return message.now_s, message.clock_id


def _parse(kind: type[Message], data: bytes, *required: str) -> Any:
    """Parse a message; a missing number is not a zero."""
    try:
        message = kind.FromString(data)
    except DecodeError:
        raise RemoteError(f"these {len(data)} bytes are not a {kind.DESCRIPTOR.name}: {_SAME}") from None
    missing = [name for name in required if not message.HasField(name)]
    if missing:
        raise RemoteError(f"{kind.DESCRIPTOR.name} came without {', '.join(missing)}: {_SAME}")
    return message


def _split(data: bytes, names: tuple[str, ...]) -> tuple[bytes, tuple[EncodedTensor, ...]]:
    """Take the tensors of these names out of a message; what is left is the small fields."""
    numbers = [_NUMBERS.get(name, _TENSORS) for name in names]
    if not numbers:
        return data, ()
    small, found = fields.split(memoryview(data), numbers)
    if names == WEIGHTS:
        return small, tuple(_read(field.value) for field in found)
    if sorted(field.number for field in found) != sorted(numbers):
        counts = ", ".join(f"{sum(f.number == number for f in found)} in field {number}" for number in sorted(numbers))
        raise RemoteError(f"a message came with other tensors than one in each of its fields ({counts}): {_SAME}")
    tensors = {field.number: _read(field.value) for field in found}
    return small, tuple(tensors[number] for number in numbers)


def _read(tensor: memoryview) -> EncodedTensor:
    small, data = fields.split(tensor, {pb.Tensor.DATA_FIELD_NUMBER})
    message = _parse(pb.Tensor, small)
    payload = data[-1].value if data else b""  # protobuf leaves out what is empty
    return EncodedTensor(message.dtype, tuple(message.shape), message.codec, payload)


def _tensor_fields(names: tuple[str, ...], tensors: Sequence[EncodedTensor]) -> list[Part]:
    """Write the fields of these tensors in the order of their numbers."""
    numbered = [(_NUMBERS.get(name, _TENSORS), t) for name, t in zip(names_of(names, tensors), tensors, strict=True)]
    numbered.sort(key=lambda field: field[0])
    return [part for number, tensor in numbered for part in _tensor_field(number, tensor)]


def _tensor_field(number: int, tensor: EncodedTensor) -> list[Part]:
    """Write field `number` holding a `Tensor`: header and length by protobuf's rules, the payload as it is."""
    header = pb.Tensor(dtype=tensor.dtype, shape=tensor.shape, codec=tensor.codec).SerializeToString()
    if tensor.num_bytes:
        header += fields.key(pb.Tensor.DATA_FIELD_NUMBER, tensor.num_bytes)
    return [fields.key(number, len(header) + tensor.num_bytes) + header, tensor.payload]
