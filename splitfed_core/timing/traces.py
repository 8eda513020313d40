"""Traces of links in mahimahi's format (Netravali et al., USENIX ATC 2015).

Each line is a time in whole milliseconds at which one packet may leave, 1,504 bytes with what mahimahi's tunnel adds to
its 1,500. Times do not decrease; equal ones are so many packets at once. At its end a trace begins anew, its last time
being the new zero. An opportunity at which nothing waits is lost.
"""

import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from math import floor
from pathlib import Path
from posixpath import normpath

from splitfed_core.errors import ConfigError

OPPORTUNITY_BYTES = 1504

_ROUNDING_MS = 1e-6  # a stamp that is an opportunity's but for rounding
_RULE = "each line is a time in whole milliseconds, none before the line above it"


@dataclass(frozen=True)
class Trace:
    """When packets may leave.

    Attributes:
        at_ms: The opportunities of one period, in whole milliseconds.
        digest: Of the file.
    """

    at_ms: tuple[int, ...]
    digest: str = ""

    @cached_property
    def mean_bps(self) -> float:
        """Return what it carries in a second, in bits."""
        return len(self.at_ms) * OPPORTUNITY_BYTES * 8e3 / self.at_ms[-1]

    def first_from(self, time_s: float) -> int:
        """Return the number of the first opportunity at or after a time, counted on through all periods."""
        time_ms, period_ms = time_s * 1e3 - _ROUNDING_MS, self.at_ms[-1]
        periods = max(floor(time_ms / period_ms), 0)
        return periods * len(self.at_ms) + bisect_left(self.at_ms, time_ms - periods * period_ms)

    def time_s(self, number: int) -> float:
        """Return when an opportunity is."""
        periods, place = divmod(number, len(self.at_ms))
        return (periods * self.at_ms[-1] + self.at_ms[place]) / 1e3


def read_trace(folder: Path, file: str, parameter: str = "link") -> Trace:
    """Read a trace.

    Raises:
        ConfigError: The file cannot be read, is empty, or has a line that is not a time after the one before.
    """
    path = folder / file
    try:
        content = path.read_bytes()
        lines = content.decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"{parameter} trace {file!r} ({path}): {why}; {_RULE}", parameter) from None
    at_ms: list[int] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text and number == len(lines):
            break
        if not (text.isascii() and text.isdigit()) or (at_ms and int(text) < at_ms[-1]):
            raise ConfigError(f"{parameter} trace {file!r}, line {number} {text!r}: {_RULE}", parameter)
        at_ms.append(int(text))
    if not at_ms or not at_ms[-1]:
        raise ConfigError(f"{parameter} trace {file!r} carries nothing: it needs a line above 0; {_RULE}", parameter)
    return Trace(tuple(at_ms), hashlib.blake2b(content, digest_size=8).hexdigest())


def one_spelling(file: str) -> str:
    """Return the name of a file in the one way that is hashed: from the user's folder, with `./`."""
    path = normpath(file)
    return path if path.startswith(("/", "../")) else f"./{path}"
