"""Synthetic run directories, small and parametrised, written by what writes those of a sweep."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from benchmarks.grid.plan import Plan, PlannedCell
from benchmarks.runner import CellRun
from benchmarks.store.cell_writer import CellSink
from benchmarks.store.run_directory import RunDirectory
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.environment import Checkout, Environment
from splitfed_core.records.manifest import OWN, Conditions, Facts
from splitfed_core.records.rows import PHASES, ClientRow, LabelRow, RoundRow, StepRow

BASE: dict[str, Any] = {
    "dataset": "digits",
    "partitioner": {"name": "dirichlet", "alpha": 0.5},
    "model": "notebook_cnn",
    "algorithm": "sflv2",
    "clients": 3,
    "batch_size": 32,
    "cut_layer": "dense1",
    "aggregation": True,
    "rounds": 4,
    "local_epochs": 1,
    "warmup_steps": 2,
    "isolation": "cell",
    "transport": "grpc",
    "timeout_s": 600.0,
}
CUT_FLOATS = {"conv1": 1152, "pool1": 288, "flatten": 288, "dense1": 64}
CUT_PARAMETERS = {"conv1": 320, "pool1": 320, "flatten": 320, "dense1": 18_816}
PHASE_SHARES = dict(zip(PHASES, (0.16, 0.02, 0.08, 0.02, 0.1, 0.2, 0.02, 0.07, 0.02, 0.31), strict=True))


class Attempt:
    """One cell and repeat with plausible, seeded numbers: earlier cuts send more, more clients queue longer."""

    def __init__(self, cell_id: str, repeat: int, config: Mapping[str, Any], steps_per_round: int) -> None:
        self.cell_id, self.repeat, self.config = cell_id, repeat, config
        self.steps_per_round = steps_per_round
        self.rng = np.random.default_rng([repeat, *cell_id.encode()])
        self.smashed = CUT_FLOATS[config["cut_layer"]] * 4
        self.bytes = self.smashed * config["batch_size"]
        self.step_s = 0.002 + 5e-5 * config["batch_size"] + self.bytes / 1e9 + 4e-4 * config["clients"]
        self.emulation: Mapping[str, object] = {}
        self.workers = 2
        self.steps: list[StepRow] = []
        self.rounds: list[RoundRow] = []
        self.clients: list[ClientRow] = []

    def build(self) -> "Attempt":
        clock = 0.0
        for round_ in range(self.config["rounds"]):
            clock = self._round(round_, clock) + 0.02
        return self

    def labels(self) -> list[LabelRow]:
        shares = np.random.default_rng(0).dirichlet([0.5] * self.config["clients"], 10)
        return [LabelRow(c, str(k), int(140 * shares[k][c])) for c in range(self.config["clients"]) for k in range(10)]

    def loss(self, seen: float) -> float:
        plateau = 0.1 if self.config["aggregation"] else 0.35
        return plateau + (2.3 - plateau) * math.exp(-seen / 2) * float(self.rng.uniform(0.97, 1.03))

    def _round(self, round_: int, start: float) -> float:
        ends = [self.client(round_, client, start) for client in range(self.config["clients"])]
        local = max(ends) - start
        on = self.config["aggregation"]
        model_bytes = CUT_PARAMETERS[self.config["cut_layer"]] * 4 * self.config["clients"] if on else 0
        sent = [s for s in self.steps if s.round == round_]
        loss = self.loss(round_ + 1)
        self.rounds.append(
            RoundRow(
                self.cell_id,
                self.repeat,
                round_,
                sum(s.loss for s in sent) / max(len(sent), 1),
                loss,
                round(1 - loss / 3, 4),
                local + 0.004 * on,
                0.004 if on else None,
                sum(s.uplink_bytes or 0 for s in sent),
                sum(s.downlink_bytes or 0 for s in sent),
                model_bytes,
                model_bytes,
                self.config["clients"],
                0,
                start,
                len(sent) + 3 * self.config["clients"],
                training_s=local,
                workers_s=2 * (local + 0.004 * on + 0.001),
                unexplained_s=2 * 0.001,
                clients_cpu_s=0.8 * sum(end - start for end in ends),
                main_server_cpu_s=0.2 * local,
                fed_server_cpu_s=0.001 if on else None,
            )
        )
        for client, end in enumerate(ends):
            wait = max(ends) - end + 0.004 if on else None
            self.clients.append(
                ClientRow(
                    self.cell_id,
                    self.repeat,
                    client,
                    client % 2,
                    round_,
                    self.steps_per_round,
                    self.steps_per_round * self.config["batch_size"],
                    end - start,
                    wait,
                    0.8 * (end - start),
                    400_000_000 + 2_000_000 * client,
                    span_s=end - start,
                    swap_s=0.0,
                    push_s=0.001 if on else None,
                    pull_s=0.002 if on else None,
                    wait_s=wait - 0.003 if wait is not None else None,
                    end_round_s=0.0005,
                )
            )
        return start + local

    def client(self, round_: int, client: int, clock: float) -> float:
        for i in range(self.steps_per_round):
            total = self.step_s * float(self.rng.lognormal(0, 0.12)) * (1 + 0.1 * client)
            phases = {name: share * total for name, share in PHASE_SHARES.items()}
            step = round_ * self.steps_per_round + i
            examples = self.config["batch_size"]
            loss = self.loss(round_ + 1 + i / self.steps_per_round)
            self.steps.append(
                StepRow(
                    self.cell_id,
                    self.repeat,
                    client,
                    round_,
                    0,
                    step,
                    step < self.config["warmup_steps"],
                    examples,
                    loss,
                    int(examples * 0.7),
                    self.bytes + 8 * examples + 90,
                    self.bytes + 120,
                    **phases,
                    step_s=sum(phases.values()),
                    server_update_s=0.0004,
                    started_s=clock,
                    between_s=0.0,
                    cpu_s=0.8 * total,
                )
            )
            clock += total
        return clock


def parameters(config: Mapping[str, Any]) -> CellConfig:
    """Stand for the parameters of a cell as a test says them: a report must take what no version would run."""
    return cast("CellConfig", SimpleNamespace(**config, plain=lambda: dict(config)))


def write_attempt(directory: RunDirectory, run: CellRun, attempt: Attempt, env: str, reason: str | None) -> None:
    """Write an attempt as a sweep does; the clock of its writer says that it took 3.5 s."""
    clock = itertools.count(0, 3.5)
    with CellSink(directory.cell(run), run, lambda: next(clock)) as sink:
        sink.labels(attempt.labels())
        for row in attempt.rounds:
            steps = [step for step in attempt.steps if step.round == row.round]
            clients = [client for client in attempt.clients if client.round == row.round]
            sink.round(steps, clients, row)
        beside = Conditions(0.001, 0.1, 0.2, 4e9)
        manifest = replace(
            sink.begun(),
            status="failed" if reason else "ok",
            reason=reason,
            started_at="2030-01-02T03:04:05+00:00",
            env=env,
            code={OWN: "0123456789abcdef"},
            before=beside,
            after=beside,
            facts=facts(attempt),
        )
        sink.finish(manifest)


def facts(attempt: Attempt) -> Facts:
    """Return what the processes of an attempt would have said."""
    parameters = CUT_PARAMETERS[attempt.config["cut_layer"]]
    return Facts(
        client_parameters=parameters,
        server_parameters=40_000 - parameters,
        workers=attempt.workers,
        examples=1437,
        setup_s=4.0,
        first_step_s=0.9,
        dataset={"train": 1437, "test": 360, "shape": [8, 8, 1], "classes": 10},
        emulation=attempt.emulation,
        roles={"main_server": {"rss_bytes": 390_000_000}, "fed_server": {"rss_bytes": 210_000_000}},
        extra={
            "client_parameter_bytes": 4 * parameters,
            "server_parameter_bytes": 4 * (40_000 - parameters),
            "smashed_bytes_per_example": attempt.smashed,
            "threads": {"worker": 1, "main_server": 1, "fed_server": 1},
        },
    )


ENVIRONMENT = Environment(
    cpu="Test CPU <3 GHz>",
    cores=4,
    memory_bytes=8_000_000_000,
    platform="Linux-x86_64",
    kernel="6.1",
    clock_source="tsc",
    checkout=Checkout("0123456789abcdef0123456789abcdef01234567", git_dirty=False),
    versions={"python": "3.11.7", "tensorflow": "2.21.0"},
)


def slug(config: Mapping[str, Any]) -> str:
    parameters = {name: value for name, value in config.items() if name != "isolation"}
    digest = hashlib.blake2b(json.dumps(parameters, sort_keys=True).encode(), digest_size=5).hexdigest()
    return f"sflv2-c{config['clients']}-b{config['batch_size']}-{config['cut_layer']}-{digest}"


def write_run(
    folder: Path,
    axes: Mapping[str, list[Any]] | None = None,
    *,
    repeats: int = 2,
    base: Mapping[str, Any] | None = None,
    steps_per_round: int = 6,
    failed: Callable[[Mapping[str, Any], int], str | None] = lambda *_: None,
    override: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {},
    attempt_of: type[Attempt] = Attempt,
) -> Path:
    """Write a run of the Cartesian product of `axes`; `failed` gives the reason for attempts that failed.

    `override` returns what else a cell has, as overrides and zipped axes of a grid do.
    """
    axes = {"aggregation": [True, False]} if axes is None else axes
    cells = []
    for values in itertools.product(*axes.values()):
        config = {**BASE, **(base or {}), **dict(zip(axes, values, strict=True))}
        config |= override(config)
        cells.append(PlannedCell(slug(config), parameters(config), tuple(7 + r for r in range(repeats))))
    plan = Plan(folder.name, 7, repeats, "interleaved", axes, cells, excluded=[])
    directory = RunDirectory(folder)
    directory.write_plan(plan, b"name: written by a test\n")
    env = directory.write_environment(ENVIRONMENT, {"load_1min": 0.1, "load_5min": 0.2, "memory_available_bytes": 4e9})
    for run in plan.runs():
        config = run.config.plain()
        reason = failed(config, run.repeat)
        attempt = attempt_of(run.cell_id, run.repeat, config, steps_per_round)
        write_attempt(directory, run, attempt if reason else attempt.build(), env, reason)
    manifests = {run.key: directory.manifest(run) for run in plan.runs()}
    directory.write_summary({key: manifest for key, manifest in manifests.items() if manifest})
    return folder
