"""Two states of a git repository, checked out side by side."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine.git import git_text, run_git
from splitfed_core.errors import UsageError

_OURS = ("splitfed_core", "benchmarks", "analysis")
_NAME = "sfbench"
"""What `python -m sfbench` runs. It came later than those, and only calls the command line of `analysis`."""

_HOME = Path(__file__).parents[2]
"""Where the sfbench that runs is."""

_DIFF = (
    "diff",
    "HEAD",
    "--binary",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)
"""The difference itself, whatever the user has configured to look at it."""


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
        """Return what a process needs to import this state's code, be it sfbench itself or somebody's own models.

        The checkout comes first on the path: before what is installed, and before the repository it was made from. Only
        the sfbench that runs comes before a folder of somebody else that is called as a package of it; it comes last
        where it must lend the name to an older sfbench.
        """
        ours = [(self.top / name).is_dir() for name in _OURS]
        folders = [self.top] if all(ours) else [p for p in (self.folder, self.top, self.top / "src") if p.is_dir()]
        clash = not all(ours) and any((folder / name).exists() for folder in folders for name in (*_OURS, _NAME))
        nameless = all(ours) and not (self.top / _NAME).is_dir()
        path = [_HOME if clash else None, *folders, os.environ.get("PYTHONPATH"), _HOME if nameless else None]
        return {"PYTHONPATH": os.pathsep.join(dict.fromkeys(str(folder) for folder in path if folder))}


@contextmanager
def worktrees(
    here: Path, base_ref: str, head_ref: str | None, out: Path | None = None
) -> Iterator[tuple[Checkout, Checkout]]:
    """Check base and head out, both in places of equally long names; they are gone in the end.

    Args:
        here: A folder of the repository.
        base_ref: A commit, branch or tag.
        head_ref: The same; None: the working tree with its changes, and the files that git does not ignore.
        out: Where results go; if that is in the working tree, it does not count as a change.

    Raises:
        UsageError: No repository, no such commit, or one without the folder that one stands in.
    """
    top = Path(
        git_text(here, "rev-parse", "--show-toplevel", what=f"{here} is not in a git repository; start from one")
    )
    inside = here.resolve().relative_to(top.resolve())
    refs = {"base": base_ref, "head": "HEAD" if head_ref is None else head_ref}
    commits = {name: _commit(top, ref) for name, ref in refs.items()}
    with tempfile.TemporaryDirectory(prefix="sfbench-ab-") as temporary:
        made = []
        try:
            for name, ref in refs.items():
                place = Path(temporary) / name
                git_text(
                    top, "worktree", "add", "--detach", str(place), commits[name], what=f"{ref} cannot be checked out"
                )
                changes = _bring_changes(top, place, out) if name == "head" and head_ref is None else None
                label = "the working tree" if name == "head" and head_ref is None else ref
                if not (place / inside).is_dir():
                    raise UsageError(f"{label} has no folder {inside}; start from one that both sides have")
                made.append(Checkout(place, place / inside, commits[name], changes, label))
            base, head = made
            yield base, head
        finally:
            for name in refs:
                if (Path(temporary) / name).exists():
                    what = "a worktree cannot be removed; see git worktree list"
                    git_text(top, "worktree", "remove", "--force", "--force", str(Path(temporary) / name), what=what)


def _commit(top: Path, ref: str) -> str:
    what = f"{ref!r} is not a commit, branch or tag of {top}; fetch it, or see git log"
    return git_text(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", what=what)


def _bring_changes(top: Path, place: Path, out: Path | None) -> str | None:
    """Make a checkout of HEAD what the working tree is; returns a hash of the difference."""
    digest = hashlib.blake2b(digest_size=6)
    difference = run_git(top, *_DIFF)
    digest.update(difference)
    if difference:
        run_git(place, "apply", "--whitespace=nowarn", "-", given=difference)
    untracked = run_git(top, "ls-files", "--others", "--exclude-standard", "-z").decode().split("\0")
    results = None if out is None else out.resolve()
    new = sorted(name for name in filter(None, untracked) if results not in (top / name).resolve().parents)
    for name in new:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        digest.update(name.encode() + _copy(top / name, place / name))
    return digest.hexdigest() if difference or new else None


def _copy(path: Path, to: Path) -> bytes:
    """Copy what git does not know yet; returns what tells it from another content."""
    if path.is_symlink():
        to.symlink_to(path.readlink())
        return os.fsencode(path.readlink())
    if path.is_dir():
        raise UsageError(
            f"{path} is a git repository in a git repository; have git ignore it, or commit it as a submodule"
        )
    shutil.copyfile(path, to)
    return path.read_bytes()
