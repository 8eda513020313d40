"""One code in one run: a sweep goes on with another only when told so, and writes that down."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from benchmarks.machine.code import differing, own_files
from benchmarks.store.run_directory import RunDirectory
from benchmarks.sweep.resume import RunState
from splitfed_core.errors import UsageError
from splitfed_core.records.manifest import OWN, UNKNOWN
from splitfed_core.records.plan import CodeChange

_NAMED = 4


class CodeGuard:
    """Compares the code of the finished runs with that of the next ones.

    Args:
        directory: The run.
        state: What is finished in it.
        accept: Whether another code is accepted.
    """

    def __init__(self, directory: RunDirectory, state: RunState, *, accept: bool) -> None:
        self._directory = directory
        self._state = state
        self._accept = accept
        self.accepted: list[CodeChange] = []

    def check(self, code: Mapping[str, str]) -> None:
        """Refuse code that is not what the finished runs had, or keep that it was accepted.

        Raises:
            UsageError: With the names of what changed.
        """
        before = self._before()
        if not before:
            return
        plan = self._directory.plan()
        self.accepted = self.accepted or list(plan.accepted_code_changes if plan else ())
        changed = {name: {*before[name], digest} for name, digest in code.items() if before.get(name, set()) - {digest}}
        changed = {name: states for name, states in changed.items() if not self._is_accepted(name, states)}
        if not changed:
            return
        if not self._accept:
            raise UsageError(
                f"{self._directory.root}: what is finished was measured with other code:{self._told(changed)}\n"
                "--accept-code-change goes on and records it (compare refuses such a run), --fresh measures all of it"
                " anew, --out begins another run"
            )
        states = {name: sorted(digests) for name, digests in changed.items()}
        self.accepted.append(CodeChange(datetime.now(UTC).isoformat(timespec="seconds"), states))

    def _before(self) -> Mapping[str, set[str]]:
        states: defaultdict[str, set[str]] = defaultdict(set)
        for key in self._state.done:
            for name, digest in self._state.manifests[key].states.items():
                states[name].add(digest)
        return states

    def _is_accepted(self, name: str, states: Collection[str]) -> bool:
        return any(change.covers(name, set(states)) for change in self.accepted)

    def _told(self, changed: Mapping[str, Collection[str]]) -> str:
        return "".join(f"\n  {name}{self._files(states) if name == OWN else ''}" for name, states in changed.items())

    def _files(self, states: Collection[str]) -> str:
        """Name the files of sfbench itself that changed, where the earlier ones are on record."""
        if UNKNOWN in states:
            return " (of a version that did not record its code)"
        recorded = [files for files in map(self._directory.code, states) if files]
        names = sorted({name for files in recorded for name in differing(files, own_files())})
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f" ({', '.join(names[:_NAMED])}{more})" if names else ""
