"""Changes of level and the report over commits."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.stats.change_points import find_changes
from analysis.trend.figure import draw_trend
from analysis.trend.history import Entry, Machine, Measure, append
from analysis.trend.report import report_trend
from analysis.trend.series import trend
from splitfed_core.records.metrics import METRICS, MIN_EFFECT, metric

STEP, BYTES, LOSS = (METRICS[name] for name in ("step_p50_s", "bytes_per_round", "final_eval_loss"))
A, B = Machine("aaa", "CPU A", 2), Machine("bbb", "CPU B", 4)


def entry(day: int, value: float = 1.0, machine: Machine = A, cell: str = "c1", name: str = "step_p50_s") -> Entry:
    date = f"2030-01-{day:02d}T00:00:00+00:00"
    measures = {name: Measure(value, 3)}
    return Entry(cell, f"cell {cell}", f"{day:02d}{0:038d}", None, date, date, machine, {}, 0, measures)


def test_a_level_that_rose_is_found_where_it_rose() -> None:
    values = [0.0099, 0.010, 0.0101] * 4 + [0.0119, 0.0121] * 3 + [0.012, 0.012]
    (change,) = find_changes(STEP, values)
    assert (change.at, change.points, change.worse) == (12, (12, 8), True)
    assert (change.before, change.after) == (0.010, 0.012)
    assert change.size == pytest.approx(0.2)
    assert not find_changes(METRICS["steps_per_s"], values)[0].worse


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1.0] * 10, []),
        ([1.0] * 5 + [1.01] * 5, []),  # less than matters
        ([1.0] * 5 + [2.0] + [1.0] * 4, []),  # one slow evening
        ([1.0, 1.0, 2.0, 2.0], []),  # too few for a level
        ([1.0] * 3 + [1.1] * 3, [3]),
        ([0.0] * 5 + [1.0] * 5, []),  # no share of nothing
    ],
)
def test_what_is_a_change_of_level(values: list[float], found: list[int]) -> None:
    assert [change.at for change in find_changes(STEP, values)] == found


def test_counted_metrics_change_by_a_byte() -> None:
    assert [(change.at, change.worse) for change in find_changes(BYTES, [100, 100, 101, 99], exact=True)] == [
        (2, True),
        (3, False),
    ]


def test_noise_alone_is_rarely_called_a_change() -> None:
    def flagged(points: int, step: float) -> int:
        random = np.random.default_rng(0)
        steps = np.where(np.arange(points) < points // 2, 1.0, 1.0 + step)
        return sum(bool(find_changes(STEP, list(np.exp(random.normal(0, 0.04, points)) * steps))) for _ in range(1000))

    assert (flagged(10, 0.0), flagged(30, 0.0)) == (30, 2)
    assert (flagged(10, 0.2), flagged(30, 0.1)) == (905, 886)


def test_series_follow_the_commits_and_break_where_another_machine_measured() -> None:
    entries = [entry(day, day, A if day in (1, 2, 4, 5) else B) for day in (5, 3, 1, 4, 2)]
    made = trend(entries, [STEP])
    assert [commit[1] for commit in made.commits] == ["1", "2", "3", "4", "5"]
    a, b = made.series
    assert ([point.at for point in a.points], a.pieces) == ([0, 1, 3, 4], ((0, 2), (2, 4)))
    assert ([point.at for point in b.points], b.pieces) == ([2], ((0, 1),))
    drawn = [list(line.get_xdata()) for line in draw_trend(made, [STEP]).axes[0].lines if len(line.get_xdata()) > 1]  # type: ignore[arg-type]  # Matplotlib allows more kinds of data
    assert [0, 1] in drawn
    assert [3, 4] in drawn
    assert not any({1, 3} <= set(line) for line in drawn)


def test_a_metric_that_was_defined_anew_begins_another_series_and_no_change_is_seen_across() -> None:
    old = [entry(day, 1.0) for day in range(1, 6)]
    new = [replace(entry(day, 2.0), definitions={"step_p50_s": 2}) for day in range(6, 11)]
    made = trend([*old, *new], [STEP])
    assert [(one.definition, [point.at for point in one.points], one.changes) for one in made.series] == [
        (1, [0, 1, 2, 3, 4], ()),
        (2, [5, 6, 7, 8, 9], ()),
    ]
    figure = draw_trend(made, [STEP])
    breaks = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linestyle() == "-."]  # type: ignore[index]  # Matplotlib allows more kinds of data
    assert breaks == [4.5]
    assert "redefined" in {text.get_text() for text in figure.legends[0].get_texts()}


def test_a_commit_measured_twice_on_a_machine_is_one_point() -> None:
    again = replace(entry(1, 3.0), measured_at="2030-02-01T00:00:00+00:00", diff="x")
    (series,) = trend([entry(1, 1.0), again], [STEP]).series
    assert [(point.value, point.dirty) for point in series.points] == [(2.0, True)]


def test_the_report_tells_what_changed_where_and_escapes_names(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    entries = [
        replace(entry(day, 1.0 if day < 6 else level, cell=cell), label=cell)
        for day in range(1, 12)
        for cell, level in (("a", 1.5), (evil, 1.4))
    ]
    append(tmp_path / "h.jsonl", [*entries, replace(entry(12), metrics={}, failed=3)])
    page = report_trend(tmp_path / "h.jsonl", tmp_path / "out")
    text = (tmp_path / "out" / "trend.md").read_text()
    assert "- Step latency, median worse from 0600000000 on in 2 of 2 cells; most in a: +50 %" in text
    assert "| worse | a | Step latency, median | +50 % | 1 s → 1.5 s | 0600000000 | 5 before, 6 after |" in text
    assert "no usable result: cell c1 at 1200000000" in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "trend.md", "trend.png", "trend.svg"}
    assert evil not in page.read_text() + text
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page.read_text())


def test_the_figure_is_the_same_bytes_again_and_carries_its_commits(tmp_path: Path) -> None:
    append(tmp_path / "h.jsonl", [entry(day, day, name="final_eval_loss") for day in (1, 2, 3)])
    for out in ("one", "two"):
        report_trend(tmp_path / "h.jsonl", tmp_path / out, ["final_eval_loss"])
    for kind in ("png", "svg"):
        assert (tmp_path / "one" / f"trend.{kind}").read_bytes() == (tmp_path / "two" / f"trend.{kind}").read_bytes()
    assert f"03{0:038d}" in (tmp_path / "one" / "trend.svg").read_text()
    assert metric("final_eval_loss") == LOSS


def test_a_trend_marks_every_byte_only_where_bytes_repeat() -> None:
    name = "bytes_per_round"
    entries = [entry(day, 1e6 + day % 2, name=name) for day in range(1, 11)]
    noisy = [replace(each, noisy=[name]) for each in entries]
    assert len(trend(entries, [METRICS[name]]).series[0].changes) == 9
    assert trend(noisy, [METRICS[name]]).series[0].changes == ()
    grown = [replace(entry(day, 1e6 * (1 + 0.02 * (day > 5)), name=name), noisy=[name]) for day in range(1, 11)]
    (change,) = trend(grown, [METRICS[name]]).series[0].changes
    assert (change.at, round(change.size, 12)) == (5, 0.02)


def test_the_first_level_ends_at_the_first_of_its_changes() -> None:
    values = [1.0] * 6 + [2.0] * 6 + [4.0] * 6
    (series,) = trend([entry(day, value) for day, value in enumerate(values, start=1)], [STEP]).series
    assert [change.at for change in series.changes] == [6, 12]
    assert series.first_level == 1
    assert series.weight(series.changes[0]) == pytest.approx(1 / MIN_EFFECT[STEP.kind])


def test_the_first_level_is_the_median_of_its_own_points() -> None:
    values = [1.0] * 3 + [1.01] * 3 + [2.0] * 6
    (series,) = trend([entry(day, value) for day, value in enumerate(values, start=1)], [STEP]).series
    assert (series.changes[0].at, series.first_level) == (6, 1.005)


def test_a_commit_has_the_place_of_its_earliest_measurement() -> None:
    late, early = entry(5), entry(1)
    moved = replace(entry(1), committed_at=late.committed_at, measured_at=late.measured_at)
    made = trend([early, entry(3), moved], [STEP])
    assert made.commits == (early.commit, entry(3).commit)


def test_a_cell_is_called_as_it_was_last() -> None:
    entries = [replace(entry(day), label=f"label {day}") for day in (4, 2, 1, 3)]
    assert trend(entries, [STEP]).series[0].label == "label 4"


def test_one_noisy_measurement_makes_a_counted_metric_noisy() -> None:
    entries = [entry(day, 1e6 + day % 2, name="bytes_per_round") for day in range(1, 11)]
    once = [replace(entries[0], noisy=["bytes_per_round"]), *entries[1:]]
    assert trend(once, [BYTES]).series[0].changes == ()


@pytest.mark.parametrize(
    ("elsewhere", "pieces"),
    [
        ([3, 6], ((0, 2), (2, 4), (4, 5))),
        ([2], ((0, 1), (1, 2), (2, 5))),  # on both machines: no line leads to the point or from it
        ([8], ((0, 5),)),
    ],
)
def test_every_measurement_on_another_machine_breaks_the_line(
    elsewhere: list[int], pieces: tuple[tuple[int, int], ...]
) -> None:
    here = [entry(day) for day in (1, 2, 4, 5, 7)]
    made = trend([*here, *(entry(day, machine=B) for day in elsewhere)], [STEP])
    assert next(series for series in made.series if series.machine == A).pieces == pieces
