"""Ray: starts the processes of a cell, keeps them warm for the next one, and carries commands and rows.

Tensors between the two sides do not pass through here; they go over the transports of `splitfed_core.wire`, unless a
cell asks for `transport: ray`, which is here because nothing else may know Ray.
"""

import os

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before import: Ray phones home by default
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # or it prints on the terminal what `CellError` says
os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # the same, of the second process that fails and all after it
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the coming default; without it Ray warns

from benchmarks.cluster.cluster import Cluster

__all__ = ["Cluster"]
