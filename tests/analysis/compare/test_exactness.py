"""When bytes, calls and losses are compared as they are."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.compare.exactness import _FIXED_SIZE, repeats
from analysis.compare.gate import judge
from analysis.compare.measured import Measured
from analysis.compare.pairing import Pairs
from analysis.compare.rules import Rules
from splitfed_core.records.metrics import METRICS
from splitfed_core.wire.codecs import CODECS, make_codec

FAULTS = {"faults": [{"name": "kill", "client": 2, "round": 2}]}


@pytest.mark.parametrize(
    ("parameters", "sizes", "losses"),
    [
        ({}, True, False),
        ({"codec": "raw", "model_codec": {"name": "raw"}}, True, False),
        ({"codec": {"name": "raw", "then": "zstd"}}, False, False),
        ({"codec": {"name": "topk", "share": 0.1}, "gradient_codec": "int8"}, True, False),
        ({"codec": {"name": "delta", "bits": 4, "then": "lz4"}}, False, False),
        ({"gradient_codec": "not known yet"}, False, False),
        ({"codec": {"name": "raw", "then": "zstd"}, "order": "fixed"}, True, True),
        ({"order": "fixed"}, True, True),
        (FAULTS, False, False),
        (FAULTS | {"order": "fixed"}, False, False),
    ],
)
def test_what_repeats_to_the_bit_by_the_parameters_of_a_cell(
    parameters: dict[str, Any], sizes: bool, losses: bool
) -> None:
    assert {repeats(METRICS[name], parameters) for name in ("bytes_per_round", "rpcs_per_round")} == {sizes}
    assert {repeats(METRICS[name], parameters) for name in ("final_train_loss", "final_eval_accuracy")} == {losses}
    assert repeats(METRICS["step_p50_s"], parameters) is False
    assert repeats(METRICS["client_parameters"], parameters)


@pytest.mark.parametrize(("more", "verdict"), [(1.004, "unchanged"), (1.03, "regression")])
def test_bytes_that_vary_are_compared_statistically_and_one_per_cent_matters(more: float, verdict: str) -> None:
    sent = [1e6 + 500 * i for i in range(10)]
    base, head = (
        tuple(Measured(values={"bytes_per_round": each * by}) for each in values)
        for values, by in ((sent, 1), (sent[::-1], more))
    )
    metric = METRICS["bytes_per_round"]
    pairs = Pairs("c", "c", {"codec": {"name": "raw", "then": "zstd"}}, tuple(range(10)), base, head)
    (judged,) = judge([pairs], {metric.name: metric}, Rules()).cells[0].metrics
    assert (judged.verdict.outcome, judged.verdict.exact) == (verdict, False)
    assert judged.min_effect == pytest.approx(0.01)
    exact = judge([replace(pairs, parameters={})], {metric.name: metric}, Rules()).cells[0].metrics[0]
    assert (exact.verdict.outcome, exact.verdict.exact) == ("regression", True)


def test_the_codecs_of_a_fixed_size_are_those_that_say_so() -> None:
    fixed = {name for name in CODECS if make_codec(name).fixed_size}
    assert fixed == _FIXED_SIZE
