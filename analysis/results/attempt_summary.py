"""One attempt's files, read and reduced: what can be used is used, what cannot is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from analysis.results.csv_files import read_rows, sha256
from analysis.results.reduce import (
    CLIENT_COLUMNS,
    ROUND_COLUMNS,
    STEP_COLUMNS,
    numbers,
    reduce_clients,
    reduce_rounds,
    reduce_steps,
    warm_up_s,
)
from analysis.results.round_parts import typical_round
from analysis.results.run_directory import Attempt, Problem
from analysis.text.parameters import Value, codec_words, normalise
from splitfed_core.algorithms import trains_in_line
from splitfed_core.errors import DataError
from splitfed_core.records.rows import ROW_FILES

Line = dict[str, Value]
"""A line of the table of cells."""

FRAMES = ("phases", "latency", "curve", "rounds", "clients", "labels")
"""The small frames that an attempt is reduced to."""

_WANTED = {
    "steps.csv": STEP_COLUMNS,
    "rounds.csv": ROUND_COLUMNS,
    "clients.csv": CLIENT_COLUMNS,
    "labels.csv": ("client_id", "label", "examples"),
}
_NEEDED = {
    "steps.csv": ("round", "step", "warmup", "examples", "loss", "step_s", "started_s"),
    "rounds.csv": ("round", "train_loss", "round_s"),
    "clients.csv": ("client_id", "round", "local_s", "rss_bytes"),
    "labels.csv": ("client_id", "label", "examples"),
}
"""Columns without which a file says nothing; the others may be absent in an older schema."""


@dataclass
class Digest:
    """What one attempt comes to: its line in the table of cells, its small frames, its problems."""

    cell: Line
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)


_CODECS = ("codec", "gradient_codec", "model_codec")


def shown_values(config: Mapping[str, object]) -> dict[str, Value]:
    """Turn the parameters of a cell into what a table shows.

    `participation: 1` is one client and 1.0 all of them, which are equal as numbers: a count says what it counts.
    """
    shown = {name: (codec_words if name in _CODECS else normalise)(value) for name, value in config.items()}
    if isinstance(count := config.get("participation"), int):
        shown["participation"] = f"{count} client{'s' * (count != 1)}"
    return shown


def digest(attempt: Attempt) -> Digest:
    """Read and reduce an attempt's files; only an attempt with status `ok` gives numbers."""
    made = Digest(
        {
            "run": attempt.run,
            "cell_id": attempt.cell_id,
            "repeat": attempt.repeat,
            **shown_values(attempt.config),
            "status": attempt.status,
            "reason": attempt.reason or "",
            "usable": False,
            **_facts(attempt),
        }
    )
    if attempt.status != "ok":
        made.problems.append(Problem(attempt.where, f"{attempt.status}: {attempt.reason or 'no reason given'}"))
        return made
    rows = {name: _read(attempt, name, made) for name in ROW_FILES}
    _reduce(rows, made, attempt.facts.cores)
    made.cell["usable"] = bool(len(rows["steps.csv"]) or len(rows["rounds.csv"]))
    _judge(attempt, made)
    return made


def _reduce(rows: dict[str, pd.DataFrame], made: Digest, cores: int | None) -> None:
    isolated = made.cell.get("isolation") == "cell"
    files = rows["steps.csv"], rows["rounds.csv"], rows["clients.csv"]
    steps = reduce_steps(rows["steps.csv"])
    rounds, round_metrics = reduce_rounds(rows["rounds.csv"], warm_up_s(rows["steps.csv"]))
    clients, client_metrics = reduce_clients(rows["clients.csv"], isolated=isolated)
    made.cell |= numbers(*files, isolated=isolated, cores=cores) | round_metrics | client_metrics
    made.cell |= {f"typical_{name}": value for name, value in typical_round(*files).items()}
    made.frames |= {"phases": steps.phases, "latency": steps.latency, "curve": steps.curve, "clients": clients}
    made.frames["rounds"] = rounds.merge(steps.network, on="round", how="left")
    made.frames["labels"] = rows["labels.csv"]


def _judge(attempt: Attempt, made: Digest) -> None:
    """Name what is odd about numbers that could be read."""
    cell = made.cell
    if not cell["usable"]:
        made.problems.append(Problem(attempt.where, "has no rows"))
        return
    if not cell["steps"]:
        made.problems.append(Problem(attempt.where, "has no steps: step times and rates are missing"))
    elif not cell["timed_steps"]:
        made.problems.append(Problem(attempt.where, "has warm-up steps only: step times and rates are missing"))
    if cell["diverged"]:
        made.problems.append(Problem(attempt.where, "the training loss is not a number: the cell diverged"))
    if cell["clients_lost"]:
        made.problems.append(Problem(attempt.where, f"lost {cell['clients_lost']:.0f} client(s) on the way"))


def _read(attempt: Attempt, name: str, made: Digest) -> pd.DataFrame:
    """Read one file; if it cannot be used, say why and go on with none of its rows."""
    path = attempt.folder / name
    wanted = _WANTED[name]
    try:
        rows = read_rows(path, ROW_FILES[name], wanted, _NEEDED[name])
    except DataError as error:
        made.problems.append(Problem(attempt.where, str(error)))
        return read_nothing(name)
    notes = list(rows.notes)
    digest, recorded = sha256(path), attempt.manifest.files.get(name)
    made.hashes.append(digest)
    if recorded not in (None, digest):
        notes.append(f"{name} differs from the hash in its manifest: truncated or changed since")
    made.problems += [Problem(attempt.where, note) for note in notes]
    return rows.frame


def read_nothing(name: str) -> pd.DataFrame:
    """Return a frame with the columns of a file and no rows."""
    return pd.DataFrame({column: pd.Series(dtype=float) for column in _WANTED[name]})


def _facts(attempt: Attempt) -> Line:
    """Return the numbers of the manifest that figures, tables and cautions use."""
    facts, manifest = attempt.facts, attempt.manifest
    times = manifest.reference_tasks_s
    workers = number(facts.workers)
    found: Line = {
        "client_parameters": number(facts.client_parameters),
        "server_parameters": number(facts.server_parameters),
        "setup_s": number(facts.setup_s),
        "first_step_s": number(facts.first_step_s),
        "workers_used": workers,
        "test_examples": number(facts.test_examples),
        "env": manifest.env or "",
        "wall_s": number(manifest.wall_s),
        "reference_task_s": sum(times) / len(times) if times else float("nan"),
        **_crowd(attempt.config, workers),
    }
    if attempt.config.get("isolation") == "cell":  # else memory is that of the largest cell so far
        found |= {f"{role}_rss_bytes": rss for role, rss in facts.rss_bytes().items()}
    return found


def _crowd(config: Mapping[str, object], workers: float) -> Line:
    """Return how many clients a round has, and whether some of those that should train at once share a process."""
    clients, chosen = config.get("clients"), config.get("participation")
    if not isinstance(clients, int):
        return {"participants": float("nan"), "crowded": False}
    participants = chosen if isinstance(chosen, int) else max(1, round(number(chosen or 1.0) * clients))
    at_once = not trains_in_line(config.get("algorithm"))  # those wait for one another, wherever they are
    return {"participants": participants, "crowded": at_once and clients > workers}


def number(value: object) -> float:
    """Return a number, or NaN for anything else."""
    return float(value) if isinstance(value, int | float) else float("nan")
