from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Tensor(_message.Message):
    __slots__ = ("dtype", "shape", "codec", "data")
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    codec: str
    data: bytes
    def __init__(self, dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., codec: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class ServerStamps(_message.Message):
    __slots__ = ("received", "decoded", "started", "computed", "encoded")
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    DECODED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    COMPUTED_FIELD_NUMBER: _ClassVar[int]
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    received: float
    decoded: float
    started: float
    computed: float
    encoded: float
    def __init__(self, received: _Optional[float] = ..., decoded: _Optional[float] = ..., started: _Optional[float] = ..., computed: _Optional[float] = ..., encoded: _Optional[float] = ...) -> None: ...

class StepRequest(_message.Message):
    __slots__ = ("client_id", "round", "step", "labels", "smashed")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SMASHED_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    step: int
    labels: Tensor
    smashed: Tensor
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., step: _Optional[int] = ..., labels: _Optional[_Union[Tensor, _Mapping]] = ..., smashed: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class StepReply(_message.Message):
    __slots__ = ("loss", "correct", "stamps", "gradient")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    CORRECT_FIELD_NUMBER: _ClassVar[int]
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    loss: float
    correct: int
    stamps: ServerStamps
    gradient: Tensor
    def __init__(self, loss: _Optional[float] = ..., correct: _Optional[int] = ..., stamps: _Optional[_Union[ServerStamps, _Mapping]] = ..., gradient: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class BodyRequest(_message.Message):
    __slots__ = ("client_id", "round", "step", "tensor")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    step: int
    tensor: Tensor
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., step: _Optional[int] = ..., tensor: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class BodyReply(_message.Message):
    __slots__ = ("stamps", "tensor")
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    stamps: ServerStamps
    tensor: Tensor
    def __init__(self, stamps: _Optional[_Union[ServerStamps, _Mapping]] = ..., tensor: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class EndRoundRequest(_message.Message):
    __slots__ = ("client_id", "round")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ...) -> None: ...

class EndRoundReply(_message.Message):
    __slots__ = ("server_update_s",)
    SERVER_UPDATE_S_FIELD_NUMBER: _ClassVar[int]
    server_update_s: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, server_update_s: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("client_id", "smashed")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    SMASHED_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    smashed: Tensor
    def __init__(self, client_id: _Optional[int] = ..., smashed: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class PredictReply(_message.Message):
    __slots__ = ("logits",)
    LOGITS_FIELD_NUMBER: _ClassVar[int]
    logits: Tensor
    def __init__(self, logits: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class ClientModel(_message.Message):
    __slots__ = ("client_id", "round", "examples", "weights")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    examples: int
    weights: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., examples: _Optional[int] = ..., weights: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class PushReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AggregateRequest(_message.Message):
    __slots__ = ("client_id", "round")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ...) -> None: ...

class Aggregate(_message.Message):
    __slots__ = ("weights",)
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    weights: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, weights: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class TimeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Time(_message.Message):
    __slots__ = ("now", "clock_id")
    NOW_FIELD_NUMBER: _ClassVar[int]
    CLOCK_ID_FIELD_NUMBER: _ClassVar[int]
    now: float
    clock_id: str
    def __init__(self, now: _Optional[float] = ..., clock_id: _Optional[str] = ...) -> None: ...
