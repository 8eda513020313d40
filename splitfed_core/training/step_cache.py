"""The compiled steps of a process, kept for its next cell."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar, cast

import keras

from splitfed_core.models import is_own
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.training.segment import ClientSegment, Segment
from splitfed_core.training.split_step import ServerStep
from splitfed_core.training.ushape_step import BodyStep

P = TypeVar("P", bound=Segment)


class CompiledStepCache:
    """Compiled steps by what they were compiled for: a cell of the same shape takes one over, with a state of its own.

    A process that trains one cell at a time has one of these. Steps of the user's own networks are not kept: theirs may
    hold random numbers that are drawn from the graph, and would go on where the last cell ended.
    """

    def __init__(self) -> None:
        self._segments: dict[Hashable, Segment] = {}

    def client(self, network: CellNetwork) -> ClientSegment:
        """Return the compiled step of the client's side."""
        return self._take("client", network, network.client_segment, network.client_side)

    def server(self, network: CellNetwork, copy: int = 0) -> ServerStep:
        """Return a compiled step of the main server's half; different copies are different steps."""
        return self._take(f"server {copy}", network, network.server_segment, network.server_side)

    def body(self, network: CellNetwork) -> BodyStep:
        """Return the compiled step of the main server's body."""
        return self._take("body", network, network.body_segment, network.server_side)

    def _take(self, role: str, network: CellNetwork, build: Callable[[], P], models: Sequence[keras.Model]) -> P:
        if is_own(network.model):
            return build()
        key = (role, network.cache_key)
        if key in self._segments:
            self._segments[key].restart(models)
        else:
            self._segments[key] = build()
        return cast("P", self._segments[key])
