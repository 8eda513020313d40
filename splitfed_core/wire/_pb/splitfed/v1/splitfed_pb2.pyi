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
    __slots__ = ("received_s", "decoded_s", "started_s", "computed_s", "encoded_s")
    RECEIVED_S_FIELD_NUMBER: _ClassVar[int]
    DECODED_S_FIELD_NUMBER: _ClassVar[int]
    STARTED_S_FIELD_NUMBER: _ClassVar[int]
    COMPUTED_S_FIELD_NUMBER: _ClassVar[int]
    ENCODED_S_FIELD_NUMBER: _ClassVar[int]
    received_s: float
    decoded_s: float
    started_s: float
    computed_s: float
    encoded_s: float
    def __init__(self, received_s: _Optional[float] = ..., decoded_s: _Optional[float] = ..., started_s: _Optional[float] = ..., computed_s: _Optional[float] = ..., encoded_s: _Optional[float] = ...) -> None: ...

class TrainStepRequest(_message.Message):
    __slots__ = ("client_id", "round", "step", "deliver_s", "labels", "smashed")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DELIVER_S_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SMASHED_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    step: int
    deliver_s: float
    labels: Tensor
    smashed: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., step: _Optional[int] = ..., deliver_s: _Optional[float] = ..., labels: _Optional[_Union[Tensor, _Mapping]] = ..., smashed: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class TrainStepResponse(_message.Message):
    __slots__ = ("stamps", "loss", "correct", "gradient")
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    CORRECT_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    stamps: ServerStamps
    loss: float
    correct: int
    gradient: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, stamps: _Optional[_Union[ServerStamps, _Mapping]] = ..., loss: _Optional[float] = ..., correct: _Optional[int] = ..., gradient: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class TrainStepsRequest(_message.Message):
    __slots__ = ("client_id", "round", "step", "deliver_s", "labels", "smashed")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DELIVER_S_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    SMASHED_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    step: int
    deliver_s: float
    labels: Tensor
    smashed: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., step: _Optional[int] = ..., deliver_s: _Optional[float] = ..., labels: _Optional[_Union[Tensor, _Mapping]] = ..., smashed: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class TrainStepsResponse(_message.Message):
    __slots__ = ("stamps", "loss", "correct", "gradient")
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    CORRECT_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    stamps: ServerStamps
    loss: float
    correct: int
    gradient: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, stamps: _Optional[_Union[ServerStamps, _Mapping]] = ..., loss: _Optional[float] = ..., correct: _Optional[int] = ..., gradient: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class ForwardBodyRequest(_message.Message):
    __slots__ = ("client_id", "round", "step", "deliver_s", "smashed")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DELIVER_S_FIELD_NUMBER: _ClassVar[int]
    SMASHED_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    step: int
    deliver_s: float
    smashed: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., step: _Optional[int] = ..., deliver_s: _Optional[float] = ..., smashed: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class ForwardBodyResponse(_message.Message):
    __slots__ = ("stamps", "output")
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    stamps: ServerStamps
    output: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, stamps: _Optional[_Union[ServerStamps, _Mapping]] = ..., output: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class BackwardBodyRequest(_message.Message):
    __slots__ = ("client_id", "round", "step", "deliver_s", "gradient")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DELIVER_S_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    step: int
    deliver_s: float
    gradient: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., step: _Optional[int] = ..., deliver_s: _Optional[float] = ..., gradient: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class BackwardBodyResponse(_message.Message):
    __slots__ = ("stamps", "gradient")
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    stamps: ServerStamps
    gradient: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, stamps: _Optional[_Union[ServerStamps, _Mapping]] = ..., gradient: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class EndRoundRequest(_message.Message):
    __slots__ = ("client_id", "round")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ...) -> None: ...

class EndRoundResponse(_message.Message):
    __slots__ = ("server_update_s", "server_device_s", "server_late_s")
    SERVER_UPDATE_S_FIELD_NUMBER: _ClassVar[int]
    SERVER_DEVICE_S_FIELD_NUMBER: _ClassVar[int]
    SERVER_LATE_S_FIELD_NUMBER: _ClassVar[int]
    server_update_s: _containers.RepeatedScalarFieldContainer[float]
    server_device_s: _containers.RepeatedScalarFieldContainer[float]
    server_late_s: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, server_update_s: _Optional[_Iterable[float]] = ..., server_device_s: _Optional[_Iterable[float]] = ..., server_late_s: _Optional[_Iterable[float]] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("client_id", "smashed")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    SMASHED_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    smashed: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, client_id: _Optional[int] = ..., smashed: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("output",)
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    output: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, output: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class PushRequest(_message.Message):
    __slots__ = ("client_id", "round", "examples", "deliver_s", "weights")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    DELIVER_S_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    examples: int
    deliver_s: float
    weights: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., examples: _Optional[int] = ..., deliver_s: _Optional[float] = ..., weights: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class PushResponse(_message.Message):
    __slots__ = ("encoded_s",)
    ENCODED_S_FIELD_NUMBER: _ClassVar[int]
    encoded_s: float
    def __init__(self, encoded_s: _Optional[float] = ...) -> None: ...

class GetAggregateRequest(_message.Message):
    __slots__ = ("client_id", "round", "deliver_s")
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    DELIVER_S_FIELD_NUMBER: _ClassVar[int]
    client_id: int
    round: int
    deliver_s: float
    def __init__(self, client_id: _Optional[int] = ..., round: _Optional[int] = ..., deliver_s: _Optional[float] = ...) -> None: ...

class GetAggregateResponse(_message.Message):
    __slots__ = ("waited_s", "encoded_s", "weights")
    WAITED_S_FIELD_NUMBER: _ClassVar[int]
    ENCODED_S_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    waited_s: float
    encoded_s: float
    weights: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, waited_s: _Optional[float] = ..., encoded_s: _Optional[float] = ..., weights: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class NowRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NowResponse(_message.Message):
    __slots__ = ("now_s", "clock_id")
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    CLOCK_ID_FIELD_NUMBER: _ClassVar[int]
    now_s: float
    clock_id: str
    def __init__(self, now_s: _Optional[float] = ..., clock_id: _Optional[str] = ...) -> None: ...
