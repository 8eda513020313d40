"""Whole help texts from typer < 0.21, the newest that flwr lets in, beside click ≥ 8.4, which huggingface-hub asks for.

There click forgets the text of an argument (typer sets it before click's own constructor, which clears it), and typer
escapes brackets for rich even where rich is switched off: a backslash before each `[env var: …]`.
"""

import typer.core
from click import Command, Context, HelpFormatter
from typer.core import TyperArgument, TyperGroup
from typer.models import ArgumentInfo
from typer.utils import get_params_from_function

typer.core.HAS_RICH = False

_WHOLE = 1_000  # characters of a sentence


class HelpfulGroup(TyperGroup):
    """Commands whose arguments say what they are."""

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a command, the texts of its arguments taken from its function once more."""
        command = super().get_command(ctx, cmd_name)
        function = getattr(command and command.callback, "__wrapped__", None)
        if command and function:
            declared = get_params_from_function(function)
            for argument in (each for each in command.params if isinstance(each, TyperArgument)):
                info = declared[argument.name or ""].default
                argument.help = info.help if isinstance(info, ArgumentInfo) else None
            command.format_arguments = _written_already  # type: ignore[method-assign]  # what this module is for
        return command

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write what each command does as its whole first sentence; click cuts it off where the line ends."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(_WHOLE)) for name, command in commands if command])


def _written_already(ctx: Context, formatter: HelpFormatter) -> None:
    """Leave out click's section of arguments: typer writes one of its own."""
