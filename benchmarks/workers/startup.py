"""What a process of a cell does first: where its output goes, how it treats memory, and TensorFlow's threads."""

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _NEVER = -1, -3, 1 << 30  # of glibc's malloc.h
_SPARE_INTER_OP = 2  # an exchange keeps one inter-op thread waiting; with none left the process would stand still


def redirect_output(log_dir: Path | None, name: str) -> None:
    """Send file descriptors 1 and 2 to a file: the libraries' chatter does not ask Python before it prints.

    Args:
        log_dir: The folder of the file; without one the file has no name, and ends with the process.
        name: The file's name begins with it.
    """
    if log_dir is not None:
        log_dir.mkdir(parents=True, exist_ok=True)
    handle, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".log", dir=log_dir)
    if log_dir is None:
        Path(path).unlink()
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)  # Ray has put its own in their place
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed: else every message and activation of some MB is paid for with new page faults.

    Measured in docs/performance.md. Elsewhere than with glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            mallopt(parameter, _NEVER)


def start_tensorflow(threads: int | None) -> None:
    """Import TensorFlow and set its number of intra-op threads; None leaves them to it."""
    with _hidden("matplotlib", "pandas", "sklearn"):
        import tensorflow as tf

    if threads is None:
        return
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads + _SPARE_INTER_OP)


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Let Keras find these packages missing: it imports them for wrappers and plots that nobody needs here.

    They are 40 % of the time that TensorFlow takes to import. Afterwards a user's own model may import them as ever.
    """

    class Hide(MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname.partition(".")[0] in packages:
                raise ModuleNotFoundError(f"{fullname} is hidden while TensorFlow starts", name=fullname)

    finder = Hide()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
