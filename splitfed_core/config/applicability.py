"""Which parameters an algorithm has, and which combinations of parameters make sense."""

from collections.abc import Mapping
from typing import Any

_NO_CUT = frozenset({"cut_layer"})
_NO_CHOICE_OF_AVERAGE = frozenset({"aggregation", "strategy"})
_NO_CLIENTS = frozenset(
    {"clients", "partitioner", "participation", "examples_per_client", "transport", "workers", "order", "eval_clients"}
)

IGNORED_PARAMETERS: Mapping[str, frozenset[str]] = {
    "sflv1": frozenset(),
    "sflv2": frozenset(),
    "ushape": frozenset(),
    "sl": _NO_CHOICE_OF_AVERAGE | {"order", "eval_clients"},  # one model, handed on: always in a fixed order
    "fl": _NO_CUT | {"aggregation", "order", "eval_clients"},  # without aggregation it would not be federated
    "central": _NO_CUT | _NO_CHOICE_OF_AVERAGE | _NO_CLIENTS,
    # the baseline knows one way: plain averages of all, a process for each, its own messages, TensorFlow's own threads
    "notebook": frozenset({"strategy", "participation", "order", "transport", "workers", "threads"}),
}
"""The parameters that mean nothing for an algorithm: they are null in its cells."""


def without_effect(values: Mapping[str, Any]) -> set[str]:
    """Return the names of the parameters that do not apply to a cell with these values."""
    lacking = set(IGNORED_PARAMETERS.get(str(values.get("algorithm")), ()))
    if values.get("aggregation") is False:
        lacking |= {"strategy"}
    elif "aggregation" not in lacking:
        lacking |= {"eval_clients"}  # after aggregation there is one client-side model to evaluate
    return lacking


def invalid_combination(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the parameter and the reason why this combination makes no sense; None if it does."""
    algorithm, cut = values["algorithm"], values["cut_layer"]
    if algorithm == "ushape" and isinstance(cut, str):
        return "cut_layer", f"cut_layer {cut!r}: ushape has two cuts, head and tail stay with the client; give [a, b]"
    if algorithm not in ("ushape", "fl", "central") and not isinstance(cut, str):
        return "cut_layer", f"cut_layer {cut!r}: {algorithm} has one cut; give one layer, or use algorithm ushape"
    if algorithm == "ushape" and values["transport"] == "grpc-stream":
        return (
            "transport",
            "transport 'grpc-stream': the two exchanges of ushape are unary calls; use grpc, ray or inproc",
        )
    chosen, clients = values["participation"], values["clients"]
    if isinstance(chosen, int) and chosen > clients:
        return "participation", f"participation {chosen}: there are {clients} clients; give at most that, or a share"
    if values["order"] == "fixed" and values["threads"] != 1:
        return "threads", f"threads {values['threads']}: order fixed repeats to the bit only with threads: 1"
    return None
