from pathlib import Path

import pytest

from splitfed_core.errors import ConfigError
from splitfed_core.timing.traces import Trace, one_spelling, read_trace


def test_a_trace_is_a_time_in_each_line(tmp_path: Path) -> None:
    (tmp_path / "a.trace").write_text("0\n4\n4\n10\n")
    trace = read_trace(tmp_path, "./a.trace")
    assert trace.at_ms == (0, 4, 4, 10)
    assert trace.mean_bps == 4 * 1504 * 8 / 0.010


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "link trace 'a.trace' carries nothing"),
        (b"0\n0\n", "link trace 'a.trace' carries nothing"),
        (b"1\n2.5\n", "line 2 '2.5': each line is a time in whole milliseconds"),
        (b"5\n3\n", "line 2 '3': each line is a time in whole milliseconds, none before the line above it"),
        (b"-1\n", "line 1 '-1'"),
        (b"1\n\n2\n", "line 2 ''"),
        (b"\xff\xfe", "it is not a text file"),
    ],
)
def test_what_is_not_a_trace_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.trace").write_bytes(content)
    with pytest.raises(ConfigError) as error:
        read_trace(tmp_path, "a.trace")
    assert message in str(error.value)


def test_a_trace_that_cannot_be_read_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trace 'no.trace' \(.*no.trace\): No such file or directory"):
        read_trace(tmp_path, "no.trace")


def test_opportunities_are_counted_on_through_all_periods() -> None:
    trace = Trace((1, 4, 10))
    assert [trace.time_s(number) for number in range(7)] == [0.001, 0.004, 0.01, 0.011, 0.014, 0.02, 0.021]
    assert [trace.first_from(time_s) for time_s in (0, 0.001, 0.0011, 0.01, 0.0101, 0.021)] == [0, 0, 1, 2, 3, 6]


def test_a_file_has_one_spelling() -> None:
    spelled = ["a.trace", "./a.trace", "x/../a.trace", "/data/a.trace", "../a.trace"]
    assert [one_spelling(file) for file in spelled] == ["./a.trace"] * 3 + ["/data/a.trace", "../a.trace"]
