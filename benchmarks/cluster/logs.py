"""What the processes print: files of this node, questions to processes of other nodes."""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import ray
from ray.exceptions import RayError

from benchmarks.cluster.actors import Actor

if TYPE_CHECKING:
    from ray import ObjectRef

_PATIENCE_S = 5.0  # with a process that is busy, or gone


class Logs:
    """Collects what was printed since it was last collected."""

    def __init__(self, cleanup: ExitStack) -> None:
        """Make a folder for this node's logs, to be removed with the other things."""
        self.folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="sfbench-log-"))
        self._read: dict[Path, int] = {}

    def collect(self, away: Iterable[tuple[str, Actor]]) -> str:
        """Return the text of all processes, those that are gone included.

        Args:
            away: Name and actor of each process on another node.
        """
        calls = [(name, process.printed.remote()) for name, process in away]
        answers = ((name, _answer(call)) for name, call in calls)
        texts = [*self._of_files(), *(f"==> {name} <==\n{text}" for name, text in answers if text)]
        return "\n".join(texts)

    def _of_files(self) -> Iterable[str]:
        for path in sorted(Path(self.folder).glob("*.log")):
            with path.open(errors="replace") as file:
                file.seek(self._read.get(path, 0))
                text = file.read()
                self._read[path] = file.tell()
            if text:
                yield f"==> {path.stem} <==\n{text}"


def _answer(call: "ObjectRef[str]") -> str:
    try:
        return ray.get(call, timeout=_PATIENCE_S)
    except RayError as error:  # a timeout too
        return f"(nothing came from this process or its node: {type(error).__name__})\n"
