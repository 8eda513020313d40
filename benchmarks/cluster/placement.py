"""Which node of a Ray cluster each process of a cell is on."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import ray
from psutil import virtual_memory
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from benchmarks.machine.environment import usable_cores

_PATIENCE_S = 2.0  # with a node that does not answer


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is alive.

    Attributes:
        id: Ray's.
        address: The IP address by which Ray, and so every other node, knows it.
        cores: That processes may use there.
        memory_bytes: That Ray counts on there.
        port: Where its raylet, Ray's own process, listens.
    """

    id: str
    address: str
    cores: int
    memory_bytes: int = 0
    port: int = 0

    def answers(self) -> bool:
        """Whether the node is really there: Ray itself takes half a minute to see that one is not."""
        try:
            with socket.create_connection((self.address, self.port), timeout=_PATIENCE_S):
                return True
        except OSError:
            return False

    def __str__(self) -> str:
        return f"{self.address} ({self.id[:8]})"


@dataclass(slots=True)
class Placement:
    """The nodes there are, the driver's own first, and how many workers each has been given."""

    nodes: Sequence[Node]
    workers: list[Node] = field(default_factory=list)

    @property
    def head(self) -> Node:
        """Where the driver is, and the servers with it."""
        return self.nodes[0]

    @property
    def cores(self) -> int:
        """The cores of all nodes."""
        return sum(node.cores for node in self.nodes)

    @property
    def free_bytes(self) -> int:
        """The memory that is free; of several nodes what Ray counts on."""
        return sum(node.memory_bytes for node in self.nodes) if self.several else int(virtual_memory().available)

    @property
    def several(self) -> bool:
        """Whether there is more than one node."""
        return len(self.nodes) > 1

    def next_worker(self) -> Node:
        """Choose the node with the fewest workers for its cores; among equals the one that is named first."""

        def fullness(node: Node) -> float:
            return (self.workers.count(node) + 1) / node.cores if node.cores else float("inf")

        self.workers.append(min(self.nodes, key=fullness))
        return self.workers[-1]

    def spread(self, workers: int) -> bool:
        """Whether the first `workers` workers and the servers are on more than one node."""
        return any(node != self.head for node in self.workers[:workers])

    def lost(self) -> list[Node]:
        """Return the nodes that are gone meanwhile."""
        alive = {node.id for node in _alive()}
        return [node for node in self.nodes if node.id not in alive or not node.answers()]


def find_nodes() -> Placement:
    """Look which nodes there are now."""
    here = ray.get_runtime_context().get_node_id()
    nodes = sorted(_alive(), key=lambda node: (node.id != here, node.address, node.id))
    nodes = [node for node in nodes if node.id == here or node.answers()]
    if len(nodes) == 1:  # not what Ray was told, but what this process may use
        nodes = [Node(nodes[0].id, nodes[0].address, usable_cores())]
    return Placement(nodes)


def on(node: Node) -> NodeAffinitySchedulingStrategy:
    """Return the scheduling strategy that puts a process on this node and on no other."""
    return NodeAffinitySchedulingStrategy(node.id, soft=False)


def _alive() -> Iterator[Node]:
    for node in ray.nodes():
        if node["Alive"]:
            resources = node["Resources"]
            yield Node(
                node["NodeID"],
                node["NodeManagerAddress"],
                int(resources.get("CPU", 0)),
                int(resources.get("memory", 0)),
                node["NodeManagerPort"],
            )
