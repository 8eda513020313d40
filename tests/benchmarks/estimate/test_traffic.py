"""What is predicted of messages is what they have: to the byte, or at least not less."""

from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.estimate.probe import Observed
from benchmarks.estimate.traffic import step_traffic
from splitfed_core.records.results import ModelFacts
from splitfed_core.records.rows import StepRow
from tests.core.conftest import Federations

CUTS: dict[str, dict[str, Any]] = {
    "sflv2": {},
    "sflv1": {"algorithm": "sflv1"},
    "sl": {"algorithm": "sl"},
    "ushape": {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]},
}
FIXED: list[dict[str, Any]] = [
    {},
    {"codec": "int8", "gradient_codec": "int4"},
    {"codec": {"name": "int2", "per": "channel"}, "gradient_codec": "bf16"},
    {"codec": {"name": "topk", "share": 0.07}, "gradient_codec": "fp8"},
    {"codec": "repeated", "gradient_codec": {"name": "randtopk", "share": 0.3}},
]
VARIABLE: list[dict[str, Any]] = [
    {"codec": {"name": "topk", "share": 0.1, "then": "zstd"}},
    {"gradient_codec": {"name": "int8", "then": "lz4"}},
    {"codec": {"name": "delta", "bits": 4}, "gradient_codec": "int8"},
]
SIZES = (20, 13, 7)


@pytest.fixture(scope="module")
def federations() -> Federations:
    return Federations()


def sent_by(row: StepRow) -> int:
    return (row.uplink_bytes or 0) + (row.downlink_bytes or 0)


@pytest.mark.parametrize("codecs", FIXED, ids=str)
@pytest.mark.parametrize("cut", CUTS)
def test_steps_with_codecs_of_a_fixed_size_are_predicted_to_the_byte(
    cut: str, codecs: dict[str, Any], federations: Federations
) -> None:
    trained = federations.train(*SIZES, **CUTS[cut], **codecs, transport="grpc")
    config = federations.config(clients=3, **CUTS[cut], **codecs, transport="grpc")
    for row in trained.steps:
        predicted = step_traffic(config, trained.facts.crossing, 10, row.examples)
        assert predicted.is_exact
        assert predicted.num_bytes == sent_by(row)


@pytest.mark.parametrize("codecs", VARIABLE, ids=str)
@pytest.mark.parametrize("cut", CUTS)
def test_other_steps_are_predicted_from_above(cut: str, codecs: dict[str, Any], federations: Federations) -> None:
    trained = federations.train(*SIZES, **CUTS[cut], **codecs, transport="grpc")
    config = federations.config(clients=3, **CUTS[cut], **codecs, transport="grpc")
    sent = {row.examples: sent_by(row) for row in trained.steps if row.step == 0}
    raw = federations.config(clients=3, **CUTS[cut], transport="grpc")
    for examples, num_bytes in sent.items():
        predicted = step_traffic(config, trained.facts.crossing, 10, examples)
        assert not predicted.is_exact
        assert num_bytes <= predicted.num_bytes
        assert predicted.num_bytes < 1.2 * step_traffic(raw, trained.facts.crossing, 10, examples).num_bytes


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("codec", "is_exact"), [("raw", True), ("repeated", True), ({"name": "raw", "then": "zstd"}, False)], ids=str
)
def test_models_are_predicted_from_those_of_the_probe(
    cut: str, codec: Any, is_exact: bool, federations: Federations
) -> None:
    cell: dict[str, Any] = CUTS[cut] | {"model_codec": codec, "transport": "grpc"}
    trained = federations.train(*SIZES, **cell)
    probe = Observed(
        federations.config(clients=3, **cell), [], [], [result.row for result in trained.rounds], facts(trained.facts)
    )
    predicted = probe.model_traffic(probe.config)
    for result in trained.rounds:
        sent = (result.row.aggregation_uplink_bytes + result.row.aggregation_downlink_bytes) / len(SIZES)
        assert predicted.is_exact == is_exact
        if cut != "sl":  # whose very first client has nobody to take over from
            assert predicted.num_bytes == sent if is_exact else sent <= predicted.num_bytes


def facts(of: ModelFacts) -> dict[str, Any]:
    return asdict(of) | {"dataset": {"classes": 10}}
