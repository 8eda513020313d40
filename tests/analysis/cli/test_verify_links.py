"""`sfbench verify --links` at its edges; what it measures is tested in tests/benchmarks/links."""

import json

import pytest
from typer.testing import CliRunner

from analysis.cli.app import app
from benchmarks.links import verify as module
from benchmarks.links.comparison import Line
from splitfed_core.errors import UsageError

LINE = Line("relay", "lte", "uplink", 1_000_000, 12.0, 35.0, 0.732, (0.74, 0.735, 0.73), (0.733, 0.733, 0.733))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["grid.yaml", "--links"], "--links and grid.yaml: emulated links are checked without a grid; leave it out"),
        (["--links", "--bundled", "quick"], "--links and quick: emulated links are checked without a grid"),
        (["--json"], "--json: only --links prints JSON; add it, or leave --json out"),
    ],
)
def test_what_makes_no_sense_together_is_refused(words: list[str], message: str) -> None:
    error = CliRunner().invoke(app, ["verify", *words]).exception
    assert isinstance(error, UsageError)
    assert str(error).startswith(message)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "measure", lambda *_: iter([LINE]))


def test_the_table_goes_to_stdout_and_the_exit_code_is_the_oracle_s(measured: None) -> None:
    done = CliRunner().invoke(app, ["verify", "--links"])
    assert done.exit_code == 0
    assert "1 of 1 kinds of message are within 2 % + 0.3 ms (median) and 5 % + 1 ms (worst)" in done.stdout


def test_json_is_all_that_stdout_has(measured: None) -> None:
    done = CliRunner().invoke(app, ["verify", "--links", "--json"])
    assert json.loads(done.stdout)["lines"][0]["link"] == "lte"
