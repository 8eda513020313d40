"""Reading results takes the base packages only; what is missing for more is said, with the remedy."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from benchmarks.machine import installed
from splitfed_core.errors import NotInstalledError

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
MISSING = """
import sys
from importlib.abc import MetaPathFinder
from importlib import metadata

class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "ray", "grpc", "flwr", "datasets", "psutil", "sklearn"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
metadata.requires = lambda _: ['ray>=2.52; extra == "run"', "pandas>=2.3", 'keras-of-nowhere>=3 ; extra == \\'run\\'']
"""


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MISSING + script, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["sweep"], ["verify"], ["cuts", "mlp"], ["ab", "main", "g.yaml"], ["doctor"]])
def test_a_command_that_trains_says_what_it_needs(words: list[str]) -> None:
    done = run("from analysis.cli import main\nmain()", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"sfbench: sfbench {words[0]} needs packages that are not installed (keras-of-nowhere): reading results takes "
        'less than measuring; pip install "sfbench[run]" adds them\n'
    )


def test_a_report_needs_nothing_of_the_extra(grid_run: Path, tmp_path: Path) -> None:
    done = run("from analysis.cli import main\nmain()", "report", str(grid_run), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "index.html").is_file()


@pytest.mark.parametrize("name", ["build_model", "load_dataset", "sweep"])
def test_a_name_that_needs_the_extra_says_so(name: str) -> None:
    done = run(f"import sfbench\nsfbench.load\ntry: sfbench.{name}\nexcept sfbench.NotInstalledError as e: print(e)")
    assert done.stdout.startswith(f"sfbench.{name} needs packages that are not installed (keras-of-nowhere)")


def test_what_is_missing_is_named_up_to_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: [f'nowhere{i}; extra == "run"' for i in range(5)])
    with pytest.raises(NotInstalledError, match=r"\(nowhere0, nowhere1, nowhere2, …\)"):
        installed.require_run("this")


def test_base_and_extra_share_nothing() -> None:
    def names(requirements: list[str]) -> set[str]:
        return {requirement.partition(">")[0] for requirement in requirements}

    base, extra = names(PROJECT["dependencies"]), names(PROJECT["optional-dependencies"]["run"])
    assert base.isdisjoint(extra)
    assert {"tensorflow", "keras", "ray", "grpcio", "flwr", "flwr-datasets", "scikit-learn"} <= extra


def test_every_package_is_in_the_wheel_typed() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == {"sfbench", "splitfed_core", "benchmarks", "analysis"}
    assert packages == set(SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages == {path.parent.name for path in ROOT.glob("*/py.typed")}
