"""Where a change lies: the phases of a step and the parts of a round, by numbers worked out by hand."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from analysis.compare.attribution import attribute
from analysis.compare.gate import judge
from analysis.compare.measured import Measured
from analysis.compare.pairing import Pairs
from analysis.compare.rules import Rules
from analysis.compare.wording import moved_words
from splitfed_core.records.metrics import METRICS
from tests.analysis.compare.cells import JITTER, cell, decide


def ledger(compute: float, queue: float) -> tuple[Measured, ...]:
    phases = {"client_forward_s": 0.006, "server_queue_s": queue, "server_compute_s": compute}
    return tuple(Measured(phases={name: s * math.exp(j) for name, s in phases.items()}) for j in JITTER)


def test_attribution_names_the_phase_that_moved_and_by_how_much() -> None:
    pairs = Pairs("c", "c", {}, tuple(range(10)), ledger(0.002, 0.002), ledger(0.0035, 0.002))
    first, *rest = attribute([pairs])
    assert (first.phase, first.named, [moved.named for moved in rest]) == ("server_compute_s", True, [False, False])
    assert first.share == pytest.approx(0.15, abs=1e-3)
    assert moved_words([first]) == "server_compute +15 % of the step (+1.5 ms)"


def test_attribution_tells_a_phase_that_gained_from_one_that_lost() -> None:
    pairs = Pairs("c", "c", {}, tuple(range(10)), ledger(0.002, 0.002), ledger(0.004, 0.001))
    assert moved_words(attribute([pairs])).startswith("server_compute +20 % of the step (+2 ms), server_queue −10 %")


def rounds(between: float, aggregation: float, step: float = 0.01) -> tuple[Measured, ...]:
    """A cell of rounds with 40 steps; what they hold is as given."""
    parts = {"steps_s": 40 * step, "between_steps_s": 40 * between, "aggregation_s": aggregation}
    return tuple(
        Measured(
            values={"step_p50_s": step * math.exp(j), "round_p50_s": sum(parts.values()) * math.exp(j)},
            phases={"server_compute_s": step * math.exp(j)},
            round_s=sum(parts.values()) * math.exp(j),
            round_parts={name: s * math.exp(j) for name, s in parts.items()},
        )
        for j in JITTER
    )


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (rounds(0.006, 0.012), "between steps +44 % of the round (+200 ms)"),
        (rounds(0.001, 0.3), "aggregation +64 % of the round (+288 ms)"),
        (
            rounds(0.001, 0.3, 0.02),
            "server_compute +100 % of the step (+9.99 ms), aggregation +64 % of the round (+288 ms)",
        ),
        (rounds(0.001, 0.012, 0.02), "server_compute +100 % of the step (+9.99 ms)"),
    ],
)
def test_what_a_round_holds_beside_its_steps_is_attributed_where_rounds_moved(
    head: tuple[Measured, ...], message: str
) -> None:
    before = rounds(0.001, 0.012)
    judged = decide(Pairs("c", "c", {}, tuple(range(10)), before, head)).cells[0]
    assert moved_words(judged.moved) == message
    old = tuple(replace(run, round_parts={"steps_s": run.round_parts["steps_s"]}) for run in before)
    judged = decide(Pairs("c", "c", {}, tuple(range(10)), old, head)).cells[0]
    assert {moved.phase for moved in judged.moved if moved.of == "round"} <= {"steps_s"}


def test_cells_without_a_ledger_attribute_nothing() -> None:
    assert attribute([cell()]) == ()


def test_a_phase_that_merely_jumps_about_is_not_named() -> None:
    head = [
        Measured(phases=dict(run.phases) | {"server_queue_s": 0.002 + (0.004 if i % 2 else -0.001)})
        for i, run in enumerate(ledger(0.0035, 0.002))
    ]
    moved = attribute([Pairs("c", "c", {}, tuple(range(10)), ledger(0.002, 0.002), tuple(head))])
    assert {each.phase: each.named for each in moved} == {
        "server_compute_s": True, "server_queue_s": False, "client_forward_s": False,
    }  # fmt: skip
    assert next(each.share for each in moved if each.phase == "server_queue_s") > 0.1


def test_a_judgement_says_where_the_grid_changed_and_whether_it_was_confirmed() -> None:
    def cells(step: float) -> list[Pairs]:
        return [Pairs(c, c, {}, tuple(range(10)), rounds(0.001, 0.3), rounds(0.001, 0.3, step)) for c in "ab"]

    slower, same = decide(*cells(0.02)), decide(*cells(0.01), again=cells(0.01))
    assert ({moved.of for moved in slower.moved}, slower.confirmed) == ({"step", "round"}, False)
    assert [moved.phase for moved in slower.moved if moved.named] == ["server_compute_s"]
    assert (same.moved, same.confirmed) == ((), True)


def phases(name: str, base: dict[str, float], head: dict[str, float], repeats: Sequence[int] = range(6)) -> Pairs:
    """A cell with a ledger in which nothing but HEAD differs."""
    one, other = (tuple(Measured(phases=each) for _ in repeats) for each in (base, head))
    return Pairs(name, name, {}, tuple(repeats), one, other)


def test_a_part_of_less_than_a_tenth_of_the_change_is_not_named() -> None:
    """Of 10 ms of a step of 100: 9 ms and 1 ms are named, 0.9 ms are not, though they are as sure."""
    base = {"server_compute_s": 0.05, "server_queue_s": 0.05}
    for queue, named in ((0.0511, True), (0.0509, False)):
        compute, waiting = attribute([phases("c", base, {"server_compute_s": 0.059, "server_queue_s": queue})])
        assert (compute.phase, compute.named, waiting.named) == ("server_compute_s", True, named)
        assert compute.share == pytest.approx(0.09)
        assert compute.change_s == pytest.approx(0.009)


def test_parts_and_cells_that_runs_lack_are_left_out() -> None:
    base, head = {"server_compute_s": 0.05, "server_queue_s": 0.05}, {"server_compute_s": 0.06, "server_queue_s": 0.05}
    whole, old = phases("c", base, head), phases("d", base, {"server_compute_s": 0.07})
    assert [moved.phase for moved in attribute([phases("c", base, head, [0])])] == [
        "server_compute_s",
        "server_queue_s",
    ]
    assert [moved.phase for moved in attribute([whole, old])] == ["server_compute_s"]
    partly = replace(old, head=(Measured(), *old.head[1:]))  # of one run nothing is known
    assert [moved.share for moved in attribute([whole, partly])] == pytest.approx([0.1, 0])
    assert attribute([whole, phases("d", base, {"client_forward_s": 0.1})]) == ()
    assert attribute([whole, phases("d", base, head, [7, 8])]) == ()


@pytest.mark.parametrize(("name", "phases"), [("step_p50_s", ["server_compute_s"]), ("final_train_loss", [])])
def test_a_change_of_the_step_is_attributed_and_one_of_the_loss_is_not(name: str, phases: list[str]) -> None:
    one, other = (
        tuple(Measured(values={name: value}, phases={"server_compute_s": value}) for _ in range(6)) for value in (1, 2)
    )
    (judged,) = judge([Pairs("c", "c", {}, tuple(range(6)), one, other)], {name: METRICS[name]}, Rules()).cells
    assert judged.outcome == "regression"
    assert [moved.phase for moved in judged.moved] == phases
