"""What an earlier sweep left in a run directory, and how its plan differs from the present one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.plan import CellRun, Plan
from benchmarks.rundir import Manifest, RunDirectory

RunKey = tuple[str, int]


@dataclass
class Survey:
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

    def not_done(self) -> Counter[str]:
        """Count how the last attempt ended at runs that are not done."""
        rest = (manifest for key, manifest in self.manifests.items() if key not in self.done)
        return Counter(str(manifest.get("status")) for manifest in rest)


@dataclass(frozen=True)
class PlanChange:
    """How a plan differs from the one that was begun in the same directory."""

    added: Sequence[str]
    removed: Sequence[str]
    changed: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        lines = []
        for word in ("added", "removed", "changed"):
            cells = getattr(self, word)
            if cells:
                more = f" and {len(cells) - 3} more" if len(cells) > 3 else ""
                lines.append(f"  {word}: {len(cells)} ({', '.join(cells[:3])}{more})")
        return "\n".join(lines)


def plan_change(before: Mapping[str, Any], plan: Plan) -> PlanChange:
    """Compare cells by id; a cell whose seeds or repeats differ has changed."""
    old = {cell["cell_id"]: cell.get("seeds") for cell in before.get("cells", [])}
    new = {cell.cell_id: list(cell.seeds) for cell in plan.cells}
    return PlanChange(
        added=[cell for cell in new if cell not in old],
        removed=[cell for cell in old if cell not in new],
        changed=[cell for cell in new if cell in old and old[cell] != new[cell]],
    )
