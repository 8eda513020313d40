"""`import sfbench` as docs/api.md shows it; tests/contracts/test_exports.py holds its names."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sfbench

DOCS = Path(__file__).parents[2] / "docs/api.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
MakeRun = Callable[..., Path]


def test_reading_results_loads_no_tensorflow() -> None:
    script = "import sys, sfbench\nsfbench.load\nassert 'pandas' in sys.modules and 'tensorflow' not in sys.modules\n"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_names_are_those_of_the_docs() -> None:
    message = set(re.findall(r"`(\w+)`", DOCS.read_text().split("Reading results takes")[0].split("|---|---|")[1]))
    assert message == set(sfbench.__all__) - {"__version__"} == set(dir(sfbench)) - {"__version__"}


def test_the_examples_of_the_docs_run(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("quick", "base", "head"):
        make_run(name, {"clients": [2, 3]}, repeats=5)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in EXAMPLES:
        exec(compile(example, DOCS.name, "exec"), names)  # noqa: S102  our own page
    assert len(EXAMPLES) == 5
    assert Path("phases.png").stat().st_size > 0
    assert names["compared"].exit_code == 0
    assert names["smashed"].shape == (2, 200)
