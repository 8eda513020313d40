"""Split federated learning over real processes: the method, without grids, sweeps or figures."""

import os

# Flower and its data sets report their use over the network unless told not to before they are imported.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
