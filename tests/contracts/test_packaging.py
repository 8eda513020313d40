"""What is built from this checkout: a version that is the tag's, and every package with its types."""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest

import sfbench

ROOT = Path(__file__).parents[2]
PACKAGES = ("analysis", "benchmarks", "sfbench", "splitfed_core")
BUILD = "from hatchling.build import build_wheel; build_wheel('dist')"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a wheel is built from, without git."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def wheel(tree: Path) -> Path:
    subprocess.run([sys.executable, "-c", BUILD], cwd=tree, check=True, capture_output=True)
    (built,) = (tree / "dist").glob("*.whl")
    return built


def git(tree: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)


def committed(tree: Path) -> None:
    (tree / ".gitignore").write_text("dist/\n")
    git(tree, "init")
    git(tree, "add", ".")
    git(tree, "commit", "-m", "all")


def test_an_archive_without_git_is_built_and_every_package_is_typed(tree: Path) -> None:
    built = wheel(tree)
    assert built.name == "sfbench-0.1.0.dev0-py3-none-any.whl"
    names = set(ZipFile(built).namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {name.partition("/")[0] for name in names} == {*PACKAGES, "sfbench-0.1.0.dev0.dist-info"}


def test_a_clone_without_tags_counts_its_commits_from_the_fallback(tree: Path) -> None:
    committed(tree)
    assert wheel(tree).name == "sfbench-0.1.0.dev1-py3-none-any.whl"


@pytest.mark.parametrize(("later", "version"), [(0, "1.2.0"), (2, "1.2.1.dev2")])
def test_the_version_is_that_of_the_tag_and_of_no_other(tree: Path, later: int, version: str) -> None:
    committed(tree)
    git(tree, "tag", "v1.2.0")
    for number in range(later):
        git(tree, "commit", "--allow-empty", "-m", f"later {number}")
    git(tree, "tag", "vanity")
    assert wheel(tree).name == f"sfbench-{version}-py3-none-any.whl"


def test_the_command_says_the_version_that_is_installed() -> None:
    output = subprocess.run([sys.executable, "-m", "sfbench", "--version"], capture_output=True, text=True, check=True)
    assert output.stdout == f"sfbench {metadata.version('sfbench')}\n" == f"sfbench {sfbench.__version__}\n"
