"""The seam between two sides: a transport has one method, and a service answers it.

Layers (`wire/layers`) have the same one method, so that they can be put around any transport.
"""

from typing import NoReturn, Protocol, TypeVar

from splitfed_core.errors import CellError
from splitfed_core.wire.call import Call, Kind, Reply

T = TypeVar("T")


class Transport(Protocol[T]):
    """A client's way to a server."""

    def exchange(self, call: Call[T]) -> Reply[T]:
        """Take a call to the server and its reply back; the reply's `transit` is set."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class Service(Protocol[T]):
    """What a server offers."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """The calls that it takes."""
        ...

    def handle(self, call: Call[T]) -> Reply[T]:
        """Answer a call, whose `received_s` is set; any thread may ask, many at once."""
        ...


class NoServer:
    """The way to a server that the algorithm does not have."""

    def exchange(self, call: Call[T]) -> NoReturn:
        """Say so.

        Raises:
            CellError: Always.
        """
        raise CellError(f"{call.kind.label}: this cell's algorithm has no server for it")

    def close(self) -> None:
        """Nothing to end."""
