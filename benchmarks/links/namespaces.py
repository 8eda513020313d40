"""The first witness: Linux' own token bucket (`tbf`) between two network namespaces joined by a veth pair, with root.

Both namespaces have no name: each is that of one process, started in it, and the kernel takes namespace, interfaces
and shaping away when that process ends, however it ends. The host's own interfaces are never touched, nor seen.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from benchmarks.links.endpoint import Endpoint
from benchmarks.links.relay import PAYLOAD_BYTES
from benchmarks.links.witness import DIRECTIONS, WitnessMissingError
from splitfed_core.timing.links import Direction

MOST_MBIT = 1000.0
"""Above that a bucket on a shared core is no witness."""

_BURST_S, _LEAST_BURST_BYTES = 0.0006, 4000
_LEAD_PER_BURST = 4
_SIZE_PER_BURST = 10
_HOSTS = ("10.231.77.1", "10.231.77.2")
_TOOLS = ("unshare", "nsenter", "ip", "tc")
_QUEUE_BYTES = 64 << 20  # nothing is ever dropped
_UNSHARE = ("unshare", "--net", "--")


def burst_bytes(mbit: float) -> int:
    """Return the size of the bucket, which passes unshaped when it is full: what the link carries in 0.6 ms."""
    return max(_LEAST_BURST_BYTES, round(mbit * 1e6 / 8 * _BURST_S))


class Namespaces:
    """Two hosts with a link between them. A context manager.

    A message follows a lead that empties the bucket, and its time is that between the last bytes of both: else the
    first `burst` bytes would pass at once.

    Raises:
        WitnessMissingError: Why there can be none here.
    """

    def __init__(self) -> None:
        self._ends = ExitStack()
        self._mbit: dict[Direction, float] = {"uplink": 0.0, "downlink": 0.0}  # not shaped yet

    def __enter__(self) -> Self:
        require_root()
        try:
            subprocess.run((*_UNSHARE, "true"), check=True, capture_output=True, text=True)  # noqa: S603  a fixed command
            self._client, self._server = (self._ends.enter_context(Endpoint(_UNSHARE)) for _ in _HOSTS)
            for end in (self._client, self._server):
                end.ask("hello")
            self._join()
        except (subprocess.CalledProcessError, ConnectionError) as error:
            self._ends.close()
            raise WitnessMissingError(f"network namespaces cannot be made here: {_reason(error)}") from None
        except BaseException:  # an interrupt, too, must leave no process behind
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _join(self) -> None:
        peer = str(self._server.process.pid)
        self._run(self._client, "ip", "link", "add", "uplink", "type", "veth", "peer", "downlink", "netns", peer)
        for end, device, host in zip((self._client, self._server), DIRECTIONS, _HOSTS, strict=True):
            self._run(end, "ip", "address", "add", f"{host}/30", "dev", device)
            self._run(end, "ip", "link", "set", device, "up")
        (port,) = self._server.ask("listen", _HOSTS[1])
        self._server.tell("accept")
        self._client.ask("connect", _HOSTS[1], int(port))
        self._server.answer()

    def shape(self, uplink_mbit: float, downlink_mbit: float) -> None:
        """Give both directions a rate."""
        self._mbit = {"uplink": uplink_mbit, "downlink": downlink_mbit}
        for end, (direction, mbit) in zip((self._client, self._server), self._mbit.items(), strict=True):
            shaping = ("tbf", "rate", f"{mbit:.3f}mbit", "burst", f"{burst_bytes(mbit)}b", "limit", f"{_QUEUE_BYTES}b")
            self._run(end, "tc", "qdisc", "replace", "dev", direction, "root", *shaping)

    def transfer(self, direction: Direction, num_bytes: int) -> float:
        """Send a message and return the time it took, s."""
        lead = lead_bytes(self._mbit[direction])
        sender, taker = (self._client, self._server) if direction == "uplink" else (self._server, self._client)
        taker.tell("take", lead, num_bytes)
        sender.tell("send", lead, num_bytes)
        emptied, arrived = taker.answer()
        sender.answer()
        return arrived - emptied

    def _run(self, end: Endpoint, *command: str) -> None:
        inside = ("nsenter", f"--net=/proc/{end.process.pid}/ns/net", "--")
        subprocess.run((*inside, *command), check=True, capture_output=True, text=True)  # noqa: S603  fixed commands


def lead_bytes(mbit: float) -> int:
    """Return the size of what empties the bucket: full frames, so that its last byte shares none with the message."""
    return -(-_LEAD_PER_BURST * burst_bytes(mbit) // PAYLOAD_BYTES) * PAYLOAD_BYTES


def smallest_bytes(mbit: float) -> int:
    """Return the least message for which the bucket is small."""
    return _SIZE_PER_BURST * burst_bytes(mbit)


def require_root(tools: Sequence[str] = _TOOLS) -> None:
    """Check what can be checked before anything is made.

    Raises:
        WitnessMissingError: What is missing.
    """
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise WitnessMissingError(f"{', '.join(missing)} not found: install iproute2 and util-linux (Linux only)")
    if os.geteuid() != 0:
        raise WitnessMissingError("needs root: run the command with sudo")


def _reason(error: Exception) -> str:
    output = getattr(error, "stderr", None) or str(error)
    return " ".join(output.split())
