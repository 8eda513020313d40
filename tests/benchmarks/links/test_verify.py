"""What the witnesses' lines come to: bounds, table, reasons, JSON, exit code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.links import measure as module
from benchmarks.links.comparison import Line
from benchmarks.links.measure import RelayProcess, measure
from benchmarks.links.verify import document, exit_code, markdown, show, summary
from benchmarks.links.witness import Witness, WitnessMissingError
from splitfed_core.timing.links import Direction, Link

LARGE = Line("relay", "lte", "uplink", 1_000_000, 12.0, 35.0, 0.732, (0.74, 0.735, 0.73), (0.733, 0.733, 0.733))
SMALL = Line("relay", "wifi", "downlink", 1_000, 40.0, 1.0, 0.0012, (0.0014, 0.0016, 0.0015), (0.0013, 0.0013, 0.0013))
SKIPPED = replace(LARGE, num_bytes=10_000_000, emulated_s=(), witness_s=(), skipped="would take more than 2.5 s")
NO_ROOT = replace(SKIPPED, witness="tbf", skipped="needs root: run the command with sudo")


def shown(lines: list[Line], width: int) -> list[str]:
    console = Console(width=width, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        show(lines, console)
    return capture.get().splitlines()


def test_a_difference_is_the_median_of_the_pairs_and_the_one_farthest_off() -> None:
    assert (LARGE.difference_s, LARGE.worst_s) == pytest.approx((0.002, 0.007), abs=1e-12)
    assert LARGE.typical_used == pytest.approx(0.002 / (0.02 * 0.733 + 0.0003))
    assert LARGE.worst_used == pytest.approx(0.007 / (0.05 * 0.733 + 0.001))


@pytest.mark.parametrize(
    ("emulated", "passed"),
    [
        ((0.1022, 0.1022, 0.1022), True),
        ((0.1024, 0.1024, 0.1024), False),  # 2 % + 0.3 ms of 100 ms are 2.3 ms
        ((0.1000, 0.1000, 0.1059), True),
        ((0.1000, 0.1000, 0.1061), False),  # 5 % + 1 ms are 6
        ((0.0976, 0.0976, 0.0976), False),  # too fast is wrong, too
    ],
)
def test_both_bounds_decide_in_both_directions(emulated: tuple[float, ...], passed: bool) -> None:
    line = replace(LARGE, expected_s=0.1, emulated_s=emulated, witness_s=(0.1, 0.1, 0.1))
    assert line.passed is passed


WRONG = replace(LARGE, emulated_s=(0.8, 0.8, 0.8))
STRAYED = replace(LARGE, witness_s=(0.733, 0.733, 0.8))


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([LARGE, SKIPPED], 0),
        ([LARGE, WRONG], 1),
        ([SKIPPED, NO_ROOT], 4),  # nothing is known
        ([WRONG, STRAYED], 4),  # nor whose fault it was
        ([LARGE, replace(STRAYED, emulated_s=(0.733, 0.733, 0.8))], 0),
    ],
)
def test_the_exit_code_is_that_of_an_oracle(lines: list[Line], code: int) -> None:
    assert exit_code(lines) == code


def test_on_a_busy_host_a_row_that_is_off_is_not_called_wrong() -> None:
    text = "\n".join(shown([WRONG, STRAYED], 200))
    assert ("FAILED" in text, text.count("unsure")) == (False, 2)
    assert text.endswith("not clear: the host was busy, a witness itself strayed by 67.00 ms; repeat it on a quiet one")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_fits_and_loses_nothing(width: int) -> None:
    lines = shown([LARGE, SMALL, SKIPPED], width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for words in ("732.0", "735.0", "733.0", "+0.27 %", "+0.20 ms", "1 kB", "passed", "would take more than 2.5 s"):
        assert words in text.replace("\xa0", " ")


def test_at_80_columns_it_is_a_table_and_a_row_that_fails_says_so() -> None:
    slow = replace(
        SMALL, link="satellite", num_bytes=100_000, expected_s=2.18, emulated_s=(2.5,) * 3, witness_s=(2,) * 3
    )
    title, heads, row, *_ = shown([slow], 80)
    assert title.strip() == "a relay of real bytes, delay included; times in ms"
    assert heads.split() == ["link", "way", "size", "expected", "emulated", "witness", "off", "worst"]
    cells = ["satellite", "down", "100", "kB", "2,180.0", "2,500.0", "2,000.0", "+25.00", "%", "+25.00", "%", "FAILED"]
    assert row.split() == cells


def test_reasons_are_told_once_and_a_witness_that_is_missing_by_its_name() -> None:
    more, other = replace(SKIPPED, num_bytes=5_000_000), replace(SKIPPED, link="dsl", direction="downlink")
    lines = [line for line in shown([LARGE, more, SKIPPED, other, NO_ROOT], 200) if "skipped" in line]
    assert lines == [
        "relay, skipped: would take more than 2.5 s: lte up 5 MB, 10 MB; dsl down 10 MB",
        "tbf, skipped: needs root: run the command with sudo",
    ]


def test_the_summary_has_time_small_messages_and_throughput() -> None:
    relay, bounds = summary([LARGE, SMALL, SKIPPED])
    assert relay == (
        "relay: time off by 0.27 % in the median, 0.27 % at most; small messages by 0.20 ms and 0.20 ms; "
        "throughput from 1 MB on by -0.27 % and -0.27 %"
    )
    assert bounds == "2 of 2 kinds of message are within 2 % + 0.3 ms (median) and 5 % + 1 ms (worst)"


def test_json_has_every_line_with_its_times() -> None:
    found = json.loads(document([LARGE, SKIPPED]))
    assert found["passed"] is True
    assert found["lines"][0]["emulated_s"] == [0.74, 0.735, 0.73]
    assert found["lines"][0]["difference_s"] == pytest.approx(0.002)
    assert (found["lines"][1]["skipped"], found["lines"][1]["witness_s"]) == (SKIPPED.skipped, [])


def test_the_page_of_the_documentation_gets_a_table_and_the_reasons() -> None:
    lines = markdown([SMALL, NO_ROOT]).splitlines()
    assert lines[2] == "| relay | wifi | down | 1 kB | 1.20 | 1.50 | 1.30 | +0.20 ms | +0.30 ms |"
    assert lines[-1] == "- tbf, skipped: needs root: run the command with sudo."


class ByRule:
    """Carries every message in just the time of its link; over none at 100 Mbit/s."""

    name, has_delay = "relay", True

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    def refuses(self, mbit: float, num_bytes: int) -> str:
        return ""

    def expected_s(self, link: Link, direction: Direction, num_bytes: int) -> float:
        return link.delay_s + num_bytes * 8 / link.rate_bps(direction)

    @contextmanager
    def over(self, link: Link | None) -> Iterator[Witness]:
        yield _Way(link or Link(1e8, 1e8), self._asked)


class _Way:
    def __init__(self, link: Link, asked: list[str]) -> None:
        self._link, self._asked = link, asked

    def transfer(self, direction: Direction, num_bytes: int) -> float:
        self._asked.append(f"{direction} {num_bytes}")
        return self._link.delay_s + num_bytes * 8 / self._link.rate_bps(direction)


@pytest.fixture
def without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise WitnessMissingError("needs root")

    monkeypatch.setattr(module, "Namespaces", missing)
    monkeypatch.setattr(module, "RelayProcess", lambda: ByRule([]))


def test_without_root_the_relay_is_asked_and_the_bucket_skipped(without_root: None) -> None:
    links = {"slow": Link(8e6, 16e6, delay_s=0.01)}
    lines = list(measure(links, ByRule([]), lambda _: None, sizes=(1_000, 10_000_000)))
    assert [(line.witness, line.direction, line.num_bytes, line.skipped) for line in lines] == [
        ("tbf", "uplink", 1_000, "needs root"),
        ("tbf", "uplink", 10_000_000, "needs root"),
        ("tbf", "downlink", 1_000, "needs root"),
        ("tbf", "downlink", 10_000_000, "needs root"),
        ("relay", "uplink", 1_000, ""),
        ("relay", "uplink", 10_000_000, "would take more than 2.5 s"),
        ("relay", "downlink", 1_000, ""),
        ("relay", "downlink", 10_000_000, "would take more than 2.5 s"),
    ]
    assert lines[4].emulated_s == lines[4].witness_s == pytest.approx([0.011] * 5)
    assert [lines[0].delay_ms, lines[0].expected_s, lines[4].delay_ms] == pytest.approx([0.0, 0.001, 10.0])


def test_a_rate_that_this_host_does_not_carry_is_skipped(without_root: None) -> None:
    links = {"fast": Link(90e6, 80e6)}
    lines = list(measure(links, ByRule([]), lambda _: None, sizes=(1_000,)))
    up, down = [line for line in lines if line.witness == "relay"]
    assert up.skipped == "this host carries 100 Mbit/s, and a fifth more than the link has is needed"
    assert down.skipped == ""


def test_emulation_and_witness_take_turns(without_root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "RelayProcess", lambda: ByRule(_Marked("theirs", asked)))
    monkeypatch.setattr(module, "_carries", lambda way: 1e3)
    list(measure({"one": Link(8e6, 8e6)}, ByRule(_Marked("ours", asked)), lambda _: None, sizes=(1_000,)))
    assert asked == ["ours uplink 1000", "theirs uplink 1000"] * 5 + ["ours downlink 1000", "theirs downlink 1000"] * 5


class _Marked(list[str]):
    def __init__(self, mark: str, to: list[str]) -> None:
        super().__init__()
        self._mark, self._to = mark, to

    def append(self, text: str) -> None:
        self._to.append(f"{self._mark} {text}")


def test_the_relay_takes_every_message() -> None:
    assert RelayProcess().refuses(1e6, 1) == ""
