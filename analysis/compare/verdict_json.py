"""`verdict.json`: a comparison for programs. The schema is described in docs/gate.md."""

import math

from analysis.compare.attribution import Moved
from analysis.compare.gate import EXIT_CODES, Judged, JudgedCell, Judgement
from analysis.compare.measured import Side
from analysis.compare.wording import cell_words, joint, summary, worst_first

VERDICT_SCHEMA = 1

Json = dict[str, object]


def to_json(base: Side, head: Side, judgement: Judgement, warnings: list[str]) -> Json:
    """Return the content of `verdict.json`."""
    return {
        "schema": VERDICT_SCHEMA,
        "verdict": judgement.outcome,
        "exit_code": EXIT_CODES[judgement.outcome],
        "summary": summary(judgement),
        "base": _side(base),
        "head": _side(head),
        "alpha": judgement.rules.alpha,
        "confirmed": judgement.confirmed,
        "to_confirm": list(judgement.to_confirm),
        "warnings": warnings,
        "grid": {
            "words": joint(judgement.grid) if judgement.grid else None,
            "metrics": [_judged(each, gates=True) for each in judgement.grid],
            "attribution": [_moved(each) for each in judgement.moved],
        },
        "cells": [_cell(cell, judgement) for cell in worst_first(judgement)],
    }


def _side(side: Side) -> Json:
    return {
        "name": side.name,
        "commits": list(side.commits),
        "versions": dict(side.versions),
        "data_sha256": side.data_sha256,
    }


def _cell(cell: JudgedCell, judgement: Judgement) -> Json:
    return {
        "cell_id": cell.pairs.cell_id,
        "label": cell.pairs.label,
        "parameters": dict(cell.pairs.parameters),
        "verdict": cell.outcome,
        "words": cell_words(cell, judgement),
        "refusal": cell.pairs.refusal,
        "pairs": len(cell.pairs.repeats),
        "metrics": [_judged(each, gates=each.metric.name in judgement.rules.gates) for each in cell.metrics],
        "attribution": [_moved(each) for each in cell.moved],
    }


def _judged(judged: Judged, *, gates: bool) -> Json:
    verdict = judged.verdict
    low, high = sorted(judged.change(bound) for bound in (verdict.low, verdict.high))
    shown = sorted(judged.change(bound) for bound in judged.shown)
    return {
        "metric": judged.metric.name,
        "unit": judged.metric.unit,
        "better": judged.metric.better,
        "kind": judged.metric.kind,
        "gates": gates,
        "verdict": verdict.outcome,
        "reason": verdict.reason,
        "suspect": verdict.suspect,
        "exact": verdict.exact,
        "pairs": verdict.pairs,
        "cells": judged.cells,
        "base": _number(judged.base),
        "head": _number(judged.head),
        "change": _number(judged.change(verdict.estimate)),
        "bound_low": _number(low),
        "bound_high": _number(high),
        "shown_low": _number(shown[0]),
        "shown_high": _number(shown[1]),
        "min_effect": _number(judged.min_effect),
        "flagged_beyond": _number(judged.flagged_beyond),
    }


def _moved(moved: Moved) -> Json:
    return {
        "phase": moved.phase,
        "named": moved.named,
        "of": moved.of,
        "share_of_step": _number(moved.share) if moved.of == "step" else None,
        "share_of_round": _number(moved.share) if moved.of == "round" else None,
        "share_low": _number(moved.low),
        "share_high": _number(moved.high),
        "change_s": None if moved.change_s is None else _number(moved.change_s),
    }


def _number(value: float) -> float | None:
    """Return a number that JSON has, or null."""
    return float(value) if math.isfinite(value) else None
