"""Where time goes, who waits for whom, and what of it is only this host's."""

from analysis.deployment.emulated import has_links
from analysis.findings.finding import Finding
from analysis.results.link_prediction import LINKS, predict
from analysis.results.load import KEY, Results
from analysis.text.units import digits, human
from splitfed_core.records.rows import PHASES

_GROUPS = {
    "computing on the clients": ("client_forward_s", "client_backward_s"),
    "computing on the main server": ("server_compute_s",),
    "waiting for the main server": ("server_queue_s",),
    "transfer": ("uplink_s", "downlink_s"),
    "encoding and decoding": ("encode_s", "server_decode_s", "server_encode_s", "decode_s"),
}


def time_goes(results: Results) -> Finding | None:
    """Share a step out among computing, waiting and transfer."""
    apart, left_out = _with_own_workers(results)
    frame = apart.phases[apart.phases["phase"].isin(PHASES)] if len(apart.phases) else apart.phases
    if frame.empty:
        return None
    total = frame.groupby(list(KEY))["typical_s"].transform("sum")
    count = frame[list(KEY)].drop_duplicates().shape[0]
    shares = frame.assign(share=frame["typical_s"] / total).groupby("phase")["share"].sum() / count
    parts = {name: float(shares.reindex(list(phases)).fillna(0).sum()) for name, phases in _GROUPS.items()}
    largest_first = sorted(parts.items(), key=lambda part: -part[1])
    others = ", ".join(f"{share * 100:.0f} % {name}" for name, share in largest_first[1:])
    headline = f"Most of a step goes into {largest_first[0][0]}: {largest_first[0][1] * 100:.0f} %."
    return Finding(headline, f"Then {others}. Mean over all cells{left_out}; the figure of the phases shows which.")


def slow_link(results: Results) -> Finding | None:
    """Say what the prediction says about the slowest link, over cells alike in everything but the cut."""
    if (has_links(results) & results.cells["usable"]).any():
        return None
    predicted = predict(results)
    if predicted.empty or "cut_layer" not in results.axes:
        return None
    others = [axis for axis in results.axes if axis not in ("cut_layer", "run")]
    slowest = predicted[predicted["link"] == len(LINKS)]
    cuts = slowest.pivot_table(index=["run", "repeat", *others], columns="cut_layer", values="round_s").dropna().mean()
    if len(cuts.dropna()) < 2:
        return None
    best, worst = cuts.idxmin(), cuts.idxmax()
    return Finding(
        f"Predicted, not measured: over {LINKS[-1].name} a round takes {human(float(cuts.min()), 's')} "
        f"with cut {best} and {human(float(cuts.max()), 's')} with cut {worst}.",
        "Steps and models there and back, from measured compute and counted bytes, without propagation delay and loss.",
    )


def slowest_client(results: Results) -> Finding | None:
    """Say how much longer the slowest client takes, where no client waits for its worker."""
    apart, left_out = _with_own_workers(results)
    ratio = apart.ok["straggler_ratio"].dropna()
    if ratio.empty or apart.ok["crowded"].any() or ratio.median() < 1.05:
        return None
    return Finding(
        f"In a typical round the slowest client takes {digits(float(ratio.median()))}× as long as the median one.",
        f"Median over all cells{left_out}; the worst cell has {digits(float(ratio.max()))}×.",
    )


def many_clients(results: Results) -> Finding | None:
    """Name the cells with more clients than workers, whose latency, queue and stragglers are those of the host."""
    crowded = results.ok[results.ok["crowded"]]
    if crowded.empty:
        return None
    swaps = crowded["swap_share"].dropna()
    took = (
        f"Switching clients took {human(float(swaps.mean()), 'share')} of their training time. " if len(swaps) else ""
    )
    cells = len(crowded[["run", "cell_id"]].drop_duplicates())
    return Finding(
        f"With more clients than workers ({results.crowds()}), latency, queue and stragglers are those of the host.",
        f"{cells} cells: there are never more steps at the main server than workers. {took}"
        "One worker per client (workers: as many as clients) shows clients that work at the same time.",
    )


def _with_own_workers(results: Results) -> tuple[Results, str]:
    """Return the results of cells whose clients share no worker, and a word on it; all results if there are no such."""
    crowded = results.cells["crowded"]
    if not results.ok["crowded"].any():
        return results, ""
    if results.ok["crowded"].all():
        return results, ", whose clients share workers"
    return results.where(~crowded), " but those whose clients share workers"
