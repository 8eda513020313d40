"""The outer loop of every algorithm: rounds of local training and aggregation, each followed by evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.schedule import evaluated, in_order, participants, round_size
from splitfed_core.records.results import CellKey, Evaluation, WorkerRound
from splitfed_core.records.rows import ClientRow, RoundRow, StepRow
from splitfed_core.timing.stopwatch import union_s

T = TypeVar("T", int, float)


class Federation(Protocol):
    """All processes of a cell, wherever they are."""

    @property
    def servers_cpu_s(self) -> Mapping[str, float]:
        """Processor time of each server in the last round, by its role; without those that are not processes."""
        ...

    def train_round(self, round: int) -> Sequence[WorkerRound]:
        """Let every group train a round, all at the same time."""
        ...

    def evaluate(self, client_ids: Sequence[int]) -> Sequence[Evaluation]:
        """Evaluate the joined models of these clients on the test set."""
        ...


@dataclass(frozen=True, slots=True)
class RoundResult:
    """The rows of one round, complete; `epoch` is when the cell's first step began, on the monotonic clock."""

    steps: list[StepRow]
    clients: list[ClientRow]
    row: RoundRow
    epoch: float


def train_rounds(key: CellKey, config: CellConfig, federation: Federation) -> Iterator[RoundResult]:
    """Run the rounds of a cell and yield the rows of each; `started_s` counts from the cell's first step."""
    epoch = None
    for round in range(config.rounds):
        groups = federation.train_round(round)
        servers_cpu_s = federation.servers_cpu_s
        if epoch is None:
            epoch = min(row.started_s for group in groups for row in group.steps)
        evaluation = None
        if (round + 1) % config.eval_every == 0 or round + 1 == config.rounds:
            evaluation = federation.evaluate(evaluated_clients(key, config, round))
            evaluation = sorted(evaluation, key=lambda of: of.client_id)  # a mean depends on the order of its terms
        yield _result(key, config, round, groups, evaluation, epoch, servers_cpu_s)


def evaluated_clients(key: CellKey, config: CellConfig, round: int) -> list[int]:
    """Return who has the round's model: after aggregation any client of it; without, a seeded sample stands for all."""
    if config.exchanges_models:
        return [in_order(key, participants(key, config, round), round)[-1]]  # of `sl`, the last one in line
    return evaluated(key, config, round)


def _result(
    key: CellKey,
    config: CellConfig,
    round: int,
    groups: Sequence[WorkerRound],
    evaluation: Sequence[Evaluation] | None,
    epoch: float,
    servers_cpu_s: Mapping[str, float],
) -> RoundResult:
    steps = sorted((row for group in groups for row in group.steps), key=lambda row: (row.client_id, row.step))
    clients = sorted((row for group in groups for row in group.clients), key=lambda row: row.client_id)
    began = min(group.began for group in groups)
    round_s = max(group.ended for group in groups) - began
    training_s = union_s([span for group in groups for span in group.training])
    weights = [e.examples for e in evaluation or ()]
    row = RoundRow(
        cell_id=key.cell_id,
        repeat=key.repeat,
        round=round,
        train_loss=float(np.average([row.loss for row in steps], weights=[row.examples for row in steps])),
        eval_loss=float(np.average([e.loss for e in evaluation], weights=weights)) if evaluation else None,
        eval_accuracy=float(np.average([e.accuracy for e in evaluation], weights=weights)) if evaluation else None,
        round_s=round_s,
        aggregation_s=round_s - training_s if config.exchanges_models else None,
        uplink_bytes=sum(row.uplink_bytes or 0 for row in steps),
        downlink_bytes=sum(row.downlink_bytes or 0 for row in steps),
        aggregation_uplink_bytes=sum(group.aggregation_uplink_bytes for group in groups),
        aggregation_downlink_bytes=sum(group.aggregation_downlink_bytes for group in groups),
        clients_ok=len(clients),
        clients_lost=round_size(key, config) - len(clients),
        started_s=began - epoch,
        rpcs=_sum([group.rpcs for group in groups]),
        training_s=training_s,
        workers_s=_sum([group.seen_s for group in groups if group.clients]),
        unexplained_s=_sum([_unexplained_s(group) for group in groups if group.clients]),
        clients_cpu_s=_sum([group.cpu_s for group in groups]),
        main_server_cpu_s=servers_cpu_s.get("main_server"),
        fed_server_cpu_s=servers_cpu_s.get("fed_server"),
        transfer_s=_mean([_both(row.push_s, row.pull_s) for row in clients]),
        wait_s=_mean([row.wait_s for row in clients]),
        link_transfer_s=_mean([_both(row.link_push_s, row.link_pull_s) for row in clients]),
    )
    return RoundResult([replace(step, started_s=step.started_s - epoch) for step in steps], clients, row, epoch)


def _unexplained_s(group: WorkerRound) -> float | None:
    """Return what the driver saw of a worker's round beyond the times of its clients."""
    if group.seen_s is None:
        return None
    times = [(c.local_s, c.swap_s, c.aggregation_wait_s, c.end_round_s) for c in group.clients]
    return group.seen_s - sum(time or 0.0 for client in times for time in client)


def _sum(amounts: Sequence[T | None]) -> T | None:
    """Return the sum of what all of them have; nothing where one has nothing."""
    there = [amount for amount in amounts if amount is not None]
    return sum(there[1:], there[0]) if there and len(there) == len(amounts) else None


def _both(push: float | None, pull: float | None) -> float | None:
    """Return the sum of two times, of which one may not have been; nothing where neither was."""
    return None if push is None and pull is None else (push or 0.0) + (pull or 0.0)


def _mean(times: Sequence[float | None]) -> float | None:
    """Return the mean over all clients, of whom one without such a time has none; nothing where nobody has."""
    there = [time for time in times if time is not None]
    return sum(there) / len(times) if there else None
