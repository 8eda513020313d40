"""The relay of sequential split learning: hands one state from client to client."""

import threading
from collections.abc import Callable, Sequence

from splitfed_core.arrays import Array
from splitfed_core.errors import StragglerError
from splitfed_core.roles.fed_server import ModelServer
from splitfed_core.wire.call import Call


class Relay(ModelServer):
    """Sequential split learning: hands the state of each client on to the next one."""

    def __init__(self, predecessor: Callable[[int, int], tuple[int, int] | None], deadline_s: float) -> None:
        """Serve; `predecessor(client, round)` says whose state of which round a client goes on from, None at first."""
        self._predecessor = predecessor
        self._deadline_s = deadline_s
        self._last: tuple[int, int] | None = None
        self._state: Sequence[Array] = ()
        self._changed = threading.Condition()

    def push(self, call: Call[Array]) -> None:
        """Take the state of a client that has ended its local epochs."""
        with self._changed:
            self._last, self._state = (call.address.client_id, call.address.round), call.tensors
            self._changed.notify_all()

    def get_aggregate(self, client_id: int, round: int) -> Sequence[Array]:
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
