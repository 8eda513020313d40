"""Flower's simulation of federated averaging in its usual way: every client builds its model anew in every round.

A program of its own, because Flower starts a Ray of its own. `python -m benchmarks.baselines.flower ROUNDS` prints one
line of JSON: the samples per second over all rounds but the first.
"""

import json
import os
import sys
from time import perf_counter
from typing import Any

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")  # before import: both phone home by default
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from flwr.client import Client, ClientApp, NumPyClient
from flwr.common import Context, ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.simulation import run_simulation

CLIENTS, EXAMPLES, BATCH_SIZE = 50, 640, 128
_SHAPE, _CLASSES, _SEED = (28, 28, 1), 10, 1


def _model() -> Any:
    """Build and compile the network, as Flower's examples do for every client and round."""
    import keras

    from splitfed_core.models import build_model

    model = build_model("notebook_cnn", _SHAPE, _CLASSES, _SEED)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model


class _Client(NumPyClient):  # type: ignore[misc]  # flwr's types are not followed
    def __init__(self, number: int) -> None:
        import numpy as np

        rng = np.random.default_rng(number)
        self._x = rng.random((EXAMPLES, *_SHAPE), dtype=np.float32)
        self._y = rng.integers(0, _CLASSES, EXAMPLES)
        self._model = _model()

    def fit(self, parameters: Any, config: Any) -> tuple[Any, int, dict[str, Any]]:
        self._model.set_weights(parameters)
        self._model.fit(self._x, self._y, batch_size=BATCH_SIZE, epochs=1, verbose=0)
        return self._model.get_weights(), EXAMPLES, {}


def _client(context: Context) -> Client:
    return _Client(int(context.node_config["partition-id"])).to_client()


class _TimedFedAvg(FedAvg):  # type: ignore[misc]  # flwr's types are not followed
    """Notes when each round's average is made."""

    def __init__(self, ended: list[float], **settings: Any) -> None:
        super().__init__(**settings)
        self._ended = ended

    def aggregate_fit(self, *args: Any) -> Any:
        average = super().aggregate_fit(*args)
        self._ended.append(perf_counter())
        return average


def samples_per_s(rounds: int) -> float:
    """Run the simulation; return the samples per second over all rounds but the first."""
    ended: list[float] = []

    def server(_: Context) -> ServerAppComponents:
        start = ndarrays_to_parameters(_model().get_weights())
        everybody = {"fraction_fit": 1.0, "min_fit_clients": CLIENTS, "min_available_clients": CLIENTS}
        strategy = _TimedFedAvg(ended, fraction_evaluate=0.0, initial_parameters=start, **everybody)
        return ServerAppComponents(strategy=strategy, config=ServerConfig(num_rounds=rounds))

    run_simulation(
        ServerApp(server_fn=server),
        ClientApp(client_fn=_client),
        num_supernodes=CLIENTS,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
    return CLIENTS * EXAMPLES * (len(ended) - 1) / (ended[-1] - ended[0])


if __name__ == "__main__":
    print(json.dumps({"samples_per_s": samples_per_s(int(sys.argv[1]))}))
