"""What a comparison writes and returns: JSON, JUnit, Markdown, figures, exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.compare.compare import compare, write_verdict
from tests.analysis.compare.edits import SMALL, document, edit_json, reseeded, slow_down

MakeRun = Callable[..., Path]


def test_everything_is_written_and_can_be_read(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    write_verdict(compare(base, head), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "verdict.json").read_text())["schema"] == 1
    drawn = {f"effect-{name}.{kind}" for name in ("step_p50_s", "round_p50_s") for kind in ("png", "svg")}
    assert {path.name for path in (tmp_path / "out").rglob("effect-*_p50_s*")} == drawn
    suite = ET.parse(tmp_path / "out" / "junit.xml").getroot()[0]  # noqa: S314 - we wrote it
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["skipped"]) == ("21", "2", "4")
    markdown = (tmp_path / "out" / "verdict.md").read_text()
    assert markdown.startswith("## sfbench: regression\n\nmain → change. **Over the grid: 15 % slower")
    assert markdown.index("| aggregation on | inconclusive |") < markdown.index("<details>")


def test_the_same_comparison_writes_the_same_bytes(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    for name in ("one", "two"):
        write_verdict(compare(base, head), tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 7
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_text_from_a_run_cannot_be_markup(make_run: MakeRun, tmp_path: Path) -> None:
    evil = "<img src=x>|`a`\x07"
    run = make_run("evil", {"model": [evil, "b"]}, **SMALL)
    edit_json(next(run.glob("cells/*/r0/manifest.json")), status="failed", reason=evil)
    write_verdict(compare(run, run), tmp_path)
    assert "<img" not in (tmp_path / "verdict.md").read_text()
    assert ET.parse(tmp_path / "junit.xml").getroot()[0].attrib["errors"] == "1"  # noqa: S314 - we wrote it


def test_the_markdown_says_what_was_not_confirmed(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    write_verdict(compare(base, head), tmp_path)
    moved = r"server\_compute +15 % of the step"
    assert moved in (tmp_path / "verdict.md").read_text()
    fresh = reseeded(base)
    write_verdict(compare(base, head, confirm=(fresh, fresh)), tmp_path)
    message = (tmp_path / "verdict.md").read_text()
    assert "flagged once, but not again by 5 fresh pairs" in message
    assert moved not in message


def test_the_commits_are_those_of_the_users_own_code(base: Path) -> None:
    assert document(compare(base, base))["base"]["commits"] == ["0123456789abcdef0123456789abcdef01234567"]
    edit_json(next(base.glob("env/*.json")), app={"git_commit": "abc", "git_dirty": True})
    assert document(compare(base, base))["base"]["commits"] == ["abc+dirty"]


def test_the_command_returns_the_exit_code_and_says_where_to_read(base: Path, head: Path, tmp_path: Path) -> None:
    slow_down(head)
    done = CliRunner().invoke(app, ["compare", str(base), str(head), "--out", str(tmp_path / "out")])
    words, where = done.stdout.splitlines()
    assert done.exit_code == 1
    assert words.startswith("regression: Over the grid: 15 % slower, rounds 15 % slower, accuracy unchanged.")
    assert where == str(tmp_path / "out" / "verdict.md")


def test_an_unexpected_error_is_no_regression(base: Path, head: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = ["compare", str(base), str(head), "--out", str(tmp_path / "file" / "below")]
    command = [sys.executable, "-c", "from analysis.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 5
    assert "NotADirectoryError" in done.stderr


def test_a_side_without_any_usable_result_has_its_verdict_written(
    base: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    broken = make_run("broken", **SMALL, failed=lambda *_: "out of memory")
    compared = compare(base, broken)
    written = json.loads((write_verdict(compared, tmp_path / "out").with_name("verdict.json")).read_text())
    assert (compared.exit_code, written["verdict"], written["exit_code"]) == (3, "error", 3)
    assert {cell["refusal"] for cell in written["cells"]} == {"repeat 0: HEAD failed: out of memory"}
    assert compare(broken, broken).exit_code == 3
