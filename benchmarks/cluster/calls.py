"""Waiting for what was asked of the processes, and saying what went wrong in them."""

import re
from collections.abc import Sequence
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, TypeVar

import ray
from ray.exceptions import ActorUnschedulableError, OutOfMemoryError, RayActorError, RayTaskError

from splitfed_core.errors import CellError, CellTimeoutError, SfbenchError

if TYPE_CHECKING:
    from ray import ObjectRef

T = TypeVar("T")

_POLL_S = 0.5  # how soon an interrupt or a timeout is seen
_OUT_OF_MEMORY = (
    "a process of the cell was ended by Ray because its node ran out of memory: fewer clients or workers, a smaller "
    "batch or network, or fewer other programs"
)


def get_all(calls: "Sequence[ObjectRef[T]]", deadline: float | None) -> list[T]:
    """Wait for all calls, seeing the first failure at once, an interrupt soon, and the deadline.

    Raises:
        CellTimeoutError: The deadline (monotonic, s) has passed.
        CellError: A process was lost, or failed in a call; an expected error comes as itself.
    """
    return [answer for answer, _ in get_all_timed(calls, deadline)]


def get_all_timed(calls: "Sequence[ObjectRef[T]]", deadline: float | None) -> list[tuple[T, float]]:
    """Return what each call returned, and when that was there on the monotonic clock; else as `get_all`."""
    waiting = list(calls)
    arrived: dict[ObjectRef[T], float] = {}
    while waiting:
        done, waiting = ray.wait(waiting, timeout=_POLL_S)
        for call in done:
            arrived[call] = perf_counter()
            result(call)
        if deadline is not None and monotonic() > deadline:
            raise CellTimeoutError("the cell ran over its timeout_s; raise it, or make the cell smaller")
    return [(result(call), arrived[call]) for call in calls]


def result(call: "ObjectRef[T]", timeout_s: float | None = None) -> T:
    """Return what a call returned; the errors are those of `get_all`, and Ray's own when it takes too long."""
    try:
        return ray.get(call, timeout=timeout_s)
    except RayTaskError as error:
        if isinstance(error.cause, SfbenchError):
            raise error.cause from None
        raise CellError(f"a process failed: {error.cause!r}; its traceback is in log.txt") from error
    except OutOfMemoryError as error:
        raise CellError(_OUT_OF_MEMORY) from error
    except ActorUnschedulableError as error:
        raise CellError("a process could not be started: its node has left the cluster") from error
    except RayActorError as error:
        who = re.search(r"class_name: (\w+).*?pid: (\d+)", str(error), re.DOTALL)
        name = f"{who[1]}, pid {who[2]}, " if who else ""
        raise CellError(f"a process of the cell was lost: {name}killed, crashed or out of memory") from error
