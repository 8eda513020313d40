"""Ray: starts the processes of a cell, keeps them warm for the next one, and carries commands and rows.

Tensors between the two sides do not pass through here; they go over the transports of `splitfed_core.wire`, unless a
cell asks for `transport: ray`, which is here because nothing else may know Ray.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cluster.private import keep_private

if TYPE_CHECKING:  # imports Ray
    from benchmarks.cluster.ray_cluster import Cluster

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before import: Ray phones home by default
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # or it prints on the terminal what `CellError` says
os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # the same, of the second process that fails and all after it
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the coming default; without it Ray warns


def open_cluster(*, ray_address: str | None = None, app_path: Sequence[Path] = ()) -> "Cluster":
    """Join or start Ray.

    Args:
        ray_address: Of a cluster to join; without it one is started that is reached from this host alone.
        app_path: Folders from which workers import a user's own modules; they come last on their path.

    Raises:
        StartError: Ray does not start.
        UsageError: There is no cluster to join at that address.
    """
    if ray_address is None:
        keep_private()  # before Ray is imported
    from benchmarks.cluster.ray_cluster import Cluster

    return Cluster(ray_address=ray_address, app_path=app_path)
