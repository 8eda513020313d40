"""How a baseline brings processes of its own: what the processes of a cell hold instead of our servers and clients."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from splitfed_core.algorithms import Algorithm, register

if TYPE_CHECKING:  # whoever reads a grid loads none of it
    from splitfed_core.arrays import Array
    from splitfed_core.config.cell_config import CellConfig
    from splitfed_core.data import ClientShard
    from splitfed_core.records.results import CellKey, DataShape, Evaluation, ModelFacts, WorkerRound
    from splitfed_core.wire.transports.grpc_client import Endpoints


class OwnServer(Protocol):
    """A server that listens as soon as it is made."""

    address: str


class OwnMainServer(OwnServer, Protocol):
    """A main server of its own kind."""

    replicas: int

    def get_weights(self) -> list["Array"]:
        """Return the weights of the server-side model."""
        ...


class OwnClients(Protocol):
    """The clients of one process."""

    facts: "ModelFacts"

    def connect(self, ends: "Endpoints") -> None:
        """Connect them to the servers."""
        ...

    def start(self) -> tuple[list["Array"], list[bool]]:
        """Return what the fed server needs of their first weights."""
        ...

    def train_round(self, round: int) -> list["WorkerRound"]:
        """Train a round."""
        ...

    def evaluate(self, client_ids: Sequence[int]) -> list["Evaluation"]:
        """Evaluate those of these clients that are here."""
        ...

    def get_weights(self, client_id: int) -> list["Array"]:
        """Return the weights of one client's part of the network."""
        ...

    def get_server_weights(self) -> list["Array"]:
        """Return the weights of the main server's part, where it is here."""
        ...


MakeMainServer: TypeAlias = Callable[["CellKey", "CellConfig", "DataShape", str], AbstractContextManager[OwnMainServer]]
MakeFedServer: TypeAlias = Callable[["CellConfig", str], AbstractContextManager[OwnServer]]
MakeClients: TypeAlias = Callable[
    ["CellKey", "CellConfig", "DataShape", Sequence["ClientShard"], tuple["Array", "Array"], int],
    AbstractContextManager[OwnClients],
]


@dataclass(frozen=True, slots=True)
class OwnProcesses:
    """What a baseline makes instead of ours: its main server, its fed server (both with a token), and its clients.

    Its algorithm ignores what it has only one way for: `workers` (a process for each client), `participation` (all of
    them take part) and `transport` (messages of its own, on one host).
    """

    main_server: MakeMainServer
    fed_server: MakeFedServer
    clients: MakeClients


_REGISTERED: dict[str, OwnProcesses] = {}


def register_baseline(algorithm: Algorithm, processes: OwnProcesses) -> None:
    """Make a baseline known by the name of its algorithm."""
    _REGISTERED[register(algorithm).name] = processes


def own_processes(algorithm: str) -> OwnProcesses | None:
    """Return the processes that an algorithm brings; None: it is trained by ours."""
    return _REGISTERED.get(algorithm)
