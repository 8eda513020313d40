"""`sfbench compare` of files of pytest-benchmark."""

import json
from pathlib import Path

import pytest

from analysis.compare.compare import compare
from splitfed_core.errors import NotARunError


def benchmark(path: Path, seconds: float, cpu: str = "A") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cpu": {"brand_raw": cpu, "count": 4}, "system": "Linux", "machine": "x86_64", "release": "6.1"}
    entries = [{"fullname": f"bench.py::{name}", "stats": {"median": seconds}} for name in ("encode", "decode")]
    path.write_text(json.dumps({"machine_info": machine, "benchmarks": entries, "version": "5.1"}))
    return path


def test_one_file_of_pytest_benchmark_is_one_pair(tmp_path: Path) -> None:
    compared = compare(benchmark(tmp_path / "a.json", 1.0), benchmark(tmp_path / "b.json", 2.0))
    assert compared.exit_code == 4
    assert "needs ≥ 5 pairs, has 1" in str(compared.judgement.cells)


def test_a_folder_of_them_has_a_pair_per_file(tmp_path: Path) -> None:
    for i in range(6):
        benchmark(tmp_path / "a" / f"{i}.json", 1.0)
        benchmark(tmp_path / "b" / f"{i}.json", 1.12)
    assert compare(tmp_path / "a", tmp_path / "b").words == (
        "regression: Over the grid: 12 % slower. Of 2 cells: 2 regression."
    )
    benchmark(tmp_path / "b" / "5.json", 1.12, cpu="B")
    assert compare(tmp_path / "a", tmp_path / "b").exit_code == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "has no list of benchmarks"),
        ('{"benchmarks": [{"stats": null}]}', "has no list"),
        ("no", "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(NotARunError, match=message):
        compare(tmp_path / "x.json", tmp_path / "x.json")


def test_paths_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARunError, match="does not exist; name a run directory"):
        compare(tmp_path / "nothing", tmp_path)
    with pytest.raises(NotARunError, match="neither a run directory nor a folder with JSON files"):
        compare(tmp_path, tmp_path)
