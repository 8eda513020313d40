"""What a terminal really gets: a process behind a pseudo-terminal of a given width."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.sweep.console import print_table

ROOT = Path(__file__).parents[3]
SWEEP = """
import os, signal, sys
from pathlib import Path
from benchmarks.grid.load import load_grid
from benchmarks.sweep.run import Sweep
from benchmarks.sweep.selection import SweepOptions
from tests.benchmarks.conftest import TinyRunner

def press(run):  # as the terminal does when Ctrl-C is pressed, once or twice
    for _ in range(int(sys.argv[3])):
        os.write(2, b"^C")
        os.kill(os.getpid(), signal.SIGINT)

runner = TinyRunner(between=press)
grid, out, _ = sys.argv[1:]
sys.exit(Sweep(load_grid(Path(grid)), Path(out), SweepOptions(), "sfbench sweep x.yaml").run(lambda: runner))
"""


def at_terminal(columns: int, *command: str, **environment: str) -> tuple[int, str]:
    """Run a command whose output is a terminal of so many columns; returns exit code and all that it got."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    settings = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env={**settings, "TERM": "xterm", **environment}
    ) as process:
        os.close(slave)
        got = bytearray()
        while True:
            try:
                got += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
        os.close(master)
    return process.returncode, got.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("presses", ["1", "2"])
@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_ctrl_c_leaves_no_bar_behind(tmp_path: Path, columns: int, presses: str) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text("base: {rounds: 3}\naxes: {clients: [2, 3]}\n")
    code, got = at_terminal(columns, sys.executable, "-c", SWEEP, str(grid), str(tmp_path / "run"), presses)
    assert code == 130
    bars, _, rest = got.rpartition("\x1b[?25h")  # the cursor is shown again
    assert rest.endswith("interrupted: 0 of 2 cells are done\nto go on: sfbench sweep x.yaml\n")
    assert not re.search(r"(cell|round) ", rest.partition("interrupted")[0])
    drawn = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in bars.split("\n")]
    bar_lines = [line.rpartition("\r")[2] for line in drawn if re.search(r"\d/\d.* (left|steps/s)", line)]
    assert bar_lines
    assert max(len(line.removesuffix("^C").removesuffix("^C").rstrip()) for line in bar_lines) <= columns - 4


@pytest.mark.parametrize("unwanted", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_that_wants_none_gets_no_escape_code(tmp_path: Path, unwanted: dict[str, str]) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text("base: {rounds: 3}\naxes: {clients: [2, 3]}\n")
    code, got = at_terminal(60, sys.executable, "-c", SWEEP, str(grid), str(tmp_path / "run"), "0", **unwanted)
    assert (code, "\x1b" in got) == (0, False)
    assert max(map(len, got.split(str(tmp_path))[1].splitlines())) <= 60


def table() -> Table:
    made = Table(box=None, pad_edge=False, title="Cuts")
    for heading in ("cut\nlayer", "weights", ""):
        made.add_column(heading, no_wrap=True)
    made.add_row("conv1", "1,234", "[green]passed[/green]")
    made.add_row("dense1", "56", "")
    return made


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (24, ["Cuts", "cut", "layer   weights", "conv1   1,234    passed", "dense1  56"]),
        (22, ["Cuts", "cut layer conv1,", "  weights 1,234,", "  passed", "cut layer dense1,", "  weights 56"]),
    ],
)
def test_a_table_that_does_not_fit_is_told_row_by_row(width: int, shown: list[str]) -> None:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, table())
    assert [line.strip() if "Cuts" in line else line.rstrip() for line in console.file.getvalue().splitlines()] == shown  # type: ignore[attr-defined]  # a StringIO
