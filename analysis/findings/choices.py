"""What one choice costs against another, in cells that are alike in everything else."""

import math
from dataclasses import dataclass

from analysis.findings.finding import Finding, sentence, times_faster
from analysis.results.load import Results
from analysis.results.ratios import paired_ratio
from analysis.stats.intervals import interval, sampling, widened
from analysis.text.units import digits, human, points


def cut(results: Results) -> Finding | None:
    """Compare the cut that sends least with the cut that sends most."""
    if "cut_layer" not in results.axes:
        return None
    sent = results.ok.groupby("cut_layer")["uplink_bytes_per_step"].mean().dropna()
    if len(sent) < 2:
        return None
    least, most = sent.idxmin(), sent.idxmax()
    fewer = paired_ratio(results, "cut_layer", most, least, "uplink_bytes_per_step")
    time = paired_ratio(results, "cut_layer", most, least, "step_p50_s")
    if fewer is None or time is None:
        return None
    if fewer.ratio < 1:  # the means were of other cells
        least, most, fewer, time = most, least, fewer.inverse(), time.inverse()
    other = results.names.tick("cut_layer", most)
    return Finding(
        f"{sentence(results.names.word('cut_layer', least))} sends {digits(fewer.ratio)}× fewer bytes up per step than "
        f"{results.names.word('cut_layer', most)} and is {times_faster(time)} per step.",
        f"Step latency of {other} ÷ {results.names.tick('cut_layer', least)}: {digits(time.ratio)}×, {time.sure()}. "
        "Bytes are counted. Over loopback: see the prediction for slower links.",
    )


def aggregation(results: Results) -> Finding | None:
    """Compare aggregation on with off; where one client takes part in a round, it averages nothing."""
    if not {"on", "off"} <= set(results.axes.get("aggregation", ())):
        return None
    several = results.where(results.cells["participants"] > 1)
    gap = _gap(several) if {"on", "off"} <= set(several.axes.get("aggregation", ())) else None
    more = gap and paired_ratio(several, "aggregation", "on", "off", "bytes_per_round")
    time = gap and paired_ratio(several, "aggregation", "on", "off", "round_p50_s")
    if not (gap and more and time):
        return None
    spread = f" ({points(gap.least)} to {points(gap.most)} from cell to cell)" if more.cells > 1 else ""
    tested = f" over repeats and {int(gap.examples):,} test examples" if gap.examples == gap.examples else ""
    sure = (
        f"95 % interval {points(gap.mean - gap.reach)} to {points(gap.mean + gap.reach)}{tested}"
        if gap.reach == gap.reach
        else "too few repeats for an interval"
    )
    alone = "; cells with one participant are left out" if len(several.ok) < len(results.ok) else ""
    clear = abs(gap.mean) > gap.reach
    changes = "changes the final test accuracy by" if clear else "makes no clear difference to the final test accuracy:"
    return Finding(
        f"Aggregation {changes} {points(gap.mean)} points{spread}, "
        f"for {digits(more.ratio)}× the bytes and {digits(time.ratio)}× the time per round.",
        f"On against off, {sure}, from {more.basis}{alone}.",
    )


@dataclass(frozen=True)
class _Gap:
    """The difference of accuracy on − off: mean, reach of its interval, and its range from cell to cell."""

    mean: float
    reach: float
    least: float
    most: float
    examples: float


def _gap(results: Results) -> _Gap | None:
    keys = [axis for axis in results.axes if axis not in ("aggregation", "run")]
    every = [*keys, "run", "repeat"]
    wide = results.ok.pivot_table(index=every, columns="aggregation", values="final_eval_accuracy").dropna()
    if wide.empty:
        return None
    change = wide["on"] - wide["off"]
    mean, reach = interval(change.groupby(["run", "repeat"]).mean().to_numpy(dtype=float))
    by_cell = change.groupby([*keys, "run"]).mean()
    examples = float(results.ok["test_examples"].min())
    wider = widened(reach, sum(sampling(float(wide[side].mean()), examples) for side in ("on", "off")))
    return _Gap(mean, float(wider), float(by_cell.min()), float(by_cell.max()), examples)


def clients(results: Results) -> Finding | None:
    """Compare the throughput of many clients with that of few."""
    counts = [value for value in results.axes.get("clients", ()) if isinstance(value, int)]
    if len(counts) < 2:
        return None
    few, many = counts[0], counts[-1]
    more = paired_ratio(results, "clients", many, few, "samples_per_s")
    if more is None:
        return None
    swaps = float(results.ok.loc[results.ok["clients"] == many, "swap_share"].mean())
    changing = f" Switching clients took {human(swaps, 'share')} of their training time." if swaps > 0 else ""
    return Finding(
        f"{sentence(results.names.word('clients', many))} train {digits(more.ratio)}× the samples per second of "
        f"{results.names.word('clients', few)}; linear would be {digits(many / few)}×.",
        f"{sentence(more.sure())}.{changing}",
    )


def batch(results: Results) -> Finding | None:
    """Compare the largest batch that was trained with the smallest; one larger than every shard was not."""
    sizes = [
        value
        for value in results.axes.get("batch_size", ())
        if isinstance(value, int) and not _largest(results, value) < value
    ]
    if len(sizes) < 2:
        return None
    small, large = sizes[0], sizes[-1]
    rate = paired_ratio(results, "batch_size", large, small, "samples_per_s")
    time = paired_ratio(results, "batch_size", large, small, "step_p50_s")
    if rate is None or time is None:
        return None
    return Finding(
        f"{sentence(results.names.word('batch_size', large))} trains {digits(rate.ratio)}× the samples per second of "
        f"{results.names.word('batch_size', small)}, with steps {digits(time.ratio)}× as long.",
        f"Samples per second: {rate.sure()}.",
    )


def _largest(results: Results, size: int) -> float:
    """Return the largest batch that cells of this batch size trained; NaN where that is not known."""
    largest = results.ok.loc[results.ok["batch_size"] == size, "largest_batch"].max()
    return float(largest) if largest == largest else math.nan
