import os
import subprocess
from itertools import accumulate
from pathlib import Path

import psutil
import pytest

from benchmarks.machine.environment import environment, environment_hash, load, reference_task_s
from splitfed_core.records.environment import Checkout


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one committed model."""
    git(tmp_path, "init")
    (tmp_path / "model.py").write_text("layers = 3\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "Begin")
    return tmp_path


def test_the_same_machine_and_code_have_the_same_hash(checkout: Path) -> None:
    assert environment_hash(environment(checkout)) == environment_hash(environment(checkout))


def test_changed_code_is_another_environment_and_a_run_directory_is_not(checkout: Path) -> None:
    clean = environment(checkout)
    (checkout / "runs").mkdir()
    (checkout / "runs/summary.csv").write_text("cell_id\n")
    assert environment(checkout) == clean
    assert (clean.app.git_dirty, len(clean.app.git_commit or "")) == (False, 40)
    (checkout / "model.py").write_text("layers = 4\n")
    four = environment(checkout).app
    (checkout / "model.py").write_text("layers = 5\n")
    five = environment(checkout).app
    assert four.git_dirty is five.git_dirty is True
    assert len({four.git_diff, five.git_diff, clean.app.git_diff}) == 3


def test_new_code_makes_a_checkout_dirty(checkout: Path) -> None:
    (checkout / "loss.py").write_text("")
    assert environment(checkout).app.git_dirty is True


def test_the_content_of_new_code_counts(checkout: Path) -> None:
    message = set()
    for text in ("", "layers = 1", "layers = 2"):
        (checkout / "loss.py").write_text(text)
        message.add(environment(checkout).app.git_diff)
    assert len(message) == 3


def test_a_folder_that_is_no_checkout_has_no_commit(tmp_path: Path) -> None:
    assert environment(tmp_path).app == Checkout()


def test_hardware_and_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    here = environment(tmp_path)
    assert here.memory_bytes == psutil.virtual_memory().total
    assert here.cores == len(os.sched_getaffinity(0))
    assert here.thread_settings["OMP_NUM_THREADS"] == "3"
    assert {"python", "tensorflow", "keras", "ray", "grpcio", "protobuf", "flwr"} <= here.versions.keys()
    assert here.cpu


def test_the_reference_task_is_the_fastest_of_five(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reference_task_s() > 0
    readings = accumulate([0, 5, 0, 3, 0, 1, 0, 2, 0, 4])
    monkeypatch.setattr("benchmarks.machine.environment.perf_counter", lambda: next(readings))
    assert reference_task_s() == 1


def test_the_load_is_told() -> None:
    now = load()
    assert now.keys() == {"load_1min", "load_5min", "memory_available_bytes"}
    assert now["memory_available_bytes"] > 0
