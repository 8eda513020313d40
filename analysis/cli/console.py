"""What the commands say beside their result, and how they take a signal or a closed pipe."""

import io
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def say(text: str) -> None:
    """Report progress on stderr, beside the result."""
    print(text, file=sys.stderr, flush=True)


def take_termination_as_interrupt() -> None:
    """End what was started, and the worktrees, also when a CI job is cancelled."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class _Pipe(io.FileIO):
    """A stream whose reader may leave, as `head` does: what is written after that goes nowhere."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes


def survive_closed_pipes() -> None:
    """Keep going when nobody reads any more: `head`, having seen enough, must not end a sweep."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and stream is not None and not stream.isatty():
            raw = io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False))
            settings = {
                "encoding": stream.encoding,
                "errors": stream.errors,
                "line_buffering": stream.line_buffering or stream.write_through,
            }
            stream.flush()
            setattr(sys, name, io.TextIOWrapper(raw, **settings))
