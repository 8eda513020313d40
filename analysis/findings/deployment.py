"""Which cut and which codec for which link, and what a codec costs: only as far as the intervals go."""

import math
from collections.abc import Sequence

import pandas as pd

from analysis.deployment.break_even import RAW, BreakEven, break_evens, codec_axis
from analysis.deployment.emulated import condition, condition_word, is_emulated
from analysis.deployment.race import Runner, accuracy_cost, conditions_of, race, times_of, times_to
from analysis.findings.finding import Finding, rests_on, sentence
from analysis.results.load import Results
from analysis.results.target_accuracy import common_target
from analysis.text.parameters import Value
from analysis.text.units import digits, human, span

_EQUAL = 1.1
"""Who is at most so many times as slow, by the whole interval, is as fast."""

_MOST = 4


def cut_by_link(results: Results) -> Finding | None:
    """Say over which link which cut is fastest, by the time of a round."""
    emulated = is_emulated(results)
    if "cut_layer" not in results.axes or not (emulated & results.cells["usable"]).any():
        return None
    across = condition(results)
    alike = [axis for axis in results.axes if axis not in ("cut_layer", across, "run")]
    values = results.axes["cut_layer"]
    under = conditions_of(times_of(results, "round_p50_s"), across, results.axes[across] if across else ())
    said, sure = [], []
    for value, times in under:
        runners = [one for one in race(times, "cut_layer", values, alike) if one.verdict != "never"]
        if _differ(times, "cut_layer", values, alike):
            return None
        if len(runners) > 1:
            link = condition_word(results, across, value)
            said.append((max(one.ratio for one in runners), f"over {link} {_result(runners)}"))
            sure += [f"{link} {_interval(runners)}"]
    if not said:
        return None
    widest = [text for _, text in sorted(said, key=lambda pair: -pair[0])[:_MOST]]
    mean = f" Over all values of {', '.join(map(results.names.title, alike))}." if alike else ""
    return Finding(
        f"By the time of a round, {'; '.join(widest)}.",
        f"Slowest ÷ fastest in pairs of repeats: {'; '.join(sure)}.{mean} {rests_on(results)}",
    )


def _differ(times: pd.DataFrame, axis: str, values: Sequence[Value], alike: Sequence[str]) -> bool:
    """Tell whether one choice is clearly the fastest of some cells and another of others: no mean says that."""
    parts = [part for _, part in times.groupby(list(alike))] if alike else [times]
    first = {one.choice for part in parts for one in race(part, axis, values, alike) if one.verdict == "fastest"}
    return len(first) > 1


def _result(runners: Sequence[Runner]) -> str:
    """Say who beats whom, and how many times, or that nobody does clearly."""
    slower = sorted((one for one in runners if one.verdict == "slower"), key=lambda one: one.ratio)
    ahead = sorted((one for one in runners if one.verdict != "slower"), key=lambda one: one.ratio)
    if not slower:
        equal = all(one.high < _EQUAL for one in ahead)
        return f"{_and([str(one.choice) for one in runners])} are {'equal' if equal else 'not clearly different'}"
    beaten = [f"{one.choice} {digits(one.ratio)}×" for one in slower]
    if len(beaten) > 2:
        beaten = [f"the others {digits(slower[0].ratio)} to {digits(slower[-1].ratio)}×"]
    return f"{' or '.join(str(one.choice) for one in ahead)} beat{'s' * (len(ahead) == 1)} {_and(beaten)}"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _interval(runners: Sequence[Runner]) -> str:
    last = max(runners, key=lambda one: one.ratio)
    if not math.isfinite(last.low):
        return "too few repeats for an interval"
    return f"{span(max(last.low, 0.0), last.high)}× (95 % interval)"


def codec_by_link(results: Results) -> Finding | None:
    """Say over which link which codec reaches a good accuracy first, how much sooner than raw, and what that costs."""
    axis, goal = codec_axis(results), common_target(results)
    if axis is None or goal is None or RAW not in results.axes[axis]:
        return None
    across = condition(results)
    alike = [other for other in results.axes if other not in (axis, across, "run")]
    under = conditions_of(times_to(results, goal), across, results.axes[across] if across else ())
    said, sure = [], []
    for value, times in under:
        link = condition_word(results, across, value)
        runners = race(times, axis, results.axes[axis], alike)
        if _differ(times, axis, results.axes[axis], alike):
            return None
        text, detail = _against_raw(results, axis, runners, f"{100 * goal:g} %")
        said.append(f"over {link} {text}")
        sure += [f"{link}: {detail}"] * bool(detail)
    text = "; ".join(said[-_MOST:])
    mean = f"Over all values of {', '.join(map(results.names.title, alike))}. " if alike else ""
    told = f"{'; '.join(sure)}. " if sure else ""
    return Finding(sentence(f"{text}."), f"{told}{mean}{rests_on(results)}")


def _against_raw(results: Results, axis: str, runners: Sequence[Runner], goal: str) -> tuple[str, str]:
    there = sorted((one for one in runners if one.verdict != "never"), key=lambda one: one.ratio)
    raw = next(one for one in runners if one.choice == RAW) if any(r.choice == RAW for r in runners) else None
    if not there or raw is None:
        return f"nothing reaches {goal} in every repeat" if not there else "raw was not run", ""
    best = there[0]
    others = [str(one.choice) for one in there[1:] if one.verdict == "tied"]
    tied = f"not clearly sooner than {_and(others)}" if others else ""
    if raw.verdict == "tied":
        return f"no codec reaches {goal} clearly sooner than raw", ""
    if raw.verdict == "fastest":
        return f"raw reaches {goal} first", ""
    cost = f"{best.choice} reaches {goal} {_sooner(raw)} and {_cost(results, axis, best.choice)}"
    interval = f"{span(raw.low, raw.high)}× sooner (95 % interval)" if math.isfinite(raw.low) else "no interval"
    return cost, ", ".join(filter(None, (interval if raw.verdict == "slower" else "", tied)))


def _sooner(raw: Runner) -> str:
    return "and raw does not" if raw.verdict == "never" else f"{digits(raw.ratio)}× sooner than raw"


def _cost(results: Results, axis: str, value: Value) -> str:
    """Say what a codec costs in final accuracy against raw, over all links."""
    cost = accuracy_cost(results, axis, value, RAW)
    if cost is None or math.isnan(cost.reach):
        return "what that costs in accuracy is not known from so few repeats"
    if not cost.clear:
        return "costs no accuracy that could be told from chance"
    return f"{'costs' if cost.mean < 0 else 'gains'} {abs(cost.mean) * 100:.1f} points"


def codec_pays(results: Results) -> Finding | None:
    """Say below which bandwidth each codec pays, at the cut where that is lowest."""
    found = break_evens(results)
    lowest: dict[tuple[str, Value, str], BreakEven] = {}
    for one in found:
        key = (one.axis, one.codec, one.direction)
        lowest[key] = min(lowest.get(key, one), one, key=lambda each: each.bits_per_s)
    if not lowest:
        return None
    ordered = sorted(lowest.values(), key=lambda one: -one.bits_per_s)
    said = [_pays(results, one) for one in ordered[:_MOST]]
    more = f" and {len(ordered) - _MOST} more in the figure" if len(ordered) > _MOST else ""
    return Finding(
        f"On this device, {'; '.join(said)}{more}.",
        "Saved bits of a step ÷ what encoding and decoding take longer than raw's; of several cuts that where it is "
        f"lowest. {rests_on(results)}",
    )


def _pays(results: Results, one: BreakEven) -> str:
    where = "".join(f", {results.names.word(name, value)}" for name, value in one.where)
    name = f"{results.names.tick(one.axis, one.codec)} ({one.direction}{where})"
    if one.pays == "below":
        sure = f" (95 % interval {human(one.low, 'bit/s')} to {human(one.high, 'bit/s')})" if one.low == one.low else ""
        return f"{name} pays below {human(one.bits_per_s, 'bit/s')}{sure}"
    return (
        f"{name} "
        + {"always": "always pays", "never": "never pays", "unclear": f"pays at least below {human(one.low, 'bit/s')}"}[
            one.pays
        ]
    )
