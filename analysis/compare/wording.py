"""Verdicts in words: `12 % slower, accuracy unchanged`."""

import math
from collections import Counter
from collections.abc import Sequence

from analysis.compare.attribution import Moved
from analysis.compare.gate import GRAVITY, Judged, JudgedCell, Judgement
from analysis.text.units import digits, human
from splitfed_core.records.metrics import Kind

_WORSE_BETTER: dict[Kind, tuple[str, str]] = {
    "time": ("slower", "faster"),
    "rate": ("slower", "faster"),
    "bytes": ("more bytes", "fewer bytes"),
    "count": ("more parameters", "fewer parameters"),
    "memory": ("more memory", "less memory"),
    "loss": ("higher", "lower"),
    "accuracy": ("lower", "higher"),
}
_CALLS = ("more calls", "fewer calls")
_SUBJECTS: dict[str, str] = {
    "step_p50_s": "speed",
    "round_p50_s": "rounds",
    "median_s": "speed",
    "bytes_per_round": "bytes",
    "rpcs_per_round": "calls",
    "client_parameters": "cut",
    "final_train_loss": "training loss",
    "final_eval_loss": "test loss",
    "final_eval_accuracy": "accuracy",
}
_SAYS_ITSELF = _SUBJECTS.keys() - {"round_p50_s"}
"""Metrics whose change names them: `12 % slower`, `3 % more bytes`."""
_LEADING = ("step_p50_s", "median_s", "final_eval_accuracy")
"""These are always named; of the others only what is not unchanged."""
_FIRST = ("step_p50_s", "median_s", "round_p50_s", "final_eval_accuracy")


def percent(share: float) -> str:
    """Say a share: `12 %`, `3.4 %`."""
    value = abs(share) * 100
    return f"{value:,.0f} %" if value >= 10 else f"{value:.1f} %"


def signed(judged: Judged, difference: float) -> str:
    """Say a change of HEAD against BASE with its sign: `+12 %`, `−2.0 points`, `+0.031`."""
    change = judged.change(difference)
    if math.isnan(change):
        return "–"
    if change == 0:
        return "0"
    return f"{'−' if change < 0 else '+'}{_size(judged, change)}"


def interval_words(judged: Judged) -> str:
    """Say the bootstrap interval, or nothing for what is exact."""
    if judged.verdict.exact or math.isnan(judged.shown[0]):
        return ""
    low, high = sorted(judged.shown, key=judged.change)
    return f"{signed(judged, low)} … {signed(judged, high)}"


def _size(judged: Judged, change: float) -> str:
    if judged.metric.kind == "accuracy":
        return f"{abs(change) * 100:.1f} points"
    return digits(abs(change)) if judged.metric.kind == "loss" else percent(change)


def subject(judged: Judged) -> str:
    """Return what people call a metric in a sentence."""
    return _SUBJECTS.get(judged.metric.name, judged.metric.title.lower())


def phrase(judged: Judged) -> str:
    """Say one verdict: `12 % slower`, `accuracy unchanged`, `training loss unclear`."""
    kind, verdict = judged.metric.kind, judged.verdict
    if verdict.outcome not in ("regression", "improvement"):
        return f"{subject(judged)} {_STATES[verdict.outcome]}"
    words = _CALLS if judged.metric.name == "rpcs_per_round" else _WORSE_BETTER[kind]
    word = words[verdict.outcome == "improvement"]
    if kind in ("loss", "accuracy"):
        return f"{subject(judged)} {_size(judged, verdict.estimate)} {word}"
    # "12 % faster" means 1.12 times the speed, as "12 % slower" means 1.12 times the time
    change = abs(judged.change(verdict.estimate)) if kind not in ("time", "rate") else math.expm1(abs(verdict.estimate))
    size = f"{percent(change)} {word}"
    return size if judged.metric.name in _SAYS_ITSELF else f"{subject(judged)} {size}"


_STATES = {"unchanged": "unchanged", "inconclusive": "unclear", "error": "not comparable"}


def joint(judged: Sequence[Judged]) -> str:
    """Say several verdicts in one sentence, speed and accuracy first."""
    ordered = sorted(judged, key=lambda each: _FIRST.index(each.metric.name) if each.metric.name in _FIRST else 9)
    phrases = [phrase(each) for each in ordered if each.metric.name in _LEADING or each.verdict.outcome != "unchanged"]
    return ", ".join(phrases) or "nothing changed"


def cell_words(cell: JudgedCell, judgement: Judgement) -> str:
    """Say what a cell comes to, or why it was refused."""
    return cell.pairs.refusal or joint(cell.gated(judgement.rules))


def reasons(cell: JudgedCell, judgement: Judgement) -> str:
    """Say why, for the gravest verdicts of a cell."""
    gravest = [each for each in cell.gated(judgement.rules) if each.verdict.outcome == cell.outcome]
    by_reason: dict[str, list[str]] = {}
    for each in gravest:
        by_reason.setdefault(each.verdict.reason, []).append(subject(each))
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


def summary(judgement: Judgement) -> str:
    """Say what the whole comparison comes to, in one or two sentences."""
    counts = {name: sum(cell.outcome == name for cell in judgement.cells) for name in GRAVITY}
    why = _why(judgement)
    if len(judgement.cells) == 1:
        return f"{_sentence(cell_words(judgement.cells[0], judgement))}{why}."
    cells = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    whole = f"Over the grid: {joint(judgement.grid)}. " if judgement.grid else ""
    return f"{whole}Of {len(judgement.cells)} cells: {cells}{why}."


def _why(judgement: Judgement) -> str:
    """Return, in parentheses, the most frequent reason where a comparison says nothing: it tells what to do."""
    silent = [cell for cell in judgement.cells if cell.outcome == judgement.outcome]
    if judgement.outcome not in ("inconclusive", "error"):
        return ""
    verdicts = [each.verdict for cell in silent for each in cell.gated(judgement.rules)]
    counts = Counter(verdict.reason for verdict in verdicts if verdict.outcome == judgement.outcome)
    if len(judgement.cells) > 1:  # of a single cell, the refusal has been said
        counts.update(cell.pairs.refusal for cell in silent if cell.pairs.refusal)
    return f" ({counts.most_common(1)[0][0]})" if counts else ""


def moved_words(moved: Sequence[Moved]) -> str:
    """Say which parts moved: `server_compute +14 % of the step (+2.4 ms)`."""
    parts = []
    for each in moved:
        if each.named:
            sign = "−" if each.share < 0 else "+"
            seconds = "" if each.change_s is None else f" ({sign}{human(abs(each.change_s), 's')})"
            name = each.phase.removesuffix("_s").replace("_steps", " steps")
            parts.append(f"{name} {sign}{percent(each.share)} of the {each.of}{seconds}")
    return ", ".join(parts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def worst_first(judgement: Judgement) -> list[JudgedCell]:
    """Order the cells by gravity, then by how far the speed moved for the worse."""

    def slower(cell: JudgedCell) -> float:
        speeds = [j.verdict.estimate for j in cell.gated(judgement.rules) if j.metric.kind in ("time", "rate")]
        return -speeds[0] if speeds and not math.isnan(speeds[0]) else 0.0

    return sorted(judgement.cells, key=lambda cell: (GRAVITY.index(cell.outcome), slower(cell)))
