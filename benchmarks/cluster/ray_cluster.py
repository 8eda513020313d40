"""The processes of a sweep, warm between its cells."""

import tempfile
from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import ExitStack, chdir, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import monotonic, perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import ray

from benchmarks.cluster.calls import get_all
from benchmarks.cluster.cell_processes import CellProcesses, Processes
from benchmarks.cluster.logs import Logs
from benchmarks.cluster.nodes import NodeFacts, check_versions, describe_nodes, explain_loss
from benchmarks.cluster.placement import Node, find_nodes, on
from benchmarks.cluster.ray_start import join_ray, start_ray
from benchmarks.estimate.memory import check_memory, check_processes
from benchmarks.machine.code import merged
from benchmarks.runner import CellObserver, CellRun
from benchmarks.workers.client_worker import WorkerProcess
from benchmarks.workers.emulation import emulation_facts, slowdowns
from benchmarks.workers.servers import ArbiterProcess, FedServerProcess, MainServerProcess
from benchmarks.workers.topology import digest_of, servers_of, without_examples, worker_count
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.config.choice import Named
from splitfed_core.config.link_choice import trace_digests
from splitfed_core.data import Dataset, label_rows, load_dataset, make_shards, warnings_of
from splitfed_core.data.deal import assign_examples, shape_of
from splitfed_core.errors import CellError, ConfigError, SfbenchError
from splitfed_core.federation.codecs import largest_message_bytes
from splitfed_core.federation.rounds import train_rounds
from splitfed_core.records.results import CellKey, ModelFacts
from splitfed_core.wire.security.tls import Authority
from splitfed_core.wire.security.tokens import new_token

if TYPE_CHECKING:
    from ray import ObjectRef

_SPARE_CALLS = 4  # of a server beside one from each worker, which may all wait in it: to begin and end a cell


class Cluster:
    """Runs cells on Ray. A context manager: leaving it ends the processes, and the Ray that it started."""

    def __init__(self, *, ray_address: str | None = None, app_path: Sequence[Path] = ()) -> None:
        """Join or start Ray; see `open_cluster`, which is to be called instead."""
        self._stack = ExitStack()
        self._printed = Logs(self._stack)
        self._token = new_token()
        self._authority = Authority()
        self._app_path = [str(path.resolve()) for path in app_path]
        self._processes: Processes | None = None
        self._data: dict[Named, tuple[Dataset, ObjectRef[Dataset]] | ConfigError] = {}
        self._digests: dict[Named, str] = {}
        self._facts: dict[Hashable, ModelFacts] = {}
        # Ray puts the driver's working folder first on its workers' path; in an empty one nothing shadows our packages.
        # (The `working_dir` of a runtime environment does the same, but Ray is seconds slower with one.)
        empty = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sfbench-empty-"))
        with chdir(empty):
            join_ray(ray_address) if ray_address else start_ray()
        self._stack.callback(ray.shutdown)
        self._placement = find_nodes()
        self._free_bytes = self._placement.free_bytes  # before anything of the sweep is there

    @property
    def cores(self) -> int:
        """The cores of all nodes."""
        return self._placement.cores

    def check(self, configs: Sequence[CellConfig]) -> dict[int, ConfigError]:
        """Deal every data set and build every network once; see `CellRunner.check`. The processes start meanwhile."""
        refused: dict[int, ConfigError] = {}

        def check_each(step: Callable[[CellConfig], object]) -> None:
            for number, config in enumerate(configs):
                try:
                    if number not in refused:
                        step(config)
                except ConfigError as error:
                    refused[number] = error

        check_each(self._check_place)
        if held := [config for number, config in enumerate(configs) if number not in refused]:
            alike = [config for config in held if config.threads == held[0].threads]
            servers = {name for config in alike for name in servers_of(config)}
            self._warm(held[0].threads, max(map(self._workers, alike)), servers)
            check_versions(self._described())
        check_each(partial(self._deal_once, {}))  # data first: the processes start meanwhile
        check_each(self._network)
        return refused

    def code(self, configs: Sequence[CellConfig]) -> dict[str, str]:
        """Return the code that was imported until now; see `CellRunner.code`."""
        names = sorted({name for config in configs for name in (config.model, config.algorithm)})
        processes = self._processes.all() if self._processes else ()
        codes = get_all([process.code.remote(names) for process in processes], deadline=None)
        return merged([*codes, *(trace_digests(config.link) for config in configs)])

    def _check_place(self, config: CellConfig) -> None:
        """Refuse what these nodes cannot hold, before anything is started for it."""
        if config.emulates and self._placement.several:
            what = "link" if config.has_links else "device"
            raise ConfigError(
                f"{what}: it is emulated by the clock and the speed of one host, and this cluster "
                f"has {len(self._placement.nodes)} nodes; measure {what}s on one host, without --ray-address",
                what,
            )
        check_processes(config, self._free_bytes)

    def _deal_once(self, partitioned: dict[Hashable, ConfigError | None], config: CellConfig) -> None:
        """Deal a data set as a cell wants it, unless that was tried for another; raises what it raised then."""
        shards = (config.dataset, config.partitioner, config.clients, config.examples_per_client)
        if shards not in partitioned:
            partitioned[shards] = None
            try:
                assign_examples(self._dataset(config.dataset)[0], config, seed=0)
            except ConfigError as error:
                partitioned[shards] = error
        if (refusal := partitioned[shards]) is not None:
            raise refusal

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
        except BaseException as error:  # an interrupt, too: the log is kept, and no process is left in an unknown state
            printed = self._logs()
            if error.__cause__ is not None:
                printed += f"\n==> driver <==\n{error.__cause__}\n"
            placement = self._placement
            self._end_processes()
            with suppress(CellError):  # if the disk is full, the error itself says so
                observer.log(printed)
            if isinstance(error, SfbenchError):
                explain_loss(error, placement)
            raise
        observer.log(self._logs())
        return facts

    def _run_cell(self, run: CellRun, observer: CellObserver) -> dict[str, Any]:
        began = perf_counter()
        config = run.config
        deadline = monotonic() + config.timeout_s
        self._check_place(config)
        if config.isolation == "cell":
            self._end_processes()
        sizes = self._network(config)
        placement = self._placement
        dataset, shared = self._dataset(config.dataset)
        check_memory(config, sizes, placement.free_bytes, len(dataset.y_train))
        indices = assign_examples(dataset, config, run.seed)
        observer.labels(label_rows(dataset, make_shards(dataset, indices)))
        for warning in warnings_of(dataset, config, indices):
            observer.warn(warning)
        empty = without_examples(config, indices)
        indices = {client: rows for client, rows in indices.items() if client not in empty}
        slowed = slowdowns(config, run.seed, run.host)
        cell = CellProcesses(
            key=CellKey(run.cell_id, run.repeat, run.seed, empty, slowed),
            config=config,
            shape=shape_of(dataset),
            processes=self._warm(config.threads, self._workers(config), servers_of(config)),
            deadline=deadline,
            token=self._token,
            authority=self._authority,
            max_message_bytes=largest_message_bytes(config, sizes),
        )
        facts = cell.begin(shared, indices)
        cell.code()  # as soon as it is imported: what is edited while the cell runs is not what runs
        setup_s, first_step_s = perf_counter() - began, None
        for result in train_rounds(cell.key, config, cell):
            first_step_s = result.epoch - began
            observer.round(result.steps, result.clients, result.row)
        if config.save_model:
            observer.model(cell.joined_model())
        code, listen, memory = cell.code(), cell.listen, cell.end()
        return {
            **asdict(facts),
            **memory,
            "code": code,
            "workers": len(cell.workers),
            "listen": listen,
            **({"nodes": self._described(), "clocks": list(map(asdict, cell.clocks))} if placement.several else {}),
            "emulation": emulation_facts(config, run.seed, slowed, run.host, placement.cores),
            "threads": {"worker": config.threads, "main_server": config.threads, "fed_server": 1},
            "examples": sum(map(len, indices.values())),
            "dataset": {
                "train": len(dataset.y_train),
                "test": len(dataset.y_test),
                "shape": list(dataset.input_shape),
                "classes": dataset.num_classes,
                "digest": self._digest(config.dataset),
            },
            "setup_s": setup_s,
            "first_step_s": first_step_s,
        }

    def _network(self, config: CellConfig) -> ModelFacts:
        """Build a network and its cut once, and keep their sizes; raises `ConfigError` for what cannot be."""
        own = config.algorithm if ":" in config.algorithm else None  # to be loaded there, too
        what = (config.dataset, config.model, config.cut_layer, config.loss, own)
        if what not in self._facts:
            dataset, _ = self._dataset(config.dataset)
            worker, *_ = self._warm(config.threads, workers=1, servers=()).workers
            (self._facts[what],) = get_all([worker.check.remote(config, shape_of(dataset))], deadline=None)
        return self._facts[what]

    def _dataset(self, choice: Named) -> "tuple[Dataset, ObjectRef[Dataset]]":
        """Load a data set once, also one that fails; the workers share one copy of it in Ray's object store."""
        if choice not in self._data:
            try:
                dataset = load_dataset(choice)
            except ConfigError as error:
                self._data[choice] = error
            else:
                self._data[choice] = (dataset, ray.put(dataset))
        loaded = self._data[choice]
        if isinstance(loaded, ConfigError):
            raise loaded
        return loaded

    def _digest(self, choice: Named) -> str:
        """Hash the content of a data set once."""
        if choice not in self._digests:
            self._digests[choice] = digest_of(self._dataset(choice)[0])
        return self._digests[choice]

    def _warm(self, threads: int | None, workers: int, servers: Collection[str]) -> Processes:
        """Return running processes with this number of threads; what is missing is started, all at the same time."""
        if self._processes is not None and not self._processes.serve(threads, workers):
            self._end_processes()
        if self._processes is None:
            self._placement = find_nodes()
            self._processes = Processes(threads, max(workers, self._placement.cores), self._placement)
        for name, (process, its_threads) in {
            "main_server": (MainServerProcess, threads),
            "fed_server": (FedServerProcess, 0),
            "arbiter": (ArbiterProcess, 0),
        }.items():
            # Of several nodes, the servers' own is described by one of them.
            described = self._placement.several and name != "arbiter"
            if (name in servers or described) and name not in self._processes.servers:
                calls = self._processes.callers + _SPARE_CALLS
                server = self._start(process, name, its_threads, self._placement.head, calls)
                self._processes.servers[name] = server
        for number in range(len(self._processes.workers), workers):
            node = self._placement.next_worker()
            self._processes.workers.append(self._start(WorkerProcess, f"worker{number}", threads, node))
        return self._processes

    def _start(self, process: type, name: str, threads: int | None, node: Node, calls_at_once: int = 1) -> Any:
        actor = ray.remote(num_cpus=0, max_concurrency=calls_at_once, scheduling_strategy=on(node))(process)
        log_dir = self._printed.folder if node == self._placement.head else None
        return actor.remote(name, log_dir, threads, self._app_path)

    def _workers(self, config: CellConfig) -> int:
        return worker_count(config, self._placement.cores)

    def _described(self) -> list[NodeFacts]:
        """Describe each node of several, by a process there; nothing where there is one."""
        if self._processes is None or not self._placement.several:
            return []
        return describe_nodes(self._processes)

    def _logs(self) -> str:
        """Return what the processes have printed since the last call."""
        if self._processes is None:
            return self._printed.collect([])
        placed = zip(self._processes.workers, self._processes.placement.workers, strict=True)
        head = self._processes.placement.head
        away = [(f"worker{n} on {node}", worker) for n, (worker, node) in enumerate(placed) if node != head]
        return self._printed.collect(away)

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
