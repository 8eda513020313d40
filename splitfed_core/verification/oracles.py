"""What must be true of the algorithms, whatever the model and the cut: each oracle measures how far it is from that.

Small trainings through the real roles and transports are held against `reference.py`, against each other, and against
the formula for their bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from splitfed_core.algorithms import ALGORITHMS, Algorithm
from splitfed_core.arrays import Array
from splitfed_core.config.algorithm_name import own_algorithms
from splitfed_core.config.cell_config import CellConfig
from splitfed_core.data import ClientShard, Dataset
from splitfed_core.errors import ConfigError
from splitfed_core.federation.local import LocalFederation
from splitfed_core.federation.rounds import RoundResult, train_rounds
from splitfed_core.records.results import CellKey, DataShape
from splitfed_core.records.rows import PHASES, StepRow
from splitfed_core.training.cell_network import CellNetwork
from splitfed_core.verification.reference import PLAIN, plain_training
from splitfed_core.verification.rounding import difference, tolerance

_CLIENTS, _BATCH, _BATCHES, _ROUNDS = 3, 8, 2, 2
_TEST_EXAMPLES = 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """One oracle on one case: the measured difference, and how large it may be."""

    oracle: str
    case: str
    tolerance: float
    difference: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance; a NaN is not."""
        return self.difference <= self.tolerance


def verify(config: CellConfig, dataset: Dataset, seed: int) -> Iterator[Verdict]:
    """Run every oracle on the model, loss and cut of a cell, on a few examples of its data.

    In double precision, for the reasons that `rounding.py` gives.

    Args:
        config: A cell with one cut, or a cell of `ushape`, `fl` or `central`.
        dataset: Its data.
        seed: Of weights and batches.
    """
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        yield from _verdicts(config, dataset, seed)
    finally:
        keras.config.set_floatx(before)


def _verdicts(config: CellConfig, dataset: Dataset, seed: int) -> Iterator[Verdict]:
    bench = _Bench(config, dataset, seed)
    for algorithm in _referenced(config.method.cuts):
        yield bench.equals_its_reference(algorithm)
    if isinstance(config.cut_layer, str):
        yield from bench.transports_agree("sflv2", ("inproc", "grpc", "grpc-stream"))
        yield bench.bytes_are_the_formula()
        yield bench.phases_sum_to_step("sflv2")
    elif config.cut_layer:
        yield from bench.transports_agree("ushape", ("inproc", "grpc"))
        yield bench.phases_sum_to_step("ushape")


def _referenced(cuts: int) -> list[Algorithm]:
    """Return the algorithms with so many cuts that must equal something, the simplest training first."""
    every = (*ALGORITHMS.values(), *own_algorithms())
    found = [(each.reference.training, each) for each in every if each.cuts == cuts and each.reference]
    plain: list[object] = list(PLAIN)
    return [each for training, each in sorted(found, key=lambda pair: [*plain, pair[0]].index(pair[0]))]


class _Bench:
    """The small trainings of one model and cut."""

    def __init__(self, config: CellConfig, dataset: Dataset, seed: int) -> None:
        self._config, self._seed = config, seed
        self._shape = DataShape(dataset.input_shape, dataset.num_classes)
        self._test = (dataset.x_test[:_TEST_EXAMPLES].astype(keras.config.floatx()), dataset.y_test[:_TEST_EXAMPLES])
        count = _BATCH * _BATCHES
        labels = dataset.y_train.astype(np.min_scalar_type(dataset.num_classes - 1))
        rows = np.arange(_CLIENTS * count) % len(labels)
        self._shards = [
            ClientShard(k, dataset.x_train[part].astype(keras.config.floatx()), labels[part])
            for k, part in enumerate(np.split(rows, _CLIENTS))
        ]
        cut = config.cut_layer if isinstance(config.cut_layer, str) else "+".join(config.cut_layer or ())
        self._whole = CellNetwork(config, self._shape, seed).whole
        self._case = f"{config.model} · {cut}" if cut else config.model

    def equals_its_reference(self, algorithm: Algorithm) -> Verdict:
        """In a fixed order, losses and weights are those of the training that the algorithm says it equals."""
        reference = algorithm.reference
        if reference is None:
            raise ConfigError(f"algorithm {algorithm.name!r} has no reference; give it one", "algorithm")
        changes = {"clients": reference.clients, "optimizer": reference.optimizer}
        key, config = self._cell(algorithm.name, **{k: value for k, value in changes.items() if value is not None})
        shards = self._shards[: config.num_clients]
        results, weights = self._train(key, config, shards)
        expected = plain_training(reference)(key, config, self._shape, shards)
        in_order = list if len(shards) == 1 else sorted  # the rows of several come client by client, not in their turns
        losses = _furthest([in_order(_losses(results))], [in_order(expected.losses)])
        return self._close(reference.oracle, config, max(losses, _furthest(weights, expected.weights)))

    def transports_agree(self, algorithm: str, transports: Sequence[str]) -> Iterator[Verdict]:
        """All transports give the same bits."""
        runs = []
        for transport in transports:
            key, config = self._cell(algorithm, transport=transport)
            results, weights = self._train(key, config, self._shards)
            runs.append((_timeless(results), weights))
        for transport, (rows, weights) in zip(transports[1:], runs[1:], strict=True):
            same = rows == runs[0][0]
            difference = _furthest(weights, runs[0][1]) if same else np.inf
            yield Verdict(f"{algorithm}: {transport} = {transports[0]}", self._case, 0.0, difference)

    def bytes_are_the_formula(self) -> Verdict:
        """A round sends smashed data and labels up, gradients down, and the client-side model both ways."""
        key, config = self._cell("sflv2")
        with self._federation(key, config, self._shards) as federation:
            (row, *_) = [result.row for result in train_rounds(key, config, federation)]
            smashed, weights = federation.segment.gives, federation.get_weights(0)
        batch = _tensor_bytes(smashed.dtype, (_BATCH, *(int(size or 0) for size in smashed.example)))
        labels = _tensor_bytes(self._shards[0].y.dtype.name, (_BATCH,))
        model = sum(_tensor_bytes(array.dtype.name, array.shape) for array in weights)
        steps = _CLIENTS * _BATCHES
        formula = (
            steps * (_ADDRESS + labels + batch),
            steps * (_RESULT + batch),
            _CLIENTS * (_OWNER + model),
            _CLIENTS * (_WAIT + model),
        )
        sent = row.uplink_bytes, row.downlink_bytes, row.aggregation_uplink_bytes, row.aggregation_downlink_bytes
        return Verdict("bytes = formula", self._case, 0.0, float(np.abs(np.subtract(sent, formula)).max()))

    def phases_sum_to_step(self, algorithm: str) -> Verdict:
        """The phases of every step sum to the step, exactly, and none is negative."""
        key, config = self._cell(algorithm)
        results, _ = self._train(key, config, self._shards)
        steps = [row for result in results for row in result.steps]
        phases = [[getattr(row, phase) for phase in PHASES] for row in steps]
        off = max(abs(sum(parts) - row.step_s) for parts, row in zip(phases, steps, strict=True))
        below = max(0.0, -min(chain.from_iterable(phases)))
        return Verdict(f"{algorithm}: phases sum to step", self._case, 0.0, max(off, below))

    def _close(self, oracle: str, config: CellConfig, difference: float) -> Verdict:
        """Judge a difference by what rounding explains; a server's weights may take part in all clients' steps."""
        steps = _ROUNDS * _BATCHES * config.num_clients
        bound = tolerance(self._whole, _BATCH, steps, config.optimizer, config.learning_rate)
        return Verdict(oracle, self._case, bound, difference)

    def _cell(self, algorithm: str, **changes: object) -> tuple[CellKey, CellConfig]:
        values = {
            "model": self._config.model,
            "loss": self._config.loss,
            "cut_layer": self._config.cut_layer,
            "optimizer": self._config.optimizer,
            "learning_rate": self._config.learning_rate,
            "clients": _CLIENTS,
            "batch_size": _BATCH,
            "rounds": _ROUNDS,
            "order": "fixed",
            "transport": "inproc",
        }
        config = CellConfig.parse(values | {"algorithm": algorithm} | changes)
        return CellKey(config.cell_id, 0, self._seed), config

    def _federation(self, key: CellKey, config: CellConfig, shards: Sequence[ClientShard]) -> LocalFederation:
        return LocalFederation(key, config, self._shape, shards, self._test)

    def _train(
        self, key: CellKey, config: CellConfig, shards: Sequence[ClientShard]
    ) -> tuple[list[RoundResult], list[list[Array]]]:
        """Return the rows, and the weights of the joined model after each round."""
        results, weights = [], []
        with self._federation(key, config, shards) as federation:
            for result in train_rounds(key, config, federation):
                results.append(result)
                weights.append(_joined(config, federation))
        return results, weights


_ADDRESS, _RESULT, _OWNER, _WAIT = 3 * 5, 5 * 9 + 2 + 9 + 5, 2 * 5 + 9, 9
"""Bytes of a message beside its tensors: client, round, step; stamps, loss, correct; client, round, examples; wait."""


def _tensor_bytes(dtype: str, shape: Sequence[int]) -> int:
    """Return the bytes of a tensor in a message: key and length, dtype, shape, codec and payload, each with its own."""
    sizes = sum(map(_varint_bytes, shape))
    payload = int(np.prod(shape)) * np.dtype(dtype).itemsize
    parts = [len(dtype), sizes, len("raw"), payload]
    return _field_bytes(sum(_field_bytes(part) for part in parts if part))


def _field_bytes(length: int) -> int:
    return 1 + _varint_bytes(length) + length


def _varint_bytes(value: int) -> int:
    return max(1, -(-value.bit_length() // 7))


def _joined(config: CellConfig, federation: LocalFederation) -> list[Array]:
    """Return the weights of client 0's joined model, in the order of the unsplit network."""
    client, server = federation.get_weights(0), federation.get_server_weights()
    if isinstance(config.cut_layer, tuple):
        head = len(federation.segment.models[0].weights)
        return [*client[:head], *server, *client[head:]]
    return [*client, *server]


def _losses(results: Iterable[RoundResult]) -> list[float]:
    return [row.loss for result in results for row in result.steps]


def _furthest(measured: Iterable[Iterable[ArrayLike]], expected: Iterable[Iterable[ArrayLike]]) -> float:
    """Return the largest difference of two lists of lists of arrays or numbers."""
    pairs = zip(chain.from_iterable(measured), chain.from_iterable(expected), strict=True)
    return max((difference(*pair) for pair in pairs), default=0.0)


def _timeless(results: Iterable[RoundResult]) -> list[StepRow]:
    """Return the step rows without their times and the name of their cell."""
    times: Any = {field.name: 0.0 for field in fields(StepRow) if field.name.endswith("_s")}
    return [replace(row, cell_id="", **times) for result in results for row in result.steps]
