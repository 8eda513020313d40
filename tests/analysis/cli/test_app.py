"""The command line at its edges: pipes, wrong words, versions, completion."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

MAIN = "from analysis.cli import main; main()"


def sfbench(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", MAIN, *words]
    return subprocess.run(command, capture_output=True, check=False, text=True, env={**os.environ, **environment})


def test_it_tells_its_version() -> None:
    assert sfbench("--version").stdout == f"sfbench {version('sfbench')}\n"


@pytest.mark.parametrize("words", [["-h"], ["sweep", "-h"], ["track", "add", "-h"]])
def test_h_is_help(words: list[str]) -> None:
    assert sfbench(*words).stdout == sfbench(*words[:-1], "--help").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_it(shell: str) -> None:
    done = sfbench("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_SFBENCH_COMPLETE=complete_" + shell in done.stdout.replace('"', "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["swep"], "sfbench: No such command 'swep'. Did you mean 'sweep'? Try 'sfbench --help'.\n"),
        (["frob"], "sfbench: No such command 'frob'. Try 'sfbench --help'.\n"),
        (
            ["sweep", "--dryrun"],
            "sfbench sweep: No such option '--dryrun'. Did you mean '--dry-run'? Try 'sfbench sweep --help'.\n",
        ),
        (["cuts"], "sfbench cuts: Missing argument 'MODEL'. Try 'sfbench cuts --help'.\n"),
        (["track", "ad"], "sfbench track: No such command 'ad'. Did you mean 'add'? Try 'sfbench track --help'.\n"),
    ],
)
@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}], ids=["plain", "forced", "dumb"])
def test_wrong_words_are_one_line(words: list[str], message: str, environment: dict[str, str]) -> None:
    done = sfbench(*words, **environment)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_without_words_it_helps() -> None:
    done = sfbench()
    assert (done.returncode, done.stderr) == (2, sfbench("--help").stdout)


@pytest.mark.parametrize(("columns", "widest"), [("10", 40), ("40", 40), ("60", 60), ("200", 80)])
def test_help_is_as_wide_as_the_terminal_up_to_80_columns(columns: str, widest: int) -> None:
    assert max(map(len, sfbench("ab", "--help", COLUMNS=columns).stdout.splitlines())) <= widest


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_may_leave(stream: str) -> None:
    """The pipe's reading end is closed before a word is written, and the words are more than a buffer holds."""
    reading, writing = os.pipe()
    os.close(reading)
    script = f"from analysis.cli.console import survive_closed_pipes; survive_closed_pipes(); import sys\n\
sys.{stream}.write('x' * 200_000); print('last', file=sys.{stream})"
    done = subprocess.run([sys.executable, "-c", script], check=False, **{stream: writing})  # type: ignore[call-overload]  # stdout or stderr
    os.close(writing)
    assert done.returncode == 0


def test_the_first_line_of_the_schema_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", MAIN, "schema"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
