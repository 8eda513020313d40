"""What every process of a cell has: its output in a file, its share of the cores, and errors in words."""

import os
import sys
import traceback
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine.code import ImportedCode, own_code
from benchmarks.machine.environment import environment, load
from benchmarks.workers.startup import keep_freed_memory, redirect_output, start_tensorflow
from splitfed_core.config.app_folder import set_app_folder
from splitfed_core.errors import CellError, SfbenchError, one_line
from splitfed_core.records.environment import Environment
from splitfed_core.records.manifest import OWN

if TYPE_CHECKING:  # imports TensorFlow
    from splitfed_core.training.step_cache import CompiledStepCache


@contextmanager
def _in_words() -> Iterator[None]:
    """Put an unexpected error into words; its traceback goes to the log.

    The error itself may be of a class of TensorFlow's: the driver could not read it without importing that.
    """
    try:
        yield
    except SfbenchError:
        raise
    except Exception as error:  # of TensorFlow, of the user's code, of ours: each goes to the log and ends one cell
        traceback.print_exc()
        message = f"{type(error).__name__}: {one_line(str(error))}"
        raise CellError(f"a process failed: {message}; its traceback is in log.txt") from None


class Process:
    """A process of a cell: its output goes to a file, TensorFlow gets its share of the cores."""

    def __init_subclass__(cls) -> None:
        """Let no unexpected error out of a process as it is, whatever the process was asked to do."""
        for name, method in list(vars(cls).items()):
            if callable(method) and not name.startswith("_"):
                setattr(cls, name, _in_words()(method))

    def __init__(self, name: str, log_dir: str | None, threads: int | None, app_path: Sequence[str]) -> None:
        """Redirect the output, then start TensorFlow.

        Args:
            name: Of the process, for its log.
            log_dir: Where its log goes; None: the driver cannot read files of this node and asks with `printed`.
            threads: TensorFlow's intra-op threads; None leaves it to TensorFlow, 0 does without TensorFlow.
            app_path: Folders of the user's own modules.
        """
        redirect_output(Path(log_dir) if log_dir else None, name)
        self._printed_bytes = 0
        keep_freed_memory()
        self._app = Path(app_path[0]) if app_path else Path.cwd()
        self._own, self._imported = own_code(), ImportedCode(self._app)
        sys.path.extend(app_path)
        set_app_folder(self._app)
        if threads != 0:
            start_tensorflow(threads)

    def printed(self) -> str:
        """Return what this process has printed since it was last asked."""
        text = os.pread(1, os.fstat(1).st_size - self._printed_bytes, self._printed_bytes)
        self._printed_bytes += len(text)
        return text.decode(errors="replace")

    def code(self, names: Collection[str]) -> dict[str, str]:
        """Return what the code of this process was when it came here: ours, and the user's modules."""
        return {OWN: self._own, **self._imported.found(names)}

    def describe(self) -> tuple[Environment, dict[str, float]]:
        """Return the environment of this process' node, and how busy it is."""
        return environment(self._app), load()

    @cached_property
    def _step_cache(self) -> "CompiledStepCache":
        from splitfed_core.training.step_cache import CompiledStepCache

        return CompiledStepCache()
