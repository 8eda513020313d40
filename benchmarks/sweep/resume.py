"""What an earlier sweep left in a run directory, and how it differs from the present one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.grid.plan import Plan
from benchmarks.runner import CellRun
from benchmarks.store.run_directory import RunDirectory
from splitfed_core.records.environment import Environment
from splitfed_core.records.manifest import Manifest
from splitfed_core.records.plan import PlanDocument

RunKey = tuple[str, int]


@dataclass
class RunState:
    """The runs of a plan: the manifests that are there, and the runs that are done."""

    manifests: dict[RunKey, Manifest] = field(default_factory=dict)
    done: set[RunKey] = field(default_factory=set)

    def read(self, directory: RunDirectory, run: CellRun) -> None:
        """Read the manifest of a run, and check its files where it says `ok`."""
        self.done.discard(run.key)
        manifest = directory.manifest(run)
        if manifest is None:
            self.manifests.pop(run.key, None)
            return
        self.manifests[run.key] = manifest
        if directory.is_done(run, manifest):
            self.done.add(run.key)

    def status(self) -> dict[RunKey, str]:
        """Return how the last attempt at each run ended."""
        return {key: manifest.status for key, manifest in self.manifests.items()}

    def count(self, missing: Sequence[CellRun]) -> Counter[str]:
        """Count how the last attempts at runs that are not done ended."""
        status = self.status()
        ended = (status.get(run.key, "not run") for run in missing)
        return Counter("damaged" if word == "ok" else word for word in ended)


@dataclass(frozen=True)
class PlanChange:
    """How a plan differs from the one that was begun in the same directory."""

    added: Sequence[str]
    removed: Sequence[str]
    changed: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        groups = (("added", self.added), ("removed", self.removed), ("changed seeds or repeats", self.changed))
        return "\n".join(f"  {word}: {_some(cells)}" for word, cells in groups if cells)


def plan_change(before: PlanDocument, plan: Plan) -> PlanChange:
    """Compare cells by id; a cell whose seeds or repeats differ has changed."""
    old = {cell.cell_id: tuple(cell.seeds) for cell in before.cells}
    new = {cell.cell_id: cell.seeds for cell in plan.cells}
    return PlanChange(
        added=[cell for cell in new if cell not in old],
        removed=[cell for cell in old if cell not in new],
        changed=[cell for cell in new if cell in old and old[cell] != new[cell]],
    )


def environment_changes(directory: RunDirectory, found: RunState, here: Environment, env: str) -> Iterator[str]:
    """Yield a line for every other environment in which runs of this plan were measured."""
    others = Counter(str(found.manifests[key].env) for key in found.done)
    others.pop(env, None)
    for other, count in others.items():
        before = _flat(directory.environment(other).document())
        after = _flat(here.document())
        changed = [
            f"{key} {before.get(key)} → {after.get(key)}"
            for key in (*after, *(before.keys() - after.keys()))
            if key in before and before[key] != after.get(key)
        ]
        yield f"note: {count} finished runs were measured in another environment ({_some(changed, 6)})"


def _flat(environment: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in environment.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _some(names: Sequence[str], count: int = 3) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return f"{', '.join(names[:count])}{more}"
