"""The messages of `protos/splitfed.proto` as values, and their bytes.

Tensors' payloads go past protobuf. A message is written as the serialised small fields, the header of its tensor and
its payload, joined once. Read, the payload is a view of the message. The bytes are those that protobuf would have
written, without its three copies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from splitfed_core.errors import RemoteError
from splitfed_core.wire import fields
from splitfed_core.wire._pb import splitfed_pb2 as pb
from splitfed_core.wire.codecs import EncodedTensor

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
class ClientModel:
    """A client-side model on its way to the fed server, with its weight in the average."""

    client_id: int
    round: int
    examples: int
    weights: tuple[EncodedTensor, ...]


def size(parts: Iterable[Part]) -> int:
    """Return the number of bytes of a message that is still in parts."""
    return sum(map(len, parts))


def step_request_parts(request: StepRequest) -> list[Part]:
    """Serialise a step request, its payloads not yet copied."""
    small = pb.StepRequest(client_id=request.client_id, round=request.round, step=request.step)
    return [
        small.SerializeToString(),
        *_tensor_field(pb.StepRequest.LABELS_FIELD_NUMBER, request.labels),
        *_tensor_field(pb.StepRequest.SMASHED_FIELD_NUMBER, request.smashed),
    ]


def read_step_request(data: bytes) -> StepRequest:
    """Parse a step request."""
    small, tensors = _split(data, pb.StepRequest.SMASHED_FIELD_NUMBER, pb.StepRequest.LABELS_FIELD_NUMBER)
    message = pb.StepRequest.FromString(small)
    return StepRequest(message.client_id, message.round, message.step, *tensors)


def step_reply_parts(reply: StepReply) -> list[Part]:
    """Serialise a step reply, its payload not yet copied."""
    small = pb.StepReply(loss=reply.loss, correct=reply.correct, stamps=_stamps(reply.stamps))
    return [small.SerializeToString(), *_tensor_field(pb.StepReply.GRADIENT_FIELD_NUMBER, reply.gradient)]


def read_step_reply(data: bytes, transit: Transit, ahead_s: float = 0.0) -> StepReply:
    """Parse a step reply and add what the transport saw; the server's clock is so far ahead."""
    small, (gradient,) = _split(data, pb.StepReply.GRADIENT_FIELD_NUMBER)
    message = pb.StepReply.FromString(small)
    return StepReply(gradient, message.loss, message.correct, _read_stamps(message.stamps, ahead_s), transit)


def body_request_parts(request: BodyRequest) -> list[Part]:
    """Serialise one exchange of a u-shaped step, its payload not yet copied."""
    small = pb.BodyRequest(client_id=request.client_id, round=request.round, step=request.step)
    return [small.SerializeToString(), *_tensor_field(pb.BodyRequest.TENSOR_FIELD_NUMBER, request.tensor)]


def read_body_request(data: bytes) -> BodyRequest:
    """Parse one exchange of a u-shaped step."""
    small, (tensor,) = _split(data, pb.BodyRequest.TENSOR_FIELD_NUMBER)
    message = pb.BodyRequest.FromString(small)
    return BodyRequest(message.client_id, message.round, message.step, tensor)


def body_reply_parts(reply: BodyReply) -> list[Part]:
    """Serialise the answer of a u-shaped exchange, its payload not yet copied."""
    small = pb.BodyReply(stamps=_stamps(reply.stamps))
    return [small.SerializeToString(), *_tensor_field(pb.BodyReply.TENSOR_FIELD_NUMBER, reply.tensor)]


def read_body_reply(data: bytes, transit: Transit, ahead_s: float = 0.0) -> BodyReply:
    """Parse the answer of a u-shaped exchange and add what the transport saw; the server's clock is so far ahead."""
    small, (tensor,) = _split(data, pb.BodyReply.TENSOR_FIELD_NUMBER)
    return BodyReply(tensor, _read_stamps(pb.BodyReply.FromString(small).stamps, ahead_s), transit)


def client_model_parts(model: ClientModel) -> list[Part]:
    """Serialise a client-side model, its payloads not yet copied."""
    small = pb.ClientModel(client_id=model.client_id, round=model.round, examples=model.examples)
    return [small.SerializeToString(), *_tensor_fields(pb.ClientModel.WEIGHTS_FIELD_NUMBER, model.weights)]


def read_client_model(data: bytes) -> ClientModel:
    """Parse a client-side model."""
    small, weights = fields.split(memoryview(data), {pb.ClientModel.WEIGHTS_FIELD_NUMBER})
    message = pb.ClientModel.FromString(small)
    return ClientModel(message.client_id, message.round, message.examples, tuple(_read(w.value) for w in weights))


def aggregate_parts(weights: Sequence[EncodedTensor]) -> list[Part]:
    """Serialise an aggregate, its payloads not yet copied."""
    return _tensor_fields(pb.Aggregate.WEIGHTS_FIELD_NUMBER, weights)


def read_aggregate(data: bytes) -> tuple[EncodedTensor, ...]:
    """Parse an aggregate."""
    _, weights = fields.split(memoryview(data), {pb.Aggregate.WEIGHTS_FIELD_NUMBER})
    return tuple(_read(weight.value) for weight in weights)


def predict_request_parts(client_id: int, smashed: EncodedTensor) -> list[Part]:
    """Serialise a request for predictions."""
    small = pb.PredictRequest(client_id=client_id)
    return [small.SerializeToString(), *_tensor_field(pb.PredictRequest.SMASHED_FIELD_NUMBER, smashed)]


def read_predict_request(data: bytes) -> tuple[int, EncodedTensor]:
    """Parse a request for predictions: client and smashed data."""
    small, (smashed,) = _split(data, pb.PredictRequest.SMASHED_FIELD_NUMBER)
    return pb.PredictRequest.FromString(small).client_id, smashed


def predict_reply_parts(logits: EncodedTensor) -> list[Part]:
    """Serialise predictions."""
    return _tensor_field(pb.PredictReply.LOGITS_FIELD_NUMBER, logits)


def read_predict_reply(data: bytes) -> EncodedTensor:
    """Parse predictions."""
    _, (logits,) = _split(data, pb.PredictReply.LOGITS_FIELD_NUMBER)
    return logits


def _stamps(stamps: ServerStamps) -> pb.ServerStamps:
    return pb.ServerStamps(**asdict(stamps))


def _read_stamps(message: pb.ServerStamps, ahead_s: float) -> ServerStamps:
    stamps = (message.received, message.decoded, message.started, message.computed, message.encoded)
    return ServerStamps(*(stamp - ahead_s for stamp in stamps))


def _split(data: bytes, *numbers: int) -> tuple[bytes, list[EncodedTensor]]:
    """Take one tensor for each of these field numbers out of a message; what is left is the small fields."""
    small, found = fields.split(memoryview(data), numbers)
    tensors = {field.number: _read(field.value) for field in found}
    missing = [number for number in numbers if number not in tensors]
    if missing:
        raise RemoteError(f"a message came without its tensors {missing}: both sides must run the same version")
    return small, [tensors[number] for number in numbers]


def _read(tensor: memoryview) -> EncodedTensor:
    small, data = fields.split(tensor, {pb.Tensor.DATA_FIELD_NUMBER})
    message = pb.Tensor.FromString(small)
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
