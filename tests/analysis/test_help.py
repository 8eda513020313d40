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


@pytest.mark.parametrize(
    ("path", "command"), all_commands(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_each_argument_and_option_says_what_it_is(path: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"}, prog_name="sfbench").output
    assert "\\" not in shown
    assert shown.count("rguments:") <= 1, "one section of them"
    flat = " ".join(shown.split())
    declared = get_params_from_function(command.callback.__wrapped__)  # type: ignore[union-attr]
    for parameter in declared.values():
        assert parameter.default.help, f"{parameter.name} has no text"
        assert parameter.default.help in flat


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom analysis.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'tensorflow', 'ray', 'pandas', 'matplotlib', 'numpy', 'scipy', 'ruptures', 'rich'}\n"
        "assert heavy.isdisjoint(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)  # noqa: S603
