"""Goals that are measured on whole cells: real processes, the same as in a sweep."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from statistics import fmean, median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.own_cost.goals import Result, goal, ratios
from benchmarks.runner import CellRun
from benchmarks.store.summary_file import Tally
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.rows import ClientRow, LabelRow, RoundRow, StepRow

if TYPE_CHECKING:  # imports Ray, which `open_cluster` keeps private first
    from benchmarks.cluster.ray_cluster import Cluster

_BASE = {
    "dataset": {"name": "synthetic", "examples": 7680, "test_examples": 128},
    "model": "notebook_cnn",
    "clients": 3,
    "batch_size": 128,
    "rounds": 3,
    "eval_every": 100,
    "timeout_s": 900.0,
}
"""28×28 synthetic images; 20 batches of each of 3 clients in a round."""

_ALONE = {"clients": 1, "examples_per_client": 2560}
_NOTEBOOK_RUNS, _RUNS, _MANY = 3, 5, 1000


class RecordingObserver:
    """What a cell left: its tally, and the rows of all steps."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.steps: list[StepRow] = []
        self.clients: list[ClientRow] = []
        self.rounds: list[RoundRow] = []

    def labels(self, rows: Sequence[LabelRow]) -> None:
        """Not needed."""

    def warn(self, text: str) -> None:
        """Not needed."""

    def round(self, steps: Sequence[StepRow], clients: Sequence[ClientRow], row: RoundRow) -> None:
        """Keep the rows."""
        self.tally.add(steps, clients, row)
        self.steps += steps
        self.clients += clients
        self.rounds.append(row)

    def model(self, content: bytes) -> None:
        """Not needed."""

    def log(self, text: str) -> None:
        """Not needed."""

    @property
    def steps_per_s(self) -> float:
        """Steps of all clients per second of training, warm-up left out."""
        return self.tally.summary("ok", 0.0).steps_per_s or 0.0


def run(cluster: "Cluster", seed: int = 1, **parameters: object) -> tuple[RecordingObserver, dict[str, Any]]:
    """Run one cell; return what it left and the facts of its manifest."""
    observer = RecordingObserver()
    facts = cluster.run_cell(CellRun(CellConfig.parse(_BASE | parameters), 0, seed), observer)
    return observer, facts


def measure_cells(cluster: "Cluster", wanted: Collection[str]) -> Iterator[Result]:
    """Measure those of the goals that need whole cells; sides take turns within one run."""
    run(cluster)  # warm
    for name, of in (("unsplit", _unsplit), ("scaling", _scaling), ("next_cell", _next_cell)):
        if name in wanted:
            yield of(cluster)
    if {"memory", "many_clients"} & set(wanted):
        yield from _many_clients(cluster)
    for name, of in (("notebook", _notebook), ("flower", _flower)):
        if name in wanted:
            yield of(cluster)


def _notebook(cluster: "Cluster") -> Result:
    ours, theirs = [], []
    for seed in range(_NOTEBOOK_RUNS):
        theirs.append(run(cluster, seed, algorithm="notebook")[0].steps_per_s)
        ours.append(run(cluster, seed)[0].steps_per_s)
    return Result(goal("notebook"), ratios(ours, theirs), f"{median(ours):.1f} and {median(theirs):.1f} steps/s")


def _unsplit(cluster: "Cluster") -> Result:
    split, whole = [], []
    for seed in range(_RUNS):
        split.append(1000 / run(cluster, seed, **_ALONE)[0].steps_per_s)
        whole.append(1000 / run(cluster, seed, algorithm="central", dataset=_data(2560))[0].steps_per_s)
    return Result(goal("unsplit"), ratios(split, whole), f"{median(split):.1f} and {median(whole):.1f} ms")


def _scaling(cluster: "Cluster") -> Result:
    three, one = [], []
    for seed in range(_RUNS):
        three.append(run(cluster, seed)[0].steps_per_s)
        one.append(run(cluster, seed, **_ALONE)[0].steps_per_s)
    return Result(goal("scaling"), ratios(three, one), f"{median(three):.1f} and {median(one):.1f} steps/s")


def _next_cell(cluster: "Cluster") -> Result:
    waits = []
    for seed in range(_RUNS):
        ended = perf_counter()
        observer, facts = run(cluster, seed, rounds=1)
        timed = min(row.started_s for row in observer.steps if not row.warmup)
        waits.append(facts["first_step_s"] + timed)
        assert waits[-1] < perf_counter() - ended  # noqa: S101  both on one clock
    return Result(goal("next_cell"), waits, "3 clients, three warm-up steps of each process included")


def _many_clients(cluster: "Cluster") -> Iterator[Result]:
    gaps: list[float] = []
    rss: list[float] = []
    facts: dict[str, Any] = {}
    for clients, local_epochs in ((10, 20), (_MANY, 3)):
        observer, facts = run(
            cluster,
            clients=clients,
            local_epochs=local_epochs,
            examples_per_client=128,
            rounds=1,
            warmup_steps=0,
            dataset=_data(128 * _MANY),
        )
        gaps.append(_gap_s(observer))
        workers = {row.worker: row.rss_bytes for row in observer.clients}
        rss.append(sum(workers.values()) + sum(role["rss_bytes"] for role in facts["roles"].values()))
    state = 3 * facts["client_parameter_bytes"]  # weights and Adam's two slots
    share = (rss[1] - rss[0]) / (_MANY - 10) / state
    yield Result(goal("memory"), [share], f"all processes; the state of a client has {state / 1e6:.1f} MB")
    detail = f"{1000 * gaps[1]:.1f} and {1000 * gaps[0]:.1f} ms, the change of client between steps included"
    yield Result(goal("many_clients"), [gaps[1] / gaps[0]], detail)


def _gap_s(observer: RecordingObserver) -> float:
    """Mean time from one step of a process to its next, the change of client between them included."""
    worker_of = {row.client_id: row.worker for row in observer.clients}
    rows = sorted(observer.steps, key=lambda row: (worker_of[row.client_id], row.started_s))
    starts = [[row.started_s for row in rows] for _, rows in groupby(rows, key=lambda row: worker_of[row.client_id])]
    return fmean((of_one[-1] - of_one[1]) / (len(of_one) - 2) for of_one in starts)  # the first step compiles


def _flower(cluster: "Cluster") -> Result:
    """Compare `fl` with Flower's own simulation, which has Ray processes of its own: ours rest meanwhile."""
    observer, _ = run(cluster, algorithm="fl", clients=50, examples_per_client=640, rounds=3, dataset=_data(32_000))
    first, *_ = ends = [row.started_s + row.round_s for row in observer.rounds]
    ours = 50 * 640 * (len(ends) - 1) / (ends[-1] - first)
    command = [sys.executable, "-m", "benchmarks.baselines.flower", "2"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  our own module
    theirs = json.loads(printed.splitlines()[-1])["samples_per_s"]
    detail = f"{ours:,.0f} and {theirs:,.0f} samples/s, aggregation included, first round left out"
    return Result(goal("flower"), [ours / theirs], detail)


def _data(examples: int, **settings: object) -> dict[str, object]:
    return {"name": "synthetic", "examples": examples, "test_examples": 128, **settings}
