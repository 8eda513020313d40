"""The history file: lines that merge, a torn last line, files that are something else."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.trend.history import Entry, Machine, Measure, append, read_history
from splitfed_core.errors import UsageError

ONE = Entry(
    cell_id="c1",
    label="1 client",
    commit="a" * 40,
    diff=None,
    committed_at=None,
    measured_at="2030-01-01T00:00:00+00:00",
    machine=Machine("m1", "Some CPU", 4),
    versions={"python": "3.11.7"},
    failed=0,
    metrics={"step_p50_s": Measure(0.125, 3)},
)
OTHER = replace(ONE, commit="b" * 40)
LINE = (
    '{"cell_id": "c1", "commit": "' + "a" * 40 + '", "committed_at": null, "diff": null, "failed": 0, '
    '"label": "1 client", "machine": {"cores": 4, "cpu": "Some CPU", "id": "m1"}, '
    '"measured_at": "2030-01-01T00:00:00+00:00", "metrics": {"step_p50_s": {"median": 0.125, "n": 3}}, '
    '"sfbench_history": 1, "versions": {"python": "3.11.7"}}\n'
)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "branch" / "history.jsonl"


def test_a_line_is_text_with_sorted_keys_and_comes_back_as_it_was(history: Path) -> None:
    assert append(history, [ONE]) == 1
    assert history.read_text() == LINE
    assert read_history(history) == [ONE]


def test_what_is_there_is_not_added_again_wherever_one_stands(history: Path) -> None:
    append(history, [ONE])
    assert append(history, [replace(ONE, committed_at="2029-12-31T00:00:00+00:00"), OTHER]) == 1
    assert read_history(history) == [ONE, OTHER]
    assert history.read_text().startswith(LINE)


def test_a_completed_measurement_takes_the_place_of_the_partial_one(history: Path) -> None:
    partial = replace(ONE, metrics={"step_p50_s": Measure(0.5, 1)})
    append(history, [partial])
    append(history, [ONE])
    append(history, [partial])
    assert len(history.read_text().splitlines()) == 2
    assert read_history(history) == [ONE]


@pytest.mark.parametrize("cut", [1, 20, len(OTHER.line()) - 2])
def test_a_torn_last_line_is_left_out_and_then_cut_away(history: Path, cut: int) -> None:
    append(history, [ONE])
    with history.open("a") as file:
        file.write(OTHER.line()[:cut])
    assert read_history(history) == [ONE]
    assert append(history, [OTHER]) == 1
    assert history.read_text() == LINE + OTHER.line()


def test_a_last_line_without_its_line_break_is_kept(history: Path) -> None:
    history.parent.mkdir()
    history.write_text(LINE[:-1])
    append(history, [OTHER])
    assert history.read_text() == LINE + OTHER.line()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cell_id,repeat\nc1,0\n", "history.jsonl:1: 'cell_id,repeat' is not a line of an sfbench history"),
        (LINE + "{}\n", "history.jsonl:2: '{}' is not a line of an sfbench history"),
        (LINE + "[1]\n", "history.jsonl:2: '[1]' is not a line"),
        (LINE + "<<<<<<< HEAD\n" + LINE, "after a merge, keep the lines of both sides"),
        (LINE.replace('"sfbench_history": 1', '"sfbench_history": 2'), "history schema 2 is unknown, this reads 1"),
    ],
)
def test_a_foreign_file_is_refused_and_stays_as_it_was(history: Path, content: str, message: str) -> None:
    history.parent.mkdir()
    history.write_text(content)
    for use in (lambda: read_history(history), lambda: append(history, [ONE])):
        with pytest.raises(UsageError) as caught:
            use()
        assert message in str(caught.value)
    assert history.read_text() == content


def test_what_cannot_be_read_or_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory; make a history with: sfbench track add RUN"):
        read_history(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="Is a directory; name another with --history"):
        append(tmp_path, [ONE])


def test_appending_at_once_loses_nothing(history: Path) -> None:
    entries = [replace(ONE, cell_id=f"x{i}") for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda entry: append(history, [entry, ONE]), entries)) == 41
    assert {entry.cell_id for entry in read_history(history)} == {"c1"} | {f"x{i}" for i in range(40)}
    assert all(json.loads(line) for line in history.read_text().splitlines())


def test_two_branches_merge_by_keeping_the_lines_of_both(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        names = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        subprocess.run(["git", *names, *words], cwd=tmp_path, check=True, capture_output=True)

    history = tmp_path / "history.jsonl"
    (tmp_path / ".gitattributes").write_text("history.jsonl merge=union\n")
    git("init", "-b", "main")
    append(history, [ONE])
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "other")
    append(history, [OTHER])
    git("commit", "-am", "other")
    git("checkout", "main")
    third = replace(ONE, commit="c" * 40)
    append(history, [third])
    git("commit", "-am", "third")
    git("merge", "other", "-m", "both")
    assert sorted(entry.commit[0] for entry in read_history(history)) == ["a", "b", "c"]
