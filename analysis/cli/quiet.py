"""Keeping libraries that talk while they are imported off the terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def suppress_stderr() -> Iterator[None]:
    """Hold back what goes to stderr, C++ code's included, and show it only if the block fails.

    TensorFlow greets before it reads the level of its log, so nothing short of the file descriptor will do.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:  # an interrupt or an exit, too: what was held back may say why
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
