"""A comparison as markdown for a pull request: worst first, details folded."""

from analysis.compare.gate import Judged, JudgedCell, Judgement
from analysis.compare.measured import Side
from analysis.compare.wording import cell_words, interval_words, moved_words, reasons, signed, summary, worst_first
from analysis.text.templates import templates
from analysis.text.units import human

_ABOVE_THE_FOLD = 12
"""How many cells are shown above the fold."""


def to_markdown(base: Side, head: Side, judgement: Judgement, warnings: list[str]) -> str:
    """Return the markdown."""
    cells = worst_first(judgement)
    changed = [_changed_row(cell, judgement) for cell in cells if cell.outcome != "unchanged"]
    return (
        templates()
        .get_template("compare.md.j2")
        .render(
            verdict=judgement.outcome,
            base=base.name,
            head=head.name,
            summary=summary(judgement),
            warnings=warnings,
            grid_moved=moved_words(judgement.moved),
            changed=changed[:_ABOVE_THE_FOLD],
            more=len(changed[_ABOVE_THE_FOLD:]),
            rows=_grid(judgement) + [row for cell in cells for row in _rows(cell, judgement)],
            to_confirm=0 if judgement.confirmed else len(judgement.to_confirm),
        )
    )


def _changed_row(cell: JudgedCell, judgement: Judgement) -> dict[str, str]:
    return {
        "label": cell.pairs.label,
        "verdict": cell.outcome,
        "words": "" if cell.pairs.refusal else cell_words(cell, judgement),
        "why": _why(cell, judgement),
    }


def _why(cell: JudgedCell, judgement: Judgement) -> str:
    """Name the phases that moved where a change is certain; where it is not, say so first."""
    moved, why = moved_words(cell.moved), cell.pairs.refusal or reasons(cell, judgement)
    if cell.outcome in ("regression", "improvement"):
        return moved or why
    return why if judgement.confirmed or not moved else f"{why}; {moved}"


def _grid(judgement: Judgement) -> list[dict[str, object]]:
    return [_row("all cells (mean)", judged) for judged in judgement.grid]


def _rows(cell: JudgedCell, judgement: Judgement) -> list[dict[str, object]]:
    return [_row(cell.pairs.label, judged) for judged in cell.gated(judgement.rules)]


def _row(label: str, judged: Judged) -> dict[str, object]:
    unit = judged.metric.unit
    return {
        "label": label,
        "metric": judged.metric.title,
        "verdict": judged.verdict.outcome,
        "base": "" if judged.cells > 1 else human(judged.base, unit),
        "head": "" if judged.cells > 1 else human(judged.head, unit),
        "change": signed(judged, judged.verdict.estimate),
        "interval": interval_words(judged),
        "pairs": judged.verdict.pairs,
    }
