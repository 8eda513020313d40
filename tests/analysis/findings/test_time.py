"""Where the time goes, by numbers worked out by hand."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from analysis.findings import time
from analysis.results.link_prediction import LINKS
from analysis.results.load import Results
from splitfed_core.records.rows import PHASES
from tests.analysis.findings.sentences import message

Made = Callable[..., Results]


def phases_of(results: Results, shares: dict[str, float], step_s: float = 0.01) -> Results:
    """Give every attempt a step with these shares of the named phases, nothing of the others."""
    kinds = ("median_s", "mean_s", "typical_s", "least_s")
    lines = [
        {**key, "phase": name, **dict.fromkeys(kinds, shares.get(name, 0) * step_s)}
        for key in results.cells[["run", "cell_id", "repeat"]].to_dict("records")
        for name in PHASES
    ]
    return replace(results, phases=pd.DataFrame(lines))


SHARES = {"client_forward_s": 0.2, "client_backward_s": 0.25, "server_compute_s": 0.1, "server_queue_s": 0.3,
          "uplink_s": 0.1, "downlink_s": 0.02, "encode_s": 0.03}  # fmt: skip


def test_the_largest_share_of_a_step_is_named_first(made: Made) -> None:
    results = phases_of(made({"clients": (1, 2)}), SHARES)
    headline, sure = message(time.time_goes(results))
    assert headline == "Most of a step goes into computing on the clients: 45 %."
    assert sure == (
        "Then 30 % waiting for the main server, 12 % transfer, 10 % computing on the main server, "
        "3 % encoding and decoding. Mean over all cells; the figure of the phases shows which."
    )


def test_waits_of_cells_whose_clients_share_workers_are_left_out(made: Made) -> None:
    results = made({"clients": (2, 8)}, crowded=lambda c: c["clients"] == 8)
    mixed = phases_of(results, SHARES)
    crowded = mixed.phases["cell_id"] == "8"
    mixed.phases.loc[crowded, "typical_s"] = (mixed.phases["phase"] == "server_queue_s").astype(float)
    headline, sure = message(time.time_goes(mixed))
    assert headline == "Most of a step goes into computing on the clients: 45 %."
    assert "Mean over all cells but those whose clients share workers" in sure


def test_a_slow_link_is_predicted_for_the_round(made: Made) -> None:
    """10 steps of 8 ms beside the way; 10 Mbit/s: 1 ms per 1250 B of a step, and the models of two clients."""
    up = {"a": 12_500.0, "b": 1_250.0}
    results = made(
        {"cut_layer": ("a", "b")},
        steps=lambda _: 60,
        rounds_done=lambda _: 3.0,
        participants=lambda _: 2,
        uplink_bytes_per_step=lambda c: up[c["cut_layer"]],
        downlink_bytes_per_step=lambda _: 1_250.0,
        model_bytes_per_round=lambda c: 250_000.0 if c["cut_layer"] == "b" else 0.0,
    )
    shares = {"client_forward_s": 0.8, "uplink_s": 0.1, "downlink_s": 0.1}
    headline, sure = message(time.slow_link(phases_of(results, shares)))
    # a: 10 · (8 + 10 + 1) ms; b: 10 · (8 + 1 + 1) ms + 125 kB · 8 / 10 Mbit/s
    assert headline == (
        f"Predicted, not measured: over {LINKS[-1].name} a round takes 190 ms with cut a and 200 ms with cut b."
    )
    assert sure.startswith("Steps and models there and back")


def test_stragglers_are_of_cells_where_nobody_waits_for_a_worker(made: Made) -> None:
    ratio = {1: 1.2, 2: 1.5, 3: 9.0}
    results = made(
        {"clients": (1, 2, 3)},
        straggler_ratio=lambda c: ratio[c["clients"]],
        crowded=lambda c: c["clients"] == 3,
    )
    headline, sure = message(time.slowest_client(results))
    assert headline == "In a typical round the slowest client takes 1.35× as long as the median one."
    assert sure == "Median over all cells but those whose clients share workers; the worst cell has 1.5×."
    assert time.slowest_client(results.where(results.cells["crowded"])) is None


def test_more_clients_than_workers_is_a_finding(made: Made) -> None:
    results = made(
        {"clients": (2, 4, 8)},
        workers_used=lambda _: 2.0,
        crowded=lambda c: c["clients"] > 2,
        swap_share=lambda c: 0.1 * c["clients"] / 4,
    )
    headline, sure = message(time.many_clients(results))
    assert headline == (
        "With more clients than workers (4 in 2, 8 in 2), latency, queue and stragglers are those of the host."
    )
    assert sure.startswith(
        "2 cells: there are never more steps at the main server than workers. "
        "Switching clients took 15 % of their training time."
    )
    assert time.many_clients(results.where(~results.cells["crowded"])) is None
