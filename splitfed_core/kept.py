"""The compiled steps of a process, kept for its next cell."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar, cast

import keras

from splitfed_core.models import is_own
from splitfed_core.parts import Network
from splitfed_core.steps.part import Part
from splitfed_core.steps.split import ServerStep
from splitfed_core.steps.ushape import BodyStep

P = TypeVar("P", bound=Part)


class KeptParts:
    """Compiled steps by what they were compiled for: a cell of the same shape takes one over, with a state of its own.

    A process that trains one cell at a time has one of these. Steps of the user's own networks are not kept: theirs may
    hold random numbers that are drawn from the graph, and would go on where the last cell ended.
    """

    def __init__(self) -> None:
        self._parts: dict[Hashable, Part] = {}

    def client(self, network: Network) -> Part:
        """Return the compiled step of the client's side."""
        return self._take("client", network, network.client_part, network.client_side)

    def server(self, network: Network, copy: int = 0) -> ServerStep:
        """Return a compiled step of the main server's half; different copies are different steps."""
        return self._take(f"server {copy}", network, network.server_part, network.server_side)

    def body(self, network: Network) -> BodyStep:
        """Return the compiled step of the main server's body."""
        return self._take("body", network, network.body_part, network.server_side)

    def _take(self, role: str, network: Network, build: Callable[[], P], models: Sequence[keras.Model]) -> P:
        if is_own(network.model):
            return build()
        kind = (role, network.kind)
        if kind in self._parts:
            self._parts[kind].restart(models)
        else:
            self._parts[kind] = build()
        return cast("P", self._parts[kind])
