from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Shape(_message.Message):
    __slots__ = ("shape",)
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, shape: _Optional[_Iterable[int]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("weights", "s")
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    S_FIELD_NUMBER: _ClassVar[int]
    weights: _containers.RepeatedScalarFieldContainer[float]
    s: _containers.RepeatedCompositeFieldContainer[Shape]
    def __init__(self, weights: _Optional[_Iterable[float]] = ..., s: _Optional[_Iterable[_Union[Shape, _Mapping]]] = ...) -> None: ...

class Activations(_message.Message):
    __slots__ = ("activations", "s")
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    S_FIELD_NUMBER: _ClassVar[int]
    activations: _containers.RepeatedScalarFieldContainer[float]
    s: _containers.RepeatedCompositeFieldContainer[Shape]
    def __init__(self, activations: _Optional[_Iterable[float]] = ..., s: _Optional[_Iterable[_Union[Shape, _Mapping]]] = ...) -> None: ...

class Gradient(_message.Message):
    __slots__ = ("gradients", "s")
    GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    S_FIELD_NUMBER: _ClassVar[int]
    gradients: _containers.RepeatedScalarFieldContainer[float]
    s: _containers.RepeatedCompositeFieldContainer[Shape]
    def __init__(self, gradients: _Optional[_Iterable[float]] = ..., s: _Optional[_Iterable[_Union[Shape, _Mapping]]] = ...) -> None: ...

class ForwardRequest(_message.Message):
    __slots__ = ("activations", "labels", "cid", "rnd", "batch", "time")
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CID_FIELD_NUMBER: _ClassVar[int]
    RND_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    activations: Activations
    labels: _containers.RepeatedScalarFieldContainer[int]
    cid: int
    rnd: int
    batch: int
    time: float
    def __init__(self, activations: _Optional[_Union[Activations, _Mapping]] = ..., labels: _Optional[_Iterable[int]] = ..., cid: _Optional[int] = ..., rnd: _Optional[int] = ..., batch: _Optional[int] = ..., time: _Optional[float] = ...) -> None: ...

class ForwardResponse(_message.Message):
    __slots__ = ("gradients", "loss", "time", "correct")
    GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CORRECT_FIELD_NUMBER: _ClassVar[int]
    gradients: Gradient
    loss: float
    time: float
    correct: int
    def __init__(self, gradients: _Optional[_Union[Gradient, _Mapping]] = ..., loss: _Optional[float] = ..., time: _Optional[float] = ..., correct: _Optional[int] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("activations",)
    ACTIVATIONS_FIELD_NUMBER: _ClassVar[int]
    activations: Activations
    def __init__(self, activations: _Optional[_Union[Activations, _Mapping]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("logits",)
    LOGITS_FIELD_NUMBER: _ClassVar[int]
    logits: Activations
    def __init__(self, logits: _Optional[_Union[Activations, _Mapping]] = ...) -> None: ...

class AggregateRequest(_message.Message):
    __slots__ = ("model", "size")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    model: Model
    size: int
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., size: _Optional[int] = ...) -> None: ...

class AggregateResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: Model
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ...) -> None: ...
