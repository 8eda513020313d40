"""Where output goes: a terminal that can move its cursor, one that cannot, or a pipe."""

import os
import shutil
import sys
import textwrap

from rich.console import Console
from rich.measure import Measurement
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

PIPE_WIDTH = 160
"""Columns of a pipe or a file, which have no width of their own."""

_BOUND = "\xa0"  # a space at which no line ends


def make_console(*, stderr: bool = False) -> Console:
    """Return a console of this process: no escape codes in a pipe, on a dumb terminal, or with `NO_COLOR`."""
    width = height = None
    if not (sys.stderr if stderr else sys.stdout).isatty():
        width = PIPE_WIDTH
    elif os.environ.get("TERM", "") in ("dumb", "unknown"):
        width, height = shutil.get_terminal_size()  # rich takes such a terminal for 80 columns wide, unless told both
    return Console(
        stderr=stderr, width=width, height=height, color_system=None if _without_escapes() else "auto", highlight=False
    )


def can_redraw(console: Console) -> bool:
    """Whether lines that were shown may be drawn anew: in a terminal, if its user does not mind escape codes."""
    return console.file.isatty() and not console.is_dumb_terminal and not _without_escapes()


def make_spinner() -> Progress:
    """Return a line on stderr that says what is being done, and goes in the end; nothing where none can be redrawn."""
    console = make_console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        TimeElapsedColumn(),
        console=console,
        disable=not can_redraw(console),
        transient=True,
    )


def say(console: Console, text: str, *, indent: int = 0, wrap: bool = True) -> None:
    """Print a text as it is: in a terminal broken between words, in a pipe as one line.

    Args:
        console: Where.
        text: What; nothing in it is markup.
        indent: Columns by which the lines after the first are moved.
        wrap: False for a command that is going to be copied.
    """
    if wrap and console.is_terminal:
        lines = textwrap.wrap(
            text,
            console.width,
            subsequent_indent=" " * min(indent, console.width // 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        text = "\n".join(lines)
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_table(console: Console, table: Table) -> None:
    """Print a table, or where its words do not fit each row as a paragraph: `clients 2, batch_size 32, …`."""
    unbounded = console.options.update(width=10_000)
    if Measurement.get(console, unbounded, table).minimum <= console.width:
        console.print(table)
        return
    if isinstance(table.title, str):
        console.print(table.title, style=table.title_style)
    headings = [str(column.header).replace("\n", " ") for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        cells = (Text.from_markup(str(cell)).plain for cell in row)
        pairs = [f"{heading} {cell}".strip() for heading, cell in zip(headings, cells, strict=True) if cell]
        _print_paragraph(console, ", ".join(pair.replace(" ", _BOUND) for pair in pairs))


def _print_paragraph(console: Console, text: str) -> None:
    lines = textwrap.wrap(text, console.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    console.print("\n".join(lines).replace(_BOUND, " "), markup=False, highlight=False, soft_wrap=True)


def _without_escapes() -> bool:
    return bool(os.environ.get("NO_COLOR"))
