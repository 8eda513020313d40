"""Whole cells with codecs, over a real server: what they cost, what they change, and what they leave as it is."""

from typing import Any

import numpy as np
import pytest

from splitfed_core.config.cell_config import CellConfig
from splitfed_core.federation.codecs import largest_message_bytes
from splitfed_core.records.results import ModelFacts
from splitfed_core.records.rows import PHASES

SIZES = (20, 13, 7)  # unequal, and each with a last batch of its own size
ALGORITHMS: dict[str, dict[str, Any]] = {
    "sflv1": {"algorithm": "sflv1"},
    "sflv2": {},
    "sl": {"algorithm": "sl"},
    "ushape": {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]},
    "fl": {"algorithm": "fl"},
}
CODECS: dict[str, dict[str, Any]] = {
    "int8": {"codec": "int8", "gradient_codec": "int8"},
    "topk": {"codec": {"name": "topk", "share": 0.1, "then": "zstd"}, "gradient_codec": "int4"},
    "randtopk": {"codec": {"name": "randtopk", "share": 0.1}},
    "delta": {"codec": {"name": "delta", "bits": 4}, "gradient_codec": "fp16"},
    "model": {"model_codec": {"name": "int4", "feedback": True}},
    "lossless": {"codec": {"name": "raw", "then": "lz4"}, "gradient_codec": "repeated", "model_codec": "repeated"},
}
TRANSPORTS = {name: ("grpc",) if name == "ushape" else ("grpc", "grpc-stream") for name in ALGORITHMS}
CELLS = [
    (algorithm, codec, transport)
    for algorithm in ALGORITHMS
    for codec in CODECS
    for transport in TRANSPORTS[algorithm]
    if (algorithm, codec) != ("sl", "model")
]


def learned(trained: Any) -> list[Any]:
    """Everything that training has come to, without times and bytes."""
    rows = [(r.client_id, r.step, r.loss, r.correct) for r in trained.steps]
    rounds = [(r.row.train_loss, r.row.eval_loss, r.row.eval_accuracy) for r in trained.rounds]
    weights = [w.tobytes() for client in trained.clients.values() for w in client]
    return [rows, rounds, weights, [w.tobytes() for w in trained.server]]


def of_models(trained: Any) -> list[tuple[int, int]]:
    """The bytes of models in each round, up and down."""
    return [(r.row.aggregation_uplink_bytes, r.row.aggregation_downlink_bytes) for r in trained.rounds]


@pytest.mark.parametrize(("algorithm", "codec", "transport"), CELLS)
def test_every_algorithm_trains_with_every_kind_of_codec(
    algorithm: str, codec: str, transport: str, federations: Any
) -> None:
    settings = ALGORITHMS[algorithm] | {"order": "fixed"} if algorithm not in ("sl", "fl") else ALGORITHMS[algorithm]
    raw = federations.train(*SIZES, **settings, transport="grpc")
    trained = federations.train(*SIZES, **settings, **CODECS[codec], transport=transport)
    config = federations.config(clients=3, **settings, **CODECS[codec], transport=transport)
    has_effect = config.identity().keys() & {"codec", "gradient_codec", "model_codec"}
    is_the_same = codec == "lossless" or not has_effect
    assert (learned(trained) == learned(raw)) == is_the_same
    for row, plain in zip(trained.steps, raw.steps, strict=True):
        assert np.isfinite(row.loss)
        phases = [getattr(row, name) for name in PHASES]
        assert algorithm == "fl" or (sum(phases) == row.step_s and min(phases) >= 0)
        assert codec == "model" or algorithm == "fl" or row.uplink_bytes != plain.uplink_bytes
    models = [
        [r.row.aggregation_uplink_bytes + r.row.aggregation_downlink_bytes for r in t.rounds] for t in (trained, raw)
    ]
    assert (models[0] != models[1]) == ("model_codec" in has_effect)


def test_a_lossy_cell_repeats_to_the_bit_in_a_fixed_order(federations: Any) -> None:
    cell = {"codec": {"name": "int4", "rounding": "stochastic"}, "gradient_codec": {"name": "topk", "share": 0.2}}
    cell |= {"model_codec": {"name": "int4", "rounding": "stochastic"}, "order": "fixed"}
    runs = [federations.train(*SIZES, **cell, transport="grpc", timeout_s=600.0 + i) for i in range(2)]
    assert learned(runs[0]) == learned(runs[1])
    assert learned(runs[0]) != learned(federations.train(*SIZES, order="fixed", transport="grpc"))


def test_int8_both_ways_learns_what_raw_learns(federations: Any) -> None:
    raw, small = (
        federations.train(*SIZES, rounds=12, order="fixed", transport="grpc", **codecs)
        for codecs in ({}, CODECS["int8"])
    )
    losses = [[r.row.train_loss for r in trained.rounds] for trained in (raw, small)]
    assert losses[1][-1] < losses[1][0] / 2
    assert losses[1][-1] == pytest.approx(losses[0][-1], abs=0.05)


def test_the_bytes_of_int8_are_its_formula(federations: Any) -> None:
    raw, small = (federations.train(*SIZES, transport="grpc", **codecs) for codecs in ({}, CODECS["int8"]))
    row_bytes = raw.facts.smashed_bytes_per_example
    for plain, row in zip(raw.steps, small.steps, strict=True):
        saved = row.examples * row_bytes * 3 // 4 - 8  # a range for the tensor
        for sent, before in ((row.uplink_bytes, plain.uplink_bytes), (row.downlink_bytes, plain.downlink_bytes)):
            assert saved - 8 <= before - sent <= saved + 8  # the name of the codec, and the lengths of lengths


@pytest.mark.parametrize("settings", [{}, {"local_epochs": 2}, {"participation": 2}, {"aggregation": False}])
def test_delta_sends_each_example_raw_once_and_then_its_change(settings: dict[str, Any], federations: Any) -> None:
    trained = federations.train(*SIZES, transport="grpc", rounds=4, **settings, codec={"name": "delta", "bits": 2})
    row_bytes = trained.facts.smashed_bytes_per_example
    change_bytes = 8 + row_bytes // 16
    for client, size in enumerate(SIZES):
        first_visits = -(-size // 8)
        for number, row in enumerate(trained.of(client)):
            value = row_bytes if number < first_visits else change_bytes
            expected = row.examples * (4 + value + 1)  # its number, and its label
            assert expected < row.uplink_bytes < expected + 100


@pytest.mark.parametrize(
    "codecs",
    [
        {"codec": {"name": "topk", "share": 1.0}, "gradient_codec": "repeated"},
        {"codec": {"name": "topk", "share": 0.99}},
        {"codec": {"name": "delta", "bits": 8}},
        {"codec": {"name": "int8", "per": "channel"}, "gradient_codec": {"name": "topk", "share": 0.99}},
        {"model_codec": {"name": "topk", "share": 0.99}},
        {"model_codec": {"name": "int8", "per": "channel"}},
    ],
)
@pytest.mark.parametrize("cut", [{"cut_layer": "dense1"}, {"algorithm": "ushape", "cut_layer": ("dense1", "dense2")}])
def test_no_message_is_larger_than_its_cell_says(codecs: dict[str, Any], cut: dict[str, Any], federations: Any) -> None:
    trained = federations.train(600, batch_size=512, rounds=2, transport="grpc", **cut, **codecs)
    config = federations.config(clients=1, batch_size=512, transport="grpc", **cut, **codecs)
    limit = largest_message_bytes(config, trained.facts)
    sent = [bytes_ for row in trained.steps for bytes_ in (row.uplink_bytes, row.downlink_bytes)]
    sent += [
        bytes_ for r in trained.rounds for bytes_ in (r.row.aggregation_uplink_bytes, r.row.aggregation_downlink_bytes)
    ]
    assert max(sent) < limit
    assert limit < 2.2 * max(max(sent), 3 * trained.facts.client_parameter_bytes) + (1 << 20)


def test_who_sat_a_round_out_goes_on_from_the_same_start(federations: Any) -> None:
    """Half of the clients take part, so that somebody is behind in every round; all must decode what they get."""
    cell: dict[str, Any] = {"participation": 2, "rounds": 6, "order": "fixed", "transport": "grpc"}
    raw = federations.train(20, 20, 20, 20, **cell)
    small = federations.train(20, 20, 20, 20, **cell, model_codec={"name": "int8", "feedback": True})
    assert [r.row.rpcs for r in small.rounds] == [r.row.rpcs for r in raw.rounds]
    for ours, theirs in zip(small.rounds, raw.rounds, strict=True):
        assert ours.row.train_loss == pytest.approx(theirs.row.train_loss, abs=0.02)


def test_a_cell_whose_loss_has_become_nan_ends_with_its_rows(federations: Any) -> None:
    for codecs in ({}, CODECS["int8"], CODECS["topk"], CODECS["delta"], CODECS["model"]):
        trained = federations.train(20, optimizer="sgd", learning_rate=1e30, transport="grpc", **codecs)
        assert not np.isfinite([row.loss for row in trained.steps]).all()


def test_a_codec_means_nothing_where_nothing_is_sent(federations: Any) -> None:
    config = federations.config(clients=2, transport="inproc", **CODECS["int8"])
    assert (config.codec, config.gradient_codec, config.model_codec) == (None, None, None)


@pytest.mark.parametrize(
    ("codecs", "payload"),
    [
        ({"codec": {"name": "topk", "share": 0.99}}, 1024 * (24_750 * 4 + 3_125)),  # values, and a bit for each element
        ({"gradient_codec": {"name": "topk", "share": 0.99}}, 1024 * (24_750 * 4 + 3_125)),
        ({"model_codec": {"name": "topk", "share": 0.99}}, 297_000_000 + 9_375_000),
        ({"codec": {"name": "delta", "bits": 2}}, 1024 * 100_000 + 4 * 1025),
    ],
)
def test_what_a_codec_adds_is_allowed_for(codecs: dict[str, Any], payload: int) -> None:
    of_models = 300_000_000 if "model_codec" in codecs else 0
    facts = ModelFacts(0, 0, of_models, 0, smashed_bytes_per_example=100_000, largest_bytes_per_example=100_000)
    config = CellConfig.parse({"batch_size": 1024, "rounds": 1} | codecs)
    raw, limit = (largest_message_bytes(each, facts) for each in (CellConfig.parse({"batch_size": 1024}), config))
    before = 300_000_000 if of_models else 1024 * 100_000
    assert limit - raw == max(0, payload - before)
