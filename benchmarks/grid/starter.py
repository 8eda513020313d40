"""The bundled grids: one to start from, and those to run when the user has none."""

import shlex
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from splitfed_core.errors import UsageError

GRIDS = Path(__file__).parents[1] / "grids"
OWN, DEFAULT = Path("grid.yaml"), "quick"


def write_starter(path: Path) -> None:
    """Write the starter grid.

    Raises:
        UsageError: There is such a file already, or it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(files("benchmarks").joinpath("grids/starter.yaml").read_text(encoding="utf-8"))
    except FileExistsError:
        raise UsageError(f"{path} already exists; give another name, or remove it") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give a path that can be written") from None


def choose_grid(grid: Path | None, bundled: str | None, say: Callable[[str], None]) -> Path:
    """Return the grid that a command takes: the one it was given, else `./grid.yaml`, else the bundled quick one.

    Args:
        grid: A file, if one was named.
        bundled: The name of a bundled one, if one was named.
        say: Called with a line that says which was taken, if none was named.

    Raises:
        UsageError: Both were named, or there is no bundled grid of that name.
    """
    if grid and bundled:
        raise UsageError(f"{grid} and --bundled {bundled}: name one grid")
    if grid:
        return grid
    if bundled:
        return _bundled(bundled)
    if OWN.exists():
        say(f"no grid given: using {OWN} in this folder")
        return OWN
    say(f"no grid given, and no {OWN} in this folder: using the bundled grid {DEFAULT!r}")
    return _bundled(DEFAULT)


def grid_words(grid: Path) -> str:
    """Return how a command names a grid."""
    return f"--bundled {grid.stem}" if grid.parent == GRIDS else shlex.quote(str(grid))


def _bundled(name: str) -> Path:
    there = {path.stem: path for path in sorted(GRIDS.glob("*.yaml"))}
    if name not in there:
        raise UsageError(f"--bundled {name!r}: no such grid is bundled; choose one of {', '.join(there)}")
    return there[name]
