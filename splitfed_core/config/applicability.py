"""Which parameters an algorithm has, and which combinations of parameters make sense."""

from collections.abc import Mapping
from typing import Any

from splitfed_core.algorithms import ALGORITHMS


def without_effect(values: Mapping[str, Any]) -> set[str]:
    """Return the names of the parameters that do not apply to a cell with these values."""
    algorithm = ALGORITHMS.get(str(values.get("algorithm")))
    lacking = set(algorithm.ignored) if algorithm else set()
    if values.get("aggregation") is False:
        lacking |= {"strategy"}
    elif "aggregation" not in lacking:
        lacking |= {"eval_clients"}  # after aggregation there is one client-side model to evaluate
    return lacking


def invalid_combination(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the parameter and the reason why this combination makes no sense; None if it does."""
    algorithm, cut = ALGORITHMS[values["algorithm"]], values["cut_layer"]
    name = algorithm.name
    if algorithm.cuts == 2 and isinstance(cut, str):
        return "cut_layer", f"cut_layer {cut!r}: {name} has two cuts, head and tail stay with the client; give [a, b]"
    if algorithm.cuts == 1 and not isinstance(cut, str):
        return "cut_layer", f"cut_layer {cut!r}: {name} has one cut; give one layer, or use algorithm ushape"
    if algorithm.server == "body" and values["transport"] == "grpc-stream":
        return (
            "transport",
            f"transport 'grpc-stream': the two exchanges of {name} are unary calls; use grpc, ray or inproc",
        )
    chosen, clients = values["participation"], values["clients"]
    if isinstance(chosen, int) and chosen > clients:
        return "participation", f"participation {chosen}: there are {clients} clients; give at most that, or a share"
    if values["order"] == "fixed" and values["threads"] != 1:
        return "threads", f"threads {values['threads']}: order fixed repeats to the bit only with threads: 1"
    return None
