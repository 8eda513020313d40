"""The messages of `protos/splitfed.proto` as values, and their bytes.

Writing goes past protobuf for the tensors' payloads: a message is the serialised small fields, the header of its tensor
and the payload, joined once. The result is what protobuf would have written, without its three copies of the payload.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

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
    message = pb.StepRequest.FromString(data)
    return StepRequest(message.client_id, message.round, message.step, _read(message.smashed), _read(message.labels))


def step_reply_parts(reply: StepReply) -> list[Part]:
    """Serialise a step reply, its payload not yet copied."""
    small = pb.StepReply(loss=reply.loss, correct=reply.correct, stamps=_stamps(reply.stamps))
    return [small.SerializeToString(), *_tensor_field(pb.StepReply.GRADIENT_FIELD_NUMBER, reply.gradient)]


def read_step_reply(data: bytes, transit: Transit) -> StepReply:
    """Parse a step reply and add what the transport saw."""
    message = pb.StepReply.FromString(data)
    stamps = _read_stamps(message.stamps)
    return StepReply(_read(message.gradient), message.loss, message.correct, stamps, transit)


def body_request_parts(request: BodyRequest) -> list[Part]:
    """Serialise one exchange of a u-shaped step, its payload not yet copied."""
    small = pb.BodyRequest(client_id=request.client_id, round=request.round, step=request.step)
    return [small.SerializeToString(), *_tensor_field(pb.BodyRequest.TENSOR_FIELD_NUMBER, request.tensor)]


def read_body_request(data: bytes) -> BodyRequest:
    """Parse one exchange of a u-shaped step."""
    message = pb.BodyRequest.FromString(data)
    return BodyRequest(message.client_id, message.round, message.step, _read(message.tensor))


def body_reply_parts(reply: BodyReply) -> list[Part]:
    """Serialise the answer of a u-shaped exchange, its payload not yet copied."""
    small = pb.BodyReply(stamps=_stamps(reply.stamps))
    return [small.SerializeToString(), *_tensor_field(pb.BodyReply.TENSOR_FIELD_NUMBER, reply.tensor)]


def read_body_reply(data: bytes, transit: Transit) -> BodyReply:
    """Parse the answer of a u-shaped exchange and add what the transport saw."""
    message = pb.BodyReply.FromString(data)
    return BodyReply(_read(message.tensor), _read_stamps(message.stamps), transit)


def client_model_parts(model: ClientModel) -> list[Part]:
    """Serialise a client-side model, its payloads not yet copied."""
    small = pb.ClientModel(client_id=model.client_id, round=model.round, examples=model.examples)
    return [small.SerializeToString(), *_tensor_fields(pb.ClientModel.WEIGHTS_FIELD_NUMBER, model.weights)]


def read_client_model(data: bytes) -> ClientModel:
    """Parse a client-side model."""
    message = pb.ClientModel.FromString(data)
    weights = tuple(_read(tensor) for tensor in message.weights)
    return ClientModel(message.client_id, message.round, message.examples, weights)


def aggregate_parts(weights: Sequence[EncodedTensor]) -> list[Part]:
    """Serialise an aggregate, its payloads not yet copied."""
    return _tensor_fields(pb.Aggregate.WEIGHTS_FIELD_NUMBER, weights)


def read_aggregate(data: bytes) -> tuple[EncodedTensor, ...]:
    """Parse an aggregate."""
    return tuple(_read(tensor) for tensor in pb.Aggregate.FromString(data).weights)


def predict_request_parts(client_id: int, smashed: EncodedTensor) -> list[Part]:
    """Serialise a request for predictions."""
    small = pb.PredictRequest(client_id=client_id)
    return [small.SerializeToString(), *_tensor_field(pb.PredictRequest.SMASHED_FIELD_NUMBER, smashed)]


def read_predict_request(data: bytes) -> tuple[int, EncodedTensor]:
    """Parse a request for predictions: client and smashed data."""
    message = pb.PredictRequest.FromString(data)
    return message.client_id, _read(message.smashed)


def predict_reply_parts(logits: EncodedTensor) -> list[Part]:
    """Serialise predictions."""
    return _tensor_field(pb.PredictReply.LOGITS_FIELD_NUMBER, logits)


def read_predict_reply(data: bytes) -> EncodedTensor:
    """Parse predictions."""
    return _read(pb.PredictReply.FromString(data).logits)


def _stamps(stamps: ServerStamps) -> pb.ServerStamps:
    return pb.ServerStamps(**asdict(stamps))


def _read_stamps(message: pb.ServerStamps) -> ServerStamps:
    return ServerStamps(message.received, message.decoded, message.started, message.computed, message.encoded)


def _read(tensor: pb.Tensor) -> EncodedTensor:
    return EncodedTensor(tensor.dtype, tuple(tensor.shape), tensor.codec, tensor.data)


def _tensor_field(number: int, tensor: EncodedTensor) -> list[Part]:
    """Write field `number` holding a `Tensor`: header and length by protobuf's rules, the payload as it is."""
    header = pb.Tensor(dtype=tensor.dtype, shape=tensor.shape, codec=tensor.codec).SerializeToString()
    if tensor.num_bytes:
        header += _tag(pb.Tensor.DATA_FIELD_NUMBER) + _varint(tensor.num_bytes)
    return [_tag(number) + _varint(len(header) + tensor.num_bytes) + header, tensor.payload]


def _tensor_fields(number: int, tensors: Sequence[EncodedTensor]) -> list[Part]:
    return [part for tensor in tensors for part in _tensor_field(number, tensor)]


def _tag(field_number: int) -> bytes:
    """Return the key of a length-delimited field (protobuf encoding, wire type 2)."""
    return _varint(field_number << 3 | 2)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
