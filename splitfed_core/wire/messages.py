"""The messages of `protos/splitfed/v1/splitfed.proto` as values, and their bytes.

Tensors' payloads go past protobuf. A message is written as the serialised small fields, the header of its tensor and
its payload, joined once. Read, the payload is a view of the message. The bytes are those that protobuf would have
written, without its three copies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from google.protobuf.message import DecodeError

from splitfed_core.errors import RemoteError
from splitfed_core.wire import protobuf as fields
from splitfed_core.wire._pb.splitfed.v1 import splitfed_pb2 as pb
from splitfed_core.wire.codecs.base import EncodedTensor

Part = bytes | memoryview


@dataclass(frozen=True, slots=True)
class ServerStamps:
    """When the server reached the boundaries between its phases, in seconds of its monotonic clock."""

    received: float
    decoded: float
    started: float
    computed: float
    encoded: float


@dataclass(frozen=True, slots=True)
class Transit:
    """What the transport saw of one exchange: when it sent and had the reply (client's clock), and the sizes."""

    sent: float
    arrived: float
    uplink_bytes: int
    downlink_bytes: int


@dataclass(frozen=True, slots=True)
class StepRequest:
    """Smashed data and labels of one mini-batch; `step` counts the client's steps of the round, from 0."""

    client_id: int
    round: int
    step: int
    smashed: EncodedTensor
    labels: EncodedTensor


@dataclass(frozen=True, slots=True)
class StepReply:
    """Gradient of the smashed data, mean loss, number of correct examples; `transit` is added by the transport."""

    gradient: EncodedTensor
    loss: float
    correct: int
    stamps: ServerStamps
    transit: Transit | None = None


@dataclass(frozen=True, slots=True)
class BodyRequest:
    """One exchange of a u-shaped step: smashed data, or the gradient of the body's output."""

    client_id: int
    round: int
    step: int
    tensor: EncodedTensor


@dataclass(frozen=True, slots=True)
class BodyReply:
    """Its answer: the body's output, or the gradient of the smashed data."""

    tensor: EncodedTensor
    stamps: ServerStamps
    transit: Transit | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What the fed server hands out, and how long who asked for it waited for the models of others."""

    weights: Sequence[EncodedTensor]
    waited_s: float


@dataclass(frozen=True, slots=True)
class ClientModel:
    """A client-side model on its way to the fed server, with its weight in the average."""

    client_id: int
    round: int
    examples: int
    weights: tuple[EncodedTensor, ...]


def size(parts: Iterable[Part]) -> int:
    """Return the number of bytes of a message that is still in parts."""
    return sum(map(len, parts))


_SAME = "both sides must run the same version"
_TENSORS = 15
"""Number of the field of each message that has its tensors, but for labels."""

_LABELS = pb.TrainStepRequest.LABELS_FIELD_NUMBER
_STEP = ("client_id", "round", "step")


def step_request_parts(request: StepRequest) -> list[Part]:
    """Serialise a step request, its payloads not yet copied; that of a stream has the same fields."""
    small = pb.TrainStepRequest(client_id=request.client_id, round=request.round, step=request.step)
    labels, smashed = _tensor_field(_LABELS, request.labels), _tensor_field(_TENSORS, request.smashed)
    return [small.SerializeToString(), *labels, *smashed]


def read_step_request(data: bytes) -> StepRequest:
    """Parse a step request."""
    small, tensors = _split(data, _TENSORS, _LABELS)
    message = _parse(pb.TrainStepRequest, small, *_STEP)
    return StepRequest(message.client_id, message.round, message.step, *tensors)


def step_reply_parts(reply: StepReply) -> list[Part]:
    """Serialise a step reply, its payload not yet copied."""
    small = pb.TrainStepResponse(loss=reply.loss, correct=reply.correct, stamps=_stamps(reply.stamps))
    return [small.SerializeToString(), *_tensor_field(_TENSORS, reply.gradient)]


def read_step_reply(data: bytes, transit: Transit, offset_s: float = 0.0) -> StepReply:
    """Parse a step reply and add what the transport saw; the server's clock is so far ahead."""
    small, (gradient,) = _split(data, _TENSORS)
    message = _parse(pb.TrainStepResponse, small, "loss", "correct", "stamps")
    return StepReply(gradient, message.loss, message.correct, _read_stamps(message.stamps, offset_s), transit)


def body_request_parts(request: BodyRequest) -> list[Part]:
    """Serialise either exchange of a u-shaped step, its payload not yet copied; both have the same fields."""
    small = pb.ForwardBodyRequest(client_id=request.client_id, round=request.round, step=request.step)
    return [small.SerializeToString(), *_tensor_field(_TENSORS, request.tensor)]


def read_body_request(data: bytes) -> BodyRequest:
    """Parse one exchange of a u-shaped step."""
    small, (tensor,) = _split(data, _TENSORS)
    message = _parse(pb.ForwardBodyRequest, small, *_STEP)
    return BodyRequest(message.client_id, message.round, message.step, tensor)


def body_reply_parts(reply: BodyReply) -> list[Part]:
    """Serialise the answer of a u-shaped exchange, its payload not yet copied."""
    small = pb.ForwardBodyResponse(stamps=_stamps(reply.stamps))
    return [small.SerializeToString(), *_tensor_field(_TENSORS, reply.tensor)]


def read_body_reply(data: bytes, transit: Transit, offset_s: float = 0.0) -> BodyReply:
    """Parse the answer of a u-shaped exchange and add what the transport saw; the server's clock is so far ahead."""
    small, (tensor,) = _split(data, _TENSORS)
    message = _parse(pb.ForwardBodyResponse, small, "stamps")
    return BodyReply(tensor, _read_stamps(message.stamps, offset_s), transit)


def end_round_request(client_id: int, round: int) -> bytes:
    """Serialise the end of a client's round."""
    return pb.EndRoundRequest(client_id=client_id, round=round).SerializeToString()


def read_end_round_request(data: bytes) -> tuple[int, int]:
    """Parse it: client and round."""
    message = _parse(pb.EndRoundRequest, data, "client_id", "round")
    return message.client_id, message.round


def end_round_reply(server_update_s: Sequence[float]) -> bytes:
    """Serialise the server's optimizer times."""
    return pb.EndRoundResponse(server_update_s=server_update_s).SerializeToString()


def read_end_round_reply(data: bytes) -> tuple[float, ...]:
    """Parse them."""
    return tuple(_parse(pb.EndRoundResponse, data).server_update_s)


def client_model_parts(model: ClientModel) -> list[Part]:
    """Serialise a client-side model, its payloads not yet copied."""
    small = pb.PushRequest(client_id=model.client_id, round=model.round, examples=model.examples)
    return [small.SerializeToString(), *_tensor_fields(_TENSORS, model.weights)]


def read_client_model(data: bytes) -> ClientModel:
    """Parse a client-side model."""
    small, weights = fields.split(memoryview(data), {_TENSORS})
    message = _parse(pb.PushRequest, small, "client_id", "round", "examples")
    return ClientModel(message.client_id, message.round, message.examples, tuple(_read(w.value) for w in weights))


def aggregate_request(client_id: int, round: int) -> bytes:
    """Serialise a request for the aggregate of a round."""
    return pb.GetAggregateRequest(client_id=client_id, round=round).SerializeToString()


def read_aggregate_request(data: bytes) -> tuple[int, int]:
    """Parse it: client and round."""
    message = _parse(pb.GetAggregateRequest, data, "client_id", "round")
    return message.client_id, message.round


def aggregate_parts(aggregate: Aggregate) -> list[Part]:
    """Serialise an aggregate, its payloads not yet copied."""
    small = pb.GetAggregateResponse(waited_s=aggregate.waited_s)
    return [small.SerializeToString(), *_tensor_fields(_TENSORS, aggregate.weights)]


def read_aggregate(data: bytes) -> Aggregate:
    """Parse an aggregate."""
    small, weights = fields.split(memoryview(data), {_TENSORS})
    message = _parse(pb.GetAggregateResponse, small, "waited_s")
    return Aggregate(tuple(_read(weight.value) for weight in weights), message.waited_s)


def predict_request_parts(client_id: int, smashed: EncodedTensor) -> list[Part]:
    """Serialise a request for predictions."""
    small = pb.PredictRequest(client_id=client_id)
    return [small.SerializeToString(), *_tensor_field(_TENSORS, smashed)]


def read_predict_request(data: bytes) -> tuple[int, EncodedTensor]:
    """Parse a request for predictions: client and smashed data."""
    small, (smashed,) = _split(data, _TENSORS)
    return _parse(pb.PredictRequest, small, "client_id").client_id, smashed


def predict_reply_parts(output: EncodedTensor) -> list[Part]:
    """Serialise predictions."""
    return _tensor_field(_TENSORS, output)


def read_predict_reply(data: bytes) -> EncodedTensor:
    """Parse predictions."""
    _, (output,) = _split(data, _TENSORS)
    return output


def now_reply(now_s: float, clock_id: str) -> bytes:
    """Serialise what a server's clock says."""
    return pb.NowResponse(now_s=now_s, clock_id=clock_id).SerializeToString()


def read_now_reply(data: bytes) -> tuple[float, str]:
    """Parse it: time and clock."""
    message = _parse(pb.NowResponse, data, "now_s")
    return message.now_s, message.clock_id


def _stamps(stamps: ServerStamps) -> pb.ServerStamps:
    return pb.ServerStamps(**dict(zip(_STAMPS, astuple(stamps), strict=True)))


_STAMPS = [field.name for field in pb.ServerStamps.DESCRIPTOR.fields]


def _read_stamps(message: pb.ServerStamps, offset_s: float) -> ServerStamps:
    return ServerStamps(*(getattr(message, name) - offset_s for name in _STAMPS))


def _parse(kind: Any, data: bytes, *required: str) -> Any:
    """Parse a message; a number that is missing is no zero."""
    try:
        message = kind.FromString(data)
    except DecodeError:
        raise RemoteError(f"these {len(data)} bytes are not a {kind.DESCRIPTOR.name}: {_SAME}") from None
    missing = [name for name in required if not message.HasField(name)]
    if missing:
        raise RemoteError(f"{kind.DESCRIPTOR.name} came without {', '.join(missing)}: {_SAME}")
    return message


def _split(data: bytes, *numbers: int) -> tuple[bytes, list[EncodedTensor]]:
    """Take one tensor for each of these field numbers out of a message; what is left is the small fields."""
    small, found = fields.split(memoryview(data), numbers)
    if sorted(field.number for field in found) != sorted(numbers):
        counts = ", ".join(f"{sum(f.number == number for f in found)} in field {number}" for number in sorted(numbers))
        raise RemoteError(f"a message came with other tensors than one in each of its fields ({counts}): {_SAME}")
    tensors = {field.number: _read(field.value) for field in found}
    return small, [tensors[number] for number in numbers]


def _read(tensor: memoryview) -> EncodedTensor:
    small, data = fields.split(tensor, {pb.Tensor.DATA_FIELD_NUMBER})
    message = _parse(pb.Tensor, small)
    payload = data[-1].value if data else b""  # protobuf leaves out what is empty
    return EncodedTensor(message.dtype, tuple(message.shape), message.codec, payload)


def _tensor_field(number: int, tensor: EncodedTensor) -> list[Part]:
    """Write field `number` holding a `Tensor`: header and length by protobuf's rules, the payload as it is."""
    header = pb.Tensor(dtype=tensor.dtype, shape=tensor.shape, codec=tensor.codec).SerializeToString()
    if tensor.num_bytes:
        header += fields.key(pb.Tensor.DATA_FIELD_NUMBER, tensor.num_bytes)
    return [fields.key(number, len(header) + tensor.num_bytes) + header, tensor.payload]


def _tensor_fields(number: int, tensors: Sequence[EncodedTensor]) -> list[Part]:
    return [part for tensor in tensors for part in _tensor_field(number, tensor)]
