"""`manifest.json`: how one attempt at a cell and repeat ended. Written last, so it says that the files are whole.

Standard library only. One writer (`Manifest.document`) and one reader (`read_manifest`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from splitfed_core.records.document import Document, Fields, merged, read_document
from splitfed_core.records.rows import CellSummary

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = 2
"""1: the reference task was called `canary_s`. It is read for ever."""

OWN = "sfbench"
"""The name of our own code among that of a cell; the others are the user's modules."""

UNKNOWN = "unknown"
"""The code of runs that were measured before their manifests named it."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The machine beside a cell: how long a fixed computation took, and what else was going on."""

    reference_task_s: float | None = None
    load_1min: float | None = None
    load_5min: float | None = None
    memory_available_bytes: float | None = None

    @classmethod
    def take(cls, fields: Fields) -> "Conditions":
        """Take them from a document."""
        old, new = fields.number("canary_s"), fields.number("reference_task_s")
        return cls(
            reference_task_s=old if new is None else new,
            load_1min=fields.number("load_1min"),
            load_5min=fields.number("load_5min"),
            memory_available_bytes=fields.number("memory_available_bytes"),
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a cell beside its rows, once it ran. What was not recorded is None, or empty.

    Attributes:
        workers: How many processes held the clients.
        examples: Of all clients together.
        dataset: Sizes, shape and digest of the data set.
        roles: What is known of each server process, its memory among it.
        nodes: Of a cluster of several hosts: who they are, and the names of their environments.
        emulation: What of its time was emulated: `slowdowns` and `links` by client, `server_slowdown`, `server_link`;
            the `host_gflops` from which the slowdowns of presets follow, and how many `cores` all that was on.
        extra: What else the runner said.
    """

    client_parameters: int | None = None
    server_parameters: int | None = None
    workers: int | None = None
    examples: int | None = None
    setup_s: float | None = None
    first_step_s: float | None = None
    worker_rss_bytes: float | None = None
    dataset: Mapping[str, object] = field(default_factory=dict)
    roles: Mapping[str, object] = field(default_factory=dict)
    nodes: tuple[object, ...] = ()
    emulation: Mapping[str, object] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def document(self) -> Document:
        """Return them as plain JSON; what nobody said is left out."""
        own: Document = {
            "client_parameters": self.client_parameters,
            "server_parameters": self.server_parameters,
            "workers": self.workers,
            "examples": self.examples,
            "setup_s": self.setup_s,
            "first_step_s": self.first_step_s,
            "worker_rss_bytes": self.worker_rss_bytes,
            "dataset": dict(self.dataset) or None,
            "roles": dict(self.roles) or None,
            "nodes": list(self.nodes) or None,
            "emulation": dict(self.emulation) or None,
        }
        return {name: value for name, value in own.items() if value is not None} | dict(self.extra)

    @property
    def test_examples(self) -> int | None:
        """How many examples every evaluation is of."""
        test = self.dataset.get("test")
        return test if isinstance(test, int) else None

    @property
    def cores(self) -> int | None:
        """How many cores an emulated cell was on."""
        cores = self.emulation.get("cores")
        return cores if isinstance(cores, int) else None

    def rss_bytes(self) -> dict[str, float]:
        """Return the memory of each server process that is known."""
        used = {role: of.get("rss_bytes") for role, of in self.roles.items() if isinstance(of, dict)}
        return {role: float(rss) for role, rss in used.items() if isinstance(rss, int | float)}

    @classmethod
    def take(cls, fields: Fields) -> "Facts":
        """Take them from a document."""
        return cls(
            client_parameters=fields.integer("client_parameters"),
            server_parameters=fields.integer("server_parameters"),
            workers=fields.integer("workers"),
            examples=fields.integer("examples"),
            setup_s=fields.number("setup_s"),
            first_step_s=fields.number("first_step_s"),
            worker_rss_bytes=fields.number("worker_rss_bytes"),
            dataset=fields.mapping("dataset"),
            roles=fields.mapping("roles"),
            nodes=tuple(fields.items("nodes")),
            emulation=fields.mapping("emulation"),
            extra=fields.rest(),
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """How an attempt ended, what was measured with which code and where, and what the files' hashes are.

    Attributes:
        seed: From which all of its random streams come.
        config: All parameters of the cell, as plain JSON.
        started_at: In ISO 8601.
        env: The name of its environment.
        code: Digests of the code that its processes imported, by names.
        before: The conditions when it began.
        after: The conditions when it had ended.
        earlier_attempts: How those ended that it repeats.
        files: Digests of its files.
        definitions: The numbers of the metrics that are not at their first definition.
        extra: What else the file holds.
    """

    cell_id: str
    repeat: int
    status: str
    config: Mapping[str, object]
    reason: str | None = None
    seed: int | None = None
    started_at: str | None = None
    wall_s: float | None = None
    env: str | None = None
    code: Mapping[str, str] = field(default_factory=dict)
    before: Conditions | None = None
    after: Conditions | None = None
    earlier_attempts: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    data_warnings: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)
    summary: CellSummary | None = None
    definitions: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def states(self) -> Mapping[str, str]:
        """The code; that of runs of before it was recorded is a state of its own."""
        return self.code or {OWN: UNKNOWN}

    @property
    def reference_tasks_s(self) -> list[float]:
        """How long the fixed computation took, before and after the cell, as far as it was timed."""
        times = [beside.reference_task_s for beside in (self.before, self.after) if beside]
        return [time for time in times if time is not None]

    def definition(self, metric: str) -> int:
        """Return the number of the definition by which a metric was measured."""
        return self.definitions.get(metric, 1)

    def document(self) -> Document:
        """Return the content of the file."""
        beside = {name: asdict(each) for name, each in (("before", self.before), ("after", self.after)) if each}
        own: Document = {
            "schema": MANIFEST_SCHEMA,
            "cell_id": self.cell_id,
            "repeat": self.repeat,
            "status": self.status,
            "reason": self.reason,
            "seed": self.seed,
            "config": dict(self.config),
            "started_at": self.started_at,
            "wall_s": self.wall_s,
            "env": self.env,
            "code": dict(self.code),
            "conditions": beside,
            "earlier_attempts": list(self.earlier_attempts),
            "files": dict(self.files),
            "data_warnings": list(self.data_warnings),
            "facts": self.facts.document(),
            "summary": asdict(self.summary) if self.summary else None,
            "definitions": dict(self.definitions),
        }
        return merged(own, self.extra)


def read_manifest(path: Path) -> tuple[Manifest, list[str]]:
    """Read the manifest of an attempt; returns with it what of the file is not what it must be.

    What it does not say of cell and repeat, its folder (`<cell>/r<repeat>`) does.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not such a file.
        NewerSchemaError: A newer version wrote it.
    """
    fields = Fields(read_document(path, MANIFEST_SCHEMA))
    config = fields.anything("config")
    if not isinstance(config, dict):
        raise ValueError("names no config")
    number = path.parent.name[1:]
    repeat = fields.integer("repeat")
    if repeat is None:
        repeat = int(number) if number.isdigit() else 0
    before, after, conditions = _take_conditions(fields)
    summary, unknown = _take_summary(fields.mapping("summary"))
    manifest = Manifest(
        cell_id=fields.text("cell_id") or path.parents[1].name,
        repeat=repeat,
        status=fields.text("status") or UNKNOWN,
        reason=fields.text("reason"),
        seed=fields.integer("seed"),
        config=config,
        started_at=fields.text("started_at"),
        wall_s=fields.number("wall_s"),
        env=fields.text("env"),
        code=fields.names("code"),
        before=before,
        after=after,
        earlier_attempts=fields.texts("earlier_attempts"),
        files=fields.names("files"),
        data_warnings=fields.texts("data_warnings"),
        facts=fields.part("facts", Facts.take) or Facts(),
        summary=summary,
        definitions={n: v for n, v in fields.mapping("definitions").items() if isinstance(v, int)},
        extra=fields.rest() | conditions | unknown,
    )
    return manifest, fields.wrong


def _take_conditions(fields: Fields) -> tuple[Conditions | None, Conditions | None, Document]:
    """Return those before and after, and what else is told of them."""
    found: dict[str, Conditions] = {}
    unknown: Document = {}
    for name, content in fields.mapping("conditions").items():
        if name not in ("before", "after") or not isinstance(content, dict):
            unknown[name] = content
            continue
        each = Fields(content)
        found[name] = Conditions.take(each)
        fields.wrong += [f"conditions: {problem}" for problem in each.wrong]
        unknown |= {name: each.rest()} if each.rest() else {}
    return found.get("before"), found.get("after"), {"conditions": unknown} if unknown else {}


def _take_summary(content: Mapping[str, object]) -> tuple[CellSummary | None, Document]:
    """Return the summary, if there is one, and what of it is not a column that this version knows."""
    if not content:
        return None, {}
    taken = Fields(content)
    summary = CellSummary(
        status=taken.text("status") or UNKNOWN,
        steps=taken.integer("steps") or 0,
        wall_s=taken.number("wall_s") or 0.0,
        step_p50_s=taken.number("step_p50_s"),
        step_p95_s=taken.number("step_p95_s"),
        step_p99_s=taken.number("step_p99_s"),
        uplink_p50_s=taken.number("uplink_p50_s"),
        downlink_p50_s=taken.number("downlink_p50_s"),
        server_compute_p50_s=taken.number("server_compute_p50_s"),
        samples_per_s=taken.number("samples_per_s"),
        steps_per_s=taken.number("steps_per_s"),
        network_kbit_per_s=taken.number("network_kbit_per_s"),
        final_train_loss=taken.number("final_train_loss"),
        final_eval_loss=taken.number("final_eval_loss"),
        final_eval_accuracy=taken.number("final_eval_accuracy"),
        bytes_per_round=taken.number("bytes_per_round"),
        round_p50_s=taken.number("round_p50_s"),
        peak_rss_bytes=taken.integer("peak_rss_bytes"),
        workers_used=taken.integer("workers_used"),
        swap_share=taken.number("swap_share"),
        unexplained_share=taken.number("unexplained_share"),
        common_batch=taken.integer("common_batch"),
        common_batch_share=taken.number("common_batch_share"),
        largest_batch=taken.integer("largest_batch"),
        link_uplink_p50_s=taken.number("link_uplink_p50_s"),
        link_downlink_p50_s=taken.number("link_downlink_p50_s"),
        transfer_p50_s=taken.number("transfer_p50_s"),
        wait_p50_s=taken.number("wait_p50_s"),
        link_transfer_p50_s=taken.number("link_transfer_p50_s"),
        late_share=taken.number("late_share"),
        late=taken.flag("late"),
        clients_held=taken.integer("clients_held"),
    )
    return summary, {"summary": taken.rest()} if taken.rest() else {}
