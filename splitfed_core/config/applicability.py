"""Which parameters an algorithm has, and which combinations of parameters make sense."""

from collections.abc import Mapping
from typing import Any

from splitfed_core.algorithms import Algorithm
from splitfed_core.config.algorithm_name import find_algorithm
from splitfed_core.config.choice import Named
from splitfed_core.config.codec_choice import invalid_codecs
from splitfed_core.config.link_choice import form_of
from splitfed_core.timing.fleet import kinds
from splitfed_core.timing.link_forms import most_sharers


def without_effect(values: Mapping[str, Any]) -> set[str]:
    """Return the names of the parameters that do not apply to a cell with these values."""
    algorithm = find_algorithm(str(values.get("algorithm")))
    lacking = set(algorithm.ignored) if algorithm else set()
    if values.get("aggregation") is False:
        lacking |= {"strategy"}
    elif "aggregation" not in lacking:
        lacking |= {"eval_clients"}  # after aggregation there is one client-side model to evaluate
    if values.get("transport") == "inproc" or (algorithm and not algorithm.has_servers):
        lacking |= {"link", "server_link"}  # nothing crosses a network
    if algorithm and not algorithm.has_servers:
        lacking |= {"server_slowdown"}
    if "clients" in lacking:
        lacking |= {"device"}
    return lacking | (_codecs_without_effect(values, algorithm, lacking) if algorithm else set())


def _codecs_without_effect(values: Mapping[str, Any], algorithm: Algorithm, lacking: set[str]) -> set[str]:
    """Return the codecs of what is never sent: nothing at all, nothing across a cut, or no model."""
    if "transport" in lacking or values.get("transport") == "inproc":  # messages of its own, or none
        return {"codec", "gradient_codec", "model_codec"}
    crossing = {"codec", "gradient_codec"} if algorithm.cuts == 0 else set()
    no_model = algorithm.handover == "none" or values.get("aggregation") is False
    return crossing | ({"model_codec"} if no_model else set())


def invalid_combination(algorithm: Algorithm, values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the parameter and the reason why this combination makes no sense; None if it does."""
    name, cut = algorithm.name, values["cut_layer"]
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
    return (
        _shared_processes(values)
        or _invalid_device(algorithm, values)
        or _invalid_link(values)
        or invalid_codecs(values, in_line=algorithm.in_line)
    )


def _shared_processes(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why clients that wait for emulated links or devices need a process each."""
    kinds = {"link": ("link", "server_link"), "device": ("device", "server_slowdown")}
    kind = next((kind for kind, names in kinds.items() if any(values[name] is not None for name in names)), None)
    workers, clients = values["workers"], values["clients"]
    if kind is None or not isinstance(workers, int) or workers >= clients:
        return None
    turns = f"the clients of a process take turns, so they would wait for each other's {kind}s"
    return "workers", f"workers {workers}: {turns}; with a {kind} give each of the {clients} its own: workers auto"


def _invalid_link(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why the links of a cell make no sense together with its other parameters."""
    for parameter in ("link", "server_link"):
        if values[parameter] is not None and values["transport"] is None:
            who = f"{values['algorithm']} sends messages of its own, which no link holds"
            return parameter, f"{parameter} {values[parameter].plain()!r}: {who}; use another algorithm, or no link"
    link, clients = values["link"], values["clients"]
    if link is None:
        return None
    if (problem := _miscounted("link", link, clients)) is not None:
        return problem
    sharers = most_sharers(form_of(link))
    alone = sorted({setting for form in kinds(form_of(link)) for setting in ("trace", "tcp") if setting in form})
    if alone and (sharers > 1 or values["server_link"] is not None):
        why = f"{alone[0]} says what one client's own link does, but clients share links here"
        return "link", f"link {link.plain()!r}: {why}; leave out {alone[0]}, or shared_by and server_link"
    if sharers > clients:
        return "link", f"link {link.plain()!r}: {sharers} share one, but there are {clients} clients; give at most that"
    return None


def _invalid_device(algorithm: Algorithm, values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why devices and slow servers make no sense together with the other parameters of a cell."""
    device = values["device"]
    for parameter, value in (("device", device and device.plain()), ("server_slowdown", values["server_slowdown"])):
        if value is None:
            continue
        if algorithm.client_round is None:
            who = f"{values['algorithm']} computes in processes of its own, which nothing slows"
            return parameter, f"{parameter} {value!r}: {who}; use another algorithm, or leave it out"
        if values["transport"] == "inproc":
            why = "with transport inproc all are in one process, and would wait for each other's devices"
            return parameter, f"{parameter} {value!r}: {why}; use grpc, grpc-stream or ray"
        if values["threads"] != 1:
            why = f"it slows the processor time of one thread, and this cell computes with {values['threads']}"
            return parameter, f"{parameter} {value!r}: {why}; use threads: 1"
    return None if device is None else _miscounted("device", device, values["clients"])


def _miscounted(parameter: str, choice: Named, clients: int) -> tuple[str, str] | None:
    """Return why a choice for each client is not one for each."""
    of = choice.settings.get("of")
    if not isinstance(of, list) or len(of) == clients:
        return None
    counts = f"names {len(of)}, but there are {clients} clients"
    return parameter, f"{parameter} per_client {counts}; name one for each of them"
