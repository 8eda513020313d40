"""What the commands say beside their result, and how they take a signal."""

import signal
import sys


def say(text: str) -> None:
    """Tell how it goes, beside the result."""
    print(text, file=sys.stderr, flush=True)


def take_termination_as_interrupt() -> None:
    """End what was started, and the worktrees, also when a CI job is cancelled."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
