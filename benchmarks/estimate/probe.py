"""What a cell is going to cost, from a short real run of its kind: time, memory and bytes.

A probe is the cell itself with a few short rounds, run twice: the first time compiles and tells how long the second
should be, which finds its processes as a later cell of a sweep finds them. Cells of one kind differ only in how much
they compute, so one or two probes (of the smallest and the largest batch) speak for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.estimate.link_time import ClientRound, Message, rounds_over_links
from benchmarks.estimate.memory import SLOTS
from benchmarks.estimate.traffic import Traffic, model_traffic, step_messages, step_traffic
from benchmarks.store.summary_file import training_wall_s
from benchmarks.workers.topology import worker_count
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.records.rows import ClientRow, RoundRow, StepRow

_AMOUNTS = (
    "clients", "participation", "batch_size", "rounds", "local_epochs", "examples_per_client", "eval_every",
    "eval_clients", "warmup_steps", "learning_rate", "partitioner", "strategy", "save_model", "timeout_s",
)  # fmt: skip
"""Parameters that say how much is done, or change no computation of a step."""

_PROBE_ROUNDS = 4
_PROBE_STEPS = 6
"""Full batches of each client in a round of a first probe; half a batch follows them."""

_ROUND_S = 1.0
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a cell costs; memory is that of all its processes together, bytes are at most so many if not `is_exact`."""

    wall_s: float
    memory_bytes: float
    bytes_per_round: float
    is_exact: bool = True


@dataclass(frozen=True)
class Observed:
    """A probe that was run: its cell, its rows and the facts of its manifest.

    Attributes:
        cold_s: What the first cell of its kind takes longer than this one did.
    """

    config: CellConfig
    steps: Sequence[StepRow]
    clients: Sequence[ClientRow]
    rounds: Sequence[RoundRow]
    facts: Mapping[str, Any]
    cold_s: float = 0.0

    @property
    def start_s(self) -> float:
        """What it took beside its rounds: building and compiling."""
        return float(self.facts["setup_s"]) + self.compile_s

    @property
    def step_wall_s(self) -> float:
        """Time of training per full batch of any client, once everything is compiled."""
        return median(self._per_batch(row.round) for row in self.rounds[1:])

    @property
    def compile_s(self) -> float:
        """What the first round and the first evaluation took more than the later ones."""
        batches = sum(step.examples for step in self._steps_of(0)) / self.config.batch_size
        training_s = (self._per_batch(0) - self.step_wall_s) * batches
        return max(training_s, 0.0) + max(self._pauses_s()[0] - self.evaluation_s, 0.0)

    @property
    def evaluation_s(self) -> float:
        """Time between rounds: one evaluation, and the way of the rows."""
        return median(self._pauses_s()[1:])

    @property
    def aggregation_bytes(self) -> float:
        """Bytes of models up and down in a round, per client."""
        row = self.rounds[1]
        return (row.aggregation_uplink_bytes + row.aggregation_downlink_bytes) / max(row.clients_ok, 1)

    def step_bytes(self, examples: float) -> float:
        """Bytes up and down of a step: framing and, for every example, its tensors."""
        sizes = {step.examples: (step.uplink_bytes or 0) + (step.downlink_bytes or 0) for step in self._steps_of(1)}
        small, large = min(sizes), max(sizes)
        per_example = (sizes[large] - sizes[small]) / (large - small) if large > small else sizes[large] / large
        return sizes[large] + per_example * (examples - large)

    def step_traffic(self, config: CellConfig, examples: int) -> Traffic:
        """Return the traffic of a step of a cell of this kind, from what its messages are made of if that is known."""
        crossing = self.facts.get("crossing")
        if crossing and config.transport is not None:  # None: its algorithm has messages of its own
            return step_traffic(config, crossing, int(self.facts["dataset"]["classes"]), examples)
        return Traffic(self.step_bytes(examples) if examples else 0.0, is_exact=True)

    def step_messages(self, config: CellConfig, examples: int) -> tuple[Message, ...]:
        """Return the bytes up and down in each exchange of a step of a cell of this kind."""
        if not config.has_main_server:
            return ()
        crossing = self.facts.get("crossing")
        if crossing:
            return step_messages(config, crossing, int(self.facts["dataset"]["classes"]), examples)
        row = max(self._steps_of(1), key=lambda step: step.examples)
        scale = self.step_bytes(examples) / max(self.step_bytes(row.examples), 1)
        return (((row.uplink_bytes or 0) * scale, (row.downlink_bytes or 0) * scale),)

    def model_traffic(self, config: CellConfig) -> Traffic:
        """Return the traffic of a client's model in a round of a cell of this kind."""
        if not config.exchanges_models:
            return Traffic(self.aggregation_bytes, is_exact=True)
        handed_on = 1 + SLOTS[config.optimizer] if config.method.in_line else 1
        parameter_bytes, tensors = (
            handed_on * int(self.facts.get(name, 0)) for name in ("client_parameter_bytes", "client_tensors")
        )
        return model_traffic(config, self.aggregation_bytes, parameter_bytes, tensors + 2)  # its counters too

    def _per_batch(self, number: int) -> float:
        steps = self._steps_of(number)
        return training_wall_s(steps) * self.config.batch_size / sum(step.examples for step in steps)

    def _pauses_s(self) -> list[float]:
        return [b.started_s - a.started_s - a.round_s for a, b in pairwise(self.rounds)]

    def _steps_of(self, number: int) -> list[StepRow]:
        return [step for step in self.steps if step.round == number]


Kind = tuple[str | int, ...]
"""What cells have in common that take the same time for the same work."""


def kind(config: CellConfig, cores: int) -> Kind:
    """Return what cells have in common that take the same time for the same work."""
    plain = config.plain() | _without_links(config)
    return (*(str(plain[name]) for name in plain if name not in _AMOUNTS), worker_count(config, cores))


def probe_of(config: CellConfig, cores: int, steps: int = _PROBE_STEPS) -> CellConfig:
    """Return a short cell of the same kind and batch size, with `steps` full batches of each client in a round."""
    size = config.batch_size
    changes: dict[str, object] = {"rounds": _PROBE_ROUNDS, "local_epochs": 1, "eval_every": 1, "save_model": False}
    if config.clients is not None:
        changes |= {
            # who waits for links and devices, and how long, depends on all of them
            "clients": config.clients if config.emulates else min(config.clients, 2 * cores),
            "participation": 1.0,
            "examples_per_client": steps * size + size // 2,
            "partitioner": "iid",
        }
    if config.strategy is not None:
        changes["strategy"] = "fedavg"
    changes |= _without_links(config)
    return CellConfig.parse(config.plain() | changes)


def _without_links(config: CellConfig) -> dict[str, object]:
    """Return what makes links cost nothing: what they take is computed, so that no probe waits for a slow one."""
    return {"link": "loopback", "server_link": None} if config.has_links else {}


def longer(probe: Observed, cores: int) -> CellConfig:
    """Return the same cell with rounds that are long enough to be measured: of a second or so."""
    steps = round(_ROUND_S / (probe.config.num_clients * max(probe.step_wall_s, 1e-9)))
    return probe_of(probe.config, cores, min(max(steps, _PROBE_STEPS), _MOST_STEPS))


def estimate(config: CellConfig, probes: Sequence[Observed], cores: int) -> Estimate:
    """Estimate a cell from probes of its kind, of one batch size or of two."""
    probe = min(probes, key=lambda probe: abs(probe.config.batch_size - config.batch_size))
    train = probe.facts["dataset"]["train"]
    examples = min(config.examples_per_client or train, train // config.num_clients)
    full, rest = divmod(examples, config.batch_size)
    passes = config.participants * config.local_epochs
    share = config.participants / (probe.config.clients or 1)
    aggregation_s = (probe.rounds[1].aggregation_s or 0.0) * share
    step_s = _step_wall_s(config, probes)
    round_s = passes * examples / config.batch_size * step_s + aggregation_s
    if config.has_links:
        round_s = _round_over_links_s(config, probe, examples * config.local_epochs, step_s, round_s, cores)
    evaluations = -(-config.rounds // config.eval_every)
    evaluation_s = evaluations * probe.evaluation_s * _evaluated(config) / _evaluated(probe.config)
    steps = probe.step_traffic(config, config.batch_size) * full + probe.step_traffic(config, rest)
    traffic = steps * passes + probe.model_traffic(config) * config.participants
    return Estimate(
        wall_s=probe.start_s + config.rounds * round_s + evaluation_s,
        memory_bytes=memory_bytes(config, max(row.rss_bytes for row in probe.clients), cores),
        bytes_per_round=traffic.num_bytes,
        is_exact=traffic.is_exact,
    )


def _round_over_links_s(
    config: CellConfig, probe: Observed, examples: int, step_s: float, round_s: float, cores: int
) -> float:
    """Return how long a round takes in which clients wait for their links, and compute while others do.

    It takes as long as its slowest client does alone, or as the host takes to compute for all, whichever is longer. Of
    clients that train one after the other it takes what all of them do.

    Args:
        config: The cell.
        probe: Of its kind, over links that cost nothing.
        examples: That a client goes through in a round.
        step_s: How long the host takes for a batch of any client, all cores at work.
        round_s: How long for the round over such links.
        cores: Of this machine.
    """
    alone = 1 if config.method.in_line else min(cores, config.participants)
    models = probe.model_traffic(config).num_bytes / 2 if config.exchanges_models else 0.0
    work = ClientRound(
        steps=examples / config.batch_size,
        own_s=step_s * alone,
        exchanges=probe.step_messages(config, config.batch_size),
        models=((models, 0.0), (0.0, models)) if models else (),
    )
    times = rounds_over_links(config, 0, work)
    if config.method.in_line:
        return max(round_s, sum(times) / len(times) * config.participants)
    return max(round_s, max(times))


def _step_wall_s(config: CellConfig, probes: Sequence[Observed]) -> float:
    """Time per batch, on the line between the smallest and the largest batch that were probed."""
    sizes = {probe.config.batch_size: probe.step_wall_s for probe in probes}
    small, large = min(sizes), max(sizes)
    if small == large:
        return sizes[large] * config.batch_size / large
    slope = (sizes[large] - sizes[small]) / (large - small)
    return max(sizes[small] + slope * (config.batch_size - small), 0.0)


def _evaluated(config: CellConfig) -> int:
    """How many client-side models an evaluation goes through."""
    if config.aggregation is False:
        return min(config.eval_clients or 1, config.num_clients)
    return 1


def memory_bytes(config: CellConfig, worker_bytes: float, cores: int) -> float:
    """Return the memory of all processes of a cell when each takes as much as a worker does."""
    return (worker_count(config, cores) + int(config.has_main_server and not config.in_one_process)) * worker_bytes
