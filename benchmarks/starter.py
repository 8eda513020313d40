"""`sfbench init`: a grid to start from."""

from importlib.resources import files
from pathlib import Path

from splitfed_core.errors import UsageError


def write_starter(path: Path) -> None:
    """Write the starter grid.

    Raises:
        UsageError: There is such a file already, or it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(files("benchmarks").joinpath("grids/starter.yaml").read_text(encoding="utf-8"))
    except FileExistsError:
        raise UsageError(f"{path} is there already; give another name, or remove it") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; give a path that can be written") from None
