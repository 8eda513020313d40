"""What is compared, and what that came to: a line per message and witness."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from splitfed_core.timing.links import Direction


@dataclass(frozen=True, slots=True)
class Bound:
    """How far the emulation may be off: a share of the witness's time, and so much more (s)."""

    share: float
    seconds: float

    def used(self, difference_s: float, of_s: float) -> float:
        """Return a difference as a share of what is allowed; above 1 it is too much."""
        return abs(difference_s) / (self.share * of_s + self.seconds)


TYPICAL, WORST = Bound(0.02, 0.0003), Bound(0.05, 0.001)
"""For the median of a message's repetitions, and for each of them."""

_SMALL_S = TYPICAL.seconds / TYPICAL.share
"""Below this time the seconds of the bound are more than its share: such a message is small."""


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of message over one direction of a link, as the rules, the emulation and a witness have it.

    Attributes:
        witness: Its name.
        link: The preset.
        direction: Which way the message goes.
        num_bytes: Its size, as serialised.
        mbit: Rate of the link.
        delay_ms: Its delay one way; 0 where the witness has none.
        expected_s: What the rules of time say.
        emulated_s: What it took in sfbench, each time.
        witness_s: What it took there, each time; taken in turn with the emulation.
        skipped: Why neither was measured.
    """

    witness: str
    link: str
    direction: Direction
    num_bytes: int
    mbit: float
    delay_ms: float
    expected_s: float
    emulated_s: tuple[float, ...] = ()
    witness_s: tuple[float, ...] = ()
    skipped: str = ""

    @property
    def small(self) -> bool:
        """Whether its difference is told in seconds and not as a share."""
        return self.expected_s < _SMALL_S

    @property
    def difference_s(self) -> float:
        """The median of emulated − witness."""
        return median(self._differences)

    @property
    def worst_s(self) -> float:
        """The difference that is farthest from 0."""
        return max(self._differences, key=abs)

    @property
    def typical_used(self) -> float:
        """The median difference as a share of what is allowed."""
        return TYPICAL.used(self.difference_s, median(self.witness_s))

    @property
    def worst_used(self) -> float:
        """The worst difference as a share of what is allowed."""
        return WORST.used(self.worst_s, median(self.witness_s))

    @property
    def strayed_used(self) -> float:
        """How far the witness was from its own median once, as a share of what is allowed."""
        own = median(self.witness_s)
        return max(WORST.used(each - own, own) for each in self.witness_s)

    @property
    def passed(self) -> bool:
        """Whether both bounds are kept."""
        return self.typical_used <= 1 and self.worst_used <= 1

    @property
    def _differences(self) -> list[float]:
        return [ours - theirs for ours, theirs in zip(self.emulated_s, self.witness_s, strict=True)]

    def mbit_per_s(self, times: Sequence[float]) -> float:
        """Return the throughput at the median of these times, in 10⁶ bits of the message per second."""
        return self.num_bytes * 8 / 1e6 / median(times)

    def document(self) -> dict[str, object]:
        """Return it for a JSON file."""
        if self.skipped:
            return asdict(self)
        found = {name: getattr(self, name) for name in ("difference_s", "worst_s", "passed")}
        return asdict(self) | found


def host_was_busy(lines: Sequence[Line]) -> bool:
    """Whether a witness strayed from itself by more than the emulation may from it: then neither has been judged."""
    return any(line.strayed_used > 1 for line in lines if not line.skipped)
