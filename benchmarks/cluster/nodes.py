"""What is known of the nodes of a cluster: their environments, and which of them are gone."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from benchmarks.cluster.actors import Actor
from benchmarks.cluster.calls import get_all
from benchmarks.cluster.cell_processes import Processes
from benchmarks.cluster.placement import Node, Placement
from splitfed_core.errors import CellError, CellTimeoutError, ConfigError, SfbenchError
from splitfed_core.records.environment import Environment


class NodeFacts(TypedDict):
    """What the manifest says of a node of several."""

    node: str
    address: str
    processes: list[str]
    environment: Environment
    load: Mapping[str, float]


def describe_nodes(processes: Processes) -> list[NodeFacts]:
    """Return, for each node with a process: who it is, who is on it, its environment and its load."""
    placement = processes.placement
    on_node = {placement.head: list(processes.servers)}
    speaker: dict[Node, Actor] = {placement.head: next(iter(processes.servers.values()))}
    for number, (node, worker) in enumerate(zip(placement.workers, processes.workers, strict=True)):
        on_node.setdefault(node, []).append(f"worker{number}")
        speaker.setdefault(node, worker)
    described = get_all([process.describe.remote() for process in speaker.values()], deadline=None)
    return [
        {
            "node": node.id,
            "address": node.address,
            "processes": on_node[node],
            "environment": environment,
            "load": load,
        }
        for node, (environment, load) in zip(speaker, described, strict=True)
    ]


def check_versions(nodes: Sequence[NodeFacts]) -> None:
    """Refuse a cluster whose nodes differ in what is installed; the first is the driver's own.

    Raises:
        ConfigError: With the node, and each package that differs.
    """
    for node in nodes[1:]:
        here, there = _code(nodes[0]["environment"]), _code(node["environment"])
        names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
        if names:
            differences = ", ".join(f"{name} {there.get(name)} (here {here.get(name)})" for name in names)
            raise ConfigError(
                f"node {node['address']} has {differences}: install the same on every node (docs/cluster.md)"
            )


def _code(environment: Environment) -> dict[str, str | None]:
    return {**environment.versions, "code": environment.code}


def explain_loss(error: SfbenchError, placement: Placement) -> None:
    """Raise the error anew with the name of the node that was lost, if one was; else do nothing."""
    if not placement.several or not isinstance(error, CellError) or isinstance(error, CellTimeoutError):
        return
    lost = placement.lost()
    if lost:
        raise CellError(f"lost node {', '.join(map(str, lost))} of the Ray cluster: {error}") from error
