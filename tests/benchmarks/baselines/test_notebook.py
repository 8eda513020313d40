"""The baseline trains what ours trains: the same network on the same batches, so that only the way differs."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from benchmarks.baselines.notebook import lists
from benchmarks.baselines.notebook._pb.notebook.v1 import notebook_pb2 as pb
from benchmarks.baselines.notebook.aggregator import AggregatorServer
from benchmarks.baselines.notebook.clients import NotebookClients
from benchmarks.baselines.notebook.training import TrainingServer
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import Dataset, load_dataset, make_shards
from splitfed_core.data.deal import assign_examples, shape_of
from splitfed_core.errors import RemoteError
from splitfed_core.federation.local import LocalFederation
from splitfed_core.federation.rounds import RoundResult, train_rounds
from splitfed_core.records.results import CellKey
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.verification.rounding import difference, tolerance
from splitfed_core.wire.transports.grpc_client import Endpoints

KEY = CellKey("cell", 0, 5)
TOKEN = "secret"


def make_config(**parameters: Any) -> CellConfig:
    return CellConfig.parse(
        {"clients": 1, "batch_size": 16, "rounds": 2, "examples_per_client": 40, "timeout_s": 60.0} | parameters
    )


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset(CellConfig().dataset)


class Notebook:
    """The baseline with each client in a thread of its own, as it has a process of its own in a sweep."""

    def __init__(self, config: CellConfig, dataset: Dataset, token: str = TOKEN) -> None:
        self._stack = ExitStack()
        shape, indices = shape_of(dataset), assign_examples(dataset, config, KEY.seed)
        main = self._stack.enter_context(TrainingServer(KEY, config, shape, TOKEN))
        fed = self._stack.enter_context(AggregatorServer(config.num_clients, config.timeout_s, TOKEN))
        self.clients = [
            NotebookClients(KEY, config, shape, [shard], (dataset.x_test, dataset.y_test), shard.client_id)
            for shard in make_shards(dataset, indices)
        ]
        for client in self.clients:
            client.connect(Endpoints(main.address, fed.address, token, config.timeout_s))
            self._stack.callback(client.close)
        self._pool = self._stack.enter_context(ThreadPoolExecutor(len(self.clients)))

    servers_cpu_s: Mapping[str, float] = {}

    def train_round(self, round: int) -> list[Any]:
        return [group for groups in self._pool.map(lambda c: c.train_round(round), self.clients) for group in groups]

    def evaluate(self, client_ids: Any) -> list[Any]:
        return [evaluation for client in self.clients for evaluation in client.evaluate(client_ids)]

    def __enter__(self) -> "Notebook":
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()


def losses(results: list[RoundResult]) -> list[float]:
    return [row.loss for result in results for row in result.steps]


def eval_losses(results: list[RoundResult]) -> list[float]:
    return [loss for result in results if (loss := result.row.eval_loss) is not None]


@pytest.mark.parametrize(("optimizer", "learning_rate"), [("adam", 1e-3), ("sgd", 0.1)])
def test_one_client_learns_what_ours_learns(dataset: Dataset, optimizer: str, learning_rate: float) -> None:
    theirs = make_config(algorithm="notebook", optimizer=optimizer, learning_rate=learning_rate)
    ours = make_config(algorithm="sflv2", transport="inproc", optimizer=optimizer, learning_rate=learning_rate)
    with Notebook(theirs, dataset) as notebook:
        before = list(train_rounds(KEY, theirs, notebook))
    shards = make_shards(dataset, assign_examples(dataset, ours, KEY.seed))
    with LocalFederation(KEY, ours, shape_of(dataset), shards, (dataset.x_test, dataset.y_test)) as federation:
        after = list(train_rounds(KEY, ours, federation))
    assert (len(losses(before)), len(eval_losses(before))) == (6, len(before))
    # In single precision, as its wire is. Losses hardly feel what Adam makes of it: what it blows up has no slope.
    whole = CellNetwork(ours, shape_of(dataset), KEY.seed).whole
    allowed = tolerance(whole, ours.batch_size, 6, "sgd", ours.learning_rate, np.float32)
    assert difference(losses(before), losses(after)) <= allowed
    assert difference(eval_losses(before), eval_losses(after)) <= allowed
    assert [r.row.eval_accuracy for r in before] == [r.row.eval_accuracy for r in after]


def test_all_clients_go_on_from_the_average(dataset: Dataset) -> None:
    config = make_config(algorithm="notebook", clients=3, rounds=1)
    with Notebook(config, dataset) as notebook:
        (first,) = list(train_rounds(KEY, config, notebook))
        models = [client.get_weights(number) for number, client in enumerate(notebook.clients)]
    for model in models[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(models[0], model, strict=True))
    floats = sum(array.size for array in models[0])
    assert 3 * 4 * floats < first.row.aggregation_uplink_bytes < 3 * (4 * floats + 100)
    assert all(row.client_forward_s is None and row.step_s > 0 for row in first.steps)


def test_without_aggregation_every_client_keeps_its_own(dataset: Dataset) -> None:
    config = make_config(algorithm="notebook", clients=2, rounds=1, aggregation=False)
    with Notebook(config, dataset) as notebook:
        (first,) = list(train_rounds(KEY, config, notebook))
        one, other = (client.get_weights(number) for number, client in enumerate(notebook.clients))
    assert not np.array_equal(one[0], other[0])
    assert first.row.aggregation_uplink_bytes == 0


def test_the_average_weighs_by_examples() -> None:
    with AggregatorServer(2, 10.0, TOKEN) as server, ThreadPoolExecutor(2) as pool:
        asked = [
            pb.AggregateRequest(model=lists.model_message([np.full((2, 2), value, np.float32)]), size=size)
            for value, size in ((1.0, 30), (5.0, 10))
        ]
        answers = list(pool.map(lambda message: server.average(message.model, message.size), asked))
    assert [array.tolist() for answer in answers for array in answer] == [[[2.0, 2.0], [2.0, 2.0]]] * 2


def test_lists_of_floats_hold_every_value() -> None:
    arrays = [np.random.default_rng(1).normal(size=shape).astype(np.float32) for shape in ((3, 4), (5,), (1, 2, 2))]
    read = lists.read_model(pb.Model.FromString(lists.model_message(arrays).SerializeToString()))
    assert all(np.array_equal(a, b) for a, b in zip(arrays, read, strict=True))
    message = lists.forward_message(arrays[0], np.array([1, 9], np.uint8), 2, 3, 4)
    assert (list(message.labels), message.cid, message.rnd, message.batch) == ([1, 9], 2, 3, 4)
    assert np.array_equal(lists.read_activations(message.activations), arrays[0])


def test_a_call_without_the_token_is_refused(dataset: Dataset) -> None:
    with (
        Notebook(make_config(algorithm="notebook"), dataset, token="wrong") as notebook,
        pytest.raises(RemoteError, match="UNAUTHENTICATED"),
    ):
        notebook.clients[0].train_round(0)
