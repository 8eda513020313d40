"""Ray: starts the processes of a cell, keeps them warm for the next one, and carries commands and rows.

Tensors between the two sides never pass through here; they go over the transports of `splitfed_core.wire`.
"""

import os
import re
import tempfile
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, perf_counter
from types import TracebackType
from typing import Any, Self

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before import: Ray phones home by default
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # or it prints on the terminal what `CellError` says
os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # the same, of the second process that fails and all after it
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the coming default; without it Ray warns

import ray
from psutil import virtual_memory
from ray.exceptions import RayActorError, RayTaskError

from benchmarks.capacity import check_memory
from benchmarks.dealing import deal, shape_of, worker_count
from benchmarks.plan import CellObserver, CellRun
from benchmarks.processes import FedServerProcess, MainServerProcess, WorkerProcess
from splitfed_core.cell import CellKey, DataShape, Evaluation, GroupRound, ModelFacts
from splitfed_core.config import CellConfig, Named
from splitfed_core.data import Dataset, IndexArray, label_rows, load_dataset, make_shards
from splitfed_core.errors import CellError, CellTimeoutError, SfbenchError
from splitfed_core.rounds import evaluated_clients, train
from splitfed_core.wire.channel import Endpoints
from splitfed_core.wire.security import new_token

_POLL_S = 0.5  # how soon an interrupt or a timeout is seen


@dataclass(slots=True)
class _Processes:
    """The warm processes of this run; all with the same number of threads."""

    threads: int | None
    main: Any
    fed: Any
    workers: list[Any] = field(default_factory=list)

    def all(self) -> list[Any]:
        """Every process, servers first."""
        return [self.main, self.fed, *self.workers]


class Cluster:
    """Runs cells on Ray. A context manager: leaving it ends the processes, and the Ray that it started."""

    def __init__(self, *, ray_address: str | None = None, app_path: Sequence[Path] = ()) -> None:
        """Join or start Ray.

        Args:
            ray_address: Of a cluster to join; without it a local one is started.
            app_path: Folders from which workers import a user's own modules; they come last on their path.
        """
        self._stack = ExitStack()
        self._log_dir = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sfbench-log-"))
        self._log_read: dict[Path, int] = {}
        self._token = new_token()
        self._app_path = [str(path.resolve()) for path in app_path]
        self._processes: _Processes | None = None
        self._data: dict[Named, tuple[Dataset, Any]] = {}
        self._facts: dict[Hashable, ModelFacts] = {}
        # Ray puts the driver's folder first on its workers' path; in an empty one nothing shadows our packages.
        empty = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sfbench-empty-"))
        ray.init(
            address=ray_address,
            include_dashboard=None if ray_address else False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"working_dir": empty},
        )
        self._stack.callback(ray.shutdown)

    def check(self, configs: Sequence[CellConfig]) -> None:
        """Deal every data set and build every network once; raises `ConfigError` for what cannot be.

        All processes that the first of these cells needs start meanwhile.
        """
        dealt: set[tuple[Any, ...]] = set()
        self._warm(configs[0].threads, max(worker_count(c) for c in configs if c.threads == configs[0].threads))
        for config in configs:
            shards = (config.dataset, config.partitioner, config.clients, config.examples_per_client)
            if shards not in dealt:
                dealt.add(shards)
                deal(self._dataset(config.dataset)[0], config, seed=0)
        for config in configs:
            self._network(config)

    def run_cell(self, run: CellRun, observer: CellObserver) -> dict[str, Any]:
        """Run one cell and repeat; rows go to the observer once a round.

        Returns:
            The facts of the manifest.

        Raises:
            CellError: A process failed or was lost; all of them are replaced before the next cell.
            CellTimeoutError: The cell ran over its `timeout_s`.
        """
        try:
            facts = self._run_cell(run, observer)
        except BaseException as error:
            observer.log(self._logs())
            if error.__cause__ is not None:
                observer.log(f"\n==> driver <==\n{error.__cause__}\n")
            self._end_processes()
            raise
        observer.log(self._logs())
        return facts

    def _run_cell(self, run: CellRun, observer: CellObserver) -> dict[str, Any]:
        began = perf_counter()
        config = run.config
        deadline = monotonic() + config.timeout_s
        if config.isolation == "cell":
            self._end_processes()
        check_memory(config, self._network(config), virtual_memory().available)
        dataset, shared = self._dataset(config.dataset)
        indices = deal(dataset, config, run.seed)
        observer.labels(label_rows(dataset, make_shards(dataset, indices)))
        cell = _Cell(
            key=CellKey(run.cell_id, run.repeat, run.seed),
            config=config,
            shape=shape_of(dataset),
            processes=self._warm(config.threads, worker_count(config)),
            deadline=deadline,
        )
        facts = cell.begin(shared, indices, self._token)
        setup_s, first_step_s = perf_counter() - began, None
        for result in train(cell.key, config, cell):
            first_step_s = result.epoch - began
            observer.round(result.steps, result.clients, result.row)
        if config.save_model:
            observer.model(cell.joined_model())
        roles = cell.end()
        return {
            **asdict(facts),
            "roles": roles,
            "workers": len(cell.workers),
            "threads": {"worker": config.threads, "main_server": config.threads, "fed_server": 1},
            "examples": sum(map(len, indices.values())),
            "dataset": {
                "train": len(dataset.y_train),
                "test": len(dataset.y_test),
                "shape": list(dataset.input_shape),
                "classes": dataset.num_classes,
            },
            "setup_s": setup_s,
            "first_step_s": first_step_s,
        }

    def _network(self, config: CellConfig) -> ModelFacts:
        """Build a network and its cut once, and keep their sizes; raises `ConfigError` for what cannot be."""
        what = (config.dataset, config.model, config.cut_layer, config.loss)
        if what not in self._facts:
            dataset, _ = self._dataset(config.dataset)
            main = self._warm(config.threads, workers=0).main
            (self._facts[what],) = _get([main.check.remote(config, shape_of(dataset))], deadline=None)
        return self._facts[what]

    def _dataset(self, choice: Named) -> tuple[Dataset, Any]:
        """Load a data set once; the workers share one copy of it in Ray's object store."""
        if choice not in self._data:
            dataset = load_dataset(choice)
            self._data[choice] = (dataset, ray.put(dataset))
        return self._data[choice]

    def _warm(self, threads: int | None, workers: int) -> _Processes:
        """Return running processes with this number of threads; what is missing is started, all at the same time."""
        if self._processes is not None and self._processes.threads != threads:
            self._end_processes()
        if self._processes is None:
            self._processes = _Processes(
                threads,
                self._start(MainServerProcess, "main_server", threads),
                self._start(FedServerProcess, "fed_server", 0),
            )
        for number in range(len(self._processes.workers), workers):
            self._processes.workers.append(self._start(WorkerProcess, f"worker{number}", threads))
        return self._processes

    def _start(self, process: type, name: str, threads: int | None) -> Any:
        return ray.remote(num_cpus=0)(process).remote(name, self._log_dir, threads, self._app_path)

    def _logs(self) -> str:
        """Return what the processes have printed since the last call, those that are gone included."""
        texts = []
        for path in sorted(Path(self._log_dir).glob("*.log")):
            with path.open(errors="replace") as file:
                file.seek(self._log_read.get(path, 0))
                text = file.read()
                self._log_read[path] = file.tell()
            if text:
                texts.append(f"==> {path.stem} <==\n{text}")
        return "\n".join(texts)

    def _end_processes(self) -> None:
        """End all processes at once; the next cell starts new ones."""
        for process in self._processes.all() if self._processes else ():
            ray.kill(process)
        self._processes = None

    def close(self) -> None:
        """End the processes and leave Ray."""
        self._end_processes()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(slots=True)
class _Cell:
    """One cell in its processes: the federation whose rounds are trained."""

    key: CellKey
    config: CellConfig
    shape: DataShape
    processes: _Processes
    deadline: float

    @property
    def workers(self) -> list[Any]:
        """The processes that hold its clients."""
        return self.processes.workers[: worker_count(self.config)]

    @property
    def _servers(self) -> list[Any]:
        """The server processes that it needs; a cell within one process has its servers there."""
        if self.config.in_one_process:
            return []
        main = [self.processes.main] if self.config.has_main_server else []
        return main + ([self.processes.fed] if self.config.exchanges_models else [])

    def begin(self, dataset: Any, indices: dict[int, IndexArray], token: str) -> ModelFacts:
        """Build both sides at the same time, then connect them; `dataset` is a reference to the object store."""
        count = len(self.workers)
        building = [
            worker.begin_cell.remote(
                self.key,
                self.config,
                self.shape,
                dataset,
                {client: rows for client, rows in indices.items() if client % count == number},
                number,
            )
            for number, worker in enumerate(self.workers)
        ]
        serving: dict[str, Any] = {}
        if self.processes.main in self._servers:
            examples = {client: len(rows) for client, rows in indices.items()}
            serving["main"] = self.processes.main.begin_cell.remote(self.key, self.config, self.shape, examples, token)
        if self.processes.fed in self._servers:
            start = self.workers[0].start.remote()
            serving["fed"] = self.processes.fed.begin_cell.remote(self.key, self.config, start, token)
        facts: list[ModelFacts] = self._get(building)
        if serving:
            addresses = dict(zip(serving, self._get(list(serving.values())), strict=True))
            ends = Endpoints(addresses.get("main"), addresses.get("fed"), token, self.config.timeout_s)
            self._get([worker.connect.remote(ends) for worker in self.workers])
        return facts[0]

    def train_round(self, round: int) -> list[GroupRound]:
        """Train a round in all workers at the same time."""
        return self._joined([worker.train_round.remote(round) for worker in self.workers])

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        """Evaluate these clients, each where it is."""
        return self._joined([worker.evaluate.remote(client_ids) for worker in self.workers])

    def joined_model(self) -> bytes:
        """Return the joined model of the last round, without aggregation that of one client, as a `.keras` file."""
        (client_id, *_) = evaluated_clients(self.key, self.config, self.config.rounds - 1)
        server = self.processes.main.get_weights.remote() if self.processes.main in self._servers else []
        worker = self.workers[client_id % len(self.workers)]
        (content,) = self._get([worker.joined_model.remote(client_id, server)])
        return bytes(content)

    def end(self) -> dict[str, dict[str, float]]:
        """Close connections, then servers; returns what each server took, by its role."""
        self._get([worker.end_cell.remote() for worker in self.workers])
        used = self._get([server.end_cell.remote() for server in self._servers])
        names = ["main_server" if server is self.processes.main else "fed_server" for server in self._servers]
        return dict(zip(names, used, strict=True))

    def _joined(self, calls: Sequence[Any]) -> list[Any]:
        return [item for items in self._get(calls) for item in items]

    def _get(self, calls: Sequence[Any]) -> list[Any]:
        return _get(calls, self.deadline)


def _get(calls: Sequence[Any], deadline: float | None) -> list[Any]:
    """Wait for all calls, seeing the first failure at once, an interrupt soon, and the deadline.

    Raises:
        CellTimeoutError: The deadline (monotonic, s) has passed.
        CellError: A process was lost, or failed in a call; an expected error comes as itself.
    """
    waiting = list(calls)
    while waiting:
        done, waiting = ray.wait(waiting, timeout=_POLL_S)
        for call in done:
            _result(call)
        if deadline is not None and monotonic() > deadline:
            raise CellTimeoutError("the cell ran over its timeout_s; raise it, or make the cell smaller")
    return [_result(call) for call in calls]


def _result(call: Any) -> Any:
    try:
        return ray.get(call)
    except RayTaskError as error:
        if isinstance(error.cause, SfbenchError):
            raise error.cause from None
        raise CellError(f"a process failed: {error.cause!r}; its traceback is in log.txt") from error
    except RayActorError as error:
        who = re.search(r"class_name: (\w+).*?pid: (\d+)", str(error), re.DOTALL)
        name = f"{who[1]}, pid {who[2]}, " if who else ""
        raise CellError(f"a process of the cell was lost: {name}killed, crashed or out of memory") from error
