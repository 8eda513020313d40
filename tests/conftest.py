"""The environment of all tests, and the one Ray that they share."""

import os

# Read when the libraries are imported: same results on any number of cores, no chatter, no phoning home.
os.environ |= {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "16",  # every exchange that waits inside a graph keeps one of them
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "RAY_USAGE_STATS_ENABLED": "0",
    "FLWR_TELEMETRY_ENABLED": "0",
}

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from benchmarks.cluster.private import keep_private

if TYPE_CHECKING:
    from benchmarks.cluster.ray_cluster import Cluster

keep_private()  # before any test imports Ray


@pytest.fixture(scope="session")
def cluster() -> Iterator["Cluster"]:
    """Start one Ray for the session; its processes stay warm from test to test."""
    from benchmarks.cluster import open_cluster

    with open_cluster() as running:
        yield running
