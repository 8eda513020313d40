"""Files of pytest-benchmark (`--benchmark-json`, `--benchmark-save`) as a side: one file is one run of all."""

import hashlib
import json
from pathlib import Path
from typing import Any

from analysis.compare.measured import Measured, Side, SideCell
from splitfed_core.errors import NotARunError
from splitfed_core.records.metrics import Metric

TIME = Metric("median_s", "Time of the benchmark, median", "s", "lower", "time")

Document = dict[str, Any]

_WANTED = "name the JSON that pytest --benchmark-json wrote, or a run directory that sfbench sweep wrote"


def read_benchmarks(path: Path) -> Side:
    """Read one file, or all files of a directory in the order of their names: each is one run.

    Raises:
        NotARunError: A file is not of pytest-benchmark.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise NotARunError(f"{path} is neither a run directory nor a folder with JSON files; {_WANTED}")
    documents = [_read(file) for file in files]
    names = dict.fromkeys(_name(entry) for document in documents for entry in document["benchmarks"])
    return Side(
        path.stem,
        tuple(SideCell(name, name, {"benchmark": name}, _runs(name, documents)) for name in names),
        {TIME.name: TIME},
        tuple(sorted({_commit(document) for document in documents})),
        {"pytest-benchmark": " and ".join(sorted({str(document.get("version")) for document in documents}))},
        hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest(),
    )


def _read(file: Path) -> Document:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotARunError(f"{file} cannot be read: {error}; {_WANTED}") from error
    entries = content.get("benchmarks") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("stats"), dict) for entry in entries
    ):
        raise NotARunError(f"{file} is not a file of pytest-benchmark: it has no list of benchmarks; {_WANTED}")
    return dict(content)


def _runs(name: str, documents: list[Document]) -> dict[int, Measured]:
    return {repeat: _measured(name, document) for repeat, document in enumerate(documents)}


def _measured(name: str, document: Document) -> Measured:
    entry = next((entry for entry in document["benchmarks"] if _name(entry) == name), None)
    if entry is None:
        return Measured(problem="has no result")
    value = entry["stats"].get("median")
    return Measured(
        machine=_machine(document.get("machine_info") or {}),
        started_at=document.get("datetime"),
        values={TIME.name: float(value) if isinstance(value, int | float) else float("nan")},
    )


def _name(entry: Document) -> str:
    return str(entry.get("fullname") or entry.get("name"))


def _machine(info: Document) -> dict[str, object] | None:
    cpu = info.get("cpu") or {}
    known: dict[str, object] = {
        "cpu": cpu.get("brand_raw") or cpu.get("brand") or info.get("processor"),
        "cores": cpu.get("count"),
        "platform": f"{info.get('system')} {info.get('machine')}",
        "kernel": info.get("release"),
    }
    return known if info else None


def _commit(document: Document) -> str:
    commit = document.get("commit_info") or {}
    return f"{commit.get('id') or 'unknown'}{'+dirty' if commit.get('dirty') else ''}"
