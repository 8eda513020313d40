"""Who is best: named as such only where most resamples say so."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.findings.finding import Finding, rests_on
from analysis.results.load import Results
from analysis.results.pareto_front import front_of
from analysis.results.resampling import MOST, by_repeat, cells_of, draw_repeats, floored_percent, means, wins
from analysis.results.target_accuracy import reached, target_accuracy
from analysis.stats.intervals import FEWEST
from analysis.stats.signed_rank import Array
from analysis.text.units import digits, human

_MOST_NAMED = 4


def fastest(results: Results) -> Finding | None:
    """Name the cell that trains most samples per second."""
    rated = results.having("samples_per_s")
    cells = cells_of(rated)
    if len(cells) < 2:
        return None
    rates = by_repeat(rated, "samples_per_s", cells)
    mean = np.nanmean(rates, axis=1)
    best, worst = int(mean.argmax()), int(mean.argmin())
    fast, slow = (f"{_words(results, cells[i])} with {human(float(mean[i]), 'samples/s')}" for i in (best, worst))
    share, won = _won(rates, best)
    factor = digits(float(mean[best] / mean[worst]))
    headline = (
        f"Fastest: {fast}, {factor}× the slowest cell."
        if share > MOST
        else f"No cell is clearly the fastest; by its mean it is {fast}."
    )
    return Finding(headline, " ".join(filter(None, (won, f"Slowest: {slow}.", rests_on(results)))))


def first_to_target(results: Results) -> Finding | None:
    """Name the cell that reaches a good accuracy first, among those that reach it in every repeat."""
    goal = target_accuracy(results)
    if goal is None or not results.axes:
        return None
    got = reached(results, goal)
    always = got.groupby(["run", "cell_id"])["elapsed_s"].apply(lambda times: times.notna().all())
    if not always.any():
        return None
    cells = pd.MultiIndex.from_tuples(list(always[always].index))
    there = got.set_index(["run", "cell_id", "repeat"])
    times, sent = (
        there[name].unstack("repeat").reindex(cells).to_numpy(float) for name in ("elapsed_s", "total_bytes")
    )
    mean = np.nanmean(times, axis=1)
    best = int(mean.argmin())
    share, won = _won(-times, best)
    first = f"{_words(results, cells[best])}, after {human(float(mean[best]), 's')} of training"
    target = f"{human(goal, 'share')} test accuracy"
    headline = (
        f"First to {target}: {first} and {human(float(np.nanmean(sent[best])), 'B')}."
        if share > MOST
        else f"No cell is clearly first to {target}; by its mean it is {first}."
    )
    never = int((~always).sum())
    rest = f"{never} of {len(always)} cells did not get there in every repeat." if never else "Every cell got there."
    return Finding(headline, " ".join(filter(None, (won, rest, rests_on(results)))))


def front(results: Results) -> Finding | None:
    """Name the cells that no other beats in accuracy, bytes and time together."""
    cells = front_of(results)
    if len(cells) < 2:
        return None
    there = cells[cells["front_share"] > MOST].sort_values("front_share", ascending=False)
    named = [
        f"{results.names.words(line, results.axes)} ({floored_percent(line['front_share'])})"
        for line in there.head(_MOST_NAMED).to_dict("records")
    ]
    more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
    best = "accuracy, bytes and time together"
    headline = (
        f"Beaten by no other cell in {best}, in most resamples: {'; '.join(named)}{more}."
        if named
        else f"No cell stays unbeaten in {best} in most resamples."
    )
    chance = int((cells["on_front"] & (cells["front_share"] <= MOST)).sum())
    by_chance = f"{chance} more seem{'s' * (chance == 1)} so by the means alone." if chance else ""
    examples = cells["test_examples"].dropna()
    tested = f" and of the {int(examples.min()):,} test examples" if len(examples) else ""
    return Finding(headline, " ".join(filter(None, (f"Resamples of repeats{tested}.", by_chance, rests_on(results)))))


def _won(scores: Array, best: int) -> tuple[float, str]:
    """Return in which share of the resamples a cell is the best one, and say it if there are repeats to draw from."""
    repeats = scores.shape[1]
    if repeats < FEWEST:
        return 1.0, ""
    share = float(wins(means(scores, draw_repeats(repeats, len(scores))))[best])
    return share, f"First in {floored_percent(share)} of the resamples of repeats."


def _words(results: Results, key: Sequence[object]) -> str:
    run, cell_id = key
    ok = results.ok
    line = ok[(ok["run"] == run) & (ok["cell_id"] == cell_id)].iloc[0]
    return results.names.words(dict(line), results.axes)
