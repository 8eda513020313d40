"""One cell in its processes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, TypedDict, TypeVar

from benchmarks.cluster.actors import Actor, ServerActor, WorkerActor
from benchmarks.cluster.calls import get_all, get_all_timed
from benchmarks.cluster.placement import Placement
from benchmarks.cluster.ray_transport import RayTransport
from benchmarks.machine.code import merged
from benchmarks.workers.topology import servers_of, worker_count
from splitfed_core.arrays import Array
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.link_choice import trace_digests
from splitfed_core.data import Dataset, IndexArray
from splitfed_core.errors import CellError
from splitfed_core.federation.rounds import evaluated_clients
from splitfed_core.records.results import CellKey, DataShape, Evaluation, ModelFacts, WorkerRound
from splitfed_core.wire.clock import ClockOffset
from splitfed_core.wire.security.tls import Authority
from splitfed_core.wire.transports.addresses import PublicAddress
from splitfed_core.wire.transports.grpc_client import Endpoints

if TYPE_CHECKING:
    from ray import ObjectRef

T = TypeVar("T")


class ProcessMemory(TypedDict):
    """What the processes of a cell took, bytes: the largest worker, and each server by its role."""

    worker_rss_bytes: int
    roles: dict[str, dict[str, float]]


@dataclass(slots=True)
class Processes:
    """The warm processes of this run, all with the same number of threads; `callers` can call a server at once."""

    threads: int | None
    callers: int
    placement: Placement
    servers: dict[str, ServerActor] = field(default_factory=dict)
    workers: list[WorkerActor] = field(default_factory=list)

    def serve(self, threads: int | None, workers: int) -> bool:
        """Whether they can be used for a cell with these numbers of threads and workers."""
        return self.threads == threads and workers <= self.callers

    def all(self) -> list[Actor]:
        """Every process, servers first."""
        return [*self.servers.values(), *self.workers]


@dataclass(slots=True)
class CellProcesses:
    """One cell in its processes: the federation whose rounds are trained."""

    key: CellKey
    config: CellConfig
    shape: DataShape
    processes: Processes
    deadline: float
    token: str
    authority: Authority
    max_message_bytes: int
    clocks: list[ClockOffset] = field(default_factory=list)
    servers_cpu_s: dict[str, float] = field(default_factory=dict)
    _addresses: dict[str, str] = field(default_factory=dict)

    @property
    def workers(self) -> list[WorkerActor]:
        """The processes that hold its clients."""
        return self.processes.workers[: worker_count(self.config, self.processes.placement.cores)]

    @property
    def _servers(self) -> dict[str, ServerActor]:
        """The server processes that it needs, by name."""
        return {name: self.processes.servers[name] for name in servers_of(self.config)}

    def begin(self, dataset: "ObjectRef[Dataset]", indices: dict[int, IndexArray]) -> ModelFacts:
        """Build both sides at the same time, then connect them; `dataset` is a reference to the object store."""
        count = len(self.workers)
        servers = self._servers
        arbiter = servers["arbiter"].begin_cell.remote(self.key, self.config) if "arbiter" in servers else None
        building = [
            worker.begin_cell.remote(
                self.key,
                self.config,
                self.shape,
                dataset,
                {client: rows for client, rows in indices.items() if client % count == number},
                number,
                arbiter,
            )
            for number, worker in enumerate(self.workers)
        ]
        serving: dict[str, ObjectRef[str]] = {}
        exposed = self._exposed()
        served = (self.token, self.max_message_bytes, exposed, arbiter)
        if main := servers.get("main_server"):
            examples = {client: len(rows) for client, rows in indices.items()}
            serving["main"] = main.begin_cell.remote(self.key, self.config, self.shape, examples, *served)
        if fed := servers.get("fed_server"):
            start = self.workers[0].start.remote()
            serving["fed"] = fed.begin_cell.remote(self.key, self.config, start, *served)
        facts = self._get(building)
        self._addresses = dict(zip(serving, self._get(list(serving.values())), strict=True))
        if self.config.transport == "ray":
            self._attach(serving)
        elif serving:
            ends = Endpoints(
                main=self._addresses.get("main"),
                fed=self._addresses.get("fed"),
                token=self.token,
                deadline_s=self.config.timeout_s,
                max_message_bytes=self.max_message_bytes,
                certificate=self.authority.caller() if exposed else None,
            )
            self.clocks = self._get([worker.connect.remote(ends) for worker in self.workers])
        return facts[0]

    @property
    def listen(self) -> str | None:
        """Where its servers listen: `unix`, `loopback` or `tls`; None where there is no gRPC."""
        if not any(self._addresses.values()):
            return None
        if self._exposed():
            return "tls"
        return "unix" if all(address.startswith("unix:") for address in self._addresses.values()) else "loopback"

    def _exposed(self) -> PublicAddress | None:
        """Return how the servers are reached from other nodes; None where nobody is on another."""
        placement = self.processes.placement
        if not placement.spread(len(self.workers)) or not self._servers:
            return None
        transport = self.config.transport
        if transport in ("ray", None):  # None: the algorithm brings messages of its own
            what = "transport 'ray'" if transport else f"algorithm {self.config.algorithm!r}"
            raise CellError(
                f"{what} is measured on one host only, but the workers are on several nodes: use "
                "transport grpc and another algorithm, or leave out --ray-address"
            )
        return PublicAddress(placement.head.address, self.authority.server(placement.head.address))

    def _attach(self, serving: Collection[str]) -> None:
        deadline_s = self.config.timeout_s
        main = RayTransport(self._servers["main_server"], deadline_s) if "main" in serving else None
        fed = RayTransport(self._servers["fed_server"], deadline_s) if "fed" in serving else None
        self._get([worker.attach.remote(main, fed) for worker in self.workers])

    def train_round(self, round: int) -> list[WorkerRound]:
        """Train a round in all workers at the same time, and note what each of them and each server took for it."""
        before = self._ask_servers()
        sent = [(perf_counter(), worker.train_round.remote(round)) for worker in self.workers]
        answers = get_all_timed([call for _, call in sent], self.deadline)
        after = self._ask_servers()
        cpu_s = zip(self._servers, self._get(before), self._get(after), strict=True)
        self.servers_cpu_s = {name: ended - began for name, began, ended in cpu_s}
        seen = [arrived - began for (began, _), (_, arrived) in zip(sent, answers, strict=True)]
        return [replace(group, seen_s=s) for s, (groups, _) in zip(seen, answers, strict=True) for group in groups]

    def _ask_servers(self) -> "list[ObjectRef[float]]":
        return [server.cpu_s.remote() for server in self._servers.values()]

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate these clients, each where it is."""
        return self._joined([worker.evaluate.remote(client_ids) for worker in self.workers])

    def code(self) -> dict[str, str]:
        """Return the code that its processes have imported until now, and the traces that its links replay."""
        names = [self.config.model, self.config.algorithm]
        calls = [process.code.remote(names) for process in (*self._servers.values(), *self.workers)]
        return merged([*self._get(calls), trace_digests(self.config.link)])

    def joined_model(self) -> bytes:
        """Return the joined model of the last round, without aggregation that of one client, as a `.keras` file."""
        (client_id, *_) = evaluated_clients(self.key, self.config, self.config.rounds - 1)
        main = self._servers.get("main_server")
        server: ObjectRef[list[Array]] | list[Array] = main.get_weights.remote() if main else []
        worker = self.workers[client_id % len(self.workers)]
        (content,) = self._get([worker.joined_model.remote(client_id, server)])
        return content

    def end(self) -> ProcessMemory:
        """Close connections, then servers; returns the memory of the largest worker, and of each server by its role."""
        workers = self._get([worker.end_cell.remote() for worker in self.workers])
        used = self._get([server.end_cell.remote() for server in self._servers.values()])
        return {"worker_rss_bytes": max(workers), "roles": dict(zip(self._servers, used, strict=True))}

    def _joined(self, calls: "Sequence[ObjectRef[Sequence[T]]]") -> list[T]:
        return [item for items in self._get(calls) for item in items]

    def _get(self, calls: "Sequence[ObjectRef[T]]") -> list[T]:
        return get_all(calls, self.deadline)
