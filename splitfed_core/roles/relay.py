"""The relay of sequential split learning: hands one state from client to client."""

import threading
from collections.abc import Callable

from splitfed_core.errors import StragglerError
from splitfed_core.roles.fed_server import Tensors
from splitfed_core.wire.messages import ClientModel


class Relay:
    """Sequential split learning: hands the state of each client on to the next one. Has the fed server's interface."""

    def __init__(self, predecessor: Callable[[int, int], tuple[int, int] | None], deadline_s: float) -> None:
        """Serve; `predecessor(client, round)` says whose state of which round a client goes on from, None at first."""
        self._predecessor = predecessor
        self._deadline_s = deadline_s
        self._last: tuple[int, int] | None = None
        self._state: Tensors = ()
        self._changed = threading.Condition()

    def push(self, model: ClientModel) -> None:
        """Take the state of a client that has ended its local epochs."""
        with self._changed:
            self._last, self._state = (model.client_id, model.round), model.weights
            self._changed.notify_all()

    def get_aggregate(self, client_id: int, round: int) -> Tensors:
        """Wait for the state of the client before; empty for the very first one, which has its own.

        Raises:
            StragglerError: It did not come in time.
        """
        before = self._predecessor(client_id, round)
        with self._changed:
            if not self._changed.wait_for(lambda: self._last == before, self._deadline_s):
                raise StragglerError(
                    f"round {round}: client {client_id} waited {self._deadline_s:g} s for the state of (client, round) "
                    f"{before}; raise timeout_s or find the lost client"
                )
            return self._state
