"""Which parameters an algorithm has, and which combinations of parameters make sense."""

from collections.abc import Mapping
from typing import Any

from splitfed_core.algorithms import ALGORITHMS
from splitfed_core.config.link_choice import form_of
from splitfed_core.timing.link_forms import most_sharers


def without_effect(values: Mapping[str, Any]) -> set[str]:
    """Return the names of the parameters that do not apply to a cell with these values."""
    algorithm = ALGORITHMS.get(str(values.get("algorithm")))
    lacking = set(algorithm.ignored) if algorithm else set()
    if values.get("aggregation") is False:
        lacking |= {"strategy"}
    elif "aggregation" not in lacking:
        lacking |= {"eval_clients"}  # after aggregation there is one client-side model to evaluate
    if values.get("transport") == "inproc" or (algorithm and not algorithm.has_servers):
        lacking |= {"link", "server_link"}  # nothing crosses a network
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
    return _invalid_link(values)


def _invalid_link(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why the links of a cell make no sense together with its other parameters."""
    for parameter in ("link", "server_link"):
        if values[parameter] is not None and values["transport"] is None:
            who = f"{values['algorithm']} sends messages of its own, which no link holds"
            return parameter, f"{parameter} {values[parameter].plain()!r}: {who}; use another algorithm, or no link"
    link, clients = values["link"], values["clients"]
    workers = values["workers"]
    if (link or values["server_link"]) is not None and isinstance(workers, int) and workers < clients:
        return (
            "workers",
            f"workers {workers}: the clients of a process take turns, so they would wait for each other's links; "
            f"with a link give each of the {clients} its own: workers auto",
        )
    if link is None:
        return None
    of = link.settings.get("of")
    if isinstance(of, list) and len(of) != clients:
        return "link", f"link per_client names {len(of)}, but there are {clients} clients; name one for each of them"
    sharers = most_sharers(form_of(link))
    if sharers > clients:
        return "link", f"link {link.plain()!r}: {sharers} share one, but there are {clients} clients; give at most that"
    return None
