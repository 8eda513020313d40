"""Measures messages over emulated links and their witnesses in turn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Protocol

from benchmarks.links.comparison import Line
from benchmarks.links.namespaces import MOST_MBIT, Namespaces, smallest_bytes
from benchmarks.links.witness import DIRECTIONS, Relayed, Witness, WitnessMissingError
from splitfed_core.timing.links import PRESETS, Direction, Link

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
LONGEST_S = 2.5
"""A message that would take longer is left out: the command is to answer in minutes."""

REPETITIONS = 5
_SPARE = 1.2
"""How many times the link's rate a host must carry without a link."""


LINKS = ("lan_1gbit", "wifi", "5g", "lte", "satellite", "dsl")
"""The presets that are verified, without the jitter that some have: a witness has none."""


class Emulated(Protocol):
    """What is verified: sfbench's own way to slow messages down."""

    def expected_s(self, link: Link, direction: Direction, num_bytes: int) -> float:
        """Return what the rules of time say for a message that finds the link idle."""
        ...

    def over(self, link: Link | None) -> AbstractContextManager[Witness]:
        """Give a way over a link, or over none."""
        ...


class WitnessKind(Protocol):
    """A kind of witness: what it can be asked, and how."""

    name: str
    has_delay: bool

    def over(self, link: Link | None) -> AbstractContextManager[Witness]:
        """Give a way over a link, or over none."""
        ...

    def refuses(self, mbit: float, num_bytes: int) -> str:
        """Return why it cannot witness such a message; empty where it can."""
        ...


class TokenBucket:
    """`tbf` between two namespaces, which stay for all links."""

    name, has_delay = "tbf", False

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    @contextmanager
    def over(self, link: Link | None) -> Iterator[Witness]:
        """Shape both directions."""
        if link is not None:
            self._namespaces.shape(link.uplink_bps / 1e6, link.downlink_bps / 1e6)
        yield self._namespaces

    def refuses(self, mbit: float, num_bytes: int) -> str:
        """Ask for messages that are large against the bucket, and rates that a bucket keeps."""
        if mbit > MOST_MBIT:
            return f"{mbit:g} Mbit/s is more than the {MOST_MBIT:g} that a token bucket is asked for"
        return "smaller than 10 × the bucket" if num_bytes < smallest_bytes(mbit) else ""


class RelayProcess:
    """A relay of its own for each link."""

    name, has_delay = "relay", True

    def over(self, link: Link | None) -> AbstractContextManager[Witness]:
        """Start the relay."""
        if link is None:
            return Relayed(1e6, 1e6, 0.0)
        return Relayed(link.uplink_bps / 1e6, link.downlink_bps / 1e6, link.delay_s * 1e3)

    def refuses(self, mbit: float, num_bytes: int) -> str:
        """Take everything."""
        return ""


def verified_links(names: Sequence[str] = LINKS) -> dict[str, Link]:
    """Return presets by name, without jitter."""
    return {name: replace(PRESETS[name], jitter_s=0.0) for name in names}


def measure(
    links: Mapping[str, Link], emulation: Emulated, tell: Callable[[str], None], sizes: Sequence[int] = SIZES
) -> Iterator[Line]:
    """Send messages over each link in sfbench and in each witness, in turn.

    Args:
        links: The links, by name.
        emulation: What is verified.
        tell: Told what is being done.
        sizes: Of the messages, bytes.

    Yields:
        A line per witness, link, direction and size, those that were skipped with the reason.
    """
    with ExitStack() as stack:
        kinds: list[WitnessKind] = [RelayProcess()]
        missing = ""
        try:
            kinds.insert(0, TokenBucket(stack.enter_context(Namespaces())))
        except WitnessMissingError as error:
            missing = str(error)
        tell("what this host carries without a link")
        own = _carries(emulation)
        carried = {kind.name: min(own, _carries(kind)) for kind in kinds}
        for name, link in links.items():
            if missing:
                bare = replace(link, delay_s=0.0)
                yield from (replace(line, skipped=missing) for line in _lines("tbf", name, bare, emulation, sizes))
            for kind in kinds:
                seen = link if kind.has_delay else replace(link, delay_s=0.0)
                with emulation.over(seen) as ours, kind.over(seen) as theirs:
                    for line in _lines(kind.name, name, seen, emulation, sizes):
                        tell(f"{kind.name}: {name}, {line.direction}, {line.num_bytes / 1000:,.0f} kB")
                        why = kind.refuses(line.mbit, line.num_bytes) or _too_much(line, carried[kind.name])
                        yield replace(line, skipped=why) if why else _measured(line, ours, theirs)


def _carries(way: Emulated | WitnessKind) -> float:
    """Return the throughput without a link, in 10⁶ bits per second; the first messages warm up."""
    with way.over(None) as bare:
        times = [bare.transfer(direction, SIZES[-1]) for _ in range(3) for direction in DIRECTIONS]
    return SIZES[-1] * 8 / 1e6 / min(times[2:])


def _lines(witness: str, name: str, link: Link, emulation: Emulated, sizes: Sequence[int]) -> Iterator[Line]:
    for direction in DIRECTIONS:
        for size in sizes:
            expected_s = emulation.expected_s(link, direction, size)
            mbit = link.rate_bps(direction) / 1e6
            yield Line(witness, name, direction, size, mbit, 1e3 * link.delay_s, expected_s)


def _too_much(line: Line, carried_mbit: float) -> str:
    if line.expected_s > LONGEST_S:
        return f"would take more than {LONGEST_S:g} s"
    if carried_mbit < _SPARE * line.mbit:
        return f"this host carries {carried_mbit:.0f} Mbit/s, and a fifth more than the link has is needed"
    return ""


def _measured(line: Line, ours: Witness, theirs: Witness) -> Line:
    pairs = [
        (ours.transfer(line.direction, line.num_bytes), theirs.transfer(line.direction, line.num_bytes))
        for _ in range(REPETITIONS)
    ]
    return replace(line, emulated_s=tuple(a for a, _ in pairs), witness_s=tuple(b for _, b in pairs))
