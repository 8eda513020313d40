"""Ray's start: one of our own for this host, or a cluster to join."""

from collections.abc import Callable

import ray

from splitfed_core.errors import StartError, UsageError, one_line


def join_ray(address: str) -> None:
    """Join a cluster.

    Raises:
        UsageError: Nothing answers there.
    """
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # Ray raises what it likes
        ray.shutdown()
        raise UsageError(
            f"--ray-address {address!r}: this cluster cannot be joined: {one_line(str(error))}; check it with"
            f" ray status --address {address}, or leave the option out to start a Ray on this host"
        ) from error


def start_ray(init: Callable[..., object] = ray.init) -> None:
    """Start a Ray on this host, with a second try: on a busy machine its processes may miss one another.

    Raises:
        StartError: It does not start.
    """
    try:
        _start(init)
    except Exception:  # as above; the second try decides
        ray.shutdown()
        try:
            _start(init)
        except Exception as error:  # as above
            ray.shutdown()
            raise StartError(
                f"Ray, which runs the processes of a cell, did not start in two tries: {one_line(str(error))}; check"
                " that it has memory and space for files (below /tmp/ray or RAY_TMPDIR), and how busy the machine is"
            ) from error


def _start(init: Callable[..., object]) -> None:
    init(
        address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR"
    )  # "local": never one that somebody else has started
