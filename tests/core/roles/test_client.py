from typing import Any

import keras
import numpy as np
import pytest

from splitfed_core.federation.local import LocalFederation
from splitfed_core.models import build_model
from splitfed_core.records.rows import StepRow
from splitfed_core.roles.client import Client, Worker
from splitfed_core.seeding import derive, stream
from splitfed_core.training.step_cache import CompiledStepCache
from splitfed_core.verification.rounding import difference, rounding, tolerance

SIZES = (20, 13, 7)  # three mini-batches of eight, two, and one, the last of each smaller


def test_every_step_is_one_row_and_no_more(federations: Any) -> None:
    trained = federations.train(*SIZES)
    rows = [(row.client_id, row.step) for row in trained.steps]
    assert len(rows) == len(set(rows)) == 2 * (3 + 2 + 1)  # the notebook joins them into n² rows


def test_steps_are_numbered_over_the_whole_cell(federations: Any) -> None:
    first = federations.train(*SIZES, local_epochs=2, warmup_steps=3).of(1)
    assert [row.step for row in first] == list(range(8))  # not i // batch + epoch · batch
    assert [(row.round, row.local_epoch) for row in first] == [(r, e) for r in (0, 1) for e in (0, 1) for _ in (0, 1)]


def warm_up(rows: list[StepRow]) -> list[tuple[int, int]]:
    """Client and step of those rows that are warm-up, in the order of time."""
    return [(row.client_id, row.step) for row in sorted(rows, key=lambda row: row.started_s) if row.warmup]


def test_the_first_steps_of_a_process_are_warm_up_whichever_clients_they_are_of(federations: Any) -> None:
    trained = federations.train(*SIZES, local_epochs=2, warmup_steps=5)
    assert warm_up(trained.steps) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]


def test_a_step_that_compiles_is_warm_up_and_a_kept_one_compiles_once(federations: Any) -> None:
    config, shards, step_cache = (
        federations.config(clients=1, warmup_steps=0),
        federations.shards(20),
        CompiledStepCache(),
    )
    test, flagged = federations.examples(8, 1), []
    for _ in range(2):
        with LocalFederation(federations.key, config, federations.shape, shards, test, step_cache) as federation:
            flagged.append(warm_up(federation.train_round(0)[0].steps))
    assert flagged == [[(0, 0)], []]


def test_the_last_smaller_batch_is_trained_on_too(federations: Any) -> None:
    trained = federations.train(*SIZES)
    assert [[row.examples for row in trained.of(i) if row.round == 0] for i in range(3)] == [[8, 8, 4], [8, 5], [7]]
    clients = trained.rounds[0].clients
    assert [(row.client_id, row.steps, row.examples) for row in clients] == [(0, 3, 20), (1, 2, 13), (2, 1, 7)]


@pytest.mark.parametrize(("optimizer", "aggregation"), [("adam", True), ("adam", False), ("sgd", True)])
def test_one_client_trains_as_the_unsplit_model_does_in_one_go(optimizer: str, aggregation: bool, double: Any) -> None:
    trained = double.train(20, optimizer=optimizer, aggregation=aggregation, learning_rate=0.01)
    model = build_model("mlp", double.shape.example, 10, derive(double.key.seed, "weights"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": 0.01}}), loss, jit_compile=False
    )
    (shard,) = double.shards(20)
    expected = []
    for round in range(2):  # one optimizer for all of it: neither a batch nor an aggregation begins a new one
        order = stream(double.key.seed, "batches", 0, round, 0).permutation(20)
        for rows in (order[:8], order[8:16], order[16:]):
            model.reset_metrics()
            expected.append(float(model.train_on_batch(shard.x[rows], shard.y[rows])))
    allowed = tolerance(model, 8, len(expected), optimizer, 0.01)
    assert difference([row.loss for row in trained.steps], expected) <= allowed
    for ours, theirs in zip([*trained.clients[0], *trained.server], model.get_weights(), strict=True):
        assert difference(ours, theirs) <= allowed


def test_with_aggregation_all_clients_have_the_average_weighted_by_examples(federations: Any) -> None:
    joined = federations.train(*SIZES, rounds=1)
    apart = federations.train(*SIZES, rounds=1, aggregation=False)  # the same steps, and then nothing
    assert [row.loss for row in joined.steps] == [row.loss for row in apart.steps]
    for layer, mean in enumerate(joined.clients[0]):
        expected = np.average([apart.clients[i][layer] for i in range(3)], axis=0, weights=SIZES)
        assert difference(mean, expected) <= rounding(2 * 3 + 1, np.float32)  # three products, their sum, a division
        assert all((joined.clients[i][layer] == mean).all() for i in range(3))


def test_without_aggregation_every_client_keeps_its_own_model(federations: Any) -> None:
    apart = federations.train(*SIZES, rounds=1, aggregation=False)
    kernels = [apart.clients[i][0] for i in range(3)]
    assert all((kernels[i] != kernels[j]).any() for i, j in ((0, 1), (0, 2), (1, 2)))
    (result,) = apart.rounds
    assert (result.row.aggregation_s, result.row.aggregation_uplink_bytes, result.row.aggregation_downlink_bytes) == (
        None,
        0,
        0,
    )
    assert {row.aggregation_wait_s for row in result.clients} == {None}


def test_clients_that_share_a_compiled_step_train_as_each_would_alone(federations: Any) -> None:
    shards = federations.shards(*SIZES)
    # without aggregation and with server-side copies nothing passes between clients before their round has ended
    config = federations.config(clients=3, algorithm="sflv1", aggregation=False)

    def train(which: list[int]) -> dict[int, Any]:
        with federations.build(config, [shards[i] for i in which]) as federation:
            (result,) = federation.train_round(0)
            rows = {
                i: [(r.step, r.loss, r.correct, r.uplink_bytes) for r in result.steps if r.client_id == i]
                for i in which
            }
            return {i: (rows[i], [weight.tobytes() for weight in federation.get_weights(i)]) for i in which}

    assert train([0, 1, 2]) == train([0]) | train([1]) | train([2])


def test_a_clients_batches_are_its_own_data_in_a_new_seeded_order_every_pass(federations: Any) -> None:
    shard = federations.shards(20)[0]
    config = federations.config(clients=1, local_epochs=2)
    client = Client(federations.key, config, shard, None, None, None, None, Worker())  # type: ignore[arg-type]  # none of them is used
    passes = {
        (round, epoch): np.concatenate([b.x.numpy() for b in client.batches(round) if b.local_epoch == epoch])
        for round in (0, 1)
        for epoch in (0, 1)
    }
    for images in passes.values():
        assert sorted(map(bytes, images)) == sorted(map(bytes, shard.x))
    assert len({images.tobytes() for images in passes.values()}) == 4
    again = np.concatenate([b.x.numpy() for b in client.batches(1) if b.local_epoch == 0])
    np.testing.assert_array_equal(again, passes[1, 0])


def test_times_of_a_client_fit_into_each_other(federations: Any) -> None:
    for result in federations.train(*SIZES, transport="grpc").rounds:
        for row in result.clients:
            steps = [step for step in result.steps if step.client_id == row.client_id]
            assert sum(step.step_s for step in steps) <= row.local_s <= result.row.round_s
            assert 0 <= (row.aggregation_wait_s or 0) <= result.row.round_s
            assert row.cpu_s > 0
            assert row.rss_bytes > 2**20
