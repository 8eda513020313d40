from collections.abc import Sequence
from dataclasses import replace

import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.rounds import RoundResult, train_rounds
from splitfed_core.records.results import CellKey, Evaluation, WorkerRound
from splitfed_core.records.rows import PHASES, ClientRow, StepRow

KEY = CellKey("cell", 2, seed=5)
NOTHING = dict.fromkeys(PHASES)


def step(client: int, round: int, number: int, loss: float, examples: int, started_s: float) -> StepRow:
    return StepRow("cell", 2, client, round, 0, number, False, examples, loss, 1, 100, 10, **NOTHING, step_s=0.5,
                  server_update_s=None, started_s=started_s)  # fmt: skip


class TwoProcesses:
    """Client 1 in one process, 0 in the other; each does two steps a round, on a clock that began long ago."""

    def __init__(self) -> None:
        self.evaluated: list[tuple[int, list[int]]] = []
        self.servers_cpu_s = {"main_server": 0.75}
        self._round = -1

    def train_round(self, round: int) -> list[WorkerRound]:
        self._round = round
        began = 1000.0 + 10 * round
        client = ClientRow("cell", 2, 0, 0, round, 2, 10, 1.5, 1.0, 0.1, 1, swap_s=0.25, end_round_s=0.125)
        return [
            WorkerRound(
                [step(i, round, 2 * round + t, loss, examples, began + i + t) for t in range(2)],
                [replace(client, client_id=i)],
                aggregation_uplink_bytes=7,
                aggregation_downlink_bytes=5,
                began=began - 0.5 + i,
                training=[(began - 0.25 + i, began + 2 + i)],
                ended=began + 4 + i,
                cpu_s=2.0 + i,
                rpcs=3 + i,
                seen_s=4.0,
            )
            for i, loss, examples in ((1, 4.0, 1), (0, 1.0, 3))
        ]

    def evaluate(self, client_ids: Sequence[int]) -> list[Evaluation]:
        self.evaluated.append((self._round, list(client_ids)))
        return [Evaluation(i, loss=1.0 + i, accuracy=0.5 * i, examples=3 - 2 * i) for i in client_ids]


def run(**parameters: object) -> tuple[list[RoundResult], list[tuple[int, list[int]]]]:
    processes = TwoProcesses()
    config = CellConfig.parse({"clients": 2, "rounds": 3, **parameters})
    return list(train_rounds(KEY, config, processes)), processes.evaluated


def test_losses_are_weighted_by_examples_and_bytes_summed() -> None:
    row = run()[0][1].row
    assert (row.cell_id, row.repeat, row.round, row.clients_ok, row.clients_lost) == ("cell", 2, 1, 2, 0)
    assert row.train_loss == 1.75  # (4 · 1 + 1 · 3) / 4
    assert (row.uplink_bytes, row.downlink_bytes) == (400, 40)
    assert (row.aggregation_uplink_bytes, row.aggregation_downlink_bytes) == (14, 10)
    assert row.rpcs == 7


def test_a_round_lasts_from_its_first_command_to_its_last_process_without_evaluation() -> None:
    for result in run()[0]:
        assert result.row.round_s == 5.5
        assert result.row.started_s == 10.0 * result.row.round - 0.5  # the cell's clock begins with its first step
        assert result.row.training_s == 3.25  # -0.25 to 2, and 0.75 to 3
        assert result.row.aggregation_s == 5.5 - 3.25


def test_what_the_driver_saw_of_the_workers_and_no_client_accounts_for_is_unexplained() -> None:
    row = run()[0][0].row
    assert row.workers_s == 4.0 + 4.0
    assert row.unexplained_s == 8.0 - 2 * (1.5 + 0.25 + 1.0 + 0.125)  # local, swap, model exchange, goodbye
    assert (row.clients_cpu_s, row.main_server_cpu_s, row.fed_server_cpu_s) == (5.0, 0.75, None)


def test_times_are_since_the_first_step_of_the_cell() -> None:
    steps = [row for result in run()[0] for row in result.steps]
    assert [(row.client_id, row.step, row.started_s) for row in steps] == [
        (client, 2 * round + t, 10.0 * round + client + t) for round in range(3) for client in (0, 1) for t in (0, 1)
    ]


@pytest.mark.parametrize(("every", "rounds"), [(1, [0, 1, 2]), (2, [1, 2]), (5, [2])])
def test_evaluation_comes_every_so_often_and_after_the_last_round(every: int, rounds: list[int]) -> None:
    results, evaluated = run(eval_every=every)
    assert [round for round, _ in evaluated] == rounds
    assert [result.row.round for result in results if result.row.eval_loss is not None] == rounds
    assert {len(clients) for _, clients in evaluated} == {1}  # after aggregation they all have the same model


def test_without_aggregation_the_mean_over_clients_is_weighted_by_examples() -> None:
    results, evaluated = run(aggregation=False, eval_clients=10)
    assert [clients for _, clients in evaluated] == [[0, 1]] * 3
    row = results[0].row
    assert (row.eval_loss, row.eval_accuracy) == (
        1.25,
        0.125,
    )  # client 0: 1, 0 with 3 examples; client 1: 2, 0.5 with 1
    assert row.aggregation_s is None


def test_at_most_eval_clients_are_evaluated_a_seeded_sample_of_them() -> None:
    once, again = run(aggregation=False, eval_clients=1)[1], run(aggregation=False, eval_clients=1)[1]
    assert once == again
    assert {len(clients) for _, clients in once} == {1}
