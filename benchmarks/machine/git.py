"""The one place where git is called."""

import hashlib
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from splitfed_core.errors import UsageError
from splitfed_core.records.environment import Checkout

_TIMEOUT_S = 30


def run_git(folder: Path, *arguments: str, given: bytes | None = None, timeout_s: float | None = None) -> bytes:
    """Return what git prints in a folder.

    Raises:
        OSError: There is no git.
        subprocess.SubprocessError: It failed, or took too long.
    """
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, check=True, input=given, timeout=timeout_s)  # noqa: S603 – our words
    return done.stdout


def git_text(folder: Path, *arguments: str, what: str) -> str:
    """Return what git prints in a folder, where it must not fail.

    Args:
        folder: Where.
        arguments: Of git.
        what: What could not be done when it fails, for the message.

    Raises:
        UsageError: It failed; with `what` and git's own words.
    """
    try:
        return run_git(folder, *arguments).decode().strip()
    except FileNotFoundError:
        raise UsageError("git is not installed; sfbench ab compares commits of a repository") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(": ".join([what, *lines[-1:]])) from None


def checkout(folder: Path) -> Checkout:
    """Return commit, whether files differ from it, and a hash of the difference; nothing of it outside a checkout."""
    commit = _ask(folder, "rev-parse", "HEAD")
    if commit is None:
        return Checkout()
    # untracked files count where they are code, with their content: a run directory makes no checkout dirty
    untracked = (_ask(folder, "ls-files", "--others", "--exclude-standard", "-z", "*.py") or "").split("\0")
    new = [f"{name}\n{_read(folder / name)}" for name in sorted(filter(None, untracked))]
    changed = "\n".join([_ask(folder, "diff", "HEAD") or "", *new])
    changed = changed if changed.strip() else ""
    digest = hashlib.blake2b(changed.encode(), digest_size=6).hexdigest() if changed else None
    return Checkout(commit, bool(changed), digest)


@cache
def committed_at(commit: str) -> str | None:
    """Return when a commit of the repository one stands in was made, in ISO 8601; None where nobody knows it."""
    seconds = _ask(Path(), "show", "--no-patch", "--format=%ct", f"{commit}^{{commit}}", "--")
    return datetime.fromtimestamp(int(seconds), UTC).isoformat() if seconds and seconds.isdecimal() else None


def _ask(folder: Path, *arguments: str) -> str | None:
    """Return what git says, or None where it cannot say it."""
    try:
        return run_git(folder, *arguments, timeout_s=_TIMEOUT_S).decode(errors="replace").strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
