from collections.abc import Mapping, Sequence
from typing import Self

from tensorflow import Graph

_Options = Mapping[str, object]

class GraphNodeProto:
    name: str
    float_ops: int
    children: Sequence[GraphNodeProto]

class ProfileOptionBuilder:
    def __init__(self, options: _Options | None = ...) -> None: ...
    @staticmethod
    def float_operation() -> _Options: ...
    def with_empty_output(self) -> Self: ...
    def build(self) -> _Options: ...

def profile(graph: Graph, *, cmd: str, options: _Options) -> GraphNodeProto: ...
