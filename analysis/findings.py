"""What the numbers say, in words: each finding is computed from the data and says how sure it is."""

import math
from dataclasses import dataclass

from analysis.intervals import Ratio, compare, interval
from analysis.links import LINKS, predict
from analysis.results import KEY, Results
from analysis.targets import reached, target_accuracy
from analysis.units import digits, human
from splitfed_core.rows import PHASES

_SAME = 0.02
"""A difference smaller than this is not worth a sentence."""


_UNSURE = 0.1
"""Without an interval, a difference must be larger than this to be told as one."""


@dataclass(frozen=True)
class Finding:
    """A sentence, and how sure it is."""

    headline: str
    sure: str


def findings(results: Results) -> list[Finding]:
    """Return the headline findings, most useful first."""
    made = [
        _fastest(results), _first_to_target(results), _cut(results), _aggregation(results), _clients(results),
        _batch(results), _time_goes(results), _slow_link(results), _stragglers(results),
    ]  # fmt: skip
    return [finding for finding in made if finding]


def times_faster(ratio: Ratio) -> str:
    """Say how much faster something is, by the ratio of the other's time to its own: `2.1× faster`, `5 % slower`."""
    change = ratio.ratio - 1
    unsure = abs(change) < _UNSURE if math.isnan(ratio.low) else not ratio.clear
    if unsure or abs(change) < _SAME:
        return "not clearly faster or slower"
    way = "faster" if change > 0 else "slower"
    factor = max(ratio.ratio, 1 / ratio.ratio)
    return f"{digits(factor)}× {way}" if factor >= 1.1 else f"{digits((factor - 1) * 100)} % {way}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fastest(results: Results) -> Finding | None:
    means = results.ok.groupby(["run", "cell_id"])["samples_per_s"].mean()
    if len(means) < 2 or means.isna().all():
        return None
    first = results.ok.groupby(["run", "cell_id"]).first().reset_index("run")
    best, worst = dict(first.iloc[int(means.argmax())]), dict(first.iloc[int(means.argmin())])
    fast, slow = float(means.max()), float(means.min())
    return Finding(
        f"Fastest: {results.names.words(best, results.axes)} with {human(fast, 'samples/s')}, "
        f"{digits(fast / slow)}× the slowest cell.",
        f"Slowest: {results.names.words(worst, results.axes)} with {human(slow, 'samples/s')}. {_rests_on(results)}",
    )


def _rests_on(results: Results) -> str:
    sizes = results.ok.groupby(["run", "cell_id"]).size()
    least, most = int(sizes.min()), int(sizes.max())
    count = str(most) if least == most else f"{least} to {most}"
    return f"Means of {count} repeats a cell." if most > 1 else "One repeat a cell: chance is not ruled out."


def _first_to_target(results: Results) -> Finding | None:
    goal = target_accuracy(results)
    if goal is None or not results.axes:
        return None
    got = reached(results, goal)
    cells = got.groupby(["run", "cell_id"])
    always = cells["elapsed_s"].apply(lambda times: times.notna().all())
    means = cells["elapsed_s"].mean()[always]
    if means.empty:
        return None
    run, cell_id = means.index[int(means.argmin())]
    best = got[(got["run"] == run) & (got["cell_id"] == cell_id)]
    never = int((~always).sum())
    rest = f"{never} of {len(always)} cells did not get there in every repeat." if never else "Every cell got there."
    return Finding(
        f"First to {human(goal, 'share')} test accuracy: {results.names.words(dict(best.iloc[0]), results.axes)}, "
        f"after {human(float(means.min()), 's')} of training and {human(float(best['total_bytes'].mean()), 'B')}.",
        f"{rest} {_rests_on(results)}",
    )


def _cut(results: Results) -> Finding | None:
    """Compare the cut that sends least with the cut that sends most."""
    if "cut_layer" not in results.axes:
        return None
    sent = results.ok.groupby("cut_layer")["uplink_bytes_per_step"].mean().dropna()
    if len(sent) < 2:
        return None
    least, most = sent.idxmin(), sent.idxmax()
    fewer = compare(results, "cut_layer", most, least, "uplink_bytes_per_step")
    time = compare(results, "cut_layer", most, least, "step_p50_s")
    if fewer is None or time is None:
        return None
    return Finding(
        f"{_sentence(results.names.word('cut_layer', least))} sends {digits(fewer.ratio)}× fewer bytes up per step "
        f"than {results.names.tick('cut_layer', most)} and is {times_faster(time)} per step.",
        f"Step latency of {most} ÷ {least}: {digits(time.ratio)}×, {time.sure()}. Bytes are counted. "
        "Over loopback: see the prediction for slower links.",
    )


def _aggregation(results: Results) -> Finding | None:
    if not {"on", "off"} <= set(results.axes.get("aggregation", ())):
        return None
    pairs = _paired(results, "final_eval_accuracy")
    more = compare(results, "aggregation", "on", "off", "bytes_per_round")
    time = compare(results, "aggregation", "on", "off", "round_p50_s")
    if pairs is None or more is None or time is None:
        return None
    gap, reach = pairs
    sure = (
        f"95 % interval {_points(gap - reach)} to {_points(gap + reach)}"
        if reach == reach
        else "too few repeats for an interval"
    )
    return Finding(
        f"Aggregation changes the final test accuracy by {_points(gap)} points, "
        f"for {digits(more.ratio)}× the bytes and {digits(time.ratio)}× the time per round.",
        f"On against off, {sure}, from {more.basis}.",
    )


def _paired(results: Results, name: str) -> tuple[float, float] | None:
    """Return mean and reach of the difference on − off, repeat by repeat over the cells that have both."""
    keys = [axis for axis in results.axes if axis not in ("aggregation", "run")] + ["run", "repeat"]
    wide = results.ok.pivot_table(index=keys, columns="aggregation", values=name).dropna()
    if wide.empty:
        return None
    by_repeat = (wide["on"] - wide["off"]).groupby(["run", "repeat"]).mean()
    return interval(by_repeat.to_numpy(dtype=float))


def _points(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{digits(abs(share) * 100)}"


def _clients(results: Results) -> Finding | None:
    counts = [value for value in results.axes.get("clients", ()) if isinstance(value, int)]
    if len(counts) < 2:
        return None
    few, many = counts[0], counts[-1]
    more = compare(results, "clients", many, few, "samples_per_s")
    if more is None:
        return None
    return Finding(
        f"{results.names.word('clients', many)} train {digits(more.ratio)}× the samples per second of "
        f"{results.names.tick('clients', few)}; "
        f"linear would be {digits(many / few)}×.",
        f"{_sentence(more.sure())}.",
    )


def _batch(results: Results) -> Finding | None:
    sizes = [value for value in results.axes.get("batch_size", ()) if isinstance(value, int)]
    if len(sizes) < 2:
        return None
    small, large = sizes[0], sizes[-1]
    rate = compare(results, "batch_size", large, small, "samples_per_s")
    time = compare(results, "batch_size", large, small, "step_p50_s")
    if rate is None or time is None:
        return None
    return Finding(
        f"{_sentence(results.names.word('batch_size', large))} trains {digits(rate.ratio)}× the samples per second of "
        f"{results.names.tick('batch_size', small)}, with steps {digits(time.ratio)}× as long.",
        f"Samples per second: {rate.sure()}.",
    )


_GROUPS = {
    "computing on the clients": ("client_forward_s", "client_backward_s"),
    "computing on the main server": ("server_compute_s",),
    "waiting for the main server": ("server_queue_s",),
    "transfer": ("uplink_s", "downlink_s"),
    "encoding and decoding": ("encode_s", "server_decode_s", "server_encode_s", "decode_s"),
}


def _time_goes(results: Results) -> Finding | None:
    if results.phases.empty:
        return None
    frame = results.phases[results.phases["phase"].isin(PHASES)]
    total = frame.groupby(list(KEY))["mean_s"].transform("sum")
    shares = (
        frame.assign(share=frame["mean_s"] / total).groupby("phase")["share"].sum()
        / frame[list(KEY)].drop_duplicates().shape[0]
    )
    parts = {name: float(shares.reindex(list(phases)).fillna(0).sum()) for name, phases in _GROUPS.items()}
    told = sorted(parts.items(), key=lambda part: -part[1])
    others = ", ".join(f"{share * 100:.0f} % {name}" for name, share in told[1:])
    headline = f"Most of a step goes into {told[0][0]}: {told[0][1] * 100:.0f} %."
    return Finding(headline, f"Then {others}. Mean over all cells; which phases they are: see the ledger.")


def _slow_link(results: Results) -> Finding | None:
    """Say what the prediction says about the slowest link."""
    predicted = predict(results)
    if predicted.empty or "cut_layer" not in results.axes:
        return None
    slowest = predicted[predicted["link"] == len(LINKS)].groupby("cut_layer")["step_s"].mean()
    if len(slowest) < 2:
        return None
    best, worst = slowest.idxmin(), slowest.idxmax()
    return Finding(
        f"Predicted, not measured: over {LINKS[-1].name} a step takes {human(float(slowest.min()), 's')} "
        f"with cut {best} and {human(float(slowest.max()), 's')} with cut {worst}.",
        "From measured compute and counted bytes, without propagation delay and loss.",
    )


def _stragglers(results: Results) -> Finding | None:
    ratio = results.ok["straggler_ratio"].dropna()
    if ratio.empty or ratio.median() < 1.05:
        return None
    return Finding(
        f"In a typical round the slowest client takes {digits(float(ratio.median()))}× as long as the median one.",
        f"Median over all cells; the worst cell has {digits(float(ratio.max()))}×.",
    )
