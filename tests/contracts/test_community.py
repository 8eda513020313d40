"""What surrounds the code: YAML to be read, workflows that name real sessions and may do no more than they must."""

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
OTHERS = [ROOT / ".github/dependabot.yml", ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"]
COMMANDS = [
    *WORKFLOWS,
    ROOT / ".pre-commit-config.yaml",
    ROOT / ".ci/run",
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


def sessions() -> set[str]:
    functions = (
        node for node in ast.parse((ROOT / "noxfile.py").read_text()).body if isinstance(node, ast.FunctionDef)
    )
    return {node.name for node in functions if any("nox.session" in ast.unparse(d) for d in node.decorator_list)}


@pytest.mark.parametrize("path", [*WORKFLOWS, *FORMS, *OTHERS], ids=lambda path: path.name)
def test_every_yaml_is_a_mapping(path: Path) -> None:
    assert isinstance(read(path), dict)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_every_session_that_is_named_exists(path: Path) -> None:
    pieces = re.split(r"[`&|#\n]", path.read_text())
    called = [names for piece in pieces for names in re.findall(r"\bnox -s ((?:[a-z]+ ?)+)", piece)]
    assert called or path.name == "bench.yml"  # which installs sfbench as its users do
    assert {name for names in called for name in names.split()} <= sessions()


def test_the_sessions_are_found() -> None:
    assert {"tests", "lint", "types", "imports", "protos", "build", "bench"} <= sessions()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_but_where_a_job_says_more(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in read(path)["jobs"].items() if "permissions" in job}
    assert more == {
        "bench.yml": {"track": {"contents": "write"}},
        "release.yml": {"pypi": {"id-token": "write"}, "github": {"contents": "write"}},
    }.get(path.name, {})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_major_version_and_keep_no_token(path: Path) -> None:
    used = [step for step in steps(path) if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@(release/)?v\d+", step["uses"]) for step in used)
    pushes = path.name == "bench.yml"  # one job of it pushes the history
    checkouts = [step.get("with", {}) for step in used if step["uses"].startswith("actions/checkout@")]
    assert sum("persist-credentials" not in settings for settings in checkouts) == int(pushes)


def test_the_matrix_is_what_the_package_says_it_supports() -> None:
    matrix = read(ROOT / ".github/workflows/ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    message = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    assert matrix["python"] == message
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]


@pytest.mark.parametrize(("tag", "ends"), [("v1.2.0", 0), ("v1.2", 1), ("v1.2.0-rc1", 1)])
def test_a_release_bears_its_tag_or_is_none(tmp_path: Path, tag: str, ends: int) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/sfbench-1.2.0-py3-none-any.whl").touch()
    (check,) = (step["run"] for step in steps(ROOT / ".github/workflows/release.yml") if "bears the tag" in str(step))
    command = ["bash", "-eo", "pipefail", "-c", check]
    done = subprocess.run(command, cwd=tmp_path, env={"GITHUB_REF_NAME": tag, "PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode == ends


def test_pre_commit_checks_with_the_ruff_that_ci_has() -> None:
    (pinned,) = re.findall(r"^ruff==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert f"rev: v{pinned}\n" in (ROOT / ".pre-commit-config.yaml").read_text()


def test_the_citation_names_the_software_and_the_paper() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert (citation["type"], citation["license"]) == ("software", "Apache-2.0")
    assert [reference["doi"] for reference in citation["references"]] == ["10.1609/aaai.v36i8.20825"]
