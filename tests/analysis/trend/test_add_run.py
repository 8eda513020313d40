"""`track add` on run directories: medians of repeats, commits, machines, what is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from analysis.results.load import load
from analysis.trend.add_run import add_run, entries_of
from analysis.trend.history import append, read_history
from benchmarks.machine.git import committed_at
from splitfed_core.errors import DataError, NotARunError, UsageError

MakeRun = Callable[..., Path]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def set_environment(run: Path, **changes: Any) -> Path:
    (path,) = run.glob("env/*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return run


def test_every_metric_is_the_median_of_its_repeats(grid_run: Path) -> None:
    cells = load(grid_run).cells
    entries = entries_of(grid_run)
    assert len(entries) == 8
    for entry in entries:
        values = cells[cells["cell_id"] == entry.cell_id]["step_p50_s"]
        assert entry.metrics["step_p50_s"].median == median(values)
        assert {measure.n for measure in entry.metrics.values()} == {3}
        assert (entry.commit, entry.diff, entry.failed) == (COMMIT, None, 0)
    assert "2 clients · cut conv1 · aggregation on" in {entry.label for entry in entries}
    with_aggregation = [entry for entry in entries if "aggregation_p50_s" in entry.metrics]
    assert len(with_aggregation) == 4, "a metric that a cell does not have is left out, not NaN"


def test_the_same_run_again_adds_nothing_and_says_so(grid_run: Path, tmp_path: Path) -> None:
    history = tmp_path / "h.jsonl"
    assert add_run(grid_run, history) == f"{history}: added 8 of 8 cells"
    content = history.read_bytes()
    assert add_run(grid_run, history) == f"{history}: added 0 of 8 cells, 8 were there already"
    assert history.read_bytes() == content


def test_no_path_of_this_machine_gets_into_the_file(make_run: MakeRun, tmp_path: Path) -> None:
    data = {"name": "parquet", "data_files": "/d/x.csv"}
    run = make_run("mine", {"dataset": ["digits", data]}, failed=lambda _, r: f"{tmp_path}/x broke" if r else None)
    add_run(run, tmp_path / "h.jsonl")
    text = (tmp_path / "h.jsonl").read_text()
    assert str(tmp_path) not in text
    assert "/d/x" not in text


def test_the_commit_of_the_users_own_code_goes_before_that_of_sfbench(make_run: MakeRun) -> None:
    run = set_environment(make_run("own"), app={"git_commit": "f" * 40, "git_dirty": False, "git_diff": None})
    assert {entry.commit for entry in entries_of(run)} == {"f" * 40}


@pytest.mark.parametrize("where", ["sfbench", "app"])
def test_a_dirty_tree_is_refused_unless_asked_for_and_then_marked(make_run: MakeRun, where: str) -> None:
    dirty = {"git_commit": COMMIT, "git_dirty": True, "git_diff": "d1"}
    clean = {"git_commit": COMMIT, "git_dirty": False, "git_diff": None}
    run = set_environment(make_run("dirty"), **(dirty | {"app": clean} if where == "sfbench" else {"app": dirty}))
    with pytest.raises(UsageError, match=r"uncommitted changes on 0123456789, but .* with --allow-dirty"):
        entries_of(run)
    assert {entry.diff for entry in entries_of(run, allow_dirty=True)} == {"d1"}


def test_a_run_outside_a_checkout_is_refused(make_run: MakeRun) -> None:
    run = set_environment(make_run("loose"), git_commit=None)
    with pytest.raises(UsageError, match="does not record which commit it measured; run the sweep in a git checkout"):
        entries_of(run)


def test_failed_repeats_are_counted_and_their_numbers_left_out(make_run: MakeRun, tmp_path: Path) -> None:
    def failed(config: Any, repeat: int) -> str | None:
        return "out of memory" if repeat == 0 or config["clients"] == 4 else None

    run = make_run("some", {"clients": [2, 4]}, repeats=3, failed=failed)
    some, none = entries_of(run)
    assert (some.failed, some.metrics["step_p50_s"].n) == (1, 2)
    assert (none.failed, none.metrics) == (3, {})
    assert add_run(run, tmp_path / "h").endswith("added 2 of 2 cells; 4 repeats without a usable result were left out")
    steps = next(run.glob("cells/*c2*/r1/steps.csv"))
    steps.write_text(steps.read_text()[:-400])
    assert entries_of(run)[0].failed == 2, "its manifest hashed another file"


def test_nothing_is_added_of_what_is_no_run_or_has_no_rows(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(NotARunError):
        add_run(tmp_path, tmp_path / "h")
    with pytest.raises(DataError):
        add_run(make_run("bad", failed=lambda *_: "broke"), tmp_path / "h")
    assert not (tmp_path / "h").exists()


def test_a_machine_is_another_one_by_what_makes_it_faster_not_by_its_load(make_run: MakeRun) -> None:
    def machine(**changes: Any) -> str:
        return entries_of(set_environment(run, **changes))[0].machine.id

    run = make_run("machine", {}, repeats=1)
    first = machine()
    assert machine(load=[9, 9, 9], versions={}) == first
    assert machine(kernel="6.2") != first


def test_commits_have_the_date_that_git_knows(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
    environment = {**os.environ, **names, "GIT_COMMITTER_DATE": "2029-05-06T08:00:00+01:00"}
    for words in (["init"], ["commit", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *words], check=True, capture_output=True, env=environment)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    run = set_environment(make_run("dated", {}, repeats=1), git_commit=head.stdout.strip())
    assert entries_of(run, committed_at=committed_at)[0].committed_at == "2029-05-06T07:00:00+00:00"
    assert entries_of(make_run("other", {}, repeats=1))[0].committed_at is None


def test_the_commands_and_their_exit_codes(grid_run: Path, tmp_path: Path) -> None:
    def sfbench(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-c", "from analysis.cli import main; main()", "track", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    code, message = sfbench("report")
    assert (code, message.splitlines()) == (2, [message.strip()])
    assert message.startswith("sfbench: history.jsonl cannot be read: No such file or directory; make a history with")
    assert sfbench("add", str(grid_run)) == (0, "history.jsonl: added 8 of 8 cells\n")
    assert sfbench("report", "--metric", "train_s") == (0, "reports/trend/index.html\n")
    assert sfbench("report", "--metric", "speed")[0] == 2
    (tmp_path / "empty.jsonl").touch()
    assert sfbench("report", "--history", "empty.jsonl")[0] == 3


def test_a_cell_whose_bytes_vary_says_so_and_others_write_the_lines_of_old(make_run: MakeRun) -> None:
    plain, lossy = entries_of(make_run("codecs", {"codec": ["raw", {"name": "raw", "then": "zstd"}]}, repeats=1))
    assert "noisy" not in json.loads(plain.line())
    assert {"bytes_per_round", "rpcs_per_round"} <= set(json.loads(lossy.line())["noisy"])
    assert "client_parameters" not in lossy.noisy


def test_an_entry_keeps_the_definitions_of_its_metrics_and_comes_back_as_it_was(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run("quick", {}, repeats=2)
    for path in run.glob("cells/*/r*/manifest.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"definitions": {"step_p50_s": 2}}))
    (made,) = entries_of(run)
    assert append(tmp_path / "h.jsonl", [made]) == 1
    assert [entry.definitions for entry in read_history(tmp_path / "h.jsonl")] == [{"step_p50_s": 2}]
