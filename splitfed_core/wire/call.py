"""What two sides say to each other, whatever carries it: a call and its reply.

Roles make calls with arrays. Below the codec (`layers/codec.py`) the same calls carry encoded tensors: `T` is what a
call carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import nan
from typing import Generic, NamedTuple, TypeVar

from splitfed_core.arrays import IndexArray

T = TypeVar("T")
U = TypeVar("U")

WEIGHTS = ("weights",)
"""The names of a model's tensors: as many of this one as it has."""


class Kind(Enum):
    """What is asked; `takes` and `gives` name the tensors of the call and of its reply, in their order."""

    TRAIN_STEP = ("step", ("smashed", "labels"), ("gradient",))
    FORWARD_BODY = ("forward", ("smashed",), ("output",))
    BACKWARD_BODY = ("backward", ("gradient",), ("gradient",))
    END_ROUND = ("end_round", (), ())
    PREDICT = ("predict", ("smashed",), ("output",))
    PUSH_MODEL = ("push", WEIGHTS, ())
    GET_AGGREGATE = ("get_aggregate", (), WEIGHTS)

    def __init__(self, label: str, takes: tuple[str, ...], gives: tuple[str, ...]) -> None:
        self.label, self.takes, self.gives = label, takes, gives

    @property
    def uses_link(self) -> bool:
        """Whether an emulated link carries it: what the algorithm exchanges, not evaluation and our own bookkeeping."""
        return self is not Kind.END_ROUND and self is not Kind.PREDICT


def names_of(names: tuple[str, ...], tensors: Sequence[object]) -> tuple[str, ...]:
    """Return the name of each tensor, of what a kind takes or gives."""
    return names * len(tensors) if names == WEIGHTS else names


class Address(NamedTuple):
    """Whose call it is; `step` counts the client's steps of the round, from 0."""

    client_id: int
    round: int = 0
    step: int = 0


@dataclass(frozen=True, slots=True)
class ServerStamps:
    """When the server reached the boundaries between its phases, in seconds of its monotonic clock.

    The transport stamps what it received, the role what it decoded (and found right), started and computed, and the
    codec what it encoded.
    """

    received: float = nan
    decoded: float = nan
    started: float = nan
    computed: float = nan
    encoded: float = nan

    def shifted(self, seconds: float) -> "ServerStamps":
        """Return the same moments by a clock that is so far ahead."""
        stamps = (self.received, self.decoded, self.started, self.computed, self.encoded)
        return ServerStamps(*(stamp + seconds for stamp in stamps))


@dataclass(frozen=True, slots=True)
class Transit:
    """What the transport saw of one exchange: when it sent and had the reply (client's clock), and the sizes.

    `link_*_s` is how long an emulated link took for each way, of what lies between the stamps of both sides.
    """

    sent: float
    arrived: float
    uplink_bytes: int
    downlink_bytes: int
    link_uplink_s: float | None = None
    link_downlink_s: float | None = None


_NOT_STAMPED, _NOT_SENT = ServerStamps(), Transit(nan, nan, 0, 0)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A question of a client to a server.

    Attributes:
        kind: What is asked.
        address: Whose call it is.
        tensors: What it carries, as the kind says.
        examples: With a model: its weight in the average.
        received_s: When it reached the server, on that one's monotonic clock: set on arrival.
        deliver_s: When an emulated link has delivered it, on the clock that both sides share; None: there is no link.
        example_ids: Which of the client's examples the batch is of. They stay above the codec: one that needs them on
            the other side too puts them into its payload.
    """

    kind: Kind
    address: Address
    tensors: tuple[T, ...] = ()
    examples: int = 0
    received_s: float = nan
    deliver_s: float | None = None
    example_ids: IndexArray | None = field(default=None, compare=False)

    def carrying(self, tensors: tuple[U, ...]) -> "Call[U]":
        """Return the same call with other tensors."""
        return Call(self.kind, self.address, tensors, self.examples, self.received_s, self.deliver_s)

    def received(self, received_s: float) -> "Call[T]":
        """Return the call as it reached the server."""
        return Call(self.kind, self.address, self.tensors, self.examples, received_s, self.deliver_s)

    def due(self, deliver_s: float) -> "Call[T]":
        """Return the call as an emulated link delivers it at this moment."""
        return Call(self.kind, self.address, self.tensors, self.examples, self.received_s, deliver_s)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """The answer to a call.

    Attributes:
        tensors: What it carries, as the call's kind says.
        loss: Of a step: mean over its examples.
        correct: Of a step: examples classified correctly.
        server_update_s: At the end of a round: how long the optimizer took after each of the client's steps.
        server_device_s: Likewise, in an emulated cell: how much of the server's computing was held.
        server_late_s: Likewise: how much later than due its computing and its update were.
        waited_s: With an aggregate: how long it waited for the models of others.
        stamps: When the server did what.
        transit: What the client's transport saw: set there.
    """

    tensors: tuple[T, ...] = ()
    loss: float = nan
    correct: int = 0
    server_update_s: tuple[float, ...] = ()
    server_device_s: tuple[float, ...] = ()
    server_late_s: tuple[float, ...] = ()
    waited_s: float = 0.0
    stamps: ServerStamps = _NOT_STAMPED
    transit: Transit = _NOT_SENT

    def carrying(self, tensors: tuple[U, ...], stamps: ServerStamps) -> "Reply[U]":
        """Return the same reply with other tensors and stamps."""
        return Reply(
            tensors,
            self.loss,
            self.correct,
            self.server_update_s,
            self.server_device_s,
            self.server_late_s,
            self.waited_s,
            stamps,
            self.transit,
        )
