"""Which code measured: the content of sfbench's own files, and of the user's modules that a process has imported.

Run directories, documents and data are not code; nor is what is installed, whose version the environment names.
"""

import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from splitfed_core.errors import CellError

_HOME = Path(__file__).parents[2]
_MEASURES = ("splitfed_core", "benchmarks")
"""The packages that can change a number. `analysis` reads what was measured, and reads both sides of a comparison."""

_BESIDE = ("benchmarks/own_cost/",)  # they measure sfbench itself, and no sweep runs them
_PACKAGES = (*_MEASURES, "analysis", "sfbench")
_INSTALLED = {"site-packages", "dist-packages"}


@cache
def own_files() -> Mapping[str, str]:
    """Return a digest of each of sfbench's own files that can change a number, by its path in the distribution."""
    files = sorted(path for package in _MEASURES for path in (_HOME / package).rglob("*.py"))
    named = {path.relative_to(_HOME).as_posix(): path for path in files}
    return {name: _digest(path) for name, path in named.items() if not name.startswith(_BESIDE)}


@cache
def own_code() -> str:
    """Return one digest of all of them."""
    text = "\n".join(f"{name} {digest}" for name, digest in own_files().items())
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class ImportedCode:
    """The user's modules in this process, each as it was when it was first seen here: later edits are not what runs.

    Args:
        app: The user's folder: a module in it is named by its path there, any other by its dotted name.
    """

    def __init__(self, app: Path) -> None:
        self._app = app.resolve()
        self._seen: set[str] = set()
        self._digests: dict[str, str] = {}

    def found(self, names: Iterable[str] = ()) -> dict[str, str]:
        """Return a digest of each by its name.

        Args:
            names: Networks and algorithms of the user's (`package.module:name`), which count even if installed.
        """
        tops = {name.partition(".")[0].partition(":")[0] for name in names if ":" in name} - {"keras"}
        for name, module in list(sys.modules.items()):
            top = name.partition(".")[0]
            if name in self._seen and top not in tops:
                continue
            self._seen.add(name)
            path = Path(getattr(module, "__file__", None) or "")
            if path.suffix == ".py" and path.is_file() and (top in tops or _is_users(path)):
                self._digests.setdefault(self._name(name, path.resolve()), _digest(path))
        return dict(self._digests)

    def _name(self, module: str, path: Path) -> str:
        return path.relative_to(self._app).as_posix() if path.is_relative_to(self._app) else module


def merged(codes: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the code of several processes as that of one.

    Raises:
        CellError: Two of them have imported two states of a file.
    """
    found: dict[str, str] = {}
    for code in codes:
        for name, digest in code.items():
            if found.setdefault(name, digest) != digest:
                raise CellError(f"{name} was changed during the sweep: processes of this cell have two versions of it")
    return found


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the names of what is not the same in both."""
    return sorted(name for name in {**one, **other} if one.get(name) != other.get(name))


def _is_users(path: Path) -> bool:
    """Whether a file is neither Python's, nor installed, nor ours."""
    return (
        _INSTALLED.isdisjoint(path.parts)
        and not path.is_relative_to(sysconfig.get_path("stdlib"))
        and not any(path.is_relative_to(_HOME / package) for package in _PACKAGES)
    )


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
