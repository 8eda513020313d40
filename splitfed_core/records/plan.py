"""`plan.json`: what a sweep is going to do. Standard library only; `Plan.document` writes it, `read_plan` reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from splitfed_core.records.document import Document, Fields, merged, read_document

PLAN = "plan.json"
PLAN_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class CellEntry:
    """A cell of a plan: its parameters as plain JSON, and one seed for each repeat."""

    cell_id: str
    config: Mapping[str, object]
    seeds: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A change of the code under way that was accepted: when, and in which states each name was measured."""

    at: str
    code: Mapping[str, Sequence[str]]

    def covers(self, name: str, states: set[str]) -> bool:
        """Whether these states of a name were accepted together."""
        return states <= set(self.code.get(name, ()))

    def document(self) -> Document:
        """Return it as plain JSON."""
        return {"at": self.at, "code": {name: list(states) for name, states in self.code.items()}}


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """The content of `plan.json`.

    Attributes:
        repeats: Of every cell.
        schedule: How the runs are ordered.
        settings: What the command line replaced.
        axes: The parameters that vary, with their values as plain JSON.
        cells: What is run.
        excluded: What is not, as plain JSON, with the reasons.
        order: Cell and repeat of every run, in order.
        accepted_code_changes: Those that `--accept-code-change` went on over.
        extra: What else the file holds.
    """

    name: str | None = None
    seed: int | None = None
    repeats: int = 1
    schedule: str | None = None
    settings: tuple[str, ...] = ()
    axes: Mapping[str, Sequence[object]] = field(default_factory=dict)
    cells: tuple[CellEntry, ...] = ()
    excluded: tuple[object, ...] = ()
    order: tuple[object, ...] = ()
    accepted_code_changes: tuple[CodeChange, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def runs(self) -> set[tuple[str, int]]:
        """Every planned cell and repeat."""
        return {(cell.cell_id, repeat) for cell in self.cells for repeat in range(self.repeats)}

    def document(self) -> Document:
        """Return the content of the file."""
        accepted = [change.document() for change in self.accepted_code_changes]
        own: Document = {
            "schema": PLAN_SCHEMA,
            "name": self.name,
            "seed": self.seed,
            "repeats": self.repeats,
            "schedule": self.schedule,
            "settings": list(self.settings),
            "axes": {name: list(values) for name, values in self.axes.items()},
            "cells": [
                {"cell_id": cell.cell_id, "config": dict(cell.config), "seeds": list(cell.seeds)} for cell in self.cells
            ],
            "excluded": list(self.excluded),
            "order": list(self.order),
            **({"accepted_code_changes": accepted} if accepted else {}),
        }
        return merged(own, self.extra)


def read_plan(path: Path) -> tuple[PlanDocument, list[str]]:
    """Read a plan; returns with it what of the file is not what it must be.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not such a file.
        NewerSchemaError: A newer version wrote it.
    """
    fields = Fields(read_document(path, PLAN_SCHEMA))
    repeats = fields.integer("repeats")
    plan = PlanDocument(
        name=fields.text("name"),
        seed=fields.integer("seed"),
        repeats=1 if repeats is None else repeats,
        schedule=fields.text("schedule"),
        settings=fields.texts("settings"),
        axes={name: values for name, values in fields.mapping("axes").items() if isinstance(values, list)},
        cells=tuple(entry for cell in fields.items("cells") if (entry := _cell(cell))),
        excluded=tuple(fields.items("excluded")),
        order=tuple(fields.items("order")),
        accepted_code_changes=tuple(
            change for each in fields.items("accepted_code_changes") if (change := _change(each))
        ),
        extra=fields.rest(),
    )
    return plan, fields.wrong


def _cell(content: object) -> CellEntry | None:
    if not isinstance(content, dict):
        return None
    cell_id, config, seeds = content.get("cell_id"), content.get("config"), content.get("seeds")
    if not isinstance(cell_id, str) or not isinstance(config, dict):
        return None
    return CellEntry(cell_id, config, tuple(seeds) if isinstance(seeds, list) else ())


def _change(content: object) -> CodeChange | None:
    code = content.get("code") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(code, dict):
        return None
    states = {name: tuple(map(str, each)) for name, each in code.items() if isinstance(each, list)}
    return CodeChange(str(content.get("at")), states)
