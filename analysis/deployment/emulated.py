"""Emulated links and devices as manifests tell them: what a step should take, and which client has what."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.results.load import KEY, Results
from analysis.results.run_directory import Attempt
from analysis.text.parameters import NOTHING, Value, normalise
from splitfed_core.algorithms import ALGORITHMS
from splitfed_core.timing.fleet import members

LINKS = ("link", "server_link")
CONDITIONS = ("link", "server_link", "device", "server_slowdown")
"""What somebody who deploys does not choose."""

_FLEETS = ("link", "device")


def has_links(results: Results) -> "pd.Series[bool]":
    """Tell of each line of `cells` whether links were emulated; in runs of older versions never."""
    return _has(results, LINKS)


def is_emulated(results: Results) -> "pd.Series[bool]":
    """Tell of each line of `cells` whether links or devices were emulated."""
    return _has(results, CONDITIONS)


def condition(results: Results) -> str | None:
    """Return the axis that says over which links, or else on which devices, the cells were; None where none varies."""
    return next((axis for axis in CONDITIONS if axis in results.axes), None)


def condition_word(results: Results, axis: str | None, value: Value) -> str:
    """Say a value of such an axis, or what all cells have."""
    if axis is None:
        fixed = results.ok["link"].iloc[0] if "link" in results.ok else NOTHING
        return "loopback" if fixed == NOTHING else str(fixed)
    return results.names.tick(axis, value) if value != NOTHING else "none"


def _has(results: Results, names: tuple[str, ...]) -> "pd.Series[bool]":
    there = [results.cells[name].fillna(NOTHING) != NOTHING for name in names if name in results.cells]
    return pd.concat(there, axis=1).any(axis=1) if there else pd.Series(data=False, index=results.cells.index)


def predicted_steps(results: Results) -> pd.DataFrame:
    """Return `measured_s` of a step and `predicted_s`, by repeats of the cells whose links are simple.

    Predicted: its computing and waiting for the server as measured, and each way its bytes × 8 × overhead ÷ rate +
    delay. Left out: links without a limit, that clients share, with loss, a trace or slow start, and mixed fleets.
    """
    if results.phases.empty:
        return pd.DataFrame()
    phases = results.phases.pivot_table(index=list(KEY), columns="phase", values="typical_s")
    by_key = {
        key: dict(zip(phases, took, strict=True)) for key, took in zip(phases.index, phases.to_numpy(), strict=True)
    }
    sent = results.ok.set_index(list(KEY))[["uplink_bytes_per_step", "downlink_bytes_per_step"]]
    bytes_of = dict(zip(sent.index, sent.to_numpy(dtype=float).tolist(), strict=True))
    found = []
    for key, attempt in _attempts(results).items():
        ways = _ways_s(attempt, bytes_of[key]) if key in by_key else None
        if ways is not None:
            took = by_key[key]
            measured = float(np.nansum(list(took.values())))
            computed = measured - float(took["uplink_s"] + took["downlink_s"])
            found.append((*key, measured, computed + ways))
    made = pd.DataFrame(found, columns=[*KEY, "measured_s", "predicted_s"])
    axes = [axis for axis in results.axes if axis != "run"]
    return results.ok[[*KEY, *axes]].merge(made, on=list(KEY))


def _ways_s(attempt: Attempt, up_and_down_bytes: Sequence[float]) -> float | None:
    """Return what the link says that both ways of a step take, in s; None where it is not that simple."""
    emulation = attempt.facts.emulation
    links = emulation.get("links")
    if not isinstance(links, list) or not links or emulation.get("server_link") or any(x != links[0] for x in links):
        return None
    link: Mapping[str, float] = links[0]
    if link["shared_by"] > 1 or link["loss"] or link["trace"] or link["tcp"]:
        return None
    rates = [link["uplink_mbit"], link["downlink_mbit"]]
    if None in rates:
        return None
    method = ALGORITHMS.get(str(attempt.config.get("algorithm")))
    exchanges = 2 if method is not None and method.cuts == 2 else 1
    sent = [size * 8e-6 * link["overhead"] for size in up_and_down_bytes]
    delay_s = 2 * exchanges * link["delay_ms"] / 1e3
    return sum(mbit / rate for mbit, rate in zip(sent, rates, strict=True)) + delay_s


def link_rates(results: Results, direction: str) -> dict[str, float]:
    """Return the line rate of each link that all clients of a cell had, in bit/s."""
    rates: dict[str, float] = {}
    for attempt in _attempts(results).values():
        links, form = attempt.facts.emulation.get("links"), attempt.config.get("link")
        if isinstance(links, list) and isinstance(form, Mapping) and "of" not in form:
            rate = links[0][f"{direction}_mbit"]
            if rate is not None:
                rates[str(normalise(form))] = rate * 1e6
    return dict(sorted(rates.items(), key=lambda item: item[1]))


def mixed_fleets(results: Results) -> Results:
    """Return the results of cells whose clients have different links or devices."""
    mixed = {key for key, attempt in _attempts(results).items() if len(set(_kinds(attempt))) > 1}
    keys = results.cells[list(KEY)].itertuples(index=False, name=None)
    return results.where(pd.Series([key in mixed for key in keys], index=results.cells.index))


def clients_by_kind(results: Results) -> pd.DataFrame:
    """Return the clients with their own link and device as `kind`: `lte`, `wifi · raspberry_pi_4`."""
    kinds = [
        (*key, client, kind)
        for key, attempt in _attempts(results).items()
        for client, kind in enumerate(_kinds(attempt))
    ]
    return results.clients.merge(pd.DataFrame(kinds, columns=[*KEY, "client_id", "kind"]), on=[*KEY, "client_id"])


def _kinds(attempt: Attempt) -> list[str]:
    clients, seed = attempt.config.get("clients"), attempt.manifest.seed
    forms = {name: form for name in _FLEETS if isinstance(form := attempt.config.get(name), dict)}
    if not isinstance(clients, int) or not isinstance(seed, int) or not forms:
        return []
    told = [[str(normalise(one)) for one in members(form, clients, seed, name)] for name, form in forms.items()]
    varying = [each for each in told if len(set(each)) > 1] or told
    return [" · ".join(words) for words in zip(*varying, strict=True)]


def _attempts(results: Results) -> dict[tuple[str, str, int], Attempt]:
    """Return the attempts that the results are of."""
    usable = set(results.ok[list(KEY)].itertuples(index=False, name=None))
    each = (attempt for run in results.runs for attempt in run.attempts)
    by_key = {(attempt.run, attempt.cell_id, attempt.repeat): attempt for attempt in each}
    return {key: attempt for key, attempt in by_key.items() if key in usable}
