"""Pace: how long computing takes beyond its own time. One seam for whatever slows a participant.

Whatever slows it waits here, and each wait ends inside the phase that it slows: the client's forward pass before its
message leaves, its backward pass after the update, the server's step inside its turn, so that others queue behind it.
A layer round an exchange could do none of that: it sees messages, which are sent when computing is over.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

Place: TypeAlias = Literal[
    "client_forward",
    "client_encode",
    "server_forward",  # of the body; its backward pass is `server_compute`
    "client_decode",
    "client_tail",
    "server_compute",
    "server_update",
    "client_backward",
    "between_steps",
    "aggregation",
]
"""What was computed. A u-shaped step has each of the client's and the server's, its codec's twice; an unsplit one is
the client's forward and backward."""


class Pace(Protocol):
    """Told when a computation for a client begins and ends; it may hold its end back."""

    def begin(self, client_id: int) -> None:
        """Note that a computation for this client begins."""
        ...

    def hold(self, place: Place, client_id: int) -> None:
        """Return when what has just been computed is due; without a `begin` since the last one, it took no time."""
        ...


class _NoPace:
    """Everything is due when it is computed."""

    def begin(self, client_id: int) -> None:
        """Note nothing."""

    def hold(self, place: Place, client_id: int) -> None:
        """Do not wait."""


NO_PACE: Pace = _NoPace()


class Paces:
    """Several paces one after the other: a slow device first, then a delay that somebody put into its step."""

    def __init__(self, paces: Sequence[Pace]) -> None:
        self.paces = tuple(paces)

    def begin(self, client_id: int) -> None:
        """Tell all, the first one last: it begins right before the computation, and holds right after it."""
        for pace in reversed(self.paces):
            pace.begin(client_id)

    def hold(self, place: Place, client_id: int) -> None:
        """Return when all of them have let go."""
        for pace in self.paces:
            pace.hold(place, client_id)


def together(*paces: Pace) -> Pace:
    """Return one pace for all of these; `NO_PACE` if none of them slows anything."""
    slowing = [pace for pace in paces if pace is not NO_PACE]
    if len(slowing) > 1:
        return Paces(slowing)
    return slowing[0] if slowing else NO_PACE
