"""What an algorithm is: a value that says who has which part of the network, and what its clients do in a round.

It lies below everything else. An algorithm is written against `TrainingClient`, not against a transport or a compiled
step, so its file shows the paper's pseudocode and nothing more, and loads nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from splitfed_core.errors import ConfigError

if TYPE_CHECKING:  # imports numpy
    from splitfed_core.arrays import Array

Batch = TypeVar("Batch")
Weights: TypeAlias = list["Array"]


class TrainingClient(Protocol[Batch]):
    """What an algorithm can ask of a client; see `roles.client.Client`."""

    def batches(self, round: int) -> Iterator[Batch]:
        """Yield its mini-batches of a round: `local_epochs` passes over its data."""
        ...

    def train_step(self, batch: Batch) -> None:
        """Train on one mini-batch, together with the main server where there is one."""
        ...

    def end_server_round(self, round: int) -> None:
        """Tell the main server that this client's round is over."""
        ...

    def push_model(self, round: int) -> None:
        """Send its weights to the fed server."""
        ...

    def pull_model(self, round: int) -> None:
        """Take over the aggregate of a round, unless it is here already."""
        ...

    def push_state(self, round: int) -> None:
        """Hand weights and optimizer state on, through the fed server."""
        ...

    def pull_state(self, round: int) -> None:
        """Take over weights and optimizer state of the client before."""
        ...


class ClientRound(Protocol):
    """What the clients of one process do in a round."""

    def __call__(self, clients: Sequence[TrainingClient[Batch]], round: int, *, aggregation: bool) -> None:
        """Train those clients of the round that are here; with `aggregation` their models are averaged after it."""
        ...


AverageCopies: TypeAlias = Callable[[Sequence[tuple[Weights, int]]], Weights]
"""What the main server makes of its copies after a round, from the weights and the number of examples of each."""


class Plain(Enum):
    """A training written plainly in `verification.reference`: one process, no wire, no compiled steps."""

    UNSPLIT = "the unsplit network on one client's mini-batches"
    FEDERATED = "FedAvg of the unsplit network"
    SHARED_SERVER = "clients in turn, through one server-side model"


@dataclass(frozen=True, slots=True)
class Reference:
    """What an algorithm must equal, up to rounding; `sfbench verify` holds it against that.

    Attributes:
        oracle: The name of this law in the verdicts.
        training: What it must equal: a plain training, or a function with the arguments and the result of those.
        clients: With so many clients; None for any number.
        optimizer: With this optimizer; None for either.
    """

    oracle: str
    training: Plain | Callable[..., Any]
    clients: int | None = None
    optimizer: str | None = None


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm as a value: everything that the rest of sfbench knows about it.

    Attributes:
        name: The value of the parameter `algorithm`.
        paper: Where it is from.
        cuts: How often the network is cut: 0 it stays whole, 1 in two halves, 2 the outer parts stay with the clients.
        server: What the main server has: nothing, one model that all clients share, a copy of it for each client, or
            the body between two cuts.
        handover: What becomes of the clients' models after a round: nothing, the fed server averages them, or each
            client goes on from the one before it.
        ignored: The parameters that mean nothing to it: they are null in its cells.
        client_round: What its clients do in a round; None for a baseline that brings processes of its own.
        average_copies: What the main server makes of its copies after a round; None: each stays as it is.
        reference: What it must equal; None: nothing is known.
    """

    name: str
    paper: str
    cuts: Literal[0, 1, 2]
    server: Literal["none", "shared", "copies", "body"]
    handover: Literal["none", "average", "relay"]
    client_round: ClientRound | None
    ignored: frozenset[str] = frozenset()
    average_copies: AverageCopies | None = None
    reference: Reference | None = None

    def __post_init__(self) -> None:
        """Refuse a value that contradicts itself.

        Raises:
            ConfigError: Two of its attributes, and what would make them agree.
        """
        allowed = {0: ("none",), 1: ("shared", "copies"), 2: ("body",)}[self.cuts]
        if self.server not in allowed:
            raise self._error(f"server {self.server!r} does not fit cuts {self.cuts}; give {' or '.join(allowed)}")
        if (self.cuts == 0) != ("cut_layer" in self.ignored):
            raise self._error("an algorithm without a cut ignores 'cut_layer', and no other does; see `ignored`")
        if self.handover != "average" and not {"aggregation", "strategy"} <= self.ignored:
            raise self._error(f"handover {self.handover!r} averages nothing; ignore 'aggregation' and 'strategy'")
        if self.average_copies is not None and self.server != "copies":
            raise self._error(f"server {self.server!r} has no copies to average; leave `average_copies` out")

    def _error(self, problem: str) -> ConfigError:
        return ConfigError(f"algorithm {self.name!r}: {problem}", "algorithm")

    @property
    def in_line(self) -> bool:
        """Whether one client trains after the other, in a seeded order, each going on from the one before."""
        return self.handover == "relay"

    @property
    def has_servers(self) -> bool:
        """Whether anything of it is outside the clients."""
        return self.server != "none" or self.handover != "none"


def in_turns(clients: Sequence[TrainingClient[Batch]], round: int) -> Iterator[tuple[TrainingClient[Batch], Batch]]:
    """Yield step t of every client before step t + 1 of any; clients whose data has run out drop out."""
    running = [(client, client.batches(round)) for client in clients]
    while running:
        still = []
        for client, batches in running:
            batch = next(batches, None)
            if batch is not None:
                yield client, batch
                still.append((client, batches))
        running = still
