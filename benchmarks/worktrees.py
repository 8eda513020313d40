"""Two states of a git repository, checked out side by side."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitfed_core.errors import UsageError

_OURS = ("splitfed_core", "benchmarks", "analysis")


@dataclass(frozen=True, slots=True)
class Checkout:
    """One state.

    Attributes:
        top: Where it is checked out.
        folder: The same place in it as where one stands in the repository.
        commit: Its commit.
        changes: A hash of what differs from that commit; None where nothing does.
        label: How messages call it.
    """

    top: Path
    folder: Path
    commit: str
    changes: str | None
    label: str

    @property
    def state(self) -> dict[str, str | None]:
        """What tells this state from every other."""
        return {"commit": self.commit, "changes": self.changes}

    def environment(self) -> dict[str, str]:
        """Return what a process needs to import this state's code.

        A checkout of sfbench itself comes first on the path. That of somebody's own models does not: a folder of theirs
        may be called `benchmarks`; a sweep finds their modules in the folder it is started in.
        """
        if not all((self.top / name).is_dir() for name in _OURS):
            return {}
        before = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join([str(self.top), *([before] if before else [])])}


@contextmanager
def worktrees(here: Path, base_ref: str, head_ref: str | None) -> Iterator[tuple[Checkout, Checkout]]:
    """Check base and head out, both in places of equally long names; they are gone in the end.

    Args:
        here: A folder of the repository.
        base_ref: A commit, branch or tag.
        head_ref: The same; None: the working tree with its changes, and the files that git does not ignore.

    Raises:
        UsageError: No repository, or no such commit.
    """
    top = Path(_git(here, "rev-parse", "--show-toplevel", what=f"{here} is in no git repository; go to one"))
    inside = here.resolve().relative_to(top.resolve())
    refs = {"base": base_ref, "head": "HEAD" if head_ref is None else head_ref}
    commits = {name: _commit(top, ref) for name, ref in refs.items()}
    with tempfile.TemporaryDirectory(prefix="sfbench-ab-") as temporary:
        made = []
        try:
            for name, ref in refs.items():
                place = Path(temporary) / name
                _git(top, "worktree", "add", "--detach", str(place), commits[name], what=f"{ref} cannot be checked out")
                changes = _bring_changes(top, place) if name == "head" and head_ref is None else None
                label = "the working tree" if name == "head" and head_ref is None else ref
                made.append(Checkout(place, place / inside, commits[name], changes, label))
            base, head = made
            yield base, head
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            _git(top, "worktree", "prune", what="git worktree prune failed")


def _commit(top: Path, ref: str) -> str:
    what = f"{ref!r} is no commit, branch or tag of {top}; fetch it, or see git log"
    return _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", what=what)


def _bring_changes(top: Path, place: Path) -> str | None:
    """Make a checkout of HEAD what the working tree is; returns a hash of the difference."""
    digest = hashlib.blake2b(digest_size=6)
    difference = _run(top, "diff", "HEAD", "--binary")
    digest.update(difference)
    if difference:
        _run(place, "apply", "--whitespace=nowarn", "-", input=difference)
    untracked = _run(top, "ls-files", "--others", "--exclude-standard", "-z").decode().split("\0")
    for name in sorted(filter(None, untracked)):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(top / name, place / name)
        digest.update(name.encode() + (top / name).read_bytes())
    return digest.hexdigest() if difference or any(untracked) else None


def _git(folder: Path, *arguments: str, what: str) -> str:
    """Run git; raises `UsageError` with `what` and git's own words when it fails."""
    try:
        return _run(folder, *arguments).decode().strip()
    except FileNotFoundError:
        raise UsageError("git is not installed; sfbench ab compares commits of a repository") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(": ".join([what, *said[-1:]])) from None


def _run(folder: Path, *arguments: str, **settings: Any) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, check=True, **settings)  # noqa: S603  git, and its own words
    return bytes(done.stdout)
