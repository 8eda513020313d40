"""The folder of the user's own modules: where `sfbench` was started, in every process of a cell."""

import os
from pathlib import Path

_VARIABLE = "SFBENCH_APP_FOLDER"


def app_folder() -> Path:
    """Return the folder from which the user's files are named."""
    return Path(os.environ.get(_VARIABLE) or Path.cwd())


def set_app_folder(folder: Path) -> None:
    """Say which it is in a process that was started elsewhere."""
    os.environ[_VARIABLE] = str(folder)
