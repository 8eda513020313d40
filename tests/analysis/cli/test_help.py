"""The help of every command: whole, without escapes, at once."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from typer.main import get_command
from typer.testing import CliRunner
from typer.utils import get_params_from_function

from analysis.cli.app import app


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def all_commands() -> list[tuple[tuple[str, ...], click.Command]]:
    group = get_command(app)
    assert isinstance(group, click.Group)
    return list(commands(group))


def shown_at(width: int, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="sfbench", terminal_width=width)
    assert result.exit_code == 0
    return result.output


def solid(text: str) -> str:
    """Lines break at spaces and behind hyphens."""
    return "".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize(
    ("path", "command"), all_commands(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_each_argument_and_option_says_what_it_is(path: tuple[str, ...], command: click.Command, width: int) -> None:
    shown = shown_at(width, *path)
    assert "\\" not in shown
    assert "..." not in shown.replace("[RUN]...", "").replace("[ARGS]...", ""), "nothing is cut off"
    assert max(map(len, shown.splitlines())) <= width
    assert shown.count("rguments:") <= 1, "one section of them"
    declared = get_params_from_function(command.callback.__wrapped__)  # type: ignore[union-attr]  # typer wraps every callback
    for parameter in declared.values():
        assert parameter.default.help, f"{parameter.name} has no text"
        assert solid(parameter.default.help) in solid(shown)


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("path", [(), ("track",)], ids=["sfbench", "track"])
def test_each_command_is_told_in_a_whole_sentence(path: tuple[str, ...], width: int) -> None:
    shown = shown_at(width, *path)
    inside = [(words, command) for words, command in all_commands() if words[:-1] == path]
    for words, command in inside:
        sentence = str(command.help).split(". ")[0].rstrip(".")
        assert solid(words[-1] + sentence) in solid(shown)


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom analysis.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'tensorflow', 'ray', 'pandas', 'matplotlib', 'numpy', 'scipy', 'ruptures', 'rich'}\n"
        "assert heavy.isdisjoint(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
