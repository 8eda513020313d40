"""The outer loop of every algorithm: rounds of local training and aggregation, each followed by evaluation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from splitfed_core.cell import CellKey, Evaluation, GroupRound
from splitfed_core.config import CellConfig
from splitfed_core.rows import ClientRow, RoundRow, StepRow
from splitfed_core.schedule import in_order, participants
from splitfed_core.seeding import stream


class Federation(Protocol):
    """All processes of a cell, wherever they are."""

    def train_round(self, round: int) -> Sequence[GroupRound]:
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


def train(key: CellKey, config: CellConfig, federation: Federation) -> Iterator[RoundResult]:
    """Run the rounds of a cell and yield the rows of each; `started_s` counts from the cell's first step."""
    epoch = None
    for round in range(config.rounds):
        groups = federation.train_round(round)
        if epoch is None:
            epoch = min(row.started_s for group in groups for row in group.steps)
        evaluation = None
        if (round + 1) % config.eval_every == 0 or round + 1 == config.rounds:
            evaluation = federation.evaluate(evaluated_clients(key, config, round))
        yield _result(key, config, round, groups, evaluation, epoch)


def evaluated_clients(key: CellKey, config: CellConfig, round: int) -> list[int]:
    """Return who has the round's model: after aggregation any client of it; without, a seeded sample stands for all."""
    if config.aggregation is not False:
        return [in_order(key, participants(key, config, round), round)[-1]]  # of `sl`, the last one in line
    clients = stream(key.seed, "evaluation", round).permutation(config.num_clients)[: config.eval_clients]
    return sorted(int(client) for client in clients)


def _result(
    key: CellKey,
    config: CellConfig,
    round: int,
    groups: Sequence[GroupRound],
    evaluation: Sequence[Evaluation] | None,
    epoch: float,
) -> RoundResult:
    steps = sorted((row for group in groups for row in group.steps), key=lambda row: (row.client_id, row.step))
    clients = sorted((row for group in groups for row in group.clients), key=lambda row: row.client_id)
    started = min(row.started_s for row in steps)
    trained = max(row.started_s + row.step_s for row in steps)
    ended = max(group.ended for group in groups)
    weights = [e.examples for e in evaluation or ()]
    row = RoundRow(
        cell_id=key.cell_id,
        repeat=key.repeat,
        round=round,
        train_loss=float(np.average([row.loss for row in steps], weights=[row.examples for row in steps])),
        eval_loss=float(np.average([e.loss for e in evaluation], weights=weights)) if evaluation else None,
        eval_accuracy=float(np.average([e.accuracy for e in evaluation], weights=weights)) if evaluation else None,
        round_s=ended - started,
        aggregation_s=ended - trained if config.exchanges_models else None,
        uplink_bytes=sum(row.uplink_bytes or 0 for row in steps),
        downlink_bytes=sum(row.downlink_bytes or 0 for row in steps),
        aggregation_uplink_bytes=sum(group.aggregation_uplink_bytes for group in groups),
        aggregation_downlink_bytes=sum(group.aggregation_downlink_bytes for group in groups),
        clients_ok=len(clients),
        clients_lost=config.participants - len(clients),
        started_s=started - epoch,
        rpcs=_sum([group.rpcs for group in groups]),
    )
    return RoundResult([replace(step, started_s=step.started_s - epoch) for step in steps], clients, row, epoch)


def _sum(counts: Sequence[int | None]) -> int | None:
    """Return the sum of what all of them counted; nothing where one did not."""
    counted = [count for count in counts if count is not None]
    return sum(counted) if len(counted) == len(counts) else None
