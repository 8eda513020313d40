"""What is installed: reading results takes less than measuring does, which has an extra of its own.

`importlib.metadata` is imported where it is used: `sfbench --help` and `import sfbench` do without it.
"""

import re

from splitfed_core.errors import NotInstalledError

_EXTRA = re.compile(r"""extra\s*==\s*['"]run['"]""")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def require_run(what: str) -> None:
    """Make sure that the packages of the extra `run` are there.

    Args:
        what: What needs them, for the message.

    Raises:
        NotInstalledError: Some are not.
    """
    missing = [name for name in _of_the_extra() if not _is_installed(name)]
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise NotInstalledError(
            f"{what} needs packages that are not installed ({shown}): reading results takes less than measuring; "
            'pip install "sfbench[run]" adds them'
        )


def _of_the_extra() -> list[str]:
    """Return the distributions of the extra, as the metadata of this one names them."""
    from importlib import metadata

    try:
        required = metadata.requires("sfbench") or []
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed: nobody says what it takes
        return []
    return [match[0] for line in required if _EXTRA.search(line) and (match := _NAME.match(line))]


def _is_installed(name: str) -> bool:
    from importlib import metadata

    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
