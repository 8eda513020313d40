"""Tests in a forked process, in which one module may be loaded with a change."""

import ast
import enum
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pickle
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutants.rehearsal import Rehearsal

# What the code under test imports and is not ours: loaded once, before any fork.
LIBRARIES = (
    "hypothesis", "pandas", "scipy.stats", "seaborn", "pydantic", "ruptures", "typer", "sklearn.datasets", "pyarrow",
    "ruamel.yaml", "jinja2", "tensorflow", "keras", "grpc", "grpc_health.v1.health", "psutil", "filelock",
    "cryptography.x509",
)  # fmt: skip

_OWN = ("splitfed_core", "benchmarks", "analysis", "sfbench", "tests")
_NOT_LOADED = 99


class Outcome(enum.Enum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    NOT_LOADED = "loaded by no test"

    @property
    def seen(self) -> bool:
        """Whether the tests noticed the change."""
        return self in {Outcome.KILLED, Outcome.TIMED_OUT}


@dataclass(frozen=True)
class Changed:
    """A module with a change."""

    name: str
    path: Path
    tree: ast.Module

    def code(self) -> CodeType:
        """Compile it."""
        return compile(ast.fix_missing_locations(self.tree), str(self.path), "exec", dont_inherit=True)


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads the changed module."""

    def __init__(self, changed: Changed) -> None:
        super().__init__(changed.name, str(changed.path))
        self._code = changed.code()
        self.loaded = False

    def get_code(self, fullname: str) -> CodeType:
        self.loaded = True
        return self._code


class _Finder(importlib.abc.MetaPathFinder):
    """Finds that one module before anybody else does."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where the module comes from; of any other that is not known here."""
        if fullname != self._loader.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader)


def warm_up(*libraries: str) -> None:
    """Import what is not ours, under the environment of the tests; forget whatever of ours came with it."""
    importlib.import_module("tests.conftest")
    for name in libraries:
        importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in _OWN and not name.startswith("tests.mutants") and name != "tests":
            del sys.modules[name]


def rehearse(files: frozenset[str], tests: Sequence[str], log: Path) -> Rehearsal:
    """Run the tests without any change, and return who called what."""
    result = log.with_suffix(".pickle")

    def watched() -> int:
        rehearsal = Rehearsal(files)
        status = _pytest([], tests, [rehearsal])
        found = (dict(rehearsal.calls), dict(rehearsal.took_s), rehearsal.failed)
        result.write_bytes(pickle.dumps(found))
        return 0 if status in {0, 1} else status  # tests that fail are left out

    if _wait(_fork(watched, log, 3600), time.monotonic() + 3600) != 0:
        raise RuntimeError(f"the rehearsal failed:\n{log.read_text()}")
    return Rehearsal(files, *pickle.loads(result.read_bytes()))  # noqa: S301 - written by our own child


def attempt(changed: Changed, tests: Sequence[str], cpu_s: float, log: Path) -> Outcome:
    """Load the module with its change, and run the tests until one fails or `cpu_s` is used up."""
    loader = _Loader(changed)

    def tested() -> int:
        sys.meta_path.insert(0, _Finder(loader))
        status = _pytest(["-x"], tests, [])
        return status if loader.loaded else _NOT_LOADED

    status = _wait(_fork(tested, log, cpu_s), time.monotonic() + 60 + 10 * cpu_s)
    if status in {-signal.SIGXCPU, -signal.SIGKILL}:
        return Outcome.TIMED_OUT
    return {0: Outcome.SURVIVED, _NOT_LOADED: Outcome.NOT_LOADED}.get(status, Outcome.KILLED)


def _pytest(options: Sequence[str], tests: Sequence[str], plugins: Sequence[object]) -> int:
    import pytest

    # Of the plugins' modules some are imported before the fork, and need no rewriting of assertions.
    common = ("-q", "--tb=line", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    return int(pytest.main([*common, *options, *tests], plugins))


def _fork(work: Callable[[], int], log: Path, cpu_s: float) -> int:
    """Do something in a child with its own output and a limit of CPU time, and return the child's identifier."""
    if child := os.fork():
        return child
    status = 1
    try:
        os.setsid()
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        seconds = int(cpu_s) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        status = work()
    except BaseException:  # the child must never return into the parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _wait(child: int, deadline: float) -> int:
    """Return the child's exit code, or what signal ended it, negative; at the deadline end it and its own children."""
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])
