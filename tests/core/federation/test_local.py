from collections import Counter, defaultdict
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest

from splitfed_core.federation.rounds import train_rounds
from splitfed_core.records.rows import PHASES, StepRow
from splitfed_core.timing.pace import Place

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


class Stamps:
    """A pace that does not wait: it notes when each place of each client was due."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[str, int], list[float]] = defaultdict(list)

    def begin(self, client_id: int) -> None:
        pass

    def hold(self, place: Place, client_id: int) -> None:
        self.of[place, client_id].append(perf_counter())


def stamped(federations: Any, **parameters: Any) -> tuple[Stamps, list[StepRow]]:
    """Train two clients of 40 examples; returns what was due when, and the rows, by the same clock."""
    pace, config = Stamps(), federations.config(clients=2, **parameters)
    with federations.build(config, federations.shards(40, 40), pace) as federation:
        rounds = list(train_rounds(federation.key, config, federation))
    return pace, [replace(r, started_s=result.epoch + r.started_s) for result in rounds for r in result.steps]


@pytest.mark.parametrize(("algorithm", "transport"), [("sflv2", "grpc"), ("sflv1", "inproc"), ("sl", "inproc")])
def test_each_place_of_a_split_step_is_held_inside_its_phase(algorithm: str, transport: str, federations: Any) -> None:
    pace, rows = stamped(federations, **ALGORITHMS[algorithm] | {"transport": transport})
    for client_id in (0, 1):
        mine = [row for row in rows if row.client_id == client_id]
        held = [pace.of[place, client_id] for place in ("between_steps", "client_forward", "server_compute")]
        ended = pace.of["client_backward", client_id]
        for row, between, forward, server, backward in zip(mine, *held, ended, strict=True):
            computed = row.started_s + row.client_forward_s
            end = row.started_s + row.step_s
            at_server = row.started_s + sum(getattr(row, name) for name in PHASES[: PHASES.index("server_compute_s")])
            assert between <= row.started_s <= forward <= computed <= server <= end
            assert at_server - 1e-6 <= server <= at_server + row.server_compute_s + 1e-6
            assert end - row.client_backward_s - 1e-6 <= backward <= end


@pytest.mark.parametrize(
    ("algorithm", "places", "exchanges"),
    [
        # two in each of 20 steps; of each client in each round its end, the model there and back
        ("ushape", {"client_forward", "server_forward", "client_tail", "server_compute", "client_backward"}, 52),
        ("fl", {"client_forward", "client_backward", "aggregation"}, 8),
    ],
)
def test_every_place_of_a_step_is_held_once(algorithm: str, places: set[str], exchanges: int, federations: Any) -> None:
    pace, rows = stamped(federations, **ALGORITHMS[algorithm])
    coding = {"client_encode", "client_decode"}
    counts: Counter[str] = Counter()
    for (place, _), stamps in pace.of.items():
        counts[place] += len(stamps)
    steps = dict.fromkeys(counts.keys() - coding - {"aggregation"}, len(rows))
    one_a_round = {"aggregation": 2} if "aggregation" in counts else {}
    assert counts == steps | dict.fromkeys(coding, exchanges) | one_a_round
    assert places <= counts.keys()


def test_an_injected_delay_is_in_its_phase_and_changes_no_result(
    federations: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ALGORITHMS["sflv2"] | {"transport": "grpc", "rounds": 3}
    plain = federations.train(40, **settings)
    monkeypatch.setenv("SFBENCH_INJECT", "server_compute:+300%")
    delayed = federations.train(40, **settings, timeout_s=601)  # a cell of its own: what was trained is kept
    assert exact(delayed.steps) == exact(plain.steps)
    assert all(row.server_compute_s > row.step_s / 2 for row in delayed.steps[1:])
