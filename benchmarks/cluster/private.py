"""A Ray of our own that nobody else reaches. Ray reads all of this when it is imported: import this module first."""

import os
import sys
from functools import cache

from splitfed_core.errors import StartError
from splitfed_core.wire.security.tokens import new_token

_THIS_HOST_ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # 0 does it on all systems, in spite of the name


def keep_private() -> None:
    """Let the Ray that is started next listen on this host alone, and take nobody without this process' token.

    Not for joining a cluster: a Ray that was told to stay on its host aborts the connection. The token is in the
    environment, which the processes of Ray inherit, and never among arguments, which everybody on the host may read.

    Raises:
        StartError: Ray has been imported already, and without this.
    """
    if "ray" in sys.modules and os.environ.get(_THIS_HOST_ALONE) != "0":
        raise StartError(
            "a Ray that is started now would listen for other hosts too, because it was imported before sfbench could"
            " forbid it: import ray later, or start one yourself and join that (ray_address)"
        )
    os.environ |= {
        _THIS_HOST_ALONE: "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": _token(),
    }


@cache
def _token() -> str:
    """Make one for the life of the process: Ray keeps the first that it reads."""
    return new_token()
