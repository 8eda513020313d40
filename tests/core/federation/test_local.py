from time import perf_counter, sleep
from typing import Any

import pytest

from splitfed_core.records.rows import PHASES, StepRow
from splitfed_core.training.pace import StepShare

SIZES = (20, 13, 7)
ALGORITHMS: dict[str, dict[str, Any]] = {
    "sflv2": {},
    "sflv1": {"algorithm": "sflv1"},
    "ushape": {"algorithm": "ushape", "cut_layer": ["dense1", "dense2"]},
    "sl": {"algorithm": "sl"},
    "fl": {"algorithm": "fl"},
}


def exact(rows: list[StepRow]) -> list[tuple[Any, ...]]:
    """Everything of the rows that is not a time."""
    return [
        (r.client_id, r.round, r.step, r.examples, r.loss, r.correct, r.uplink_bytes, r.downlink_bytes) for r in rows
    ]


@pytest.mark.parametrize(
    ("algorithm", "transport"),
    [
        ("sflv2", "grpc"),
        ("sflv2", "grpc-stream"),
        ("sflv1", "grpc-stream"),
        ("ushape", "grpc"),
        ("sl", "grpc"),
        ("fl", "grpc"),
    ],
)
def test_all_transports_give_the_same_bits(algorithm: str, transport: str, federations: Any) -> None:
    here = federations.train(*SIZES, **ALGORITHMS[algorithm])
    there = federations.train(*SIZES, **ALGORITHMS[algorithm], transport=transport)
    assert exact(there.steps) == exact(here.steps)
    for ours, theirs in ((here.server, there.server), *((here.clients[i], there.clients[i]) for i in range(3))):
        assert [w.tobytes() for w in ours] == [w.tobytes() for w in theirs]
    for near, far in zip(here.rounds, there.rounds, strict=True):
        for name in (
            "train_loss",
            "eval_loss",
            "eval_accuracy",
            "aggregation_uplink_bytes",
            "aggregation_downlink_bytes",
        ):
            assert getattr(near.row, name) == getattr(far.row, name)


@pytest.mark.parametrize("transport", ["inproc", "grpc"])
def test_bytes_of_a_round_are_the_formula_and_one_percent_of_framing(transport: str, federations: Any) -> None:
    sizes, batch = (300, 140), 128
    trained = federations.train(*sizes, batch_size=batch, rounds=1, transport=transport)
    smashed, labels = trained.facts.smashed_bytes_per_example, 1
    assert (smashed, trained.facts.client_parameter_bytes) == (4 * 200, 4 * (64 * 200 + 200))
    row = trained.rounds[0].row
    model = len(sizes) * trained.facts.client_parameter_bytes
    for measured, formula in (
        (row.uplink_bytes, sum(sizes) * (smashed + labels)),
        (row.downlink_bytes, sum(sizes) * smashed),
        (row.aggregation_uplink_bytes, model),
        (row.aggregation_downlink_bytes, model),
    ):
        assert formula < measured <= 1.01 * formula


@pytest.mark.parametrize(
    ("algorithm", "transport", "of_a_step", "of_a_client"),
    [
        ("sflv2", "inproc", 1, 3),
        ("sflv2", "grpc", 1, 3),
        ("sflv2", "grpc-stream", 1, 3),
        ("ushape", "inproc", 2, 3),
        ("ushape", "grpc", 2, 3),
        ("sl", "inproc", 1, 3),
        ("fl", "grpc", 0, 2),
    ],
)
def test_the_calls_of_a_round_are_counted(
    algorithm: str, transport: str, of_a_step: int, of_a_client: int, federations: Any
) -> None:
    trained = federations.train(*SIZES, **ALGORITHMS[algorithm], transport=transport)
    for result in trained.rounds:
        # a client ends its round, and sends and gets a model; evaluation is nobody's training
        assert result.row.rpcs == of_a_step * len(result.steps) + of_a_client * len(SIZES)


@pytest.mark.parametrize("transport", ["inproc", "grpc", "grpc-stream"])
def test_phases_are_never_negative_and_add_up_exactly(transport: str, federations: Any) -> None:
    for row in federations.train(*SIZES, transport=transport).steps:
        phases = [getattr(row, name) for name in PHASES]
        assert min(phases) >= 0  # wall clocks of two processes, and abs(), hid that in the notebook
        assert sum(phases) == row.step_s
        assert row.server_update_s > 0


@pytest.mark.parametrize("cut", [{"cut_layer": "dense1"}, {"algorithm": "ushape", "cut_layer": ("dense1", "dense2")}])
def test_no_message_is_larger_than_its_cell_says(federations: Any, cut: dict[str, Any]) -> None:
    trained = federations.train(600, batch_size=512, rounds=1, transport="grpc", **cut)
    limit = trained.facts.largest_message_bytes(512)
    largest = max(max(row.uplink_bytes, row.downlink_bytes) for row in trained.steps)
    frame = 1 << 20
    assert largest < limit
    assert limit - frame < 1.1 * max(largest, 3 * trained.facts.client_parameter_bytes)


@pytest.mark.parametrize(("algorithm", "transport"), [("sflv2", "grpc"), ("sflv1", "inproc"), ("ushape", "inproc")])
def test_an_injected_delay_is_in_its_phase_and_changes_no_result(
    algorithm: str, transport: str, federations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ALGORITHMS[algorithm] | {"transport": transport, "rounds": 3}
    plain = federations.train(40, **settings)
    monkeypatch.setenv("SFBENCH_INJECT", "server_compute:+300%")
    monkeypatch.setattr(StepShare, "__call__", lambda self, client_id: sleep(0.1))
    delayed = federations.train(40, **settings, timeout_s=601)  # a cell of its own: what was trained is kept
    assert exact(delayed.steps) == exact(plain.steps)
    assert all(row.server_compute_s >= 0.1 for row in delayed.steps)


def test_a_delay_between_steps_is_in_no_step_but_before_it(federations: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ALGORITHMS["sflv2"] | {"transport": "inproc", "rounds": 3}
    plain = federations.train(40, **settings)
    pauses: list[tuple[float, float]] = []

    def pause(share: StepShare, client_id: int) -> None:
        began = perf_counter()
        sleep(0.01)
        pauses.append((began, perf_counter()))

    monkeypatch.setenv("SFBENCH_INJECT", "between_steps:+300%")
    monkeypatch.setattr(StepShare, "__call__", pause)
    delayed = federations.train(40, **settings, timeout_s=602)
    assert exact(delayed.steps) == exact(plain.steps)
    assert len(pauses) == len(delayed.steps)
    assert all(row.between_s >= 0.01 for row in delayed.steps)
    for row in delayed.steps:
        started = delayed.rounds[0].epoch + row.started_s
        assert not any(began < started + row.step_s and started < ended for began, ended in pauses)
